/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/http.h"

#include "cmd/server/http/http_check.h"
#include "cmd/server/http/http_head.h"
#include "cmd/server/http/router.h"
#include "common/base/log.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

_Static_assert(HTTP_HEADERS_MAX >= MG_MAX_HEADERS, "every header civetweb passes on is looked at");

/* An answer up to this size is put behind its head and leaves in one write; a larger one in two. */
#define ONE_WRITE_MAX 16384

struct listener {
    const struct http *http;
    unsigned kind; /* ROUTE_ON_MAIN or ROUTE_ON_HEALTH */
    struct mg_context *context;
};

struct http {
    /* constant after init */
    struct http_service service;
    struct router *router;
    struct listener main, health;
};

/* How an answer is sent: what the request asks of its framing. */
struct sending {
    struct mg_connection *conn;
    bool keep_alive, is_head;
};

/* --- answering -------------------------------------------------------------------------------- */

static bool wants_keep_alive(const struct mg_connection *conn, const struct mg_request_info *ri,
                             unsigned listener)
{
    if (listener == ROUTE_ON_HEALTH)
        return false;
    const char *connection = mg_get_header(conn, "Connection");
    if (connection != NULL)
        return strcasestr(connection, "keep-alive") != NULL;
    return ri->http_version != NULL && strcmp(ri->http_version, "1.1") == 0;
}

static void write_bytes(struct mg_connection *conn, const char *bytes, size_t len)
{
    if (mg_write(conn, bytes, len) != (int)len) /* the client went away: nothing to tell it */
        mg_disable_connection_keep_alive(conn);
}

static void send_ready(const struct sending *to, const struct http_ready *ready)
{
    const char *head = ready->heads[to->keep_alive];
    const size_t head_len = ready->head_lens[to->keep_alive];
    const size_t body_len = to->is_head ? 0 : ready->body_len;
    if (!to->keep_alive)
        mg_disable_connection_keep_alive(to->conn);
    if (head_len + body_len > ONE_WRITE_MAX) {
        write_bytes(to->conn, head, head_len);
        write_bytes(to->conn, ready->body, body_len);
        return;
    }
    char block[ONE_WRITE_MAX];
    memcpy(block, head, head_len);
    memcpy(block + head_len, ready->body, body_len);
    write_bytes(to->conn, block, head_len + body_len);
}

/* An answer that has no body: 204, 304. */
static int send_head(const struct sending *to, const struct http_head *head)
{
    char text[HTTP_HEAD_MAX];
    if (!head->keep_alive)
        mg_disable_connection_keep_alive(to->conn);
    write_bytes(to->conn, text, http_head_format(head, text));
    return head->status;
}

