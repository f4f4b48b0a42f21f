/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/workers.h"

#include "cmd/ingestor/flush/flusher.h"
#include "cmd/ingestor/receive/receiver.h"
#include "cmd/ingestor/send/sender.h"
#include "cmd/ingestor/shared/run_options.h"
#include "common/base/log.h"
#include "common/service/log_relay.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void workers_init(struct workers *workers, struct control_block *cb, const struct config *config)
{
    *workers = (struct workers){.cb = cb, .config = config};
    for (size_t i = 0; i < WORKERS_MAX; i++)
        workers->all[i].slot = &cb->workers[i];
}

void worker_name(const struct worker *worker, char *out, size_t cap)
{
    if (worker->kind == WORKER_RECEIVER)
        (void)snprintf(out, cap, "receiver:%s", worker->slot->source);
    else if (worker->kind == WORKER_SENDER)
        (void)snprintf(out, cap, "sender:%u", worker->slot->shard);
    else
        (void)snprintf(out, cap, "%s",
                       worker->kind == WORKER_FLUSHER ? "flusher" : worker->slot->source);
}

const char *worker_state_text(const struct worker *worker)
{
    if (worker->state == WORKER_RUNNING && worker->is_suspended)
        return WORKER_SUSPENDED;
    if (worker->state == WORKER_RUNNING)
        return worker_phase_text((enum worker_phase)atomic_load(&worker->slot->phase));
    return worker_life_word(worker->state == WORKER_UNUSED ? WORKER_STOPPED : worker->state);
}

static void check(const struct worker *worker)
{
    assert(worker_life_has_process(worker->state) == (worker->pid != 0));
    assert(worker->slot->used || worker->state == WORKER_UNUSED);
    (void)worker; /* without asserts */
}

/* The one place where a state changes. */
static void enter(struct worker *worker, enum worker_state state)
{
    assert(worker_life_may(worker->state, state));
    worker->state = state;
}

/* Its source is gone: the slot may have another worker. */
static void give_back(struct worker *worker)
{
    enter(worker, WORKER_UNUSED);
    worker->slot->used = false;
}

uint64_t worker_queued(const struct control_block *cb, const struct worker_slot *slot)
{
    struct ring_status ring;
    /* Its process is dead, perhaps since the middle of a write: then seqlock_read would fail for
     * ever, and the slot would wait for ever. */
    seqlock_peek(&slot->ring, &ring);
    /* Acquire: the entries before the count. */
    const uint32_t count = atomic_load_explicit(&cb->flusher_source_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        struct flusher_source entry;
        if (seqlock_read(&cb->flusher_sources[i], &entry) &&
            memcmp(entry.chain, ring.chain, sizeof entry.chain) == 0)
            return ledger_queued(&ring.tuple, &entry.taken);
    }
    return ring.records;
}

struct worker *workers_add(struct workers *workers, enum worker_kind kind,
                           const struct config_source *source)
{
    for (size_t i = kind == WORKER_FLUSHER ? 0 : 1; i < WORKERS_MAX; i++) {
        struct worker *worker = &workers->all[i];
        if (worker->slot->used)
            continue;
        struct worker_slot *slot = worker->slot;
        memset(slot, 0, sizeof *slot); /* no process uses it */
        *worker = (struct worker){.kind = kind, .source = source, .slot = slot};
        slot->used = true;
        slot->kind = kind;
        const char *name = source != NULL          ? source->name
                           : kind == WORKER_HTTP   ? CONFIG_HTTP_SOURCE
                           : kind == WORKER_REPLAY ? CONFIG_REPLAY_SOURCE
                                                   : "";
        (void)snprintf(slot->source, sizeof slot->source, "%s", name);
        restart_policy_init(&worker->policy, workers->config->max_process_restarts);
        return worker;
    }
    return NULL;
}

struct worker *workers_add_sender(struct workers *workers, size_t shard)
{
    struct worker *worker = workers_add(workers, WORKER_SENDER, NULL);
    if (worker != NULL)
        worker->slot->shard = (uint32_t)shard;
    return worker;
}

