/* SPDX-License-Identifier: MIT
 *
 * rules: each list says no with its own outcome, to whom it concerns and to nobody else. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/envelope/rules.h"

#include "common/base/crypto.h"

#include <string.h>

static char region[] = "SJC", observer[] = "AABB";
static char high_node[] = "ff00000000000000000000000000000000000000000000000000000000000000";
static char low_node[] = "0100000000000000000000000000000000000000000000000000000000000000";
static char *one_region[] = {region}, *one_observer[] = {observer};
static char *two_nodes[] = {high_node, low_node};

static struct envelope envelope_of(enum envelope_kind kind, const char *who, const char *where)
{
    struct envelope envelope = {.kind = kind};
    (void)strncpy(envelope.observer, who, sizeof envelope.observer - 1);
    (void)strncpy(envelope.region, where, sizeof envelope.region - 1);
    return envelope;
}

/* How one message of `kind` fares. */
static enum outcome judge(const struct config *config, const struct config_source *source,
                          enum envelope_kind kind, const char *who, const char *where)
{
    struct rules *rules = rules_new(config);
    assert_non_null(rules);
    const struct envelope envelope = envelope_of(kind, who, where);
    const enum outcome outcome = rules_envelope(rules, source, &envelope);
    rules_free(rules);
    return outcome;
}

static void empty_lists_let_everybody_in(void **state)
{
    (void)state;
    const struct config config = {.file = NULL};
    assert_int_equal(judge(&config, NULL, ENVELOPE_PACKET, "x", ""), OUTCOME_NONE);
    assert_int_equal(judge(&config, NULL, ENVELOPE_STATUS, "x", ""), OUTCOME_NONE);
}

static void observers_are_denied_whatever_they_send(void **state)
{
    (void)state;
    const struct config config = {.observer_blacklist = {one_observer, 1}};
    assert_int_equal(judge(&config, NULL, ENVELOPE_PACKET, "aabb", "SJC"),
                     OUTCOME_FILTERED_OBSERVER);
    assert_int_equal(judge(&config, NULL, ENVELOPE_CLIENT, "aabb", ""), OUTCOME_FILTERED_OBSERVER);
    assert_int_equal(judge(&config, NULL, ENVELOPE_PACKET, "aabc", "SJC"), OUTCOME_NONE);
}

static void an_allow_list_lets_in_only_its_own(void **state)
{
    (void)state;
    const struct config config = {.observer_whitelist = {one_observer, 1}};
    assert_int_equal(judge(&config, NULL, ENVELOPE_STATUS, "aAbB", ""), OUTCOME_NONE);
    assert_int_equal(judge(&config, NULL, ENVELOPE_STATUS, "other", ""), OUTCOME_FILTERED_OBSERVER);
    assert_int_equal(judge(&config, NULL, ENVELOPE_MESSAGE, "companion", ""), OUTCOME_NONE);
}

static void regions_concern_observers_and_filters_packets(void **state)
{
    (void)state;
    const struct config everywhere = {.file = NULL};
    const struct config config = {.observer_iata_whitelist = {one_region, 1}};
    const struct config_source source = {.iata_filter = {one_region, 1}};
    assert_int_equal(judge(&config, NULL, ENVELOPE_STATUS, "x", "YVR"), OUTCOME_FILTERED_IATA);
    assert_int_equal(judge(&config, NULL, ENVELOPE_STATUS, "x", "sjc"), OUTCOME_NONE);
    assert_int_equal(judge(&config, NULL, ENVELOPE_CLIENT, "x", ""), OUTCOME_NONE);
    assert_int_equal(judge(&everywhere, &source, ENVELOPE_PACKET, "x", "YVR"),
                     OUTCOME_FILTERED_IATA);
    assert_int_equal(judge(&everywhere, &source, ENVELOPE_STATUS, "x", "YVR"), OUTCOME_NONE);
}

static void adverts_of_denied_nodes_and_foreign_places(void **state)
{
    (void)state;
    struct config config = {
        .node_blacklist = {two_nodes, 2},
        .geo_filter = {.shape = GEO_BOX, .low = {37, -123}, .high = {38, -121}},
    };
    uint8_t key[MESHCORE_KEY_BYTES] = {0x02};
    struct meshcore_advert advert = {.public_key = key, .app_data_valid = true};
    bool is_foreign = true;
    struct rules *rules = rules_new(&config);
    assert_non_null(rules);
    assert_int_equal(rules_advert(rules, &advert, &is_foreign), OUTCOME_NONE);
    assert_false(is_foreign); /* no position belongs to every area */
    advert.has_position = true;
    advert.lat_e6 = 37500000;
    advert.lon_e6 = -122000000;
    assert_int_equal(rules_advert(rules, &advert, &is_foreign), OUTCOME_NONE);
    assert_false(is_foreign);
    advert.lat_e6 = 51000000;
    assert_int_equal(rules_advert(rules, &advert, &is_foreign), OUTCOME_NONE);
    assert_true(is_foreign);
    key[0] = 0x01;
    assert_int_equal(rules_advert(rules, &advert, &is_foreign), OUTCOME_FILTERED_NODE);
    rules_free(rules);
}

