/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/send/store_sums.h"

#include "cmd/ingestor/facts/fact_table.h"
#include "common/base/log.h"
#include "common/clickhouse/rowbinary.h"
#include "common/db/schema.h"
#include "common/mesh/meshcore.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS    INT64_C(3600000)
#define DAY_MS     (24 * HOUR_MS)
#define DAY_HOURS  24
#define MS_PER_S   1000
#define SQL_MAX    8192
#define ANSWER_MAX ((size_t)1 << 20)
/* Eleven years; more than that is retention's matter. */
#define DAYS_MAX  4000
#define WEEK_DAYS 7
#define MONDAY    3 /* as tx is partitioned (fact_table) */
#define VER_SHIFT 22
#define SOON_US   (10 * (mono_us)US_PER_S)
#define NO_KIND   254 /* in a statement: of nothing */

/* What one partition, or one day's last run, is known to hold: numbers of blocks, each one more, so
 * that 0 = none. */
struct seen {
    int64_t id; /* day, or week */
    int64_t observations, before, packets;
    int64_t made_ms; /* of a run, by the server's clock */
};

struct seens {
    struct seen *all; /* owned; ascending by id */
    size_t count;
};

struct look {
    struct cluster *cluster;
    size_t shard, replica;
    const struct config *config;
    int64_t now_ms; /* the server's */
    struct seens days, weeks, runs;
    char *error;
    size_t error_max;
    bool is_unheard; /* no server answered, which is no matter of sums */
};

/* --- asking ----------------------------------------------------------------------------------- */

static bool refused(struct look *look, struct clickhouse_answer *answer)
{
    look->is_unheard = answer->is.verdict == CLICKHOUSE_TEMPORARY && answer->is.code == 0;
    if (!look->is_unheard)
        (void)snprintf(look->error, look->error_max, "%.250s", answer->is.text);
    clickhouse_answer_done(answer);
    return false;
}

static bool ask(struct look *look, const char *sql, size_t answer_max,
                struct clickhouse_answer *out)
{
    return cluster_ask(look->cluster, look->shard, look->replica, sql, answer_max, out) ||
           refused(look, out);
}

static bool fail(struct look *look, const char *text)
{
    (void)snprintf(look->error, look->error_max, "%s", text);
    return false;
}

/* I2: before anything of the run is looked at. */
static bool read_clock(struct look *look)
{
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    if (!ask(look, "SELECT toInt64(toUInt32(now())) FORMAT RowBinary", sizeof(int64_t), &answer))
        return false;
    rowbinary_read(&r, answer.body, answer.len);
    look->now_ms = rowbinary_read_i64(&r) * MS_PER_S;
    const bool is_read = rowbinary_is_end(&r);
    clickhouse_answer_done(&answer);
    return is_read || fail(look, "its clock can't be read");
}

static struct seen *add_seen(struct seens *seens, int64_t id)
{
    if (seens->all == NULL)
        seens->all = calloc(DAYS_MAX, sizeof *seens->all);
    if (seens->all == NULL || seens->count == DAYS_MAX)
        return NULL;
    seens->all[seens->count] = (struct seen){.id = id};
    return &seens->all[seens->count++];
}

