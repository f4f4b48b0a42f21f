/* SPDX-License-Identifier: MIT
 *
 * store_tool - what the tools (--import, --redecode) need of the store beside the calls of a run:
 * facts that came in no message, counts for people. Errors and threads as store.h. */
#pragma once

#include "cmd/ingestor/store/store.h"

/* What another database says, outside of any message. "" , NULL, NaN, 0 and can_relay -1 = nothing.
 * Inside a transaction without packets or statuses, behind store_forget. An observer is made when
 * it is missing; of two values the newer one stays (I4). Metrics are taken where their five minutes
 * are still free. */
struct store_observer_facts {
    const char *identity, *name, *iata, *model, *firmware, *client_version, *radio; /* clean text */
    double battery_mv, uptime_secs, noise_floor;
    int can_relay;
    int64_t as_of_ms, first_ms, last_ms;
};
NODISCARD enum status store_observer_facts(struct store *store,
                                           const struct store_observer_facts *facts,
                                           bool *out_is_new);
struct store_metrics_facts {
    const char *identity;
    int64_t slot_ms;
    double battery_mv, noise_floor, tx_air_secs, rx_air_secs, recv_errors, packets_sent,
        packets_recv;
};
NODISCARD enum status
store_metrics_facts(struct store *store, const struct store_metrics_facts *facts, bool *out_is_new);
/* Lowers first_ms of a known node; 0 = does not lower it. */
NODISCARD enum status store_node_seen(struct store *store,
                                      const uint8_t key[static MESHCORE_KEY_BYTES],
                                      int64_t first_ms, bool *out_is_known);

/* Count behind the messages (store_late.h) whatever there is, a durable transaction a piece: a run
 * that is killed goes on with the next one, or the flusher does. */
NODISCARD enum status store_tool_count_late(struct store *store);

struct store_derived {
    int64_t channels, readable_channels, messages, readable_messages;
};
NODISCARD enum status store_derived_counts(struct store *store, struct store_derived *out);
