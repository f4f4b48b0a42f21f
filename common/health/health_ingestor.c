/* SPDX-License-Identifier: MIT */
#include "common/health/health_ingestor.h"

#include "common/stats/worker_state.h"

#include <stdio.h>
#include <string.h>

/* The ingestor's key for a state as words: outputs are read by people. */
struct words {
    char text[32];
};

static struct words words_of(const char *state)
{
    struct words words;
    (void)snprintf(words.text, sizeof words.text, "%s", state);
    for (char *c = words.text; *c != '\0'; c++) {
        if (*c == '_')
            *c = ' ';
    }
    return words;
}

wall_us health_ingestor_now(const struct health_sample *in)
{
    return in->status == STATUS_OK ? stats_now(in->stats, in->wall, in->mono) : in->wall;
}

/* True when the sample can be believed. */
static bool judge_sample(const struct health_sample *in, struct health_report *out)
{
    if (in->status == STATUS_AGAIN) {
        health_add(out, "ingestor", "", HEALTH_FAIL, "the statistics file was not read yet");
        return false;
    }
    if (in->status == STATUS_NOT_FOUND) {
        health_add(
            out, "ingestor", "", HEALTH_FAIL,
            "no statistics file: the ingestor is not running, or writes it elsewhere (statsFile)");
        return false;
    }
    if (in->status != STATUS_OK) {
        health_add(out, "ingestor", "", HEALTH_FAIL, "the statistics file is not usable: %s",
                   status_text(in->status));
        return false;
    }
    const double age = stats_age_seconds(in->stats, health_ingestor_now(in));
    if (in->stats->stopped_at > 0) {
        const int64_t ago_s = (health_ingestor_now(in) - in->stats->stopped_at) / US_PER_S;
        health_add(out, "ingestor", "", HEALTH_FAIL, "stopped %lld s ago: %s",
                   (long long)(ago_s > 0 ? ago_s : 0), in->stats->status);
        return false;
    }
    if (age < 0)
        health_add(out, "ingestor", "", HEALTH_FAIL,
                   "stale: the ingestor's statistics have no usable time, or one in the future");
    else if (!stats_age_is_fresh(age))
        health_add(
            out, "ingestor", "", HEALTH_FAIL,
            "stale: the ingestor's last statistics are %.0f s old; it ended without a word, or hangs",
            age);
    else
        health_add(out, "ingestor", "", HEALTH_PASS, "%s",
                   in->stats->status[0] != '\0' ? in->stats->status : "running");
    return stats_age_is_fresh(age);
}

/* Its own messages wait, and none of them is stored; 0 = that is not so, or not known. */
static int64_t stalled_s(const struct stats_source *source)
{
    return source->stalled_s > HEALTH_COMMIT_PATIENCE_S ? source->stalled_s : 0;
}

static const struct stats_source *source_named(const struct stats_snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->source_count; i++) {
        if (strcmp(s->sources[i].name, name) == 0)
            return &s->sources[i];
    }
    return NULL;
}

static void judge_link(const struct stats_mqtt *m, const struct health_sample *in,
                       struct health_report *out)
{
    const struct stats_subscription *refused = stats_refused_topic(&m->link);
    /* CoreScope's file has no word for it. */
    const char *state = m->state[0] != '\0' ? m->state
                        : m->link.connected ? "connected"
                                            : "disconnected";
    const bool is_live =
        m->state[0] == '\0' || source_state_verdict(m->state) == WORKER_VERDICT_PASS;
    const int64_t now = health_ingestor_now(in) / US_PER_S;
    char retry[64] = "";
    if (m->link.next_retry_unix > now)
        (void)snprintf(retry, sizeof retry, ", next try in %lld s",
                       (long long)(m->link.next_retry_unix - now));
    if (!m->link.connected)
        health_add(out, "source:", m->name, HEALTH_WARN, "%s%s%s%s", words_of(state).text,
                   m->link.last_error[0] != '\0' ? ": " : "", m->link.last_error, retry);
    else if (refused != NULL)
        health_add(out, "source:", m->name, HEALTH_WARN, "the broker refused \"%s\" (0x%02llx)",
                   refused->topic, (unsigned long long)refused->suback);
    else if (!is_live)
        health_add(out, "source:", m->name, HEALTH_WARN, "connected, but %s", words_of(state).text);
    else if (m->link.session_lost_unix > 0 &&
             now - m->link.session_lost_unix < HEALTH_SESSION_MEMORY_S)
        health_add(out, "source:", m->name, HEALTH_WARN,
                   "%s, but the broker says it has no session: what was published meanwhile may be "
                   "missing",
                   state);
    else if (m->link.last_error[0] != '\0' && m->state[0] != '\0')
        health_add(out, "source:", m->name, HEALTH_WARN, "%s, but %s", state, m->link.last_error);
    else
        health_add(out, "source:", m->name, HEALTH_PASS, "%s", state);
}

