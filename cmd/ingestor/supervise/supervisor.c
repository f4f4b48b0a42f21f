/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/supervisor.h"

#include "cmd/ingestor/session/session_file.h"
#include "cmd/ingestor/shared/outcome_text.h"
#include "cmd/ingestor/supervise/reload.h"
#include "cmd/ingestor/supervise/stats_publisher.h"
#include "cmd/ingestor/supervise/supervisor_locks.h"
#include "cmd/ingestor/supervise/workers.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/service/log_relay.h"
#include "common/service/notify.h"
#include "common/base/version.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_US ((mono_us)US_PER_S)
/* While receivers end or the flusher drains, look this often. */
#define DRAIN_TICK_US (20 * (mono_us)US_PER_MS)
/* Of the drain's deadline, what receivers may use to say goodbye to their brokers. */
#define RECEIVER_STOP_US (3 * (mono_us)US_PER_S)
/* A replay into another store waits for its shards while they acknowledge anything, and so long
 * without: two of a sender's longest pauses (sender.h). */
#define REPLAY_STORE_WAIT_US (60 * (mono_us)US_PER_S)
/* Behind it the observers and nodes come, of which it is not known how many there are: the flusher
 * has had some turns and the statistics were written twice. */
#define REPLAY_STORE_REST_US (5 * TICK_US / 2)

struct supervisor {
    const struct cli *cli;
    const struct run_options *options;
    struct config *config;
    struct control_block *cb;
    struct workers workers;
    struct stats_publisher *publisher;
    const struct stats_snapshot *stats; /* the publisher's last */
    struct supervisor_locks locks;
    int signal_fd;
    mono_us next_tick, last_tick;
    bool was_asleep;  /* at the last tick: nobody was judged */
    mono_us fed_beat; /* systemd's watchdog: the flusher's beat at the last feeding */
    bool is_draining, is_killed;
    mono_us asked_at; /* the first TERM or INT; 0 = none yet */
    mono_us drain_deadline, receivers_deadline;
    uint64_t drain_began_consumed;
    mono_us store_moved_at;  /* behind a replay: its last acknowledgement; 0 = not looked yet */
    mono_us store_empty_at;  /* since when nothing of it waits; 0 = something does */
    uint64_t store_consumed; /* so much was acknowledged then */
    int exit_code;
};

/* --- start ------------------------------------------------------------------------------------ */

static int open_signals(struct supervisor *s)
{
    sigset_t set;
    IGNORE(sigemptyset(&set), "can't fail");
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        IGNORE(sigaddset(&set, numbers[i]), "valid numbers");
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return EXIT_GAVE_UP;
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd < 0 ? EXIT_GAVE_UP : EXIT_CLEAN;
}

/* What can be said now is better said now than by a worker. */
static int check_file(const char *path, int flags, const char *what)
{
    if (path == NULL)
        return EXIT_CLEAN;
    const int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd < 0) {
        log_event(LOG_ERROR, "supervisor", what,
                  KV(KV_STR("file", path), KV_STR("error", strerror(errno))));
        return EXIT_IO;
    }
    IGNORE(close(fd), "nothing was done with it");
    return EXIT_CLEAN;
}

static int check_files(const struct run_options *options)
{
    /* A replay would read what it has recorded itself, and never come to the end. */
    if (options->replay_file != NULL && options->record_file != NULL &&
        file_id_is_same_path(options->replay_file, options->record_file)) {
        log_event(LOG_ERROR, "supervisor", "--replay and --record name the same file",
                  KV(KV_STR("file", options->record_file)));
        return EXIT_USAGE;
    }
    const int code = check_file(options->replay_file, O_RDONLY, "recording can't be read");
    return code != EXIT_CLEAN ? code
                              : check_file(options->record_file, O_WRONLY | O_CREAT | O_APPEND,
                                           "recording can't be written");
}

