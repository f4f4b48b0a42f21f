/* SPDX-License-Identifier: MIT */
#include "tests/bench/lib/workload.h"

#include "tests/bench/lib/frame.h"

#include <cjson/cJSON.h>
#include <sodium.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATES_MAX  4096
#define OBSERVERS_MAX  1024
#define KEYS           200
#define RECENT         256 /* new frames a repeat chooses from */
#define STATUS_EVERY   100
#define TEXT_MAX       4096
#define MARKER_BYTES   8
#define MARKER_MAGIC_0 'W'
#define MARKER_MAGIC_1 'r'

struct template
{
    uint8_t raw[FRAME_MAX];
    size_t len;
};

struct observer {
    char *base;   /* "meshcore/<region>/<observer>" */
    char *origin; /* JSON text of the name, quotes included */
    const char *id;
};

struct keypair {
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
};

struct maker {
    const struct workload_params *params;
    struct template *templates;
    size_t template_count;
    struct observer observers[OBSERVERS_MAX];
    size_t observer_count;
    struct keypair keys[KEYS];
    struct template recent[RECENT];
    size_t recent_count;
    uint64_t random;
    uint8_t *bytes;
    size_t used, cap;
};

/* splitmix64: good enough for choosing, and the same on every machine */
static uint64_t next_random(struct maker *m)
{
    uint64_t z = (m->random += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static size_t choose(struct maker *m, size_t count)
{
    return (size_t)(next_random(m) % count);
}

/* --- reading the recorded messages ------------------------------------------------------------ */

static char *duplicate_text(const char *text, size_t len)
{
    char *copy = malloc(len + 1);
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = 0;
    }
    return copy;
}

/* Keep the observer of a message with a topic of four segments; the array holds each
 * base topic once. */
static void add_observer(struct maker *m, const char *topic, const cJSON *origin)
{
    const char *end = strrchr(topic, '/');
    size_t len = end ? (size_t)(end - topic) : 0;
    if (len == 0 || m->observer_count == OBSERVERS_MAX)
        return;
    for (size_t i = 0; i < m->observer_count; i++)
        if (strncmp(m->observers[i].base, topic, len) == 0 && m->observers[i].base[len] == 0)
            return;
    char *base = duplicate_text(topic, len);
    char *name =
        cJSON_IsString(origin) ? cJSON_PrintUnformatted(origin) : duplicate_text("\"?\"", 3);
    const char *id = base ? strrchr(base, '/') : NULL;
    if (!base || !name || !id) {
        free(base);
        free(name);
        return;
    }
    m->observers[m->observer_count++] =
        (struct observer){.base = base, .origin = name, .id = id + 1};
}

static void add_template(struct maker *m, const cJSON *raw)
{
    struct template *t = &m->templates[m->template_count];
    struct frame_view view;
    if (!cJSON_IsString(raw) || m->template_count == TEMPLATES_MAX)
        return;
    if (sodium_hex2bin(t->raw, sizeof t->raw, raw->valuestring, strlen(raw->valuestring), NULL,
                       &t->len, NULL) != 0)
        return;
    if (!frame_view_parse(t->raw, t->len, &view))
        return;
    size_t least = view.type == FRAME_TYPE_ADVERT ? FRAME_ADVERT_MIN : MARKER_BYTES;
    if (t->len - view.payload_at >= least)
        m->template_count++;
}

static void add_line(struct maker *m, const char *line)
{
    cJSON *entry = cJSON_Parse(line);
    const cJSON *topic = cJSON_GetObjectItemCaseSensitive(entry, "topic");
    const cJSON *payload = cJSON_GetObjectItemCaseSensitive(entry, "payload");
    if (cJSON_IsString(topic)) {
        add_observer(m, topic->valuestring, cJSON_GetObjectItemCaseSensitive(payload, "origin"));
        add_template(m, cJSON_GetObjectItemCaseSensitive(payload, "raw"));
    }
    cJSON_Delete(entry);
}

static bool read_recorded(struct maker *m)
{
    char path[TEXT_MAX];
    IGNORE(snprintf(path, sizeof path, "%s/packets.jsonl", m->params->dir),
           "a cut path fails to open");
    FILE *file = fopen(path, "re");
    if (!file) {
        perror(path);
        return false;
    }
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, file) > 0)
        add_line(m, line);
    free(line);
    IGNORE(fclose(file), "only read");
    if (m->template_count == 0 || m->observer_count == 0)
        IGNORE(fprintf(stderr, "%s: no usable packet in it\n", path), "stderr");
    return m->template_count > 0 && m->observer_count > 0;
}

/* --- making messages -------------------------------------------------------------------------- */

/* key | time | signature | app data: all but the app data are replaced. The index is the
 * advert's time. */
