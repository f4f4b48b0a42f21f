/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/exchange.h"

#include "cmd/server/fields/negotiate.h"
#include "common/base/clock.h"

#include <string.h>

#define METHODS_OF_MAIN   "GET, HEAD, POST, OPTIONS"
#define METHODS_OF_HEALTH "GET, HEAD, OPTIONS"
#define EMPTY_LINES_MAX   8
#define PACK_AT_ONCE      16384 /* bytes that are packed in a third of a millisecond */

static enum exchange_step refuse(struct http_refusal *out, int status, const char *why)
{
    out->status = status;
    out->why = why;
    return EXCHANGE_REFUSED;
}

static bool method_is(const struct http_input *input, const char *method)
{
    const struct http_slice s = input->head.method; /* methods are case-sensitive */
    return strlen(method) == s.len && memcmp(input->bytes + s.at, method, s.len) == 0;
}

bool exchange_is_head(const struct http_input *input)
{
    return method_is(input, "HEAD");
}

bool exchange_keeps_alive(const struct http_input *input)
{
    return input->head.keeps_alive;
}

bool exchange_takes_chunks(const struct http_input *input)
{
    return !input->head.is_1_0;
}

/* The slice as a text: nothing reads the byte behind it any more (http_parse.h, I1). */
static const char *text_of(struct http_input *input, struct http_slice slice)
{
    input->bytes[slice.at + slice.len] = '\0';
    return input->bytes + slice.at;
}

/* --- the head --------------------------------------------------------------------------------- */

static enum exchange_step check_framing(const struct http_input *input, struct http_refusal *out)
{
    const struct http_incoming *head = &input->head;
    if (head->expects_other)
        return refuse(out, 417, "the only expectation is 100-continue");
    if (!method_is(input, "POST")) {
        if (head->is_chunked || head->content_length > 0)
            return refuse(out, 400, "this method takes no body");
        return EXCHANGE_NOW;
    }
    if (!head->is_chunked && head->content_length < 0)
        return refuse(out, 411, "a body needs a Content-Length, or chunks");
    if (head->content_length > HTTP_BODY_MAX)
        return refuse(out, 413, "the body is too large");
    return EXCHANGE_NOW;
}

static const char *allowed(const struct router_match *match)
{
    if (match->post.route == NULL)
        return "GET, HEAD, OPTIONS";
    return match->get.route == NULL ? "POST, OPTIONS" : "GET, HEAD, POST, OPTIONS";
}

/* The row that answers this method, without a route when there is none. */
static struct router_row row_for(const struct http_input *input)
{
    if (method_is(input, "POST"))
        return input->match.post;
    const bool is_get =
        method_is(input, "GET") || method_is(input, "HEAD") || method_is(input, "OPTIONS");
    return is_get ? input->match.get : (struct router_row){0};
}

/* Who answers it. */
static enum exchange_step step_of(const struct http_input *input)
{
    const struct route *route = input->request.route;
    if (route->is_live)
        return EXCHANGE_LIVE;
    return route->waits || route->asker != NULL ? EXCHANGE_WAITS : EXCHANGE_NOW;
}

/* Who says so falsely gets a cookie that his browser sends to nobody. */
static bool is_https(const struct http_input *input)
{
    const struct http_slice *value =
        http_parse_next(&input->head, input->bytes, "X-Forwarded-Proto", NULL);
    return value != NULL && http_parse_lists(input->bytes, *value, "https");
}

/* --- who may ask ------------------------------------------------------------------------------ */

static struct http_text header(const struct http_input *input, const char *name)
{
    const struct http_slice *value = http_parse_next(&input->head, input->bytes, name, NULL);
    return value != NULL ? (struct http_text){input->bytes + value->at, value->len}
                         : (struct http_text){0};
}

static struct http_text login_of(const struct http_input *input)
{
    const struct http_slice *line = NULL;
    struct http_text login = {0};
    while (login.text == NULL &&
           (line = http_parse_next(&input->head, input->bytes, "Cookie", line)) != NULL)
        login = http_cookie_find(input->bytes + line->at, line->len, HTTP_LOGIN_COOKIE);
    return login;
}

/* 0, or the status to refuse with. Without rules nobody writes and everybody reads. */
static int check_access(const struct exchange *x, const struct http_input *input,
                        enum http_access access, const char **out_why)
{
    static const struct http_keys none;
    const struct http_keys *keys =
        x->rules != NULL && x->rules->keys != NULL ? x->rules->keys : &none;
    if (access == HTTP_OPEN || (access == HTTP_READ && !keys->read.is_set))
        return 0;
    struct http_credentials given = {header(input, "X-API-Key"), login_of(input)};
    const struct http_text authorization = header(input, "Authorization");
    if (given.key.text == NULL && authorization.text != NULL)
        given.key = http_bearer_find(authorization.text, authorization.len);
    return http_access_check(keys, access, &given, clock_wall() / US_PER_S, out_why);
}

