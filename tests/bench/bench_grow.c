/* SPDX-License-Identifier: MIT
 *
 * bench_grow - a mesh's history of any length, as lines for `ingestor --replay`, with the receipt
 * times of its days: only so every window of the API is as full at 10 million rows as at one.
 *
 *     bench_grow --observations 1000000 | ingestor --config C --replay /dev/stdin --speed 0
 *
 * The mesh is the one of design/queries.md, section 0: nodes of which three in ten are repeaters in
 * a plane, observers at some of them heard by Zipf's law, 300 hashtag channels (`#chan000`) whose
 * messages can be opened, ten regions (`#region0`), receptions of one transmission spread over 25
 * seconds, paths that are walks between neighbours, statuses every five minutes. Adverts are
 * signed. The last reception is now; the first so long ago as the rate makes it.
 * The same options make the same bytes, but for the times. Nothing of the code under test is used
 * but hashes. */
#include "common/base/crypto.h"
#include "tests/bench/lib/frame.h"
#include "tests/bench/lib/options.h"

#include <openssl/evp.h>
#include <sodium.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NODES_MAX     20000
#define OBSERVERS_MAX 1000
#define NEIGHBOURS    6
#define CHANNELS      300
#define REGIONS       10
#define PENDING_MAX   4096
#define SPREAD_US     INT64_C(25000000)
#define STATUS_US     INT64_C(300000000)
#define HOPS_MAX      9

struct node {
    uint8_t key[32], secret[64];
    double lat, lon;
    size_t neighbours[NEIGHBOURS];
    unsigned role;
};

struct reception {
    int64_t at;
    size_t observer;
    uint8_t frame[FRAME_MAX];
    size_t len;
    double snr, rssi;
};

struct mesh {
    struct node nodes[NODES_MAX];
    size_t node_count, repeater_count;
    size_t observers[OBSERVERS_MAX]; /* repeaters */
    double observer_sum[OBSERVERS_MAX];
    size_t observer_count;
    uint8_t channels[CHANNELS][16];
    struct crypto_hmac_key regions[REGIONS];
    struct reception pending[PENDING_MAX]; /* a heap, the earliest first */
    size_t pending_count;
    uint64_t random;
    uint32_t made;
};

