/* SPDX-License-Identifier: MIT
 *
 * webhook_post - one POST, by libcurl; the only file of the server that knows it.
 *
 * I1. A connection of its own each time, which is not kept: on one that is used again libcurl sends
 *     a POST twice by itself when no answer comes.
 * I2. No redirect is followed, no proxy, cookie or .netrc of the environment is used, and of an
 *     answer only its status counts.
 * I3. The certificate and its host name are checked.
 * Limits: WEBHOOK_POST_MS for all of it; a second after `stop`. Threads: one caller. */
#pragma once

#include "common/base/base.h"

#include <stdatomic.h>

#define WEBHOOK_POST_MS    10000
#define WEBHOOK_TEXT_MAX   300
#define WEBHOOK_ANSWER_MAX 65536 /* of an answer no more is read */

struct webhook_letter {
    const char *body;
    size_t len;
    char delivery[48];  /* the same at each try */
    char signature[72]; /* "sha256=..."; "" = none */
};

enum webhook_answer {
    WEBHOOK_TAKEN,   /* 2xx */
    WEBHOOK_AGAIN,   /* no answer, 408, 429 or 5xx */
    WEBHOOK_REFUSED, /* any other: it will not be taken at the next try either */
};

/* Once, before there are threads. */
NODISCARD bool webhook_post_init(void);
/* Why it was not taken stands in text, without the URL. */
enum webhook_answer webhook_post(const char *url, const struct webhook_letter *letter,
                                 const atomic_bool *stop, char text[static WEBHOOK_TEXT_MAX]);