struct worker *workers_find(struct workers *workers, const char *source_name)
{
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        if (workers->all[i].slot->used && strcmp(workers->all[i].slot->source, source_name) == 0)
            return &workers->all[i];
    }
    return NULL;
}

struct worker *workers_flusher(struct workers *workers)
{
    return &workers->all[0];
}

/* --- start ------------------------------------------------------------------------------------ */

static NORETURN void run_child(const struct workers *workers, const struct worker *worker)
{
    if (worker->kind == WORKER_FLUSHER)
        flusher_run(workers->config, workers->cb, worker->slot);
    if (worker->kind == WORKER_SENDER)
        sender_run(workers->config, workers->cb, worker->slot);
    receiver_run(workers->config, worker->source, workers->cb, worker->slot);
}

/* I2; another that is configured with the same one is the configuration's fault, and was said. */
static bool is_session_taken(const struct workers *workers, const struct worker *worker,
                             const struct session *session)
{
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        const struct worker *other = &workers->all[i];
        if (other != worker && other->state == WORKER_STOPPING &&
            session_is_same(&other->session, session))
            return true;
    }
    return false;
}

/* False: it waits for the end of another. */
static bool take_session(struct workers *workers, struct worker *worker)
{
    struct session session;
    session_identify(worker->source, &session);
    if (is_session_taken(workers, worker, &session)) {
        enter(worker, WORKER_BACKING_OFF);
        worker->start_at = INT64_MAX;
        return false;
    }
    worker->session = session;
    session_file_claim(workers->config, worker->source);
    return true;
}

void workers_spawn(struct workers *workers, struct worker *worker)
{
    struct worker_slot *slot = worker->slot;
    check(worker);
    if (worker->kind == WORKER_RECEIVER && !take_session(workers, worker))
        return;
    /* Nobody else uses the slot: the one before is dead, the fork shows the next all of this. */
    atomic_store(&slot->stop, WORKER_GO_ON);
    atomic_store(&slot->phase, PHASE_START);
    atomic_store(&slot->healthy_mono_us, 0);
    atomic_store(&slot->beat_mono_us, clock_mono());
    worker->healthy_since = 0;
    worker->is_hang = false;
    worker->is_suspended = false;
    const pid_t pid = fork();
    if (pid == 0)
        run_child(workers, worker);
    char name[STATS_WORKER_BYTES];
    worker_name(worker, name, sizeof name);
    if (pid < 0) {
        log_event(LOG_ERROR, "supervisor", "worker can't be started, tried again",
                  KV(KV_STR("worker", name), KV_STR("error", strerror(errno))));
        enter(worker, WORKER_BACKING_OFF);
        worker->start_at = clock_mono() + US_PER_S;
        return;
    }
    worker->pid = pid;
    worker->io = (struct procio){0};
    worker->usage = (struct procio_usage){0};
    enter(worker, WORKER_RUNNING);
    log_event(LOG_INFO, "supervisor", "worker started",
              KV(KV_STR("worker", name), KV_INT("pid", pid)));
}

/* --- end -------------------------------------------------------------------------------------- */

static void count_unhealthy(struct workers *workers, const struct worker *worker, const char *cause)
{
    char name[STATS_WORKER_BYTES];
    worker_name(worker, name, sizeof name);
    struct stats_unhealthy *entry = NULL;
    for (size_t i = 0; i < workers->unhealthy_count && entry == NULL; i++) {
        struct stats_unhealthy *u = &workers->unhealthy[i];
        if (strcmp(u->worker, name) == 0 && strcmp(u->cause, cause) == 0)
            entry = u;
    }
    if (entry == NULL) {
        if (workers->unhealthy_count == STATS_UNHEALTHY_MAX)
            return; /* bounded; the log still has each one */
        entry = &workers->unhealthy[workers->unhealthy_count++];
        (void)snprintf(entry->worker, sizeof entry->worker, "%s", name);
        (void)snprintf(entry->source, sizeof entry->source, "%s", worker->slot->source);
        (void)snprintf(entry->cause, sizeof entry->cause, "%s", cause);
    }
    entry->count++;
}