static uint64_t next_random(struct mesh *m) /* splitmix64 */
{
    uint64_t z = (m->random += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static size_t choose(struct mesh *m, size_t count)
{
    return (size_t)(next_random(m) % count);
}

static double uniform(struct mesh *m)
{
    return (double)(next_random(m) >> 11) * 0x1p-53;
}

static void fill(struct mesh *m, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)next_random(m);
}

/* --- the mesh --------------------------------------------------------------------------------- */

static double distance(const struct node *a, const struct node *b)
{
    return hypot(a->lat - b->lat, (a->lon - b->lon) * 0.7);
}

static void find_neighbours(struct mesh *m, struct node *node)
{
    double nearest[NEIGHBOURS];
    for (size_t n = 0; n < NEIGHBOURS; n++)
        nearest[n] = 1e9;
    for (size_t i = 0; i < m->repeater_count; i++) {
        const double d = &m->nodes[i] == node ? 1e9 : distance(node, &m->nodes[i]);
        if (d >= nearest[NEIGHBOURS - 1])
            continue;
        size_t at = NEIGHBOURS - 1;
        for (; at > 0 && nearest[at - 1] > d; at--) {
            nearest[at] = nearest[at - 1];
            node->neighbours[at] = node->neighbours[at - 1];
        }
        nearest[at] = d;
        node->neighbours[at] = i;
    }
}

static void make_mesh(struct mesh *m, size_t nodes, size_t observers)
{
    m->node_count = nodes;
    m->repeater_count = max_size(nodes * 3 / 10, NEIGHBOURS + 1);
    m->observer_count = min_size(observers, m->repeater_count);
    for (size_t i = 0; i < nodes; i++) {
        struct node *node = &m->nodes[i];
        uint8_t seed[crypto_sign_SEEDBYTES];
        fill(m, seed, sizeof seed);
        IGNORE(crypto_sign_seed_keypair(node->key, node->secret, seed), "can't fail");
        node->lat = 45 + 5 * uniform(m);
        node->lon = 5 + 7 * uniform(m);
        const unsigned others[] = {1, 1, 1, 1, 1, 1, 1, 3, 3, 4};
        node->role = i < m->repeater_count ? 2 : others[choose(m, ARRAY_LEN(others))];
    }
    for (size_t i = 0; i < nodes; i++)
        find_neighbours(m, &m->nodes[i]);
    double sum = 0;
    for (size_t i = 0; i < m->observer_count; i++) {
        m->observers[i] = i;
        sum += 1 / pow((double)i + 4, 0.9);
        m->observer_sum[i] = sum;
    }
    for (size_t i = 0; i < CHANNELS + REGIONS; i++) {
        char name[32];
        uint8_t digest[32];
        const int len = snprintf(name, sizeof name, i < CHANNELS ? "#chan%03zu" : "#region%zu",
                                 i < CHANNELS ? i : i - CHANNELS);
        crypto_sha256(&(struct crypto_part){name, (size_t)len}, 1, digest);
        if (i < CHANNELS)
            memcpy(m->channels[i], digest, 16);
        else
            crypto_hmac_prepare(digest, 16, &m->regions[i - CHANNELS]);
    }
}

static size_t choose_observer(struct mesh *m)
{
    const double at = uniform(m) * m->observer_sum[m->observer_count - 1];
    size_t i = 0;
    while (i + 1 < m->observer_count && m->observer_sum[i] < at)
        i++;
    return i;
}

/* --- payloads --------------------------------------------------------------------------------- */

static void put_u32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static size_t make_advert(struct mesh *m, const struct node *node, int64_t at, uint8_t *out)
{
    uint8_t told[36 + 64];
    char name[32];
    const int len = snprintf(name, sizeof name, "%s %04zu", node->role == 2 ? "Hill" : "Walker",
                             (size_t)(node - m->nodes));
    memcpy(out, node->key, 32);
    put_u32(out + 32, (uint32_t)(at / 1000000));
    uint8_t *app = out + 100;
    app[0] = (uint8_t)(0x90 | node->role);
    put_u32(app + 1, (uint32_t)(int32_t)(node->lat * 1e6));
    put_u32(app + 5, (uint32_t)(int32_t)(node->lon * 1e6));
    memcpy(app + 9, name, (size_t)len);
    const size_t app_len = 9 + (size_t)len;
    memcpy(told, out, 36);
    memcpy(told + 36, app, app_len);
    IGNORE(crypto_sign_detached(out + 36, NULL, told, 36 + app_len, node->secret), "can't fail");
    return 100 + app_len;
}

static size_t make_text(struct mesh *m, const struct node *node, int64_t at, uint8_t *out)
{
    uint8_t plain[160] = {0};
    const uint8_t *key = m->channels[choose(m, CHANNELS)];
    uint8_t digest[32];
    struct crypto_hmac_key mac;
    put_u32(plain, (uint32_t)(at / 1000000));
    const int text = snprintf((char *)plain + 5, sizeof plain - 5,
                              "Walker %04zu: message %u of this mesh, all is well",
                              (size_t)(node - m->nodes), m->made);
    const size_t len = ((size_t)text + 5 + 15) / 16 * 16;
    EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
    int n = 0;
    if (aes == NULL || EVP_EncryptInit_ex(aes, EVP_aes_128_ecb(), NULL, key, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(aes, 0) != 1 ||
        EVP_EncryptUpdate(aes, out + 3, &n, plain, (int)len) != 1)
        abort();
    EVP_CIPHER_CTX_free(aes);
    crypto_sha256(&(struct crypto_part){key, 16}, 1, digest);
    out[0] = digest[0];
    crypto_hmac_prepare(key, 16, &mac);
    crypto_hmac_sha256(&mac, &(struct crypto_part){out + 3, len}, 1, digest);
    out[1] = digest[0];
    out[2] = digest[1];
    return 3 + len;
}

/* Types as often as in recorded traffic. */
static unsigned choose_type(struct mesh *m)
{
    static const uint8_t types[] = {5, 5, 5, 5, 4, 4, 3, 3, 2, 2, 2, 0, 0, 1, 1, 8, 8, 7, 11, 6};
    return choose(m, 50000) == 0 ? 15 : types[choose(m, ARRAY_LEN(types))];
}

static size_t make_payload(struct mesh *m, unsigned type, int64_t at, uint8_t *out)
{
    /* one node sends a twentieth of all adverts */
    const size_t sender = choose(m, 20) == 0 ? 7 % m->node_count : choose(m, m->node_count);
    m->made++;
    if (type == FRAME_TYPE_ADVERT)
        return make_advert(m, &m->nodes[sender], at, out);
    if (type == 5)
        return make_text(m, &m->nodes[sender], at, out);
    const size_t len = type == 3 ? 4 : 20 + 16 * choose(m, 6);
    fill(m, out, len);
    put_u32(out + len - 4, m->made);
    return len;
}

/* --- transmissions ---------------------------------------------------------------------------- */

/* From the observer back, so that the last hop is one that it can hear. */
static size_t make_path(struct mesh *m, size_t observer, size_t size, uint8_t *out)
{
    size_t hops = 0;
    while (hops < HOPS_MAX && choose(m, 100) < 70)
        hops++;
    size_t at = m->observers[observer];
    for (size_t i = hops; i > 0; i--) {
        at = m->nodes[at].neighbours[choose(m, NEIGHBOURS)];
        memcpy(out + (i - 1) * size, m->nodes[at].key, size);
    }
    return hops;
}

static void push(struct mesh *m, const struct reception *r)
{
    size_t at = m->pending_count++;
    while (at > 0 && m->pending[(at - 1) / 2].at > r->at) {
        m->pending[at] = m->pending[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    m->pending[at] = *r;
}

static void pop(struct mesh *m, struct reception *out)
{
    *out = m->pending[0];
    const struct reception last = m->pending[--m->pending_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= m->pending_count)
            break;
        child += child + 1 < m->pending_count && m->pending[child + 1].at < m->pending[child].at;
        if (m->pending[child].at >= last.at)
            break;
        m->pending[at] = m->pending[child];
        at = child;
    }
    m->pending[at] = last;
}

static void add_codes(struct mesh *m, unsigned type, const uint8_t *payload, size_t len,
                      uint8_t out[static 4])
{
    const uint8_t type_byte = (uint8_t)type;
    uint8_t digest[32];
    crypto_hmac_sha256(&m->regions[choose(m, REGIONS)],
                       (const struct crypto_part[]){{&type_byte, 1}, {payload, len}}, 2, digest);
    memset(out, 0, 4);
    memcpy(out, digest, 2);
}

static void transmit(struct mesh *m, int64_t at)
{
    static const uint8_t sizes[] = {1, 1, 1, 1, 1, 1, 1, 2, 2, 3};
    uint8_t payload[FRAME_MAX];
    const unsigned type = choose_type(m);
    const size_t len = make_payload(m, type, at, payload);
    const size_t size = sizes[choose(m, ARRAY_LEN(sizes))];
    const unsigned route = choose(m, 20) == 0 ? 2 : choose(m, 8) == 0 ? 0 : 1;
    size_t receptions = 1;
    while (receptions < 30 && choose(m, 1000) < 487)
        receptions++;
    for (size_t i = 0; i < receptions && m->pending_count < PENDING_MAX; i++) {
        struct reception r = {.observer = choose_observer(m),
                              .at = at + (i == 0 ? 0 : (int64_t)choose(m, SPREAD_US)),
                              .snr = (double)choose(m, 80) / 4 - 8,
                              .rssi = -50 - (double)choose(m, 70)};
        r.frame[r.len++] = (uint8_t)(type << 2 | route);
        if (route == 0) {
            add_codes(m, type, payload, len, r.frame + r.len);
            r.len += 4;
        }
        const size_t hops = make_path(m, r.observer, size, r.frame + r.len + 1);
        r.frame[r.len++] = (uint8_t)((size - 1) << 6 | hops);
        r.len += hops * size;
        memcpy(r.frame + r.len, payload, len);
        r.len += len;
        push(m, &r);
    }
}

/* --- lines ------------------------------------------------------------------------------------ */

static void write_head(const struct mesh *m, size_t observer, int64_t at, const char *kind)
{
    static const char *const places[] = {"ZRH", "GVA", "BSL", "MUC", "STR", "FRA",
                                         "MXP", "LYS", "VIE", "PRG", "TXL", "HAM"};
    char key[65];
    IGNORE(sodium_bin2hex(key, sizeof key, m->nodes[m->observers[observer]].key, 32), "fits");
    for (char *c = key; *c != '\0'; c++)
        *c = (char)(*c >= 'a' ? *c - 32 : *c);
    IGNORE(printf("{\"source\":\"grow\",\"receipt_us\":%lld,\"topic\":\"meshcore/%s/%s/%s\","
                  "\"payload\":{\"origin\":\"Observer %zu\",\"origin_id\":\"%s\",",
                  (long long)at, places[observer % ARRAY_LEN(places)], key, kind, observer, key),
           "stdout");
}

static void write_time(int64_t at)
{
    const time_t seconds = (time_t)(at / 1000000);
    struct tm tm;
    char text[32] = "";
    if (gmtime_r(&seconds, &tm) != NULL)
        IGNORE(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm), "fits");
    IGNORE(printf("\"timestamp\":\"%s.%06d+00:00\",", text, (int)(at % 1000000)), "stdout");
}

static void write_reception(const struct mesh *m, const struct reception *r)
{
    char raw[2 * FRAME_MAX + 1];
    IGNORE(sodium_bin2hex(raw, sizeof raw, r->frame, r->len), "fits");
    write_head(m, r->observer, r->at, "packets");
    write_time(r->at);
    IGNORE(printf("\"type\":\"PACKET\",\"direction\":\"rx\",\"raw\":\"%s\",\"SNR\":\"%.2f\","
                  "\"RSSI\":\"%.0f\",\"score\":\"1000\"}}\n",
                  raw, r->snr, r->rssi),
           "stdout");
}

static void write_statuses(struct mesh *m, int64_t at)
{
    for (size_t i = 0; i < m->observer_count; i++) {
        const int64_t when = at + (int64_t)i * 1000;
        write_head(m, i, when, "status");
        write_time(when);
        IGNORE(printf("\"status\":\"online\",\"radio\":\"869.525,250,11,5\",\"model\":\"Heltec\","
                      "\"firmware_version\":\"v1.17.1\",\"stats\":{\"battery_mv\":%zu,"
                      "\"uptime_secs\":%lld,\"noise_floor\":-%zu,\"tx_air_secs\":%lld,"
                      "\"rx_air_secs\":%lld}}}\n",
                      3800 + choose(m, 400), (long long)(when / 1000000 % 5000000),
                      95 + choose(m, 20), (long long)(when / 1000000 % 5000000 / 90),
                      (long long)(when / 1000000 % 5000000 / 15)),
               "stdout");
    }
}

int main(int argc, char **argv)
{
    static struct mesh mesh;
    double observations = 100000;
    double rate = 4.6;
    double nodes = 2000;
    double observers = 200;
    double seed = 1;
    const struct option_row rows[] = {
        {"observations", "how many receptions", OPTION_NUMBER, &observations},
        {"rate", "receptions a second of the history", OPTION_NUMBER, &rate},
        {"nodes", "at most 20000", OPTION_NUMBER, &nodes},
        {"observers", "at most 1000", OPTION_NUMBER, &observers},
        {"seed", "of everything chosen", OPTION_NUMBER, &seed},
    };
    if (!options_parse(argc, argv, rows, ARRAY_LEN(rows)))
        return EXIT_FAILURE;
    if (!crypto_init() || rate <= 0 || nodes < 10 || nodes > NODES_MAX || observers < 1 ||
        observers > OBSERVERS_MAX)
        return EXIT_FAILURE;
    mesh.random = (uint64_t)seed;
    make_mesh(&mesh, (size_t)nodes, (size_t)observers);
    const int64_t end = (int64_t)time(NULL) * 1000000 - SPREAD_US;
    const int64_t start = end - (int64_t)(observations / rate * 1e6);
    const int64_t step = (int64_t)(1.95e6 / rate);
    int64_t status_at = start;
    size_t written = 0;
    for (int64_t at = start; written < (size_t)observations; at += step) {
        struct reception r;
        for (; status_at <= at; status_at += STATUS_US)
            write_statuses(&mesh, status_at);
        transmit(&mesh, at);
        for (; mesh.pending_count > 0 && mesh.pending[0].at <= at; written++) {
            pop(&mesh, &r);
            write_reception(&mesh, &r);
        }
    }
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
