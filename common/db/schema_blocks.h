/* SPDX-License-Identifier: MIT
 *
 * schema_blocks - the migration to version 11 fills type_blocks (schema.h) from the index that it
 * replaces. In C, because in SQL alone it would be a sort of all, or a look-up for each.
 * Cost: 0.2 us a transmission and 1 us a block and type. */
#pragma once

#include "common/db/db.h"

/* Inside the migration's transaction; drops the index. */
NODISCARD enum status schema_fill_blocks(sqlite3 *db, struct err *err);