static bool is_crash(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED)
        return false;
    switch (info->si_status) {
    case SIGSEGV:
    case SIGBUS:
    case SIGABRT:
    case SIGILL:
    case SIGFPE:
        return true;
    default:
        return false;
    }
}

/* It asked for a fresh process: no death, not charged, started at once (its connection's backoff
 * goes on in the control block). */
static bool is_renewal(const struct worker *worker, const siginfo_t *info)
{
    return info->si_code == CLD_EXITED && info->si_status == EXIT_LOCKED && !worker->is_hang &&
           atomic_load(&worker->slot->phase) == PHASE_RENEW;
}

/* How it ended, for people, and as the label of weir_worker_unhealthy_total. */
static void describe_end(struct worker *worker, const siginfo_t *info, char cause[static 24])
{
    if (worker->is_hang) {
        (void)snprintf(worker->last_exit, sizeof worker->last_exit, "hang");
        (void)snprintf(cause, 24, "hang");
    } else if (info->si_code == CLD_EXITED) {
        (void)snprintf(worker->last_exit, sizeof worker->last_exit, "exit %d", info->si_status);
        (void)snprintf(cause, 24, "exit_%d", info->si_status);
    } else {
        (void)snprintf(worker->last_exit, sizeof worker->last_exit, "signal %d", info->si_status);
        (void)snprintf(cause, 24, "signal_%d", info->si_status);
    }
}

static void plan_restart(struct workers *workers, struct worker *worker, const siginfo_t *info)
{
    const mono_us now = clock_mono();
    const mono_us healthy = atomic_load(&worker->slot->healthy_mono_us);
    const bool is_exit = info->si_code == CLD_EXITED && !worker->is_hang;
    const bool is_charged = !(is_exit && info->si_status == EXIT_LOCKED);
    if (!is_charged && atomic_load(&worker->slot->phase) == PHASE_WAIT) {
        enter(worker, WORKER_HELD);
        worker->held_records = worker_queued(workers->cb, worker->slot);
        return;
    }
    mono_us wait;
    const enum restart_decision decision =
        restart_policy_died(&worker->policy, healthy, now, is_charged, &wait);
    worker->start_at = now + wait;
    enter(worker, decision == RESTART_SPENT ? WORKER_FAILED : WORKER_BACKING_OFF);
    if (worker->kind != WORKER_FLUSHER)
        return;
    if (is_exit && info->si_status == EXIT_CONFIG)
        workers->flusher_exit = EXIT_CONFIG;
    else if (decision == RESTART_SPENT)
        workers->flusher_exit = EXIT_GAVE_UP;
}

/* A hang was said, with its source, when it was killed: one event, one warning. */
static const char *describe_for_log(const struct worker *worker, bool is_expected)
{
    if (worker->is_hang)
        return "killed worker reaped";
    return is_expected ? "worker ended" : "worker died";
}

static void log_end(const struct worker *worker, bool is_expected)
{
    char name[STATS_WORKER_BYTES];
    worker_name(worker, name, sizeof name);
    const mono_us wait = worker->start_at - clock_mono();
    log_event(is_expected || worker->is_hang ? LOG_INFO : LOG_WARN, "supervisor",
              describe_for_log(worker, is_expected),
              KV(KV_STR("worker", name), KV_STR("source", worker->slot->source),
                 KV_STR("exit", worker->is_hang ? "signal 9" : worker->last_exit),
                 KV_STR("state", worker_state_text(worker)),
                 KV_INT("restart_ms", is_expected || wait < 0 ? 0 : wait / US_PER_MS),
                 KV_INT("budget", worker->policy.budget)));
}

/* A replay is over when its receiver is, whatever ended it: begun again, it would begin
 * at the start. */
static void note_replay(struct workers *workers, struct worker *worker, const siginfo_t *info)
{
    enter(worker, WORKER_STOPPED);
    workers->has_replayed = true;
    workers->replay_exit =
        info->si_code == CLD_EXITED && !worker->is_hang ? info->si_status : EXIT_GAVE_UP;
    log_end(worker, info->si_code == CLD_EXITED);
}

