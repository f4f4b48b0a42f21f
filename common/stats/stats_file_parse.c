/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_file_parse.h"

#include "common/base/utf8.h"
#include "common/config/broker_url.h"
#include "common/json/json.h"
#include "common/stats/stats_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- one member, or unknown ------------------------------------------------------------------- */

static int64_t get_int(const cJSON *object, const char *key)
{
    int64_t value;
    return json_int(object, key, &value) ? value : STATS_UNKNOWN;
}

static uint64_t get_count(const cJSON *object, const char *key)
{
    int64_t value;
    return json_int(object, key, &value) && value >= 0 ? (uint64_t)value : STATS_UNKNOWN_COUNT;
}

static double get_real(const cJSON *object, const char *key)
{
    double value;
    return json_number(object, key, &value) ? value : (double)NAN;
}

static void copy_text(const char *text, char *out, size_t cap)
{
    (void)utf8_sanitize(out, cap, (const uint8_t *)text, strlen(text));
}

static void get_text(const cJSON *object, const char *key, char *out, size_t cap)
{
    const char *text = json_string(object, key);
    copy_text(text != NULL ? text : "", out, cap);
}

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* RFC 3339 with any number of fraction digits and Z or an offset (Go writes up to nine digits). */
static bool parse_time(const char *text, wall_us *out)
{
    struct tm tm = {0};
    int used = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &used) != 6 ||
        used != 19)
        return false;
    if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 ||
        tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    const char *p = text + used;
    int64_t micros = 0;
    if (*p == '.') {
        int64_t unit = US_PER_S / 10;
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
            micros += (*p - '0') * unit;
    }
    int64_t offset_s = 0;
    if (*p == '+' || *p == '-') {
        int hours;
        int minutes;
        int length = 0;
        if (sscanf(p + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2 || length != 5 ||
            hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || p[6] != '\0')
            return false;
        offset_s = (*p == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    } else if (strcmp(p, "Z") != 0) {
        return false;
    }
    *out = ((int64_t)timegm(&tm) - offset_s) * US_PER_S + micros;
    return true;
}

static wall_us get_time(const cJSON *object, const char *key)
{
    const char *text = json_string(object, key);
    wall_us value;
    return text != NULL && parse_time(text, &value) ? value : STATS_UNKNOWN;
}

/* --- the parts -------------------------------------------------------------------------------- */

static void parse_head(const cJSON *root, struct stats_snapshot *out)
{
    out->schema = get_int(root, "schema");
    out->seq = get_int(root, "seq");
    out->pid = get_int(root, "pid");
    get_text(root, "bootId", out->boot_id, sizeof out->boot_id);
    get_text(root, "version", out->version, sizeof out->version);
    get_text(root, "status", out->status, sizeof out->status);
    out->sampled_at = get_time(root, "sampledAt");
    out->sampled_mono = get_int(root, "sampledMonotonicUs");
    out->started_at = get_time(root, "startedAt");
    const wall_us stopped_at = get_time(root, "stoppedAt");
    out->stopped_at = stopped_at != STATS_UNKNOWN ? stopped_at : 0;
    out->zero_sources = cJSON_IsTrue(get(root, "zeroSources"));
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        out->metrics[m] = get_int(root, metric_info(m)->json);
    out->metrics[METRIC_CHECKPOINTS] = get_int(get(root, "checkpoints"), "count");
    const cJSON *item;
    cJSON_ArrayForEach(item, get(root, "backfillUpdates"))
    {
        if (out->backfill_count == STATS_BACKFILLS_MAX)
            break;
        if (item->string == NULL || !cJSON_IsNumber(item))
            continue;
        struct stats_backfill *to = &out->backfills[out->backfill_count++];
        copy_text(item->string, to->name, sizeof to->name);
        to->count = get_int(get(root, "backfillUpdates"), item->string);
    }
}

/* A rate that is missing or negative is unknown; none at all = no rates. */
static void parse_procio(const cJSON *io, struct stats_snapshot *out)
{
    out->procio_sampled_at = get_time(io, "sampledAt");
    double rate;
    uint64_t total;
#define PROCIO(id, rate_key, total_key, prometheus, unit, help)                                    \
    rate = get_real(io, rate_key);                                                                 \
    out->procio_rates.id = isfinite(rate) && rate >= 0 ? rate : (double)NAN;                       \
    out->has_procio_rates |= isfinite(out->procio_rates.id);                                       \
    total = get_count(io, total_key);                                                              \
    out->has_procio |= total != STATS_UNKNOWN_COUNT;                                               \
    out->procio.id = total != STATS_UNKNOWN_COUNT ? total : 0;
#include "common/stats/metrics.def"
}

static void parse_usage(const cJSON *root, struct stats_snapshot *out)
{
#define USAGE(id, json, prometheus, kind, unit, help)   out->usage.id = get_real(root, json);
#define STORAGE(id, json, prometheus, kind, unit, help) out->storage.id = get_int(root, json);
#define CHECKPOINT(id, json, prometheus, kind, unit, help)                                         \
    out->storage.id = get_int(checkpoints, json);
    const cJSON *checkpoints = get(root, "checkpoints");
#include "common/stats/metrics.def"
}

static void parse_ledger(const cJSON *row, struct ledger *out)
{
    out->received = get_count(row, "received");
    out->queued = get_count(row, "queued");
    out->unaccounted = get_int(row, "unaccounted");
    for (enum outcome i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_info *info = outcome_info(i);
        out->outcomes[i] = *info->reason == '\0' ? get_count(row, info->bucket)
                                                 : get_count(get(row, info->bucket), info->reason);
    }
}

static void parse_queue(const cJSON *row, struct stats_source *out)
{
#define SOURCE_QUEUE(id, json, prometheus, kind, unit, help) out->id = get_int(row, json);
#include "common/stats/metrics.def"
}

static void parse_clocks(const cJSON *row, struct stats_source *out)
{
#define SOURCE_CLOCK(id, json, prometheus, kind, unit, help) out->id = get_int(row, json);
#include "common/stats/metrics.def"
}

/* The row of that name, made when it is new; NULL when the table is full. */
static struct stats_source *source_named(struct stats_snapshot *out, const char *name)
{
    if (name == NULL)
        return NULL;
    char key[sizeof out->sources[0].name];
    copy_text(name, key, sizeof key);
    for (size_t i = 0; i < out->source_count; i++) {
        if (strcmp(out->sources[i].name, key) == 0)
            return &out->sources[i];
    }
    if (out->source_count == STATS_SOURCES_MAX)
        return NULL;
    struct stats_source *made = &out->sources[out->source_count++];
    copy_text(key, made->name, sizeof made->name);
    parse_ledger(NULL, &made->ledger);
    parse_queue(NULL, made);
    parse_clocks(NULL, made);
    return made;
}

static void parse_sources(const cJSON *root, struct stats_snapshot *out)
{
    const cJSON *ledger = get(root, "ledger");
    out->ledger_since_unix = get_int(ledger, "sinceUnix");
    out->has_ledger = cJSON_IsObject(get(ledger, "total"));
    parse_ledger(get(ledger, "total"), &out->ledger_total);
    const cJSON *item;
    cJSON_ArrayForEach(item, get(ledger, "sources"))
    {
        struct stats_source *source = source_named(out, item->string);
        if (source == NULL)
            continue;
        source->has_ledger = true;
        parse_ledger(item, &source->ledger);
    }
    cJSON_ArrayForEach(item, get(root, "queue"))
    {
        struct stats_source *source = source_named(out, item->string);
        if (source == NULL)
            continue;
        parse_queue(item, source);
        source->is_live = true;
    }
    cJSON_ArrayForEach(item, get(root, "source_liveness"))
    {
        struct stats_source *source = source_named(out, item->string);
        if (source == NULL)
            continue;
        parse_clocks(item, source);
        source->is_live = true;
    }
}

static void parse_subscriptions(const cJSON *list, struct stats_link *out)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (out->subscription_count == CONFIG_TOPICS_MAX)
            break;
        struct stats_subscription *to = &out->subscriptions[out->subscription_count++];
        get_text(item, "topic", to->topic, sizeof to->topic);
        to->suback = get_int(item, "suback");
    }
}

