/* SPDX-License-Identifier: MIT */
#include "cmd/server/backup/backups.h"

#include "common/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_BEGINS "weir-backup-"
#define LOOK_S      5 /* whether a copy has been kept for long enough */
#define RETRY_MAX_S 30

enum phase { PHASE_NONE, PHASE_WANTED, PHASE_COPYING, PHASE_KEPT, PHASE_BROKEN };

struct backups {
    /* constant after new */
    char *db_path, *state_dir; /* state_dir NULL = off */
    char refusal[256];         /* "" = it can be written */
    int lock_fd;
    pthread_t thread;
    bool has_thread;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopping;
    enum phase phase;
    unsigned percent, senders;
    mono_us began, until; /* of the copy; a kept one goes at `until` */
    wall_us made_at;
    int64_t bytes;
    char path[PATH_MAX];
    struct err err; /* BROKEN */
    struct backups_told told;
    struct backup_mark due; /* to be written down; at_unix 0 = none is */
};

/* --- files ------------------------------------------------------------------------------------ */

/* Only what bears our name, and nothing behind a link. */
static void delete_old(const char *state_dir)
{
    DIR *dir = opendir(state_dir);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, NAME_BEGINS, sizeof NAME_BEGINS - 1) == 0)
            IGNORE(unlinkat(dirfd(dir), entry->d_name, 0), "the next start tries again");
    }
    if (dir != NULL)
        IGNORE(closedir(dir), "read-only");
}

static void refuse(struct backups *b, const char *what)
{
    (void)snprintf(b->refusal, sizeof b->refusal, "stateDir %.120s: %s", b->state_dir, what);
    log_event(LOG_ERROR, "backup", "no backups can be made",
              KV(KV_STR("stateDir", b->state_dir), KV_STR("error", what)));
}

static void take_folder(struct backups *b)
{
    char path[PATH_MAX];
    if (mkdir(b->state_dir, 0750) != 0 && errno != EEXIST) {
        refuse(b, strerror(errno));
        return;
    }
    const int n = snprintf(path, sizeof path, "%s/backup.lock", b->state_dir);
    if (n > 0 && (size_t)n < sizeof path)
        b->lock_fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (b->lock_fd < 0)
        refuse(b, strerror(errno));
    else if (flock(b->lock_fd, LOCK_EX | LOCK_NB) != 0)
        refuse(b, "another server makes its backups there: give each a folder of its own");
    else
        delete_old(b->state_dir);
}

/* --- the thread ------------------------------------------------------------------------------- */

static bool go_on(void *context, unsigned percent)
{
    struct backups *b = context;
    (void)pthread_mutex_lock(&b->lock);
    b->percent = percent;
    const bool goes_on = !b->is_stopping;
    (void)pthread_mutex_unlock(&b->lock);
    return goes_on;
}

/* path: this thread alone changes it. */
static void say(const struct backups *b, enum status status, const struct err *err, int64_t bytes,
                mono_us began)
{
    const double seconds = (double)(clock_mono() - began) / US_PER_S;
    if (status == STATUS_OK)
        log_event(LOG_INFO, "backup", "copy made and checked",
                  KV(KV_STR("file", b->path), KV_INT("bytes", bytes), KV_REAL("seconds", seconds)));
    else if (status != STATUS_AGAIN)
        log_event(LOG_ERROR, "backup", "no copy could be made",
                  KV(KV_STR("file", b->path), KV_STR("error", err->text)));
}

/* With the lock held. */
static void note_failure(struct backups *b, const char *text)
{
    b->told.failed_unix = clock_wall() / US_PER_S;
    (void)snprintf(b->told.failure, sizeof b->told.failure, "%.199s", text);
}

/* With the lock held, which is let go meanwhile: no one who asks waits for a file. */
static void keep_mark(struct backups *b)
{
    const struct backup_mark due = b->due;
    struct backup_mark last;
    struct err err;
    b->due = (struct backup_mark){0};
    (void)pthread_mutex_unlock(&b->lock);
    if (due.at_unix > 0 && backup_mark_write(b->state_dir, &due, &err) != STATUS_OK)
        log_event(LOG_WARN, "backup", "that it was taken can't be written down",
                  KV(KV_STR("stateDir", b->state_dir), KV_STR("error", err.text)));
    backup_mark_read(b->state_dir, &last);
    (void)pthread_mutex_lock(&b->lock);
    if (last.at_unix >= b->told.last.at_unix)
        b->told.last = last;
}

