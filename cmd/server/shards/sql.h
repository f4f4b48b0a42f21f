/* SPDX-License-Identifier: MIT
 *
 * sql - a statement for ClickHouse, put together: it has no parameters in the versions that we
 * speak with, so what comes from outside goes through sql_text and sql_key alone, which leave
 * nothing that ends a literal.
 * Threads: plain values. Errors: is_cut = it did not fit, or there was no memory: don't ask it.
 * Ownership: sql_done. */
#pragma once

#include "common/base/base.h"

struct sql {
    char *text; /* owned; "" at first */
    size_t len, cap;
    bool is_cut;
};

void sql_begin(struct sql *sql);
void sql_done(struct sql *sql);
void sql_clear(struct sql *sql);
PRINTF(2, 3) void sql_add(struct sql *sql, const char *fmt, ...);
/* A String literal. */
void sql_text(struct sql *sql, const char *text);
/* Bytes as a String. */
void sql_bytes(struct sql *sql, const uint8_t *bytes, size_t len);
/* Of the day's partitions and the key's hours those from `from` to before `to` (hours). */
void sql_hours(struct sql *sql, int64_t from, int64_t to);