/* A refusal closes the connection: bytes that were not read must not become the next request. */
static int refuse(struct mg_connection *conn, int status, const char *text, const char *allow)
{
    const struct mg_request_info *ri = mg_get_request_info(conn); /* NULL = no request was read */
    const bool is_head =
        ri != NULL && ri->request_method != NULL && strcmp(ri->request_method, "HEAD") == 0;
    struct http_reply reply;
    http_reply_init(&reply, HTTP_NO_STORE);
    http_reply_error(&reply, status, text);
    struct http_ready *ready = http_ready_new(&reply, allow);
    if (ready != NULL)
        send_ready(&(struct sending){conn, false, is_head}, ready);
    else
        mg_disable_connection_keep_alive(conn);
    http_ready_unref(ready);
    return status;
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* civetweb's timeout is per recv; this one is for the whole body. One byte a call: mg_read does not
 * return before it has all it was asked for, so a larger call would let a dripping client hold it,
 * and the thread, as long as it likes. It costs little: what came with the head is copied from
 * civetweb's buffer, and that is the whole body of every honest client. Returns 0 or the status to
 * refuse with. */
static int read_body(struct mg_connection *conn, int64_t length, char *out)
{
    const mono_us deadline = clock_mono() + HTTP_BODY_DEADLINE_US;
    size_t used = 0;
    while (used < (size_t)length) {
        if (mg_read(conn, out + used, 1) != 1 || clock_mono() > deadline)
            return 408;
        used++;
    }
    out[used] = '\0';
    return 0;
}

/* --- one request: framing -> route -> method -> answer ---------------------------------------- */

static int answer(const struct sending *to, const struct http *http,
                  const struct http_request *request)
{
    struct http_ready *ready = http->service.answer(http->service.context, request);
    if (ready == NULL)
        return refuse(to->conn, 503, "out of memory", NULL);
    int status = ready->status;
    if (http_ready_is_known(ready, request->if_none_match))
        status = send_head(to, &(struct http_head){.status = 304,
                                                   .cache = ready->cache,
                                                   .keep_alive = to->keep_alive,
                                                   .etag = ready->etag});
    else
        send_ready(to, ready);
    http_ready_unref(ready);
    return status;
}

static int answer_get(const struct sending *to, const struct http *http,
                      struct http_request *request)
{
    const struct route *route = request->route;
    request->method = "GET";
    if (route->cache == HTTP_REVALIDATE)
        request->if_none_match = mg_get_header(to->conn, "If-None-Match");
    if (route->handler != NULL)
        request->api_key = mg_get_header(to->conn, "X-API-Key");
    return answer(to, http, request);
}

static int answer_post(const struct sending *to, const struct http *http,
                       struct http_request *request)
{
    char body[HTTP_BODY_MAX + 1];
    const int64_t length = mg_get_request_info(to->conn)->content_length;
    const int refused = read_body(to->conn, length, body);
    if (refused != 0)
        return refuse(to->conn, refused, "the body did not arrive in time", NULL);
    request->method = "POST";
    request->api_key = mg_get_header(to->conn, "X-API-Key");
    request->body = body;
    request->body_len = (size_t)length;
    return answer(to, http, request);
}

static const char *allowed(const struct router_match *match)
{
    if (match->post.route == NULL)
        return "GET, HEAD, OPTIONS";
    return match->get.route == NULL ? "POST, OPTIONS" : "GET, HEAD, POST, OPTIONS";
}

/* The row that answers this method, without a route when there is none. */
static struct router_row row_for(const struct router_match *match, const char *method)
{
    if (strcmp(method, "POST") == 0)
        return match->post;
    const bool is_options = strcmp(method, "OPTIONS") == 0;
    const bool is_get = is_options || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    return is_get ? match->get : (struct router_row){0};
}

static int dispatch(const struct sending *to, const struct http *http,
                    const struct router_match *match, const struct mg_request_info *ri)
{
    const char *method = ri->request_method;
    const struct router_row row = row_for(match, method);
    const bool is_probe = row.route != NULL && row.route->is_probe;
    if (strcmp(method, "OPTIONS") == 0 && !is_probe)
        return send_head(to, &(struct http_head){.status = 204,
                                                 .allow = allowed(match),
                                                 .keep_alive = to->keep_alive});
    if (row.route == NULL)
        return refuse(to->conn, 405, "method not allowed", allowed(match));
    struct http_query query;
    if (http_query_parse(&query, row.route->parameters, ri->query_string) != 0)
        return refuse(to->conn, 400, "the query can't be read", NULL);
    struct http_request request = {.route = row.route,
                                   .route_number = row.number,
                                   .argument_count = match->argument_count,
                                   .query = &query,
                                   .body = ""};
    memcpy(request.arguments, match->arguments, match->argument_count * sizeof(char *));
    return row.route == match->post.route ? answer_post(to, http, &request)
                                          : answer_get(to, http, &request);
}

static int on_request(struct mg_connection *conn)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    const struct listener *listener = ri->user_data;
    struct http_header headers[HTTP_HEADERS_MAX];
    for (int i = 0; i < ri->num_headers; i++)
        headers[i] = (struct http_header){ri->http_headers[i].name, ri->http_headers[i].value};
    const struct http_framing framing = {.method = ri->request_method,
                                         .headers = headers,
                                         .header_count = (size_t)ri->num_headers,
                                         .content_length = ri->content_length,
                                         .body_max = HTTP_BODY_MAX};
    const char *why = NULL;
    int refused = http_check_framing(&framing, &why);
    if (refused != 0)
        return refuse(conn, refused, why, NULL);
    struct router_match match;
    const char *path = ri->local_uri != NULL ? ri->local_uri : ""; /* NULL = another host's */
    refused = router_find(listener->http->router, path, listener->kind, &match);
    if (refused != 0)
        return refuse(conn, refused, refused == 404 ? "not found" : "the path can't be decoded",
                      NULL);
    const struct sending to = {.conn = conn,
                               .keep_alive = wants_keep_alive(conn, ri, listener->kind),
                               .is_head = strcmp(ri->request_method, "HEAD") == 0};
    return dispatch(&to, listener->http, &match, ri);
}

