/* SPDX-License-Identifier: MIT
 *
 * store.h I4: the order of messages and their grouping into batches do not change the final
 * rows, ids apart. */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_messages.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0     INT64_C(1774798050000) /* some receipt time */
#define T0_S   UINT32_C(1774798050)
#define WINDOW 540000 /* all receipts; below the ten minutes of a redelivery */
#define DAY    86400

enum { ADVERTS = 120, STATUSES = 80, OTHERS = 120, MESSAGES = ADVERTS + STATUSES + OTHERS };

static struct fixture_packet adverts[ADVERTS];
static struct fixture_status statuses[STATUSES];
static struct fixture_message others[OTHERS];

/* xorshift: the same numbers everywhere, so a failure can be seen again. */
static uint32_t state_of_dice = 2463534242U;
static uint32_t dice(uint32_t sides)
{
    state_of_dice ^= state_of_dice << 13;
    state_of_dice ^= state_of_dice >> 17;
    state_of_dice ^= state_of_dice << 5;
    return state_of_dice % sides;
}

static const char *const observers[] = {"Roof", "roof", "tower", "TOWER", "cellar"};

static int64_t some_receipt(void)
{
    return T0 + dice(WINDOW / 1000) * INT64_C(1000); /* equal ones occur */
}

static void some_origin(struct envelope *envelope)
{
    static const char *const names[] = {"", "one", "two", "th\x01ree"};
    static const char *const regions[] = {"", "SJC", "SFO"};
    (void)snprintf(envelope->origin, sizeof envelope->origin, "%s", names[dice(4)]);
    (void)snprintf(envelope->region, sizeof envelope->region, "%s", regions[dice(3)]);
}

/* None is a copy of an observation: those are store_packet.c's matter. */
static void make_adverts(void)
{
    static const char *const names[] = {NULL, "", "Alpha", "Beta"};
    static const uint32_t times[] = {
        100, 1715770800, T0_S - 5, T0_S - DAY - 200, T0_S - 2 * DAY, T0_S + DAY + 200, 4000000000U};
    for (size_t i = 0; i < ADVERTS; i++) {
        const bool is_again = i % 3 != 0; /* by the next observer */
        static struct fixture_advert a;
        if (!is_again)
            a = (struct fixture_advert){.key_seed = (uint8_t)(1 + dice(3)),
                                        .timestamp = times[dice(7)] + dice(3),
                                        .name = names[dice(4)],
                                        .lat = dice(3) == 0 ? (double)NAN : (double)dice(3),
                                        .lon = dice(3)};
        a.is_share = dice(4) == 0;
        char observer[16];
        (void)snprintf(observer, sizeof observer, "%s%zu", dice(2) == 0 ? "hill" : "Hill", i % 3);
        /* as they come, and days before and after: imports, another ring's backlog */
        static const int64_t days[] = {0, 0, 0, -1, -2, 3};
        fixture_advert(&adverts[i], observer, &a, some_receipt() + days[dice(6)] * DAY * 1000);
        adverts[i].frame.hash_size = (uint8_t)(1 + i); /* an observation of its own */
        some_origin(&adverts[i].envelope);
        adverts[i].packet.is_retained = dice(4) == 0;
        adverts[i].envelope.time_is_naive = dice(3) == 0;
        if (dice(2) == 0)
            adverts[i].envelope.envelope_ms -= 7200000;
    }
}

