/* SPDX-License-Identifier: MIT
 *
 * A node's battery: where the node is an observer, too, the voltages of its statuses; else the one
 * of its newest advert that told one (its time is the sender's clock). */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/http/query.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/nodes/node_find.h"

#include <math.h>

#define DAYS_DEFAULT 7
#define DAYS_MAX     30
#define SLOT_MS      (5 * MS_PER_MIN)
#define SAMPLES_MAX  10000 /* 30 days of five minutes are 8,640 */
/* CoreScope's, for one LiPo cell. */
#define LOW_MV      3300
#define CRITICAL_MV 3000

static const char SQL_VOLTAGES[] =
    "SELECT receipt_ms, battery_mv FROM observer_metrics WHERE observer_id = ?1"
    " AND receipt_ms / 300000 >= ?2 AND battery_mv IS NOT NULL ORDER BY receipt_ms / 300000 LIMIT ?3";

struct sample {
    int64_t ms; /* 0 = there is none */
    double mv;
};

static void write_sample(struct json_write *w, const struct sample *sample)
{
    jw_object(w, NULL);
    node_time(w, "timestamp", sample->ms);
    jw_real(w, "battery_mv", sample->mv);
    jw_object_end(w);
}

struct voltages {
    struct json_write *w;
    int64_t from_ms;
    struct sample *newest;
};

static void tell_voltage(void *context, const struct engine_sample *told)
{
    const struct voltages *v = context;
    const struct sample sample = {told->receipt_ms, told->battery_mv};
    if (isnan(told->battery_mv) || sample.ms < v->from_ms)
        return;
    write_sample(v->w, &sample);
    *v->newest = sample;
}

static void tell_voltages(struct json_write *w, const struct facts *facts,
                          const struct observer *observer, int64_t from_ms, struct sample *newest)
{
    struct voltages v = {w, from_ms, newest};
    bool is_all;
    const struct engine_samples wanted = {.observers = &observer->id,
                                          .count = 1,
                                          .from_slot = from_ms / SLOT_MS,
                                          .to_slot = (facts->now_ms + MS_PER_DAY) / SLOT_MS,
                                          .max = SAMPLES_MAX};
    (void)facts->asking->model->engine->samples(facts->asking, &wanted, tell_voltage, &v, &is_all);
}

/* Of the node as an observer; *newest is the last of them. */
static void write_voltages(struct json_write *w, const struct facts *facts,
                           const struct observer *observer, int64_t from_ms, struct sample *newest)
{
    if (facts->asking->model->engine != NULL) {
        tell_voltages(w, facts, observer, from_ms, newest);
        return;
    }
    struct statement *row = reader_statement(facts->asking->reader, SQL_VOLTAGES);
    if (row == NULL)
        return;
    bind_int(row, 1, observer->id);
    bind_int(row, 2, from_ms / SLOT_MS);
    bind_int(row, 3, SAMPLES_MAX);
    while (statement_row(row) == STATUS_OK) {
        const struct sample sample = {column_int(row, 0), column_real(row, 1)};
        if (sample.ms < from_ms)
            continue;
        write_sample(w, &sample);
        *newest = sample;
    }
}

static void write_samples(struct json_write *w, const struct facts *facts, const struct node *node,
                          int64_t from_ms, struct sample *newest)
{
    const struct observer *observer = facts_observer(facts, node);
    const struct sample told = {node->telemetry_time * MS_PER_S, (double)node->battery_mv};
    jw_array(w, "samples");
    if (observer != NULL)
        write_voltages(w, facts, observer, from_ms, newest);
    if (newest->ms == 0 && node->battery_mv != DIRECTORY_UNKNOWN) {
        *newest = told;
        if (told.ms >= from_ms)
            write_sample(w, &told);
    }
    jw_array_end(w);
}

static const char *status_of(const struct sample *newest)
{
    return newest->ms == 0             ? "unknown"
           : newest->mv >= LOW_MV      ? "ok"
           : newest->mv >= CRITICAL_MV ? "low"
                                       : "critical";
}

static void answer_battery(const struct facts *facts, const struct node *node,
                           const struct http_request *request, struct http_reply *reply)
{
    const size_t days = http_query_limit(request->query, "days", DAYS_DEFAULT, DAYS_MAX);
    struct json_write w;
    struct sample newest = {0};
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_hex_lower(&w, "public_key", node->key, sizeof node->key);
    jw_uint(&w, "days", days);
    write_samples(&w, facts, node, facts->now_ms - (int64_t)days * MS_PER_DAY, &newest);
    jw_real(&w, "latest_mv", newest.ms != 0 ? newest.mv : (double)NAN);
    node_time(&w, "latest_ts", newest.ms != 0 ? newest.ms : DIRECTORY_NEVER);
    jw_string(&w, "status", status_of(&newest));
    jw_object(&w, "thresholds");
    jw_int(&w, "low_mv", LOW_MV);
    jw_int(&w, "critical_mv", CRITICAL_MV);
    jw_object_end(&w);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

void nodes_ask_battery(struct asking *asking, const struct http_request *request,
                       struct http_reply *reply)
{
    node_ask(asking, request, reply, false, answer_battery);
}