static void append_stall(const struct stats_source *source, struct health_report *out)
{
    health_append(out, HEALTH_FAIL, "%lld messages wait, and none was stored for %lld s",
                  (long long)source->records, (long long)stalled_s(source));
}

/* The connection, and whether what it brings is stored. */
static void judge_source(const struct stats_mqtt *m, const struct health_sample *in,
                         struct health_report *out)
{
    const struct stats_source *source = source_named(in->stats, m->name);
    const size_t before = out->count;
    judge_link(m, in, out);
    if (source != NULL && stalled_s(source) > 0 && out->count > before)
        append_stall(source, out);
}

/* Injection and replay have no connection: a word about them only when they stall. */
static void judge_other_sources(const struct stats_snapshot *s, struct health_report *out)
{
    for (size_t i = 0; i < s->source_count; i++) {
        const struct stats_source *source = &s->sources[i];
        bool is_mqtt = false;
        for (size_t k = 0; k < s->mqtt_count; k++)
            is_mqtt |= strcmp(s->mqtt[k].name, source->name) == 0;
        if (is_mqtt || stalled_s(source) == 0 || out->count == HEALTH_CHECKS_MAX)
            continue;
        health_add(out, "source:", source->name, HEALTH_WARN, "%s", "");
        append_stall(source, out);
    }
}

static void judge_sources(const struct health_sample *in, bool is_fresh, struct health_report *out)
{
    const struct stats_snapshot *s = in->stats;
    if (s->zero_sources || (s->mqtt_count == 0 && s->schema != STATS_UNKNOWN))
        health_add(out, "sources", "", HEALTH_WARN,
                   "no MQTT source is configured: nothing is received");
    for (size_t i = 0; i < s->mqtt_count; i++) {
        if (is_fresh)
            judge_source(&s->mqtt[i], in, out);
        else
            health_add(out, "source:", s->mqtt[i].name, HEALTH_WARN, "%s",
                       s->stopped_at > 0 ? "the ingestor has stopped"
                                         : "unknown: the ingestor's statistics are stale");
    }
    if (is_fresh)
        judge_other_sources(s, out);
}

static void judge_worker(const struct stats_worker *w, int64_t now, struct health_report *out)
{
    const char *name = w->name[0] != '\0' ? w->name : w->kind;
    if (strcmp(w->state, WORKER_SUSPENDED) == 0) {
        health_add(out, "worker:", name, HEALTH_WARN,
                   "suspended for %lld s: stopped by a signal, a debugger or a freezer",
                   (long long)(w->heartbeat_age_ms / 1000));
        return;
    }
    if (worker_state_verdict(w->state) == WORKER_VERDICT_WARN || w->lock_holder[0] != '\0') {
        health_add(out, "worker:", name, HEALTH_WARN, "%s%s%s%s%s", words_of(w->state).text,
                   w->last_exit[0] != '\0' ? ", last exit: " : "", w->last_exit,
                   w->lock_holder[0] != '\0' ? ", its lock is held by " : "", w->lock_holder);
        return;
    }
    if (worker_state_is_silent(w->state, w->heartbeat_age_ms)) {
        health_add(out, "worker:", name, HEALTH_WARN, "%s, but has not moved for %lld s",
                   words_of(w->state).text, (long long)(w->heartbeat_age_ms / 1000));
        return;
    }
    if (w->backpressure_since_unix > 0)
        health_add(
            out, "worker:", name, HEALTH_WARN, "under backpressure for %lld s",
            (long long)(now > w->backpressure_since_unix ? now - w->backpressure_since_unix : 0));
    else
        health_add(out, "worker:", name, HEALTH_PASS, "%s", words_of(w->state).text);
}

