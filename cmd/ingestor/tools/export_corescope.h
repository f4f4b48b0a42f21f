/* SPDX-License-Identifier: MIT
 *
 * export_corescope - `ingestor --export-corescope FILE`: the way back (README, "Switching from
 * CoreScope"): our database as one of CoreScope's, with its schema, its indexes and the names of
 * its migrations; `--import` of the file gives the same rows, with times in whole seconds.
 *
 * I1. Our database is read as it is at one moment, beside whatever runs, and not changed.
 * I2. FILE is never overwritten, and is there only when it is whole: it grows as FILE.part, which a
 *     failure deletes and the next export replaces.
 * Not exported: texts of companion bridges (in CoreScope they are packets with an invented hash).
 * Threads: the process's only one. */
#pragma once

#include "common/config/config.h"

/* Takes ownership of *config. 0; 64 FILE is there; 74; 71; 78 the database is not ours, or of
 * another version; 70 no cryptography. */
int export_corescope_run(struct config *config, const char *file);