static void make_statuses(void)
{
    static const char *const words[] = {"", "a", "b"};
    for (size_t i = 0; i < STATUSES; i++) {
        struct fixture_status *s = &statuses[i];
        const bool is_timed = dice(3) != 0;
        const double battery_mv = dice(3) == 0 ? (double)NAN : 4000 + dice(4);
        const int64_t receipt_ms = some_receipt();
        fixture_status(s, observers[dice(5)], battery_mv,
                       is_timed ? T0 - 3000000 + dice(4) * INT64_C(1000000) : 0, receipt_ms);
        some_origin(&s->envelope);
        struct envelope_status *said = &s->envelope.status;
        (void)snprintf(said->status, sizeof said->status, "%s",
                       dice(4) == 0 ? "offline" : "online");
        (void)snprintf(said->model, sizeof said->model, "%s", words[dice(3)]);
        (void)snprintf(said->radio, sizeof said->radio, "%s", words[dice(3)]);
        said->can_relay = (int)dice(3) - 1;
        said->noise_floor = dice(2) == 0 ? (double)NAN : -100 - (double)dice(3);
        s->envelope.time_is_naive = dice(2) == 0;
        s->message.flags = dice(3) == 0 ? RING_RETAIN : 0;
        const int len = snprintf(s->payload, sizeof s->payload, "%zu", i);
        s->message.payload_len = (uint32_t)len;
    }
}

#define LINE(key, snr, ago) "{\"pubkey\":\"" key "\",\"snr\":" snr ",\"heard_secs_ago\":" ago "}"

#define ASKED(key, status, scopes)                                                                 \
    "{\"pubkey\":\"" key "\",\"status\":\"" status "\",\"scopes\":" scopes "}"

static void make_others(void)
{
    static const char *const lines[] = {LINE("aa", "1", "10") "," LINE("bb", "2", "20"),
                                        LINE("aa", "3", "5"),
                                        LINE("bb", "2", "21"),
                                        LINE("aa", "4", "5") "," LINE("aa", "5", "4"),
                                        ASKED("aa", "responded", "\"eu,de\""),
                                        ASKED("aa", "timeout", "null"),
                                        ASKED("aa", "responded", "\"\""),
                                        ASKED("bb", "responded", "\"eu\""),
                                        ASKED("bb", "send_failed", "\"x\"")};
    static const char *const names[] = {"\"eu\"", "\"*\"", "", "\"eu\",\"de\""};
    static const char *const clients[] = {"c1", "c2"};
    static const char *const texts[] = {"Ann: hi", "Bob: hi", "no sender", "Ann: bye"};
    static const char *const sources[] = {"one", "two", "three"};
    for (size_t i = 0; i < OTHERS; i++) {
        struct fixture_message *m = &others[i];
        const int64_t receipt_ms = some_receipt();
        if (i % 3 == 0) {
            fixture_neighbors(m, observers[dice(5)], lines[dice(ARRAY_LEN(lines))],
                              dice(2) == 0 ? 0 : T0 - 100000 + dice(3) * INT64_C(50000),
                              receipt_ms);
            some_origin(&m->envelope);
            m->message.flags = dice(2) == 0 ? RING_RETAIN : 0;
        } else if (i % 12 == 1) {
            fixture_regions(m, (uint8_t)(1 + dice(2)), clients[dice(2)], names[dice(4)],
                            T0 - dice(4) * INT64_C(1000), receipt_ms);
            m->envelope.regions.is_truncated = dice(3) == 0;
            m->message.flags = dice(4) == 0 ? RING_RETAIN : 0;
        } else if (i % 3 == 1) {
            fixture_companion(m, sources[dice(3)], (int)dice(3) - 1, texts[dice(4)], receipt_ms);
        } else {
            fixture_client(m, sources[dice(3)], dice(2) == 0 ? "\x01\x02" : "\x01\x03",
                           T0 - dice(3) * INT64_C(1000),
                           dice(2) == 0 ? (double)NAN : (double)dice(9), receipt_ms);
            m->envelope.client.lat = dice(3);
        }
    }
}

static void apply(struct store *store, size_t i)
{
    if (i < ADVERTS)
        IGNORE(fixture_apply(store, &adverts[i]), "the rows are compared");
    else if (i < ADVERTS + STATUSES)
        IGNORE(fixture_apply_status(store, &statuses[i - ADVERTS]), "the rows are compared");
    else
        IGNORE(fixture_apply_message(store, &others[i - ADVERTS - STATUSES]),
               "the rows are compared");
}

