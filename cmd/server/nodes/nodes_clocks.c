/* SPDX-License-Identifier: MIT
 *
 * How wrong nodes' clocks are (summary/skew.h has the definitions). The samples are measured by our
 * own clock, at the first receipt: nobody else's clock enters, so every sample is calibrated and an
 * observer's offset is 0. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/http/query.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet_read.h"
#include "cmd/server/nodes/node_find.h"
#include "common/db/schema.h"

#include <math.h>
#include <string.h>

/* 410 bytes each; an answer has room for 40,000. */
#define SKEWS_MAX         20000
#define OFFSET_MAX        1000000
#define EVIDENCE_ADVERTS  5
#define EVIDENCE_RECEIPTS 20

static const char SQL_RECEIPTS[] =
    "SELECT k.observer_id, min(o.receipt_ms) FROM " SCHEMA_OBSERVATIONS_OF(
        "?1") " AND o.direction = 0 GROUP BY k.observer_id ORDER BY 2, 1 LIMIT ?2";

/* Seconds in thousandths: what is behind them is noise. */
static void write_seconds(struct json_write *w, const char *key, double seconds)
{
    jw_decimal(w, key, llround(seconds * 1000), 3);
}

static void write_skew(struct json_write *w, const struct node *node, const struct skew *skew,
                       int64_t advert_s, int64_t receipt_ms)
{
    jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
    jw_string_or_null(w, "nodeName", node->name);
    node_role(w, "nodeRole", node);
    write_seconds(w, "meanSkewSec", skew->mean_s);
    write_seconds(w, "medianSkewSec", skew->median_s);
    write_seconds(w, "lastSkewSec", skew->last_s);
    write_seconds(w, "recentMedianSkewSec", skew->recent_median_s);
    write_seconds(w, "driftPerDaySec", skew->drift_per_day_s);
    jw_string(w, "severity", skew->severity);
    jw_uint(w, "sampleCount", skew->sample_count);
    jw_bool(w, "calibrated", true);
    jw_int(w, "lastAdvertTS", advert_s);
    jw_int(w, "lastObservedTS", receipt_ms / MS_PER_S);
    write_seconds(w, "goodFraction", skew->good_fraction);
    jw_uint(w, "recentBadSampleCount", skew->recent_bad_count);
    jw_uint(w, "recentSampleCount", skew->recent_count);
}

