/* SPDX-License-Identifier: MIT
 *
 * bench_keys - what a channel message and a scoped packet cost, by the number of keys and regions.
 * Prints nanoseconds a call; neither passes nor fails. A foreign message is one that no key opens,
 * its hash byte going through all 256 values. */
#include "common/base/clock.h"
#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/region_scopes.h"
#include "tests/bench/lib/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 10000

struct bench {
    double rounds;
    char texts[NAMES_MAX][12];
    char *names[NAMES_MAX];
    uint8_t payload[MESHCORE_PAYLOAD_MAX]; /* a recorded message of #test, 51 bytes */
    size_t len;
};

static void print_cost(const char *what, size_t count, mono_us start, double rounds)
{
    printf("%-34s %6zu %8.1f ns\n", what, count, (double)(clock_mono() - start) * 1000 / rounds);
}

static size_t open_many(struct bench *bench, const struct channel_keys *keys, bool is_foreign)
{
    size_t opened = 0;
    const uint8_t own = bench->payload[0];
    struct channel_text text;
    for (uint64_t i = 0; i < (uint64_t)bench->rounds; i++) {
        if (is_foreign)
            bench->payload[0] = (uint8_t)i;
        /* Of #test too, whose own hash byte comes along once in 256. */
        bench->payload[1] ^= (uint8_t)is_foreign;
        opened += channel_keys_open_text(keys, bench->payload, bench->len, &text) == CHANNEL_OPENED;
        bench->payload[1] ^= (uint8_t)is_foreign;
    }
    bench->payload[0] = own;
    return opened;
}

/* Of `count` hashtag channels #test is the last. */
static bool measure_keys(struct bench *bench, size_t count)
{
    const struct config_pairs none = {0};
    const struct config_list channels = {bench->names + NAMES_MAX - count, count};
    struct channel_keys *keys = channel_keys_new(&none, &channels);
    if (keys == NULL)
        return false;
    mono_us start = clock_mono();
    const size_t opened = open_many(bench, keys, false);
    print_cost("open a text, channels", count, start, bench->rounds);
    start = clock_mono();
    const size_t foreign = open_many(bench, keys, true);
    print_cost("try a foreign text, channels", count, start, bench->rounds);
    channel_keys_free(keys);
    return opened == (size_t)bench->rounds && foreign == 0;
}

static bool measure_scopes(struct bench *bench, size_t count)
{
    const struct config_list names = {bench->names + NAMES_MAX - count, count};
    struct region_scopes *scopes = region_scopes_new(&names);
    if (scopes == NULL)
        return false;
    size_t known = 0;
    const mono_us start = clock_mono();
    for (uint64_t i = 0; i < (uint64_t)bench->rounds; i++) {
        const char *name;
        known += region_scopes_match(scopes, (uint16_t)(i | 1), MESHCORE_GRP_TXT, bench->payload,
                                     bench->len, &name) == SCOPE_MATCHED;
    }
    print_cost("match a scope, regions", count, start, bench->rounds);
    region_scopes_free(scopes);
    return known < (size_t)bench->rounds;
}

static bool prepare(struct bench *bench)
{
    static const char recorded[] =
        "D92F365EB798ABCF98ADE9AD5564C03150295EB15B8BE1B388EBB7733D3112CABD"
        "42830928E0AF222205834112BA9A47D6E344";
    for (size_t i = 0; i < NAMES_MAX; i++) {
        (void)snprintf(bench->texts[i], sizeof bench->texts[i], "#c%zu", i);
        bench->names[i] = bench->texts[i];
    }
    (void)snprintf(bench->texts[NAMES_MAX - 1], sizeof bench->texts[0], "#test");
    return crypto_init() && hex_decode(recorded, sizeof recorded - 1, bench->payload,
                                       sizeof bench->payload, &bench->len);
}

int main(int argc, char **argv)
{
    static struct bench bench = {.rounds = 200000};
    const struct option_row rows[] = {
        {"rounds", "calls a figure", OPTION_NUMBER, &bench.rounds},
    };
    if (!options_parse(argc, argv, rows, ARRAY_LEN(rows)))
        return EXIT_USAGE;
    if (!prepare(&bench) || bench.rounds < 1)
        return EXIT_GAVE_UP;
    static const size_t channels[] = {1, 300, NAMES_MAX};
    static const size_t regions[] = {1, 50};
    bool is_sane = true;
    for (size_t i = 0; i < ARRAY_LEN(channels); i++)
        is_sane = measure_keys(&bench, channels[i]) && is_sane;
    for (size_t i = 0; i < ARRAY_LEN(regions); i++)
        is_sane = measure_scopes(&bench, regions[i]) && is_sane;
    return is_sane ? EXIT_CLEAN : EXIT_GAVE_UP;
}
