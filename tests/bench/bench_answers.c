/* SPDX-License-Identifier: MIT
 *
 * bench_answers - what an answer out of the database costs without HTTP, and how many a server
 * gives.
 *
 *   bench_answers --config weir.json < paths     in this process: the code behind the routes alone
 *   bench_answers --port 8080 < paths            the same from a server, over two kept connections
 *
 * Paths (`/api/packets?limit=50`) come on stdin, a line each, and are asked in turn until the time
 * is over. One line is printed: answers, answers a second and, in this process, microseconds in
 * SQLite (preparing and stepping), in decoding packets, and in all. A cached answer proves nothing:
 * give more paths than the server keeps. The functions of SQLite and of the decoder are counted by
 * the linker's --wrap: nothing of the program changes for it. */
#include "cmd/server/api/api_ask.h"
#include "cmd/server/api/routes.h"
#include "cmd/server/http/router.h"
#include "common/base/crypto.h"
#include "common/config/config.h"
#include "common/mesh/meshcore_json.h"
#include "tests/bench/lib/options.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATHS_MAX   4096
#define CONNECTIONS 2
#define HEAD_MAX    4096
#define CHUNK       65536

struct bench {
    char *paths[PATHS_MAX];
    size_t count;
    double seconds;
    const char *config, *port;
    _Atomic size_t next, answered, failed, bytes;
    mono_us began, until;
};

/* --- what is counted -------------------------------------------------------------------------- */

/* The model has threads of its own. */
static _Thread_local int64_t sqlite_ns, decode_ns;

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* can't fail */
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Adds the time of a call to *total. */
#define COUNTED(total, type, call)                                                                 \
    const int64_t began = now_ns();                                                                \
    const type result = call;                                                                      \
    (total) += now_ns() - began;                                                                   \
    return result

int __real_sqlite3_step(sqlite3_stmt *stmt);
int __wrap_sqlite3_step(sqlite3_stmt *stmt);
int __wrap_sqlite3_step(sqlite3_stmt *stmt)
{
    COUNTED(sqlite_ns, int, __real_sqlite3_step(stmt));
}

int __real_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags,
                              sqlite3_stmt **out, const char **tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags,
                              sqlite3_stmt **out, const char **tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags,
                              sqlite3_stmt **out, const char **tail)
{
    COUNTED(sqlite_ns, int, __real_sqlite3_prepare_v3(db, sql, len, flags, out, tail));
}

enum meshcore_frame_error __real_meshcore_parse(const uint8_t *bytes, size_t len,
                                                struct meshcore_frame *out);
enum meshcore_frame_error __wrap_meshcore_parse(const uint8_t *bytes, size_t len,
                                                struct meshcore_frame *out);
enum meshcore_frame_error __wrap_meshcore_parse(const uint8_t *bytes, size_t len,
                                                struct meshcore_frame *out)
{
    COUNTED(decode_ns, enum meshcore_frame_error, __real_meshcore_parse(bytes, len, out));
}

void __real_meshcore_json_payload(struct json_write *w, const char *key,
                                  const struct meshcore_frame *frame,
                                  const struct meshcore_payload *payload,
                                  const struct meshcore_json_options *options);
void __wrap_meshcore_json_payload(struct json_write *w, const char *key,
                                  const struct meshcore_frame *frame,
                                  const struct meshcore_payload *payload,
                                  const struct meshcore_json_options *options);
void __wrap_meshcore_json_payload(struct json_write *w, const char *key,
                                  const struct meshcore_frame *frame,
                                  const struct meshcore_payload *payload,
                                  const struct meshcore_json_options *options)
{
    const int64_t began = now_ns();
    __real_meshcore_json_payload(w, key, frame, payload, options);
    decode_ns += now_ns() - began;
}

/* --- in this process -------------------------------------------------------------------------- */

struct own {
    struct model model;
    struct router *router;
    struct router_match match;
    struct http_query query;
    struct http_request request;
};

static void question(void *context, struct asking *asking, struct http_reply *reply)
{
    const struct own *own = context;
    own->request.route->asker(asking, &own->request, reply);
}

/* The bytes of the answer; 0 = there is none. */
static size_t answer_here(struct own *own, const char *target)
{
    char path[HTTP_PATH_MAX];
    const char *mark = strchr(target, '?');
    const size_t len = mark != NULL ? (size_t)(mark - target) : strlen(target);
    if (len >= sizeof path)
        return 0;
    memcpy(path, target, len);
    path[len] = '\0';
    if (router_find(own->router, path, ROUTE_ON_MAIN, &own->match) != 0)
        return 0;
    const struct route *route = own->match.get.route;
    if (route == NULL || route->asker == NULL || route->asks_nothing ||
        http_query_parse(&own->query, route->parameters, mark != NULL ? mark + 1 : NULL) != 0)
        return 0;
    own->request = (struct http_request){.route = route,
                                         .route_number = own->match.get.number,
                                         .method = "GET",
                                         .argument_count = own->match.argument_count,
                                         .query = &own->query,
                                         .body = ""};
    memcpy(own->request.arguments, own->match.arguments,
           own->match.argument_count * sizeof(char *));
    struct http_reply reply;
    http_reply_init(&reply, HTTP_REVALIDATE);
    const bool is_answered = api_ask(&own->model, question, own, &reply) && reply.status == 200;
    const size_t bytes = is_answered ? reply.body_len : 0;
    free(reply.body);
    return bytes;
}

