/* SPDX-License-Identifier: MIT
 *
 * store_export - `ingestor --store-export`: our SQLite database, as it is at one moment, as facts
 * in the store that --store-init made; beside whatever runs.
 *
 * I1. It may end at any moment, also by kill -9: run again it goes on (export_state). A row that is
 *     sent twice is the same one, and collapses.
 * I2. Memory does not grow with history: a slice has at most EXPORT_SLICE_ROWS rows, about
 *     EXPORT_SLICE_BYTES bytes and EXPORT_PARTITIONS partitions of a table.
 * I3. A block counts as sent when the store has acknowledged it; one that is refused for good ends
 *     the export with the server's words.
 * I4. At the end each table's keys are counted in the store. Fewer than were sent, or, where the
 *     database has changed since a part of it was sent, fewer than its rows must have made, is an
 *     error. There may be more, from elsewhere.
 *
 * Limits: the database's log grows while it runs, as with a backup. Threads: the process's only
 * one. */
#pragma once

#include "common/config/config.h"

#define EXPORT_SLICE_ROWS  20000
#define EXPORT_SLICE_BYTES (8 * 1024 * 1024)
/* Newer servers refuse an insert into more than 100. */
#define EXPORT_PARTITIONS 64

/* Takes ownership of *config. 0; 64 there is no storeUrl; 65 the store lacks rows; 74 the database
 * or a server can't be reached; 75 another export runs; 78 the store or the database is not the one
 * it should be; 71; 70 no cryptography. */
int store_export_run(struct config *config);
