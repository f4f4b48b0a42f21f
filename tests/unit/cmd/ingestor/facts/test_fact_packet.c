/* SPDX-License-Identifier: MIT
 *
 * fact_packet: what leaves by the outbox is, byte for byte, what an export of the same packets
 * sends. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/facts/fact_source.h"
#include "cmd/ingestor/store/store.h"
#include "common/mesh/region_scopes.h"
#include "tests/support/store_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HOUR_MS   INT64_C(3600000)
#define T0        (INT64_C(24) * 20000 * HOUR_MS + 600000)
#define BODY_MAX  ((size_t)1 << 20)
#define GZIP_BITS 31
#define GRP_TXT   0x15 /* flood, no codes */

static void apply(struct store *store, const struct fixture_packet *packet)
{
    IGNORE(fixture_apply(store, packet), "asserts");
}

/* Packets of many kinds: heard twice, over hops, sent, scoped, without measurements, adverts, a
 * forged one, channel messages that nobody can read, and one that is heard in two hours. */
static void hear_all(struct store *store)
{
    struct fixture_packet packet;
    uint8_t payload[40] = {0x42};
    assert_int_equal(store_begin(store, false), STATUS_OK);
    for (uint32_t i = 0; i < 6; i++) {
        fixture_text(&packet, i % 2 == 0 ? "observer a" : "observer b", i / 2, i % 3,
                     T0 + (int64_t)i * 1000);
        apply(store, &packet);
    }
    fixture_text(&packet, "observer c", 1, 2, T0 + HOUR_MS);
    packet.envelope.packet.snr = packet.envelope.packet.rssi = (double)NAN;
    packet.envelope.packet.score = 0.25;
    packet.envelope.packet.direction = DIRECTION_TX;
    packet.envelope.has_time = false;
    apply(store, &packet);
    fixture_text(&packet, "observer a", 9, 1, T0 + 7000);
    fixture_scope(&packet, "sjc");
    apply(store, &packet);
    for (int i = 0; i < 2; i++) {
        fixture_text(&packet, i == 0 ? "observer a" : "observer b", 10, 1, T0 + 7100 + i);
        fixture_scope(&packet, "#sjc");
        apply(store, &packet);
    }
    for (uint8_t i = 0; i < 3; i++) {
        fixture_advert(&packet, "observer a",
                       &(struct fixture_advert){.key_seed = (uint8_t)(i + 1),
                                                .timestamp = 1700000000U + i,
                                                .name = "node",
                                                .lat = 37.5,
                                                .lon = -122.25,
                                                .is_forged = i == 2},
                       T0 + 8000 + i);
        apply(store, &packet);
    }
    for (uint8_t i = 0; i < 3; i++) {
        payload[1] = i;
        fixture_frame(&packet, "observer b", GRP_TXT, payload, sizeof payload, T0 + 9000 + i);
        apply(store, &packet);
    }
    assert_int_equal(store_commit(store), STATUS_OK);
}

/* --- what an export sends --------------------------------------------------------------------- */

static size_t export_rows(const char *path, enum fact fact, uint8_t *out)
{
    struct connection connection = {.db = NULL};
    struct err err = {0};
    struct rowbinary_writer w;
    size_t len = 0;
    size_t at = 0;
    while (fact_sources[at].fact != fact)
        at++;
    struct statement from = {.sql = fact_sources[at].sql};
    rowbinary_init(&w, BODY_MAX);
    assert_int_equal(db_open_reader(path, &connection.db, &err), STATUS_OK);
    assert_int_equal(statements_prepare(&connection, &from, 1, &err), STATUS_OK);
    bind_int(&from, 1, 0);
    bind_int(&from, 2, 1000);
    while (statement_row(&from) == STATUS_OK) {
        struct fact_row row;
        assert_true(fact_source_row(&fact_sources[at], &from, 0, &w, &row));
        memcpy(out + len, w.bytes, w.len);
        len += w.len;
    }
    statements_finalize(&from, 1);
    connection_close(&connection);
    rowbinary_done(&w);
    return len;
}

/* --- what leaves ------------------------------------------------------------------------------ */

static size_t unpack(const void *bytes, size_t len, uint8_t *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes,
                  .avail_in = (uInt)len,
                  .next_out = out,
                  .avail_out = (uInt)BODY_MAX};
    assert_int_equal(inflateInit2(&z, GZIP_BITS), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t got = (size_t)z.total_out;
    assert_int_equal(inflateEnd(&z), Z_OK);
    return got;
}

static size_t outbox_rows(const char *path, enum fact fact, uint8_t *out)
{
    struct connection connection = {.db = NULL};
    struct err err = {0};
    char like[64];
    size_t len = 0;
    struct statement from = SQL("SELECT body FROM outbox WHERE into_text LIKE ?1 ORDER BY id");
    (void)snprintf(like, sizeof like, "%s (%%", fact_tables[fact].name);
    assert_int_equal(db_open_reader(path, &connection.db, &err), STATUS_OK);
    assert_int_equal(statements_prepare(&connection, &from, 1, &err), STATUS_OK);
    bind_text(&from, 1, like);
    while (statement_row(&from) == STATUS_OK)
        len += unpack(sqlite3_column_blob(from.handle, 0),
                      (size_t)sqlite3_column_bytes(from.handle, 0), out + len);
    statements_finalize(&from, 1);
    connection_close(&connection);
    return len;
}

static void test_both_ways_give_the_same_rows(void **state)
{
    (void)state;
    static const enum fact facts[] = {FACT_OBS, FACT_ADVERTS, FACT_MESSAGES};
    static const struct store_rules rules = {.signatures = SIGNATURE_FLAG};
    char sjc[] = "#sjc";
    char muc[] = "#muc";
    char *regions[] = {sjc, muc};
    struct region_scopes *scopes =
        region_scopes_new(&(struct config_list){.items = regions, .count = ARRAY_LEN(regions)});
    struct fixture_db here;
    struct fixture_db there;
    uint8_t *expected = malloc(2 * BODY_MAX);
    uint8_t *got = malloc(2 * BODY_MAX);
    assert_true(expected != NULL && got != NULL);
    fixture_db_open_with(&here, &(struct store_params){.rules = rules, .scopes = scopes});
    fixture_db_open_with(&there,
                         &(struct store_params){.rules = rules,
                                                .scopes = scopes,
                                                .outbox = {.shards = 1, .max_bytes = 1 << 20}});
    hear_all(here.store);
    hear_all(there.store);
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        const size_t want = export_rows(here.path, facts[i], expected);
        const size_t len = outbox_rows(there.path, facts[i], got);
        assert_true(want > 0);
        assert_int_equal(len, want);
        assert_memory_equal(got, expected, want);
        assert_int_equal(memmem(got, len, "#sjc", 4) != NULL, facts[i] == FACT_OBS);
    }
    free(expected);
    free(got);
    fixture_db_close(&here);
    fixture_db_close(&there);
    region_scopes_free(scopes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_both_ways_give_the_same_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
