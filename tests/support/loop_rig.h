/* SPDX-License-Identifier: MIT
 *
 * loop_rig - a loop of few slots on a real socket, with a service of its own, and the client's side
 * of it. Every failure fails the test. */
#pragma once

#include "cmd/server/loop/http_loop.h"

#include <pthread.h>

#define LOOP_RIG_SHORT_US ((mono_us)300 * US_PER_MS)
#define LOOP_RIG_LARGE    ((size_t)12 << 20) /* bytes of /large: more than any socket holds */

#define LOOP_RIG_ENDLESS 200000

#define LOOP_RIG_LISTENERS 3
#define GET(path)          "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

/* /live, and a WebSocket anywhere, for LOOP_RIG_LISTENERS: what the test posts.
 * /flow/:length is an export of that many bytes (loop_rig_flow_byte), 0 = of LOOP_RIG_ENDLESS,
 * untold and without the frames of chunks.
 * GET and POST of /a/:text answer with the text and the body; /large; /slow waits in the one
 * worker while it is held, and one more may wait for that worker. */
struct loop_rig {
    int port;
    struct router *router;
    struct http_counts counts;
    struct http_service service;
    struct workers *workers;
    struct live *live;
    struct http_loop *loop;
    /* of each /flow */
    uint64_t flow_rate;
    int64_t flow_breaks_at;        /* 0 = it does not */
    _Atomic int flows, flows_sent; /* that are made and not freed; freed and sent whole */
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;
    int running; /* in /slow */
};

/* 8 sockets, 4 inputs, and a minute for everything. */
extern const struct http_limits loop_rig_patient;

void loop_rig_start(struct loop_rig *rig, const struct http_limits *limits);
void loop_rig_stop(struct loop_rig *rig);
/* Holds /slow, or lets it go; returns when so many are in it. */
void loop_rig_hold(struct loop_rig *rig, bool is_held, int running);

char loop_rig_flow_byte(int64_t at);
void loop_rig_say(int fd, const char *text);
/* Reads until the server closes. */
size_t loop_rig_read_all(int fd, char *out, size_t cap);
bool loop_rig_is_closed(int fd, int patience_ms);
/* A whole exchange on a connection of its own: its status. */
int loop_rig_ask(const struct loop_rig *rig, char *text, size_t cap);
