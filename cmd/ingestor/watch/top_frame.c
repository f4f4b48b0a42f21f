/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/watch/top_frame.h"

#include "common/base/version.h"

#include <math.h>
#include <string.h>

#define SPARK_MAX     60
#define COURSE_MIN    8   /* columns; where they are not left beside a text, it is left out */
#define MORE_COLUMNS  38  /* of that text, with a margin: the curves stand under each other */
#define PLAIN_COLUMNS 100 /* of a frame that is not for a terminal */

struct draw {
    struct top_frame *frame;
    const struct top_view *view;
    const struct stats_snapshot *stats; /* NULL = none */
    size_t rows, columns;
};

static bool has_room(const struct draw *d)
{
    return d->frame->count < d->rows;
}

/* The caller has looked whether there is room. */
static struct top_row *new_row(struct draw *d, enum top_style style)
{
    const size_t i = d->frame->count < d->rows ? d->frame->count++ : d->rows - 1;
    d->frame->rows[i].style = style;
    top_row_init(&d->frame->rows[i].row, d->columns);
    return &d->frame->rows[i].row;
}

static const char *figure(int64_t value, char out[static TOP_NUMBER_BYTES])
{
    return top_number(value == STATS_UNKNOWN ? (double)NAN : (double)value, out);
}

static const char *count(uint64_t value, char out[static TOP_NUMBER_BYTES])
{
    return top_number(value == STATS_UNKNOWN_COUNT ? (double)NAN : (double)value, out);
}

/* Since a moment in Unix seconds; unknown where that never was. */
static const char *since(const struct draw *d, int64_t unix_s, char out[static TOP_NUMBER_BYTES])
{
    const int64_t seconds = d->view->glance->now / US_PER_S - unix_s;
    return top_time(unix_s > 0 ? (double)(seconds > 0 ? seconds : 0) : (double)NAN, out);
}

/* --- the head --------------------------------------------------------------------------------- */

static const char *verdict_word(const struct glance *glance)
{
    static const char *const words[] = {
        [HEALTH_PASS] = "OK", [HEALTH_WARN] = "WARNING", [HEALTH_FAIL] = "CRITICAL"};
    return words[glance->report.level];
}

static void draw_head(struct draw *d)
{
    const struct glance *glance = d->view->glance;
    char age[TOP_NUMBER_BYTES], up[TOP_NUMBER_BYTES];
    struct top_row *row = new_row(d, glance->report.level == HEALTH_PASS ? TOP_HEAD : TOP_ALERT);
    top_row_put(row, "%s  ingestor", verdict_word(glance));
    if (d->stats == NULL)
        return;
    top_row_put(row, " %s  pid %s", d->stats->version[0] != '\0' ? d->stats->version : "?",
                d->stats->stopped_at > 0 ? "- (stopped)" : "");
    if (d->stats->stopped_at <= 0 && d->stats->pid != STATS_UNKNOWN)
        top_row_put(row, "%lld", (long long)d->stats->pid);
    if (d->stats->started_at != STATS_UNKNOWN)
        top_row_put(row, "  up %s", since(d, d->stats->started_at / US_PER_S, up));
    const double seconds = stats_age_seconds(d->stats, glance->now);
    top_row_put(row, "  sample %s old", seconds < 0 ? "?" : top_time(seconds, age));
    if (d->view->is_paused)
        top_row_put(row, "  PAUSED");
}

static size_t columns_of(const char *text, size_t len)
{
    struct top_row row;
    top_row_init(&row, TOP_COLUMNS_MAX);
    top_row_put(&row, "%.*s", (int)len, text);
    return row.columns;
}

/* How much of a text is a row: whole words; all of it where the first is too long. */
static size_t row_of(const char *text, size_t columns)
{
    size_t taken = 0;
    for (size_t end = strcspn(text, " "); columns_of(text, end) <= columns;
         end += 1 + strcspn(text + end + 1, " ")) {
        taken = end;
        if (text[end] == '\0')
            break;
    }
    return taken > 0 ? taken : strlen(text);
}

static size_t indent_of(size_t row)
{
    return row > 0 ? 3 : 0;
}

/* In at most so many rows; the last one is cut at the window's edge. Returns how many. */
static size_t draw_text(struct draw *d, enum top_style style, const char *text, size_t rows)
{
    size_t used = 0;
    while (used < rows && has_room(d)) {
        const size_t indent = indent_of(used++);
        const bool is_last = used == rows || d->columns <= 2 * indent;
        const size_t len = is_last ? strlen(text) : row_of(text, d->columns - indent);
        top_row_put(new_row(d, style), "%*s%.*s", (int)indent, "", (int)len, text);
        text += len;
        if (*text == '\0')
            break;
        text++; /* the blank between */
    }
    return used;
}