/* A loss is said for a minute after the last message that was lost; what was lost last week is in
 * the ledger, not in the health. */
static bool has_lost_lately(const struct health_sample *in)
{
    const int64_t at = in->stats->metrics[METRIC_LAST_LOSS];
    return at > 0 && health_ingestor_now(in) / US_PER_S - at < HEALTH_LOSS_MEMORY_S;
}

static void judge_losses(const struct health_sample *in, struct health_report *out)
{
    const uint64_t lost = stats_lost(&in->stats->ledger_total);
    if (lost == STATS_UNKNOWN_COUNT)
        return;
    const bool is_recent = has_lost_lately(in);
    health_add(out, "loss", "", is_recent ? HEALTH_FAIL : HEALTH_PASS,
               "%llu messages lost since the buffers were made (dropped, dead, refused by the "
               "database)%s",
               (unsigned long long)lost, is_recent ? ", some in the last minute" : "");
    const int64_t unaccounted = in->stats->ledger_total.unaccounted;
    if (unaccounted != 0 && unaccounted != STATS_UNKNOWN)
        health_add(out, "ledger", "", HEALTH_FAIL, "%lld messages unaccounted for",
                   (long long)unaccounted);
}

/* False when no queue is known. Saturates: the figures are whatever stands in the file. */
static bool waiting_total(const struct stats_snapshot *s, int64_t *out)
{
    bool is_known = s->source_count == 0 && s->schema != STATS_UNKNOWN;
    *out = 0;
    for (size_t i = 0; i < s->source_count; i++) {
        const int64_t records = s->sources[i].records;
        is_known |= records != STATS_UNKNOWN;
        if (records > 0)
            *out = records > INT64_MAX - *out ? INT64_MAX : *out + records;
    }
    return is_known;
}

/* Do messages of some source wait, and is none of any source stored? For how long. Unknown
 * figures are no claim. */
static int64_t writer_stalled_s(const struct stats_snapshot *s)
{
    int64_t longest = 0;
    for (size_t i = 0; i < s->source_count; i++) {
        if (s->sources[i].records > 0 && stalled_s(&s->sources[i]) == 0)
            return 0;
        if (s->sources[i].records > 0 && s->sources[i].stalled_s > longest)
            longest = s->sources[i].stalled_s;
    }
    return longest;
}

/* The word of a writer that does not store, however well it does what it does; NULL = it may. */
static const char *writer_away(const struct stats_snapshot *s)
{
    for (size_t i = 0; i < s->worker_count; i++) {
        const struct stats_worker *w = &s->workers[i];
        if (strcmp(w->kind, "flusher") == 0 &&
            worker_state_verdict(w->state) != WORKER_VERDICT_PASS)
            return w->state;
    }
    return NULL;
}

