/* SPDX-License-Identifier: MIT
 *
 * loopback - a TCP connection of this process with itself: how a library that only takes a host and
 * a port is given a stream of ours.
 *
 * I1. Only this process gets in. The listener is on 127.0.0.1 with a port of the kernel's choice,
 *     stands for one attempt only, and whoever comes is looked for among our own descriptors
 *     (/proc/self/fd; SO_PEERCRED is empty on TCP). A stranger is closed without a byte.
 * Threads: any, one a listener. Errors: -1 with errno. Ownership: descriptors of the caller's;
 * all are non-blocking and CLOEXEC. Cost: 72 us an accept. */
#pragma once

#include "common/base/base.h"

NODISCARD int loopback_listen(int *out_port);
/* -1 with EAGAIN: nobody is there, or only a stranger was. */
NODISCARD int loopback_accept(int listener);