static void answer_skews(const struct facts *facts, const struct http_query *query,
                         struct http_reply *reply)
{
    size_t to_pass = http_query_offset(query, "offset", OFFSET_MAX);
    size_t left = http_query_limit(query, "limit", SKEWS_MAX, SKEWS_MAX);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_array(&w, NULL);
    for (size_t i = 0; left > 0 && i < facts->directory->node_count; i++) {
        const struct node *node = &facts->directory->nodes[i];
        const struct advert_facts *adverts = facts_adverts(facts, node);
        if (node->is_hidden || adverts == NULL || to_pass > 0) {
            to_pass -= !node->is_hidden && adverts != NULL;
            continue;
        }
        left--;
        jw_object(&w, NULL);
        write_skew(&w, node, &adverts->skew, adverts->advert_s, adverts->receipt_ms);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    http_reply_json(reply, &w);
}

void nodes_ask_clock_skews(struct asking *asking, const struct http_request *request,
                           struct http_reply *reply)
{
    struct facts facts;
    if (!facts_begin(&facts, asking))
        return;
    if (facts.adverts == NULL)
        http_reply_error(reply, 503, "the nodes' adverts are still being read: ask again");
    else
        answer_skews(&facts, request->query, reply);
    facts_end(&facts);
}

/* --- one node --------------------------------------------------------------------------------- */

/* Thousandths of a second that the sender was ahead at this receipt. */
static int64_t ahead_ms(const struct advert_sample *sample, int64_t receipt_ms)
{
    return sample->advert_s * MS_PER_S - receipt_ms;
}

static void write_receipt(struct json_write *w, struct asking *asking, int64_t observer_id,
                          int64_t ahead)
{
    const struct observer *observer = asking_observer(asking, observer_id);
    if (observer == NULL || observer->is_hidden)
        return;
    jw_object(w, NULL);
    jw_string(w, "observerID", observer->identity);
    jw_string_or_null(w, "observerName", observer->name);
    jw_int(w, "observerOffsetSec", 0);
    jw_decimal(w, "rawSkewSec", ahead, 3);
    jw_decimal(w, "correctedSkewSec", ahead, 3);
    jw_bool(w, "calibrated", true);
    jw_object_end(w);
}

struct receipts {
    const struct advert_sample *sample;
    struct {
        int64_t observer_id, ahead_ms;
    } all[EVIDENCE_RECEIPTS];
    size_t count;
};

/* Of an engine: by receipt. */
static void note_seen(void *context, const struct packet_observation *seen)
{
    struct receipts *r = context;
    for (size_t i = 0; i < r->count; i++) {
        if (r->all[i].observer_id == seen->observer_id)
            return;
    }
    if (seen->is_tx || r->count == EVIDENCE_RECEIPTS)
        return;
    r->all[r->count].observer_id = seen->observer_id;
    r->all[r->count++].ahead_ms = ahead_ms(r->sample, seen->receipt_ms);
}

/* The earliest receipt of each observer. */
static void read_receipts(struct receipts *r, struct asking *asking)
{
    const struct packet packet = {.id = r->sample->transmission_id};
    if (asking->model->engine != NULL) {
        (void)packet_each_by_time(asking, &packet, note_seen, r);
        return;
    }
    struct statement *row = reader_statement(asking->reader, SQL_RECEIPTS);
    if (row == NULL)
        return;
    bind_int(row, 1, r->sample->transmission_id);
    bind_int(row, 2, EVIDENCE_RECEIPTS);
    while (statement_row(row) == STATUS_OK) {
        r->all[r->count].observer_id = column_int(row, 0);
        r->all[r->count++].ahead_ms = ahead_ms(r->sample, column_int(row, 1));
    }
}

static void write_evidence(struct json_write *w, struct asking *asking,
                           const struct advert_sample *sample)
{
    struct receipts receipts = {.sample = sample};
    read_receipts(&receipts, asking);
    const size_t count = receipts.count;
    if (count == 0)
        return;
    jw_object(w, NULL);
    jw_hex_lower(w, "hash", sample->hash, sizeof sample->hash);
    jw_int(w, "timestamp", sample->receipt_ms / MS_PER_S);
    /* The rows come by receipt, so the values fall. */
    jw_decimal(w, "medianCorrectedSkewSec",
               (receipts.all[(count - 1) / 2].ahead_ms + receipts.all[count / 2].ahead_ms) / 2, 3);
    jw_array(w, "observers");
    for (size_t i = 0; i < count; i++)
        write_receipt(w, asking, receipts.all[i].observer_id, receipts.all[i].ahead_ms);
    jw_array_end(w);
    jw_object_end(w);
}

/* Oldest first, as a curve is drawn. */
static void write_samples(struct json_write *w, const struct advert_sample *samples, size_t count)
{
    jw_array(w, "samples");
    for (size_t i = count; i-- > 0;) {
        jw_object(w, NULL);
        jw_int(w, "ts", samples[i].receipt_ms / MS_PER_S);
        jw_decimal(w, "skew", ahead_ms(&samples[i], samples[i].receipt_ms), 3);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_bad(struct json_write *w, const struct advert_sample *samples, size_t count)
{
    jw_array(w, "recentBadSamples");
    for (size_t i = 0; i < min_size(count, SKEW_RECENT); i++) {
        const struct advert_sample *s = &samples[i];
        if (!skew_is_bad(&(struct skew_sample){s->receipt_ms, s->advert_s, 0}))
            continue;
        jw_object(w, NULL);
        jw_hex_lower(w, "hash", s->hash, sizeof s->hash);
        jw_int(w, "advertTS", s->advert_s);
        jw_decimal(w, "skewSec", ahead_ms(s, s->receipt_ms), 3);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static size_t read_samples(struct asking *asking, int64_t node_id,
                           struct advert_sample out[static ADVERT_SAMPLES])
{
    int64_t ids[ADVERT_SAMPLES];
    size_t count = 0;
    if (asking->model->engine == NULL)
        return adverts_read(asking->reader, node_id, out);
    const size_t found = asking->model->engine->adverts(asking, node_id, ADVERT_SAMPLES, ids);
    for (size_t i = 0; i < found; i++) {
        struct packet packet;
        struct packet_observation shown;
        if (!packet_read_best(asking, ids[i], &packet, &shown) ||
            !adverts_sample_of(packet.raw, packet.raw_len, &out[count]))
            continue;
        out[count].transmission_id = packet.id;
        out[count].receipt_ms = packet.first_ms;
        memcpy(out[count++].hash, packet.hash, sizeof packet.hash);
    }
    return count;
}

static void answer_skew(const struct facts *facts, const struct node *node,
                        const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    struct asking *asking = facts->asking;
    struct advert_sample samples[ADVERT_SAMPLES];
    struct skew skew;
    struct json_write w;
    const size_t count = read_samples(asking, node->id, samples);
    if (count == 0) {
        http_reply_error(reply, 404, "no advert of this node is stored (any more)");
        return;
    }
    adverts_skew(samples, count, &skew);
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    write_skew(&w, node, &skew, samples[0].advert_s, samples[0].receipt_ms);
    write_samples(&w, samples, count);
    write_bad(&w, samples, count);
    jw_object(&w, "calibrationSummary");
    jw_uint(&w, "totalSamples", count);
    jw_uint(&w, "calibratedSamples", count);
    jw_uint(&w, "uncalibratedSamples", 0);
    jw_object_end(&w);
    jw_array(&w, "recentHashEvidence");
    for (size_t i = 0; i < min_size(count, EVIDENCE_ADVERTS); i++)
        write_evidence(&w, asking, &samples[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

void nodes_ask_clock_skew(struct asking *asking, const struct http_request *request,
                          struct http_reply *reply)
{
    node_ask(asking, request, reply, false, answer_skew);
}