static void judge_writer(const struct health_sample *in, struct health_report *out)
{
    const struct stats_snapshot *s = in->stats;
    if (s->commit.rings_error[0] != '\0')
        health_add(out, "rings", "", HEALTH_FAIL, "not all buffers can be read: %s",
                   s->commit.rings_error);
    int64_t waiting = 0;
    const bool is_known = waiting_total(s, &waiting);
    if (s->commit.error[0] != '\0') {
        health_add(out, "commit", "", HEALTH_FAIL, "%s", s->commit.error);
        if (is_known)
            health_append(out, HEALTH_FAIL, "%lld messages wait in the buffers%s",
                          (long long)waiting, has_lost_lately(in) ? "" : ", none is lost yet");
        return;
    }
    if (!is_known)
        return;
    const int64_t stalled = writer_stalled_s(s);
    const char *away = writer_away(s);
    if (waiting > 0 && away != NULL)
        health_add(out, "commit", "", HEALTH_FAIL, "%lld messages wait, and the writer is %s",
                   (long long)waiting, words_of(away).text);
    else if (waiting > 0 && s->commit.last_unix <= 0 && s->schema != STATS_UNKNOWN)
        health_add(out, "commit", "", HEALTH_FAIL,
                   "%lld messages wait, and nothing was committed since the ingestor began",
                   (long long)waiting);
    else if (stalled > 0)
        health_add(out, "commit", "", HEALTH_FAIL,
                   "nothing stored for %lld s while %lld messages wait", (long long)stalled,
                   (long long)waiting);
    else
        health_add(out, "commit", "", HEALTH_PASS, "%lld messages wait", (long long)waiting);
}

static void judge_shard(const struct stats_outbox *shard, struct health_report *out)
{
    char name[24];
    (void)snprintf(name, sizeof name, "%lld", (long long)shard->shard);
    if (shard->away_s > 0)
        health_add(
            out, "shard:", name, shard->away_s >= HEALTH_SHARD_FAIL_S ? HEALTH_FAIL : HEALTH_WARN,
            "%.100s has not answered for %lld s%s%.120s; %lld rows wait for it, none is lost",
            shard->server, (long long)shard->away_s, shard->error[0] != '\0' ? ": " : "",
            shard->error, (long long)(shard->rows > 0 ? shard->rows : 0));
    else if (shard->oldest_s >= HEALTH_OUTBOX_SLOW_S)
        health_add(out, "shard:", name, HEALTH_WARN,
                   "%.100s answers, but %lld rows wait for it, the oldest for %lld s",
                   shard->server, (long long)shard->rows, (long long)shard->oldest_s);
    else
        health_add(out, "shard:", name, HEALTH_PASS, "%lld rows wait for it",
                   (long long)(shard->rows > 0 ? shard->rows : 0));
    if (shard->sums_error[0] != '\0')
        health_add(out, "sums:", name, HEALTH_WARN, "hourly sums of %lld days are behind: %.160s",
                   (long long)(shard->sums_behind > 0 ? shard->sums_behind : 0), shard->sums_error);
}

/* Blocks wait in the database while a shard is away; when they may take no more of it, messages
 * wait in the buffers as in any backlog. */
static void judge_outbox(const struct stats_snapshot *s, struct health_report *out)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < s->outbox_count; i++) {
        judge_shard(&s->outbox[i], out);
        bytes += s->outbox[i].bytes > 0 ? s->outbox[i].bytes : 0;
    }
    if (s->outbox_count > 0 && s->storage.outbox_limit_bytes > 0 &&
        bytes >= s->storage.outbox_limit_bytes)
        health_add(
            out, "outbox", "", HEALTH_FAIL,
            "the outbox is full: %lld MiB wait for ClickHouse (outboxBytes); messages wait in the "
            "buffers",
            (long long)(bytes >> 20));
}

/* A file of the database was replaced or deleted: said for as long as an operator may need to see
 * it, because what the former one held is missing from then on. */
static void judge_database_file(const struct health_sample *in, struct health_report *out)
{
    const int64_t replaced = in->stats->commit.replaced_unix;
    if (replaced <= 0) /* never, or not known */
        return;
    const int64_t ago = health_ingestor_now(in) / US_PER_S - replaced;
    if (ago < HEALTH_REPLACED_MEMORY_S)
        health_add(
            out, "database_file", "", HEALTH_WARN,
            "a file of the database was replaced or deleted under the ingestor %lld s ago: what "
            "the present file lacks is counted as dropped (gap)",
            (long long)(ago > 0 ? ago : 0));
}

/* A clock that jumps, or is behind what is stored, ends retention by age without a word: the
 * disk fills. */
