/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/ingestors.h"

#include "common/health/health_ingestor.h"
#include "common/stats/stats_file_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ingestor_state_word(enum ingestor_state state)
{
    static const char *const words[] = {
        [INGESTOR_FRESH] = "fresh", [INGESTOR_STALE] = "stale", [INGESTOR_MISSING] = "missing"};
    return words[state];
}

static void destroy(struct shared *shared)
{
    free(shared); /* the first member */
}

struct ingestors *ingestors_new(void)
{
    struct ingestors *all = calloc(1, sizeof *all);
    if (all != NULL)
        shared_init(&all->shared, destroy);
    return all;
}

/* --- what one says ---------------------------------------------------------------------------- */

/* The finding's words, as many as fit, and how many findings it has besides. */
static void say_worst(const struct health_check *worst, size_t count,
                      char out[static INGESTOR_TEXT_BYTES])
{
    char more[32] = "";
    if (count > 1)
        (void)snprintf(more, sizeof more, "; and %zu more", count - 1);
    const int room = INGESTOR_TEXT_BYTES - (int)sizeof ": " - (int)strlen(more);
    const int len = (int)strlen(worst->name) < room ? (int)strlen(worst->name) : room;
    (void)snprintf(out, INGESTOR_TEXT_BYTES, "%.*s: %.*s%s", len, worst->name, room - len,
                   worst->output, more);
}

/* As its own rules have it at the moment when the row was sent: a file that was old then is stale,
 * though its sender goes on. */
static void judge(struct ingestor_row *row, const struct stats_snapshot *stats,
                  struct health_report *report)
{
    const struct health_check *findings[HEALTH_CHECKS_MAX];
    const wall_us wall = row->at_ms * US_PER_MS;
    const mono_us mono =
        stats->sampled_mono == STATS_UNKNOWN ? 0 : stats->sampled_mono + (wall - stats->sampled_at);
    const struct health_sample sample = {STATUS_OK, stats, wall, mono};
    health_begin(NULL, report);
    IGNORE(health_judge_ingestor(&sample, report), "a check says it");
    const size_t count = health_findings(report, findings);
    row->level = report->level;
    if (count == 0)
        (void)snprintf(row->text, sizeof row->text, "%s",
                       stats->status[0] != '\0' ? stats->status : "running");
    else
        say_worst(findings[0], count, row->text);
}

bool ingestor_judge(struct ingestor_row *row, const char *text, size_t len)
{
    struct stats_snapshot *stats = malloc(sizeof *stats);
    struct health_report *report = malloc(sizeof *report);
    const bool has_memory = stats != NULL && report != NULL;
    row->unaccounted = row->queued = STATS_UNKNOWN;
    row->outbox_rows = 0;
    if (has_memory && stats_file_parse(text, len, stats) == STATUS_OK) {
        judge(row, stats, report);
        if (stats->has_ledger) {
            row->unaccounted = stats->ledger_total.unaccounted;
            row->queued = (int64_t)stats->ledger_total.queued;
        }
        for (size_t i = 0; i < stats->outbox_count; i++)
            row->outbox_rows += stats->outbox[i].rows > 0 ? stats->outbox[i].rows : 0;
    } else if (has_memory) {
        row->level = HEALTH_WARN;
        (void)snprintf(row->text, sizeof row->text, "its statistics can't be read");
    }
    free(report);
    free(stats);
    return has_memory;
}

/* --- all of them ------------------------------------------------------------------------------ */

bool ingestors_are_known(const struct ingestors *all, mono_us now)
{
    return all != NULL && all->read_at != 0 && now - all->read_at < INGESTORS_UNREAD_US;
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* I1. */
static int64_t age_of(const struct ingestor_row *row, wall_us wall, mono_us mono)
{
    if (row->moved_at != 0)
        return longer(0, (mono - row->moved_at) / US_PER_S);
    return longer(longer(0, (mono - row->seen_at) / US_PER_S),
                  (wall / US_PER_MS - row->at_ms) / MS_PER_S);
}

static bool is_in(const struct config_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], name) == 0)
            return true;
    }
    return false;
}

static bool is_shown(const struct ingestor_shown *shown, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(shown[i].name, name) == 0)
            return true;
    }
    return false;
}

size_t ingestors_show(const struct ingestors *all, const struct config_list *expected, wall_us wall,
                      mono_us mono, struct ingestor_shown out[static INGESTORS_SHOWN_MAX])
{
    size_t count = 0;
    const bool has_time = all->back_at != 0 && mono - all->back_at < INGESTOR_SILENT_S * US_PER_S;
    for (size_t i = 0; i < all->count; i++) {
        const struct ingestor_row *row = &all->all[i];
        const int64_t age_s = age_of(row, wall, mono);
        const bool is_stale = age_s >= INGESTOR_SILENT_S && !has_time;
        if (age_s < INGESTOR_FORGOTTEN_S || is_in(expected, row->name))
            out[count++] = (struct ingestor_shown){
                row->name, is_stale ? INGESTOR_STALE : INGESTOR_FRESH, age_s, row};
    }
    for (size_t i = 0; i < expected->count && count < INGESTORS_SHOWN_MAX; i++) {
        if (!is_shown(out, count, expected->items[i]))
            out[count++] = (struct ingestor_shown){expected->items[i], INGESTOR_MISSING, -1, NULL};
    }
    return count;
}

static void add_check(const struct ingestor_shown *one, struct health_report *out)
{
    switch (one->state) {
    case INGESTOR_FRESH:
        health_add(out, "ingestor:", one->name, one->row->level, "%s", one->row->text);
        break;
    case INGESTOR_STALE:
        health_add(out, "ingestor:", one->name, HEALTH_WARN,
                   "stale: its last row in the store is %lld s old; it has ended, hangs, or does "
                   "not reach shard 0",
                   (long long)one->age_s);
        break;
    case INGESTOR_MISSING:
        health_add(out, "ingestor:", one->name, HEALTH_WARN,
                   "missing: expectedIngestors names it, and it has no row in the store "
                   "(ingestorName)");
        break;
    }
}

void ingestors_add_checks(const struct ingestors *all, const struct config_list *expected,
                          wall_us wall, mono_us mono, struct health_report *out)
{
    struct ingestor_shown shown[INGESTORS_SHOWN_MAX];
    if (!ingestors_are_known(all, mono)) {
        health_add(out, "ingestors", "", HEALTH_WARN,
                   "unknown: shard 0, which has their rows, does not answer");
        return;
    }
    const size_t count = ingestors_show(all, expected, wall, mono, shown);
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++) {
        add_check(&shown[i], out);
        fresh += shown[i].state == INGESTOR_FRESH;
    }
    if (count == 0)
        health_add(out, "ingestors", "", HEALTH_WARN,
                   "none has told the store of itself: nothing is received");
    else
        health_add(out, "ingestors", "", fresh == count && !all->is_cut ? HEALTH_PASS : HEALTH_WARN,
                   "%zu of %zu are fresh%s", fresh, count,
                   all->is_cut ? "; there are more than are looked at" : "");
}
