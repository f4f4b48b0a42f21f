/* SPDX-License-Identifier: MIT
 *
 * schema - the tables, as numbered migrations (`PRAGMA user_version`).
 *
 * Lean rows: raw frames as BLOBs stored once a transmission, integer ids, integer milliseconds, nothing
 * decoded at rest. All indexes ship with the table's first version: CREATE INDEX on millions of rows takes
 * minutes. Each index must earn its place; the reason stands beside it in schema.c. */
#pragma once

#include "common/base.h"
#include "common/err.h"

#include <sqlite3.h>

#define SCHEMA_VERSION 1

/* Bring the database to SCHEMA_VERSION, each migration in a transaction of its own. STATUS_NEWER when
 * user_version is above ours: nothing is touched. Writer connection only. */
NODISCARD enum status schema_migrate(sqlite3 *db, struct err *err);
/* For readers: STATUS_OK, STATUS_NOT_FOUND (no schema yet), STATUS_NEWER, or an error. */
NODISCARD enum status schema_check(sqlite3 *db, int *out_version, struct err *err);