/* One has ended: those that waited for its session (I2). */
static void spawn_waiting(struct workers *workers)
{
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        struct worker *worker = &workers->all[i];
        if (worker->state == WORKER_BACKING_OFF && worker->start_at == INT64_MAX)
            workers_spawn(workers, worker);
    }
}

static void ended(struct workers *workers, struct worker *worker, const siginfo_t *info)
{
    char cause[24];
    check(worker);
    describe_end(worker, info, cause);
    const bool was_asked = worker->state == WORKER_STOPPING;
    worker->pid = 0;
    worker->healthy_since = 0;
    if (worker->kind == WORKER_FLUSHER && (worker->is_hang || is_crash(info)))
        atomic_store(&workers->cb->strike_inflight, 1);
    if (worker->kind == WORKER_REPLAY) {
        note_replay(workers, worker, info);
        return;
    }
    if (was_asked) {
        enter(worker, WORKER_STOPPED);
        if (worker->is_hang)
            count_unhealthy(workers, worker, cause);
        log_end(worker, true);
        if (worker->start_again) {
            worker->start_again = false;
            workers_spawn(workers, worker);
        } else if (worker->forget) {
            give_back(worker);
        }
        spawn_waiting(workers);
        return;
    }
    if (is_renewal(worker, info)) {
        enter(worker, WORKER_BACKING_OFF);
        worker->start_at = clock_mono();
        log_end(worker, true);
        return;
    }
    count_unhealthy(workers, worker, cause);
    plan_restart(workers, worker, info);
    log_end(worker, false);
}

static struct worker *find_pid(struct workers *workers, pid_t pid)
{
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        if (workers->all[i].pid == pid)
            return &workers->all[i];
    }
    return NULL;
}

void workers_reap(struct workers *workers)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
            return;
        if (log_relay_was(info.si_pid))
            continue;
        struct worker *worker = find_pid(workers, info.si_pid);
        if (worker != NULL)
            ended(workers, worker, &info);
    }
}

/* --- watch ------------------------------------------------------------------------------------ */

/* The kernel's letter for it: D waits for a device, T is stopped ...; '?' when it can't be read. */
static char process_state(pid_t pid)
{
    char path[40];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return '?';
    const size_t n = fread(text, 1, sizeof text - 1, file);
    IGNORE(fclose(file), "read-only");
    text[n] = '\0';
    const char *after_name = strrchr(text, ')');
    return after_name != NULL && after_name[1] == ' ' ? after_name[2] : '?';
}

/* T: by a signal or a freezer, t: by a debugger. */
static bool is_stopped(pid_t pid)
{
    const char state = process_state(pid);
    return state == 'T' || state == 't';
}

static mono_us deadline_us(const struct workers *workers, const struct worker *worker,
                           enum worker_phase phase)
{
    const mono_us usual = (mono_us)workers->config->max_unhealthy_s * US_PER_S;
    mono_us longer = 0;
    switch (phase) {
    case PHASE_COMMIT:
    case PHASE_CHECKPOINT:
    case PHASE_MIGRATE:
        longer = SLOW_PHASE_US;
        break;
    case PHASE_ASK:
        longer = LONG_ANSWER_US;
        break;
    case PHASE_WAIT:
        longer = worker->source != NULL ? (mono_us)worker->source->keep_alive_s * US_PER_S : 0;
        break;
    case PHASE_START:
    case PHASE_LOCK:
    case PHASE_RUN:
    case PHASE_RENEW:
    case PHASE_DRAIN:
    case PHASE_DONE:
        break;
    }
    return longer > usual ? longer : usual;
}

static void kill_hung(struct workers *workers, struct worker *worker, mono_us age)
{
    char name[STATS_WORKER_BYTES];
    worker_name(worker, name, sizeof name);
    log_event(LOG_ERROR, "supervisor", "worker hangs: killed",
              KV(KV_STR("worker", name), KV_STR("source", worker->slot->source),
                 KV_INT("pid", worker->pid), KV_STR("phase", worker_state_text(worker)),
                 KV_INT("silent_ms", age / US_PER_MS)));
    worker->is_hang = true;
    if (worker->state == WORKER_RUNNING) /* else what follows its end is decided already */
        enter(worker, WORKER_HUNG);
    worker->killed_at = clock_mono();
    control_block_count(workers->cb, METRIC_HANG_KILLS, 1);
    IGNORE(kill(worker->pid, SIGKILL), "it may have ended in between; then it is reaped");
}

