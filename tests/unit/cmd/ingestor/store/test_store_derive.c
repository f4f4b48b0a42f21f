/* SPDX-License-Identifier: MIT
 *
 * What is derived from packets, rule by rule; test_store_model.c looks at all of it together. */
#include "tests/support/cmocka_all.h"

#include "tests/support/channel_seal.h"
#include "tests/support/store_fixture.h"

#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_retention.h"
#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/db/schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HOUR INT64_C(493000) /* some hour; T0 is its first millisecond */
#define T0   (HOUR * ROLLUP_HOUR_MS)

static struct fixture_db db;
static struct channel_keys *keys;
static struct region_scopes *scopes;

static void open_with(enum signature_mode signatures)
{
    fixture_db_open_with(&db, &(struct store_params){.rules = {.signatures = signatures},
                                                     .channels = keys,
                                                     .scopes = scopes});
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

static int set_up(void **state)
{
    (void)state;
    static char names[][16] = {"#test", "#belgium", "#ottawa"};
    char *items[] = {names[0], names[1], names[2]};
    assert_true(crypto_init());
    keys = channel_keys_new(&(struct config_pairs){0}, &(struct config_list){items, 1});
    scopes = region_scopes_new(&(struct config_list){items, 3});
    assert_non_null(keys);
    assert_non_null(scopes);
    open_with(SIGNATURE_DROP);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_db_close(&db);
    channel_keys_free(keys);
    region_scopes_free(scopes);
    return 0;
}

static void commit_and_begin(void)
{
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

/* With what comes behind the messages. */
static void commit_and_count(void)
{
    struct store_late_state late;
    bool at_end = false;
    commit_and_begin();
    assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    while (!at_end) {
        struct store_slice slice = {.until = INT64_MAX, .rows_max = 99};
        assert_int_equal(store_late_count(db.store, late.newest, &slice, &at_end), STATUS_OK);
        commit_and_begin();
    }
}

static void assert_sql(const char *sql, const char *wanted)
{
    char text[512];
    if (strcmp(fixture_text_of(&db, sql, text), wanted) != 0)
        fail_msg("%s: %s, not %s", sql, text, wanted);
}

/* All rollups of a kind as "key@hour=observations/transmissions". */
#define ROLLUPS(kind)                                                                              \
    "SELECT group_concat(key || '@' || (hour - 493000) || '=' || observations || '/' ||"           \
    " transmissions, ' ') FROM (SELECT * FROM rollups WHERE kind = " #kind " ORDER BY key, hour)"
#define EDGES                                                                                      \
    "SELECT group_concat(hex(from_hop) || '>' || hex(to_hop) || '>' || observer_id || '=' ||"      \
    " count || '@' || (first_ms - 1774800000000) || '..' || (last_ms - 1774800000000), ' ') FROM"  \
    " (SELECT * FROM neighbor_edges ORDER BY from_hop, to_hop, observer_id)"

static struct store_result text(const char *observer, unsigned hops, double snr, double rssi,
                                int64_t receipt_ms)
{
    struct fixture_packet p;
    fixture_text(&p, observer, 1, hops, receipt_ms);
    p.envelope.packet.snr = snr;
    p.envelope.packet.rssi = rssi;
    return fixture_apply(db.store, &p);
}

/* --- rollups ---------------------------------------------------------------------------------- */

static void bins_are_named_by_their_lower_end(void **state)
{
    (void)state;
    const double missing = (double)NAN;
    IGNORE(text("A", 0, -0.25, -91, T0), "looked at below");
    IGNORE(text("B", 1, 300, -90, T0), "looked at below");
    IGNORE(text("C", 2, -300, 7, T0), "looked at below");
    IGNORE(text("D", 2, 0, -1000, T0), "looked at below");
    IGNORE(text("E", 2, missing, missing, T0), "looked at below");
    commit_and_begin();
    assert_sql(ROLLUPS(4), "-64@0=1/0 -1@0=1/0 0@0=1/0 63@0=1/0");
    assert_sql(ROLLUPS(5), "-200@0=1/0 -95@0=1/0 -90@0=1/0 0@0=1/0");
    assert_sql(ROLLUPS(6), "0@0=1/0 1@0=1/0 2@0=3/0");
    assert_sql(ROLLUPS(0), "0@0=5/1");
    assert_sql(ROLLUPS(3), "2@0=5/1");
}

static void an_earlier_copy_takes_its_contribution_along(void **state)
{
    (void)state;
    IGNORE(text("A", 1, 5, -90, T0), "looked at below");
    commit_and_begin();
    assert_sql(ROLLUPS(0), "0@0=1/1");
    assert_int_equal(text("A", 1, (double)NAN, -60, T0 - 1).outcome, OUTCOME_DUPLICATE);
    commit_and_begin();
    assert_sql(ROLLUPS(0), "0@-1=1/1");
    assert_sql(ROLLUPS(1), "1@-1=1/0");
    assert_sql(ROLLUPS(4), "5@-1=1/0"); /* of the later copy: the earlier has none */
    assert_sql(ROLLUPS(5), "-60@-1=1/0");
    assert_sql("SELECT (receipt_ms - 1774800000000) || ' ' || snr || ' ' || rssi FROM observations",
               "-1 5.0 -60.0");
    assert_sql(EDGES, "08>>1=0@-1..0"); /* its turn has not come */
    commit_and_count();
    assert_sql(EDGES, "08>>1=1@-1..0");
    assert_int_equal(text("A", 1, (double)NAN, -60, T0 - 2).outcome, OUTCOME_DUPLICATE);
    commit_and_begin();
    assert_sql(EDGES, "08>>1=1@-2..0");
}

/* store.h I4: of two copies the earlier one's values win, also among those that only fill a gap. */
static void gaps_are_filled_by_the_next_copy_in_time(void **state)
{
    (void)state;
    static const double snr[] = {(double)NAN, 7, 5};
    static const int64_t at[] = {10, 30, 20};
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        for (size_t j = 0; j < 3; j++) {
            const int copy = orders[i][j];
            IGNORE(text("A", 1, snr[copy], -90, T0 + at[copy]), "looked at below");
            commit_and_begin();
        }
        assert_sql("SELECT (receipt_ms - 1774800000000) || ' ' || snr FROM observations", "10 5.0");
        assert_sql(ROLLUPS(4), "5@0=1/0");
        fixture_db_close(&db);
        open_with(SIGNATURE_DROP);
    }
}

static void what_an_observer_sent_is_not_heard(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_text(&p, "A", 1, 2, T0);
    p.envelope.packet.direction = DIRECTION_TX;
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    commit_and_begin();
    assert_sql(ROLLUPS(0), "0@0=0/1");
    assert_sql(ROLLUPS(1), "NULL");
    assert_sql(EDGES, "NULL");
}

/* --- edges ------------------------------------------------------------------------------------ */

/* The path of fixture_text is seed * 7 + 1, + 2 ...: here 08, 09. */
static void floods_tell_who_heard_whom(void **state)
{
    (void)state;
    IGNORE(text("A", 2, 1, 1, T0 + 20), "looked at below");
    assert_int_equal(text("A", 2, 1, 1, T0 + 90).outcome, OUTCOME_DUPLICATE);
    IGNORE(text("B", 2, 1, 1, T0 + 40), "looked at below");
    commit_and_count();
    assert_sql(EDGES, "08>09>0=2@20..90 09>>1=1@20..90 09>>2=1@40..40");
}

static void a_path_that_comes_back_counts_an_edge_once(void **state)
{
    (void)state;
    struct fixture_packet p;
    static const uint8_t path[] = {0xA1, 0xB2, 0xA1, 0xB2};
    fixture_text(&p, "A", 1, 4, T0);
    memcpy(p.envelope.packet.raw + 2, path, sizeof path);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    fixture_text(&p, "B", 2, 4, T0);
    p.envelope.packet.raw[1] = 0x42; /* two hops of two bytes: prefixes of another length */
    memcpy(p.envelope.packet.raw + 2, path, sizeof path);
    assert_int_equal(meshcore_parse(p.envelope.packet.raw, p.envelope.packet.raw_len, &p.frame),
                     MESHCORE_FRAME_OK);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    commit_and_count();
    assert_sql(EDGES, "A1>B2>0=1@0..0 A1B2>>2=1@0..0 A1B2>A1B2>0=1@0..0 B2>>1=1@0..0"
                      " B2>A1>0=1@0..0");
}

/* protocol.md 1.3 and 4.10: ahead of a direct packet lies its path; a TRACE's holds SNR values. */
static void other_paths_are_no_edges(void **state)
{
    (void)state;
    struct fixture_packet p;
    static const uint8_t headers[] = {MESHCORE_TXT_MSG << 2 | MESHCORE_DIRECT,
                                      MESHCORE_TRACE << 2 | MESHCORE_FLOOD};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        fixture_text(&p, "A", (uint32_t)i, 2, T0);
        p.envelope.packet.raw[0] = headers[i];
        assert_int_equal(meshcore_parse(p.envelope.packet.raw, p.envelope.packet.raw_len, &p.frame),
                         MESHCORE_FRAME_OK);
        meshcore_content_hash(&p.frame, p.hash);
        IGNORE(fixture_apply(db.store, &p), "looked at below");
    }
    commit_and_count();
    assert_sql(EDGES, "NULL");
    assert_sql(ROLLUPS(6), "NULL");
}

