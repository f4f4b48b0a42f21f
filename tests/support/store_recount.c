/* SPDX-License-Identifier: MIT */
#include "tests/support/store_recount.h"

#include "cmd/ingestor/store/store_late.h"

#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* --- the recount ------------------------------------------------------------------------------ */

#define FLOOR(x)            "(CAST(" x " AS INTEGER) - (" x " < CAST(" x " AS INTEGER)))"
#define CLAMP(x, low, high) "max(min(" x ", " high "), " low ")"
#define HOUR_OF(x)          "(" x ") / 3600000"
#define RX                                                                                         \
    "FROM observations o JOIN transmissions t ON t.id = o.transmission_id WHERE o.direction = 0"
/* protocol.md 4.3: transport direct, both codes 0, no hops */
#define RAW_IS_SHARED                                                                              \
    "(t.route = 3 AND substr(t.raw, 2, 4) = x'00000000' AND substr(t.raw, 6, 1) IN (x'00', x'40'," \
    " x'80'))"

/* protocol.md 7.1 */
#define IS_INVENTED "(coalesce(o.snr = 12.5, 0) AND coalesce(o.rssi = -65, 0))"

#define SNR_BIN      "(" CLAMP(FLOOR("o.snr"), "-64", "63") " + 64)"
#define RSSI_BIN     "(" CLAMP(FLOOR("(o.rssi / 5.0)"), "-40", "0") " + 40)"
#define HOPS         "length(o.path) / o.path_size"
#define HAS_RSSI     "(o.rssi IS NOT NULL AND NOT " IS_INVENTED ")"
#define HAS_SNR      "(o.snr IS NOT NULL AND NOT " IS_INVENTED ")"
#define HAS_HOPS     "(o.route < 2 AND t.type <> 9)"
#define DAY_OF(x)    "(" x ") / 86400000 * 24"
#define HEX_DIGIT(i) "(instr('0123456789ABCDEF', substr(hex(hop), " i ", 1)) - 1)"
#define BYTE(i)      "(16 * " HEX_DIGIT("2 * " i " - 1") " + " HEX_DIGIT("2 * " i) ")"
/* What retention has left whole. */
#define WHOLE_FROM "(SELECT (retained_from_ms + 3599999) / 3600000 FROM meta)"

/* clang-format off */ /* a table */
static const char rollup_recount[] =
    "SELECT kind, key, hour, sum(o), sum(t) FROM ("
    " SELECT 0 AS kind, 0 AS key, " HOUR_OF("o.receipt_ms") " AS hour, 1 AS o, 0 AS t " RX
    " UNION ALL SELECT 1, o.observer_id, " HOUR_OF("o.receipt_ms") ", 1, 0 " RX
    " UNION ALL SELECT 2, t.sender, " HOUR_OF("o.receipt_ms") ", 1, 0 " RX
    "  AND t.sender IS NOT NULL AND NOT (o.route = 3 AND o.scope_code IS NULL AND o.path = x'')"
    " UNION ALL SELECT 3, t.type, " HOUR_OF("o.receipt_ms") ", 1, 0 " RX
    " UNION ALL SELECT 4, " CLAMP(FLOOR("o.snr"), "-64", "63") ", " HOUR_OF("o.receipt_ms") ", 1, 0 " RX
    "  AND o.snr IS NOT NULL AND NOT " IS_INVENTED
    " UNION ALL SELECT 5, 5 * " CLAMP(FLOOR("(o.rssi / 5.0)"), "-40", "0") ", " HOUR_OF("o.receipt_ms") ", 1, 0 " RX
    "  AND o.rssi IS NOT NULL AND NOT " IS_INVENTED
    " UNION ALL SELECT 7, o.observer_id, " HOUR_OF("o.receipt_ms") ", 1, 0 " RX "  AND " IS_INVENTED
    " UNION ALL SELECT 6, length(o.path) / o.path_size, " HOUR_OF("o.receipt_ms") ", 1, 0 " RX
    "  AND o.route < 2 AND t.type <> 9"
    " UNION ALL SELECT 0, 0, " HOUR_OF("t.first_ms") ", 0, 1 FROM transmissions t"
    " UNION ALL SELECT 2, t.sender, " HOUR_OF("t.first_ms") ", 0, 1 FROM transmissions t"
    "  WHERE t.sender IS NOT NULL AND NOT " RAW_IS_SHARED
    " UNION ALL SELECT 3, t.type, " HOUR_OF("t.first_ms") ", 0, 1 FROM transmissions t)"
    " WHERE hour >= " WHOLE_FROM " GROUP BY kind, key, hour ORDER BY 1, 2, 3";
