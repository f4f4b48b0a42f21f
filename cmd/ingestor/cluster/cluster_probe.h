/* SPDX-License-Identifier: MIT
 *
 * cluster_probe - `--check-config --connect`: each replica that storeUrl names is asked, one after
 * the other, and what came of it is printed: does it answer, and in which version; is it the store
 * and the shard that are meant, with its columns; may the user read, write and make tables there;
 * and may the server's (storeReaderUser) read, and not write.
 *
 * I1. Nothing changes: the insert has no row, and the table that may be made is there already.
 * Limits: those of a call, each. Threads: the process's only one, and only behind probe_run's
 * forks: libcurl is initialised here. */
#pragma once

#include "common/config/config.h"

/* EXIT_CLEAN when each is as it should be; else EXIT_IO, or EXIT_CONFIG where the configuration
 * itself can't be used. Nothing is printed without storeUrl. */
NODISCARD int cluster_probe_run(const struct config *config);
