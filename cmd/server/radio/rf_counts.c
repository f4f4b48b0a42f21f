/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/rf_counts.h"

#include "cmd/server/analytics/places.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/radio/sums.h"
#include "common/db/schema.h"

#include <stdlib.h>

#define OBSERVERS_AT_ONCE 32 /* 10 ms of look-ups */
#define SNR_KEYS          SIGNAL_SNR_BINS
#define RSSI_KEYS         64
#define SIZE_KEYS         64

/* --- the last 24 hours ------------------------------------------------------------------------ */

static struct rf_range range_of(const struct signal_range *range)
{
    return (struct rf_range){range->count, (double)range->low, (double)range->high, range->sum};
}

static void from_summary(struct analytics_turn *turn, struct rf_counts *out)
{
    const struct tally_signals *t = summary_signals(turn->facts.summary);
    analysis_of_summary(turn, 1u << TALLY_signals);
    out->is_by_packet = true;
    out->size_width = 1;
    out->first_hour = t->first_hour;
    out->hour_count = SIGNAL_HOURS;
    out->receptions = t->receptions;
    out->packets = t->packets;
    out->snr = range_of(&t->snr);
    out->rssi = range_of(&t->rssi);
    for (size_t i = 0; i < SIGNAL_SNR_BINS; i++)
        out->snr_bins[i] = t->snr_bins[i];
    for (size_t i = 0; i < SIGNAL_RSSI_BINS; i++)
        out->rssi_bins[i] = t->rssi_bins[i];
    for (size_t i = 0; i < SIGNAL_SIZES; i++)
        out->sizes[i] = t->packets_by_size[i];
    for (size_t i = 0; i < SIGNAL_TYPES; i++) {
        out->types[i] = t->packets_by_type[i];
        out->snr_by_type[i] = range_of(&t->snr_by_type[i]);
    }
    for (size_t i = 0; i < SIGNAL_HOURS; i++)
        out->hours[i] =
            (struct rf_hour){t->hours[i].receptions, t->hours[i].snr_count, t->hours[i].snr_sum};
}

/* --- longer windows --------------------------------------------------------------------------- */

static void add_bin(struct rf_range *range, uint64_t n, double low, double high, double value)
{
    if (n == 0)
        return;
    range->min = range->count == 0 || low < range->min ? low : range->min;
    range->max = range->count == 0 || high > range->max ? high : range->max;
    range->count += n;
    range->sum += (double)n * value;
}

static struct rf_hour *hour_at(struct rf_counts *c, int64_t hour)
{
    const int64_t at = hour - c->first_hour;
    return at >= 0 && at < (int64_t)c->hour_count ? &c->hours[at] : NULL;
}

/* What a sum adds, of one key and hour. key: behind the kind's first part. */
typedef void (*add_sum)(struct rf_counts *c, int64_t key, const struct sum *sum);

/* key: dB + 64 */
static void add_snr(struct rf_counts *c, int64_t key, const struct sum *sum)
{
    const double low = (double)(key + SIGNAL_SNR_LOW);
    struct rf_hour *hour = hour_at(c, sum->hour);
    c->snr_bins[key] += sum->observations;
    add_bin(&c->snr, sum->observations, low, low + 2 * RF_SNR_MIDDLE, low + RF_SNR_MIDDLE);
    if (hour != NULL) {
        hour->snr_count += sum->observations;
        hour->snr_sum += (double)sum->observations * (low + RF_SNR_MIDDLE);
    }
}

/* key: dBm / 5 + 40 */
static void add_rssi(struct rf_counts *c, int64_t key, const struct sum *sum)
{
    const double low = (double)(key * SIGNAL_RSSI_WIDTH + SIGNAL_RSSI_LOW);
    c->rssi_bins[key] += sum->observations;
    add_bin(&c->rssi, sum->observations, low, low + 2 * RF_RSSI_MIDDLE, low + RF_RSSI_MIDDLE);
}

static void add_network(struct rf_counts *c, int64_t key, const struct sum *sum)
{
    struct rf_hour *hour = hour_at(c, sum->hour);
    (void)key;
    c->receptions += sum->observations;
    c->packets += sum->transmissions;
    if (hour != NULL)
        hour->receptions += sum->observations;
}