static const char late_recount[] =
    "WITH RECURSIVE hop (id, hour, size, path, i) AS ("
    "  SELECT o.id, " HOUR_OF("o.receipt_ms") ", o.path_size, o.path, 0 " RX "  AND " HAS_HOPS
    "   AND length(o.path) > 0"
    "  UNION ALL SELECT id, hour, size, path, i + 1 FROM hop WHERE (i + 1) * size < length(path))"
        " SELECT kind, key, hour, sum(o), sum(t) FROM ("
    " SELECT 8 AS kind, CASE WHEN o.route IN (1, 2) THEN 1002 WHEN coalesce(o.scope_code, 0) = 0 THEN"
    "  1001 ELSE coalesce(o.scope_id, 1000) END AS key, " HOUR_OF("o.receipt_ms") " AS hour, 1 AS o, 0 AS t " RX
    " UNION ALL SELECT 9, t.type * 64 + length(t.raw) / 4, " HOUR_OF("t.first_ms") ", 0, 1 FROM transmissions t"
    " UNION ALL SELECT 10, o.observer_id * 16 + t.type, " HOUR_OF("o.receipt_ms") ", 1, 0 " RX
    " UNION ALL SELECT 11, o.observer_id * 128 + " SNR_BIN ", " DAY_OF("o.receipt_ms") ", 1, 0 " RX "  AND " HAS_SNR
    " UNION ALL SELECT 12, o.observer_id * 64 + " RSSI_BIN ", " DAY_OF("o.receipt_ms") ", 1, 0 " RX
    "  AND o.rssi IS NOT NULL AND NOT " IS_INVENTED
    " UNION ALL SELECT 13, o.observer_id * 64 + " HOPS ", " DAY_OF("o.receipt_ms") ", 1, 0 " RX "  AND " HAS_HOPS
    " UNION ALL SELECT 14, t.type * 128 + " SNR_BIN ", " DAY_OF("o.receipt_ms") ", 1, 0 " RX "  AND " HAS_SNR
    " UNION ALL SELECT 15, " HOPS " * 128 + " SNR_BIN ", " DAY_OF("o.receipt_ms") ", 1, 0 " RX
    "  AND " HAS_SNR " AND " HAS_HOPS
    " UNION ALL SELECT 16, (length(hop) << 24) + iif(length(hop) = 3, " BYTE("3") ", 0) + iif(length(hop) > 1, "
    BYTE("2") " << (8 * (length(hop) - 2)), 0) + (" BYTE("1") " << (8 * (length(hop) - 1))), hour, 1, 0"
    "  FROM (SELECT DISTINCT id, substr(path, 1 + i * size, size) AS hop, hour FROM hop))"
    " WHERE hour >= " WHOLE_FROM " GROUP BY kind, key, hour ORDER BY 1, 2, 3";
/* clang-format on */
static const char rollups_stored[] =
    "SELECT kind, key, hour, observations, transmissions FROM rollups WHERE kind < 8 AND hour >= " WHOLE_FROM
    " ORDER BY 1, 2, 3";
static const char late_stored[] =
    "SELECT kind, key, hour, observations, transmissions FROM rollups WHERE kind >= 8 AND hour >= " WHOLE_FROM
    " ORDER BY 1, 2, 3";

static const char edge_recount[] =
    "WITH RECURSIVE hop (id, observer, size, path, i) AS ("
    "  SELECT o.id, o.observer_id, o.path_size, o.path, 0 " RX
    "   AND o.route < 2 AND t.type <> 9 AND length(o.path) > 0 AND o.id <= (SELECT"
    "   coalesce(max(position), 0) FROM jobs WHERE name IN ('count_late', 'count_late_edges'))"
    "  UNION ALL SELECT id, observer, size, path, i + 1 FROM hop WHERE (i + 1) * size < length(path))"
    " SELECT hex(substr(path, 1 + i * size, size)), hex(substr(path, 1 + (i + 1) * size, size)),"
    "  CASE WHEN (i + 1) * size = length(path) THEN observer ELSE 0 END, count(DISTINCT id)"
    " FROM hop GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
