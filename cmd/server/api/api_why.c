/* SPDX-License-Identifier: MIT
 *
 * /api/why: where is my packet? The answer itself is common/why's; here stand the parameters, and
 * whom nobody shall see. */
#include "cmd/server/api/families.h"
#include "cmd/server/model/asking.h"
#include "common/why/why.h"

#include <string.h>

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
    const struct why_source source = {
        .context = asking,
        .statement = prepare,
        .is_hidden_observer = is_hidden_observer,
        .is_hidden_node = is_hidden_node,
    };
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
     .parameters = takes,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "3 ms: a pass over the 10,000 rows of refused messages",
     .summary =
         "Why is my packet missing? Whether it is stored after all, which refusals are known "
         "of it and the option that decided; several parameters: what fits all of them",
     .answer = WHY_SHAPE},
};
const struct route_family api_why_routes = {rows, ARRAY_LEN(rows)};
