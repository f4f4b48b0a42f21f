/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/http.h"

#include "cmd/server/api/routes.h"
#include "cmd/server/http/http_check.h"
#include "cmd/server/http/http_head.h"
#include "cmd/server/web/web_assets.h"
#include "common/base/log.h"
#include "common/json/json_build.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

_Static_assert(HTTP_HEADERS_MAX >= MG_MAX_HEADERS, "every header civetweb passes on is looked at");

struct listener {
    struct server *server;
    unsigned kind; /* ROUTE_ON_MAIN or ROUTE_ON_HEALTH */
    struct mg_context *context;
};

struct http {
    struct listener main, health;
};

/* --- answering ---------------------------------------------------------------------------------------- */

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

static void send_bytes(struct mg_connection *conn, const char *bytes, size_t len)
{
    if (mg_write(conn, bytes, len) != (int)len) /* the client went away: nothing to tell it */
        mg_disable_connection_keep_alive(conn);
}

/* For answers that are not rendered ahead: header and body in one block, one write. */
static void send_reply(struct mg_connection *conn, struct http_head *head, const char *body,
                       bool is_head)
{
    char text[HTTP_HEAD_MAX];
    const size_t head_len = http_head_format(head, text);
    const size_t body_len = is_head ? 0 : head->content_length;
    if (!head->keep_alive)
        mg_disable_connection_keep_alive(conn);
    char *block = malloc(head_len + body_len);
    if (block == NULL) {
        mg_disable_connection_keep_alive(conn);
        return;
    }
    memcpy(block, text, head_len);
    if (body_len > 0)
        memcpy(block + head_len, body, body_len);
    send_bytes(conn, block, head_len + body_len);
    free(block);
}

static char *error_body(const char *text)
{
    struct json_build b;
    cJSON *root = jb_init(&b);
    jb_text(&b, root, "error", text);
    return jb_print(&b, root);
}

void http_reply_error(struct http_reply *reply, int status, const char *text)
{
    reply->status = status;
    reply->content_type = NULL;
    reply->body = error_body(text);
}

/* A refusal closes the connection: bytes that were not read must not become the next request. */
static int refuse(struct mg_connection *conn, int status, const char *text, const char *allow)
{
    const struct mg_request_info *ri = mg_get_request_info(conn); /* NULL = no request was read */
    const bool is_head =
        ri != NULL && ri->request_method != NULL && strcmp(ri->request_method, "HEAD") == 0;
    char *body = error_body(text);
    struct http_head head = {.status = status,
                             .content_type = "application/json",
                             .content_length = body != NULL ? strlen(body) : 0,
                             .allow = allow};
    send_reply(conn, &head, body, is_head);
    free(body);
    return status;
}

static int send_answer(struct mg_connection *conn, struct answers *answers, enum answer which,
                       bool keep, bool is_head)
{
    const struct answer_bytes *a = answers_take(answers, which);
    if (a == NULL)
        return refuse(conn, 503, "out of memory", NULL);
    if (!keep)
        mg_disable_connection_keep_alive(conn);
    if (keep)
        send_bytes(conn, a->keep, is_head ? a->keep_head_len : a->keep_len);
    else
        send_bytes(conn, a->close, is_head ? a->close_head_len : a->close_len);
    const int status = a->status;
    answers_release(answers, which, a);
    return status;
}

static const char *content_type(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot != NULL && strcmp(dot, ".css") == 0)
        return "text/css; charset=utf-8";
    if (dot != NULL && strcmp(dot, ".js") == 0)
        return "text/javascript; charset=utf-8";
    return "text/html; charset=utf-8";
}

static int send_asset(struct mg_connection *conn, const char *name, bool keep, bool is_head)
{
    const struct web_asset *asset = web_assets;
    while (asset->name != NULL && strcmp(asset->name, name) != 0)
        asset++;
    if (asset->name == NULL)
        return refuse(conn, 404, "not found", NULL);
    struct http_head head = {.status = 200,
                             .content_type = content_type(name),
                             .content_length = asset->len,
                             .cache = HTTP_REVALIDATE,
                             .keep_alive = keep};
    send_reply(conn, &head, (const char *)asset->bytes, is_head);
    return 200;
}

void http_metrics(struct server *server, const struct http_request *request,
                  struct http_reply *reply)
{
    (void)request;
    reply->status = 200;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply->body = answers_metrics(server->answers);
}

/* --- bodies ------------------------------------------------------------------------------------------- */

/* civetweb's timeout is per recv; this one is for the whole body. One byte a call: mg_read does not return
 * before it has all it was asked for, so a larger call would let a dripping client hold it, and the thread,
 * as long as it likes. It costs little: what came with the head is copied from civetweb's buffer, and that
 * is the whole body of every honest client. Returns 0 or the status to refuse with. */
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

