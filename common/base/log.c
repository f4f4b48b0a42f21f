/* SPDX-License-Identifier: MIT */
#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct log_switches own_switches = {LOG_INFO, LOG_TEXT};
static struct log_switches *switches = &own_switches;
static bool with_time = true;
static int log_fd = STDERR_FILENO;
/* Relaxed: a count orders nothing. */
static _Atomic int64_t own_losses;
static _Atomic int64_t *losses = &own_losses;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* A line is built from pieces (a character, an escape, a key) that go in whole or not at all: the
 * first that does not fit ends the line's content, so that a cut line still is valid UTF-8 and, in
 * JSON, valid JSON. */
struct line {
    char text[LOG_LINE_MAX];
    size_t len;
    bool is_full;
    enum log_format format; /* of the whole line, whatever log_switch says meanwhile */
};

/* Kept free for what must follow a cut: the mark, the closing of a string and an
 * object, the newline. */
#define CUT_MARK      "..."
#define CLOSING_BYTES (sizeof CUT_MARK - 1 + 3)

void log_switch(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&switches->level, level, memory_order_relaxed);
    atomic_store_explicit(&switches->format, format, memory_order_relaxed);
}

static enum log_level min_level(void)
{
    return atomic_load_explicit(&switches->level, memory_order_relaxed);
}

static enum log_format line_format(void)
{
    return atomic_load_explicit(&switches->format, memory_order_relaxed);
}

void log_share_switches(struct log_switches *shared)
{
    const enum log_level level = min_level();
    const enum log_format format = line_format();
    switches = shared != NULL ? shared : &own_switches;
    log_switch(level, format);
}

void log_init(enum log_level level, enum log_format format)
{
    log_switch(level, format);
    with_time = getenv("JOURNAL_STREAM") == NULL;
}

void log_set_fd(int fd)
{
    log_fd = fd;
}

bool log_level_parse(const char *text, enum log_level *out_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(const char *text, enum log_format *out_format)
{
    if (strcmp(text, "text") != 0 && strcmp(text, "json") != 0)
        return false;
    *out_format = text[0] == 't' ? LOG_TEXT : LOG_JSON;
    return true;
}

static void put(struct line *line, const char *bytes, size_t len)
{
    if (line->is_full || len > sizeof line->text - CLOSING_BYTES - line->len) {
        line->is_full = true;
        return;
    }
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
}

/* Into the room that put() keeps free; at most CLOSING_BYTES per line. */
static void put_closing(struct line *line, const char *text)
{
    const size_t len = strlen(text);
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == 0x7f || c == '"' || c == '\\';
}

static void put_escaped_byte(struct line *line, unsigned char c)
{
    char buf[8];
    if (c == '"' || c == '\\')
        (void)snprintf(buf, sizeof buf, "\\%c", c);
    else if (line->format == LOG_JSON)
        (void)snprintf(buf, sizeof buf, "\\u%04x", c);
    else
        (void)snprintf(buf, sizeof buf, "\\x%02x", c);
    put_text(line, buf);
}

static void put_escaped(struct line *line, const char *text)
{
    const size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        const unsigned char c = (unsigned char)text[i];
        const size_t run = utf8_sequence_len((const uint8_t *)text + i, len - i);
        /* C1 controls (U+0080 to U+009F) are terminal escapes too, though valid UTF-8. */
        const bool is_c1 = run == 2 && c == 0xc2 && (unsigned char)text[i + 1] < 0xa0;
        if (run == 0 || is_c1 || needs_escape(c)) {
            put_escaped_byte(line, c);
            i++;
        } else {
            put(line, text + i, run);
            i += run;
        }
    }
}

static bool is_bare(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return true;
}

static void put_quoted(struct line *line, const char *text)
{
    put_text(line, "\"");
    if (line->is_full)
        return;
    put_escaped(line, text);
    if (line->is_full) {
        put_closing(line, CUT_MARK "\"");
        return;
    }
    put_text(line, "\"");
    if (line->is_full)
        put_closing(line, "\"");
}