static int prepare(struct supervisor *s)
{
    struct err err = {0};
    if (config_make_folders(s->config, &err) != STATUS_OK) {
        log_event(LOG_ERROR, "supervisor", "folder can't be made",
                  KV(KV_STR("path", err.what), KV_STR("error", err.text)));
        return EXIT_IO;
    }
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): s->config is not lost here, done frees it
    int code = supervisor_locks_take(&s->locks, s->config);
    if (code == EXIT_CLEAN)
        code = open_signals(s);
    if (code != EXIT_CLEAN)
        return code;
    code = check_files(s->options);
    if (code != EXIT_CLEAN)
        return code;
    s->cb = control_block_new();
    s->publisher = stats_publisher_new();
    if (s->cb == NULL || s->publisher == NULL)
        return EXIT_NO_MEMORY;
    s->cb->options = s->options;
    log_share_switches(&s->cb->log);
    workers_init(&s->workers, s->cb, s->config);
    return EXIT_CLEAN;
}

static void spawn_receivers(struct supervisor *s)
{
    struct workers *workers = &s->workers;
    session_file_warn_orphans(s->config);
    for (size_t i = 0; i < s->config->source_count; i++) {
        struct worker *receiver = workers_add(workers, WORKER_RECEIVER, &s->config->sources[i]);
        if (receiver != NULL)
            workers_spawn(workers, receiver);
    }
    if (s->config->api_key != NULL) {
        struct worker *http = workers_add(workers, WORKER_HTTP, NULL);
        if (http != NULL)
            workers_spawn(workers, http);
    }
    if (s->config->source_count == 0)
        log_event(LOG_WARN, "supervisor", "no MQTT source is configured (mqttSources is empty)",
                  NULL);
}

static void spawn_all(struct supervisor *s)
{
    struct workers *workers = &s->workers;
    struct worker *flusher = workers_add(workers, WORKER_FLUSHER, NULL);
    if (s->options->replay_file == NULL) {
        spawn_receivers(s);
    } else {
        struct worker *replay = workers_add(workers, WORKER_REPLAY, NULL);
        if (replay != NULL)
            workers_spawn(workers, replay);
    }
    for (size_t i = 0; i < s->config->store.shards.count; i++) {
        struct worker *sender = workers_add_sender(workers, i);
        if (sender != NULL)
            workers_spawn(workers, sender);
    }
    if (flusher != NULL)
        workers_spawn(workers, flusher); /* after the receivers: subscribe first, then migrate */
}

/* --- running ---------------------------------------------------------------------------------- */

static void publish(struct supervisor *s)
{
    s->stats = stats_publisher_publish(s->publisher, &s->workers);
}

/* STATUS= for people; WATCHDOG=1 only when the flusher completed a turn since the last feeding. */
static void tell_systemd(struct supervisor *s)
{
    notify_status(s->stats->status);
    const mono_us interval = notify_watchdog_interval_us();
    const mono_us beat = atomic_load(&workers_flusher(&s->workers)->slot->beat_mono_us);
    if (interval > 0 && beat != s->fed_beat) {
        s->fed_beat = beat;
        notify_send("WATCHDOG=1");
    }
}

static void tick(struct supervisor *s)
{
    const mono_us now = clock_mono();
    /* If we were stopped ourselves (SIGSTOP, a suspended machine), so were the workers, perhaps:
     * give them one tick to beat before anybody is judged. Only one: on a machine so slow that
     * every tick is late, nothing would ever be watched or started again. */
    s->was_asleep = !s->was_asleep && s->last_tick != 0 && now - s->last_tick > 2 * TICK_US;
    s->last_tick = now;
    supervisor_locks_keep(&s->locks, s->config);
    if (!s->was_asleep)
        workers_tick(&s->workers);
    publish(s);
    tell_systemd(s);
}

static void reload(struct supervisor *s)
{
    if (s->options->replay_file != NULL) {
        log_event(LOG_WARN, "supervisor", "configuration not reloaded: a recording is replayed",
                  NULL);
        return;
    }
    struct config *fresh = calloc(1, sizeof *fresh);
    struct config_report *report = calloc(1, sizeof *report);
    const enum status status = fresh != NULL && report != NULL
                                   ? config_load(&s->cli->args, fresh, report)
                                   : STATUS_NO_MEMORY;
    if (report != NULL)
        cli_log_report(report);
    free(report);
    if (status != STATUS_OK) {
        log_event(LOG_ERROR, "supervisor", "configuration not reloaded: everything stays as it is",
                  KV(KV_STR("reason", status_text(status))));
        stats_publisher_say(s->publisher, STATS_EVENT_RELOAD, "warn",
                            "configuration not reloaded, everything stays as it is: see the log");
        free(fresh);
        return;
    }
    struct reload_summary summary;
    log_switch(fresh->log_level, fresh->log_format);
    reload_apply(&s->workers, s->config, fresh, &summary);
    config_done(s->config);
    free(s->config);
    s->config = fresh;
    log_event(LOG_INFO, "supervisor", "configuration reloaded",
              KV(KV_STR("file", s->config->file != NULL ? s->config->file : "none"),
                 KV_INT("added", summary.added), KV_INT("removed", summary.removed),
                 KV_INT("changed", summary.changed), KV_INT("untouched", summary.untouched),
                 KV_INT("flusher_restarted", summary.flusher_restarted)));
    char sentence[128];
    (void)snprintf(sentence, sizeof sentence,
                   "configuration reloaded: %u sources added, %u removed, %u changed",
                   summary.added, summary.removed, summary.changed);
    stats_publisher_say(s->publisher, STATS_EVENT_RELOAD, "pass", sentence);
}

