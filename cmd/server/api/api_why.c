/* SPDX-License-Identifier: MIT
 *
 * /api/why: where is my packet? The answer itself is common/why's; here stand the parameters, whom
 * nobody shall see, and what the engine in the place of our database knows (engine.h). */
#include "cmd/server/api/families.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet.h"
#include "cmd/server/packets/filter.h"
#include "common/why/why_file.h"

#include <stdio.h>
#include <string.h>

/* --- out of our database ---------------------------------------------------------------------- */

static struct statement *prepare(void *context, const char *sql)
{
    const struct asking *asking = context;
    return reader_statement(asking->reader, sql);
}

static bool is_hidden_observer(void *context, const char *identity)
{
    const struct directory *directory = asking_directory(context);
    const struct observer *observer =
        directory != NULL ? directory_find_observer(directory, identity) : NULL;
    return observer != NULL && observer->is_hidden;
}

static bool is_hidden_node(void *context, const uint8_t key[static WHY_KEY_BYTES])
{
    const struct directory *directory = asking_directory(context);
    const struct node *const *first = NULL;
    return directory != NULL && directory_prefix(directory, key, WHY_KEY_BYTES, &first) == 1 &&
           first[0]->is_hidden;
}

/* --- out of an engine ------------------------------------------------------------------------- */

_Static_assert(WHY_UNKNOWN == DIRECTORY_UNKNOWN && WHY_UNKNOWN == DIRECTORY_NEVER,
               "what is not known is the same number");

static bool engine_packet(void *context, const uint8_t *hash, struct why_packet *out)
{
    struct asking *asking = context;
    const struct engine *engine = asking->model->engine;
    struct packet packet;
    struct packet_observation shown;
    const int64_t id = engine->find_hash(asking, hash);
    if (id == 0 || !engine->packet(asking, id, 0, &packet, &shown))
        return false;
    *out = (struct why_packet){.id = packet.id,
                               .observations = packet.observation_count,
                               .first_ms = packet.first_ms,
                               .last_ms = packet.last_ms};
    return true;
}

static bool engine_observer(void *context, const char *identity, struct why_observer *out)
{
    const struct directory *directory = asking_directory(context);
    const struct observer *is =
        directory != NULL ? directory_find_observer(directory, identity) : NULL;
    if (is == NULL || is->is_hidden)
        return false;
    *out = (struct why_observer){
        .first_ms = is->first_ms, .last_ms = is->heard_ms, .packets = is->packet_count};
    (void)snprintf(out->identity, sizeof out->identity, "%s", is->identity);
    (void)snprintf(out->name, sizeof out->name, "%s", is->name);
    return true;
}

static bool engine_node(void *context, const uint8_t *key, size_t len, struct why_node *out)
{
    const struct directory *directory = asking_directory(context);
    const struct node *const *first = NULL;
    if (directory == NULL || directory_prefix(directory, key, len, &first) != 1 ||
        first[0]->is_hidden)
        return false;
    const struct node *is = first[0];
    *out = (struct why_node){
        .first_ms = is->first_ms, .heard_ms = is->heard_ms, .adverts = is->advert_count};
    memcpy(out->key, is->key, sizeof out->key);
    (void)snprintf(out->name, sizeof out->name, "%s", is->name);
    return true;
}

/* Who is told, and how. */
struct telling {
    void *to;
    why_row_told row;
    why_dropped_told dropped;
    why_count_told count;
};

static void tell_refusal(void *context, const struct engine_refusal *refusal)
{
    const struct telling *telling = context;
    telling->row(telling->to, &(struct why_row){.receipt_ms = refusal->receipt_ms,
                                                .source = refusal->source,
                                                .observer = refusal->observer,
                                                .rule = refusal->rule,
                                                .option = refusal->option,
                                                .topic = refusal->topic,
                                                .hash = refusal->hash,
                                                .hash_len = refusal->hash_len,
                                                .node = refusal->node,
                                                .node_len = refusal->node_len,
                                                .bytes = refusal->bytes,
                                                .messages = refusal->messages});
}

static void engine_rows(void *context, const struct why_query *query, why_row_told told, void *to)
{
    struct asking *asking = context;
    struct telling telling = {.to = to, .row = told};
    const struct engine_refusals wanted = {.hash = query->has_hash ? query->hash : NULL,
                                           .observer = query->has_observer ? query->observer : NULL,
                                           .node = query->node_len > 0 ? query->node : NULL,
                                           .node_len = query->node_len,
                                           .max = query->rows_max + 1};
    /* After a failure the reply is thrown away; so below. */
    (void)asking->model->engine->refusals(asking, &wanted, tell_refusal, &telling);
}

