/* SPDX-License-Identifier: MIT
 *
 * Rows that are known by a name, whose ids the store keeps: the caches forget, and never lie. */
#include "tests/support/channel_seal.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/store_case.h"

#include "common/base/crypto.h"

#include <stdio.h>
#include <string.h>

#define T0 INT64_C(1774798050000)

static void apply_from(struct store *store, const char *source, uint32_t seed)
{
    struct fixture_packet p;
    fixture_text(&p, "A", seed, 0, T0 + seed);
    p.envelope.packet.rssi = -(double)seed;
    p.packet.source = source;
    assert_int_equal(fixture_apply(store, &p).outcome, OUTCOME_COMMITTED);
}

/* Of 300 sources only 128 are kept. rssi tells which one each observation is of. */
static void more_sources_than_are_kept_keep_their_ids(void **state)
{
    (void)state;
    enum { SOURCES = 300 };
    for (uint32_t seed = 0; seed < 3 * SOURCES; seed++) {
        char source[16];
        (void)snprintf(source, sizeof source, "s%u", seed % SOURCES);
        apply_from(db.store, source, seed);
    }
    assert_text_sql("SELECT count(*) FROM sources", "300");
    assert_text_sql("SELECT count(*) FROM observations o JOIN sources s ON s.id = o.source_id WHERE"
                    " s.name = 's' || (CAST(-o.rssi AS INTEGER) % 300)",
                    "900");
}

/* The row that it made is gone, and its id goes to another. */
static void a_name_of_a_rolled_back_record_is_not_kept(void **state)
{
    (void)state;
    struct fixture_packet p;
    struct store_result result;
    fixture_text(&p, "A", 1, 0, T0);
    p.packet.source = "x";
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p.packet, &result), STATUS_OK);
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    apply_from(db.store, "y", 2);
    apply_from(db.store, "x", 3);
    assert_text_sql("SELECT group_concat(s.name || CAST(-o.rssi AS INTEGER)) FROM observations o"
                    " JOIN sources s ON s.id = o.source_id",
                    "y2,x3");
}

static void apply_text(struct store *store, const uint8_t *key, uint32_t time_s)
{
    struct fixture_packet p;
    const struct channel_sealed sealed = channel_seal_text(key, 16, time_s, 0, "bob: hi");
    fixture_frame(&p, "A", MESHCORE_GRP_TXT << 2 | MESHCORE_FLOOD, sealed.bytes, sealed.len, T0);
    assert_int_equal(fixture_apply(store, &p).outcome, OUTCOME_COMMITTED);
}

/* A key may bear the name under which messages without a key are kept; then its row is no
 * longer encrypted. */
static void a_key_named_as_an_encrypted_channel_opens_its_row(void **state)
{
    (void)state;
    static const uint8_t unknown_key[16] = {1};
    static const uint8_t known_key[16] = {2};
    char name[8];
    char hex[] = "02000000000000000000000000000000";
    channel_encrypted_name(channel_seal_text(unknown_key, 16, 1, 0, "x").bytes[0], name);
    struct config_pair pairs[] = {{.name = name, .value = hex}};
    struct channel_keys *keys =
        channel_keys_new(&(struct config_pairs){pairs, 1}, &(struct config_list){0});
    assert_non_null(keys);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_db_reopen_with(&db, &(struct store_params){.channels = keys});
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    apply_text(db.store, unknown_key, 1);
    apply_text(db.store, unknown_key, 2);
    apply_text(db.store, known_key, 3);
    apply_text(db.store, unknown_key, 4);
    apply_text(db.store, known_key, 5);
    assert_text_sql("SELECT group_concat(is_encrypted || ' ' || message_count) FROM channels",
                    "0 5");
    assert_text_sql("SELECT count(text) || ' of ' || count(*) FROM messages", "2 of 5");
    fixture_db_reopen(&db); /* the store borrows the keys */
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    channel_keys_free(keys);
}

/* Nothing of a store is shared: each has its statements, its caches and its batch. */
static void two_stores_are_open_at_once(void **state)
{
    (void)state;
    struct fixture_db other;
    fixture_db_open(&other);
    assert_int_equal(store_begin(other.store, false), STATUS_OK);
    apply_from(other.store, "z", 99);
    for (uint32_t seed = 1; seed <= 20; seed++) {
        apply_from(db.store, "x", seed);
        apply_from(other.store, seed % 2 != 0 ? "x" : "y", seed);
    }
    assert_int_equal(store_commit(other.store), STATUS_OK);
    char text[512];
    assert_string_equal(
        fixture_text_of(&other,
                        "SELECT group_concat(name || n) FROM (SELECT s.name, count(*)"
                        " AS n FROM observations o JOIN sources s ON s.id ="
                        " o.source_id GROUP BY s.id ORDER BY s.id)",
                        text),
        "z1,x10,y10");
    assert_string_equal(fixture_text_of(&other, "SELECT observations FROM meta", text), "21");
    assert_text_sql("SELECT group_concat(id || name) FROM sources", "1x");
    assert_text_sql("SELECT observations FROM meta", "20");
    fixture_db_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(more_sources_than_are_kept_keep_their_ids, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_name_of_a_rolled_back_record_is_not_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_key_named_as_an_encrypted_channel_opens_its_row, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_stores_are_open_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