/* of: so many there are, where only one is shown; else 0. */
static size_t draw_finding(struct draw *d, const struct health_check *check, size_t of, size_t rows)
{
    char text[sizeof check->name + sizeof check->output + 40];
    const char *mark = check->level == HEALTH_FAIL ? "!!" : "! ";
    if (of > 0)
        (void)snprintf(text, sizeof text, "(1 of %zu) %s %s: %s", of, mark, check->name,
                       check->output);
    else
        (void)snprintf(text, sizeof text, "%s %s: %s", mark, check->name, check->output);
    return draw_text(d, TOP_ALERT, text, rows);
}

/* In `rows` rows, of which each has at least one; what does not fit is named. */
static void draw_findings(struct draw *d, size_t rows)
{
    const struct health_check *found[HEALTH_CHECKS_MAX];
    const size_t count = health_findings(&d->view->glance->report, found);
    const bool is_cut = count > rows;
    const size_t last = is_cut && rows > 1 ? 1 : 0; /* a row that says how many more */
    const size_t shown = min_size(count, rows - last);
    for (size_t i = 0; i < shown; i++)
        rows -= draw_finding(d, found[i], is_cut && last == 0 ? count : 0,
                             rows - last - (shown - i - 1));
    if (last > 0 && has_room(d))
        top_row_put(new_row(d, TOP_ALERT), "   and %zu more", count - shown);
}

static size_t rows_for_findings(const struct draw *d)
{
    return d->rows >= 100 ? 60 : d->rows >= 30 ? 10 : d->rows >= 16 ? 6 : d->rows >= 8 ? 2 : 1;
}

static void draw_verdict(struct draw *d)
{
    const struct glance *glance = d->view->glance;
    if (glance->report.level != HEALTH_PASS)
        draw_findings(d, rows_for_findings(d));
    else if (d->stats != NULL)
        (void)draw_text(d, TOP_PLAIN, d->stats->status, d->rows >= 16 ? 3 : 1);
}

/* --- rates ------------------------------------------------------------------------------------ */

static void put_course(struct draw *d, struct top_row *row, const struct top_course *course,
                       size_t columns)
{
    double values[SPARK_MAX];
    const size_t n = min_size(columns, SPARK_MAX);
    top_history_course(d->view->history, course, n, values);
    top_row_spark(row, values, n, d->view->is_utf8);
}

static void draw_series(struct draw *d, enum top_series series, const char *label, const char *unit,
                        const char *more)
{
    char number[TOP_NUMBER_BYTES];
    if (!has_room(d))
        return;
    struct top_row *row = new_row(d, TOP_PLAIN);
    top_row_cell(row, -10, "%s", label);
    top_row_cell(row, 7, "%s", top_number(d->view->history->now[series], number));
    top_row_cell(row, -5, "%s", unit);
    const size_t left = d->columns > row->columns ? d->columns - row->columns : 0;
    const size_t course = left > MORE_COLUMNS + COURSE_MIN ? left - MORE_COLUMNS : left;
    put_course(d, row, &d->view->history->series[series], course);
    if (course < left)
        top_row_put(row, "  %s", more);
}

static void text_of_queue(const struct draw *d, char *out, size_t cap)
{
    char capacity[TOP_NUMBER_BYTES], peak[TOP_NUMBER_BYTES];
    int64_t all = 0;
    int64_t highest = 0;
    for (size_t i = 0; i < d->stats->source_count; i++) {
        const struct stats_source *source = &d->stats->sources[i];
        if (source->capacity > 0 && source->capacity <= UINT32_MAX)
            all += source->capacity;
        if (source->high_water > highest)
            highest = source->high_water;
    }
    (void)snprintf(out, cap, "of %s, highest %s", figure(all, capacity), figure(highest, peak));
}

static void text_of_commits(const struct draw *d, char *out, size_t cap)
{
    char p50[TOP_NUMBER_BYTES], rows[TOP_NUMBER_BYTES], ago[TOP_NUMBER_BYTES];
    const struct stats_commit *commit = &d->stats->commit;
    (void)snprintf(out, cap, "p50 %s ms, %s rows, last %s ago", top_number(commit->ms_p50, p50),
                   figure(commit->rows_p50, rows), since(d, commit->last_unix, ago));
}

