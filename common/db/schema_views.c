/* SPDX-License-Identifier: MIT */
#include "common/db/schema_views.h"

/* For people with the sqlite3 shell; no program reads it. One row an observation. That of
 * version 1 showed the SNR values in a TRACE's path as hops, and for each reception the route of
 * the first. */
const char schema_view_of_packets[] =
    "DROP VIEW IF EXISTS packets_v;"
    "CREATE VIEW packets_v AS SELECT o.id AS id, lower(hex(t.hash)) AS hash,"
    "  CASE t.type WHEN 0 THEN 'REQ' WHEN 1 THEN 'RESPONSE' WHEN 2 THEN 'TXT_MSG' WHEN 3 THEN 'ACK'"
    "    WHEN 4 THEN 'ADVERT' WHEN 5 THEN 'GRP_TXT' WHEN 6 THEN 'GRP_DATA' WHEN 7 THEN 'ANON_REQ'"
    "    WHEN 8 THEN 'PATH' WHEN 9 THEN 'TRACE' WHEN 10 THEN 'MULTIPART' WHEN 11 THEN 'CONTROL'"
    "    WHEN 15 THEN 'RAW_CUSTOM' ELSE 'UNKNOWN' END AS type,"
    "  CASE coalesce(o.route, t.route) WHEN 0 THEN 'TRANSPORT_FLOOD' WHEN 1 THEN 'FLOOD'"
    "    WHEN 2 THEN 'DIRECT' ELSE 'TRANSPORT_DIRECT' END AS route,"
    "  r.identity AS observer, r.name AS observer_name, r.iata AS iata,"
    "  CASE o.direction WHEN 0 THEN 'rx' ELSE 'tx' END AS direction,"
    "  CASE WHEN t.type <> 9 THEN (WITH RECURSIVE hop (i, text) AS ("
    "     SELECT 1, substr(hex(o.path), 1, 2 * o.path_size)"
    "     UNION ALL SELECT i + 1, substr(hex(o.path), 1 + 2 * o.path_size * i, 2 * o.path_size)"
    "       FROM hop WHERE i * o.path_size < length(o.path))"
    "   SELECT group_concat(text, ',') FROM hop) END AS path,"
    "  o.snr AS snr, o.rssi AS rssi, o.score AS score,"
    "  strftime('%Y-%m-%dT%H:%M:%fZ', o.receipt_ms / 1000.0, 'unixepoch') AS received,"
    "  strftime('%Y-%m-%dT%H:%M:%fZ', o.envelope_ms / 1000.0, 'unixepoch') AS published,"
    "  s.name AS source, n.name AS sender, t.observation_count AS observation_count,"
    "  hex(t.raw) AS raw"
    " FROM observations o JOIN transmissions t ON t.id = o.transmission_id"
    "  LEFT JOIN observers r ON r.id = o.observer_id LEFT JOIN sources s ON s.id = o.source_id"
    "  LEFT JOIN nodes n ON n.id = t.sender;";

/* The keys that begin with a hop are those from the hop itself to the hop with nothing but ff
 * behind it. Said so, SQLite finds them in the index on keys; by substr() it would read every node
 * for every edge. */
#define FF_32_TIMES "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

/* For people and for reports. A counter's difference is known only while the uptime grows; an
 * uptime shorter than the time since the sample before began in between. */
const char schema_views_of_the_mesh[] =
    "CREATE VIEW observer_metrics_v AS SELECT *,"
    "  CASE WHEN NOT is_reboot THEN tx_air_secs - lag(tx_air_secs) OVER w END AS tx_air_secs_delta,"
    "  CASE WHEN NOT is_reboot THEN rx_air_secs - lag(rx_air_secs) OVER w END AS rx_air_secs_delta,"
    "  CASE WHEN NOT is_reboot THEN recv_errors - lag(recv_errors) OVER w END AS recv_errors_delta,"
    "  CASE WHEN NOT is_reboot THEN packets_sent - lag(packets_sent) OVER w END AS packets_sent_delta,"
    "  CASE WHEN NOT is_reboot THEN packets_recv - lag(packets_recv) OVER w END AS packets_recv_delta"
    " FROM (SELECT *, NOT (uptime_secs > lag(uptime_secs) OVER w"
    "   AND uptime_secs * 1000 >= receipt_ms - lag(receipt_ms) OVER w) AS is_reboot"
    "  FROM observer_metrics WINDOW w AS (PARTITION BY observer_id ORDER BY receipt_ms))"
    " WINDOW w AS (PARTITION BY observer_id ORDER BY receipt_ms);"
    /* A prefix is resolved when exactly one node's key begins with it. */
    "CREATE VIEW neighbor_edges_v AS SELECT hex(e.from_hop) AS from_hop, hex(e.to_hop) AS to_hop,"
    "  (SELECT min(n.id) FROM nodes n WHERE n.public_key BETWEEN e.from_hop"
    "    AND CAST(e.from_hop || x'" FF_32_TIMES "' AS BLOB) HAVING count(*) = 1) AS from_node,"
    "  CASE WHEN e.observer_id = 0 THEN (SELECT min(n.id) FROM nodes n WHERE n.public_key"
    "    BETWEEN e.to_hop AND CAST(e.to_hop || x'" FF_32_TIMES "' AS BLOB)"
    "    HAVING count(*) = 1) END AS to_node,"
    "  nullif(e.observer_id, 0) AS observer_id, e.count AS count, e.first_ms AS first_ms,"
    "  e.last_ms AS last_ms FROM neighbor_edges e WHERE e.count > 0;"
    "CREATE VIEW messages_v AS SELECT c.name AS channel, m.sender AS sender, m.text AS text,"
    "  m.sender_time AS sender_time, t.observation_count AS repeats, lower(hex(t.hash)) AS hash,"
    "  strftime('%Y-%m-%dT%H:%M:%fZ', t.first_ms / 1000.0, 'unixepoch') AS first_received"
    " FROM messages m JOIN transmissions t ON t.id = m.transmission_id"
    "  JOIN channels c ON c.id = m.channel_id;";

#define TEXT_OF(number)   #number
#define AS_TEXT(number)   TEXT_OF(number)
#define INVENTED_RF_SHARE AS_TEXT(SCHEMA_INVENTED_RF_SHARE)
/* What an observer heard in this hour and the 23 before, of one kind of rollup. */
#define HEARD_IN_A_DAY(kind)                                                                       \
    "(SELECT sum(observations) FROM rollups WHERE kind = " kind " AND key = r.id AND hour >"       \
    " CAST((julianday('now') - 2440587.5) * 24 AS INTEGER) - 24)"

/* inventedRf: the share of receptions in 24 hours whose SNR and RSSI are invented
 * (schema_is_invented_rf), above 2 %. */
const char schema_view_of_observers[] =
    "CREATE VIEW observers_v AS SELECT id, identity AS observer, name, iata, packet_count,"
    "  strftime('%Y-%m-%dT%H:%M:%fZ', last_ms / 1000.0, 'unixepoch') AS last_heard,"
    "  CASE WHEN share > " INVENTED_RF_SHARE " THEN share END AS inventedRf"
    " FROM (SELECT *, " HEARD_IN_A_DAY("7") " * 1.0 / " HEARD_IN_A_DAY("1") " AS share"
                                                                            "  FROM observers r);";