static int run_handler(struct mg_connection *conn, struct listener *listener,
                       const struct route *route, bool keep, bool is_head)
{
    char body[HTTP_BODY_MAX + 1] = "";
    const struct mg_request_info *ri = mg_get_request_info(conn);
    if (route->is_post) {
        const int refused = read_body(conn, ri->content_length, body);
        if (refused != 0)
            return refuse(conn, refused, "the body did not arrive in time", NULL);
    }
    const struct http_request request = {.api_key = mg_get_header(conn, "X-API-Key"),
                                         .body = body,
                                         .body_len =
                                             route->is_post ? (size_t)ri->content_length : 0};
    struct http_reply reply = {.status = 500};
    route->handler(listener->server, &request, &reply);
    if (reply.body == NULL)
        return refuse(conn, 503, "out of memory", NULL);
    struct http_head head = {.status = reply.status,
                             .content_type = reply.content_type != NULL ? reply.content_type
                                                                        : "application/json",
                             .content_length = strlen(reply.body),
                             .keep_alive = keep};
    send_reply(conn, &head, reply.body, is_head);
    free(reply.body);
    return reply.status;
}

/* --- one request: framing -> route -> method -> answer ------------------------------------------------- */

static const char *allowed(const struct route *route)
{
    return route->is_post ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

static int send_options(struct mg_connection *conn, const struct route *route, bool keep)
{
    struct http_head head = {.status = 204, .allow = allowed(route), .keep_alive = keep};
    send_reply(conn, &head, NULL, true);
    return 204;
}

static int dispatch(struct mg_connection *conn, struct listener *listener,
                    const struct route *route, const struct mg_request_info *ri)
{
    const bool keep = wants_keep_alive(conn, ri, listener->kind);
    const bool is_head = strcmp(ri->request_method, "HEAD") == 0;
    const bool is_options = strcmp(ri->request_method, "OPTIONS") == 0;
    if (is_options && !route->is_probe)
        return send_options(conn, route, keep);
    const bool is_get = strcmp(ri->request_method, "GET") == 0 || is_head || is_options;
    const bool is_post = strcmp(ri->request_method, "POST") == 0;
    if (route->is_post ? !is_post : !is_get)
        return refuse(conn, 405, "method not allowed", allowed(route));
    switch (route->kind) {
    case ROUTE_ANSWER:
        return send_answer(conn, listener->server->answers,
                           http_query_is_set(ri->query_string, "strict") ? route->strict
                                                                         : route->answer,
                           keep, is_head);
    case ROUTE_ASSET:
        return send_asset(conn, route->asset, keep, is_head);
    case ROUTE_HANDLER:
        return run_handler(conn, listener, route, keep, is_head);
    }
    return refuse(conn, 500, "no such kind of route", NULL);
}

static int on_request(struct mg_connection *conn)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    struct listener *listener = ri->user_data;
    struct http_header headers[HTTP_HEADERS_MAX];
    for (int i = 0; i < ri->num_headers; i++)
        headers[i] = (struct http_header){ri->http_headers[i].name, ri->http_headers[i].value};
    const struct http_framing framing = {.method = ri->request_method,
                                         .headers = headers,
                                         .header_count = (size_t)ri->num_headers,
                                         .content_length = ri->content_length,
                                         .body_max = HTTP_BODY_MAX};
    const char *why = NULL;
    const int refused = http_check_framing(&framing, &why);
    if (refused != 0)
        return refuse(conn, refused, why, NULL);
    const struct route *route = route_find(ri->local_uri, listener->kind);
    if (route == NULL)
        return refuse(conn, 404, "not found", NULL);
    return dispatch(conn, listener, route, ri);
}

/* What civetweb refuses by itself (a malformed request line, too many headers) answers in JSON too. */
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

/* --- life --------------------------------------------------------------------------------------------- */

/* linger_timeout_ms is left alone: 0 makes close() throw away what the client has not fetched yet. */
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

struct http *http_start(struct server *server, const char *host, int port, int health_port,
                        struct err *err)
{
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        IGNORE(err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory"), "the caller sees NULL");
        return NULL;
    }
    (void)mg_init_library(0); /* 0 = no feature asked for, and that is what it returns */
    http->main = (struct listener){server, ROUTE_ON_MAIN, NULL};
    http->health = (struct listener){server, ROUTE_ON_HEALTH, NULL};
    /* The probes' port first: whoever can reach the main port can also be told that we are ready. */
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
    free(http);
}
