/* SPDX-License-Identifier: MIT */
#include "cmd/server/tally/tally_senders.h"

#include "cmd/server/tally/table.h"

#include <math.h>
#include <stdlib.h>

struct tally_senders {
    struct table pairs;
};

static void destroy(void *tally)
{
    struct tally_senders *t = tally;
    if (t == NULL)
        return;
    table_done(&t->pairs);
    free(t);
}

static void *make(const struct tally_window *window)
{
    (void)window;
    struct tally_senders *t = calloc(1, sizeof *t);
    if (t != NULL)
        table_init(&t->pairs, sizeof(struct sender_heard), 2 * sizeof(int64_t), SENDERS_MAX);
    return t;
}

static void add(void *tally, const struct reception *r)
{
    struct tally_senders *t = tally;
    const int64_t key[2] = {r->sender, r->observer_id};
    if (r->sender == 0 || meshcore_is_share_contact(r->route, r->is_scoped, r->path_bytes))
        return;
    struct sender_heard *heard = table_take(&t->pairs, key, NULL);
    if (heard == NULL)
        return;
    heard->count++;
    if (heard->first_ms == 0 || r->receipt_ms < heard->first_ms)
        heard->first_ms = r->receipt_ms;
    if (r->receipt_ms > heard->last_ms)
        heard->last_ms = r->receipt_ms;
    if (!isnan(r->snr)) {
        heard->snr_count++;
        heard->snr_sum += (float)r->snr;
    }
    if (!isnan(r->rssi)) {
        heard->rssi_count++;
        heard->rssi_sum += (float)r->rssi;
    }
    if (r->has_hops) {
        heard->hops_count++;
        heard->hops_sum += r->hop_count;
    }
}

static bool is_cut(const void *tally)
{
    return ((const struct tally_senders *)tally)->pairs.is_cut;
}

static size_t bytes(const void *tally)
{
    const struct tally_senders *t = tally;
    return sizeof *t + table_bytes(&t->pairs);
}

const struct tally_kind tally_senders = {make, add, NULL, is_cut, bytes, destroy};

size_t tally_senders_count(const struct tally_senders *tally)
{
    return tally->pairs.count;
}

const struct sender_heard *tally_senders_at(const struct tally_senders *tally, size_t at)
{
    return table_at(&tally->pairs, at);
}
