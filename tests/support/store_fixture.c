/* SPDX-License-Identifier: MIT */
#include "tests/support/store_fixture.h"

#include "common/base/crypto.h"
#include "tests/support/cmocka_all.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the database ----------------------------------------------------------------------------- */

void fixture_db_reopen_with(struct fixture_db *db, const struct store_params *params)
{
    store_close(db->store);
    db->store = NULL;
    struct err err = {0};
    struct store_params with_path = *params;
    with_path.path = db->path;
    with_path.cache_mb = 8;
    enum status status = store_open(&with_path, &db->store, &err);
    if (status != STATUS_OK)
        fail_msg("store_open: %s: %s", status_text(status), err.text);
}

void fixture_db_reopen(struct fixture_db *db)
{
    fixture_db_reopen_with(db, &(struct store_params){0});
}

void fixture_db_open(struct fixture_db *db)
{
    fixture_db_open_with(db, &(struct store_params){0});
}

/* An empty database, as one that was made and closed. To make one is most of what a short test
 * costs, and the fault tests want a thousand. */
static struct {
    uint8_t bytes[1U << 20];
    size_t len;
} empty;

static void keep_empty(struct fixture_db *db)
{
    fixture_db_reopen(db);
    store_close(db->store);
    db->store = NULL;
    FILE *file = fopen(db->path, "rb");
    assert_non_null(file);
    empty.len = fread(empty.bytes, 1, sizeof empty.bytes, file);
    assert_int_equal(fclose(file), 0);
    assert_in_range(empty.len, 1, sizeof empty.bytes - 1);
}

static void put_empty(struct fixture_db *db)
{
    FILE *file = fopen(db->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(empty.bytes, 1, empty.len, file), empty.len);
    assert_int_equal(fclose(file), 0);
}

void fixture_db_open_with(struct fixture_db *db, const struct store_params *params)
{
    memset(db, 0, sizeof *db);
    assert_true(crypto_init());
    (void)snprintf(db->dir, sizeof db->dir, "/tmp/weir-store-XXXXXX");
    assert_non_null(mkdtemp(db->dir));
    (void)snprintf(db->path, sizeof db->path, "%s/weir.db", db->dir);
    if (empty.len == 0)
        keep_empty(db);
    else
        put_empty(db);
    fixture_db_reopen_with(db, params);
}

void fixture_db_close(struct fixture_db *db)
{
    store_close(db->store);
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", db->path, suffixes[i]);
        IGNORE(unlink(path), "may not exist");
    }
    IGNORE(rmdir(db->dir), "a folder left in /tmp harms nobody");
}

/* --- messages --------------------------------------------------------------------------------- */

static void finish_packet(struct fixture_packet *out, const char *observer, int64_t receipt_ms)
{
    struct envelope *envelope = &out->envelope;
    envelope->kind = ENVELOPE_PACKET;
    (void)snprintf(envelope->observer, sizeof envelope->observer, "%s", observer);
    (void)snprintf(envelope->origin, sizeof envelope->origin, "name of %.60s", observer);
    (void)snprintf(envelope->region, sizeof envelope->region, "SJC");
    envelope->has_time = true;
    envelope->envelope_ms = receipt_ms - 40;
    envelope->packet.snr = 7.25;
    envelope->packet.rssi = -91;
    envelope->packet.score = (double)NAN;
    envelope->packet.direction = DIRECTION_RX;
    assert_int_equal(meshcore_parse(envelope->packet.raw, envelope->packet.raw_len, &out->frame),
                     MESHCORE_FRAME_OK);
    meshcore_content_hash(&out->frame, out->hash);
    out->packet = (struct store_packet){.source = "broker",
                                        .envelope = envelope,
                                        .frame = &out->frame,
                                        .hash = out->hash,
                                        .receipt_ms = receipt_ms};
}

