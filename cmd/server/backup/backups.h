/* SPDX-License-Identifier: MIT
 *
 * backups - the copy that GET /api/backup hands out: made by a thread of its own when it is asked
 * for, kept until a client has all of it, or for BACKUP_KEPT_US.
 *
 *   NONE -> MAKING -> READY -> NONE        (a copy)
 *              `-> FAILED -> NONE          (said once, to the next who asks)
 *
 * I1. One copy at a time: it is made once and sent to whoever asks while it is there.
 * I2. Nothing but stateDir is written. What a killed server left in it goes at
 *     the next start, under the lock `stateDir/backup.lock`: two servers may share a folder, and
 *     then one of them makes backups.
 * I3. A client that goes away in the middle costs nothing: the copy stays for the next one.
 * Threads: ask and done from any; the thread is the module's. Lock: one, a leaf; under
 * it at most the copy's file is opened or deleted. Errors: by the
 * answer. Cost: none until asked; then backup_copy's. */
#pragma once

#include "cmd/server/backup/backup_copy.h"
#include "cmd/server/backup/backup_mark.h"
#include "common/base/clock.h"

#define BACKUP_KEPT_US     ((mono_us)600 * US_PER_S)
#define BACKUP_SENDERS_MAX 4   /* each with a chunk of 64 KiB */
#define BACKUP_ROOM        200 /* percent of the database that must be free */

struct backups;

enum backup_state {
    BACKUP_OFF,    /* stateDir is not set */
    BACKUP_MAKING, /* ask again in retry_s */
    BACKUP_READY,
    BACKUP_BUSY, /* as many clients are being sent it as may */
    BACKUP_NO_SPACE,
    BACKUP_FAILED,
};

struct backup_answer {
    enum backup_state state;
    unsigned percent; /* MAKING */
    int retry_s;      /* MAKING, BUSY */
    char text[512];   /* NO_SPACE, FAILED: why */
    /* READY */
    int fd; /* the caller's */
    int64_t bytes;
    wall_us made_at;
};

struct backups_told {
    bool is_off;             /* no backups: stateDir is not set */
    struct backup_mark last; /* that somebody has all of, from here or by the tool */
    int64_t failed_unix;     /* the last try failed then; 0 = it did not, since the start */
    char failure[200];
};

/* Both paths are copied. state_dir NULL = off. NULL = no memory. Nothing is made before the first
 * question, but the folder and its lock. */
NODISCARD struct backups *backups_new(const char *db_path, const char *state_dir);
/* Nobody is being sent one any more. A copy that is being made is stopped; whatever stands there is
 * deleted. Accepts NULL. */
void backups_free(struct backups *backups);
/* Begins a copy where there is none. After READY one backups_sent must follow. */
void backups_ask(struct backups *backups, struct backup_answer *out);
/* is_whole: the client has all of it, so it goes. */
void backups_sent(struct backups *backups, bool is_whole);
/* A backup by the tool is known a few seconds later. Never waits for a file. NULL = none are
 * made. */
void backups_tell(struct backups *backups, struct backups_told *out);