static const struct seen *find(const struct seens *seens, int64_t id)
{
    static const struct seen none = {.id = 0};
    size_t low = 0;
    size_t high = seens->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (seens->all[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < seens->count && seens->all[low].id == id ? &seens->all[low] : &none;
}

static bool end_rows(struct look *look, const struct rowbinary_reader *r,
                     struct clickhouse_answer *answer)
{
    const bool is_read = rowbinary_is_end(r);
    clickhouse_answer_done(answer);
    return is_read || fail(look, "an answer about its partitions is not understood");
}

static bool read_partitions(struct look *look, enum fact fact, struct seens *out)
{
    char sql[SQL_MAX];
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    (void)snprintf(sql, sizeof sql,
                   "SELECT toInt64(partition) AS p, toInt64(max(max_block_number)) FROM"
                   " system.parts WHERE database = '%s' AND table = '%s' AND active GROUP BY p"
                   " ORDER BY p LIMIT %d FORMAT RowBinary",
                   look->config->store.database, fact_tables[fact].name, DAYS_MAX);
    if (!ask(look, sql, ANSWER_MAX, &answer))
        return false;
    rowbinary_read(&r, answer.body, answer.len);
    while (rowbinary_has_more(&r)) {
        struct seen *seen = add_seen(out, rowbinary_read_i64(&r));
        const int64_t block = rowbinary_read_i64(&r);
        if (seen == NULL)
            break;
        seen->observations = block + 1;
    }
    return end_rows(look, &r, &answer);
}

/* Of each day the newest finished run. */
static bool read_runs(struct look *look)
{
    char sql[SQL_MAX];
    struct clickhouse_answer answer;
    struct rowbinary_reader r;
    (void)snprintf(sql, sizeof sql,
                   "SELECT toInt64(intDiv(hour, %d)) AS d, toInt64(argMax(observations, ver * (key"
                   " = 0))), toInt64(argMax(transmissions, ver * (key = 0))), "
                   "toInt64(argMax(observations, ver * (key = 1))), toInt64(bitShiftRight(max(ver),"
                   " %d)) FROM %s.rollups WHERE kind = %d GROUP BY d ORDER BY d LIMIT %d"
                   " FORMAT RowBinary",
                   DAY_HOURS, VER_SHIFT, look->config->store.database, STORE_SUMS_RUN, DAYS_MAX);
    if (!ask(look, sql, ANSWER_MAX, &answer))
        return false;
    rowbinary_read(&r, answer.body, answer.len);
    while (rowbinary_has_more(&r)) {
        struct seen *seen = add_seen(&look->runs, rowbinary_read_i64(&r));
        struct seen was = {.observations = rowbinary_read_i64(&r)};
        was.before = rowbinary_read_i64(&r);
        was.packets = rowbinary_read_i64(&r);
        was.made_ms = rowbinary_read_i64(&r);
        if (seen == NULL)
            break;
        was.id = seen->id;
        *seen = was;
    }
    return end_rows(look, &r, &answer);
}

/* --- what is behind --------------------------------------------------------------------------- */

static struct seen now_of(const struct look *look, int64_t day)
{
    return (struct seen){
        .id = day,
        .observations = find(&look->days, day)->observations,
        .before = find(&look->days, day - 1)->observations,
        .packets = find(&look->weeks, (day + MONDAY) / WEEK_DAYS)->observations,
    };
}

/* I4. What a retention has taken since is no news. */
static bool is_behind(const struct look *look, const struct seen *now)
{
    const struct seen *was = find(&look->runs, now->id);
    const int64_t age_ms = look->now_ms - was->made_ms;
    const bool has_news =
        now->observations != was->observations || (now->before != 0 && now->before != was->before);
    if (now->id >= look->now_ms / DAY_MS)
        return has_news && age_ms >= HOUR_MS;
    return has_news || (now->packets != 0 && now->packets != was->packets && age_ms >= DAY_MS);
}

static bool is_past(const struct look *look, int64_t day)
{
    const struct fact_table *table = &fact_tables[FACT_ROLLUPS];
    const int days = look->config->retention.rollup_days;
    const int64_t partition = day * DAY_HOURS / table->partition_width;
    return days > 0 &&
           fact_partition_end_ms(table, partition) <= look->now_ms - (int64_t)days * DAY_MS;
}

/* --- a day ------------------------------------------------------------------------------------ */

struct text {
    char at[SQL_MAX];
    size_t len;
};

PRINTF(2, 3)
static void add(struct text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text->at + text->len, SQL_MAX - text->len, fmt, args);
    va_end(args);
    text->len = min_size(SQL_MAX - 1, text->len + (n > 0 ? (size_t)n : 0));
}

static void add_days(struct text *text, int64_t day)
{
    add(text, " day >= %" PRId64 " AND day <= %" PRId64, day > 0 ? day - 1 : 0, day + 1);
}

/* I1. Of a value that a copy lacks the next one's counts. */
static void add_receptions(struct text *text, const char *database, int64_t day)
{
    add(text,
        "(SELECT hash, observer, path_size, path, min(receipt_ms) AS f, any(type) AS sort,"
        " argMax(route, ver) AS way, argMax(scope_code, ver) AS scope, argMax(snr, ver) AS s,"
        " argMax(rssi, ver) AS r FROM %s.obs WHERE direction = 0 AND",
        database);
    add_days(text, day);
    add(text,
        " GROUP BY hash, observer, path_size, path HAVING f >= %" PRId64 " AND f < %" PRId64 ")",
        day * DAY_MS, (day + 1) * DAY_MS);
}

static void add_packets(struct text *text, const char *database, int64_t day)
{
    add(text,
        "(SELECT hash, min(receipt_ms) AS f, any(type) AS sort, argMax(route, ver) AS way,"
        " argMax(scope_code, ver) AS scope, argMax(path, ver) AS path FROM %s.obs WHERE",
        database);
    add_days(text, day);
    add(text, " GROUP BY hash HAVING f >= %" PRId64 " AND f < %" PRId64 ")", day * DAY_MS,
        (day + 1) * DAY_MS);
}

/* Whose adverts they are, as the number that the node has. New servers want the two names. */
static void add_senders(struct text *text, const char *database, int64_t day)
{
    add(text,
        " AS seen ANY LEFT JOIN (SELECT hash, reinterpretAsUInt64(reverse(substring(argMax(sender, ver), 1,"
        " 8))) AS who FROM %s.tx WHERE",
        database);
    add_days(text, day);
    add(text, " AND length(sender) = 32 GROUP BY hash) AS told USING (hash)");
}

/* meshcore_is_share_contact; a packet that is no advert has no `who`. */
#define IS_NODES                                                                                   \
    "who != 0 AND NOT (way = %d AND scope < 0 AND length(path) = 0)", MESHCORE_TRANSPORT_DIRECT
#define HAS_HOPS "way <= %d AND sort != %d", MESHCORE_FLOOD, MESHCORE_TRACE
/* schema_is_invented_rf */
#define IS_INVENTED "ifNull(s, 0) = 12.5 AND ifNull(r, 0) = -65"

_Static_assert(MESHCORE_TRANSPORT_FLOOD == 0 && MESHCORE_FLOOD == 1, "floods are the lowest");

/* One element: kind and key where the condition in front holds. */
static void add_pair(struct text *text, int kind, const char *key)
{
    add(text, ", toUInt8(%d), toUInt8(%d)), toUInt64(%s))", kind, NO_KIND, key);
}

static void add_reception_pairs(struct text *text)
{
    add(text,
        "arrayJoin([(toUInt8(%d), toUInt64(0)), (toUInt8(%d), observer), (toUInt8(%d),"
        " toUInt64(sort)), (if(",
        ROLLUP_NETWORK, ROLLUP_OBSERVER, ROLLUP_TYPE);
    add(text, IS_NODES);
    add_pair(text, ROLLUP_NODE, "who");
    add(text, ", (if(isNotNull(s) AND NOT (" IS_INVENTED ")");
    add_pair(text, ROLLUP_SNR, "toInt64(least(greatest(floor(ifNull(s, 0)), -64), 63))");
    add(text, ", (if(isNotNull(r) AND NOT (" IS_INVENTED ")");
    add_pair(text, ROLLUP_RSSI, "toInt64(least(greatest(floor(ifNull(r, 0) / 5), -40), 0)) * 5");
    add(text, ", (if(" IS_INVENTED);
    add_pair(text, ROLLUP_INVENTED_RF, "observer");
    add(text, ", (if(");
    add(text, HAS_HOPS);
    add_pair(text, ROLLUP_HOPS, "intDiv(length(path), greatest(path_size, 1))");
    add(text, "])");
}

static void add_packet_pairs(struct text *text)
{
    add(text, "arrayJoin([(toUInt8(%d), toUInt64(0)), (toUInt8(%d), toUInt64(sort)), (if(",
        ROLLUP_NETWORK, ROLLUP_TYPE);
    add(text, IS_NODES);
    add_pair(text, ROLLUP_NODE, "who");
    add(text, "])");
}

/* Receptions with what `step` makes of each hop, of `size` bytes, that their path names; each once.
 * Where only a function of a lambda names a column, 18.16 does not find it: hence one level, and
 * arrayJoin outside. */
static void add_ways(struct text *text, const char *database, int64_t day, const char *step)
{
    add(text,
        "(SELECT f, observer, toUInt64(greatest(path_size, 1)) AS size, arrayDistinct(arrayMap("
        "i -> %s, range(intDiv(length(path), size)))) AS steps FROM ",
        step);
    add_receptions(text, database, day);
    add(text, " WHERE path_size >= 1 AND path_size <= 3 AND length(path) > 0 AND length(path) %%"
              " size = 0 AND ");
    add(text, HAS_HOPS);
    add(text, ")");
}

static void write_sums(struct text *text, const char *database, int64_t day, uint64_t ver)
{
    add(text,
        "INSERT INTO %s.rollups (kind, key, hour, observations, transmissions, ver) SELECT"
        " tupleElement(pair, 1) AS what, tupleElement(pair, 2) AS whose, toUInt32(intDiv(f,"
        " 3600000)) AS h, sum(o), sum(t), toUInt64(%" PRIu64 ") FROM (SELECT ",
        database, ver);
    add_reception_pairs(text);
    add(text, " AS pair, f, toUInt64(1) AS o, toUInt64(0) AS t FROM ");
    add_receptions(text, database, day);
    add_senders(text, database, day);
    add(text, " UNION ALL SELECT ");
    add_packet_pairs(text);
    add(text, " AS pair, f, toUInt64(0) AS o, toUInt64(1) AS t FROM ");
    add_packets(text, database, day);
    add_senders(text, database, day);
    add(text,
        " UNION ALL SELECT (toUInt8(%d), arrayJoin(steps)) AS pair, f, toUInt64(1) AS o,"
        " toUInt64(0) AS t FROM ",
        ROLLUP_HOP);
    add_ways(text, database, day,
             "toUInt64(reinterpretAsUInt64(reverse(substring(path, 1 + i * size, size))) + size *"
             " 16777216)");
    add(text, ") WHERE tupleElement(pair, 1) != %d GROUP BY what, whose, h", NO_KIND);
}

/* Each reception once for each pair that stands next to each other in its path, and its last hop
 * beside the observer. */
static void write_edges(struct text *text, const char *database, int64_t day, uint64_t ver)
{
    add(text,
        "INSERT INTO %s.edges (day, from_hop, to_hop, observer, n, first_ms, last_ms, ver) SELECT"
        " toUInt16(%" PRId64 "), substring(pair, 1, size) AS a, substring(pair, 1 + size) AS b,"
        " if(length(pair) = size, observer, toUInt64(0)) AS c, count(), min(f), max(f),"
        " toUInt64(%" PRIu64 ") FROM (SELECT f, observer, size, arrayJoin(steps) AS pair FROM ",
        database, day, ver);
    add_ways(text, database, day, "substring(path, 1 + i * size, 2 * size)");
    add(text, ") GROUP BY a, b, c");
}

static void write_run(struct text *text, const char *database, const struct seen *now, uint64_t ver)
{
    const int64_t hour = now->id * DAY_HOURS;
    add(text,
        "INSERT INTO %s.rollups (kind, key, hour, observations, transmissions, ver) VALUES (%d, 0,"
        " %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRIu64 "), (%d, 1, %" PRId64 ", %" PRId64
        ", 0, %" PRIu64 ")",
        database, STORE_SUMS_RUN, hour, now->observations, now->before, ver, STORE_SUMS_RUN, hour,
        now->packets, ver);
}

static uint64_t ver_of(const struct look *look, const struct seen *now)
{
    const uint64_t blocks = (uint64_t)(now->observations + now->before + now->packets);
    return (uint64_t)look->now_ms << VER_SHIFT | (blocks & ((1U << VER_SHIFT) - 1));
}

static bool work(struct look *look, const struct text *text)
{
    struct clickhouse_answer answer;
    if (!cluster_work_at(look->cluster, look->shard, look->replica, text->at, &answer))
        return refused(look, &answer);
    clickhouse_answer_done(&answer);
    return true;
}

/* I3. */
static bool make(struct look *look, const struct seen *now)
{
    static void (*const steps[])(struct text *, const char *, int64_t, uint64_t) = {write_sums,
                                                                                    write_edges};
    const char *database = look->config->store.database;
    const uint64_t ver = ver_of(look, now);
    struct text text;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        text.len = 0;
        steps[i](&text, database, now->id, ver);
        if (!work(look, &text))
            return false;
    }
    text.len = 0;
    write_run(&text, database, now, ver);
    return work(look, &text);
}

