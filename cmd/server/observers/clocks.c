/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/clocks.h"

#include "cmd/server/observers/observer_write.h"

#include <stdlib.h>

static const char SQL_TIMES[] =
    "SELECT o.envelope_ms - o.receipt_ms FROM (SELECT id FROM observations"
    " INDEXED BY observations_observer WHERE observer_id = ?1 ORDER BY id DESC LIMIT ?2) p"
    " CROSS JOIN observations o ON o.id = p.id WHERE o.envelope_ms IS NOT NULL";

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static size_t read_offsets(struct asking *asking, int64_t id, int64_t out[static CLOCK_SAMPLES])
{
    struct statement *sql = reader_statement(asking->reader, SQL_TIMES);
    size_t count = 0;
    if (sql == NULL)
        return 0;
    bind_int(sql, 1, id);
    bind_int(sql, 2, CLOCK_SAMPLES);
    while (statement_row(sql) == STATUS_OK && count < CLOCK_SAMPLES)
        out[count++] = column_int(sql, 0);
    statement_done(sql);
    return count;
}

static void write_offset(struct json_write *w, struct asking *asking, const struct observer *o)
{
    int64_t offsets[CLOCK_SAMPLES];
    const size_t count = read_offsets(asking, o->id, offsets);
    if (count == 0)
        return;
    qsort(offsets, count, sizeof *offsets, by_number);
    const int64_t twice = offsets[(count - 1) / 2] + offsets[count / 2];
    jw_object(w, NULL);
    jw_string(w, "observerID", o->identity);
    jw_decimal(w, "offsetSec", twice * 5, 4);
    jw_uint(w, "samples", count);
    jw_object_end(w);
}

void clocks_answer(struct asking *asking, const struct http_request *request,
                   struct http_reply *reply)
{
    (void)request;
    const struct directory *d = asking_directory(asking);
    size_t count = 0;
    const struct observer **all = d != NULL ? observers_listed(d, &count) : NULL;
    const int64_t since_ms = asking->now / US_PER_MS - MS_PER_DAY;
    if (all == NULL)
        return;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_array(&w, NULL);
    for (size_t i = 0; i < count && i < CLOCK_OBSERVERS && all[i]->heard_ms > since_ms; i++)
        write_offset(&w, asking, all[i]);
    jw_array_end(&w);
    http_reply_json(reply, &w);
    free(all);
}
