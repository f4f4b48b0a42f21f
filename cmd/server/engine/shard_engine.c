/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_engine.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/packets/filter.h"
#include "cmd/server/packets/walk.h"
#include "cmd/server/shards/shard_asking.h"
#include "cmd/server/shards/shard_counts.h"
#include "cmd/server/shards/shard_directory.h"
#include "cmd/server/engine/shard_follow.h"
#include "cmd/server/shards/shard_lists.h"
#include "cmd/server/shards/shard_samples.h"
#include "cmd/server/engine/shard_receptions.h"
#include "cmd/server/engine/shard_refusals.h"
#include "cmd/server/engine/shard_summary.h"
#include "cmd/server/engine/shard_sums.h"
#include "cmd/server/engine/shard_tables.h"
#include "cmd/server/engine/shard_talks.h"
#include "cmd/server/shards/shard_walk.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <stdlib.h>

static enum status begin(struct asking *asking, mono_us budget, struct err *err)
{
    struct shards *shards = asking->model->shards;
    size_t up = 0;
    for (size_t i = 0; i < shards_count(shards); i++)
        up += shards_is_up(shards, i);
    if (up == 0)
        return err_set(err, STATUS_IO, 0, NULL, "no shard of storeUrl answers");
    asking->shards = calloc(1, sizeof *asking->shards);
    if (asking->shards != NULL)
        asking->shards->question = shard_question_begin(
            shards, budget > SHARDS_REQUEST_US ? budget : SHARDS_REQUEST_US, SHARDS_TRY_MS);
    if (asking->shards != NULL && asking->shards->question != NULL)
        return STATUS_OK;
    free(asking->shards);
    asking->shards = NULL;
    return err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory");
}

static enum reader_result end(struct asking *asking)
{
    struct shard_question *question = asking->shards->question;
    const bool is_late = clock_mono() > shard_question_deadline(question);
    const bool has_failed = shard_question_has_failed(question);
    const bool is_older = shard_question_is_older(question);
    asking->missing = shards_missing_bits(question);
    shard_question_end(question);
    basket_done(&asking->shards->basket);
    free(asking->shards);
    asking->shards = NULL;
    return !has_failed ? READER_ANSWERED
           : is_older  ? READER_OLDER
           : is_late   ? READER_LATE
                       : READER_FAILED;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* By its id: 2,048 hashes, of which two are ever met by chance (the first counts then). */
static uint64_t hash_of(struct asking *asking, int64_t id)
{
    struct shard_question *question = asking->shards->question;
    struct sql sql;
    uint64_t hash = 0;
    if (id <= 0 || id >= INT64_C(1) << 53)
        return 0;
    sql_begin(&sql);
    sql_add(&sql,
            "SELECT hash FROM tx WHERE hash >= %" PRIu64 " AND hash <= %" PRIu64
            " ORDER BY first_ms DESC LIMIT 1 FORMAT RowBinary",
            (uint64_t)id << 11, ((uint64_t)id << 11) + 2047);
    const bool is_asked = !sql.is_cut && shard_ask(question, sql.text);
    sql_done(&sql);
    if (!is_asked)
        return 0;
    struct shard_rows rows = shard_rows(question);
    while (shard_rows_next(&rows))
        hash = rowbinary_read_u64(&rows.row);
    return shard_rows_end(&rows) ? hash : 0;
}

static const struct bundle *bundle_of(struct asking *asking, int64_t id)
{
    struct basket *basket = &asking->shards->basket;
    const struct bundle *b = basket_find(basket, id);
    const uint64_t hash = b == NULL ? hash_of(asking, id) : 0;
    if (hash != 0 && basket_read(basket, asking->shards->question, asking, &hash, 1))
        b = basket_find_hash(basket, hash);
    return b;
}

static bool read_packet(struct asking *asking, int64_t id, int64_t observation, struct packet *out,
                        struct packet_observation *out_shown)
{
    const struct bundle *b = bundle_of(asking, id);
    const struct packet_observation *shown = b != NULL ? bundle_best(b) : NULL;
    for (size_t i = 0; b != NULL && observation != 0 && i < b->count; i++) {
        if (b->seen[i].id == observation)
            shown = &b->seen[i];
    }
    if (shown == NULL)
        return false;
    *out = b->packet;
    *out_shown = *shown;
    return true;
}

static int64_t find_hash(struct asking *asking, const uint8_t *hash)
{
    const uint64_t number = shard_number(hash);
    struct basket *basket = &asking->shards->basket;
    const struct bundle *b = basket_read(basket, asking->shards->question, asking, &number, 1)
                                 ? basket_find_hash(basket, number)
                                 : NULL;
    return b != NULL ? b->packet.id : 0;
}

static void prefetch(struct asking *asking, const uint8_t *hashes, size_t count)
{
    uint64_t *numbers = calloc(count, sizeof *numbers);
    for (size_t i = 0; numbers != NULL && i < count; i++)
        numbers[i] = shard_number(hashes + i * MESHCORE_HASH_BYTES);
    if (numbers != NULL)
        IGNORE(
            basket_read(&asking->shards->basket, asking->shards->question, asking, numbers, count),
            "the question has failed then, or each is read alone");
    free(numbers);
}

static size_t each_observation(struct asking *asking, const struct packet *packet, packet_each each,
                               void *context)
{
    const struct bundle *b = bundle_of(asking, packet->id);
    for (size_t i = 0; b != NULL && i < b->count; i++)
        each(context, &b->seen[i]);
    return b != NULL ? b->count : 0;
}

static int64_t count_packets(struct asking *asking, const struct filter *filter)
{
    const struct shard_counts *counts =
        filter->is_any ? shards_counts(asking->model->shards) : NULL;
    const int64_t total =
        counts != NULL && counts->is_known[COUNTED_PACKETS] ? counts->total[COUNTED_PACKETS] : -1;
    shard_counts_unref(counts);
    return total;
}

const struct engine shard_engine = {
    .summary = &shard_summary,
    .begin = begin,
    .end = end,
    .directory = shard_directory_read,
    .packet = read_packet,
    .find_hash = find_hash,
    .prefetch = prefetch,
    .observations = each_observation,
    .walk = shard_walk,
    .count_packets = count_packets,
    .first_receipts = shard_first_receipts,
    .newest = shard_newest,
    .drops = shard_drops,
    .refusals = shard_refusals,
    .refused = shard_refused,
    .refused_from = shard_refused_from,
    .receptions = shard_receptions,
    .sums = shard_sums,
    .last_hour = shard_last_hour,
    .samples = shard_samples,
    .clocks = shard_clocks,
    .phones = shard_phones,
    .declarations = shard_declarations,
    .adverts = shard_adverts,
    .adverts_since = shard_adverts_since,
    .channels = shard_channels,
    .messages = shard_messages,
    .talks = shard_talks,
    .count_messages = shard_count_messages,
    .follower_new = shard_follower_new,
    .follower_free = shard_follower_free,
    .follow_anew = shard_follow_anew,
    .follow = shard_follow,
    .follow_back = shard_follow_back,
    .followed = shard_followed,
};