/* --- the request ------------------------------------------------------------------------------ */

static enum exchange_step begin_request(const struct exchange *x, struct http_input *input,
                                        const struct router_row *row, struct http_refusal *out)
{
    const char *why = NULL;
    const int refused = check_access(x, input, row->route->access, &why);
    if (refused != 0)
        return refuse(out, refused, why);
    const struct http_incoming *head = &input->head;
    const char *query = head->has_query ? text_of(input, head->query) : NULL;
    if (http_query_parse(&input->query, row->route->parameters, query) != 0) {
        out->field = input->query.refused;
        return refuse(out, 400, "the query can't be read");
    }
    const bool is_post = row->route == input->match.post.route;
    struct http_request *request = &input->request;
    *request = (struct http_request){.route = row->route,
                                     .route_number = row->number,
                                     .method = is_post ? "POST" : "GET",
                                     .argument_count = input->match.argument_count,
                                     .query = &input->query,
                                     .body = ""};
    memcpy(request->arguments, input->match.arguments, request->argument_count * sizeof(char *));
    if (row->route->handler != NULL)
        request->is_https = is_https(input);
    return step_of(input);
}

/* Where nothing can be upgraded the request is what it is without that wish (RFC 9110, 7.8). */
static bool wants_websocket(const struct exchange *x, const struct http_input *input)
{
    const struct http_incoming *head = &input->head;
    const struct http_slice *upgrade = http_parse_next(head, input->bytes, "Upgrade", NULL);
    const struct http_slice *connection = http_parse_next(head, input->bytes, "Connection", NULL);
    return x->service->websocket != NULL && x->listener == ROUTE_ON_MAIN &&
           method_is(input, "GET") && !head->is_1_0 && upgrade != NULL && connection != NULL &&
           http_parse_lists(input->bytes, *upgrade, "websocket") &&
           http_parse_lists(input->bytes, *connection, "upgrade");
}

bool exchange_is_websocket(const struct exchange *x, const struct http_input *input)
{
    return input->request.route == x->service->websocket;
}

/* --- other sites' pages ----------------------------------------------------------------------- */

static struct cors_text origin_of(const struct http_input *input)
{
    const struct http_slice *value = http_parse_next(&input->head, input->bytes, "Origin", NULL);
    return value != NULL ? (struct cors_text){input->bytes + value->at, value->len}
                         : (struct cors_text){0};
}

/* A browser asks whether a page of another origin may ask. */
static bool is_preflight(const struct http_input *input)
{
    return method_is(input, "OPTIONS") && origin_of(input).text != NULL &&
           http_parse_next(&input->head, input->bytes, "Access-Control-Request-Method", NULL) !=
               NULL;
}

bool exchange_origin_is_allowed(const struct exchange *exchange, const struct http_input *input)
{
    return exchange->rules != NULL && cors_allows(&exchange->rules->cors, origin_of(input));
}

bool exchange_may_open_websocket(const struct exchange *exchange, const struct http_input *input)
{
    const struct cors_text origin = origin_of(input);
    const struct http_slice *host = http_parse_next(&input->head, input->bytes, "Host", NULL);
    const struct cors_text own = {host != NULL ? input->bytes + host->at : "",
                                  host != NULL ? host->len : 0};
    return origin.text == NULL || cors_is_of_host(origin, own) ||
           (exchange->rules != NULL && cors_names(&exchange->rules->cors, origin));
}

void exchange_write_lines(const struct exchange *exchange, const struct http_input *input,
                          char out[static CORS_LINES_MAX])
{
    const struct http_rules *rules = exchange->rules;
    out[0] = '\0';
    if (rules != NULL && rules->cors.count > 0)
        cors_write(&rules->cors, origin_of(input), is_preflight(input), out);
}

static enum exchange_step answer_preflight(const struct exchange *x, const struct http_input *input,
                                           struct http_refusal *out)
{
    if (!exchange_origin_is_allowed(x, input))
        return refuse(out, 403, "this origin is not in corsAllowedOrigins");
    out->allow = allowed(&input->match);
    return EXCHANGE_OPTIONS;
}

/* --- the route -------------------------------------------------------------------------------- */