/* A copy that came directly and before the flooded one: the edge is none, but its times stay. */
static void an_edge_without_a_count_is_not_shown(void **state)
{
    (void)state;
    struct fixture_packet p;
    IGNORE(text("A", 1, 1, 1, T0 + 9), "looked at below");
    commit_and_begin();
    fixture_text(&p, "A", 1, 1, T0);
    p.envelope.packet.raw[0] = MESHCORE_TXT_MSG << 2 | MESHCORE_DIRECT;
    p.frame.route = MESHCORE_DIRECT;
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    commit_and_begin();
    assert_sql(EDGES, "08>>1=0@9..9");
    commit_and_count();
    assert_sql(EDGES, "08>>1=0@9..9");
    assert_sql("SELECT count(*) FROM neighbor_edges_v", "0");
    assert_sql("SELECT t.route || ' ' || o.route FROM transmissions t, observations o", "2 2");
    assert_sql(ROLLUPS(6), "NULL");
}

/* Nothing else would ever take such a row away. */
static void an_edge_without_a_count_leaves_with_its_packet(void **state)
{
    (void)state;
    struct fixture_packet p;
    IGNORE(text("A", 2, 1, 1, T0 + 9), "the flood; only its times will be left");
    IGNORE(text("B", 1, 1, 1, T0 + 9), "keeps an edge of its own");
    fixture_text(&p, "A", 1, 2, T0);
    p.envelope.packet.raw[0] = MESHCORE_TXT_MSG << 2 | MESHCORE_DIRECT;
    p.frame.route = MESHCORE_DIRECT;
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    fixture_text(&p, "C", 2, 0, T0 + 10); /* the newest stays */
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    commit_and_count();
    assert_sql("SELECT group_concat(count) FROM (SELECT count FROM neighbor_edges ORDER BY count)",
               "0,0,1");
    struct store_walk walk = {
        .cutoff_ms = T0 + 10, .position = 1, .budget = 9, .stays_max = 9, .oldest_ms = INT64_MAX};
    struct store_slice slice = {.until = INT64_MAX, .rows_max = 99};
    assert_int_equal(store_walk_packets(db.store, &walk, &slice), STATUS_OK);
    commit_and_begin();
    assert_sql("SELECT count(*) FROM transmissions", "1");
    assert_sql("SELECT count(*) FROM neighbor_edges", "0");
}