static void draw_rates(struct draw *d)
{
    char text[120];
    draw_series(d, TOP_RECEIVED, "received", "/s", "");
    draw_series(d, TOP_COMMITTED, "committed", "/s", "");
    text_of_queue(d, text, sizeof text);
    draw_series(d, TOP_QUEUE, "queue", "", text);
    text_of_commits(d, text, sizeof text);
    draw_series(d, TOP_COMMIT_MS, "commit p99", "ms", text);
}

/* --- sources ---------------------------------------------------------------------------------- */

static const struct stats_mqtt *broker_of(const struct stats_snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->mqtt_count; i++) {
        if (strcmp(s->mqtt[i].name, name) == 0)
            return &s->mqtt[i];
    }
    return NULL;
}

static void draw_source(struct draw *d, const struct stats_source *source)
{
    char text[6][TOP_NUMBER_BYTES];
    const struct stats_mqtt *broker = broker_of(d->stats, source->name);
    const struct top_source *seen = top_history_source(d->view->history, source->name);
    const struct ledger *ledger = &source->ledger;
    const bool has_ledger = source->has_ledger;
    struct top_row *row = new_row(d, TOP_PLAIN);
    top_row_cell(row, -18, "%s", source->name);
    top_row_cell(row, -12, "%s",
                 !d->view->glance->is_fresh ? "unknown"
                 : broker == NULL           ? (source->is_live ? "-" : "removed")
                 : broker->state[0] != '\0' ? broker->state
                 : broker->link.connected   ? "connected"
                                            : "disconnected");
    top_row_cell(row, 6, "%s", top_number(seen != NULL ? seen->rate : (double)NAN, text[0]));
    top_row_cell(row, 6, "%s", figure(source->records, text[1]));
    top_row_cell(row, 5, "%s", since(d, source->last_receipt_unix, text[2]));
    top_row_cell(row, 6, "%s", has_ledger ? count(ledger->received, text[3]) : "-");
    top_row_cell(row, 6, "%s",
                 has_ledger ? count(ledger->outcomes[OUTCOME_DUPLICATE], text[4]) : "-");
    top_row_cell(row, 5, "%s", has_ledger ? count(stats_lost(ledger), text[5]) : "-");
    if (seen != NULL && d->columns > row->columns)
        put_course(d, row, &seen->course, d->columns - row->columns);
}

static void draw_sources_head(struct draw *d)
{
    struct top_row *row = new_row(d, TOP_HEAD);
    top_row_cell(row, -18, "SOURCE");
    top_row_cell(row, -12, "STATE");
    top_row_cell(row, 6, "RATE/S");
    top_row_cell(row, 6, "QUEUE");
    top_row_cell(row, 5, "LAST");
    top_row_cell(row, 6, "RECVD");
    top_row_cell(row, 6, "DUPL");
    top_row_cell(row, 5, "LOST");
}

/* At most `rows`, the head among them. */
static void draw_sources(struct draw *d, size_t rows)
{
    const size_t total = d->stats->source_count;
    if (rows < 2 || total == 0)
        return;
    draw_sources_head(d);
    rows--;
    const bool is_cut = total > rows;
    const size_t shown = is_cut ? rows - 1 : total;
    size_t first = min_size(d->view->scrolled, total - shown);
    if (!is_cut)
        first = 0;
    for (size_t i = first; i < first + shown; i++)
        draw_source(d, &d->stats->sources[i]);
    if (is_cut)
        top_row_put(new_row(d, TOP_PLAIN), "  %zu more (up, down)", total - shown);
}

/* --- ledger and workers ----------------------------------------------------------------------- */

static uint64_t bucket_sum(const struct ledger *ledger, const char *bucket)
{
    uint64_t sum = 0;
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
        if (strcmp(outcome_info(o)->bucket, bucket) == 0 &&
            ledger->outcomes[o] != STATS_UNKNOWN_COUNT)
            sum += ledger->outcomes[o];
    }
    return sum;
}

#define LEDGER_INDENT 7

/* "received 1 =", "committed 1", ... */
struct ledger_parts {
    char text[OUTCOME_COUNT + 3][48];
    size_t count;
};

static void add_part(struct ledger_parts *parts, const char *name, const char *value)
{
    (void)snprintf(parts->text[parts->count++], sizeof parts->text[0], "%s %s", name, value);
}