/* With the lock held, which is let go meanwhile. */
static void make_copy(struct backups *b)
{
    const mono_us began = clock_mono();
    const wall_us now = clock_wall();
    int64_t bytes = 0;
    struct err err = {0};
    (void)snprintf(b->path, sizeof b->path, "%s/" NAME_BEGINS "%" PRId64 ".db", b->state_dir,
                   now / US_PER_S);
    b->phase = PHASE_COPYING;
    b->percent = 0;
    b->began = began;
    (void)pthread_mutex_unlock(&b->lock);
    const struct backup_params params = {.from = b->db_path,
                                         .to = b->path,
                                         .room_percent = BACKUP_ROOM,
                                         .go_on = go_on,
                                         .context = b};
    const enum status status = backup_copy(&params, &bytes, &err);
    say(b, status, &err, bytes, began);
    (void)pthread_mutex_lock(&b->lock);
    b->err = err;
    b->err.status = status;
    b->bytes = bytes;
    b->made_at = now;
    b->until = clock_mono() + BACKUP_KEPT_US;
    b->phase = status == STATUS_OK ? PHASE_KEPT : PHASE_BROKEN;
    if (status == STATUS_OK)
        b->told.failed_unix = 0;
    else if (status != STATUS_AGAIN)
        note_failure(b, err.text);
}

/* With the lock held. */
static void drop_copy(struct backups *b)
{
    IGNORE(unlink(b->path), "the next start tries again");
    b->phase = PHASE_NONE;
}