/* --- a look ----------------------------------------------------------------------------------- */

static bool read_all(struct look *look)
{
    return read_clock(look) && read_partitions(look, FACT_OBS, &look->days) &&
           read_partitions(look, FACT_TX, &look->weeks) && read_runs(look);
}

/* The newest of those that this look has not had; how many are behind altogether. */
static bool choose(const struct look *look, const struct store_sums *sums, int64_t *out_behind,
                   struct seen *out)
{
    bool has_one = false;
    *out_behind = 0;
    for (size_t i = look->days.count; i-- > 0;) {
        const struct seen now = now_of(look, look->days.all[i].id);
        if (is_past(look, now.id) || !is_behind(look, &now))
            continue;
        ++*out_behind;
        if (has_one || (sums->below != 0 && now.id >= sums->below))
            continue;
        has_one = true;
        *out = now;
    }
    return has_one;
}

static void say(const struct look *look, const struct store_sums *sums, int64_t day, mono_us took)
{
    log_event(LOG_INFO, "sender", "the sums of a day were made",
              KV(KV_INT("shard", look->shard), KV_INT("day", day),
                 KV_INT("took_ms", took / US_PER_MS), KV_INT("behind_days", sums->behind)));
}

static void begin_anew(struct store_sums *sums, mono_us pause)
{
    sums->below = 0;
    sums->has_failed = false;
    sums->next_at = clock_mono() + pause;
}