void fixture_text(struct fixture_packet *out, const char *observer, uint32_t seed, unsigned hops,
                  int64_t receipt_ms)
{
    memset(out, 0, sizeof *out);
    uint8_t *raw = out->envelope.packet.raw;
    size_t n = 0;
    raw[n++] = (uint8_t)(MESHCORE_TXT_MSG << 2 | MESHCORE_FLOOD);
    raw[n++] = (uint8_t)hops;
    for (unsigned i = 0; i < hops; i++)
        raw[n++] = (uint8_t)(seed * 7 + i + 1);
    for (unsigned i = 0; i < 52; i++)
        raw[n++] = (uint8_t)((seed >> (8 * (i % 4))) + i);
    out->envelope.packet.raw_len = n;
    finish_packet(out, observer, receipt_ms);
}

void fixture_over(struct fixture_packet *out, const char *observer, const struct fixture_path *path,
                  int64_t receipt_ms)
{
    static uint32_t seed = 0;
    fixture_text(out, observer, ++seed, 0, receipt_ms);
    uint8_t *raw = out->envelope.packet.raw;
    const size_t len = (size_t)path->size * path->count;
    memmove(raw + 2 + len, raw + 2, out->envelope.packet.raw_len - 2);
    raw[0] = path->header;
    raw[1] = (uint8_t)((path->size - 1) << 6 | path->count);
    memcpy(raw + 2, path->bytes, len);
    out->envelope.packet.raw_len += len;
    assert_int_equal(meshcore_parse(raw, out->envelope.packet.raw_len, &out->frame),
                     MESHCORE_FRAME_OK);
    meshcore_content_hash(&out->frame, out->hash);
}

void fixture_frame(struct fixture_packet *out, const char *observer, uint8_t header,
                   const uint8_t *payload, size_t len, int64_t receipt_ms)
{
    memset(out, 0, sizeof *out);
    assert_true(len <= MESHCORE_PAYLOAD_MAX);
    uint8_t *raw = out->envelope.packet.raw;
    raw[0] = header;
    memcpy(raw + 2, payload, len);
    out->envelope.packet.raw_len = 2 + len;
    finish_packet(out, observer, receipt_ms);
}

static size_t put_u32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
    return 4;
}

/* flags, position, name */
static size_t put_app_data(uint8_t *out, const struct fixture_advert *advert)
{
    size_t n = 1;
    out[0] = 2; /* repeater */
    if (!isnan(advert->lat)) {
        out[0] |= 0x10;
        n += put_u32(out + n, (uint32_t)(int32_t)lround(advert->lat * 1e6));
        n += put_u32(out + n, (uint32_t)(int32_t)lround(advert->lon * 1e6));
    }
    if (advert->name != NULL) {
        out[0] |= 0x80;
        memcpy(out + n, advert->name, strlen(advert->name));
        n += strlen(advert->name);
    }
    return n;
}

void fixture_advert(struct fixture_packet *out, const char *observer,
                    const struct fixture_advert *advert, int64_t receipt_ms)
{
    memset(out, 0, sizeof *out);
    uint8_t seed[32];
    uint8_t public_key[32];
    uint8_t secret[64];
    memset(seed, advert->key_seed, sizeof seed);
    assert_int_equal(crypto_sign_seed_keypair(public_key, secret, seed), 0);

    uint8_t message[32 + 4 + 32]; /* what is signed: key, timestamp, app data */
    memcpy(message, public_key, 32);
    (void)put_u32(message + 32, advert->timestamp);
    size_t app_len = put_app_data(message + 36, advert);
    uint8_t signature[64];
    assert_int_equal(crypto_sign_detached(signature, NULL, message, 36 + app_len, secret), 0);
    if (advert->is_forged)
        signature[5] ^= 1;

    uint8_t *raw = out->envelope.packet.raw;
    size_t n = 0;
    raw[n++] = (uint8_t)(MESHCORE_ADVERT << 2 |
                         (advert->is_share ? MESHCORE_TRANSPORT_DIRECT : MESHCORE_FLOOD));
    if (advert->is_share)
        n += 4; /* transport codes 0, 0 */
    raw[n++] = 0;
    memcpy(raw + n, message, 36);
    memcpy(raw + n + 36, signature, 64);
    memcpy(raw + n + 100, message + 36, app_len);
    out->envelope.packet.raw_len = n + 100 + app_len;
    finish_packet(out, observer, receipt_ms);
    assert_true(meshcore_parse_advert(&out->frame, &out->advert));
    out->packet.advert = &out->advert;
}

