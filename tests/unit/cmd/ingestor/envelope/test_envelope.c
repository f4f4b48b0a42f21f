/* SPDX-License-Identifier: MIT
 *
 * Recorded messages against what is known of them, and the dialects of protocol.md 7.1 and 7.3
 * one by one. */
#include "tests/support/cmocka_all.h"
#include "tests/support/corpus.h"
#include "tests/support/jsonl.h"

#include "cmd/ingestor/envelope/envelope.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS "meshcore/SJC/obs1/packets"
#define NONE    ((double)NAN)
#define STATUS  "meshcore/SJC/obs1/status"
#define RAW     "\"raw\":\"0A00D69FD7A5A7475DB07337749AE61FA53A4788E976\"" /* 22 bytes, TXT_MSG */

/* --- recorded messages ------------------------------------------------------------------------ */

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *text_member(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(member(object, key));
    return text != NULL ? text : "";
}

static void check_number(const struct jsonl_case *c, const char *key, double value)
{
    const cJSON *expected = member(member(c->expected, "envelope"), key);
    const bool is_same = cJSON_IsNumber(expected) ? value == expected->valuedouble : isnan(value);
    if (!is_same)
        fail_msg("%s: %s is %g", c->id, key, value);
}

static void check_text(const struct jsonl_case *c, const char *key, const char *value)
{
    if (strcmp(text_member(member(c->expected, "envelope"), key), value) != 0)
        fail_msg("%s: %s is \"%s\"", c->id, key, value);
}

static void check_status_fields(const struct jsonl_case *c, const struct envelope_status *status)
{
    check_text(c, "status", status->status);
    check_text(c, "model", status->model);
    check_text(c, "firmware", status->firmware);
    check_text(c, "client_version", status->client_version);
    check_text(c, "radio", status->radio);
    check_number(c, "battery_mv", status->battery_mv);
    check_number(c, "uptime_secs", status->uptime_secs);
    check_number(c, "tx_air_secs", status->tx_air_secs);
    check_number(c, "rx_air_secs", status->rx_air_secs);
    check_number(c, "recv_errors", status->recv_errors);
    check_number(c, "packets_sent", status->packets_sent);
    check_number(c, "packets_recv", status->packets_recv);
    check_number(c, "noise_floor", status->noise_floor);
}

static void check_signal(const struct jsonl_case *c, double snr, double rssi, double score,
                         enum envelope_direction direction)
{
    check_number(c, "snr", snr);
    check_number(c, "rssi", rssi);
    check_number(c, "score", score);
    const cJSON *expected = member(c->expected, "envelope");
    assert_int_equal(direction, strcmp(text_member(expected, "direction"), "tx") == 0);
}

/* Of each class its kind, and what only it has. */
static void check_kind(const struct jsonl_case *c, const struct envelope *e)
{
    const char *class_name = text_member(member(c->expected, "envelope"), "class");
    if (strcmp(class_name, "status") == 0) {
        assert_int_equal(e->kind, ENVELOPE_STATUS);
        check_status_fields(c, &e->status);
    } else if (strcmp(class_name, "client-reception") == 0) {
        assert_int_equal(e->kind, ENVELOPE_CLIENT);
        check_text(c, "clientId", e->client.client);
        const struct envelope_packet *packet = &e->client.packet;
        check_signal(c, packet->snr, packet->rssi, packet->score, packet->direction);
    } else if (strstr(class_name, "-message") != NULL) {
        assert_int_equal(e->kind, ENVELOPE_MESSAGE);
        assert_int_equal(e->message.is_direct, strcmp(class_name, "direct-message") == 0);
        const struct envelope_message *message = &e->message;
        check_signal(c, message->snr, message->rssi, message->score, message->direction);
    } else {
        assert_string_equal(class_name, "packet");
        assert_int_equal(e->kind, ENVELOPE_PACKET);
        check_signal(c, e->packet.snr, e->packet.rssi, e->packet.score, e->packet.direction);
    }
}

static void check_fields(const struct jsonl_case *c, const struct envelope *e)
{
    const cJSON *expected = member(c->expected, "envelope");
    const char *time_kind = text_member(expected, "timestampKind");
    if (!cJSON_IsTrue(member(expected, "topicOdd"))) { /* else only what blind counting gives */
        check_text(c, "region", e->region);
        check_text(c, "observerId", e->observer);
    }
    check_text(c, "origin", e->origin);
    assert_int_equal(e->has_time,
                     strcmp(time_kind, "zone-aware") == 0 || strcmp(time_kind, "naive") == 0);
    if (e->has_time)
        assert_int_equal(e->time_is_naive, strcmp(time_kind, "naive") == 0);
    check_kind(c, e);
}