static const char edges_stored[] =
    "SELECT hex(from_hop), hex(to_hop), observer_id, count FROM neighbor_edges WHERE count > 0"
    " ORDER BY 1, 2, 3";

/* Whom the hops of floods mean: of two and three bytes the one known node, of one byte the one that
 * was heard in the week before. */
static const char relay_recount[] =
    "WITH RECURSIVE hop (receipt, size, path, i) AS ("
    "  SELECT o.receipt_ms, o.path_size, o.path, 0 " RX
    "   AND o.route < 2 AND t.type <> 9 AND length(o.path) > 0"
    "  UNION ALL SELECT receipt, size, path, i + 1 FROM hop WHERE (i + 1) * size < length(path)),"
    " meant (receipt, bytes, size) AS (SELECT DISTINCT receipt, substr(path, 1 + i * size, size),"
    "  size FROM hop)"
    " SELECT node, max(receipt) FROM (SELECT receipt, min(n.id) AS node FROM meant m CROSS JOIN"
    "   nodes n ON substr(n.public_key, 1, m.size) = m.bytes AND (m.size > 1 OR (n.first_ms <="
    "   m.receipt AND n.last_ms >= m.receipt - 7 * 86400000)) GROUP BY m.receipt, m.bytes"
    "  HAVING count(*) = 1) GROUP BY node ORDER BY 1";
static const char relays_stored[] =
    "SELECT id, last_relayed_ms FROM nodes WHERE last_relayed_ms NOT NULL ORDER BY 1";

static const char channel_recount[] =
    "SELECT m.channel_id, count(*), min(t.first_ms), max(t.last_ms) FROM messages m"
    " JOIN transmissions t ON t.id = m.transmission_id GROUP BY 1 ORDER BY 1";
static const char channels_stored[] =
    "SELECT id, message_count, first_ms, last_ms FROM channels ORDER BY 1";

static const char meta_recount[] =
    "SELECT (SELECT count(*) FROM transmissions), (SELECT count(*) FROM observations),"
    " (SELECT count(*) FROM observers), (SELECT count(*) FROM nodes)";
static const char meta_stored[] = "SELECT transmissions, observations, observers, nodes FROM meta";

static const char row_recount[] =
    "SELECT transmission_id, count(*), min(receipt_ms) FROM observations GROUP BY 1 ORDER BY 1";
static const char rows_stored[] =
    "SELECT id, observation_count, first_ms FROM transmissions ORDER BY 1";

/* Stretches of ids with a receipt in an hour, and the transmissions first heard in it there. */
static const char hour_recount[] =
    "WITH o AS (SELECT o.receipt_ms / 3600000 AS hour, o.id, t.id AS t, t.first_ms / 3600000 AS"
    " first_hour FROM observations o JOIN transmissions t ON t.id = o.transmission_id),"
    " p AS (SELECT *, lag(id) OVER (PARTITION BY hour ORDER BY id) AS former FROM o),"
    " s AS (SELECT *, sum(former IS NULL OR id - former > 10000) OVER (PARTITION BY hour ORDER BY"
    " id) AS stretch FROM p) SELECT hour, min(id), max(id), min(iif(hour = first_hour, t, NULL)),"
    " max(iif(hour = first_hour, t, NULL)) FROM s GROUP BY hour, stretch ORDER BY 1, 2";
static const char hours_stored[] = "SELECT * FROM hours ORDER BY 1, 2";
/* A row that moved to an earlier hour leaves the later one as wide as it was. */
#define NOT_IN_ITS_HOUR                                                                            \
    "SELECT (SELECT count(*) FROM observations o WHERE NOT EXISTS (SELECT 1 FROM hours h WHERE"    \
    " h.hour = o.receipt_ms / 3600000 AND o.id BETWEEN first_observation AND last_observation)) +" \
    " (SELECT count(*) FROM transmissions t WHERE NOT EXISTS (SELECT 1 FROM observations o JOIN"   \
    " hours h ON h.hour = t.first_ms / 3600000 AND t.id BETWEEN first_transmission AND"            \
    " last_transmission AND o.id BETWEEN first_observation AND last_observation WHERE"             \
    " o.transmission_id = t.id AND o.receipt_ms = t.first_ms))"