static void judge_retention(const struct health_sample *in, struct health_report *out)
{
    const int64_t waits_s = in->stats->commit.retention_waits_s;
    if (waits_s != STATS_UNKNOWN && waits_s > HEALTH_RETENTION_PATIENCE_S)
        health_add(out, "retention", "", HEALTH_WARN,
                   "retention by age has waited %lld s for the clock: it jumps, or is behind the "
                   "newest stored message",
                   (long long)waits_s);
}

struct amount {
    char text[24];
};

static struct amount amount_of(int64_t bytes)
{
    struct amount amount;
    if (bytes < INT64_C(1) << 30)
        (void)snprintf(amount.text, sizeof amount.text, "%lld MiB", (long long)(bytes >> 20));
    else
        (void)snprintf(amount.text, sizeof amount.text, "%.1f GiB",
                       (double)bytes / (double)(1 << 30));
    return amount;
}

/* Before it is full, while there is time to do something. */
static void judge_disk(const struct health_sample *in, struct health_report *out)
{
    const int64_t available = in->stats->storage.disk_free_bytes;
    const int64_t all = in->stats->storage.disk_bytes;
    if (available < 0 || all <= 0) /* not known */
        return;
    const bool is_low = available < all / HEALTH_DISK_PARTS && available < HEALTH_DISK_LOW_BYTES;
    health_add(out, "disk", "", is_low ? HEALTH_WARN : HEALTH_PASS,
               is_low ? "the database's disk is nearly full: %s of %s are left "
                        "(retention.maxDatabaseMB bounds what the database takes)"
                      : "%s of %s are free",
               amount_of(available).text, amount_of(all).text);
}

/* Who reads keeps the log from beginning anew: it grows, and every reader looks through it. */
static void judge_log(const struct health_sample *in, struct health_report *out)
{
    const struct stats_storage *s = &in->stats->storage;
    if (s->log_bytes < 0) /* not known */
        return;
    const int64_t began = in->stats->started_at / US_PER_S;
    const int64_t whole = s->checkpoint_whole_unix > began ? s->checkpoint_whole_unix : began;
    const int64_t ago = health_ingestor_now(in) / US_PER_S - whole;
    const struct amount amount = amount_of(s->log_bytes);
    if (s->log_bytes > HEALTH_LOG_BYTES ||
        (s->log_bytes > HEALTH_LOG_LONG_BYTES && ago > HEALTH_LOG_PATIENCE_S))
        health_add(out, "wal", "", HEALTH_WARN,
                   "the write-ahead log has grown to %s; the last checkpoint that copied all of it "
                   "was %lld s ago: does a program hold a read transaction (a shell, a copy)?",
                   amount.text, (long long)ago);
    else
        health_add(out, "wal", "", HEALTH_PASS, "%s", amount.text);
}

/* It was set, or the machine slept: times before and after do not go together. */
static void judge_clock(const struct health_sample *in, struct health_report *out)
{
    const int64_t now = health_ingestor_now(in) / US_PER_S;
    for (size_t i = in->stats->event_count; i-- > 0;) {
        const struct stats_event *e = &in->stats->events[i];
        const int64_t ago = now - e->last_unix;
        if (strcmp(e->kind, stats_event_kind_word(STATS_EVENT_CLOCK)) != 0)
            continue;
        if (ago >= 0 && ago < HEALTH_CLOCK_MEMORY_S)
            health_add(out, "clock", "", HEALTH_WARN, "%s (%lld s ago)", e->text, (long long)ago);
        return;
    }
}

bool health_judge_ingestor(const struct health_sample *in, struct health_report *out)
{
    const bool is_fresh = judge_sample(in, out);
    if (in->status == STATUS_OK)
        judge_sources(in, is_fresh, out);
    if (!is_fresh)
        return false;
    const int64_t now = health_ingestor_now(in) / US_PER_S;
    for (size_t i = 0; i < in->stats->worker_count; i++)
        judge_worker(&in->stats->workers[i], now, out);
    judge_losses(in, out);
    judge_writer(in, out);
    judge_outbox(in->stats, out);
    judge_database_file(in, out);
    judge_retention(in, out);
    judge_disk(in, out);
    judge_log(in, out);
    judge_clock(in, out);
    return true;
}
