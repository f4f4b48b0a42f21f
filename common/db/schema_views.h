/* SPDX-License-Identifier: MIT
 *
 * schema_views - what the tables say to people with the sqlite3 shell and to reports, as the
 * migrations make them. */
#pragma once

extern const char schema_view_of_packets[];   /* packets_v */
extern const char schema_views_of_the_mesh[]; /* observer_metrics_v, neighbor_edges_v, messages_v */
extern const char schema_view_of_observers[]; /* observers_v */

/* Of what an observer heard in 24 hours: a share of invented SNR and RSSI (schema_is_invented_rf)
 * is told above this. */
#define SCHEMA_INVENTED_RF_SHARE 0.02