static void a_rolled_back_record_leaves_no_deltas(void **state)
{
    (void)state;
    struct fixture_packet p;
    struct store_result r;
    fixture_text(&p, "A", 1, 3, T0);
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p.packet, &r), STATUS_OK);
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    commit_and_begin();
    assert_sql("SELECT (SELECT count(*) FROM rollups) + (SELECT count(*) FROM neighbor_edges)",
               "0");
}

/* --- messages --------------------------------------------------------------------------------- */

static void put_text(struct fixture_packet *p, const char *observer, const char *channel,
                     const char *words, int64_t receipt_ms)
{
    uint8_t key[16];
    channel_hashtag_key(channel, key);
    const struct channel_sealed sealed = channel_seal_text(key, sizeof key, 77, 0, words);
    fixture_frame(p, observer, MESHCORE_GRP_TXT << 2 | MESHCORE_FLOOD, sealed.bytes, sealed.len,
                  receipt_ms);
}

static void messages_have_a_channel_a_sender_and_a_text(void **state)
{
    (void)state;
    struct fixture_packet p;
    put_text(&p, "A", "#test", "Bob: hi: there", T0);
    assert_true(fixture_apply(db.store, &p).is_new_transmission);
    put_text(&p, "B", "#test", "Bob: hi: there", T0 + 5); /* a repeat */
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    commit_and_begin();
    put_text(&p, "A", "#test", "no sender", T0 + 10);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    put_text(&p, "A", "#elsewhere", "Bob: secret", T0 + 20);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    fixture_frame(&p, "A", MESHCORE_GRP_TXT << 2 | MESHCORE_FLOOD, (const uint8_t *)"short", 5, T0);
    assert_true(fixture_apply(db.store, &p).is_new_observation);
    commit_and_begin();
    assert_sql("SELECT group_concat(m.sender || '|' || m.text || '|' || m.sender_time) FROM"
               " messages m WHERE sender IS NOT NULL",
               "Bob|hi: there|77");
    assert_sql("SELECT text FROM messages WHERE sender IS NULL AND text IS NOT NULL", "no sender");
    assert_sql("SELECT count(*) FROM messages", "3");
    uint8_t key[16];
    uint8_t digest[32];
    channel_hashtag_key("#elsewhere", key);
    crypto_sha256(&(struct crypto_part){key, sizeof key}, 1, digest);
    char wanted[128];
    (void)snprintf(wanted, sizeof wanted, "#test 0 2 0 10,enc_%02X 1 1 20 20", digest[0]);
    assert_sql("SELECT group_concat(name || ' ' || is_encrypted || ' ' || message_count || ' ' ||"
               " (first_ms - 1774800000000) || ' ' || (last_ms - 1774800000000)) FROM channels",
               wanted);
    assert_sql("SELECT repeats || ' ' || text FROM messages_v WHERE sender = 'Bob'", "2 hi: there");
}