/* The receptions of rollup kind 2. */
static const char hearing_recount[] =
    "SELECT t.sender, o.observer_id, count(*), sum(" HAS_SNR "), sum(iif(" HAS_SNR
    ", CAST(round(o.snr"
    " * 4) AS INTEGER), 0)), sum(" HAS_RSSI "), sum(iif(" HAS_RSSI ", CAST(round(o.rssi * 4) AS"
    " INTEGER), 0)), sum(iif(" HAS_HOPS ", " HOPS ", 0)) " RX " AND t.sender IS NOT NULL AND NOT"
    " (o.route = 3 AND o.scope_code IS NULL AND o.path = x'') GROUP BY 1, 2 ORDER BY 1, 2";
static const char hearings_stored[] =
    "SELECT node_id, observer_id, count, snr_n, snr_sum, rssi_n, rssi_sum, hops_sum FROM"
    " node_observers ORDER BY 1, 2";
#define HEARD_LATER                                                                                \
    "SELECT count(*) FROM node_observers n WHERE last_ms < (SELECT max(o.receipt_ms) FROM"         \
    " transmissions t JOIN observations o ON o.transmission_id = t.id WHERE t.sender = n.node_id"  \
    " AND o.observer_id = n.observer_id AND o.direction = 0 AND NOT (o.route = 3 AND o.scope_code" \
    " IS NULL AND o.path = x''))"

/* --- compared --------------------------------------------------------------------------------- */

void recount_assert_same(char *got, const char *wanted)
{
    const char *a = got;
    const char *b = wanted;
    while (strcmp(a, b) != 0) {
        const size_t n = strcspn(a, "\n");
        const size_t m = strcspn(b, "\n");
        if (n != m || strncmp(a, b, n) != 0)
            fail_msg("\n  got    %.*s\n  wanted %.*s", (int)n, a, (int)m, b);
        a += n + 1;
        b += m + 1;
    }
    free(got);
}

static void assert_equal(const struct fixture_db *db, const char *recount, const char *stored)
{
    char *wanted = fixture_dump_queries(db->path, &recount, 1);
    char *got = fixture_dump_queries(db->path, &stored, 1);
    /* behind the line that names the query */
    recount_assert_same(strdup(strchr(got, '\n')), strchr(wanted, '\n'));
    free(got);
    free(wanted);
}

void recount_assert_early(const struct fixture_db *db)
{
    assert_equal(db, rollup_recount, rollups_stored);
    assert_equal(db, edge_recount, edges_stored);
    assert_equal(db, channel_recount, channels_stored);
    assert_equal(db, meta_recount, meta_stored);
    assert_equal(db, row_recount, rows_stored);
    assert_int_equal(fixture_int(db, NOT_IN_ITS_HOUR), 0);
}

void recount_assert_late(const struct fixture_db *db)
{
    assert_equal(db, late_recount, late_stored);
    assert_equal(db, hearing_recount, hearings_stored);
    assert_int_equal(fixture_int(db, HEARD_LATER), 0);
}

void recount_assert(const struct fixture_db *db)
{
    recount_assert_early(db);
    recount_assert_late(db);
}

void recount_assert_relays(const struct fixture_db *db)
{
    assert_equal(db, relay_recount, relays_stored);
}

void recount_assert_hours(const struct fixture_db *db)
{
    assert_equal(db, hour_recount, hours_stored);
}

void recount_count_late(const struct fixture_db *db)
{
    struct store_late_state late;
    bool at_end = false;
    assert_int_equal(store_late_state(db->store, &late), STATUS_OK);
    while (!at_end) {
        struct store_slice slice = {.until = INT64_MAX, .rows_max = 1000};
        assert_int_equal(store_begin(db->store, false), STATUS_OK);
        assert_int_equal(store_late_count(db->store, late.newest, &slice, &at_end), STATUS_OK);
        assert_int_equal(store_commit(db->store), STATUS_OK);
    }
}
