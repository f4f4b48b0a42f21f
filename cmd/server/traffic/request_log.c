/* SPDX-License-Identifier: MIT */
#include "cmd/server/traffic/request_log.h"

#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

#define SECOND    ((mono_us)US_PER_S)
#define TEXT_MAX  256
#define QUERY_MAX 512

static bool is_slow(const struct traffic_request *request)
{
    return request->took > TRAFFIC_SLOW_US;
}

static bool writes_all(const struct request_log *log)
{
    /* Relaxed: which request is the first does not matter. */
    return log->writes_all != NULL && atomic_load_explicit(log->writes_all, memory_order_relaxed);
}

bool request_log_wants(const struct request_log *log, const struct traffic_request *request)
{
    return writes_all(log) || is_slow(request);
}

static bool is_secret(const char *name, size_t len)
{
    static const char *const secrets[] = {"key", "apiKey"};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        if (strlen(secrets[i]) == len && memcmp(secrets[i], name, len) == 0)
            return true;
    }
    return false;
}

void request_log_query(const struct http_query *query, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    if (query == NULL)
        return;
    const char *end = query->canonical + query->canonical_len;
    for (const char *pair = query->canonical; pair < end && used + 1 < cap;) {
        const char *next = memchr(pair, '&', (size_t)(end - pair));
        const size_t len = (size_t)((next != NULL ? next : end) - pair);
        const char *equals = memchr(pair, '=', len);
        const size_t name_len = equals != NULL ? (size_t)(equals - pair) : len;
        const bool is_hidden = is_secret(pair, name_len);
        const int n = snprintf(out + used, cap - used, "%s%.*s%s", used > 0 ? "&" : "",
                               (int)(is_hidden ? name_len : len), pair, is_hidden ? "=***" : "");
        used += n > 0 ? min_size((size_t)n, cap - used - 1) : 0;
        pair += len + 1;
    }
}

static void cut(char out[static TEXT_MAX], const char *text, size_t len)
{
    len = min_size(len, TEXT_MAX - 1);
    memcpy(out, text, len);
    out[len] = '\0';
}

static void write_line(enum log_level level, const char *what,
                       const struct traffic_request *request, const char *client)
{
    char method[TEXT_MAX];
    char path[TEXT_MAX];
    char query[QUERY_MAX];
    cut(method, request->method, request->method_len);
    cut(path, request->path, request->path_len);
    request_log_query(request->query, query, sizeof query);
    log_event(level, "http", what,
              KV(KV_STR("method", method),
                 KV_STR("route", request->route != NULL ? request->route->path : ""),
                 KV_STR("path", path), KV_STR("query", query), KV_INT("status", request->status),
                 KV_INT("bytes", request->bytes), KV_REAL("ms", (double)request->took / US_PER_MS),
                 KV_STR("client", client)));
}

/* False = this second has had its lines. */
static bool may_say(struct request_log *log, mono_us now)
{
    if (now >= log->since + SECOND) {
        (void)request_log_say(log, now);
        log->since = now;
        log->lines = 0;
    }
    return log->lines++ < REQUEST_LOG_SLOW_LINES;
}

mono_us request_log_write(struct request_log *log, const struct traffic_request *request,
                          const char *client, mono_us now)
{
    if (is_slow(request) && may_say(log, now)) {
        write_line(LOG_WARN, "slow request", request, client);
        return INT64_MAX;
    }
    if (writes_all(log))
        write_line(LOG_INFO, "request", request, client);
    if (!is_slow(request))
        return INT64_MAX;
    log->unsaid++;
    log->slowest = request->took > log->slowest ? request->took : log->slowest;
    return log->since + SECOND;
}

mono_us request_log_say(struct request_log *log, mono_us now)
{
    if (log->unsaid == 0)
        return INT64_MAX;
    if (now < log->since + SECOND)
        return log->since + SECOND;
    log_event(
        LOG_WARN, "http", "more slow requests in this second",
        KV(KV_INT("count", log->unsaid), KV_REAL("slowestMs", (double)log->slowest / US_PER_MS)));
    log->unsaid = 0;
    log->slowest = 0;
    return INT64_MAX;
}
