/* SPDX-License-Identifier: MIT
 *
 * export_rows - our rows as CoreScope's: transmissions with their decoded JSON, receptions each
 * with its frame and its path, nodes, observers, metrics, edges, what was refused,
 * what phones heard.
 *
 * I1. Ids stay, so that the order of arrival does: observers' too, whose rowid receptions name.
 * I2. A reception's raw_hex is put together (meshcore_rebuild), the second transport code guessed
 *     where it is not known. Its time is in whole seconds: CoreScope has no finer one.
 * I3. CoreScope knows a reception by packet, observer and path. A second one of ours with the same
 *     (sent and received) has no path_json, which makes it another; a third one is left out, and
 *     counted.
 * I4. Receptions of nobody (DB_UNKNOWN_OBSERVER) have no observer.
 * Threads: the caller's. Errors: struct err. Ownership: borrows all of params. */
#pragma once

#include "common/db/statement.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/region_scopes.h"

struct export_params {
    struct connection *from, *to; /* ours, in a read transaction; the new file */
    const struct channel_keys *keys;
    const struct region_scopes *scopes;
    void (*on_row)(void *context); /* after each row of the large tables */
    void *context;
};

struct export_counts {
    uint64_t transmissions, observations, observers, nodes, metrics;
    uint64_t left_out; /* I3 */
};

/* The rows of the large tables, for the progress. */
NODISCARD enum status export_rows_total(const struct export_params *params, uint64_t *out,
                                        struct err *err);
NODISCARD enum status export_rows(const struct export_params *params, struct export_counts *out,
                                  struct err *err);
