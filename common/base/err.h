/* SPDX-License-Identifier: MIT
 *
 * err - what went wrong, for a person: code, the system's or SQLite's own number, the path or key,
 * a text. Used on cold paths (start, open, configuration); hot paths return enum status and bump a
 * counter. Ownership: a plain value of the caller's; nothing in it points anywhere. */
#pragma once

#include "common/base/base.h"

struct err {
    enum status status;
    int code;       /* errno or SQLite's extended code; 0 = none */
    char what[160]; /* path or configuration key; may be empty */
    char text[512]; /* one sentence that says what to do where that is known */
};

/* Borrowed, static text; never NULL. */
const char *status_text(enum status s);

/* Fill *err (which may be NULL) and return `status`, so that a caller can write
 * `return err_set(...)`. `what` may be NULL. When code is an errno, pass it and name it in the
 * format yourself (strerror). */
enum status err_set(struct err *err, enum status status, int code, const char *what,
                    const char *fmt, ...) PRINTF(5, 6);
