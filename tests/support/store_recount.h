/* SPDX-License-Identifier: MIT
 *
 * store_recount - what follows from transmissions and observations, counted by SQL of the tests'
 * own and compared with what the store keeps. */
#pragma once

#include "tests/support/store_fixture.h"

/* Two dumps, line by line; frees the first. */
void recount_assert_same(char *got, const char *wanted);
/* Edges of rows that are counted, channels, counts; that every row is found in its hour. */
void recount_assert_early(const struct fixture_db *db);
/* Rollups, of what retention has left whole, and node_observers, where all is counted. */
/* Everything that is counted late is counted. */
void recount_count_late(const struct fixture_db *db);
void recount_assert_late(const struct fixture_db *db);
void recount_assert(const struct fixture_db *db); /* both */
/* By the nodes that there are now. */
void recount_assert_relays(const struct fixture_db *db);
/* That hours are no wider than they need be. */
void recount_assert_hours(const struct fixture_db *db);
