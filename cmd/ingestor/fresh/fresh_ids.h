/* SPDX-License-Identifier: MIT
 *
 * fresh_ids - ids for rows that wait in memory: they follow the newest one of their table, without
 * a gap. Errors: the statement's; CORRUPT where no more ids are left. */
#pragma once

#include "common/db/statement.h"

#define FRESH_NO_ID 0

/* The id of the row behind `waiting` others. newest: SELECT max(id) of the table, asked where
 * *first_id, that of the first of them, is FRESH_NO_ID. */
NODISCARD enum status fresh_ids_next(struct statement *newest, int64_t *first_id, size_t waiting,
                                     int64_t *out);
