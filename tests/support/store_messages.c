/* SPDX-License-Identifier: MIT */
#include "tests/support/store_messages.h"

#include "tests/support/cmocka_all.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void finish(struct fixture_message *out, const char *source, int64_t receipt_ms)
{
    out->message = (struct ring_message){.topic = out->topic,
                                         .topic_len = (uint16_t)strlen(out->topic),
                                         .payload = (const uint8_t *)out->payload,
                                         .payload_len = (uint32_t)strlen(out->payload),
                                         .receipt = receipt_ms * US_PER_MS};
    out->in = (struct store_message){.source = source,
                                     .envelope = &out->envelope,
                                     .message = &out->message,
                                     .receipt_ms = receipt_ms};
}

void fixture_companion(struct fixture_message *out, const char *source, int channel,
                       const char *text, int64_t receipt_ms)
{
    memset(out, 0, sizeof *out);
    struct envelope *envelope = &out->envelope;
    struct envelope_message *said = &envelope->message;
    envelope->kind = ENVELOPE_MESSAGE;
    (void)snprintf(envelope->observer, sizeof envelope->observer, "companion");
    said->is_direct = channel < 0;
    said->channel_idx = channel;
    (void)snprintf(said->peer, sizeof said->peer, "peer");
    (void)snprintf(said->text, sizeof said->text, "%s", text);
    said->has_sender_time = true;
    said->sender_time = 77;
    said->snr = 3.5;
    said->rssi = said->score = (double)NAN;
    (void)snprintf(out->topic, sizeof out->topic, "meshcore/message/%d", channel);
    (void)snprintf(out->payload, sizeof out->payload, "%s", text);
    finish(out, source, receipt_ms);
}

void fixture_client(struct fixture_message *out, const char *source, const char *heard,
                    int64_t rx_ms, double snr, int64_t receipt_ms)
{
    memset(out, 0, sizeof *out);
    struct envelope *envelope = &out->envelope;
    envelope->kind = ENVELOPE_CLIENT;
    struct envelope_client *client = &envelope->client;
    (void)snprintf(client->client, sizeof client->client, "ab12");
    client->lat = 47.5;
    client->lon = 8.25;
    client->accuracy_m = (double)NAN;
    client->packet.snr = snr;
    client->packet.rssi = (double)NAN;
    (void)snprintf(out->topic, sizeof out->topic, "meshcore/client/ab12/packets");
    finish(out, source, receipt_ms);
    out->client = (struct store_client){
        .heard = (const uint8_t *)heard, .heard_len = strlen(heard), .rx_ms = rx_ms};
}

void fixture_neighbors(struct fixture_message *out, const char *observer, const char *lines,
                       int64_t envelope_ms, int64_t receipt_ms)
{
    memset(out, 0, sizeof *out);
    struct envelope *envelope = &out->envelope;
    envelope->kind = ENVELOPE_NEIGHBORS;
    (void)snprintf(envelope->observer, sizeof envelope->observer, "%s", observer);
    envelope->has_time = envelope_ms != 0;
    envelope->envelope_ms = envelope_ms;
    (void)snprintf(out->topic, sizeof out->topic, "meshcore/SJC/%.30s/neighbors", observer);
    (void)snprintf(out->payload, sizeof out->payload, "%lld %s", (long long)envelope_ms, lines);
    struct envelope_neighbors *report = &envelope->neighbors;
    report->total = (int64_t)strlen(lines);
    report->queried = -1;
    report->list = strchr(out->payload, ' ') + 1;
    report->list_len = strlen(report->list);
    finish(out, "broker", receipt_ms);
}

void fixture_regions(struct fixture_message *out, uint8_t repeater, const char *client,
                     const char *names, int64_t envelope_ms, int64_t receipt_ms)
{
    memset(out, 0, sizeof *out);
    struct envelope *envelope = &out->envelope;
    envelope->kind = ENVELOPE_REGIONS;
    envelope->has_time = envelope_ms != 0;
    envelope->envelope_ms = envelope_ms;
    struct envelope_regions *answer = &envelope->regions;
    memset(answer->target, repeater, sizeof answer->target);
    (void)snprintf(answer->client, sizeof answer->client, "%s", client);
    (void)snprintf(envelope->observer, sizeof envelope->observer, "%s", client);
    (void)snprintf(out->topic, sizeof out->topic, "meshcore/client/%s/regions", client);
    (void)snprintf(out->payload, sizeof out->payload, "%u %lld %s", repeater,
                   (long long)envelope_ms, names);
    answer->list = out->payload + strlen(out->payload) - strlen(names);
    answer->list_len = strlen(names);
    finish(out, "broker", receipt_ms);
}

struct store_result fixture_apply_message(struct store *store,
                                          const struct fixture_message *message)
{
    struct store_result result = {.outcome = OUTCOME_NONE};
    enum status status = STATUS_INVALID;
    assert_int_equal(store_savepoint(store), STATUS_OK);
    if (message->envelope.kind == ENVELOPE_MESSAGE)
        status = store_companion(store, &message->in, &result);
    else if (message->envelope.kind == ENVELOPE_CLIENT)
        status = store_client(store, &message->in, &message->client, &result);
    else if (message->envelope.kind == ENVELOPE_NEIGHBORS)
        status = store_neighbors(store, &message->in, &result);
    else if (message->envelope.kind == ENVELOPE_REGIONS)
        status = store_regions(store, &message->in, &result);
    if (status != STATUS_OK)
        fail_msg("%s: %s", message->topic, store_error(store));
    assert_int_equal(store_release(store, result.outcome), STATUS_OK);
    return result;
}

void fixture_sensor(struct fixture_packet *out, const char *observer, uint8_t key_seed,
                    uint8_t role, const uint8_t *tail, size_t tail_len, int64_t receipt_ms)
{
    enum { KEY_AT = 2, SIGNATURE_AT = KEY_AT + 36, APP_AT = SIGNATURE_AT + 64 };
    const struct fixture_advert base = {key_seed, 100, "s", (double)NAN, (double)NAN, false, false};
    fixture_advert(out, observer, &base, receipt_ms);
    uint8_t seed[32];
    uint8_t public_key[32];
    uint8_t secret[64];
    memset(seed, key_seed, sizeof seed);
    assert_int_equal(crypto_sign_seed_keypair(public_key, secret, seed), 0);

    uint8_t *raw = out->envelope.packet.raw;
    raw[APP_AT] = (uint8_t)(0x80U | role);
    memcpy(raw + APP_AT + 2, tail, tail_len);
    uint8_t message[36 + 32];
    memcpy(message, raw + KEY_AT, 36);
    memcpy(message + 36, raw + APP_AT, 2 + tail_len);
    assert_int_equal(
        crypto_sign_detached(raw + SIGNATURE_AT, NULL, message, 36 + 2 + tail_len, secret), 0);
    out->envelope.packet.raw_len = APP_AT + 2 + tail_len;
    assert_int_equal(meshcore_parse(raw, out->envelope.packet.raw_len, &out->frame),
                     MESHCORE_FRAME_OK);
    meshcore_content_hash(&out->frame, out->hash);
    assert_true(meshcore_parse_advert(&out->frame, &out->advert));
}