/* What civetweb refuses by itself (a malformed request line, too many headers) answers
 * in JSON too. */
static int on_error(struct mg_connection *conn, int status, const char *message)
{
    (void)message;
    (void)refuse(conn, status, http_status_text(status), NULL);
    return 0;
}

static int on_message(const struct mg_connection *conn, const char *message)
{
    (void)conn;
    log_event(LOG_DEBUG, "http", "civetweb", KV(KV_STR("message", message)));
    return 1;
}

/* --- life ------------------------------------------------------------------------------------- */

/* linger_timeout_ms is left alone: 0 makes close() throw away what the client has
 * not fetched yet. */
static struct mg_context *start_context(struct listener *listener, const char *address)
{
    const bool is_main = listener->kind == ROUTE_ON_MAIN;
    const char *const options[] = {"listening_ports",
                                   address,
                                   "num_threads",
                                   is_main ? HTTP_MAIN_THREADS : HTTP_HEALTH_THREADS,
                                   "enable_keep_alive",
                                   is_main ? "yes" : "no",
                                   "keep_alive_timeout_ms",
                                   "1000",
                                   "request_timeout_ms",
                                   is_main ? "3000" : "1000",
                                   "tcp_nodelay",
                                   "1",
                                   "listen_backlog",
                                   "512",
                                   "connection_queue",
                                   "256",
                                   "decode_url", /* the router decodes, segment by segment */
                                   "no",
                                   "enable_directory_listing",
                                   "no",
                                   "enable_auth_domain_check",
                                   "no",
                                   "access_control_allow_origin",
                                   "",
                                   NULL};
    const struct mg_callbacks callbacks = {
        .begin_request = on_request, .http_error = on_error, .log_message = on_message};
    /* The pointer types of mg_start hide that it only reads. */
    return mg_start(&callbacks, listener, (const char **)(uintptr_t)options);
}

static bool start_listener(struct listener *listener, const char *host, int port, struct err *err)
{
    char address[64];
    struct in_addr ignored;
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &ignored) != 1) {
        IGNORE(err_set(err, STATUS_CONFIG, 0, "host", "must be an IPv4 address or localhost"),
               "the caller sees NULL");
        return false;
    }
    (void)snprintf(address, sizeof address, "%s:%d", host, port);
    errno = 0;
    listener->context = start_context(listener, address);
    if (listener->context != NULL)
        return true;
    IGNORE(err_set(err, STATUS_IO, errno, address, "cannot listen: %s",
                   errno != 0 ? strerror(errno) : "is the port in use?"),
           "the caller sees NULL");
    return false;
}

struct http *http_start(const struct http_service *service, const char *host, int port,
                        int health_port, struct err *err)
{
    struct http *http = calloc(1, sizeof *http);
    if (http != NULL)
        http->router = router_new(service->families, service->family_count);
    if (http == NULL || http->router == NULL) {
        free(http);
        IGNORE(err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory"), "the caller sees NULL");
        return NULL;
    }
    (void)mg_init_library(0); /* 0 = no feature asked for, and that is what it returns */
    http->service = *service;
    http->main = (struct listener){http, ROUTE_ON_MAIN, NULL};
    http->health = (struct listener){http, ROUTE_ON_HEALTH, NULL};
    /* The probes' port first: whoever can reach the main port can also be told that
     * we are ready. */
    if ((health_port != 0 && !start_listener(&http->health, host, health_port, err)) ||
        !start_listener(&http->main, host, port, err)) {
        http_stop(http);
        return NULL;
    }
    return http;
}

void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    mg_stop(http->main.context); /* accepts NULL */
    mg_stop(http->health.context);
    (void)mg_exit_library(); /* balances mg_init_library */
    router_free(http->router);
    free(http);
}