/* --- stopping --------------------------------------------------------------------------------- */

/* What the flusher never came to know (the database was not ready) is left as well. */
static uint64_t left_in_rings(const struct stats_snapshot *stats)
{
    uint64_t left = stats->ledger_total.queued;
    for (size_t i = 0; i < stats->source_count; i++) {
        const struct stats_source *source = &stats->sources[i];
        if (!source->has_ledger && source->records > 0)
            left += (uint64_t)source->records;
    }
    return left;
}

static uint64_t consumed(const struct supervisor *s)
{
    return s->stats->ledger_total.received - s->stats->ledger_total.queued;
}

static void begin_drain(struct supervisor *s, const char *why)
{
    stats_publisher_end(s->publisher, "Stopping: the rings are emptied", false);
    publish(s);
    s->is_draining = true;
    s->drain_began_consumed = consumed(s);
    const mono_us now = clock_mono();
    s->drain_deadline = now + (mono_us)s->config->drain_timeout_s * US_PER_S;
    s->receivers_deadline = now + RECEIVER_STOP_US;
    const mono_us half = now + (s->drain_deadline - now) / 2; /* the rest is the flusher's */
    if (s->receivers_deadline > half)
        s->receivers_deadline = half;
    log_event(LOG_INFO, "supervisor", "draining",
              KV(KV_STR("reason", why), KV_INT("queued", left_in_rings(s->stats)),
                 KV_INT("deadline_s", s->config->drain_timeout_s)));
    notify_stopping("Draining", s->drain_deadline - now + UNKILLABLE_AFTER_US);
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        s->workers.all[i].start_again = false;
        if (s->workers.all[i].slot->used)
            worker_ask_to_stop(&s->workers.all[i], WORKER_STOP_DRAIN);
    }
}

static void stop_at_once(struct supervisor *s)
{
    log_event(LOG_WARN, "supervisor", "second signal: stopping at once", NULL);
    s->is_killed = true;
    s->drain_deadline = s->receivers_deadline = clock_mono();
    workers_kill(&s->workers, true);
}

static void asked_to_stop(struct supervisor *s, const char *signal)
{
    const mono_us now = clock_mono();
    const bool is_second = s->asked_at != 0 && now - s->asked_at >= SECOND_SIGNAL_MS * US_PER_MS;
    if (s->asked_at == 0)
        s->asked_at = now;
    if (!s->is_draining)
        begin_drain(s, signal);
    else if (is_second)
        stop_at_once(s);
}

/* Receivers first, then the flusher, so that it sees the last message of all. Returns
 * true when done. */
static bool drain_step(struct supervisor *s)
{
    const mono_us now = clock_mono();
    struct worker *flusher = workers_flusher(&s->workers);
    if (now >= s->drain_deadline && !s->is_killed) {
        s->is_killed = true;
        workers_kill(&s->workers, true);
    } else if (now >= s->receivers_deadline) {
        workers_kill(&s->workers, false);
    }
    /* What does not even die of SIGKILL waits in the kernel, for a dead disk perhaps: not
     * our end, too. */
    if (!workers_receivers_gone(&s->workers) && now < s->receivers_deadline + UNKILLABLE_AFTER_US)
        return false;
    if (s->is_killed && now >= s->drain_deadline + UNKILLABLE_AFTER_US)
        return true;
    flusher->start_again = false;
    if (flusher->state == WORKER_STOPPING)
        /* Also upgrades a reload's "commit and end" to "empty the rings". Release: as in
         * worker_ask_to_stop. */
        atomic_store_explicit(&flusher->slot->stop, WORKER_STOP_DRAIN, memory_order_release);
    else if (flusher->state != WORKER_STOPPED)
        worker_ask_to_stop(flusher, WORKER_STOP_DRAIN);
    return flusher->pid == 0;
}

