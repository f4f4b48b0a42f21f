/* SPDX-License-Identifier: MIT
 *
 * Recorded packets, and made copies of them, in many orders and batches: the tables end alike
 * (store.h I4); derived rows equal a recount at any time, and store_rebuild arrives at the
 * same (I5). */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_fixture.h"

#include "cmd/ingestor/store/store_late.h"
#include "common/base/crypto.h"
#include "common/db/schema.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS 8
#else
#define ROUNDS 100
#endif

#define PACKETS_MAX 8000
#define HOUR        ROLLUP_HOUR_MS

static struct fixture_packet *packets[PACKETS_MAX];
static size_t packet_count;
static struct channel_keys *keys;
static struct region_scopes *scopes;
static struct fixture_db db;

/* --- the messages ----------------------------------------------------------------------------- */

static uint64_t random_state = 1;
static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(random_state >> 33) % bound;
}

static void add_packet(const struct envelope *envelope, const char *source, int64_t receipt_ms)
{
    struct fixture_packet *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->envelope = *envelope;
    if (meshcore_parse(p->envelope.packet.raw, p->envelope.packet.raw_len, &p->frame) !=
            MESHCORE_FRAME_OK ||
        (p->frame.type == MESHCORE_ADVERT && !meshcore_parse_advert(&p->frame, &p->advert))) {
        free(p);
        return;
    }
    meshcore_content_hash(&p->frame, p->hash);
    p->packet = (struct store_packet){.source = source,
                                      .envelope = &p->envelope,
                                      .frame = &p->frame,
                                      .hash = p->hash,
                                      .receipt_ms = receipt_ms};
    if (p->frame.type == MESHCORE_ADVERT)
        p->packet.advert = &p->advert;
    assert_true(packet_count < PACKETS_MAX);
    packets[packet_count++] = p;
}

/* The same message through another broker, a little or an hour off, with other or fewer
 * measurements, as two publishers on one device send it (protocol.md 12.23). */
static void add_copies(const struct envelope *envelope, int64_t receipt_ms)
{
    static const int64_t offsets[] = {-HOUR, -7, 0, 0, 3, HOUR};
    const uint32_t copies = random_below(4);
    for (uint32_t i = 0; i < copies; i++) {
        struct envelope copy = *envelope;
        if (random_below(3) == 0)
            copy.packet.snr = (double)NAN;
        else if (random_below(3) == 0)
            copy.packet.snr -= 0.25 * random_below(8);
        if (random_below(3) == 0)
            copy.packet.rssi = (double)NAN;
        if (random_below(5) == 0) { /* what a bridge says when it measured nothing */
            copy.packet.snr = 12.5;
            copy.packet.rssi = -65;
        }
        if (random_below(4) == 0)
            copy.packet.score = random_below(3);
        copy.has_time = random_below(4) != 0;
        copy.time_is_naive = random_below(2) != 0;
        if (random_below(8) == 0)
            copy.packet.direction = DIRECTION_TX;
        if (random_below(6) == 0) /* the same, flooded or direct, and scoped or not */
            copy.packet.raw[0] ^= 3;
        add_packet(&copy, random_below(2) != 0 ? "broker" : "another",
                   receipt_ms + offsets[random_below(ARRAY_LEN(offsets))]);
        packets[packet_count - 1]->packet.is_retained = random_below(6) == 0;
    }
}

static void load_file(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", FIXTURES_DIR, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, file) > 0) {
        cJSON *message = cJSON_Parse(line);
        const char *topic = cJSON_GetStringValue(cJSON_GetObjectItem(message, "topic"));
        char *payload = cJSON_PrintUnformatted(cJSON_GetObjectItem(message, "payload"));
        struct envelope envelope;
        if (topic != NULL && payload != NULL &&
            envelope_parse(topic, strlen(topic), (const uint8_t *)payload, strlen(payload),
                           &envelope) == OUTCOME_NONE &&
            envelope.kind == ENVELOPE_PACKET && envelope.has_time) {
            add_packet(&envelope, "broker", envelope.envelope_ms);
            add_copies(&envelope, envelope.envelope_ms);
        }
        free(payload);
        cJSON_Delete(message);
    }
    free(line);
    assert_int_equal(fclose(file), 0);
}

