/* SPDX-License-Identifier: MIT
 *
 * What relays send: which types of packets take their time on the air.
 *
 * Definitions. count: packets of the type that were received in the window, of all routes; score:
 * nanoseconds on the air of what relays sent, for each packet its airtime (airtime.h, by the length
 * of the frame as first received) times the hops that it was seen to come over, each once; both
 * _pct are of the totals, in percent. preset: what most observers that were heard in the window say
 * of their radio; where none does DEFAULT_PRESET, and is_assumed.
 * It is of the whole mesh: a relay's packet is one, however many observers heard it. */
#include "cmd/server/paths/paths.h"

#include "cmd/server/paths/airtime.h"
#include "cmd/server/paths/gather.h"
#include "cmd/server/tally/tally_hops.h"

#include <math.h>
#include <stdlib.h>

/* What CoreScope takes. */
static const struct lora_preset DEFAULT_PRESET = {869.6e6, 62.5, 8, 5};
#define PRESETS_MAX 32

struct voted {
    struct lora_preset preset;
    size_t votes;
};

struct share {
    unsigned type;
    uint32_t count;
    uint64_t score;
};

/* Radios tell a frequency to the Hertz or to the kilohertz. */
static bool is_same(const struct lora_preset *a, const struct lora_preset *b)
{
    return fabs(a->freq_hz - b->freq_hz) < 1000 && fabs(a->bw_khz - b->bw_khz) < 0.1 &&
           a->sf == b->sf && a->cr == b->cr;
}

static void vote(struct voted *voted, size_t *count, const struct lora_preset *preset)
{
    size_t at = 0;
    while (at < *count && !is_same(&voted[at].preset, preset))
        at++;
    if (at == PRESETS_MAX)
        return;
    if (at == *count)
        voted[(*count)++] = (struct voted){.preset = *preset};
    voted[at].votes++;
    if (preset->freq_hz < voted[at].preset.freq_hz)
        voted[at].preset.freq_hz = preset->freq_hz;
}

/* In whatever order observers stand: of equals the lower frequency, the faster one. */
static bool is_preferred(const struct voted *to, const struct voted *is)
{
    if (is->votes != to->votes)
        return is->votes > to->votes;
    if (is->preset.freq_hz != to->preset.freq_hz)
        return is->preset.freq_hz < to->preset.freq_hz;
    return is->preset.sf < to->preset.sf;
}

static struct lora_preset find_preset(const struct directory *directory, int64_t from_ms,
                                      bool *out_assumed)
{
    struct voted voted[PRESETS_MAX];
    struct voted best = {.preset = DEFAULT_PRESET};
    size_t count = 0;
    for (size_t i = 0; i < directory->observer_count; i++) {
        const struct observer *observer = &directory->observers[i];
        struct lora_preset preset;
        if (!observer->is_hidden && observer->heard_ms >= from_ms &&
            lora_preset_read(observer->radio, &preset))
            vote(voted, &count, &preset);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_preferred(&best, &voted[i]))
            best = voted[i];
    }
    *out_assumed = best.votes == 0;
    return best.preset;
}

static int by_score(const void *a, const void *b)
{
    const struct share *x = a;
    const struct share *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->type > y->type) - (x->type < y->type);
}

static uint64_t score_of(const struct tally_hops *hops, unsigned type,
                         const struct lora_preset *preset)
{
    uint64_t score = 0;
    for (size_t bytes = 0; bytes <= MESHCORE_FRAME_MAX; bytes++) {
        const uint64_t relayed = tally_hops_relayed(hops, type, bytes);
        if (relayed > 0)
            score += relayed * lora_airtime_ns(preset, bytes);
    }
    return score;
}

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static void write_preset(struct json_write *w, const struct lora_preset *preset, bool is_assumed)
{
    jw_object(w, "preset");
    jw_real(w, "freq_hz", preset->freq_hz);
    jw_real(w, "bw_khz", preset->bw_khz);
    jw_uint(w, "sf", preset->sf);
    jw_uint(w, "cr", preset->cr);
    jw_uint(w, "preamble", lora_preamble(preset));
    jw_bool(w, "is_assumed", is_assumed);
    jw_object_end(w);
}

static void write_shares(struct json_write *w, const struct share *shares)
{
    uint64_t count = 0;
    uint64_t score = 0;
    for (unsigned i = 0; i < HOP_TYPES; i++) {
        count += shares[i].count;
        score += shares[i].score;
    }
    jw_uint(w, "total_count", count);
    jw_uint(w, "total_score", score);
    jw_array(w, "rows");
    for (unsigned i = 0; i < HOP_TYPES; i++) {
        if (shares[i].count == 0)
            continue;
        jw_object(w, NULL);
        jw_string(w, "payload_type", meshcore_type_name(shares[i].type));
        jw_uint(w, "type", shares[i].type);
        jw_uint(w, "count", shares[i].count);
        jw_rounded(w, "count_pct", percent(shares[i].count, (double)count), 3);
        jw_rounded(w, "airtime_pct", percent((double)shares[i].score, (double)score), 3);
        jw_uint(w, "score", shares[i].score);
        jw_object_end(w);
    }
    jw_array_end(w);
}

bool airtime_compute(struct analytics_turn *turn, struct json_write *w)
{
    const struct tally_hops *hops = summary_hops(turn->facts.summary);
    struct share shares[HOP_TYPES];
    bool is_assumed;
    analysis_of_summary(turn, 1U << TALLY_hops);
    const struct lora_preset preset =
        find_preset(turn->facts.directory, turn->from_ms, &is_assumed);
    for (unsigned type = 0; type < HOP_TYPES; type++)
        shares[type] =
            (struct share){type, tally_hops_received(hops, type), score_of(hops, type, &preset)};
    qsort(shares, HOP_TYPES, sizeof *shares, by_score);
    jw_string(w, "window", "24h");
    jw_bool(w, "cached", false);
    write_preset(w, &preset, is_assumed);
    write_shares(w, shares);
    return true;
}