static void renew_advert(struct maker *m, struct template *t, size_t payload_at, size_t index)
{
    const struct keypair *key = &m->keys[choose(m, KEYS)];
    uint8_t *payload = t->raw + payload_at;
    uint8_t signed_bytes[36 + 32];
    size_t app_len = min_size(t->len - payload_at - FRAME_ADVERT_MIN, 32);
    uint32_t when = (uint32_t)(1700000000u + index);

    t->len = payload_at + FRAME_ADVERT_MIN + app_len;
    memcpy(payload, key->public_key, 32);
    for (unsigned i = 0; i < 4; i++)
        payload[32 + i] = (uint8_t)(when >> (8 * i));
    memcpy(signed_bytes, payload, 36);
    memcpy(signed_bytes + 36, payload + FRAME_ADVERT_MIN, app_len);
    IGNORE(crypto_sign_detached(payload + 36, NULL, signed_bytes, 36 + app_len, key->secret),
           "has no failure but a wrong build of the library");
}

static void write_marker(const struct maker *m, struct template *t, size_t index)
{
    uint8_t *at = t->raw + t->len - MARKER_BYTES;
    at[0] = MARKER_MAGIC_0;
    at[1] = MARKER_MAGIC_1;
    at[2] = (uint8_t)(m->params->run >> 8);
    at[3] = (uint8_t)m->params->run;
    for (unsigned i = 0; i < 4; i++)
        at[4 + i] = (uint8_t)(index >> (24 - 8 * i));
}

static void make_new(struct maker *m, size_t index, struct template *out)
{
    struct frame_view view;
    *out = m->templates[choose(m, m->template_count)];
    IGNORE(frame_view_parse(out->raw, out->len, &view), "was parsed when it was kept");
    if (view.type == FRAME_TYPE_ADVERT)
        renew_advert(m, out, view.payload_at, index);
    else
        write_marker(m, out, index);
    m->recent[m->recent_count++ % RECENT] = *out;
}

/* A known transmission, heard elsewhere: a flood has one hop more by then. */
static void make_repeat(struct maker *m, struct template *out)
{
    struct frame_view view;
    *out = m->recent[choose(m, min_size(m->recent_count, RECENT))];
    IGNORE(frame_view_parse(out->raw, out->len, &view), "we made it");
    bool is_flood = view.route <= 1 && view.type != FRAME_TYPE_TRACE;
    bool fits = (view.hop_count + 1) * view.hop_size <= 64 && view.hop_count < 63 &&
                out->len + view.hop_size <= FRAME_MAX;
    if (!is_flood || !fits)
        return;
    memmove(out->raw + view.payload_at + view.hop_size, out->raw + view.payload_at,
            out->len - view.payload_at);
    for (size_t i = 0; i < view.hop_size; i++)
        out->raw[view.payload_at + i] = (uint8_t)next_random(m);
    out->raw[view.path_at - 1]++;
    out->len += view.hop_size;
}

static size_t write_packet(struct maker *m, const struct observer *o, const struct template *t,
                           char *out)
{
    static const char routes[] = "TFDT";
    struct frame_view view;
    char raw[2 * FRAME_MAX + 1];
    char hash[17];
    uint8_t digest[crypto_hash_sha256_BYTES], hashed[1 + FRAME_MAX];

    IGNORE(frame_view_parse(t->raw, t->len, &view), "we made it");
    hashed[0] = (uint8_t)view.type;
    memcpy(hashed + 1, t->raw + view.payload_at, t->len - view.payload_at);
    IGNORE(crypto_hash_sha256(digest, hashed, 1 + t->len - view.payload_at), "can't fail");
    IGNORE(sodium_bin2hex(hash, sizeof hash, digest, 8), "the array fits");
    IGNORE(sodium_bin2hex(raw, sizeof raw, t->raw, t->len), "the array fits");
    unsigned second = (unsigned)choose(m, 60);
    int len = snprintf(
        out, TEXT_MAX,
        "{\"origin\": %s, \"origin_id\": \"%s\", \"timestamp\": "
        "\"2026-03-29T15:27:%02u.000000+00:00\", "
        "\"type\": \"PACKET\", \"direction\": \"rx\", \"time\": \"15:27:%02u\", \"date\": "
        "\"29/3/2026\", "
        "\"len\": \"%zu\", \"packet_type\": \"%u\", \"route\": \"%c\", \"payload_len\": \"%zu\", "
        "\"raw\": \"%s\", \"SNR\": \"%d.25\", \"RSSI\": \"-%zu\", \"score\": \"1000\", \"hash\": "
        "\"%s\"}",
        o->origin, o->id, second, second, t->len, view.type, routes[view.route],
        t->len - view.payload_at, raw, (int)choose(m, 24) - 12, 40 + choose(m, 80), hash);
    return len > 0 ? min_size((size_t)len, TEXT_MAX - 1) : 0;
}

static size_t write_status(struct maker *m, const struct observer *o, size_t index, char *out)
{
    int len = snprintf(
        out, TEXT_MAX,
        "{\"status\": \"online\", \"timestamp\": \"2026-03-29T15:%02zu:%02zu.%06zu+00:00\", "
        "\"origin\": %s, "
        "\"origin_id\": \"%s\", \"radio\": \"910.525,62.5,7,5\", \"client_version\": "
        "\"meshcoretomqtt/1.1\", "
        "\"stats\": {\"battery_mv\": 4011, \"uptime_secs\": %zu, \"noise_floor\": -%zu}}",
        index / 60 % 60, index % 60, index % 1000000, o->origin, o->id, index, 80 + choose(m, 40));
    return len > 0 ? min_size((size_t)len, TEXT_MAX - 1) : 0;
}