/* What is counted apart stands last: it is 0, or something is wrong. */
static void parts_of(const struct ledger *ledger, struct ledger_parts *parts)
{
    char text[TOP_NUMBER_BYTES];
    parts->count = 1;
    (void)snprintf(parts->text[0], sizeof parts->text[0],
                   "ledger  received %s =", count(ledger->received, text));
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
        const char *bucket = outcome_info(o)->bucket;
        if (outcome_begins_bucket(o))
            add_part(parts, bucket, count(bucket_sum(ledger, bucket), text));
    }
    add_part(parts, "queued", count(ledger->queued, text));
    add_part(parts, "unaccounted", figure(ledger->unaccounted, text));
}

/* Does this part begin a row? Moves *at to its end. */
static bool begins_row(const char *part, size_t columns, size_t *at)
{
    const size_t len = strlen(part) + 1;
    const bool begins = *at + len > columns && *at > LEDGER_INDENT;
    *at = (begins ? LEDGER_INDENT : *at) + len;
    return begins;
}

/* How many rows all of it needs. */
static size_t ledger_rows(const struct draw *d)
{
    struct ledger_parts parts;
    if (!d->stats->has_ledger)
        return 0;
    parts_of(&d->stats->ledger_total, &parts);
    size_t rows = 1;
    size_t at = strlen(parts.text[0]);
    for (size_t i = 1; i < parts.count; i++)
        rows += begins_row(parts.text[i], d->columns, &at);
    return rows;
}

/* Where not all of it has room, what must be 0, and of how many. */
static void draw_short_ledger(struct draw *d, const struct ledger *ledger)
{
    char text[3][TOP_NUMBER_BYTES];
    top_row_put(new_row(d, TOP_PLAIN), "ledger  unaccounted %s, lost %s of %s",
                figure(ledger->unaccounted, text[0]), count(stats_lost(ledger), text[1]),
                count(ledger->received, text[2]));
}

static void draw_ledger(struct draw *d, size_t rows)
{
    struct ledger_parts parts;
    if (rows == 0 || !d->stats->has_ledger)
        return;
    if (rows < ledger_rows(d)) {
        draw_short_ledger(d, &d->stats->ledger_total);
        return;
    }
    parts_of(&d->stats->ledger_total, &parts);
    struct top_row *row = new_row(d, TOP_PLAIN);
    size_t at = strlen(parts.text[0]);
    top_row_put(row, "%s", parts.text[0]);
    for (size_t i = 1; i < parts.count; i++) {
        if (begins_row(parts.text[i], d->columns, &at)) {
            row = new_row(d, TOP_PLAIN);
            top_row_put(row, "%*s", LEDGER_INDENT, "");
        }
        top_row_put(row, " %s", parts.text[i]);
    }
}

/* So wide that of the last exit there is something in 80 columns. */
static int worker_columns(const struct draw *d)
{
    return d->columns >= 100 ? 26 : 18;
}

static void draw_worker(struct draw *d, const struct stats_worker *worker)
{
    char text[3][TOP_NUMBER_BYTES];
    const bool is_fresh = d->view->glance->is_fresh;
    struct top_row *row = new_row(d, TOP_PLAIN);
    top_row_cell(row, -worker_columns(d), "%s",
                 worker->name[0] != '\0' ? worker->name : worker->kind);
    top_row_cell(row, -16, "%s", is_fresh ? worker->state : "unknown");
    if (worker->pid > 0 && is_fresh)
        top_row_cell(row, 8, "%lld", (long long)worker->pid);
    else
        top_row_cell(row, 8, "-");
    top_row_cell(row, 5, "%s", since(d, worker->healthy_since_unix, text[0]));
    top_row_cell(row, 8, "%s", figure(worker->restarts, text[1]));
    const double beat_s = worker->heartbeat_age_ms >= 0 && is_fresh
                              ? (double)worker->heartbeat_age_ms / 1000
                              : (double)NAN;
    top_row_cell(row, 5, "%s", top_time(beat_s, text[2]));
    top_row_put(row, "%s", worker->last_exit);
}