/* --- scopes ----------------------------------------------------------------------------------- */

/* protocol.md 5: of each reception; a node's default scope is the newest matched one. */
static void scopes_belong_to_receptions(void **state)
{
    (void)state;
    struct fixture_packet p;
    const struct fixture_advert advert = {1, 100, "X", (double)NAN, (double)NAN, false, false};
    static const struct {
        const char *observer, *region;
        int64_t at;
    } heard[] = {{"A", "#test", 30}, {"B", "#belgium", 20}, {"C", NULL, 90}, {"D", "#nowhere", 95}};
    for (size_t i = 0; i < ARRAY_LEN(heard); i++) {
        fixture_advert(&p, heard[i].observer, &advert, T0 + heard[i].at);
        if (heard[i].region != NULL)
            fixture_scope(&p, heard[i].region);
        IGNORE(fixture_apply(db.store, &p), "looked at below");
        commit_and_begin();
    }
    assert_sql("SELECT group_concat(coalesce(s.name, '-') || (o.scope_code IS NULL), ' ') FROM"
               " observations o LEFT JOIN scopes s ON s.id = o.scope_id",
               "#test0 #belgium0 -1 -0");
    assert_sql("SELECT s.name || ' ' || (n.scope_ms - 1774800000000) FROM nodes n JOIN scopes s ON"
               " s.id = n.scope_id",
               "#test 30");
    assert_sql("SELECT count(*) FROM transmissions", "1");
}

/* --- signatures ------------------------------------------------------------------------------- */

static const struct fixture_advert forged = {2, 100, "Evil", (double)NAN, (double)NAN, false, true};

static void a_refused_advert_leaves_an_audit_row(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_advert(&p, "B", &forged, T0 + 5);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_REJECTED_SIGNATURE);
    commit_and_begin();
    fixture_advert(&p, "A", &forged, T0 + 2);
    p.advert.signature = NULL; /* the verdict is remembered: nobody looks */
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_REJECTED_SIGNATURE);
    fixture_advert(&p, "C", &forged, T0 + 9);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_REJECTED_SIGNATURE);
    commit_and_begin();
    assert_sql(
        "SELECT reason || ' ' || observer || ' ' || node_name || ' ' || (first_ms - 1774800000000) || ' ' || (last_ms - 1774800000000) || ' ' ||"
        " length(node_key) FROM dropped_packets",
        "invalid signature A Evil 2 9 32");
    assert_sql("SELECT (SELECT count(*) FROM transmissions) + (SELECT count(*) FROM observers)"
               " + (SELECT count(*) FROM rollups)",
               "0");
}

static void the_audit_keeps_the_newest(void **state)
{
    (void)state;
    struct fixture_packet p;
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db,
                 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
                 " INSERT INTO dropped_packets (hash, reason, raw, first_ms, last_ms)"
                 " SELECT CAST(i AS BLOB), 'x', x'00', 0, 0 FROM n");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    fixture_advert(&p, "A", &forged, T0);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_REJECTED_SIGNATURE);
    commit_and_begin();
    assert_sql("SELECT count(*) || ' ' || min(id) || ' ' || max(id) FROM dropped_packets",
               "10000 2 10001");
}

