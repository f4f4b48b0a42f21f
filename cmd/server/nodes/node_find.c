/* SPDX-License-Identifier: MIT */
#include "cmd/server/nodes/node_find.h"

#include "cmd/server/http/request.h"
#include "common/base/hex.h"

#include <string.h>

#define CANDIDATES_MAX 20 /* told in a refusal */

/* The beginning of a key: whole bytes, and the digit that is left. */
struct beginning {
    uint8_t bytes[NODE_KEY_BYTES];
    size_t len;
    int digit; /* of the next byte the upper half; -1 = none */
};

static bool read_beginning(const char *digits, struct beginning *out)
{
    const size_t count = strlen(digits);
    if (count == 0 || count > 2 * (size_t)NODE_KEY_BYTES ||
        !hex_decode(digits, count & ~(size_t)1, out->bytes, sizeof out->bytes, &out->len))
        return false;
    out->digit = count % 2 == 1 ? hex_digit(digits[count - 1]) : -1;
    return count % 2 == 0 || out->digit >= 0;
}

static bool begins(const struct node *node, const struct beginning *beginning)
{
    return !node->is_hidden &&
           (beginning->digit < 0 || node->key[beginning->len] >> 4 == beginning->digit);
}

/* Up to `max` of them; how many there are. */
static size_t find(const struct directory *directory, const struct beginning *beginning,
                   const struct node **out, size_t max)
{
    const struct node *const *first;
    size_t found = 0;
    const size_t count = directory_prefix(directory, beginning->bytes, beginning->len, &first);
    for (size_t i = 0; i < count; i++) {
        if (!begins(first[i], beginning))
            continue;
        if (found < max)
            out[found] = first[i];
        found++;
    }
    return found;
}

bool node_find(const struct directory *directory, const char *digits, const struct node **out,
               size_t *out_count)
{
    struct beginning beginning;
    if (!read_beginning(digits, &beginning))
        return false;
    *out_count = find(directory, &beginning, out, 1);
    return true;
}

static void refuse_ambiguous(struct http_reply *reply, const struct node *const *nodes,
                             size_t count)
{
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_string(&w, "error", "several nodes' keys begin so: give more of its digits");
    jw_uint(&w, "matches", count);
    jw_array(&w, "candidates");
    for (size_t i = 0; i < min_size(count, CANDIDATES_MAX); i++) {
        jw_object(&w, NULL);
        jw_hex_lower(&w, "public_key", nodes[i]->key, sizeof nodes[i]->key);
        jw_string_or_null(&w, "name", nodes[i]->name);
        node_role(&w, "role", nodes[i]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    reply->status = 409;
    http_reply_json(reply, &w);
}

/* NULL: the reply says why. */
static const struct node *node_of_path(const struct facts *facts,
                                       const struct http_request *request, struct http_reply *reply)
{
    const char *digits = request->arguments[0];
    const struct node *found[CANDIDATES_MAX];
    struct beginning beginning;
    if (!read_beginning(digits, &beginning) || strlen(digits) < NODE_DIGITS_MIN) {
        http_reply_error(reply, 404,
                         "a node is named by its public key in hex, or by its first digits, at "
                         "least 8");
        return NULL;
    }
    const size_t count = find(facts->directory, &beginning, found, CANDIDATES_MAX);
    if (count == 1)
        return found[0];
    if (count == 0)
        http_reply_error(reply, 404, "Node not found");
    else
        refuse_ambiguous(reply, found, count);
    return NULL;
}

void node_ask(struct asking *asking, const struct http_request *request, struct http_reply *reply,
              bool needs_summary, node_answer answer)
{
    struct facts facts;
    if (!facts_begin(&facts, asking))
        return;
    const struct node *node = node_of_path(&facts, request, reply);
    if (node != NULL && needs_summary && facts.summary == NULL)
        http_reply_error(reply, 503, "the last 24 hours are being counted: ask again");
    else if (node != NULL)
        answer(&facts, node, request, reply);
    facts_end(&facts);
}