static void draw_workers(struct draw *d, size_t rows)
{
    const size_t total = d->stats->worker_count;
    if (rows < 2 || total == 0)
        return;
    struct top_row *head = new_row(d, TOP_HEAD);
    top_row_cell(head, -worker_columns(d), "WORKER");
    top_row_cell(head, -16, "STATE");
    top_row_cell(head, 8, "PID");
    top_row_cell(head, 5, "UP");
    top_row_cell(head, 8, "RESTARTS");
    top_row_cell(head, 5, "BEAT");
    top_row_put(head, "LAST EXIT");
    rows--;
    const size_t shown = total > rows ? rows - 1 : total;
    for (size_t i = 0; i < shown; i++)
        draw_worker(d, &d->stats->workers[i]);
    if (total > shown)
        top_row_put(new_row(d, TOP_PLAIN), "  %zu more", total - shown);
}

/* --- shards of ClickHouse --------------------------------------------------------------------- */

/* Waiting rows that fall are a catching up. */
static void draw_shard(struct draw *d, const struct stats_outbox *shard)
{
    char text[5][TOP_NUMBER_BYTES];
    const bool is_away = shard->away_s > 0;
    struct top_row *row =
        new_row(d, is_away || shard->sums_error[0] != '\0' ? TOP_ALERT : TOP_PLAIN);
    top_row_cell(row, -8, "%lld", (long long)shard->shard);
    top_row_cell(row, 8, "%s", figure(shard->rows, text[0]));
    top_row_cell(row, 6, "%s", figure(shard->bytes, text[1]));
    top_row_cell(row, 6, "%s",
                 top_time(shard->oldest_s >= 0 ? (double)shard->oldest_s : (double)NAN, text[2]));
    top_row_cell(row, 7, "%s", figure(shard->acked_rows, text[3]));
    top_row_cell(row, 9, "%s", figure(shard->sums_behind, text[4]));
    top_row_put(row, "%s", shard->server);
    if (is_away)
        top_row_put(row, "  away for %s: %s", top_time((double)shard->away_s, text[0]),
                    shard->error);
    else if (shard->sums_error[0] != '\0')
        top_row_put(row, "  sums: %s", shard->sums_error);
}

static void draw_shards(struct draw *d, size_t rows)
{
    const size_t total = d->stats->outbox_count;
    if (rows < 2 || total == 0)
        return;
    struct top_row *head = new_row(d, TOP_HEAD);
    top_row_cell(head, -8, "SHARD");
    top_row_cell(head, 8, "WAITING");
    top_row_cell(head, 6, "BYTES");
    top_row_cell(head, 6, "OLDEST");
    top_row_cell(head, 7, "STORED");
    top_row_cell(head, 9, "SUMS_DUE");
    top_row_put(head, "SERVER");
    rows--;
    const size_t shown = total > rows ? rows - 1 : total;
    for (size_t i = 0; i < shown; i++)
        draw_shard(d, &d->stats->outbox[i]);
    if (total > shown)
        top_row_put(new_row(d, TOP_PLAIN), "  %zu more", total - shown);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Sources before shards before workers; a row of the ledger before all of them. */
static void draw_tables(struct draw *d)
{
    const size_t left = d->rows - d->frame->count;
    const size_t wanted = ledger_rows(d);
    const size_t ledger = wanted <= (left + 3) / 4 ? wanted : min_size(left, 1);
    const size_t shards_want = d->stats->outbox_count > 0 ? d->stats->outbox_count + 1 : 0;
    const size_t shards = min_size(shards_want, left / 3);
    const size_t workers_want = d->stats->worker_count + 1;
    const size_t sources_want = d->stats->source_count + 1;
    const size_t tables = left - ledger - shards;
    const size_t half = tables - tables / 3;
    const size_t workers_keep = min_size(workers_want, tables - min_size(half, tables));
    const size_t sources = min_size(sources_want, tables - workers_keep);
    draw_sources(d, sources);
    draw_ledger(d, ledger);
    draw_shards(d, shards);
    draw_workers(d, min_size(workers_want, d->rows - d->frame->count));
}

void top_frame_draw(struct top_frame *frame, const struct top_view *view)
{
    struct draw d = {
        .frame = frame,
        .view = view,
        .stats = view->glance->status == STATUS_OK ? &view->glance->stats : NULL,
        .rows = view->rows > 0 ? min_size(view->rows, TOP_ROWS_MAX) : TOP_ROWS_MAX,
        .columns = view->columns > 0 ? view->columns : PLAIN_COLUMNS,
    };
    frame->count = 0;
    draw_head(&d);
    draw_verdict(&d);
    if (d.stats == NULL)
        return;
    if (d.rows >= 12)
        draw_rates(&d);
    else
        draw_series(&d, TOP_RECEIVED, "received", "/s", "");
    draw_tables(&d);
}
