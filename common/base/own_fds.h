/* SPDX-License-Identifier: MIT
 *
 * own_fds - a descriptor of this process, by what it is: of sockets and files that a library opened
 * and hands out no descriptor of. Reads /proc/self/fd. */
#pragma once

#include "common/base/base.h"

typedef bool own_fds_test(int fd, const void *context);

/* The first descriptor that `fits`. STATUS_NOT_FOUND: none; STATUS_IO: there is no /proc. */
NODISCARD enum status own_fds_find(own_fds_test *fits, const void *context, int *out_fd);