/* What the flusher has made of one chain of rings; false: it never saw it. */
static bool read_chain(const struct control_block *cb, const uint8_t *chain,
                       struct flusher_source *out)
{
    /* Acquire: the entries before the count. */
    const uint32_t count = atomic_load_explicit(&cb->flusher_source_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        if (seqlock_read(&cb->flusher_sources[i], out) &&
            memcmp(out->chain, chain, sizeof out->chain) == 0)
            return true;
    }
    return false;
}

/* What became of the replay. The counts are those of its ring, so with what an earlier replay that
 * was killed had left there. */
static void say_replayed(struct supervisor *s)
{
    const struct worker *worker = workers_find(&s->workers, CONFIG_REPLAY_SOURCE);
    struct ring_status ring;
    struct flusher_source entry;
    if (worker == NULL || !seqlock_read(&worker->slot->ring, &ring) ||
        !read_chain(s->cb, ring.chain, &entry))
        return;
    struct ledger ledger;
    ledger_combine(&ring.tuple, &entry.tuple, &ledger);
    char text[LOG_LINE_MAX / 2] = "replayed: ";
    const size_t len = strlen(text);
    IGNORE(outcome_counts_text(ledger.outcomes, text + len, sizeof text - len), "it is text");
    log_event(LOG_INFO, "supervisor", text,
              KV(KV_STR("file", s->options->replay_file), KV_INT("messages", ledger.received),
                 KV_INT("queued", ledger.queued)));
}

static void say_goodbye(struct supervisor *s)
{
    publish(s);
    const uint64_t now_consumed = consumed(s);
    const uint64_t flushed =
        now_consumed > s->drain_began_consumed ? now_consumed - s->drain_began_consumed : 0;
    char text[96];
    (void)snprintf(text, sizeof text, "%llu flushed, %llu left in the buffer",
                   (unsigned long long)flushed, (unsigned long long)left_in_rings(s->stats));
    log_event(LOG_INFO, "supervisor", text, NULL);
    char sentence[STATS_STATUS_BYTES];
    if (s->exit_code == EXIT_CLEAN)
        (void)snprintf(sentence, sizeof sentence, "Stopped: %s", text);
    else
        (void)snprintf(sentence, sizeof sentence, "Gave up (exit %d): %s", s->exit_code, text);
    stats_publisher_end(s->publisher, sentence, true);
    publish(s);
    if (s->options->replay_file != NULL)
        say_replayed(s);
    const int64_t lost = atomic_load(&s->cb->record_lost);
    if (lost > 0)
        log_event(LOG_WARN, "supervisor", "the recording is not complete",
                  KV(KV_STR("file", s->options->record_file), KV_INT("messages_missing", lost)));
}

/* --- loop ------------------------------------------------------------------------------------- */

static void handle_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    bool reap = false;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGTERM:
        case SIGINT:
            asked_to_stop(s, info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
            break;
        case SIGHUP:
            if (!s->is_draining) {
                notify_reloading();
                reload(s);
                notify_send("READY=1");
            }
            s->next_tick = 0;
            break;
        default:
            reap = true;
        }
    }
    if (reap) {
        workers_reap(&s->workers);
        s->next_tick = 0; /* the stats file says so at once */
    }
}

static void give_up_if_asked(struct supervisor *s)
{
    if (s->workers.flusher_exit == 0 || s->is_draining)
        return;
    s->exit_code = s->workers.flusher_exit;
    log_event(LOG_ERROR, "supervisor",
              s->exit_code == EXIT_CONFIG ? "the flusher can't use this database: ending"
                                          : "the flusher spent maxProcessRestarts: ending",
              KV(KV_INT("exit", s->exit_code)));
    begin_drain(s, "flusher");
}

static bool is_outbox_empty(const struct stats_snapshot *stats)
{
    int64_t blocks = stats->ledger_total.queued > 0;
    for (size_t i = 0; i < stats->outbox_count; i++)
        blocks += stats->outbox[i].blocks;
    return blocks == 0;
}

