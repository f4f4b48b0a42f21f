/* SPDX-License-Identifier: MIT
 *
 * own_fds - descriptors of this process: one by what it is (of sockets and files that a library
 * opened and hands out no descriptor of; reads /proc/self/fd), and the first three, which must not
 * be free. */
#pragma once

#include "common/base/base.h"

typedef bool own_fds_test(int fd, const void *context);

/* The first descriptor that `fits`. STATUS_NOT_FOUND: none; STATUS_IO: there is no /proc. */
NODISCARD enum status own_fds_find(own_fds_test *fits, const void *context, int *out_fd);

/* First thing in main. Who was started with 0, 1 or 2 closed would open a file of its own there,
 * and then log into it. /dev/null takes the place: 1 read-only, so that an answer that nobody gets
 * still is an error. False: there is no /dev/null and nothing else to put there. */
NODISCARD bool own_fds_fill_standard(void);
