/* SPDX-License-Identifier: MIT
 *
 * unix_listener - a Unix socket that listens: made, told from one that was left behind, taken away.
 *
 * Its file is the server's user's and group's, 0660: who may connect is who may write it.
 * I1. A socket file is taken for left behind, and removed, when nobody listens there; one where
 *     somebody listens, and anything that is no socket, is never touched.
 * I2. Nobody connects before the mode stands.
 * Threads: its loop's, and who opens it. Errors: STATUS_IO with what to do; STATUS_CONFIG for a
 * path that is too long. */
#pragma once

#include "common/base/err.h"

/* A socket that does not block, listening at path. */
NODISCARD enum status unix_listener_open(const char *path, int backlog, int *out_fd,
                                         struct err *err);
/* Closes it and takes its file away, unless another program has put its own there. */
void unix_listener_close(int fd);
