/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/clocks.h"

#include "cmd/server/model/engine.h"
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

static void write_offset(struct json_write *w, const struct observer *o,
                         int64_t offsets[static CLOCK_SAMPLES], size_t count)
{
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

static void write_read(struct json_write *w, struct asking *asking, const struct observer *o)
{
    int64_t offsets[CLOCK_SAMPLES];
    write_offset(w, o, offsets, read_offsets(asking, o->id, offsets));
}

/* --- of an engine, which tells of all at once ------------------------------------------------- */

struct told {
    size_t count;
    int64_t offsets[CLOCK_SAMPLES];
};

struct tellings {
    const struct directory *directory;
    struct told *all; /* owned; of the directory's observers, in their order */
};

static void note_offset(void *context, int64_t observer_id, int64_t ahead_ms)
{
    const struct tellings *t = context;
    const struct observer *o = directory_observer(t->directory, observer_id);
    struct told *told = o != NULL ? &t->all[o - t->directory->observers] : NULL;
    if (told != NULL && told->count < CLOCK_SAMPLES)
        told->offsets[told->count++] = ahead_ms;
}

/* False = no memory, or the question failed. */
static bool tellings_read(struct tellings *t, struct asking *asking, const struct directory *d)
{
    const struct engine *engine = asking->model->engine;
    *t = (struct tellings){.directory = d};
    if (engine == NULL)
        return true;
    t->all = calloc(d->observer_count + 1, sizeof *t->all);
    return t->all != NULL && engine->clocks(asking, CLOCK_SAMPLES, note_offset, t);
}

/* ---------------------------------------------------------------------------------------------- */

static void write_one(struct json_write *w, struct asking *asking, const struct tellings *t,
                      const struct observer *o)
{
    struct told *told = t->all != NULL ? &t->all[o - t->directory->observers] : NULL;
    if (told != NULL)
        write_offset(w, o, told->offsets, told->count);
    else
        write_read(w, asking, o);
}

void clocks_answer(struct asking *asking, const struct http_request *request,
                   struct http_reply *reply)
{
    (void)request;
    const struct directory *d = asking_directory(asking);
    size_t count = 0;
    const struct observer **all = d != NULL ? observers_listed(d, &count) : NULL;
    const int64_t since_ms = asking->now / US_PER_MS - MS_PER_DAY;
    struct tellings tellings = {.all = NULL};
    if (all != NULL && tellings_read(&tellings, asking, d)) {
        struct json_write w;
        jw_grow(&w, HTTP_ANSWER_MAX);
        jw_array(&w, NULL);
        for (size_t i = 0; i < count && i < CLOCK_OBSERVERS && all[i]->heard_ms > since_ms; i++)
            write_one(&w, asking, &tellings, all[i]);
        jw_array_end(&w);
        http_reply_json(reply, &w);
    }
    free(tellings.all);
    free(all);
}