static void add_type(struct rf_counts *c, int64_t key, const struct sum *sum)
{
    c->types[key] += c->is_by_packet ? sum->transmissions : sum->observations;
}

/* key: type * 64 + bytes / 4 */
static void add_size(struct rf_counts *c, int64_t key, const struct sum *sum)
{
    c->sizes[key % SIZE_KEYS] += sum->transmissions;
}

/* key: type * 128 + dB + 64 */
static void add_type_snr(struct rf_counts *c, int64_t key, const struct sum *sum)
{
    const double low = (double)(key % SNR_KEYS + SIGNAL_SNR_LOW);
    add_bin(&c->snr_by_type[key / SNR_KEYS], sum->observations, low, low + 2 * RF_SNR_MIDDLE,
            low + RF_SNR_MIDDLE);
}

/* Keys first .. first + count - 1 of a kind, times step; `low` is what the first one is to add. */
struct keys {
    enum rollup_kind kind;
    int64_t first, step, count;
    add_sum add;
};

static bool add_keys(struct analytics_turn *turn, struct rf_counts *c, const struct keys *keys)
{
    struct sum sum;
    for (int64_t i = 0; i < keys->count; i++) {
        struct statement *sql = sums_begin(turn->asking->reader, keys->kind,
                                           keys->first + i * keys->step, c->first_hour);
        if (sql == NULL)
            return false;
        while (sums_next(sql, &sum))
            keys->add(c, i, &sum);
    }
    return true;
}

static bool add_all(struct analytics_turn *turn, struct rf_counts *c, const struct keys *all,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!add_keys(turn, c, &all[i]))
            return false;
    }
    return true;
}

static bool of_all(struct analytics_turn *turn, struct rf_counts *c)
{
    static const struct keys all[] = {
        {ROLLUP_NETWORK, 0, 1, 1, add_network},
        {ROLLUP_SNR, SIGNAL_SNR_LOW, 1, SNR_KEYS, add_snr},
        {ROLLUP_RSSI, SIGNAL_RSSI_LOW, SIGNAL_RSSI_WIDTH, SIGNAL_RSSI_BINS, add_rssi},
        {ROLLUP_TYPE, 0, 1, SIGNAL_TYPES, add_type},
        {ROLLUP_TYPE_SIZE, 0, 1, (int64_t)SIGNAL_TYPES * SIZE_KEYS, add_size},
        {ROLLUP_TYPE_SNR, 0, 1, (int64_t)SIGNAL_TYPES * SNR_KEYS, add_type_snr},
    };
    c->is_by_packet = true;
    return add_all(turn, c, all, ARRAY_LEN(all));
}

static bool of_observer(struct analytics_turn *turn, struct rf_counts *c, int64_t id)
{
    const struct keys all[] = {
        {ROLLUP_OBSERVER, id, 1, 1, add_network},
        {ROLLUP_OBSERVER_SNR, id * SNR_KEYS, 1, SNR_KEYS, add_snr},
        {ROLLUP_OBSERVER_RSSI, id * RSSI_KEYS, 1, SIGNAL_RSSI_BINS, add_rssi},
        {ROLLUP_OBSERVER_TYPE, id * SIGNAL_TYPES, 1, SIGNAL_TYPES, add_type},
    };
    return add_all(turn, c, all, ARRAY_LEN(all));
}

/* False = the question failed. Gives the log free now and then. */
static bool of_places(struct analytics_turn *turn, struct rf_counts *c, const struct places *places)
{
    const struct directory *d = places->directory;
    size_t done = 0;
    c->is_by_day = true;
    for (size_t i = 0; i < d->observer_count; i++) {
        if (!places->has[i])
            continue;
        if (++done % OBSERVERS_AT_ONCE == 0 && !asking_again(turn->asking, ANALYTICS_BUDGET_US))
            return false;
        if (analysis_is_late(turn)) {
            turn->is_complete = false;
            break;
        }
        if (!of_observer(turn, c, d->observers[i].id))
            return false;
    }
    return true;
}

/* --- of an engine ----------------------------------------------------------------------------- */

