/* SPDX-License-Identifier: MIT */
#include "cmd/server/backup/backup_tool.h"

#include "cmd/server/backup/backup_copy.h"
#include "cmd/server/backup/backup_mark.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/service/log_relay.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

/* The copy itself, and a little for what its disk keeps of it. */
#define ROOM_PERCENT 105
#define SHOW_US      ((mono_us)200 * US_PER_MS)

struct progress {
    sigset_t stop_signals;
    mono_us shown;
    bool is_terminal;
};

static bool go_on(void *context, unsigned percent)
{
    struct progress *progress = context;
    const struct timespec at_once = {0};
    const mono_us now = clock_mono();
    if (progress->is_terminal && now - progress->shown >= SHOW_US) {
        progress->shown = now;
        (void)fprintf(stderr, "\rbackup: %s, %u %% \033[K", percent < 60 ? "copying" : "checking",
                      percent);
    }
    return sigtimedwait(&progress->stop_signals, NULL, &at_once) < 0;
}

static void block_signals(sigset_t *stop_signals)
{
    (void)sigemptyset(stop_signals); /* these can't fail with valid arguments */
    (void)sigaddset(stop_signals, SIGTERM);
    (void)sigaddset(stop_signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, stop_signals, NULL);
}

static int code_of(enum status status)
{
    return status == STATUS_INVALID   ? EXIT_USAGE
           : status == STATUS_CORRUPT ? EXIT_BAD_DATA
                                      : EXIT_IO;
}

/* The page says how old the last backup is. */
static void note(const char *state_dir, wall_us made_at, int64_t bytes)
{
    const struct backup_mark mark = {made_at / US_PER_S, bytes};
    struct err err;
    if (state_dir != NULL && backup_mark_write(state_dir, &mark, &err) != STATUS_OK &&
        err.code != ENOENT)
        log_event(LOG_WARN, "backup", "the server is not told of this backup",
                  KV(KV_STR("stateDir", state_dir), KV_STR("error", err.text)));
}

int backup_tool_run(const char *db_path, const char *to, const char *state_dir)
{
    struct progress progress = {.is_terminal = log_relay_is_terminal()};
    struct err err = {0};
    int64_t bytes = 0;
    block_signals(&progress.stop_signals);
    const struct backup_params params = {.from = db_path,
                                         .to = to,
                                         .room_percent = ROOM_PERCENT,
                                         .is_deep = true,
                                         .go_on = go_on,
                                         .context = &progress};
    const mono_us began = clock_mono();
    const wall_us now = clock_wall();
    const enum status status = backup_copy(&params, &bytes, &err);
    if (progress.is_terminal)
        (void)fprintf(stderr, "\r\033[K");
    if (status != STATUS_OK) {
        log_event(LOG_ERROR, "backup", "no copy was made",
                  KV(KV_STR("file", to), KV_STR("what", err.what), KV_STR("error", err.text)));
        return code_of(status);
    }
    note(state_dir, now, bytes);
    const double seconds = (double)(clock_mono() - began) / US_PER_S;
    const int n = printf("backup: %s, %" PRId64 " bytes, checked, %.1f s\n", to, bytes, seconds);
    return n > 0 && fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_IO;
}