/* What the recordings lack: scoped and shared adverts, a forged one. */
static void add_adverts(void)
{
    for (uint32_t i = 0; i < 120; i++) {
        struct fixture_packet p;
        char observer[8];
        (void)snprintf(observer, sizeof observer, "o%u", i % 7);
        /* clocks that are right, fell back to the build date, or lie ahead */
        static const uint32_t clocks[] = {1000, 1715770800, 1774798050, 1774798050 + 3 * 86400,
                                          4000000000U};
        static const char *const said[] = {"N", "M", "O", NULL};
        const struct fixture_advert advert = {.key_seed = (uint8_t)(i % 5),
                                              .timestamp = clocks[i / 5 % 5] + i % 10,
                                              .name = said[i % 4],
                                              .lat = (double)NAN,
                                              .lon = (double)NAN,
                                              .is_share = i % 3 == 0,
                                              .is_forged = i % 5 == 4};
        const int64_t receipt_ms = INT64_C(1774798050000) + i % 11 * 1000000;
        fixture_advert(&p, observer, &advert, receipt_ms);
        add_packet(&p.envelope, "broker", receipt_ms);
        add_copies(&p.envelope, receipt_ms);
        if (!advert.is_share && i % 2 == 0) {
            fixture_scope(&p, i % 4 == 0 ? "#test" : "#belgium");
            add_packet(&p.envelope, "another", receipt_ms + i % 7 * HOUR);
            add_copies(&p.envelope, receipt_ms);
        }
    }
}

static int set_up_all(void **state)
{
    (void)state;
    assert_true(crypto_init());
    static char names[][16] = {"#test", "#bot", "#wardriving", "#belgium", "#snoco", "#ottawa"};
    char *channel_names[] = {names[0], names[1], names[2]};
    char *region_names[] = {names[0], names[3], names[4], names[5]};
    keys = channel_keys_new(&(struct config_pairs){0}, &(struct config_list){channel_names, 3});
    scopes = region_scopes_new(&(struct config_list){region_names, 4});
    assert_non_null(keys);
    assert_non_null(scopes);
    load_file("multi_observer.jsonl");
    load_file("packets.jsonl");
    load_file("mesh_messages.jsonl");
    add_adverts();
    assert_true(packet_count > 3000);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < packet_count; i++)
        free(packets[i]);
    channel_keys_free(keys);
    region_scopes_free(scopes);
    return 0;
}

static void open_db(enum signature_mode signatures)
{
    fixture_db_open_with(&db, &(struct store_params){.rules = {.signatures = signatures},
                                                     .channels = keys,
                                                     .scopes = scopes});
}

static void shuffle(void)
{
    for (size_t i = packet_count - 1; i > 0; i--) {
        const size_t j = random_below((uint32_t)i + 1);
        struct fixture_packet *swapped = packets[i];
        packets[i] = packets[j];
        packets[j] = swapped;
    }
}

static void apply(size_t from, size_t to, uint32_t batch_max)
{
    uint32_t left = 0;
    bool is_open = false;
    for (size_t i = from; i < to; i++) {
        if (!is_open) {
            assert_int_equal(store_begin(db.store, false), STATUS_OK);
            left = 1 + random_below(batch_max);
            is_open = true;
            if (random_below(4) == 0)
                store_forget(db.store); /* the caches must not matter */
        }
        IGNORE(fixture_apply(db.store, packets[i]), "the tables are compared");
        if (--left == 0) {
            assert_int_equal(store_commit(db.store), STATUS_OK);
            is_open = false;
        }
    }
    if (is_open)
        assert_int_equal(store_commit(db.store), STATUS_OK);
}

/* Behind the messages, in slices of any size, of which some are lost. */
static void count_late(void)
{
    struct store_late_state late;
    bool at_end = false;
    assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    while (!at_end) {
        struct store_slice slice = {.until = INT64_MAX, .rows_max = 1 + random_below(2000)};
        assert_int_equal(store_begin(db.store, false), STATUS_OK);
        assert_int_equal(store_late_count(db.store, late.newest, &slice, &at_end), STATUS_OK);
        if (random_below(4) != 0) {
            assert_int_equal(store_commit(db.store), STATUS_OK);
            continue;
        }
        store_rollback(db.store);
        at_end = false;
    }
}

/* --- the tables, without ids ------------------------------------------------------------------ */

#define OBSERVER(id) "(SELECT lower(identity) FROM observers WHERE id = " id ")"
#define NODE(id)     "(SELECT hex(public_key) FROM nodes WHERE id = " id ")"
#define HASH(id)     "(SELECT hex(hash) FROM transmissions WHERE id = " id ")"
#define CHANNEL(id)  "(SELECT name FROM channels WHERE id = " id ")"
#define SCOPE(id)    "(SELECT name FROM scopes WHERE id = " id ")"
#define SOURCE(id)   "(SELECT name FROM sources WHERE id = " id ")"