/* As those above, by kind; SNR and RSSI of observers as of all. */
static void note_sum(void *context, const struct engine_sum *told)
{
    struct rf_counts *c = context;
    const struct sum sum = {told->hour - (c->is_by_day ? told->hour % ROLLUP_DAY_HOURS : 0),
                            told->observations, told->transmissions};
    const struct sum hourly = {told->hour, told->observations, told->transmissions};
    const struct slot {
        add_sum add;
        int64_t first, step, count;
    } slots[ROLLUP_KINDS] = {
        [ROLLUP_NETWORK] = {add_network, 0, 1, 1},
        [ROLLUP_OBSERVER] = {add_network, 0, 1, 1},
        [ROLLUP_TYPE] = {add_type, 0, 1, SIGNAL_TYPES},
        [ROLLUP_OBSERVER_TYPE] = {add_type, 0, 1, SIGNAL_TYPES},
        [ROLLUP_SNR] = {add_snr, SIGNAL_SNR_LOW, 1, SNR_KEYS},
        [ROLLUP_OBSERVER_SNR] = {add_snr, 0, 1, SNR_KEYS},
        [ROLLUP_RSSI] = {add_rssi, SIGNAL_RSSI_LOW, SIGNAL_RSSI_WIDTH, SIGNAL_RSSI_BINS},
        [ROLLUP_OBSERVER_RSSI] = {add_rssi, 0, 1, SIGNAL_RSSI_BINS},
        [ROLLUP_TYPE_SIZE] = {add_size, 0, 1, (int64_t)SIGNAL_TYPES * SIZE_KEYS},
        [ROLLUP_TYPE_SNR] = {add_type_snr, 0, 1, (int64_t)SIGNAL_TYPES * SNR_KEYS},
    };
    const struct slot *slot = &slots[told->kind < ROLLUP_KINDS ? told->kind : ROLLUP_NODE];
    const int64_t key = slot->add != NULL ? (told->key - slot->first) / slot->step : -1;
    if (key >= 0 && key < slot->count)
        slot->add(c, key, slot->add == add_snr ? &sum : &hourly);
}

#define OF_ALL                                                                                     \
    (1U << ROLLUP_NETWORK | 1U << ROLLUP_SNR | 1U << ROLLUP_RSSI | 1U << ROLLUP_TYPE |             \
     1U << ROLLUP_TYPE_SIZE | 1U << ROLLUP_TYPE_SNR)
#define OF_OBSERVERS                                                                               \
    (1U << ROLLUP_OBSERVER | 1U << ROLLUP_OBSERVER_SNR | 1U << ROLLUP_OBSERVER_RSSI |              \
     1U << ROLLUP_OBSERVER_TYPE)

static bool from_engine(struct analytics_turn *turn, struct rf_counts *c,
                        const struct places *places)
{
    size_t count;
    int64_t *ids = places_observers(places, &count);
    const struct engine_sums wanted = {.kinds = places->is_any ? OF_ALL : OF_OBSERVERS,
                                       .observers = ids,
                                       .observer_count = count,
                                       .from_hour = c->first_hour};
    c->is_by_packet = places->is_any;
    c->is_by_day = !places->is_any;
    const bool is_good = ids != NULL && turn->asking->model->engine->sums(
                                            turn->asking, &wanted, note_sum, c, &turn->is_complete);
    free(ids);
    return is_good;
}

static bool from_sums(struct analytics_turn *turn, struct rf_counts *c, const struct places *places)
{
    const int64_t days = turn->window_ms / MS_PER_DAY;
    const int64_t first_day = turn->to_ms / MS_PER_DAY - days + 1;
    turn->from_ms = first_day * MS_PER_DAY;
    c->size_width = RF_SIZE_WIDTH;
    c->first_hour = first_day * ROLLUP_DAY_HOURS;
    c->hour_count = (size_t)(turn->to_ms / MS_PER_HOUR - c->first_hour) + 1;
    if (turn->asking->model->engine != NULL)
        return from_engine(turn, c, places);
    turn->is_complete = sums_are_near(turn->asking->reader);
    return places->is_any ? of_all(turn, c) : of_places(turn, c, places);
}

bool rf_count(struct analytics_turn *turn, struct rf_counts *out)
{
    struct places places;
    if (turn->window_ms == MS_PER_DAY) {
        from_summary(turn, out);
        return true;
    }
    const bool is_good = places_read(&places, turn) && from_sums(turn, out, &places);
    places_done(&places);
    return is_good;
}