void fixture_scope(struct fixture_packet *packet, const char *region)
{
    uint8_t message[1 + MESHCORE_PAYLOAD_MAX];
    message[0] = packet->frame.type;
    memcpy(message + 1, packet->frame.payload, packet->frame.payload_len);
    const struct crypto_part name = {region, strlen(region)};
    const struct crypto_part parts[] = {{message, 1 + packet->frame.payload_len}};
    uint8_t key[32];
    uint8_t mac[32];
    crypto_sha256(&name, 1, key);
    struct crypto_hmac_key hmac;
    crypto_hmac_prepare(key, 16, &hmac);
    crypto_hmac_sha256(&hmac, parts, 1, mac);

    uint8_t *raw = packet->envelope.packet.raw;
    memmove(raw + 5, raw + 1, packet->envelope.packet.raw_len - 1);
    raw[0] = (uint8_t)((raw[0] & ~3U) | MESHCORE_TRANSPORT_FLOOD);
    raw[1] = mac[0];
    raw[2] = mac[1];
    raw[3] = raw[4] = 0;
    packet->envelope.packet.raw_len += 4;
    assert_int_equal(meshcore_parse(raw, packet->envelope.packet.raw_len, &packet->frame),
                     MESHCORE_FRAME_OK);
    if (packet->frame.type == MESHCORE_ADVERT)
        assert_true(meshcore_parse_advert(&packet->frame, &packet->advert));
}

void fixture_status(struct fixture_status *out, const char *observer, double battery_mv,
                    int64_t envelope_ms, int64_t receipt_ms)
{
    memset(out, 0, sizeof *out);
    struct envelope *envelope = &out->envelope;
    envelope->kind = ENVELOPE_STATUS;
    (void)snprintf(envelope->observer, sizeof envelope->observer, "%s", observer);
    envelope->has_time = envelope_ms != 0;
    envelope->envelope_ms = envelope_ms;
    struct envelope_status *s = &envelope->status;
    (void)snprintf(s->status, sizeof s->status, "online");
    s->can_relay = -1;
    s->battery_mv = battery_mv;
    s->has_metrics = !isnan(battery_mv);
    s->uptime_secs = s->noise_floor = s->tx_air_secs = s->rx_air_secs = s->recv_errors =
        (double)NAN;
    s->packets_sent = s->packets_recv = s->queue_len = s->errors = (double)NAN;
    int len = snprintf(out->payload, sizeof out->payload, "{\"%s\":%g,\"t\":%lld}", observer,
                       battery_mv, (long long)envelope_ms);
    static const char topic[] = "meshcore/SJC/x/status";
    out->message = (struct ring_message){.topic = topic,
                                         .topic_len = sizeof topic - 1,
                                         .payload = (const uint8_t *)out->payload,
                                         .payload_len = (uint32_t)len,
                                         .receipt = receipt_ms * US_PER_MS};
    out->status = (struct store_status){
        .envelope = envelope, .message = &out->message, .receipt_ms = receipt_ms};
}

struct store_result fixture_apply(struct store *store, const struct fixture_packet *packet)
{
    struct store_result result;
    assert_int_equal(store_record(store), STATUS_OK);
    if (store_packet(store, &packet->packet, &result) != STATUS_OK)
        fail_msg("store_packet: %s", store_error(store));
    assert_int_equal(store_release(store, result.outcome), STATUS_OK);
    return result;
}

struct store_result fixture_apply_status(struct store *store, const struct fixture_status *status)
{
    struct store_result result;
    assert_int_equal(store_savepoint(store), STATUS_OK);
    if (store_status(store, &status->status, &result) != STATUS_OK)
        fail_msg("store_status: %s", store_error(store));
    assert_int_equal(store_release(store, result.outcome), STATUS_OK);
    return result;
}

/* --- looking at the result -------------------------------------------------------------------- */

static sqlite3 *open_to_look(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    return db;
}

