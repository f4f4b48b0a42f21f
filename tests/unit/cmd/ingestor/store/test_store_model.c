/* SPDX-License-Identifier: MIT
 *
 * Recorded packets, and made copies of them, in many orders and batches: the tables end alike
 * (store.h I4); derived rows equal a recount at any time, and store_rebuild arrives at the
 * same (I5). */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_fixture.h"
#include "tests/support/store_recount.h"

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
    "SELECT kind, CASE WHEN kind IN (1, 7) THEN " OBSERVER("key") " WHEN kind = 2 THEN " NODE("key") " WHEN kind = 8 AND key < 1000 THEN " SCOPE("key") " WHEN kind = 10 THEN " OBSERVER(
        "key / 16") " || (key % 16) WHEN kind = 11 THEN " OBSERVER("key / 128") " || (key % 128) WHEN"
                                                                                " kind IN (12, 13) THEN " OBSERVER(
                                                                                    "key / 64") " || (key % 64) ELSE key END, hour,"
                                                                                                " observations, transmissions FROM rollups ORDER BY 1, 2, 3",
    "SELECT " NODE("node_id") ", " OBSERVER(
        "observer_id") ", count, snr_n, snr_sum, rssi_n,"
                       " rssi_sum, hops_sum, last_ms FROM node_observers ORDER BY 1, 2",
};
/* Edges without a count must not depend on the order either. */
static const char *const all_edges[] = {
    "SELECT hex(from_hop), hex(to_hop), " OBSERVER(
        "observer_id") ", count, first_ms, last_ms"
                       " FROM neighbor_edges ORDER BY 1, 2, 3",
};

static char *dump_packets(void)
{
    return fixture_dump_queries(db.path, packet_tables, ARRAY_LEN(packet_tables));
}
static char *dump_derived(void)
{
    return fixture_dump_queries(db.path, derived_tables, ARRAY_LEN(derived_tables));
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
            recount_assert_same(dump_packets(), packets_wanted);
            recount_assert_same(dump_derived(), derived_wanted);
            recount_assert_same(edges, edges_wanted);
        }
        if (round % 10 == 0) {
            recount_assert(&db);
            recount_assert_relays(&db);
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
            recount_assert(&db);
            at = to;
        }
        /* Everything once more: nothing but times may change. */
        char *before = dump_packets();
        char *derived = dump_derived();
        apply(0, packet_count, 5000);
        recount_assert_same(dump_packets(), before);
        recount_assert_same(dump_derived(), derived);
        recount_assert(&db);
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
    recount_assert_same(dump_packets(), before);
    recount_assert_same(dump_derived(), derived);
    recount_assert(&db);
    recount_assert_relays(&db);
    recount_assert_hours(&db);
    assert_true(reports.total > 0 && reports.done == reports.total);
    /* And packets may go on coming. */
    apply(0, packet_count, 500);
    recount_assert_same(dump_derived(), derived);
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
    count_late();
    char *derived = dump_derived();
    life = (struct life){0, 1};
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_true(life.beats > 0);
    recount_assert_same(dump_derived(), derived);
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
    recount_assert(&db);
    recount_assert_relays(&db);
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