/* What was replayed into another store is there when its shards have acknowledged it, and senders
 * end with the drain. */
static bool is_waiting_for_store(struct supervisor *s)
{
    const mono_us now = clock_mono();
    if (s->config->store.shards.count == 0 || s->is_draining)
        return false;
    if (s->store_moved_at == 0) {
        /* Relaxed: control_block.h. */
        atomic_store_explicit(&s->cb->outbox_hurries, 1, memory_order_relaxed);
        s->store_moved_at = now;
    }
    if (consumed(s) > s->store_consumed) {
        s->store_consumed = consumed(s);
        s->store_moved_at = now;
    }
    if (!is_outbox_empty(s->stats))
        s->store_empty_at = 0;
    else if (s->store_empty_at == 0)
        s->store_empty_at = now;
    else if (now - s->store_empty_at >= REPLAY_STORE_REST_US)
        return false;
    if (now - s->store_moved_at < REPLAY_STORE_WAIT_US)
        return true;
    s->exit_code = EXIT_IO;
    log_event(LOG_ERROR, "supervisor",
              "servers of storeUrl have not acknowledged the whole replay: the rest waits in the "
              "database, and the next start of this ingestor sends it",
              KV(KV_STR("database", s->config->db_path),
                 KV_INT("messages", s->stats->ledger_total.queued)));
    return false;
}

static void end_after_replay(struct supervisor *s)
{
    if (!s->workers.has_replayed || is_waiting_for_store(s))
        return;
    if (s->exit_code == EXIT_CLEAN)
        s->exit_code = s->workers.replay_exit;
    if (!s->is_draining)
        begin_drain(s, "replay ended");
}

static int timeout_ms(const struct supervisor *s)
{
    const mono_us now = clock_mono();
    mono_us until = s->next_tick;
    const mono_us start = workers_next_start(&s->workers);
    if (!s->is_draining && start < until)
        until = start;
    if (s->is_draining && now + DRAIN_TICK_US < until)
        until = now + DRAIN_TICK_US;
    return until <= now ? 0 : (int)((until - now) / US_PER_MS) + 1;
}

static void loop(struct supervisor *s)
{
    for (;;) {
        struct pollfd fd = {.fd = s->signal_fd, .events = POLLIN};
        IGNORE(poll(&fd, 1, timeout_ms(s)), "an early end is another look");
        handle_signals(s);
        end_after_replay(s);
        const mono_us now = clock_mono();
        if (!s->is_draining && workers_next_start(&s->workers) <= now)
            s->next_tick = 0;
        if (s->is_draining && drain_step(s))
            return;
        if (now < s->next_tick)
            continue;
        s->next_tick = now + TICK_US;
        log_relay_look();
        if (s->is_draining)
            publish(s);
        else
            tick(s);
        give_up_if_asked(s);
    }
}

static void done(struct supervisor *s)
{
    stats_publisher_free(s->publisher);
    log_share_switches(NULL);
    control_block_free(s->cb);
    if (s->signal_fd >= 0)
        IGNORE(close(s->signal_fd), "the process ends");
    supervisor_locks_release(&s->locks);
    config_done(s->config);
    free(s->config);
}

int supervisor_run(const struct cli *cli, struct config *config, const struct run_options *options)
{
    struct supervisor s = {.cli = cli, .options = options, .signal_fd = -1};
    supervisor_locks_init(&s.locks);
    s.config = calloc(1, sizeof *s.config);
    if (s.config == NULL) {
        config_done(config);
        return EXIT_NO_MEMORY;
    }
    *s.config = *config;
    notify_init();
    log_event(LOG_INFO, "supervisor", "starting",
              KV(KV_STR("version", version_number()), KV_STR("commit", version_commit()),
                 KV_INT("sources", s.config->source_count), KV_STR("database", s.config->db_path),
                 KV_STR("spool", s.config->spool_dir), KV_STR("stats", s.config->stats_file)));
    s.exit_code = prepare(&s);
    if (s.exit_code == EXIT_CLEAN) {
        spawn_all(&s);
        publish(&s);
        notify_send("READY=1");
        loop(&s);
        say_goodbye(&s);
    }
    const int code = s.exit_code;
    done(&s);
    return code;
}