static enum outcome expected_outcome(const struct jsonl_case *c)
{
    const cJSON *envelope = member(c->expected, "envelope");
    const char *class_name = text_member(envelope, "class");
    if (strcmp(class_name, "not-a-json-object") == 0)
        return OUTCOME_REJECTED_JSON;
    if (strcmp(class_name, "other") == 0)
        return member(member(c->message, "payload"), "data") != NULL ? OUTCOME_FILTERED_NO_FRAME
                                                                     : OUTCOME_FILTERED_KEEPALIVE;
    if (strcmp(class_name, "client-reception") == 0)
        return OUTCOME_NONE;
    if (strstr(class_name, "-message") != NULL)
        return text_member(member(c->message, "payload"), "text")[0] != '\0'
                   ? OUTCOME_NONE
                   : OUTCOME_FILTERED_EMPTY;
    if (strncmp(c->topic, "meshcore/events/", 16) == 0)
        return OUTCOME_FILTERED_TOPIC;
    if (strcmp(c->topic, "meshcore/status") == 0)
        return OUTCOME_FILTERED_TOPIC; /* a frame, nothing of a status */
    if (cJSON_IsTrue(member(envelope, "topicOdd")))
        return OUTCOME_REJECTED_ENVELOPE; /* none of them has an origin_id */
    return strcmp(text_member(member(c->expected, "packet"), "error"), "bad_hex") == 0
               ? OUTCOME_REJECTED_HEX
               : OUTCOME_NONE;
}

static void check_case(const struct jsonl_case *c)
{
    struct envelope envelope;
    const enum outcome outcome = envelope_parse(
        c->topic, strlen(c->topic), (const uint8_t *)c->payload, c->payload_len, &envelope);
    if (outcome != expected_outcome(c))
        fail_msg("%s: outcome %d instead of %d", c->id, (int)outcome, (int)expected_outcome(c));
    if (outcome == OUTCOME_NONE)
        check_fields(c, &envelope);
}

static void reads_the_fixtures(void **state)
{
    (void)state;
    assert_true(jsonl_check(FIXTURES_DIR, "mesh_messages", check_case) > 100);
}

/* --- cuts ------------------------------------------------------------------------------------- */

/* What any input may end in, and what a taken one promises. */
static void check_promises(const struct jsonl_case *c, size_t len, enum outcome outcome,
                           const struct envelope *e)
{
    if (outcome != OUTCOME_NONE) {
        assert_int_equal(outcome_info(outcome)->side, OUTCOME_SIDE_FLUSHER);
        return;
    }
    if (e->observer[0] == '\0' || memchr(e->observer, '\0', sizeof e->observer) == NULL)
        fail_msg("%s cut to %zu: a stored kind without an observer", c->id, len);
    assert_in_range(e->kind, ENVELOPE_PACKET, ENVELOPE_REGIONS);
}

/* Each cut payload in a block of exactly its size, so that ASan sees a read behind the end. */
static void cut_payload_of(const struct jsonl_case *c)
{
    for (size_t len = 0; len <= c->payload_len; len++) {
        uint8_t *copy = malloc(len > 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, c->payload, len);
        struct envelope envelope;
        const enum outcome outcome =
            envelope_parse(c->topic, strlen(c->topic), copy, len, &envelope);
        check_promises(c, len, outcome, &envelope);
        free(copy);
    }
}

static void cut_topic_of(const struct jsonl_case *c)
{
    const size_t whole = strlen(c->topic);
    for (size_t len = 0; len < whole; len++) {
        char *copy = malloc(len > 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, c->topic, len);
        struct envelope envelope;
        const enum outcome outcome =
            envelope_parse(copy, len, (const uint8_t *)c->payload, c->payload_len, &envelope);
        check_promises(c, len, outcome, &envelope);
        free(copy);
    }
}

static void cut_case(const struct jsonl_case *c)
{
    cut_payload_of(c);
    cut_topic_of(c);
}

static void survives_every_cut(void **state)
{
    (void)state;
    assert_true(jsonl_check(FIXTURES_DIR, "mesh_messages", cut_case) > 100);
}