static void a_flagged_advert_is_stored_but_makes_no_node(void **state)
{
    (void)state;
    fixture_db_close(&db);
    open_with(SIGNATURE_FLAG);
    struct fixture_packet p;
    fixture_advert(&p, "A", &forged, T0);
    struct store_result r = fixture_apply(db.store, &p);
    assert_true(r.outcome == OUTCOME_COMMITTED && r.is_new_transmission && !r.node_upserted);
    fixture_advert(&p, "B", &forged, T0);
    assert_true(fixture_apply(db.store, &p).is_new_observation);
    commit_and_begin();
    assert_sql("SELECT is_forged || ' ' || (sender IS NULL) || ' ' || observation_count FROM"
               " transmissions",
               "1 1 2");
    assert_sql("SELECT count(*) FROM nodes", "0");
    assert_sql(ROLLUPS(2), "NULL");
}

static void signatures_may_be_ignored(void **state)
{
    (void)state;
    fixture_db_close(&db);
    open_with(SIGNATURE_OFF);
    struct fixture_packet p;
    fixture_advert(&p, "A", &forged, T0);
    assert_true(fixture_apply(db.store, &p).node_upserted);
    commit_and_begin();
    assert_sql("SELECT (is_forged IS NULL) || ' ' || (sender = 1) FROM transmissions", "1 1");
    assert_sql(ROLLUPS(2), "1@0=1/1");
}

/* protocol.md 12.15: neither a reception nor a first one of that node. */
static void a_shared_contact_does_not_count_for_its_node(void **state)
{
    (void)state;
    struct fixture_packet p;
    const struct fixture_advert shared = {1, 100, "X", (double)NAN, (double)NAN, true, false};
    struct fixture_advert own = shared;
    own.is_share = false;
    fixture_advert(&p, "A", &shared, T0 + 5);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    commit_and_begin();
    assert_sql(ROLLUPS(2), "NULL");
    fixture_advert(&p, "B", &own, T0 + 7);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    commit_and_begin();
    assert_sql(ROLLUPS(2), "1@0=1/0"); /* the first copy is still the shared one */
    fixture_advert(&p, "A", &own, T0 + 4);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    commit_and_begin();
    assert_sql(ROLLUPS(2), "1@0=2/1");
}

/* --- rebuilding ------------------------------------------------------------------------------- */

static void hours_before_what_is_retained_stay(void **state)
{
    (void)state;
    IGNORE(text("A", 1, 1, 1, T0), "looked at below");
    IGNORE(text("B", 1, 1, 1, T0 - 1), "looked at below");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db, "UPDATE meta SET retained_from_ms = 1774800000000;"
                      "UPDATE rollups SET observations = 9 WHERE kind = 0;");
    fixture_db_reopen_with(&db, &(struct store_params){.channels = keys});
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_sql(ROLLUPS(0), "0@-1=9/1 0@0=1/0");
}

static void an_older_derivation_is_noticed(void **state)
{
    (void)state;
    IGNORE(text("A", 1, 1, 1, T0), "looked at below");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db, "UPDATE meta SET derived = 0; DELETE FROM rollups");
    fixture_db_reopen(&db);
    assert_true(store_needs_rebuild(db.store));
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_false(store_needs_rebuild(db.store));
    assert_sql(ROLLUPS(0), "0@0=1/1");
    fixture_db_reopen(&db);
    assert_false(store_needs_rebuild(db.store));
}

static void companion_texts_keep_their_channel(void **state)
{
    (void)state;
    struct fixture_packet p;
    put_text(&p, "A", "#test", "Bob: hi", T0);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db,
                 "INSERT INTO channels VALUES (7, 'ch3', 0, 99, 1, 2), (8, 'gone', 0, 5, 1, 2);"
                 "INSERT INTO companion_messages (channel_id, text, direction, source_id,"
                 " receipt_ms) VALUES (7, 'a', 0, 1, 40), (7, 'b', 0, 1, 50)");
    fixture_db_reopen_with(&db, &(struct store_params){.channels = keys});
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_sql("SELECT group_concat(name || ' ' || is_encrypted || ' ' || message_count || ' ' ||"
               " last_ms) FROM (SELECT * FROM channels ORDER BY id)",
               "#test 0 1 1774800000000,ch3 0 2 50");
}