static enum exchange_step find_route(const struct exchange *x, struct http_input *input,
                                     struct http_refusal *out)
{
    const struct http_incoming *head = &input->head;
    if (head->is_asterisk) {
        out->allow = x->listener == ROUTE_ON_MAIN ? METHODS_OF_MAIN : METHODS_OF_HEALTH;
        return EXCHANGE_OPTIONS;
    }
    if (wants_websocket(x, input)) {
        input->match = (struct router_match){0};
        return begin_request(x, input, &(struct router_row){x->service->websocket, 0}, out);
    }
    const char *path = head->path.len > 0 ? text_of(input, head->path) : "/";
    const int refused = router_find(x->router, path, x->listener, &input->match);
    if (refused != 0)
        return refuse(out, refused, refused == 404 ? "not found" : "the path can't be decoded");
    if (is_preflight(input))
        return answer_preflight(x, input, out);
    const struct router_row row = row_for(input);
    if (method_is(input, "OPTIONS") && (row.route == NULL || !row.route->is_probe)) {
        out->allow = allowed(&input->match);
        return EXCHANGE_OPTIONS;
    }
    input->request.route = row.route; /* whatever becomes of it */
    input->request.route_number = row.number;
    if (row.route == NULL) {
        out->allow = allowed(&input->match);
        return refuse(out, 405, "method not allowed");
    }
    return begin_request(x, input, &row, out);
}

static enum exchange_step begin(const struct exchange *x, struct http_input *input, size_t head_len,
                                struct http_refusal *out)
{
    const char *why = NULL;
    const int refused = http_parse(input->bytes, head_len, &input->head, &why);
    if (refused != 0) {
        input->head.path.len = 0;
        return refuse(out, refused, why);
    }
    const enum exchange_step framed = check_framing(input, out);
    if (framed == EXCHANGE_REFUSED)
        return framed;
    const enum exchange_step step = find_route(x, input, out);
    if (step == EXCHANGE_REFUSED)
        return step;
    http_body_init(&input->body, input->head.is_chunked, input->head.content_length, HTTP_BODY_MAX);
    input->head_len = head_len;
    input->wants_continue = input->head.expects_continue;
    return step;
}

/* --- the body --------------------------------------------------------------------------------- */

/* A NUL behind the body: what came behind it makes room. */
static void end_body(struct http_input *input)
{
    const size_t end = input->head_len + input->body.len;
    if (input->used > end)
        memmove(input->bytes + end + 1, input->bytes + end, input->used - end);
    input->used++;
    input->bytes[end] = '\0';
    input->request.body = input->bytes + input->head_len;
    input->request.body_len = input->body.len;
}

static enum exchange_step read_body(struct http_input *input, struct http_refusal *out)
{
    const size_t at = input->head_len + input->body.len;
    size_t kept;
    size_t taken;
    const int refused =
        http_body_take(&input->body, input->bytes + at, input->used - at, &kept, &taken);
    if (refused != 0)
        return refuse(out, refused,
                      refused == 413 ? "the body is too large" : "the chunks can't be read");
    memmove(input->bytes + at + kept, input->bytes + at + taken, input->used - at - taken);
    input->used -= taken - kept;
    if (!http_body_is_done(&input->body))
        return EXCHANGE_MORE;
    if (input->body.len > 0)
        end_body(input);
    return step_of(input);
}

/* --- together --------------------------------------------------------------------------------- */

/* Some clients send one behind a body (RFC 9112, 2.2). False = more than that: a stream of them is
 * a request that never begins, and would keep whoever reads it for as long as it flows. */
static bool skip_empty_lines(struct http_input *input)
{
    size_t n = 0;
    while (input->used - n >= 2 && memcmp(input->bytes + n, "\r\n", 2) == 0) {
        n += 2;
        if (n > 2 * (size_t)EMPTY_LINES_MAX)
            return false;
    }
    if (n == 0)
        return true;
    input->used -= n;
    input->seen = 0;
    memmove(input->bytes, input->bytes + n, input->used);
    return true;
}

static enum exchange_step too_long(const struct http_input *input, struct http_refusal *out)
{
    if (memchr(input->bytes, '\n', HTTP_PARSE_HEAD_MAX) == NULL)
        return refuse(out, 414, "the request's target is too long");
    return refuse(out, 431, "the request's head is too large");
}

static enum exchange_step read_head(const struct exchange *x, struct http_input *input,
                                    struct http_refusal *out)
{
    const size_t head_len = http_parse_end(input->bytes, input->used, input->seen);
    input->seen = input->used;
    if (head_len > HTTP_PARSE_HEAD_MAX || (head_len == 0 && input->used > HTTP_PARSE_HEAD_MAX))
        return too_long(input, out);
    return head_len > 0 ? begin(x, input, head_len, out) : EXCHANGE_MORE;
}

