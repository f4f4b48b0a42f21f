/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/supervisor_locks.h"

#include "cmd/ingestor/shared/lock_file.h"
#include "common/base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SPOOL_SAY_US ((mono_us)60 * US_PER_S)

static void lock_path(const struct config *config, char out[static PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/lock", config->spool_dir);
}

static void stats_lock_path(const struct config *config, char out[static PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s.lock", config->stats_file);
}

/* What makes us the only supervisor of this spool folder. */
static int take_spool(struct supervisor_locks *locks, const struct config *config)
{
    char path[PATH_MAX];
    lock_path(config, path);
    const int code = lock_file_hold(
        path, "supervisor", "another ingestor uses this spool folder: stop it, or set spoolDir",
        &locks->spool_fd);
    if (code == EXIT_IO)
        log_event(
            LOG_ERROR, "supervisor",
            errno == EACCES
                ? "lock file can't be opened: run as its owner, or give dbPath's folder and "
                  "spoolDir to this user"
                : "lock file can't be opened",
            KV(KV_STR("lock", path), KV_STR("error", strerror(errno)), KV_INT("user", geteuid())));
    return code;
}

/* And the only one who writes this stats file: two would take turns, and the server would show now
 * one, now the other. Without the lock (the folder can't be written, and then the stats file can't
 * be either) receiving is worth more than the figures about it. */
static int take_stats(struct supervisor_locks *locks, const struct config *config)
{
    char path[PATH_MAX];
    stats_lock_path(config, path);
    const int code = lock_file_hold(
        path, "supervisor", "another ingestor writes this stats file: stop it, or set statsFile",
        &locks->stats_fd);
    if (code != EXIT_IO)
        return code;
    log_event(LOG_WARN, "supervisor", "lock of the stats file can't be made, going on without",
              KV(KV_STR("lock", path), KV_STR("error", strerror(errno))));
    return EXIT_CLEAN;
}

/* Another in the place of a lock that nobody finds any more. False: it can't be had, and the old
 * one stays. */
static bool retake_lock(const char *path, int *fd)
{
    int fresh = -1;
    const bool is_ours = lock_file_try(path, &fresh) == STATUS_OK && lock_file_write_pid(fresh);
    const int unused = is_ours ? *fd : fresh;
    if (is_ours)
        *fd = fresh;
    if (unused >= 0)
        IGNORE(close(unused), "a lock that nobody finds, or that we do not hold");
    return is_ours;
}

/* Somebody deleted the folder, or our lock in it. Receivers put their rings back themselves; who
 * starts anew must find a folder, and a second supervisor our lock. */
static void keep_spool(struct supervisor_locks *locks, const struct config *config)
{
    char path[PATH_MAX];
    lock_path(config, path);
    if (lock_file_is_named(locks->spool_fd, path))
        return;
    struct err err = {.text = "held by another process"};
    if (config_make_folders(config, &err) == STATUS_OK && retake_lock(path, &locks->spool_fd)) {
        log_event(LOG_ERROR, "supervisor",
                  "the lock in spoolDir was deleted or replaced under us, or the whole folder: made"
                  " again; keep cleaners (tmpfiles.d) away from it",
                  KV(KV_STR("spool", config->spool_dir)));
        locks->said_at = 0;
        return;
    }
    const mono_us now = clock_mono();
    if (locks->said_at != 0 && now - locks->said_at <= SPOOL_SAY_US)
        return;
    locks->said_at = now;
    log_event(LOG_ERROR, "supervisor", "the lock in spoolDir is gone and can't be taken again",
              KV(KV_STR("lock", path), KV_STR("error", err.text)));
}

/* The same for the stats file's; that the file can't be written is said elsewhere. */
static void keep_stats(struct supervisor_locks *locks, const struct config *config)
{
    char path[PATH_MAX];
    stats_lock_path(config, path);
    if (locks->stats_fd < 0 || !lock_file_is_named(locks->stats_fd, path))
        IGNORE(retake_lock(path, &locks->stats_fd), "tried again at the next tick");
}

void supervisor_locks_init(struct supervisor_locks *locks)
{
    *locks = (struct supervisor_locks){.spool_fd = -1, .stats_fd = -1};
}

int supervisor_locks_take(struct supervisor_locks *locks, const struct config *config)
{
    const int code = take_spool(locks, config);
    return code != EXIT_CLEAN ? code : take_stats(locks, config);
}

void supervisor_locks_keep(struct supervisor_locks *locks, const struct config *config)
{
    keep_spool(locks, config);
    keep_stats(locks, config);
}

void supervisor_locks_release(struct supervisor_locks *locks)
{
    if (locks->spool_fd >= 0)
        IGNORE(close(locks->spool_fd), "the process ends");
    if (locks->stats_fd >= 0)
        IGNORE(close(locks->stats_fd), "the process ends");
    supervisor_locks_init(locks);
}