static void version_1_is_migrated_and_derived(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_frame(&p, "A", MESHCORE_TXT_MSG << 2 | MESHCORE_FLOOD, (const uint8_t *)"payload", 7,
                  T0);
    fixture_scope(&p, "#belgium");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_db_load(&db, FIXTURES_DIR "/version_1.sql");
    char raw[2 * MESHCORE_FRAME_MAX + 1];
    char sql[1024];
    hex_encode_upper(p.envelope.packet.raw, p.envelope.packet.raw_len, raw);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE meta SET transmissions = 2, observations = 2;"
                   "INSERT INTO transmissions VALUES"
                   " (1, x'0000000000000001', 2, 0, 1, %lld, %lld, NULL, x'%s'),"
                   " (2, x'0000000000000002', 2, 2, 1, %lld, %lld, NULL, x'0A00AA');"
                   "INSERT INTO observations VALUES"
                   " (1, 1, 7, 0, 1, x'0A0B', 1, %lld, NULL, 1, NULL, NULL),"
                   " (2, 2, 7, 0, 1, x'', 1, %lld, NULL, 1, NULL, NULL)",
                   (long long)T0, (long long)T0, raw, (long long)T0, (long long)T0, (long long)T0,
                   (long long)T0);
    fixture_exec(&db, sql);
    fixture_db_reopen_with(&db, &(struct store_params){.scopes = scopes});
    assert_true(store_needs_rebuild(db.store));
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    (void)snprintf(raw, sizeof raw, "0 %d #belgium,2 - -", p.frame.transport[0]);
    assert_sql("SELECT group_concat(route || ' ' || coalesce(scope_code, '-') || ' ' ||"
               " coalesce((SELECT name FROM scopes s WHERE s.id = scope_id), '-')) FROM"
               " (SELECT * FROM observations ORDER BY id)",
               raw);
    assert_sql(EDGES, "0A>0B>0=1@0..0 0B>>7=1@0..0");
    assert_sql(ROLLUPS(0), "0@0=2/2");
}

/* A hundred opcodes a row are enough. */
static int count_beat(void *context)
{
    return ++*(int *)context > 20000 * 100 / 10000;
}

/* The rings hold only so many messages: a long history must not be compared row by
 * row with itself. */
static void samples_are_thinned_in_time_that_grows_with_their_number(void **state)
{
    (void)state;
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_db_load(&db, FIXTURES_DIR "/version_1.sql");
    fixture_exec(
        &db, "WITH RECURSIVE s (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 19999)"
             " INSERT INTO observer_metrics (observer_id, envelope_ms, payload_hash, receipt_ms)"
             " SELECT 1, i, x'00', 1774800000000 + i * 150000 FROM s");
    sqlite3 *raw = NULL;
    int beats = 0;
    assert_int_equal(sqlite3_open(db.path, &raw), SQLITE_OK);
    sqlite3_progress_handler(raw, 10000, count_beat, &beats);
    assert_int_equal(schema_migrate(raw, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(raw), SQLITE_OK);
    assert_sql("SELECT count(*) || ' ' || max(receipt_ms % 300000) FROM observer_metrics",
               "10000 0");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bins_are_named_by_their_lower_end),
        CASE(an_earlier_copy_takes_its_contribution_along),
        CASE(gaps_are_filled_by_the_next_copy_in_time),
        CASE(what_an_observer_sent_is_not_heard),
        CASE(floods_tell_who_heard_whom),
        CASE(a_path_that_comes_back_counts_an_edge_once),
        CASE(other_paths_are_no_edges),
        CASE(an_edge_without_a_count_is_not_shown),
        CASE(an_edge_without_a_count_leaves_with_its_packet),
        CASE(a_rolled_back_record_leaves_no_deltas),
        CASE(messages_have_a_channel_a_sender_and_a_text),
        CASE(scopes_belong_to_receptions),
        CASE(a_refused_advert_leaves_an_audit_row),
        CASE(the_audit_keeps_the_newest),
        CASE(a_flagged_advert_is_stored_but_makes_no_node),
        CASE(signatures_may_be_ignored),
        CASE(a_shared_contact_does_not_count_for_its_node),
        CASE(hours_before_what_is_retained_stay),
        CASE(an_older_derivation_is_noticed),
        CASE(companion_texts_keep_their_channel),
        CASE(version_1_is_migrated_and_derived),
        CASE(samples_are_thinned_in_time_that_grows_with_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