static void put_value(struct line *line, const struct log_kv *kv)
{
    char buf[40];
    switch (kv->kind) {
    case LOG_KV_INT:
        (void)snprintf(buf, sizeof buf, "%" PRId64, kv->num);
        put_text(line, buf);
        break;
    case LOG_KV_REAL:
        /* JSON has no word for these. */
        (void)snprintf(buf, sizeof buf, "%.6g", kv->real);
        put_text(line, line->format == LOG_JSON && !isfinite(kv->real) ? "null" : buf);
        break;
    case LOG_KV_STR:
        if (line->format == LOG_TEXT && kv->str != NULL && is_bare(kv->str))
            put_escaped(line, kv->str);
        else
            put_quoted(line, kv->str != NULL ? kv->str : "");
        break;
    }
}

static void put_text_line(struct line *line, enum log_level level, const char *component,
                          const char *msg, const struct log_kv *kvs)
{
    char when[32];
    if (with_time) {
        put_text(line, clock_rfc3339(clock_wall(), when));
        put_text(line, " ");
    }
    put_text(line, level_names[level]);
    put_text(line, " ");
    put_text(line, component);
    put_text(line, " ");
    put_escaped(line, msg);
    for (; kvs != NULL && kvs->key != NULL && !line->is_full; kvs++) {
        put_text(line, " ");
        put_text(line, kvs->key);
        put_text(line, "=");
        put_value(line, kvs);
    }
    /* A quoted value has marked its own cut. */
    if (line->is_full && line->text[line->len - 1] != '"')
        put_closing(line, CUT_MARK);
}

/* A pair is left out whole when not even the beginning of its value fits. */
static void put_json_pair(struct line *line, const struct log_kv *kv)
{
    const size_t start = line->len;
    put_text(line, ",\"");
    put_text(line, kv->key);
    put_text(line, "\":");
    const size_t before = line->len;
    if (!line->is_full)
        put_value(line, kv);
    if (line->is_full && line->len == before)
        line->len = start;
}

static void put_json_line(struct line *line, enum log_level level, const char *component,
                          const char *msg, const struct log_kv *kvs)
{
    char when[32];
    put_text(line, "{\"ts\":");
    put_quoted(line, clock_rfc3339(clock_wall(), when));
    put_text(line, ",\"level\":");
    put_quoted(line, level_names[level]);
    put_text(line, ",\"component\":");
    put_quoted(line, component);
    put_text(line, ",\"msg\":");
    put_quoted(line, msg);
    for (; kvs != NULL && kvs->key != NULL && !line->is_full; kvs++)
        put_json_pair(line, kvs);
    put_closing(line, "}");
}

static void put_line(struct line *line, enum log_level level, const char *component,
                     const char *msg, const struct log_kv *kvs)
{
    line->format = line_format();
    if (line->format == LOG_JSON)
        put_json_line(line, level, component, msg, kvs);
    else
        put_text_line(line, level, component, msg, kvs);
    put_closing(line, "\n");
}

size_t log_line(char out[static LOG_LINE_MAX], enum log_level level, const char *component,
                const char *msg, const struct log_kv *kvs)
{
    struct line line = {.len = 0};
    put_line(&line, level, component, msg, kvs);
    memcpy(out, line.text, line.len);
    return line.len;
}

void log_event(enum log_level level, const char *component, const char *msg,
               const struct log_kv *kvs)
{
    if (level < min_level())
        return;
    struct line line = {.len = 0};
    put_line(&line, level, component, msg, kvs);
    if (write(log_fd, line.text, line.len) != (ssize_t)line.len)
        atomic_fetch_add_explicit(losses, 1, memory_order_relaxed);
}

int64_t log_lines_lost(void)
{
    return atomic_load_explicit(losses, memory_order_relaxed);
}

void log_count_losses_in(_Atomic int64_t *counter)
{
    losses = counter != NULL ? counter : &own_losses;
}