static bool open_own(struct own *own, const struct bench *b, struct config *config,
                     struct route_family *families)
{
    const struct config_args args = {.file = b->config};
    struct config_report report = {0};
    if (!crypto_init() || config_load(&args, config, &report) != STATUS_OK) {
        (void)fprintf(stderr, "bench_answers: %s: %s\n", b->config,
                      report.count > 0 ? report.messages[0].text : "can't be used");
        return false;
    }
    (void)routes_join(families, false);
    own->router = router_new(families, API_FAMILY_COUNT);
    return own->router != NULL && model_init(&own->model, config, 1, NULL, NULL);
}

static bool ask_here(struct bench *b)
{
    static struct own own;
    static struct config config;
    static struct route_family families[API_FAMILY_COUNT];
    if (!open_own(&own, b, &config, families))
        return false;
    (void)answer_here(&own, b->paths[0]); /* reads the mesh's names */
    sqlite_ns = decode_ns = 0;
    b->began = clock_mono();
    b->until = b->began + (mono_us)(b->seconds * US_PER_S);
    for (size_t i = 0; clock_mono() < b->until; i++) {
        const size_t bytes = answer_here(&own, b->paths[i % b->count]);
        b->answered += bytes > 0;
        b->failed += bytes == 0;
        b->bytes += bytes;
    }
    model_free(&own.model);
    router_free(own.router);
    config_done(&config);
    return true;
}

/* --- over HTTP -------------------------------------------------------------------------------- */

static int connect_to(const char *port)
{
    const int on = 1;
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)atoi(port)),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        perror("bench_answers: connect");
        exit(1);
    }
    return fd;
}

/* Reads one answer; its body's bytes, 0 = it is no 200 with a length. */
static size_t read_answer(int fd, char *buffer)
{
    size_t have = 0;
    char *body = NULL;
    while (body == NULL && have < HEAD_MAX) {
        const ssize_t n = recv(fd, buffer + have, CHUNK - have, 0);
        if (n <= 0)
            return 0;
        have += (size_t)n;
        buffer[have] = '\0';
        body = strstr(buffer, "\r\n\r\n");
    }
    const char *length = body != NULL ? strstr(buffer, "Content-Length: ") : NULL;
    if (length == NULL || memcmp(buffer + 9, "200", 3) != 0)
        return 0;
    const size_t wanted = (size_t)strtoull(length + 16, NULL, 10);
    size_t got = have - (size_t)(body + 4 - buffer);
    while (got < wanted) {
        const ssize_t n = recv(fd, buffer, CHUNK, 0);
        if (n <= 0)
            return 0;
        got += (size_t)n;
    }
    return wanted;
}

static void *ask_there(void *context)
{
    struct bench *b = context;
    char *buffer = malloc(CHUNK + 1);
    char head[HEAD_MAX];
    int fd = connect_to(b->port);
    while (buffer != NULL && clock_mono() < b->until) {
        const char *path = b->paths[atomic_fetch_add(&b->next, 1) % b->count];
        const int n =
            snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
        const bool is_sent = send(fd, head, (size_t)n, MSG_NOSIGNAL) == n;
        const size_t bytes = is_sent ? read_answer(fd, buffer) : 0;
        atomic_fetch_add(bytes > 0 ? &b->answered : &b->failed, 1);
        atomic_fetch_add(&b->bytes, bytes);
        if (bytes == 0) {
            (void)close(fd);
            fd = connect_to(b->port);
        }
    }
    (void)close(fd);
    free(buffer);
    return NULL;
}

static bool ask_server(struct bench *b)
{
    pthread_t threads[CONNECTIONS];
    b->began = clock_mono();
    b->until = b->began + (mono_us)(b->seconds * US_PER_S);
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (pthread_create(&threads[i], NULL, ask_there, b) != 0)
            return false;
    for (size_t i = 0; i < CONNECTIONS; i++)
        (void)pthread_join(threads[i], NULL); /* they are ours */
    return true;
}

/* --- all of it -------------------------------------------------------------------------------- */

static void read_paths(struct bench *b)
{
    char line[HTTP_PATH_MAX + HTTP_QUERY_MAX];
    while (b->count < PATHS_MAX && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '/' && (b->paths[b->count] = strdup(line)) != NULL)
            b->count++;
    }
}

int main(int argc, char **argv)
{
    static struct bench b = {.seconds = 2};
    const struct option_row rows[] = {
        {"config", "the server's configuration: answer in this process", OPTION_TEXT, &b.config},
        {"port", "of a server on this machine: ask it", OPTION_TEXT, &b.port},
        {"seconds", "how long", OPTION_NUMBER, &b.seconds},
    };
    if (!options_parse(argc, argv, rows, ARRAY_LEN(rows)))
        return 64;
    read_paths(&b);
    if (b.count == 0 || (b.config == NULL) == (b.port == NULL)) {
        (void)fputs("bench_answers: paths on stdin, and one of --config and --port\n", stderr);
        return 64;
    }
    if (!(b.port != NULL ? ask_server(&b) : ask_here(&b)))
        return 1;
    const double took_us = (double)(clock_mono() - b.began);
    const double count = b.answered > 0 ? (double)b.answered : 1;
    printf("{\"answers\": %zu, \"failed\": %zu, \"rate\": %.0f, \"us\": %.1f, \"sqliteUs\": %.1f, "
           "\"decodeUs\": %.1f, \"bytes\": %zu}\n",
           b.answered, b.failed, 1e6 * (double)b.answered / took_us, took_us / count,
           (double)sqlite_ns / 1e3 / count, (double)decode_ns / 1e3 / count,
           b.answered > 0 ? b.bytes / b.answered : 0);
    return 0;
}