static const char *const packet_tables[] = {
    "SELECT name FROM sources ORDER BY 1",
    "SELECT hex(hash), type, route, observation_count, first_ms, last_ms, " NODE(
        "sender") ", hex(raw), is_forged FROM transmissions ORDER BY 1",
    "SELECT " HASH("transmission_id") ", " OBSERVER("observer_id") ", direction, path_size, hex(path), " SOURCE(
        "source_id") ", receipt_ms, envelope_ms, snr,"
                     " rssi, score, route, scope_code, " SCOPE(
                         "scope_id") ", hex(filled), is_skewed FROM observations"
                                     " ORDER BY 1, 2, 3, 4, 5",
    "SELECT identity, name, iata, name_ms, iata_ms, first_ms, last_ms, last_packet_ms,"
    " packet_count, skew_s, skew_ms FROM observers ORDER BY 1",
    "SELECT " OBSERVER("observer_id") ", hour, n FROM observer_skew ORDER BY 1, 2",
    "SELECT hex(public_key), name, role, lat, lon, first_ms, last_ms, last_relayed_ms, advert_time, advert_count,"
    " name_time, role_time, position_time, telemetry_time, hex(name_hash), hex(role_hash),"
    " hex(position_hash), hex(telemetry_hash), battery_mv, temperature_c, is_foreign,"
    " is_inactive FROM nodes ORDER BY 1",
    "SELECT hex(hash), reason, hex(raw), lower(observer), hex(node_key), node_name,"
    " first_ms, last_ms FROM dropped_packets ORDER BY 1, 2",
    "SELECT transmissions, observations, observers, nodes FROM meta",
};
static const char *const derived_tables[] = {
    "SELECT name FROM scopes ORDER BY 1",
    "SELECT hex(public_key), " SCOPE("scope_id") ", scope_ms FROM nodes ORDER BY 1",
    "SELECT name, is_encrypted, message_count, first_ms, last_ms FROM channels ORDER BY 1",
    "SELECT " HASH("transmission_id") ", " CHANNEL("channel_id") ", sender, text, sender_time"
                                                                 " FROM messages ORDER BY 1",
    "SELECT hex(from_hop), hex(to_hop), " OBSERVER(
        "observer_id") ", count, first_ms, last_ms"
                       " FROM neighbor_edges WHERE count > 0 ORDER BY 1, 2, 3",
    "SELECT kind, CASE WHEN kind IN (1, 7) THEN " OBSERVER("key") " WHEN kind = 2 THEN " NODE(
        "key") " ELSE key END, hour, observations, transmissions FROM rollups ORDER BY 1, 2, 3",
};
/* Edges without a count must not depend on the order either. */
static const char *const all_edges[] = {
    "SELECT hex(from_hop), hex(to_hop), " OBSERVER(
        "observer_id") ", count, first_ms, last_ms"
                       " FROM neighbor_edges ORDER BY 1, 2, 3",
};

static void assert_same_text(char *got, const char *wanted)
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

static char *dump_packets(void)
{
    return fixture_dump_queries(db.path, packet_tables, ARRAY_LEN(packet_tables));
}
static char *dump_derived(void)
{
    return fixture_dump_queries(db.path, derived_tables, ARRAY_LEN(derived_tables));
}

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
    " GROUP BY kind, key, hour ORDER BY 1, 2, 3";
/* clang-format on */
static const char rollups_stored[] =
    "SELECT kind, key, hour, observations, transmissions FROM rollups ORDER BY 1, 2, 3";

static const char edge_recount[] =
    "WITH RECURSIVE hop (id, observer, size, path, i) AS ("
    "  SELECT o.id, o.observer_id, o.path_size, o.path, 0 " RX
    "   AND o.route < 2 AND t.type <> 9 AND length(o.path) > 0"
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

static void assert_recount(const char *recount, const char *stored)
{
    char *wanted = fixture_dump_queries(db.path, &recount, 1);
    char *got = fixture_dump_queries(db.path, &stored, 1);
    /* behind the line that names the query */
    assert_same_text(strdup(strchr(got, '\n')), strchr(wanted, '\n'));
    free(got);
    free(wanted);
}