/* --- encoding --------------------------------------------------------------------------------- */

static void put(struct maker *m, const void *bytes, size_t len)
{
    memcpy(m->bytes + m->used, bytes, len);
    m->used += len;
}

static bool reserve(struct maker *m, size_t more)
{
    if (m->used + more <= m->cap)
        return true;
    size_t cap = max_size(m->cap * 2, m->used + more);
    uint8_t *bytes = realloc(m->bytes, cap);
    if (!bytes)
        return false;
    m->bytes = bytes;
    m->cap = cap;
    return true;
}

static bool put_publish(struct maker *m, size_t index, const char *topic, const char *text,
                        size_t text_len)
{
    size_t topic_len = strlen(topic), id_len = m->params->qos ? 2 : 0;
    size_t left = 2 + topic_len + id_len + text_len;
    uint8_t head[5] = {(uint8_t)(0x30 | m->params->qos << 1)};
    size_t head_len = 1;
    const uint16_t id = (uint16_t)(index % 65535 + 1);
    const uint8_t topic_size[2] = {(uint8_t)(topic_len >> 8), (uint8_t)topic_len};
    const uint8_t packet_id[2] = {(uint8_t)(id >> 8), (uint8_t)id};

    if (!reserve(m, left + sizeof head))
        return false;
    do {
        head[head_len++] = (uint8_t)((left & 127) | (left > 127 ? 128 : 0));
        left >>= 7;
    } while (left > 0 && head_len < sizeof head);
    put(m, head, head_len);
    put(m, topic_size, 2);
    put(m, topic, topic_len);
    put(m, packet_id, id_len);
    put(m, text, text_len);
    return true;
}

static bool make_message(struct maker *m, size_t index, size_t *new_count)
{
    const struct observer *o = &m->observers[choose(m, m->observer_count)];
    char text[TEXT_MAX], topic[TEXT_MAX];
    bool is_status = index % STATUS_EVERY == STATUS_EVERY - 1;
    size_t text_len;

    if (is_status) {
        text_len = write_status(m, o, index, text);
    } else {
        struct template t;
        bool is_new = m->recent_count == 0 || choose(m, 100) < m->params->new_percent;
        if (is_new)
            make_new(m, index, &t);
        else
            make_repeat(m, &t);
        *new_count += is_new;
        text_len = write_packet(m, o, &t, text);
    }
    IGNORE(snprintf(topic, sizeof topic, "%s/%s", o->base, is_status ? "status" : "packets"),
           "recorded topics are short");
    return put_publish(m, index, topic, text, text_len);
}

static bool make_all(struct maker *m, struct workload *out)
{
    out->offsets = malloc((m->params->count + 1) * sizeof *out->offsets);
    if (!out->offsets)
        return false;
    for (size_t i = 0; i < m->params->count; i++) {
        out->offsets[i] = m->used;
        if (!make_message(m, i, &out->new_count))
            return false;
    }
    out->offsets[m->params->count] = m->used;
    out->count = m->params->count;
    out->run = m->params->run;
    return true;
}

bool workload_make(const struct workload_params *params, struct workload *out)
{
    *out = (struct workload){0};
    struct maker *m = calloc(1, sizeof *m);
    bool ok = m && sodium_init() >= 0;
    if (ok) {
        m->params = params;
        m->random = params->seed ^ ((uint64_t)params->run << 48);
        m->templates = calloc(TEMPLATES_MAX + 1, sizeof *m->templates);
        for (size_t i = 0; i < KEYS; i++)
            IGNORE(crypto_sign_keypair(m->keys[i].public_key, m->keys[i].secret), "can't fail");
        ok = m->templates && read_recorded(m) && make_all(m, out);
        out->bytes = m->bytes;
        free(m->templates);
        for (size_t i = 0; i < m->observer_count; i++) {
            free(m->observers[i].base);
            cJSON_free(m->observers[i].origin);
        }
    }
    free(m);
    if (!ok)
        workload_done(out);
    return ok;
}

void workload_done(struct workload *workload)
{
    free(workload->bytes);
    free(workload->offsets);
    *workload = (struct workload){0};
}

size_t workload_marker(const struct workload *workload, const uint8_t *raw, size_t len)
{
    if (len < MARKER_BYTES)
        return SIZE_MAX;
    const uint8_t *at = raw + len - MARKER_BYTES;
    if (at[0] != MARKER_MAGIC_0 || at[1] != MARKER_MAGIC_1 || (at[2] << 8 | at[3]) != workload->run)
        return SIZE_MAX;
    size_t index = 0;
    for (unsigned i = 0; i < 4; i++)
        index = index << 8 | at[4 + i];
    return index < workload->count ? index : SIZE_MAX;
}
