/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/watch/health_line.h"

#include "common/base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX   1500 /* of the sentence; monitoring systems cut at 2 to 4 KiB */
#define CHECKS_MAX 4    /* named one by one; the rest is a number */

struct line {
    char *at, *end;
};

PRINTF(2, 3)
static void put(struct line *line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const size_t room = (size_t)(line->end - line->at);
    const int n = vsnprintf(line->at, room, fmt, args);
    va_end(args);
    if (n > 0)
        line->at += min_size((size_t)n, room - 1);
}

/* --- the sentence ----------------------------------------------------------------------------- */

/* I2 */
static void put_clean(struct line *line, const char *text)
{
    char clean[TEXT_MAX];
    IGNORE(utf8_clean(clean, sizeof clean, (const uint8_t *)text, strlen(text)), "its length");
    for (char *c = clean; *c != '\0'; c++) {
        if (*c == '|')
            *c = '/';
    }
    put(line, "%s", clean);
}

static void put_check(struct line *line, const struct health_check *check, bool is_first)
{
    if (!is_first)
        put(line, "; ");
    put_clean(line, check->name);
    put(line, ": ");
    put_clean(line, check->output);
}

static void put_findings(struct line *line, const struct health_report *report)
{
    const struct health_check *found[HEALTH_CHECKS_MAX];
    const size_t count = health_findings(report, found);
    for (size_t i = 0; i < min_size(count, CHECKS_MAX); i++)
        put_check(line, found[i], i == 0);
    if (count > CHECKS_MAX)
        put(line, "; and %zu more", count - CHECKS_MAX);
}

static enum nagios verdict(const struct glance *glance)
{
    static const enum nagios of_level[] = {
        [HEALTH_PASS] = NAGIOS_OK,
        [HEALTH_WARN] = NAGIOS_WARNING,
        [HEALTH_FAIL] = NAGIOS_CRITICAL,
    };
    const bool is_answer = glance->status == STATUS_OK || glance->status == STATUS_NOT_FOUND;
    return is_answer ? of_level[glance->report.level] : NAGIOS_UNKNOWN;
}

static void put_sentence(struct line *line, const struct glance *glance, enum nagios word)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    put(line, "WEIR %s - ", words[word]);
    if (word == NAGIOS_OK)
        put_clean(line, glance->stats.status[0] != '\0' ? glance->stats.status : "running");
    else
        put_findings(line, &glance->report);
    if (glance->status == STATUS_NOT_FOUND || word == NAGIOS_UNKNOWN) {
        put(line, " (");
        put_clean(line, glance->path);
        if (glance->error != 0)
            put(line, ": %s", strerror(glance->error));
        put(line, ")");
    }
}

/* --- performance data ------------------------------------------------------------------------- */

static void put_count(struct line *line, const char *name, uint64_t value)
{
    if (value != STATS_UNKNOWN_COUNT)
        put(line, " %s=%lluc", name, (unsigned long long)value);
}

static void put_queue(struct line *line, const struct stats_snapshot *s)
{
    int64_t records = STATS_UNKNOWN;
    int64_t capacity = 0;
    for (size_t i = 0; i < s->source_count; i++) {
        const struct stats_source *source = &s->sources[i];
        if (source->records < 0 || source->capacity < 0 || source->records > UINT32_MAX ||
            source->capacity > UINT32_MAX)
            continue; /* not known, or absurd */
        records = (records == STATS_UNKNOWN ? 0 : records) + source->records;
        capacity += source->capacity;
    }
    if (records != STATS_UNKNOWN)
        put(line, " queue=%lld;;;0;%lld", (long long)records, (long long)capacity);
}

static void put_brokers(struct line *line, const struct stats_snapshot *s)
{
    size_t connected = 0;
    for (size_t i = 0; i < s->mqtt_count; i++)
        connected += s->mqtt[i].link.connected != 0;
    put(line, " connected=%zu;;;0;%zu", connected, s->mqtt_count);
}

static void put_ledger(struct line *line, const struct ledger *ledger)
{
    put_count(line, "received", ledger->received);
    put_count(line, "committed", ledger->outcomes[OUTCOME_COMMITTED]);
    put_count(line, "lost", stats_lost(ledger));
    if (ledger->unaccounted != STATS_UNKNOWN)
        put(line, " unaccounted=%lld;0:0", (long long)ledger->unaccounted);
}

static void put_performance(struct line *line, const struct glance *glance)
{
    const struct stats_snapshot *s = &glance->stats;
    put(line, " | age=%.1fs;%d", stats_age_seconds(s, glance->now), STATS_FRESH_SECONDS);
    put_brokers(line, s);
    put_queue(line, s);
    if (s->has_ledger)
        put_ledger(line, &s->ledger_total);
    if (isfinite(s->commit.ms_p99))
        put(line, " commit_p99=%.4fs", s->commit.ms_p99 / 1000);
}

enum nagios health_line(const struct glance *glance, char out[static HEALTH_LINE_MAX])
{
    struct line line = {out, out + TEXT_MAX};
    const enum nagios word = verdict(glance);
    put_sentence(&line, glance, word);
    line.at = out + utf8_whole_len((const uint8_t *)out, strlen(out));
    *line.at = '\0';
    line.end = out + HEALTH_LINE_MAX;
    if (glance->is_fresh)
        put_performance(&line, glance);
    return word;
}

int health_line_run(struct config *config)
{
    char line[HEALTH_LINE_MAX];
    int code = NAGIOS_UNKNOWN;
    struct glance *glance = glance_new(config->stats_file);
    if (glance == NULL) {
        (void)puts("WEIR UNKNOWN - out of memory");
    } else {
        IGNORE(glance_look(glance), "the first look is always news");
        code = (int)health_line(glance, line);
        if (puts(line) < 0 || fflush(stdout) != 0)
            code = NAGIOS_UNKNOWN;
    }
    glance_free(glance);
    config_done(config);
    return code;
}
