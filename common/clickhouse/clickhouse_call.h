/* SPDX-License-Identifier: MIT
 *
 * clickhouse_call - one request to one ClickHouse server over HTTP, by libcurl; or several, to
 * several servers, at once.
 *
 * I1. Every body is gzip (gzip_body says why), and every query waits for its end on the server, so
 *     that an error comes instead of rows, not behind them.
 * I2. The answer is judged by clickhouse_judge alone. libcurl repeats a POST by itself when a kept
 *     connection ends without an answer: only what may come twice is posted, and nobody counts
 *     tries by calls.
 * I3. The environment's proxies, .netrc, redirects and curl's other habits are off. An https
 *     server's certificate and name are checked.
 * I4. Nothing hangs: connect_ms and total_ms end a call, a look-up of a name included; `stop` ends
 *     it within a second. Body and answer are bounded by the caller.
 * I5. The password stands in no text and in no URL.
 * I6. Until clickhouse_init nothing of libcurl runs: a process without a store pays nothing.
 *
 * Threads: clickhouse_init once a process, after fork and before threads; a client belongs to one
 * thread. Ownership: the caller frees the client and the answer; what a call points to is borrowed.
 * Errors: in the answer; no memory is TEMPORARY. */
#pragma once

#include "common/base/clock.h"
#include "common/clickhouse/clickhouse_answer.h"

#include <stdatomic.h>

#define CLICKHOUSE_CONNECT_MS   2000
#define CLICKHOUSE_INSERT_MS    30000
#define CLICKHOUSE_QUERY_MS     30000
#define CLICKHOUSE_SETTINGS_MAX 8
/* Longer ones are refused by some servers; of an insert the statement stands in it. */
#define CLICKHOUSE_URL_MAX 8192

struct clickhouse_client; /* a handle, and the connections that it keeps */

struct clickhouse_server {
    const char *url;      /* http or https, host, port; nothing behind */
    const char *user;     /* NULL = the server's default */
    const char *password; /* NULL = none */
    const char *database; /* NULL = the user's default */
};

struct clickhouse_call {
    const char *statement;
    /* Of the statement, an INSERT: its rows, gzip. NULL = it has none, and is the body itself. */
    const uint8_t *rows;
    size_t rows_len;
    /* What the server is told, too; ends with a NULL name. 18.16 refuses what it doesn't know. */
    struct clickhouse_setting {
        const char *name, *value;
    } settings[CLICKHOUSE_SETTINGS_MAX];
    bool asks_rows; /* of the answer; RowBinary is what the statement should ask for */
    size_t answer_max;
    int connect_ms, total_ms; /* 0 = CLICKHOUSE_CONNECT_MS, CLICKHOUSE_QUERY_MS */
    const atomic_bool *stop;  /* NULL = none */
    /* Asked about once a second while the answer is not there, by the thread that waits: false =
     * give up, as with `stop`. It may ask others meanwhile, by another client. NULL = none. */
    bool (*goes_on)(void *context);
    void *context;
};

struct clickhouse_answer {
    struct clickhouse_judgement is;
    char *body; /* NUL behind it; NULL = empty */
    size_t len;
};

NODISCARD bool clickhouse_init(void);
/* NULL = no memory. */
NODISCARD struct clickhouse_client *clickhouse_client_new(void);
void clickhouse_client_free(struct clickhouse_client *client);

/* True: DONE. *out is filled in any case. */
bool clickhouse_ask(struct clickhouse_client *client, const struct clickhouse_server *server,
                    const struct clickhouse_call *call, struct clickhouse_answer *out);
void clickhouse_answer_done(struct clickhouse_answer *answer);

/* --- several at once: all take as long as the slowest ----------------------------------------- */

/* Each is judged and limited as by clickhouse_ask, and none holds the others back. One thread at a
 * time; a connection to each server is kept. */
struct clickhouse_many;

struct clickhouse_errand {
    const struct clickhouse_server *server;
    const struct clickhouse_call *call; /* NULL = none: nothing is asked, answer is left alone */
    struct clickhouse_answer answer;    /* filled; the caller's to clear */
    mono_us took_us;
};

/* For errands of at most `count`. NULL = no memory. clickhouse_init was called. */
NODISCARD struct clickhouse_many *clickhouse_many_new(size_t count);
void clickhouse_many_free(struct clickhouse_many *many); /* accepts NULL */

/* Returns when all have ended. */
void clickhouse_many_ask(struct clickhouse_many *many, struct clickhouse_errand *errands,
                         size_t count);