/* day: -1 = the look itself. */
static void fell(const struct look *look, struct store_sums *sums, int64_t day)
{
    if (look->is_unheard) {
        begin_anew(sums, SOON_US);
        return;
    }
    log_event(LOG_WARN, "sender", "the sums of a day can't be made, tried again in ten minutes",
              KV(KV_INT("shard", look->shard), KV_INT("day", day), KV_STR("error", sums->error)));
    sums->has_failed = true;
    if (day < 0)
        begin_anew(sums, STORE_SUMS_LOOK_US);
}

static void make_one(struct look *look, struct store_sums *sums, const struct seen *day)
{
    const mono_us began = clock_mono();
    sums->below = day->id;
    if (!make(look, day)) {
        fell(look, sums, day->id);
        return;
    }
    sums->behind--;
    say(look, sums, day->id, clock_mono() - began);
}

static void end_look(struct store_sums *sums)
{
    if (!sums->has_failed)
        sums->error[0] = '\0';
    begin_anew(sums, STORE_SUMS_LOOK_US);
}

void store_sums_step(struct cluster *cluster, size_t shard, size_t replica,
                     const struct config *config, struct store_sums *sums)
{
    struct seen day;
    struct look look = {.cluster = cluster,
                        .shard = shard,
                        .replica = replica,
                        .config = config,
                        .error = sums->error,
                        .error_max = sizeof sums->error};
    if (!read_all(&look)) {
        fell(&look, sums, -1);
    } else {
        sums->looked_unix = clock_wall() / US_PER_S;
        if (choose(&look, sums, &sums->behind, &day))
            make_one(&look, sums, &day);
        else
            end_look(sums);
    }
    free(look.days.all);
    free(look.weeks.all);
    free(look.runs.all);
}