enum exchange_step exchange_read(const struct exchange *exchange, struct http_input *input,
                                 struct http_refusal *out)
{
    if (input->head_len == 0) {
        input->head.method.len = input->head.path.len = 0; /* of the request before */
        input->head.header_count = 0;
        input->request = (struct http_request){0};
        if (!skip_empty_lines(input))
            return refuse(out, 400, "the request line can't be read");
        if (input->used == 0)
            return EXCHANGE_MORE;
        const enum exchange_step step = read_head(exchange, input, out);
        if (step != EXCHANGE_NOW && step != EXCHANGE_WAITS && step != EXCHANGE_LIVE)
            return step;
    }
    return read_body(input, out);
}

struct http_ready *exchange_ask(const struct exchange *exchange, const struct http_input *input)
{
    return exchange->service->answer(exchange->service->context, &input->request);
}

/* --- who asks --------------------------------------------------------------------------------- */

bool exchange_is_proxy(const struct exchange *exchange,
                       const uint8_t address[static NETWORK_ADDRESS_BYTES])
{
    const struct http_rules *rules = exchange->rules;
    return rules != NULL && forwarded_is_proxy(address, rules->proxies, rules->proxy_count);
}

typedef void read_line(struct forwarded *forwarded, const char *text, size_t len);

static bool read_client(const struct exchange *x, const struct http_input *input, const char *name,
                        read_line *read, uint8_t out[static NETWORK_ADDRESS_BYTES])
{
    struct forwarded forwarded = {0};
    const struct http_slice *line = NULL;
    while ((line = http_parse_next(&input->head, input->bytes, name, line)) != NULL)
        read(&forwarded, input->bytes + line->at, line->len);
    return forwarded_client(&forwarded, x->rules->proxies, x->rules->proxy_count, out);
}

/* A proxy that writes one of the two passes the other on as the client wrote it. We can't tell
 * which is whose, so where both are there they must say the same. */
bool exchange_read_client(const struct exchange *exchange, const struct http_input *input,
                          uint8_t out[static NETWORK_ADDRESS_BYTES])
{
    uint8_t other[NETWORK_ADDRESS_BYTES];
    const bool has_list = header(input, "X-Forwarded-For").text != NULL;
    const bool has_elements = header(input, "Forwarded").text != NULL;
    if (has_list && !read_client(exchange, input, "X-Forwarded-For", forwarded_read_list, out))
        return false;
    if (!has_elements)
        return has_list;
    if (!read_client(exchange, input, "Forwarded", forwarded_read_elements, other))
        return false;
    if (has_list)
        return memcmp(out, other, sizeof other) == 0;
    memcpy(out, other, sizeof other);
    return true;
}

/* --- the form of the answer ------------------------------------------------------------------- */

static bool takes_gzip(const struct http_input *input)
{
    struct http_codings codings = HTTP_CODINGS_NONE;
    const struct http_slice *line = NULL;
    while ((line = http_parse_next(&input->head, input->bytes, "Accept-Encoding", line)) != NULL)
        http_codings_read(&codings, input->bytes + line->at, line->len);
    return http_codings_take_gzip(&codings);
}

bool exchange_should_pack(const struct http_input *input, const struct http_ready *answer)
{
    return answer != NULL && http_ready_is_unpacked(answer) && takes_gzip(input);
}

bool exchange_may_pack_here(const struct http_ready *answer)
{
    return answer->body_len <= PACK_AT_ONCE;
}

struct http_ready *exchange_choose(const struct http_input *input, struct http_ready *answer)
{
    return answer->may_be_packed ? http_ready_choose(answer, takes_gzip(input)) : answer;
}

bool exchange_is_known(const struct http_input *input, const struct http_ready *answer)
{
    const struct http_slice *line = NULL;
    if (answer->etag[0] == '\0' || strcmp(input->request.method, "GET") != 0)
        return false;
    while ((line = http_parse_next(&input->head, input->bytes, "If-None-Match", line)) != NULL) {
        if (http_etag_is_listed(input->bytes + line->at, line->len, answer->etag))
            return true;
    }
    return false;
}

struct http_ready *exchange_refusal(const struct http_refusal *refusal)
{
    struct http_reply reply;
    http_reply_init(&reply, HTTP_NO_STORE);
    http_reply_field_error(&reply, refusal->status, refusal->field, refusal->why);
    return http_ready_new(&reply, refusal->allow);
}
