/* SPDX-License-Identifier: MIT */
#include "tests/support/http_front.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/http_client.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define REQUEST_MAX (1 << 20)

struct http_front {
    const struct http_front_script *scripts;
    size_t count;
    int listener, stop_read, stop_write;
    char url[64];
    pthread_t thread;
    atomic_int requests;
    char head[16384], body[REQUEST_MAX], raw[REQUEST_MAX];
};

/* True: something to read. False: the test is over. */
static bool wait_for(struct http_front *front, int fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                           {.fd = front->stop_read, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        continue;
    return fds[1].revents == 0;
}

static void inflate_body(struct http_front *front, const char *bytes, size_t len)
{
    z_stream z = {.avail_in = (uInt)len, .avail_out = sizeof front->body - 1};
    z.next_in = (z_const Bytef *)(uintptr_t)bytes;
    z.next_out = (Bytef *)front->body;
    if (inflateInit2(&z, 31) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END)
        z.total_out = 0;
    front->body[z.total_out] = '\0';
    (void)inflateEnd(&z);
}

/* A request with its Content-Length; false: the connection or the test ended. */
static bool read_request(struct http_front *front, int fd)
{
    size_t len = 0, need = 0;
    char *end = NULL;
    while (end == NULL || len < need) {
        if (!wait_for(front, fd))
            return false;
        const ssize_t n = read(fd, front->raw + len, sizeof front->raw - len - 1);
        if (n <= 0)
            return false;
        len += (size_t)n;
        front->raw[len] = '\0';
        if (end == NULL && (end = strstr(front->raw, "\r\n\r\n")) != NULL) {
            const char *given = strcasestr(front->raw, "\r\ncontent-length:");
            end += 4;
            need = (size_t)(end - front->raw) + (given != NULL ? strtoul(given + 17, NULL, 10) : 0);
        }
    }
    (void)snprintf(front->head, sizeof front->head, "%.*s", (int)(end - front->raw), front->raw);
    inflate_body(front, end, need - (size_t)(end - front->raw));
    return true;
}

/* True: the connection goes on. */
static bool answer(struct http_front *front, int fd)
{
    const size_t index = (size_t)atomic_fetch_add(&front->requests, 1);
    const struct http_front_script *script =
        &front->scripts[index < front->count ? index : front->count - 1];
    const size_t len = strlen(script->answer);
    if (len > 0 && write(fd, script->answer, len) != (ssize_t)len)
        return false;
    if (script->end == HTTP_FRONT_HANG)
        while (wait_for(front, front->stop_read))
            continue;
    if (script->end == HTTP_FRONT_RESET) {
        const struct linger now = {.l_onoff = 1};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    return script->end == HTTP_FRONT_KEEP;
}

static void *run(void *context)
{
    struct http_front *front = context;
    while (wait_for(front, front->listener)) {
        const int fd = accept(front->listener, NULL, NULL);
        while (fd >= 0 && read_request(front, fd) && answer(front, fd))
            continue;
        if (fd >= 0)
            (void)close(fd);
    }
    return NULL;
}

struct http_front *http_front_start(const struct http_front_script *scripts, size_t count)
{
    int port = 0, ends[2];
    struct http_front *front = calloc(1, sizeof *front);
    assert_non_null(front);
    front->scripts = scripts;
    front->count = count;
    front->listener = http_client_bind(&port);
    assert_int_equal(listen(front->listener, 16), 0);
    assert_int_equal(pipe(ends), 0);
    front->stop_read = ends[0];
    front->stop_write = ends[1];
    (void)snprintf(front->url, sizeof front->url, "http://127.0.0.1:%d", port);
    assert_int_equal(pthread_create(&front->thread, NULL, run, front), 0);
    return front;
}

void http_front_stop(struct http_front *front)
{
    (void)close(front->stop_write); /* the other end says so to all who wait */
    assert_int_equal(pthread_join(front->thread, NULL), 0);
    (void)close(front->stop_read);
    (void)close(front->listener);
    free(front);
}

const char *http_front_url(const struct http_front *front)
{
    return front->url;
}

const char *http_front_head(const struct http_front *front)
{
    return front->head;
}

const char *http_front_body(const struct http_front *front)
{
    return front->body;
}

int http_front_count(const struct http_front *front)
{
    return atomic_load(&front->requests);
}
