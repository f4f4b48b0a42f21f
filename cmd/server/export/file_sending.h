/* SPDX-License-Identifier: MIT
 *
 * file_sending - an open file as an answer, piece by piece: what it costs is a piece, however large
 * the file is and however slowly the client reads.
 *
 * A file that became shorter than it was is reset, so that the part is not taken for all.
 * Threads: as http's export.h. Ownership: the descriptor moves in any case; `done` is called
 * once, when it is closed. */
#pragma once

#include "cmd/server/http/export.h"

struct file_sending {
    int fd;
    int64_t length;
    uint64_t bytes_per_second; /* 0 = not throttled */
    const char *component;     /* in the log; static */
    void (*done)(void *context, bool is_sent);
    void *context;
};

/* NULL = no memory. */
NODISCARD struct http_export *file_sending_new(const struct file_sending *setup);
