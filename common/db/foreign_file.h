/* SPDX-License-Identifier: MIT
 *
 * foreign_file - a look into a database that is not ours, for who must say what to do about it.
 *
 * Threads: any. Errors: a file that can't be read is nobody's. */
#pragma once

#include "common/base/base.h"

/* Has it CoreScope's tables? Changes nothing, makes nothing beside it, takes no lock; tables that
 * stand only in its -wal are not seen. */
bool foreign_file_is_corescope(const char *path);