static void *run(void *context)
{
    struct backups *b = context;
    (void)pthread_setname_np(pthread_self(), "weir-backup"); /* for `top -H` only */
    (void)pthread_mutex_lock(&b->lock);
    while (!b->is_stopping) {
        if (b->phase == PHASE_WANTED) {
            make_copy(b);
            continue;
        }
        keep_mark(b);
        if (b->phase == PHASE_WANTED || b->is_stopping)
            continue;
        if (b->phase == PHASE_KEPT && b->senders == 0 && clock_mono() >= b->until)
            drop_copy(b);
        struct timespec until = clock_timespec(clock_mono() + LOOK_S * US_PER_S);
        (void)pthread_cond_clockwait(&b->changed, &b->lock, CLOCK_MONOTONIC, &until);
    }
    if (b->due.at_unix > 0)
        keep_mark(b);
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* By how far it came in which time. */
static int retry_s(const struct backups *b)
{
    const mono_us spent = clock_mono() - b->began;
    if (b->phase != PHASE_COPYING || b->percent == 0)
        return 2;
    const mono_us left_s = spent / (int64_t)b->percent * (100 - (int64_t)b->percent) / US_PER_S;
    return left_s < 1 ? 1 : left_s > RETRY_MAX_S ? RETRY_MAX_S : (int)left_s + 1;
}

static void answer_making(const struct backups *b, struct backup_answer *out)
{
    out->state = BACKUP_MAKING;
    out->percent = b->phase == PHASE_COPYING ? b->percent : 0;
    out->retry_s = retry_s(b);
}

/* Where it is known from the start that it can't be, that is said at once. */
static bool has_room(struct backups *b, struct backup_answer *out)
{
    struct err err = {0};
    const int64_t bytes = backup_copy_bytes(b->db_path);
    const enum status status = backup_copy_room(b->state_dir, bytes, BACKUP_ROOM, &err);
    if (status == STATUS_OK)
        return true;
    out->state = status == STATUS_NO_SPACE ? BACKUP_NO_SPACE : BACKUP_FAILED;
    (void)snprintf(out->text, sizeof out->text, "%s", err.text);
    (void)pthread_mutex_lock(&b->lock);
    note_failure(b, err.text);
    (void)pthread_mutex_unlock(&b->lock);
    return false;
}

static void begin(struct backups *b, struct backup_answer *out)
{
    b->phase = PHASE_WANTED;
    (void)pthread_cond_broadcast(&b->changed);
    answer_making(b, out);
}

static void answer_kept(struct backups *b, struct backup_answer *out)
{
    if (b->senders == BACKUP_SENDERS_MAX) {
        out->state = BACKUP_BUSY;
        out->retry_s = RETRY_MAX_S;
        return;
    }
    out->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (out->fd < 0) { /* somebody deleted it */
        b->phase = PHASE_NONE;
        begin(b, out);
        return;
    }
    b->senders++;
    out->state = BACKUP_READY;
    out->bytes = b->bytes;
    out->made_at = b->made_at;
}

static void answer_broken(struct backups *b, struct backup_answer *out)
{
    out->state = b->err.status == STATUS_NO_SPACE ? BACKUP_NO_SPACE : BACKUP_FAILED;
    (void)snprintf(out->text, sizeof out->text, "%s", b->err.text);
    b->phase = PHASE_NONE;
}

static bool is_idle(struct backups *b)
{
    (void)pthread_mutex_lock(&b->lock);
    const bool is_none = b->phase == PHASE_NONE;
    (void)pthread_mutex_unlock(&b->lock);
    return is_none;
}

void backups_ask(struct backups *b, struct backup_answer *out)
{
    *out = (struct backup_answer){.state = BACKUP_OFF, .fd = -1};
    if (b->state_dir == NULL)
        return;
    if (b->refusal[0] != '\0') {
        out->state = BACKUP_FAILED;
        (void)snprintf(out->text, sizeof out->text, "%s", b->refusal);
        return;
    }
    if (is_idle(b) && !has_room(b, out))
        return;
    (void)pthread_mutex_lock(&b->lock);
    switch (b->phase) {
    case PHASE_NONE:
        begin(b, out);
        break;
    case PHASE_WANTED:
    case PHASE_COPYING:
        answer_making(b, out);
        break;
    case PHASE_KEPT:
        answer_kept(b, out);
        break;
    case PHASE_BROKEN:
        answer_broken(b, out);
        break;
    }
    (void)pthread_mutex_unlock(&b->lock);
}

void backups_sent(struct backups *b, bool is_whole)
{
    (void)pthread_mutex_lock(&b->lock);
    b->senders--;
    if (is_whole) {
        b->due = (struct backup_mark){b->made_at / US_PER_S, b->bytes};
        if (b->due.at_unix >= b->told.last.at_unix)
            b->told.last = b->due;
        (void)pthread_cond_broadcast(&b->changed);
    }
    /* Who still reads it has it open. */
    if (is_whole && b->phase == PHASE_KEPT)
        drop_copy(b);
    b->until = clock_mono() + BACKUP_KEPT_US;
    (void)pthread_mutex_unlock(&b->lock);
}

void backups_tell(struct backups *b, struct backups_told *out)
{
    *out = (struct backups_told){.is_off = true};
    if (b == NULL)
        return;
    (void)pthread_mutex_lock(&b->lock);
    *out = b->told;
    (void)pthread_mutex_unlock(&b->lock);
}

/* --- life ------------------------------------------------------------------------------------- */

struct backups *backups_new(const char *db_path, const char *state_dir)
{
    struct backups *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->lock_fd = -1;
    (void)pthread_mutex_init(&b->lock, NULL); /* these can't fail on Linux without attributes */
    (void)pthread_cond_init(&b->changed, NULL);
    b->db_path = strdup(db_path);
    if (state_dir != NULL)
        b->state_dir = strdup(state_dir);
    if (b->db_path == NULL || (state_dir != NULL && b->state_dir == NULL)) {
        backups_free(b);
        return NULL;
    }
    b->told.is_off = b->state_dir == NULL;
    if (b->state_dir == NULL)
        return b;
    take_folder(b);
    backup_mark_read(b->state_dir, &b->told.last);
    if (b->refusal[0] == '\0') {
        b->has_thread = pthread_create(&b->thread, NULL, run, b) == 0;
        if (!b->has_thread)
            refuse(b, "no thread can be made");
    }
    return b;
}

void backups_free(struct backups *b)
{
    if (b == NULL)
        return;
    if (b->has_thread) {
        (void)pthread_mutex_lock(&b->lock);
        b->is_stopping = true;
        (void)pthread_cond_broadcast(&b->changed);
        (void)pthread_mutex_unlock(&b->lock);
        (void)pthread_join(b->thread, NULL);
        delete_old(b->state_dir);
    }
    if (b->lock_fd >= 0)
        IGNORE(close(b->lock_fd), "releases the lock");
    (void)pthread_cond_destroy(&b->changed);
    (void)pthread_mutex_destroy(&b->lock);
    free(b->db_path);
    free(b->state_dir);
    free(b);
}