void fixture_exec(const struct fixture_db *db, const char *sql)
{
    sqlite3 *writer = NULL;
    assert_int_equal(sqlite3_open_v2(db->path, &writer, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_exec(writer, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(writer));
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

void fixture_db_load(struct fixture_db *db, const char *sql_path)
{
    char sql[32768];
    FILE *file = fopen(sql_path, "r");
    assert_non_null(file);
    const size_t len = fread(sql, 1, sizeof sql - 1, file);
    assert_true(len > 0 && len < sizeof sql - 1);
    sql[len] = '\0';
    assert_int_equal(fclose(file), 0);
    store_close(db->store);
    db->store = NULL;
    assert_int_equal(unlink(db->path), 0);
    file = fopen(db->path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    fixture_exec(db, sql);
}

const char *fixture_text_of(const struct fixture_db *db, const char *sql, char out[static 512])
{
    sqlite3 *look = open_to_look(db->path);
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(look, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(look));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const unsigned char *text = sqlite3_column_text(stmt, 0);
    (void)snprintf(out, 512, "%s", text != NULL ? (const char *)text : "NULL");
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    assert_int_equal(sqlite3_close(look), SQLITE_OK);
    return out;
}

int64_t fixture_int(const struct fixture_db *db, const char *sql)
{
    char text[512];
    return strtoll(fixture_text_of(db, sql, text), NULL, 10);
}

static void dump_query(sqlite3 *db, const char *sql, FILE *out)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    (void)fprintf(out, "-- %s\n", sql);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const unsigned char *text = sqlite3_column_text(stmt, i);
            (void)fprintf(out, "%s|", text != NULL ? (const char *)text : "NULL");
        }
        (void)fprintf(out, "\n");
    }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

char *fixture_dump_queries(const char *path, const char *const *queries, size_t count)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    sqlite3 *db = open_to_look(path);
    for (size_t i = 0; i < count; i++)
        dump_query(db, queries[i], out);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(fclose(out), 0);
    return text;
}

char *fixture_dump(const char *path)
{
    static const char *const queries[] = {
        "SELECT * FROM sources ORDER BY id",
        "SELECT * FROM observers ORDER BY id",
        "SELECT id, hex(public_key), name, role, lat, lon, first_ms, last_ms, advert_time, "
        "advert_count"
        " FROM nodes ORDER BY id",
        "SELECT id, hex(hash), type, route, observation_count, first_ms, last_ms, sender, hex(raw)"
        " FROM transmissions ORDER BY id",
        "SELECT id, transmission_id, observer_id, direction, path_size, hex(path), source_id, "
        "receipt_ms,"
        " envelope_ms, snr, rssi, score, route, scope_code, scope_id, hex(filled), is_skewed FROM"
        " observations ORDER BY id",
        "SELECT id, name FROM scopes ORDER BY id",
        "SELECT id, name, is_encrypted, message_count, first_ms, last_ms FROM channels ORDER BY id",
        "SELECT transmission_id, channel_id, sender, text, sender_time FROM messages ORDER BY 1",
        "SELECT hex(from_hop), hex(to_hop), observer_id, count, first_ms, last_ms"
        " FROM neighbor_edges ORDER BY 1, 2, 3",
        "SELECT kind, key, hour, observations, transmissions FROM rollups ORDER BY 1, 2, 3",
        "SELECT id, hex(hash), reason, hex(raw), observer, first_ms, last_ms"
        " FROM dropped_packets ORDER BY id",
        "SELECT observer_id, envelope_ms, hex(payload_hash), receipt_ms, battery_mv FROM "
        "observer_metrics"
        " ORDER BY 1, 2, 3",
        "SELECT id, hex(hash), receipt_ms FROM seen_messages ORDER BY id",
        "SELECT hex(uuid), hex(chain), source, next_offset, next_number, consumed, recovered"
        " FROM ring_cursors ORDER BY uuid",
        "SELECT hex(uuid), outcome, n FROM ring_outcomes ORDER BY uuid, outcome",
        "SELECT id, source, topic, hex(payload), reason FROM dead_letter ORDER BY id",
        "SELECT transmissions, observations, observers, nodes FROM meta",
    };
    return fixture_dump_queries(path, queries, ARRAY_LEN(queries));
}