static const char *const tables[] = {
    "SELECT hex(public_key), name, name_time, role, role_time, lat, lon, position_time, is_foreign,"
    " hex(name_hash), hex(role_hash), hex(position_hash), first_ms, last_ms, advert_time,"
    " advert_count FROM nodes ORDER BY 1",
    "SELECT identity, name, name_ms, iata, iata_ms, first_ms, last_ms, last_packet_ms, packet_count,"
    " status_count, status, status_ms, model, model_ms, radio, radio_ms, battery_mv, battery_mv_ms,"
    " noise_floor, noise_floor_ms, can_relay, can_relay_ms, skew_s, skew_ms FROM observers ORDER BY 1",
    "SELECT o.identity, hour, n FROM observer_skew k JOIN observers o ON o.id = k.observer_id ORDER BY"
    " 1, 2",
    "SELECT o.identity, envelope_ms, hex(payload_hash), receipt_ms, m.battery_mv FROM"
    " observer_metrics m JOIN observers o ON o.id = m.observer_id ORDER BY 1, 4",
    "SELECT o.identity, as_of_ms, total FROM neighbor_reports r JOIN observers o ON o.id ="
    " r.observer_id ORDER BY 1",
    "SELECT o.identity, neighbor, as_of_ms, heard_ms, snr, r.status, scopes, scopes_ms FROM"
    " reported_neighbors r JOIN observers o ON o.id = r.observer_id ORDER BY 1, 2",
    "SELECT hex(target), as_of_ms, is_truncated, regions, client FROM region_answers ORDER BY 1",
    "SELECT name, is_encrypted, message_count, first_ms, last_ms FROM channels ORDER BY 1",
    "SELECT c.name, peer, sender, text, s.name, receipt_ms FROM companion_messages m JOIN sources s ON"
    " s.id = m.source_id LEFT JOIN channels c ON c.id = channel_id ORDER BY 1, 2, 3, 4, 6",
    "SELECT client, hex(heard), rx_ms, lat, lon, snr, s.name, receipt_ms FROM client_receptions r JOIN"
    " sources s ON s.id = r.source_id ORDER BY 1, 2, 3",
    "SELECT observers, nodes FROM meta",
};

/* batch: 0 = all in one, else a commit after each message with a chance of one in `batch`. */
static char *rows_of(const size_t *order, uint32_t batch)
{
    struct fixture_db db;
    fixture_db_open(&db);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    for (size_t i = 0; i < MESSAGES; i++) {
        apply(db.store, order[i]);
        if (batch == 0 || dice(batch) != 0)
            continue;
        assert_int_equal(store_commit(db.store), STATUS_OK);
        if (dice(8) == 0)
            store_forget(db.store);
        assert_int_equal(store_begin(db.store, false), STATUS_OK);
    }
    assert_int_equal(store_commit(db.store), STATUS_OK);
    char *text = fixture_dump_queries(db.path, tables, ARRAY_LEN(tables));
    fixture_db_close(&db);
    return text;
}

static void assert_same(const char *wanted, const char *got, int round)
{
    size_t line = 0;
    for (size_t i = 0; wanted[i] != '\0' && wanted[i] == got[i]; i++)
        if (wanted[i] == '\n')
            line = i + 1;
    if (strcmp(wanted, got) != 0)
        fail_msg("round %d:\n%.300s\nis not\n%.300s", round, got + line, wanted + line);
}

static void the_order_of_messages_does_not_matter(void **state)
{
    (void)state;
    make_adverts();
    make_statuses();
    make_others();
    size_t order[MESSAGES];
    for (size_t i = 0; i < MESSAGES; i++)
        order[i] = i;
    char *wanted = rows_of(order, 0);
    for (int round = 0; round < 100; round++) {
        for (size_t i = MESSAGES - 1; i > 0; i--) {
            const size_t other = dice((uint32_t)i + 1);
            const size_t swapped = order[i];
            order[i] = order[other];
            order[other] = swapped;
        }
        char *got = rows_of(order, 1 + (uint32_t)round % 40);
        assert_same(wanted, got, round);
        free(got);
    }
    free(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_messages_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
