/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_talks.h"

#include "cmd/server/engine/shard_list.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/shards/sql.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OBSERVERS_MAX 2000
#define CHANNEL_BYTES 64
#define SENDER_BYTES  128

struct talk {
    struct engine_talk is;
    uint64_t hash;
    bool has_sender;
    char channel[CHANNEL_BYTES], sender[SENDER_BYTES];
};

static int newest_first(const void *a, const void *b)
{
    const struct talk *x = a;
    const struct talk *y = b;
    if (x->is.first_ms != y->is.first_ms)
        return x->is.first_ms < y->is.first_ms ? 1 : -1;
    return (x->hash < y->hash) - (x->hash > y->hash);
}

/* Whoever heard it did so within a day of its first receipt. */
static void write_heard(struct sql *sql, const struct asking *asking,
                        const struct engine_talks *wanted)
{
    struct shard_ids *ids = shards_ids(asking->model->shards);
    uint64_t number;
    sql_add(sql, " AND hash IN (SELECT hash FROM obs WHERE ");
    sql_hours(sql, wanted->from_ms / MS_PER_HOUR, wanted->to_ms / MS_PER_HOUR + 24);
    sql_add(sql, " AND direction = 0 AND observer IN (toUInt64(0)");
    for (size_t i = 0; i < min_size(wanted->observer_count, OBSERVERS_MAX); i++) {
        if (shard_ids_number(ids, SHARD_OBSERVER, wanted->observers[i], &number))
            sql_add(sql, ",toUInt64(%" PRIu64 ")", number);
    }
    sql_add(sql, "))");
}

/* The channel's number is a hash of its name, which both versions make alike. */
static void write_talks(struct sql *sql, const struct asking *asking,
                        const struct engine_talks *wanted)
{
    const int64_t from_day = wanted->from_ms / MS_PER_DAY;
    sql_add(sql,
            "SELECT hash, toInt64(bitShiftRight(cityHash64(c), 11)), c, f, s, n FROM (SELECT hash,"
            " argMax(channel, ver) AS c, min(first_ms) AS f, argMax(sender, ver) AS s,"
            " argMax(toInt64(lengthUTF8(text)), ver) AS n FROM messages WHERE kind = 0 AND channel"
            " != '' AND day >= %" PRId64 " AND day <= %" PRId64,
            from_day > 0 ? from_day - 1 : 0, wanted->to_ms / MS_PER_DAY);
    if (wanted->observers != NULL)
        write_heard(sql, asking, wanted);
    sql_add(sql,
            " GROUP BY hash HAVING f >= %" PRId64 " AND f <= %" PRId64
            " ORDER BY f DESC, hash DESC LIMIT %zu) FORMAT RowBinary",
            wanted->from_ms, wanted->to_ms, wanted->max);
}

static void copy(struct rowbinary_text text, char *out, size_t size)
{
    memcpy(out, text.bytes, min_size(text.len, size - 1));
}

static bool read_talk(void *entry, struct rowbinary_reader *row, struct shard_ids *ids)
{
    struct talk *out = entry;
    (void)ids;
    *out = (struct talk){.hash = rowbinary_read_u64(row)};
    out->is.id = shard_id(out->hash);
    out->is.channel_id = rowbinary_read_i64(row);
    copy(rowbinary_read_string(row), out->channel, sizeof out->channel);
    out->is.first_ms = rowbinary_read_i64(row);
    out->has_sender = !rowbinary_read_is_null(row);
    if (out->has_sender)
        copy(rowbinary_read_string(row), out->sender, sizeof out->sender);
    out->is.text_chars = rowbinary_read_is_null(row) ? DIRECTORY_UNKNOWN : rowbinary_read_i64(row);
    return true;
}

bool shard_talks(struct asking *asking, const struct engine_talks *wanted,
                 void (*each)(void *context, const struct engine_talk *talk), void *context)
{
    static const struct shard_list_kind talks = {sizeof(struct talk), read_talk, newest_first};
    struct shard_list list = {.all = NULL};
    struct sql sql;
    sql_begin(&sql);
    write_talks(&sql, asking, wanted);
    const bool is_read = shard_list_ask(&list, &talks, asking, &sql);
    struct talk *all = list.all;
    for (size_t i = 0; is_read && i < min_size(list.count, wanted->max); i++) {
        all[i].is.channel = all[i].channel;
        all[i].is.sender = all[i].has_sender ? all[i].sender : NULL;
        each(context, &all[i].is);
    }
    free(list.all);
    return is_read;
}