static void parse_mqtt(const cJSON *item, struct stats_mqtt *out)
{
    const char *broker = json_string(item, "broker");
    const char *last_error = json_string(item, "lastError");
    broker = broker != NULL ? broker : "";
    broker_url_mask(out->broker, sizeof out->broker, broker);
    broker_mask_text(out->link.last_error, sizeof out->link.last_error,
                     last_error != NULL ? last_error : "", broker, NULL);
    get_text(item, "name", out->name, sizeof out->name);
    get_text(item, "state", out->state, sizeof out->state);
    out->link.connected = cJSON_IsTrue(get(item, "connected"));
#define LINK(id, json, prometheus, kind, unit, help)   out->link.id = get_int(item, json);
#define BROKER(id, json, prometheus, kind, unit, help) out->id = get_int(item, json);
#include "common/stats/metrics.def"
    parse_subscriptions(get(item, "subscriptions"), &out->link);
}

static void parse_worker(const cJSON *item, struct stats_worker *out)
{
    get_text(item, "name", out->name, sizeof out->name);
    get_text(item, "kind", out->kind, sizeof out->kind);
    get_text(item, "source", out->source, sizeof out->source);
    get_text(item, "state", out->state, sizeof out->state);
    get_text(item, "lastExit", out->last_exit, sizeof out->last_exit);
    get_text(item, "lockHolder", out->lock_holder, sizeof out->lock_holder);
    if (!json_int(item, "pid", &out->pid))
        out->pid = 0;
    out->cpu_s = get_real(item, "cpuSeconds");
#define WORKER(id, json, prometheus, kind, unit, help) out->id = get_int(item, json);
#include "common/stats/metrics.def"
}

