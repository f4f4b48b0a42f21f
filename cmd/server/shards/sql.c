/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/sql.h"

#include "cmd/server/shards/shards.h"
#include "common/base/hex.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char nothing[1] = "";

void sql_begin(struct sql *sql)
{
    *sql = (struct sql){.text = nothing};
}

void sql_done(struct sql *sql)
{
    if (sql->text != nothing)
        free(sql->text);
    sql_begin(sql);
}

void sql_clear(struct sql *sql)
{
    sql->len = 0;
    sql->is_cut = false;
    if (sql->cap > 0)
        sql->text[0] = '\0';
}

static bool has_room(struct sql *sql, size_t more)
{
    if (sql->is_cut || sql->len + more < sql->cap)
        return !sql->is_cut;
    const size_t cap = max_size(2 * sql->cap, sql->len + more + 512);
    char *text = cap <= SHARDS_SQL_MAX ? realloc(sql->cap > 0 ? sql->text : NULL, cap) : NULL;
    sql->is_cut = text == NULL;
    if (text == NULL)
        return false;
    sql->text = text;
    sql->cap = cap;
    return true;
}

void sql_add(struct sql *sql, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0 || !has_room(sql, (size_t)n + 1))
        return;
    va_start(args, fmt);
    (void)vsnprintf(sql->text + sql->len, sql->cap - sql->len, fmt, args);
    va_end(args);
    sql->len += (size_t)n;
}

void sql_text(struct sql *sql, const char *text)
{
    sql_bytes(sql, (const uint8_t *)text, strlen(text));
}

void sql_bytes(struct sql *sql, const uint8_t *bytes, size_t len)
{
    sql_add(sql, "unhex('");
    if (has_room(sql, 2 * len + 1)) {
        hex_encode_lower(bytes, len, sql->text + sql->len);
        sql->len += 2 * len;
        sql->text[sql->len] = '\0';
    }
    sql_add(sql, "')");
}

static int64_t day_of(int64_t hour)
{
    return hour < 0 ? 0 : hour / 24;
}

void sql_hours(struct sql *sql, int64_t from, int64_t to)
{
    from = from > 0 ? from : 0;
    to = to > 0 ? to : 0;
    sql_add(sql,
            "day >= %" PRId64 " AND day <= %" PRId64 " AND hour >= %" PRId64 " AND hour < %" PRId64,
            day_of(from), day_of(to > 0 ? to - 1 : 0), from, to);
}
