/* SPDX-License-Identifier: MIT
 *
 * socket_watch - whether a connection that a library owns is still being read.
 *
 * Why: the receive callback sees messages only, so a quiet mesh and a dead connection look alike to
 * it; the answers to pings are swallowed by the library, which by itself takes 2.7 to 3 keep-alives
 * to miss one. The kernel knows: bytes that came in order (TCP_INFO) less those that still wait
 * (FIONREAD) are the bytes that were read. A library that pings once a keep-alive reads an answer
 * once a keep-alive; where that number stands still for longer, the peer is gone, or the library
 * has stopped reading. Half the keep-alive as the library's interval was the other way: the broker
 * then ends us after three quarters of the configured time, and with a callback that may wait for
 * half of it that is a healthy connection lost.
 *
 * I1. Only time in which somebody looked counts: a look adds at most LOOK_MAX_US, so that a wait in
 *     the callback, a stop or a suspended machine is no silence.
 * I2. A socket that can't be found, or a kernel that does not count, is never silent.
 * The socket is the one of this process whose peer has the port that the library was told.
 * Threads: one. Cost: two system calls a look. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define LOOK_MAX_US ((mono_us)1 * US_PER_S)

struct socket_watch {
    int fd; /* borrowed, the library's; -1 = none */
    uint64_t read_bytes;
    mono_us last_look, silent;
};

/* A connection stands: find it, and begin at zero. */
void socket_watch_begin(struct socket_watch *watch, int peer_port, mono_us now);
void socket_watch_end(struct socket_watch *watch);
/* For how long nothing was read; 0 = unknown. */
mono_us socket_watch_look(struct socket_watch *watch, mono_us now);