static void tell_drop(void *context, const struct engine_drop *drop)
{
    const struct telling *telling = context;
    telling->dropped(telling->to, &(struct why_dropped){.reason = drop->reason,
                                                        .observer = drop->observer,
                                                        .node = drop->node_key,
                                                        .node_len = drop->node_key_len,
                                                        .first_ms = drop->first_ms,
                                                        .last_ms = drop->last_ms});
}

static void engine_dropped(void *context, const uint8_t *hash, why_dropped_told told, void *to)
{
    struct asking *asking = context;
    struct telling telling = {.to = to, .dropped = told};
    const struct engine_drops wanted = {.hash = hash, .max = 1};
    (void)asking->model->engine->drops(asking, &wanted, tell_drop, &telling);
}

/* Retention there is by age alone: what is younger is kept. */
static void engine_bounds(void *context, int64_t now_ms, struct why_bounds *out)
{
    struct asking *asking = context;
    const int days = asking->config->retention.packet_days;
    const struct filter all = {.is_any = true};
    int64_t from_ms = INT64_MIN;
    const int64_t packets = asking->model->engine->count_packets(asking, &all);
    out->transmissions = packets >= 0 ? packets : WHY_UNKNOWN;
    out->retained_from_ms = days > 0 ? now_ms - days * MS_PER_DAY : 0;
    if (!asking->model->engine->refused_from(asking, &from_ms) || from_ms == INT64_MIN)
        return;
    out->from_ms = from_ms > out->retained_from_ms ? from_ms : out->retained_from_ms;
}

static void tell_refused(void *context, const struct engine_refused *refused)
{
    const struct telling *telling = context;
    telling->count(telling->to, refused->rule, refused->messages, refused->rows);
}

static bool engine_counts(void *context, int64_t from_hour, why_count_told told, void *to)
{
    struct asking *asking = context;
    struct telling telling = {.to = to, .count = told};
    bool is_whole = false;
    return asking->model->engine->refused(asking, from_hour, tell_refused, &telling, &is_whole) &&
           is_whole;
}

/* --- the route -------------------------------------------------------------------------------- */

static const struct parameter {
    const char *name, *wanted;
    bool (*ask)(struct why_query *query, const char *text);
} parameters[] = {
    {"hash", "hash is 16 hex digits", why_ask_hash},
    {"node", "node is a public key or the first digits of one, an even number", why_ask_node},
    {"observer", "observer has 1 to 128 bytes", why_ask_observer},
};

/* NULL: all can be read. */
static const struct parameter *read_query(const struct http_query *from, struct why_query *query)
{
    *query =
        (struct why_query){.rows_max = http_query_limit(from, "limit", WHY_ROWS, WHY_ROWS_MAX)};
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        const char *text = http_query_text(from, parameters[i].name);
        if (text != NULL && !parameters[i].ask(query, text))
            return &parameters[i];
    }
    return NULL;
}

static void answer_why(struct asking *asking, const struct http_request *request,
                       struct http_reply *reply)
{
    struct why_query query;
    const struct parameter *refused = read_query(request->query, &query);
    if (refused != NULL) {
        http_reply_field_error(reply, 400, refused->name, refused->wanted);
        return;
    }
    struct why_file file = {
        .context = asking,
        .statement = prepare,
        .is_hidden_observer = is_hidden_observer,
        .is_hidden_node = is_hidden_node,
    };
    const struct why_source engine = {.context = asking,
                                      .packet = engine_packet,
                                      .observer = engine_observer,
                                      .node = engine_node,
                                      .rows = engine_rows,
                                      .dropped = engine_dropped,
                                      .bounds = engine_bounds,
                                      .counts = engine_counts};
    const struct why_source source =
        asking->model->engine != NULL ? engine : why_file_source(&file);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    why_write(&w, &query, &source, asking->now);
    http_reply_json(reply, &w);
}

static const struct http_parameter takes[] = {
    {"hash", HTTP_PARAMETER_TEXT, "the packet's hash, 16 hex digits"},
    {"limit", HTTP_PARAMETER_INT, "rows at most, 1 to 1000; default 100"},
    {"node", HTTP_PARAMETER_TEXT, "a node's public key, or the beginning of one, in hex digits"},
    {"observer", HTTP_PARAMETER_TEXT, "an observer's id"},
    {0},
};

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/why",
     .asker = answer_why,
     .is_engined = true,
     .parameters = takes,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost =
         "3 ms: a pass over the 10,000 rows of refused messages; of a store of shards some "
         "milliseconds for each of eight questions",
     .summary =
         "Why is my packet missing? Whether it is stored after all, which refusals are known "
         "of it and the option that decided; several parameters: what fits all of them",
     .answer = WHY_SHAPE},
};
const struct route_family api_why_routes = {rows, ARRAY_LEN(rows)};