static void judge(struct workers *workers, struct worker *worker)
{
    const mono_us now = clock_mono();
    check(worker);
    if (worker->state == WORKER_HUNG && now - worker->killed_at > UNKILLABLE_AFTER_US &&
        process_state(worker->pid) == 'D') {
        enter(worker, WORKER_UNKILLABLE);
        log_event(LOG_ERROR, "supervisor",
                  "worker can't be killed (waits in the kernel): not replaced",
                  KV(KV_INT("pid", worker->pid)));
    }
    /* One that was asked to end can hang as well, and then nothing would ever take its place. */
    const bool is_ending = worker->state == WORKER_STOPPING && !worker->is_hang;
    if (worker->state != WORKER_RUNNING && !is_ending)
        return;
    const mono_us healthy = atomic_load(&worker->slot->healthy_mono_us);
    if (healthy != 0) {
        restart_policy_healthy(&worker->policy, healthy, now);
        if (worker->healthy_since == 0)
            worker->healthy_since = clock_wall() - (now - healthy);
    }
    const struct worker_pulse pulse = worker_pulse(worker->slot);
    const mono_us age = now - pulse.beat;
    const mono_us usual = (mono_us)workers->config->max_unhealthy_s * US_PER_S;
    worker->is_suspended = age > SUSPENDED_AFTER_US && is_stopped(worker->pid);
    /* One that is stopped waits for no disk: it gets no more time for being in the middle
     * of a commit. */
    if (age > deadline_us(workers, worker, pulse.phase) || (age > usual && worker->is_suspended))
        kill_hung(workers, worker, age);
}

static bool is_due(const struct workers *workers, const struct worker *worker, mono_us now)
{
    if (worker->state == WORKER_BACKING_OFF || worker->state == WORKER_FAILED)
        return now >= worker->start_at;
    if (worker->state == WORKER_HELD)
        return (double)worker_queued(workers->cb, worker->slot) <=
               workers->config->soft_threshold * (double)worker->held_records;
    return false;
}

void workers_tick(struct workers *workers)
{
    const mono_us now = clock_mono();
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &workers->all[i];
        judge(workers, worker);
        if (is_due(workers, worker, now)) {
            worker->restarts++;
            workers_spawn(workers, worker);
        }
    }
}

mono_us workers_next_start(const struct workers *workers)
{
    mono_us next = INT64_MAX;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        const struct worker *worker = &workers->all[i];
        if ((worker->state == WORKER_BACKING_OFF || worker->state == WORKER_FAILED) &&
            worker->start_at < next)
            next = worker->start_at;
    }
    return next;
}

/* --- stop ------------------------------------------------------------------------------------- */

void worker_ask_to_stop(struct worker *worker, enum worker_stop how)
{
    check(worker);
    /* Release: pairs with worker_should_stop and the flusher's stop_mode. */
    atomic_store_explicit(&worker->slot->stop, (uint32_t)how, memory_order_release);
    if (worker->pid != 0) {
        enter(worker, WORKER_STOPPING);
    } else if (worker->state != WORKER_UNUSED) {
        enter(worker, WORKER_STOPPED); /* it waited for a restart */
        if (worker->forget)
            give_back(worker);
    }
}

void workers_kill(struct workers *workers, bool flusher_too)
{
    for (size_t i = flusher_too ? 0 : 1; i < WORKERS_MAX; i++) {
        if (workers->all[i].pid != 0)
            IGNORE(kill(workers->all[i].pid, SIGKILL), "it may have ended in between");
    }
}

bool workers_receivers_gone(const struct workers *workers)
{
    for (size_t i = 1; i < WORKERS_MAX; i++) {
        if (workers->all[i].pid != 0)
            return false;
    }
    return true;
}