static void parse_unhealthy(const cJSON *item, struct stats_unhealthy *out)
{
    get_text(item, "worker", out->worker, sizeof out->worker);
    get_text(item, "source", out->source, sizeof out->source);
    get_text(item, "cause", out->cause, sizeof out->cause);
#define UNHEALTHY(id, json, prometheus, kind, unit, help) out->id = get_int(item, json);
#include "common/stats/metrics.def"
}

static void parse_shard(const cJSON *item, struct stats_outbox *out)
{
    out->shard = get_int(item, "shard");
    get_text(item, "server", out->server, sizeof out->server);
    get_text(item, "error", out->error, sizeof out->error);
    get_text(item, "sumsError", out->sums_error, sizeof out->sums_error);
#define OUTBOX(id, json, prometheus, kind, unit, help) out->id = get_int(item, json);
#include "common/stats/metrics.def"
}

static void parse_lists(const cJSON *root, struct stats_snapshot *out)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, get(root, "source_statuses"))
    {
        if (out->mqtt_count < CONFIG_SOURCES_MAX && cJSON_IsObject(item))
            parse_mqtt(item, &out->mqtt[out->mqtt_count++]);
    }
    cJSON_ArrayForEach(item, get(root, "workers"))
    {
        if (out->worker_count < STATS_WORKERS_MAX && cJSON_IsObject(item))
            parse_worker(item, &out->workers[out->worker_count++]);
    }
    cJSON_ArrayForEach(item, get(root, "outbox"))
    {
        if (out->outbox_count < CONFIG_SHARDS_MAX && cJSON_IsObject(item))
            parse_shard(item, &out->outbox[out->outbox_count++]);
    }
    cJSON_ArrayForEach(item, get(root, "workerUnhealthy"))
    {
        if (out->unhealthy_count < STATS_UNHEALTHY_MAX && cJSON_IsObject(item))
            parse_unhealthy(item, &out->unhealthy[out->unhealthy_count++]);
    }
}

static void parse_commit(const cJSON *row, struct stats_commit *out)
{
#define COMMIT(id, json, prometheus, kind, unit, help) out->id = get_int(row, json);
#include "common/stats/metrics.def"
    out->ms_p50 = get_real(row, "msP50");
    out->ms_p99 = get_real(row, "msP99");
    get_text(row, "error", out->error, sizeof out->error);
    get_text(row, "ringsError", out->rings_error, sizeof out->rings_error);
}

static void parse_percentiles(const cJSON *item, const char *name, double out[static 4])
{
    static const char *const points[] = {"p50", "p95", "p99", "max"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%s_%s", name, points[i]);
        out[i] = get_real(item, key);
    }
}

static void parse_writers(const cJSON *components, struct stats_snapshot *out)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, components)
    {
        if (out->writer_count == STATS_WRITERS_MAX || item->string == NULL)
            break;
        struct stats_writer *to = &out->writers[out->writer_count++];
        copy_text(item->string, to->component, sizeof to->component);
#define WRITER(id, json, prometheus, kind, unit, help) to->id = get_int(item, json);
#include "common/stats/metrics.def"
        parse_percentiles(item, "wait_ms", to->wait_ms);
        parse_percentiles(item, "hold_ms", to->hold_ms);
        parse_percentiles(item, "batch_hold_ms", to->batch_hold_ms);
    }
}

static void parse_event(const cJSON *item, struct stats_event *out)
{
    out->id = get_int(item, "id");
    out->at_unix = get_int(item, "atUnix");
    if (!json_int(item, "lastUnix", &out->last_unix))
        out->last_unix = out->at_unix;
    if (!json_int(item, "times", &out->times))
        out->times = 1;
    get_text(item, "level", out->level, sizeof out->level);
    get_text(item, "kind", out->kind, sizeof out->kind);
    get_text(item, "subject", out->subject, sizeof out->subject);
    get_text(item, "text", out->text, sizeof out->text);
}

/* One without a number or a moment is none. */
static void parse_events(const cJSON *list, struct stats_snapshot *out)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (out->event_count == STATS_EVENTS_MAX)
            break;
        struct stats_event *event = &out->events[out->event_count];
        parse_event(item, event);
        out->event_count += event->id > 0 && event->at_unix > 0;
    }
}

enum status stats_file_parse(const char *text, size_t len, struct stats_snapshot *out)
{
    cJSON *root = len <= STATS_FILE_MAX ? json_parse(text, len, STATS_DEPTH_MAX) : NULL;
    if (!cJSON_IsObject(root)) {
        cJSON_Delete(root);
        return STATUS_CORRUPT;
    }
    memset(out, 0, sizeof *out);
    parse_head(root, out);
    parse_procio(get(root, "procIO"), out);
    parse_usage(root, out);
    parse_sources(root, out);
    parse_lists(root, out);
    out->commit_count = get_int(get(root, "commit"), "count");
    parse_commit(get(root, "commit"), &out->commit);
    parse_writers(get(root, "writer_perf"), out);
    parse_events(get(root, "events"), out);
    cJSON_Delete(root);
    return STATUS_OK;
}
