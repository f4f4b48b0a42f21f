/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/observer_write.h"

#include "cmd/server/summary/observer_days.h"
#include "common/db/schema_views.h"
#include "common/mesh/meshcore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ?1 = kind, ?2 = key, ?3 = the first hour. */
static const char SQL_ROLLUP[] =
    "SELECT coalesce(sum(observations), 0) FROM rollups WHERE kind = ?1 AND key = ?2 AND hour >= ?3";
static const char SQL_SKEWS[] =
    "SELECT coalesce(sum(n), 0) FROM observer_skew WHERE observer_id = ?1 AND hour >= ?2";

void observer_time(struct json_write *w, const char *key, int64_t ms)
{
    if (ms == DIRECTORY_NEVER)
        jw_null(w, key);
    else
        jw_time(w, key, ms * US_PER_MS);
}

int64_t observer_sum(struct asking *asking, enum rollup_kind kind, int64_t key, int64_t since)
{
    return reader_number_of(asking->reader, SQL_ROLLUP, KEYS(kind, key, since), 0);
}

/* Of an engine, as the background counted it last. */
static struct observer_day day_told(const struct asking *asking, int64_t id)
{
    const struct observer_days *days = summary_job_observers(asking->model->summary);
    const struct observer_day day = observer_days_of(days, id);
    observer_days_unref(days);
    return day;
}

static double sum_rollup(struct asking *asking, enum rollup_kind kind, int64_t id)
{
    return (double)observer_sum(asking, kind, id, observer_day_begins(asking->now));
}

/* NaN = not known, or not worth a word. */
static double invented_share(struct asking *asking, int64_t id)
{
    double invented, all;
    if (asking->model->engine != NULL) {
        const struct observer_day day = day_told(asking, id);
        invented = (double)day.invented;
        all = (double)day.heard;
    } else {
        invented = sum_rollup(asking, ROLLUP_INVENTED_RF, id);
        all = invented > 0 ? sum_rollup(asking, ROLLUP_OBSERVER, id) : 0;
    }
    const double share = all > 0 ? invented / all : 0;
    return share > SCHEMA_INVENTED_RF_SHARE ? share : (double)NAN;
}

static int64_t count_skews(struct asking *asking, int64_t id)
{
    return asking->model->engine != NULL
               ? day_told(asking, id).skews
               : reader_number_of(asking->reader, SQL_SKEWS,
                                  KEYS(id, observer_day_begins(asking->now)), 0);
}

static void write_clock(struct json_write *w, struct asking *asking, const struct observer *o)
{
    const bool is_naive =
        o->skew_s != DIRECTORY_UNKNOWN && o->skew_ms > asking->now / US_PER_MS - MS_PER_DAY;
    jw_bool(w, "clock_naive", is_naive);
    if (is_naive) {
        jw_int(w, "clock_skew_seconds", o->skew_s);
        const int64_t n = count_skews(asking, o->id);
        if (n != OBSERVER_DAY_UNSAID)
            jw_int(w, "clock_skew_count_24h", n);
        observer_time(w, "clock_last_naive_at", o->skew_ms);
    } else {
        jw_null(w, "clock_skew_seconds");
        jw_int(w, "clock_skew_count_24h", 0);
        jw_null(w, "clock_last_naive_at");
    }
}

static void write_node(struct json_write *w, const struct node *node)
{
    const bool is_shown = node != NULL && !node->is_hidden;
    char role[16];
    jw_real(w, "lat", is_shown ? node->lat : (double)NAN);
    jw_real(w, "lon", is_shown ? node->lon : (double)NAN);
    if (is_shown && node->role >= 0)
        jw_string(w, "nodeRole", meshcore_role_name((unsigned)node->role, role));
    else
        jw_null(w, "nodeRole");
}

void observer_write(struct json_write *w, struct asking *asking, const struct observer *o,
                    int64_t last_hour)
{
    jw_object(w, NULL);
    jw_string(w, "id", o->identity);
    jw_string_or_null(w, "name", o->name);
    jw_string_or_null(w, "iata", o->iata);
    observer_time(w, "last_seen", o->heard_ms);
    observer_time(w, "first_seen", o->first_ms);
    if (o->packet_count != DIRECTORY_UNKNOWN)
        jw_int(w, "packet_count", o->packet_count);
    jw_string_or_null(w, "model", o->model);
    jw_string_or_null(w, "firmware", o->firmware);
    jw_string_or_null(w, "client_version", o->client_version);
    jw_string_or_null(w, "radio", o->radio);
    jw_real(w, "battery_mv", o->battery_mv);
    jw_real(w, "uptime_secs", o->uptime_secs);
    jw_real(w, "noise_floor", o->noise_floor);
    observer_time(w, "last_packet_at", o->packet_ms);
    if (last_hour == DIRECTORY_UNKNOWN)
        jw_null(w, "packetsLastHour");
    else
        jw_int(w, "packetsLastHour", last_hour);
    write_node(w, o->node);
    write_clock(w, asking, o);
    if (o->can_relay >= 0)
        jw_bool(w, "can_relay", o->can_relay != 0);
    jw_known_real(w, "inventedRf", invented_share(asking, o->id));
    jw_object_end(w);
}

/* "unknown" is somebody, but nobody to list, unless one of this name reports its status. */
bool observer_is_listed(const struct observer *o)
{
    return !o->is_hidden && !o->is_inactive &&
           (o->status_count > 0 || strcmp(o->identity, DB_UNKNOWN_OBSERVER) != 0);
}

const struct observer *observer_named(struct asking *asking, const struct http_request *request,
                                      struct http_reply *reply)
{
    const struct directory *d = asking_directory(asking);
    const struct observer *o = d != NULL ? directory_find_observer(d, request->arguments[0]) : NULL;
    if (o != NULL && !o->is_hidden)
        return o;
    http_reply_error(reply, 404, "Observer not found");
    return NULL;
}

static int by_last_heard(const void *a, const void *b)
{
    const struct observer *const *x = a, *const *y = b;
    return (*x)->heard_ms < (*y)->heard_ms ? 1 : (*x)->heard_ms > (*y)->heard_ms ? -1 : 0;
}

const struct observer **observers_listed(const struct directory *d, size_t *out_count)
{
    const struct observer **all = calloc(d->observer_count + 1, sizeof(void *));
    size_t count = 0;
    for (size_t i = 0; all != NULL && i < d->observer_count; i++) {
        if (observer_is_listed(&d->observers[i]))
            all[count++] = &d->observers[i];
    }
    if (count > 0)
        qsort(all, count, sizeof(void *), by_last_heard);
    *out_count = count;
    return all;
}
