/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/send/store_sums.h"

#include "cmd/ingestor/facts/fact_table.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/clickhouse/rowbinary.h"
#include "common/sums/sums_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_HOURS  24
#define SQL_MAX    8192
#define ANSWER_MAX ((size_t)1 << 20)
/* Eleven years; more than that is retention's matter. */
#define DAYS_MAX  4000
#define WEEK_DAYS 7
#define MONDAY    3 /* as tx is partitioned (fact_table) */
#define SOON_US   (10 * (mono_us)US_PER_S)

/* What one partition, or one day's last run, is known to hold: numbers of blocks, each one more, so
 * that 0 = none. */
struct seen {
    int64_t id; /* day, or week */
    int64_t observations, before, packets;
    int64_t version; /* of a run: SUMS_VERSION then */
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
    look->is_unheard = look->cluster->has_given_up ||
                       (answer->is.verdict == CLICKHOUSE_TEMPORARY && answer->is.code == 0);
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
    (void)snprintf(
        sql, sizeof sql,
        "SELECT toInt64(intDiv(hour, %d)) AS d, toInt64(argMax(observations, ver * (key"
        " = 0))), toInt64(argMax(transmissions, ver * (key = 0))), "
        "toInt64(argMax(observations, ver * (key = 1))), toInt64(argMax(transmissions, ver *"
        " (key = 1))), toInt64(bitShiftRight(max(ver),"
        " %d)) FROM %s.rollups WHERE kind = %d GROUP BY d ORDER BY d LIMIT %d"
        " FORMAT RowBinary",
        DAY_HOURS, SUMS_VER_SHIFT, look->config->store.database, SUMS_RUN, DAYS_MAX);
    if (!ask(look, sql, ANSWER_MAX, &answer))
        return false;
    rowbinary_read(&r, answer.body, answer.len);
    while (rowbinary_has_more(&r)) {
        struct seen *seen = add_seen(&look->runs, rowbinary_read_i64(&r));
        struct seen was = {.observations = rowbinary_read_i64(&r)};
        was.before = rowbinary_read_i64(&r);
        was.packets = rowbinary_read_i64(&r);
        was.version = rowbinary_read_i64(&r);
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
    if (was->version != SUMS_VERSION)
        return true;
    if (now->id >= look->now_ms / MS_PER_DAY)
        return has_news && age_ms >= MS_PER_HOUR;
    return has_news || (now->packets != 0 && now->packets != was->packets && age_ms >= MS_PER_DAY);
}

static bool is_past(const struct look *look, int64_t day)
{
    const struct fact_table *table = &fact_tables[FACT_ROLLUPS];
    const int days = look->config->retention.rollup_days;
    const int64_t partition = day * DAY_HOURS / table->partition_width;
    return days > 0 &&
           fact_partition_end_ms(table, partition) <= look->now_ms - (int64_t)days * MS_PER_DAY;
}

/* --- a day ------------------------------------------------------------------------------------ */

static struct sums_sql sums_of(const char *database, int64_t day)
{
    return (struct sums_sql){.database = database,
                             .kinds = SUMS_KINDS,
                             .from_ms = day * MS_PER_DAY,
                             .to_ms = (day + 1) * MS_PER_DAY,
                             .from_hour = (day - 1) * DAY_HOURS,
                             .to_hour = (day + 2) * DAY_HOURS};
}

static void write_sums(struct sums_text *text, const char *database, int64_t day, uint64_t ver)
{
    const struct sums_sql sums = sums_of(database, day);
    sums_text_add(text,
                  "INSERT INTO %s.rollups (kind, key, hour, observations, transmissions, ver)"
                  " SELECT what, whose, h, o, t, toUInt64(%" PRIu64 ") FROM (",
                  database, ver);
    sums_sql_add(text, &sums);
    sums_text_add(text, ")");
}

static void write_run(struct sums_text *text, const char *database, const struct seen *now,
                      uint64_t ver)
{
    const int64_t hour = now->id * DAY_HOURS;
    sums_text_add(
        text,
        "INSERT INTO %s.rollups (kind, key, hour, observations, transmissions, ver) VALUES (%d, 0,"
        " %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRIu64 "), (%d, 1, %" PRId64 ", %" PRId64
        ", %d, %" PRIu64 ")",
        database, SUMS_RUN, hour, now->observations, now->before, ver, SUMS_RUN, hour, now->packets,
        SUMS_VERSION, ver);
}

static uint64_t ver_of(const struct look *look, const struct seen *now)
{
    const uint64_t blocks = (uint64_t)(now->observations + now->before + now->packets);
    return (uint64_t)look->now_ms << SUMS_VER_SHIFT | (blocks & ((1U << SUMS_VER_SHIFT) - 1));
}

static bool work(struct look *look, const struct sums_text *text)
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
    const char *database = look->config->store.database;
    const uint64_t ver = ver_of(look, now);
    struct sums_text text = {.len = 0};
    write_sums(&text, database, now->id, ver);
    if (!sums_text_fits(&text))
        return fail(look, "a statement is too long");
    if (!work(look, &text))
        return false;
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