static void survives_every_cut_of_the_corpus(void **state)
{
    (void)state;
    static const char *const names[] = {"packets", "multi_observer", "status", "testvectors"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(jsonl_check(CORPUS_DIR, names[i], cut_case) > 0);
}

static void reads_the_corpus(void **state)
{
    (void)state;
    assert_int_equal(jsonl_check(CORPUS_DIR, "packets", check_case), 500);
    assert_int_equal(jsonl_check(CORPUS_DIR, "multi_observer", check_case), 1115);
    assert_int_equal(jsonl_check(CORPUS_DIR, "testvectors", check_case), 95);
    assert_int_equal(jsonl_check(CORPUS_DIR, "status", check_case), 31);
}

/* --- dialects --------------------------------------------------------------------------------- */

static enum outcome parse_bytes(const char *topic, const char *payload, size_t len,
                                struct envelope *out)
{
    /* On the heap and exact, so that ASan sees a read behind the end. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, payload, len);
    const enum outcome outcome = envelope_parse(topic, strlen(topic), copy, len, out);
    free(copy);
    return outcome;
}

static enum outcome parse(const char *topic, const char *payload, struct envelope *out)
{
    return parse_bytes(topic, payload, strlen(payload), out);
}

static void names_the_outcome_of_what_is_not_stored(void **state)
{
    (void)state;
    const struct {
        const char *topic, *payload;
        enum outcome outcome;
    } cases[] = {
        {PACKETS, "", OUTCOME_FILTERED_EMPTY},
        {PACKETS, "\n", OUTCOME_FILTERED_EMPTY},
        {STATUS, "", OUTCOME_FILTERED_EMPTY},
        {PACKETS, "hello", OUTCOME_REJECTED_JSON},
        {PACKETS, "[]", OUTCOME_REJECTED_JSON},
        {PACKETS, "\"raw\"", OUTCOME_REJECTED_JSON},
        {PACKETS, "{" RAW "}}", OUTCOME_REJECTED_JSON},
        {PACKETS, "{" RAW ",\"a\":[[[[[[[[1]]]]]]]]}", OUTCOME_REJECTED_JSON},
        {PACKETS, "{}", OUTCOME_FILTERED_KEEPALIVE},
        {PACKETS, "{\"raw\":null}", OUTCOME_FILTERED_KEEPALIVE},
        {PACKETS, "{\"raw\":\"\"}", OUTCOME_FILTERED_KEEPALIVE},
        {PACKETS, "{" RAW ",\"len\":\"0\"}", OUTCOME_FILTERED_KEEPALIVE},
        {PACKETS, "{" RAW ",\"len\":0}", OUTCOME_FILTERED_KEEPALIVE},
        {PACKETS, "{\"raw\":17}", OUTCOME_REJECTED_HEX},
        {PACKETS, "{\"raw\":[\"0A00\"]}", OUTCOME_REJECTED_HEX},
        {PACKETS, "{\"raw\":\"0A0\"}", OUTCOME_REJECTED_HEX},
        {PACKETS, "{\"raw\":\"0x0A00\"}", OUTCOME_REJECTED_HEX},
        {PACKETS, "{\"raw\":\"0A 00\"}", OUTCOME_REJECTED_HEX},
        {PACKETS, "{\"raw\":\"0A00\\u0000\"}", OUTCOME_REJECTED_HEX},
        {PACKETS, "{" RAW ",\"direction\":\"tx\",\"len\":\"23\"}", OUTCOME_FILTERED_TX},
        {PACKETS, "{" RAW ",\"direction\":\"tx\",\"packet_type\":4}", OUTCOME_FILTERED_TX},
        {"meshcore/packets", "{" RAW ",\"origin\":\"x\"}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/packets", "{" RAW ",\"origin_id\":\"\"}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/packets", "{" RAW ",\"origin_id\":5}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/status", "{\"status\":\"online\"}", OUTCOME_REJECTED_ENVELOPE},
        {"meshcore/status", "{\"online\":true}", OUTCOME_FILTERED_TOPIC},
        {"meshcore/SJC/obs1/news", "{\"a\":1}", OUTCOME_FILTERED_TOPIC},
        {"meshcore/SJC/obs1/news", "text", OUTCOME_REJECTED_JSON},
        {"meshcore/SJC/obs1/debug", "{" RAW "}", OUTCOME_FILTERED_TOPIC},
        {"meshcore/SJC/obs1/serial/commands", "x", OUTCOME_FILTERED_TOPIC},
        {"meshcore/events/connection", "", OUTCOME_FILTERED_TOPIC},
        {"meshcore/5B98/event/advert", "{" RAW "}", OUTCOME_FILTERED_TOPIC}, /* the hub's */
        {PACKETS, "{\"raw\":false}", OUTCOME_FILTERED_KEEPALIVE},            /* bool = absent */
        {PACKETS, "{\"RAW\":\"0A00\"}", OUTCOME_FILTERED_KEEPALIVE}, /* keys are case-sensitive */
        {PACKETS, "{\"len\":\"0\",\"raw\":\"\"}", OUTCOME_FILTERED_KEEPALIVE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope envelope;
        const enum outcome outcome = parse(cases[i].topic, cases[i].payload, &envelope);
        if (outcome != cases[i].outcome)
            fail_msg("%s %s: %d instead of %d", cases[i].topic, cases[i].payload, (int)outcome,
                     (int)cases[i].outcome);
    }
}

static void takes_the_observer_from_the_topic_first(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(parse(PACKETS, "{" RAW ",\"origin_id\":\"other\"}", &e), OUTCOME_NONE);
    assert_string_equal(e.observer, "obs1");
    assert_int_equal(parse("meshcore/packets", "{" RAW ",\"origin_id\":\"other\"}", &e),
                     OUTCOME_NONE);
    assert_string_equal(e.observer, "other");
    assert_string_equal(e.region, "");
    assert_int_equal(parse("meshcore/SJC/obs1/news", "{" RAW "}", &e), OUTCOME_NONE);
    assert_string_equal(e.observer, "obs1");
}

/* A broker refuses a NUL in a topic; one that does not must not make an observer without a name. */
static void refuses_an_observer_that_begins_with_a_nul(void **state)
{
    (void)state;
    static const char topic[] = "meshcore/SJC/\0obs/packets";
    static const char payload[] = "{" RAW "}";
    struct envelope e;
    assert_int_equal(
        envelope_parse(topic, sizeof topic - 1, (const uint8_t *)payload, sizeof payload - 1, &e),
        OUTCOME_REJECTED_ENVELOPE);
}

static void lets_the_payload_name_the_region(void **state)
{
    (void)state;
    const struct {
        const char *payload, *region;
    } cases[] = {
        {"{" RAW "}", "SJC"},
        {"{" RAW ",\"region\":\"OAK\"}", "OAK"},
        {"{" RAW ",\"region\":\" oak \"}", "OAK"},
        {"{" RAW ",\"region\":\"\"}", "SJC"},
        {"{" RAW ",\"region\":\"  \"}", "SJC"},
        {"{" RAW ",\"region\":7}", "SJC"},
        {"{" RAW ",\"region\":\"a-very-long-region-name\"}", "A-VERY-LONG-REG"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        assert_int_equal(parse(PACKETS, cases[i].payload, &e), OUTCOME_NONE);
        assert_string_equal(e.region, cases[i].region);
    }
}

static void reads_numbers_in_every_spelling(void **state)
{
    (void)state;
    const struct {
        const char *members;
        double snr;
    } cases[] = {
        {"\"SNR\":5.5", 5.5},
        {"\"SNR\":\"5.5\"", 5.5},
        {"\"snr\":\"-9.25 dB\"", -9.25},
        {"\"SNR\":7,\"snr\":1", 7},
        {"\"snr\":1,\"SNR\":7", 7},
        {"\"SNR\":null,\"snr\":1", 1},
        {"\"SNR\":false,\"snr\":1", 1},
        {"\"SNR\":\"bad\",\"snr\":1", NONE},
        {"\"SNR\":\"\",\"snr\":1", NONE},
        {"\"SNR\":{},\"snr\":1", NONE},
        {"\"Snr\":1", NONE},
        {"\"SNR\":\"NaN\"", NONE},
        {"\"SNR\":\"0x10\"", NONE},
        {"\"SNR\":1e400", NONE},
        {"\"SNR\":0", 0},
        {"\"SNR\":1,\"SNR\":2", 2},
        {"\"\\u0053NR\":3", 3},
        {"\"SNR\":\"\\u0035\"", 5},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[256];
        (void)snprintf(payload, sizeof payload, "{" RAW ",%s}", cases[i].members);
        assert_int_equal(parse(PACKETS, payload, &e), OUTCOME_NONE);
        const bool is_same =
            isnan(cases[i].snr) ? isnan(e.packet.snr) : e.packet.snr == cases[i].snr;
        if (!is_same)
            fail_msg("%s: %g instead of %g", cases[i].members, e.packet.snr, cases[i].snr);
    }
}

static void trusts_a_tx_that_does_not_contradict_itself(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"direction\":\"tx\",\"len\":\"22\",\"packet_type\":\"2\"",
        "\"Direction\":\"TX\",\"len\":22",
        "\"direction\":\"tx\",\"len\":null,\"packet_type\":\"TXT\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct envelope e;
        char payload[256];
        (void)snprintf(payload, sizeof payload, "{" RAW ",%s}", members[i]);
        assert_int_equal(parse(PACKETS, payload, &e), OUTCOME_NONE);
        assert_int_equal(e.packet.direction, DIRECTION_TX);
    }
    /* Of a received frame `raw` is the truth, whatever else the envelope says. */
    struct envelope e;
    assert_int_equal(parse(PACKETS, "{" RAW ",\"len\":\"5\",\"packet_type\":9}", &e), OUTCOME_NONE);
    assert_int_equal(e.packet.direction, DIRECTION_RX);
    assert_int_equal(e.packet.raw_len, 22);
    assert_int_equal(e.packet.raw[21], 0x76);
}

static void tolerates_what_surrounds_the_object(void **state)
{
    (void)state;
    struct envelope e;
    static const char text[] = "\xef\xbb\xbf \n{" RAW "}\r\n\0\0";
    assert_int_equal(parse_bytes(PACKETS, text, sizeof text - 1, &e), OUTCOME_NONE);
    assert_int_equal(parse_bytes(PACKETS, "\0", 1, &e), OUTCOME_FILTERED_EMPTY);
    assert_int_equal(parse_bytes(PACKETS, "\xef\xbb\xbf", 3, &e), OUTCOME_FILTERED_EMPTY);
}

static void keeps_names_as_valid_utf8(void **state)
{
    (void)state;
    const struct {
        const char *origin, *kept;
    } cases[] = {
        {"Key Route \\u00f0\\u0178\\u2014\\udc9d",
         "Key Route \xc3\xb0\xc5\xb8\xe2\x80\x94\xef\xbf\xbd"},
        {"cut \xf0\x9f\x98", "cut \xef\xbf\xbd"},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
        {"a\\u0000b", "a\xef\xbf\xbd"
                      "b"},
        {"Unknown", ""},
        {" x ", " x "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[256];
        (void)snprintf(payload, sizeof payload, "{" RAW ",\"origin\":\"%s\"}", cases[i].origin);
        assert_int_equal(parse(PACKETS, payload, &e), OUTCOME_NONE);
        assert_string_equal(e.origin, cases[i].kept);
    }
}

static void limits_sizes(void **state)
{
    (void)state;
    struct envelope e;
    static char payload[ENVELOPE_PAYLOAD_MAX + 2];
    memset(payload, ' ', sizeof payload);
    memcpy(payload, "{" RAW, sizeof "{" RAW - 1);
    payload[ENVELOPE_PAYLOAD_MAX - 1] = '}';
    assert_int_equal(parse_bytes(PACKETS, payload, ENVELOPE_PAYLOAD_MAX, &e), OUTCOME_NONE);
    assert_int_equal(parse_bytes(PACKETS, payload, ENVELOPE_PAYLOAD_MAX + 1, &e),
                     OUTCOME_REJECTED_JSON);
    char raw[600];
    for (int digits = 506; digits <= 514; digits += 2) {
        (void)snprintf(raw, sizeof raw, "{\"raw\":\"%0*d\"}", digits, 0);
        assert_int_equal(parse(PACKETS, raw, &e),
                         digits <= 510 ? OUTCOME_NONE : OUTCOME_REJECTED_HEX);
    }
    char origin[400];
    (void)snprintf(origin, sizeof origin, "{" RAW ",\"origin\":\"%0300d\"}", 0);
    assert_int_equal(parse(PACKETS, origin, &e), OUTCOME_NONE);
    assert_int_equal(strlen(e.origin), ENVELOPE_TEXT_MAX - 1);
}

/* --- statuses --------------------------------------------------------------------------------- */

static void reads_a_full_status(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(
        parse(
            STATUS,
            "{\"status\":\"online\",\"timestamp\":\"2026-03-29T15:27:30.5\",\"repeater\":\"Hill\","
            "\"model\":\"unknown\",\"firmware\":\"1.0\",\"firmware_version\":\"1.16\","
            "\"client_version\":\"a\",\"clientVersion\":\"b\","
            "\"params\":{\"freq\":910.525,\"bw\":\"62.5\",\"sf\":7,\"cr\":5},\"repeat\":\"On\","
            "\"battery_mv\":1,\"noise_floor\":-99,\"recv_errors\":\"3\",\"stats\":{"
            "\"battery_mv\":4011.6,\"uptime_secs\":\"100\",\"noise_floor\":-110.5,"
            "\"packets_received\":9,\"debug_flags\":2,\"queue_len\":0}}",
            &e),
        OUTCOME_NONE);
    assert_int_equal(e.kind, ENVELOPE_STATUS);
    assert_true(e.has_time && e.time_is_naive);
    assert_int_equal(e.envelope_ms, 1774798050500);
    assert_string_equal(e.origin, "Hill");
    assert_string_equal(e.status.status, "online");
    assert_string_equal(e.status.model, "");
    assert_string_equal(e.status.firmware, "1.16");
    assert_string_equal(e.status.client_version, "b");
    assert_string_equal(e.status.radio, "910.525,62.5,7,5");
    assert_int_equal(e.status.can_relay, 1);
    assert_true(e.status.has_metrics);
    assert_true(e.status.battery_mv == 4012);
    assert_true(e.status.uptime_secs == 100);
    assert_true(e.status.noise_floor == -110.5);
    assert_true(e.status.recv_errors == 3);
    assert_true(e.status.packets_recv == 9);
    assert_true(e.status.errors == 2);
    assert_true(e.status.queue_len == 0);
    assert_true(isnan(e.status.packets_sent));
    assert_true(isnan(e.status.tx_air_secs));
}

static void a_status_may_be_empty(void **state)
{
    (void)state;
    struct envelope e;
    assert_int_equal(parse(STATUS, "{\"stats\":[1],\"params\":\"x\",\"timestamp\":12}", &e),
                     OUTCOME_NONE);
    assert_string_equal(e.observer, "obs1");
    assert_string_equal(e.status.status, "");
    assert_string_equal(e.status.radio, "");
    assert_false(e.status.has_metrics);
    assert_false(e.has_time);
    assert_int_equal(e.status.can_relay, -1);
}

static void reads_whether_a_node_relays(void **state)
{
    (void)state;
    const struct {
        const char *value;
        int can_relay;
    } cases[] = {
        {"true", 1},   {"false", 0},   {"1", 1},          {"0", 0},
        {"\"on\"", 1}, {"\"OFF\"", 0}, {"\"yes\"", 1},    {"\"no\"", 0},
        {"\"1\"", 1},  {"\"0\"", 0},   {"\"true\"", 1},   {"\"false\"", 0},
        {"null", -1},  {"\"\"", -1},   {"\"maybe\"", -1}, {"{}", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e;
        char payload[64];
        (void)snprintf(payload, sizeof payload, "{\"stats\":{},\"repeat\":%s}", cases[i].value);
        assert_int_equal(parse(STATUS, payload, &e), OUTCOME_NONE);
        if (e.status.can_relay != cases[i].can_relay)
            fail_msg("%s: %d", cases[i].value, e.status.can_relay);
    }
}

int main(int argc, char **argv)
{
    if (corpus_is_asked(argc, argv)) {
        const struct CMUnitTest recorded[] = {
            cmocka_unit_test(reads_the_corpus),
            cmocka_unit_test(survives_every_cut_of_the_corpus),
        };
        return corpus_is_there() ? cmocka_run_group_tests(recorded, NULL, NULL) : CORPUS_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_fixtures),
        cmocka_unit_test(survives_every_cut),
        cmocka_unit_test(names_the_outcome_of_what_is_not_stored),
        cmocka_unit_test(takes_the_observer_from_the_topic_first),
        cmocka_unit_test(refuses_an_observer_that_begins_with_a_nul),
        cmocka_unit_test(lets_the_payload_name_the_region),
        cmocka_unit_test(reads_numbers_in_every_spelling),
        cmocka_unit_test(trusts_a_tx_that_does_not_contradict_itself),
        cmocka_unit_test(tolerates_what_surrounds_the_object),
        cmocka_unit_test(keeps_names_as_valid_utf8),
        cmocka_unit_test(limits_sizes),
        cmocka_unit_test(reads_a_full_status),
        cmocka_unit_test(a_status_may_be_empty),
        cmocka_unit_test(reads_whether_a_node_relays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
