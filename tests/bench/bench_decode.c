/* SPDX-License-Identifier: MIT
 *
 * bench_decode - what one packet costs, by payload type, in ns: parse (frame, hash and payload),
 * json (the whole rendering, keys and scopes configured, no signature), and verify (the
 * signature of an advert) where there is one. Frames come as lines of hex digits on stdin, else
 * some made here:
 *
 *   bench_decode
 *   python3 -c 'import json,sys; [print(json.loads(l)["payload"]["raw"]) for l in sys.stdin]'
 *       < packets.jsonl | bench_decode
 *
 * The best of five rounds is printed: the others measure what else the machine did. No
 * pass or fail. */
#include "common/base/clock.h"
#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/meshcore_json.h"
#include "common/mesh/region_scopes.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRAMES_MAX   20000
#define TYPES        16
#define ROUNDS       5
#define ROUND_US     100000
#define LINE_MAX_LEN 1024
#define NS_PER_US    1000.0

struct sample {
    uint8_t bytes[MESHCORE_FRAME_MAX];
    size_t len;
};

struct bench {
    struct sample samples[FRAMES_MAX];
    size_t count;
    struct channel_keys *keys;
    struct region_scopes *scopes;
};

/* What the loops make is added up and printed, so that no compiler takes them out. */
struct work {
    uint64_t sum;
    char text[MESHCORE_JSON_MAX];
};

typedef void (*step)(const struct bench *b, const struct sample *sample, struct work *work);

static void parse_one(const struct bench *b, const struct sample *sample, struct work *work)
{
    (void)b;
    struct meshcore_frame frame;
    struct meshcore_payload payload;
    uint8_t hash[MESHCORE_HASH_BYTES];
    if (meshcore_parse(sample->bytes, sample->len, &frame) != MESHCORE_FRAME_OK)
        return;
    meshcore_content_hash(&frame, hash);
    meshcore_payload_parse(&frame, &payload);
    work->sum += hash[0] + payload.type;
}

static void json_one(const struct bench *b, const struct sample *sample, struct work *work)
{
    struct meshcore_frame frame;
    struct json_write w;
    if (meshcore_parse(sample->bytes, sample->len, &frame) != MESHCORE_FRAME_OK)
        return;
    jw_init(&w, work->text, sizeof work->text);
    meshcore_json_packet(&w, NULL, &frame,
                         &(struct meshcore_json_options){.keys = b->keys, .scopes = b->scopes});
    work->sum += jw_finish(&w);
}

static void verify_one(const struct bench *b, const struct sample *sample, struct work *work)
{
    (void)b;
    struct meshcore_frame frame;
    struct meshcore_advert advert;
    if (meshcore_parse(sample->bytes, sample->len, &frame) == MESHCORE_FRAME_OK &&
        meshcore_parse_advert(&frame, &advert))
        work->sum += meshcore_advert_verify(&advert);
}

/* ns a packet of this type: the best round; 0 when there is none. */
static double measure(const struct bench *b, unsigned type, step run, struct work *work)
{
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t done = 0;
        const mono_us start = clock_mono();
        mono_us elapsed = 0;
        do {
            for (size_t i = 0; i < b->count; i++) {
                if ((b->samples[i].bytes[0] >> 2 & 15U) != type)
                    continue;
                run(b, &b->samples[i], work);
                done++;
            }
            elapsed = clock_mono() - start;
        } while (done > 0 && elapsed < ROUND_US);
        if (done == 0)
            return 0;
        const double ns = (double)elapsed * NS_PER_US / (double)done;
        best = round == 0 || ns < best ? ns : best;
    }
    return best;
}

static bool add(struct bench *b, const char *hex)
{
    struct meshcore_frame frame;
    struct sample *sample = &b->samples[b->count];
    if (b->count == FRAMES_MAX ||
        !hex_decode(hex, strlen(hex), sample->bytes, sizeof sample->bytes, &sample->len) ||
        meshcore_parse(sample->bytes, sample->len, &frame) != MESHCORE_FRAME_OK)
        return false;
    b->count++;
    return true;
}

static void read_frames(struct bench *b)
{
    char line[LINE_MAX_LEN];
    size_t refused = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        refused += add(b, line) ? 0 : 1;
    }
    if (refused > 0)
        (void)printf("%zu lines are no frames or too many\n", refused);
}

static void make_frames(struct bench *b)
{
    /* Path of 3 hops; a text of 3 cipher blocks, #test's; an advert with position and name. */
    static const char *const made[] = {
        "0103AABBCCA1B2C3D4000102030405060708090A0B0C0D0E0F",
        "0E03AABBCCDEADBEEF01F1",
        ("1103AABBCCEBB4F9780C68AF308B6BA794DCB86C9B3DA0543D90483C2E051BAA44D20B15E43845C969EBD25683"
         "3C6A3E3859D3C79E6DA3A9F9DB068C6D8CCEA85CFEA9DF7120224DE05F88A218126763B856F11CE1CB27603CE2"
         "EC653C414CAF67B7890BB60207680A9200000000000000004C416237"),
        ("15419535D92F365EB798ABCF98ADE9AD5564C03150295EB15B8BE1B388EBB7733D3112CABD42830928E0AF2222"
         "05834112BA9A47D6E344"),
        "1903AABBCC00AB3B4DDF314CFEBFA5589637FEF69D334208",
        "2604302D0D2359FEE7B100000000006733D63367",
        "2A0023DEADBEEF02F1",
        "2E0092F4040302010011223344556677",
        "3E000102030405060708",
    };
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        IGNORE(add(b, made[i]), "they are frames");
}

static void report(const struct bench *b, struct work *work)
{
    (void)printf("%-12s %8s %10s %10s %10s\n", "type", "frames", "parse ns", "json ns",
                 "verify ns");
    for (unsigned type = 0; type < TYPES; type++) {
        size_t count = 0;
        for (size_t i = 0; i < b->count; i++)
            count += (b->samples[i].bytes[0] >> 2 & 15U) == type ? 1 : 0;
        if (count == 0)
            continue;
        (void)printf("%-12s %8zu %10.0f %10.0f", meshcore_type_name(type), count,
                     measure(b, type, parse_one, work), measure(b, type, json_one, work));
        if (type == MESHCORE_ADVERT)
            (void)printf(" %10.0f", measure(b, type, verify_one, work));
        (void)printf("\n");
    }
    (void)printf("(checksum %llu)\n", (unsigned long long)work->sum);
}

int main(void)
{
    static struct bench bench;
    static struct work work;
    char name[] = "#test";
    char *names[] = {name};
    const struct config_list list = {.items = names, .count = 1};
    if (!crypto_init())
        return EXIT_GAVE_UP;
    bench.keys = channel_keys_new(&(struct config_pairs){.items = NULL}, &list);
    bench.scopes = region_scopes_new(&list);
    if (bench.keys == NULL || bench.scopes == NULL)
        return EXIT_NO_MEMORY;
    if (isatty(STDIN_FILENO) == 0)
        read_frames(&bench);
    if (bench.count == 0)
        make_frames(&bench);
    report(&bench, &work);
    region_scopes_free(bench.scopes);
    channel_keys_free(bench.keys);
    return EXIT_CLEAN;
}
