/* SPDX-License-Identifier: MIT
 *
 * redecode - `ingestor --redecode`: make the derived rows (channels, messages, scopes, edges,
 * rollups) anew from the stored packets with the keys and regions of the configuration. One
 * transaction: interrupted at any moment, it has done nothing. */
#pragma once

#include "common/config/config.h"

/* Takes ownership of *config. Returns the exit code (tool.h). */
int redecode_run(struct config *config);
