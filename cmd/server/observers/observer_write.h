/* SPDX-License-Identifier: MIT
 *
 * observer_write - one observer as CoreScope's clients know it.
 *
 * - packetsLastHour: see last_hour.h; null = it could not be counted within the budget.
 * - lat, lon, nodeRole: of the node whose key is the observer's id; null where there is none, or
 *   none that may be shown.
 * - clock_naive: within the last 24 hours a message came whose time had no zone and was more than
 *   15 minutes off. clock_skew_seconds (+ = ahead) and clock_last_naive_at are of the last such,
 *   clock_skew_count_24h counts them in this hour and the 23 before. Cleared after 24 hours.
 * - inventedRf: the share of its receptions in this hour and the 23 before whose SNR and RSSI are
 *   the pair that bridges send when they measured nothing (schema_is_invented_rf); left out up to
 *   SCHEMA_INVENTED_RF_SHARE.
 * Of another store than our database both are as the background counted them last, a minute before
 * (observer_days.h); what it could not count whole is left out.
 * Threads: that of the asking. Errors: as reader.h. Cost: two look-ups in the rollups; of another
 * store in memory. */
#pragma once

#include "cmd/server/http/request.h"
#include "cmd/server/model/asking.h"
#include "common/db/schema.h"
#include "common/json/json_write.h"

/* last_hour: DIRECTORY_UNKNOWN = null. */
void observer_write(struct json_write *w, struct asking *asking, const struct observer *observer,
                    int64_t last_hour);
/* Whom a list shows. */
bool observer_is_listed(const struct observer *observer);
/* All of those, the last heard first; the caller frees the list. NULL = no memory. */
NODISCARD const struct observer **observers_listed(const struct directory *directory,
                                                   size_t *out_count);
/* The one that the path's argument names, in any case; NULL = there is none that may be shown, the
 * reply says so. */
const struct observer *observer_named(struct asking *asking, const struct http_request *request,
                                      struct http_reply *reply);
/* The observations of a rollup's key from an hour on (rollups.hour). */
int64_t observer_sum(struct asking *asking, enum rollup_kind kind, int64_t key, int64_t since);
/* RFC 3339; null for DIRECTORY_NEVER. */
void observer_time(struct json_write *w, const char *key, int64_t ms);