/* A text message (type 2) of 22 bytes payload with a path. */
static void flood(struct meshcore_frame *out, uint8_t bytes[static 32], uint8_t header,
                  uint8_t path_len)
{
    memset(bytes, 0xab, 32);
    bytes[0] = header;
    bytes[1] = path_len;
    assert_int_equal(meshcore_parse(bytes, 32, out), MESHCORE_FRAME_OK);
}

static void a_phone_heard_the_last_hop_of_a_flood(void **state)
{
    (void)state;
    struct config config = {.client_rx_coverage = true};
    struct envelope_client client = {.says_rx = true};
    struct rules *rules = rules_new(&config);
    assert_non_null(rules);
    uint8_t bytes[32];
    struct meshcore_frame frame;
    const uint8_t *heard = NULL;
    size_t len = 0;
    flood(&frame, bytes, MESHCORE_TXT_MSG << 2 | MESHCORE_FLOOD, 0x42); /* two hops of two bytes */
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_NONE);
    assert_ptr_equal(heard, bytes + 4);
    assert_int_equal(len, 2);
    client.says_rx = false;
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_FILTERED_CLIENT);
    client.says_rx = true;
    client.is_rf = true; /* has a switch of its own */
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_FILTERED_CLIENT);
    config.client_rx_coverage = false;
    config.client_rx_observations = true;
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_NONE);
    client.is_rf = false;
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_FILTERED_CLIENT);
    config.client_rx_coverage = true;
    flood(&frame, bytes, MESHCORE_TXT_MSG << 2 | MESHCORE_FLOOD, 0x02); /* hops of one byte */
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_FILTERED_CLIENT);
    flood(&frame, bytes, MESHCORE_TXT_MSG << 2 | MESHCORE_DIRECT, 0x42); /* the way ahead */
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_FILTERED_CLIENT);
    flood(&frame, bytes, MESHCORE_TXT_MSG << 2 | MESHCORE_FLOOD, 0x40); /* nobody says who */
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_FILTERED_CLIENT);
    flood(&frame, bytes, MESHCORE_ADVERT << 2 | MESHCORE_FLOOD, 0x40); /* too short for one */
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_REJECTED_ADVERT);
    config.client_rx_coverage = false;
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_FILTERED_CLIENT);
    rules_free(rules);
}

static void a_repeaters_answer_has_the_phones_switch(void **state)
{
    (void)state;
    struct config config = {.node_blacklist = {two_nodes, 2}, .client_rx_observations = true};
    struct envelope_regions answer = {.target = {0x02}};
    struct rules *rules = rules_new(&config);
    assert_non_null(rules);
    assert_int_equal(rules_answer(rules, &answer), OUTCOME_FILTERED_CLIENT);
    config.client_rx_coverage = true;
    assert_int_equal(rules_answer(rules, &answer), OUTCOME_NONE);
    answer.target[0] = 0x01;
    assert_int_equal(rules_answer(rules, &answer), OUTCOME_FILTERED_NODE);
    rules_free(rules);
    const struct config denied = {.observer_blacklist = {one_observer, 1}};
    assert_int_equal(judge(&denied, NULL, ENVELOPE_REGIONS, "aabb", ""), OUTCOME_FILTERED_OBSERVER);
    const struct config allowed = {.observer_whitelist = {one_observer, 1}};
    assert_int_equal(judge(&allowed, NULL, ENVELOPE_REGIONS, "c1", ""), OUTCOME_NONE);
}

/* What a phone hears of a node that is not wanted is not wanted either. */
static void a_phone_tells_nothing_of_denied_nodes(void **state)
{
    (void)state;
    struct config config = {
        .client_rx_coverage = true,
        .node_blacklist = {two_nodes, 2},
        .signature_mode = SIGNATURE_OFF,
    };
    struct envelope_client client = {.says_rx = true};
    struct rules *rules = rules_new(&config);
    assert_non_null(rules);
    uint8_t bytes[2 + 100] = {MESHCORE_ADVERT << 2 | MESHCORE_FLOOD, 0x40, 0x02};
    struct meshcore_frame frame;
    const uint8_t *heard = NULL;
    size_t len = 0;
    assert_int_equal(meshcore_parse(bytes, sizeof bytes, &frame), MESHCORE_FRAME_OK);
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_NONE);
    bytes[2] = 0x01;
    assert_int_equal(meshcore_parse(bytes, sizeof bytes, &frame), MESHCORE_FRAME_OK);
    assert_int_equal(rules_heard(rules, &client, &frame, &heard, &len), OUTCOME_FILTERED_NODE);
    rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_lists_let_everybody_in),
        cmocka_unit_test(observers_are_denied_whatever_they_send),
        cmocka_unit_test(an_allow_list_lets_in_only_its_own),
        cmocka_unit_test(regions_concern_observers_and_filters_packets),
        cmocka_unit_test(adverts_of_denied_nodes_and_foreign_places),
        cmocka_unit_test(a_phone_heard_the_last_hop_of_a_flood),
        cmocka_unit_test(a_phone_tells_nothing_of_denied_nodes),
        cmocka_unit_test(a_repeaters_answer_has_the_phones_switch),
    };
    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
