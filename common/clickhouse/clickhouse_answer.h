/* SPDX-License-Identifier: MIT
 *
 * clickhouse_answer - what a ClickHouse server's answer means: the one place that knows its codes.
 *
 * I1. DONE only when the status is 200, the end of the headers was seen, no header tells of an
 *     exception, and, where no rows were asked for, the body is empty: a 200 may carry an error's
 *     code or text.
 * I2. Whatever ends without a whole answer is UNKNOWN: it may have been carried out. Who sends
 *     blocks that may come twice sends the same one again.
 * I3. The text is one for people: printable UTF-8, in one line, with ClickHouse's own code where
 *     there is one. It may quote what the server said.
 * Threads: pure. Ownership: none. */
#pragma once

#include "common/base/base.h"

#define CLICKHOUSE_TEXT_MAX 400

/* ClickHouse's codes that callers ask for. */
#define CLICKHOUSE_UNKNOWN_TABLE    60
#define CLICKHOUSE_UNKNOWN_DATABASE 81

enum clickhouse_verdict {
    CLICKHOUSE_DONE,
    CLICKHOUSE_UNKNOWN,   /* perhaps carried out */
    CLICKHOUSE_TEMPORARY, /* not carried out; later it may be */
    CLICKHOUSE_PERMANENT, /* not carried out; the same will be refused again */
};

/* How the transfer ended, as far as the library tells. */
enum clickhouse_transfer {
    CLICKHOUSE_WHOLE,
    CLICKHOUSE_NO_CONNECTION, /* nothing was sent */
    CLICKHOUSE_CUT,           /* by the other side, or the network */
    CLICKHOUSE_LATE,          /* our own limit of time */
    CLICKHOUSE_TOO_LONG,      /* our own limit of the answer's length */
    CLICKHOUSE_STOPPED,       /* we were asked to */
};

struct clickhouse_seen {
    enum clickhouse_transfer transfer;
    const char *library; /* its words, where the transfer failed; NULL = none */
    int status;          /* of HTTP, 0 = none */
    bool is_head_whole;
    int header_code; /* X-ClickHouse-Exception-Code, 0 = none */
    bool asked_rows;
    const char *body; /* what came of it */
    size_t len;
};

struct clickhouse_judgement {
    enum clickhouse_verdict verdict;
    int code; /* ClickHouse's, 0 = none */
    char text[CLICKHOUSE_TEXT_MAX];
};

void clickhouse_judge(const struct clickhouse_seen *seen, struct clickhouse_judgement *out);