static void assert_recounts(void)
{
    assert_recount(rollup_recount, rollups_stored);
    assert_recount(edge_recount, edges_stored);
    assert_recount(channel_recount, channels_stored);
    assert_recount(meta_recount, meta_stored);
    assert_recount(row_recount, rows_stored);
    assert_int_equal(fixture_int(&db, NOT_IN_ITS_HOUR), 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void neither_order_nor_batches_change_the_tables(void **state)
{
    (void)state;
    char *packets_wanted = NULL;
    char *derived_wanted = NULL;
    char *edges_wanted = NULL;
    for (int round = 0; round < ROUNDS; round++) {
        open_db(SIGNATURE_DROP);
        apply(0, packet_count, round % 3 == 0 ? 5000 : 400);
        count_late();
        char *edges = fixture_dump_queries(db.path, all_edges, 1);
        if (round == 0) {
            packets_wanted = dump_packets();
            derived_wanted = dump_derived();
            edges_wanted = edges;
        } else {
            assert_same_text(dump_packets(), packets_wanted);
            assert_same_text(dump_derived(), derived_wanted);
            assert_same_text(edges, edges_wanted);
        }
        if (round % 10 == 0) {
            assert_recounts();
            assert_recount(relay_recount, relays_stored);
        }
        fixture_db_close(&db);
        shuffle();
    }
    free(packets_wanted);
    free(derived_wanted);
    free(edges_wanted);
}

static void derived_rows_equal_a_recount_at_any_commit(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        open_db((enum signature_mode)round);
        shuffle();
        for (size_t at = 0; at < packet_count;) {
            size_t to = at + 1 + random_below(1500);
            to = to < packet_count ? to : packet_count;
            apply(at, to, 300);
            count_late(); /* by the nodes of this moment */
            assert_recounts();
            at = to;
        }
        /* Everything once more: nothing but times may change. */
        char *before = dump_packets();
        char *derived = dump_derived();
        apply(0, packet_count, 5000);
        assert_same_text(dump_packets(), before);
        assert_same_text(dump_derived(), derived);
        assert_recounts();
        free(before);
        free(derived);
        fixture_db_close(&db);
    }
}

struct reports {
    int64_t done, total;
};
static void note_report(void *context, int64_t done, int64_t total)
{
    *(struct reports *)context = (struct reports){done, total};
}

static void a_rebuild_arrives_at_the_same(void **state)
{
    (void)state;
    shuffle();
    open_db(SIGNATURE_DROP);
    assert_false(store_needs_rebuild(db.store));
    apply(0, packet_count, 500);
    count_late();
    assert_true(fixture_int(&db, "SELECT count(last_relayed_ms) FROM nodes") > 5);
    assert_true(fixture_int(&db, "SELECT count(*) FROM rollups WHERE kind = 7") > 5);
    char *before = dump_packets();
    char *derived = dump_derived();
    struct reports reports = {0};
    const struct store_rebuild_progress progress = {note_report, &reports};
    assert_int_equal(store_rebuild(db.store, &progress), STATUS_OK);
    assert_same_text(dump_packets(), before);
    assert_same_text(dump_derived(), derived);
    assert_recounts();
    assert_recount(relay_recount, relays_stored);
    assert_recount(hour_recount, hours_stored);
    assert_true(reports.total > 0 && reports.done == reports.total);
    /* And packets may go on coming. */
    apply(0, packet_count, 500);
    assert_same_text(dump_derived(), derived);
    free(before);
    free(derived);
    fixture_db_close(&db);
}

struct life {
    int beats, verdict;
};
static int show_life(void *context)
{
    struct life *life = context;
    life->beats++;
    return life->verdict;
}

/* One statement may look at every observation there is: a report each ten thousand packets is no
 * sign of life then. A sign of life is no way to stop it. */
static void a_rebuild_shows_life_within_its_statements(void **state)
{
    (void)state;
    struct life life = {0, 0};
    fixture_db_open_with(&db, &(struct store_params){.channels = keys,
                                                     .scopes = scopes,
                                                     .progress = show_life,
                                                     .progress_context = &life});
    apply(0, packet_count, 500);
    char *derived = dump_derived();
    life = (struct life){0, 1};
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_true(life.beats > 0);
    assert_same_text(dump_derived(), derived);
    const int beats = life.beats;
    apply(0, packet_count, 500);
    assert_int_equal(life.beats, beats);
    free(derived);
    fixture_db_close(&db);
}

static void keys_and_regions_that_come_later_fill_the_history(void **state)
{
    (void)state;
    fixture_db_open(&db);
    apply(0, packet_count, 500);
    assert_int_equal(fixture_int(&db, "SELECT count(*) FROM messages WHERE text IS NOT NULL"), 0);
    assert_int_equal(fixture_int(&db, "SELECT count(*) FROM scopes"), 0);
    fixture_db_reopen_with(&db, &(struct store_params){.channels = keys, .scopes = scopes});
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_true(fixture_int(&db, "SELECT count(*) FROM messages WHERE text IS NOT NULL") > 0);
    assert_true(fixture_int(&db, "SELECT count(*) FROM scopes") > 0);
    assert_recounts();
    assert_recount(relay_recount, relays_stored);
    fixture_db_close(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_order_nor_batches_change_the_tables),
        cmocka_unit_test(derived_rows_equal_a_recount_at_any_commit),
        cmocka_unit_test(a_rebuild_arrives_at_the_same),
        cmocka_unit_test(a_rebuild_shows_life_within_its_statements),
        cmocka_unit_test(keys_and_regions_that_come_later_fill_the_history),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
