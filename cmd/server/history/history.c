/* SPDX-License-Identifier: MIT */
#include "cmd/server/history/history.h"

#include "common/base/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC      "WeirHis1"
#define HEAD_BYTES 4096

const struct history_level history_levels[HISTORY_LEVELS] = {{1, 3600}, {10, 8640}, {300, 8640}};

/* What the file says of itself; the series by a checksum of their names in order. */
struct head {
    char magic[8];
    uint32_t count, names_crc;
};

/* A row in the file: this, then the values. */
struct row_head {
    uint32_t bucket, crc;
};

/* Of the bucket that is being filled. */
struct gathered {
    int64_t bucket; /* -1 = none */
    struct sum {
        double sum;
        float min, max;
        uint32_t n;
    } * sums;
};

struct history {
    /* constant after init */
    size_t count, row_bytes;
    int fds[HISTORY_LEVELS]; /* -1 = none; the two long levels share one */
    off_t bases[HISTORY_LEVELS];
    /* guarded by lock */
    pthread_mutex_t lock;
    struct gathered levels[HISTORY_LEVELS];
    uint8_t *row; /* room for one */
    int64_t last_s;
    /* atomic */
    _Atomic bool is_failed;
};

static size_t values_bytes(const struct history *h)
{
    return h->count * sizeof(struct history_value);
}

static uint32_t row_crc(const struct history *h, uint32_t bucket, const void *values)
{
    return crc32c(crc32c(0, &bucket, sizeof bucket), values, values_bytes(h));
}

static off_t row_at(const struct history *h, size_t level, int64_t bucket)
{
    return h->bases[level] + (off_t)(bucket % history_levels[level].rows) * (off_t)h->row_bytes;
}

/* --- the file --------------------------------------------------------------------------------- */

static struct head head_of(const char *const *names, size_t count)
{
    struct head head = {.count = (uint32_t)count};
    memcpy(head.magic, MAGIC, sizeof head.magic);
    for (size_t i = 0; i < count; i++)
        head.names_crc = crc32c(head.names_crc, names[i], strlen(names[i]) + 1);
    return head;
}

static off_t file_bytes(const struct history *h)
{
    return HEAD_BYTES +
           (off_t)(history_levels[1].rows + history_levels[2].rows) * (off_t)h->row_bytes;
}

static enum status fault(struct err *err, const char *path, const char *what)
{
    return err_set(err, STATUS_IO, errno, path, "%s: %s", what, strerror(errno));
}

/* Empty, with room for all of it: a full disk is found out now. */
static enum status begin_file(const struct history *h, int fd, const struct head *head,
                              const char *path, struct err *err)
{
    if (ftruncate(fd, 0) != 0)
        return fault(err, path, "can't be emptied");
    errno = posix_fallocate(fd, 0, file_bytes(h));
    if (errno != 0)
        return fault(err, path, "no room for the history");
    if (pwrite(fd, head, sizeof *head, 0) != (ssize_t)sizeof *head)
        return fault(err, path, "can't be written");
    return STATUS_OK;
}

/* The descriptor, or -1 with the reason. */
static int open_file(const struct history *h, const struct head *head, const char *path,
                     struct err *err)
{
    struct head found = {0};
    struct stat st;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        IGNORE(fault(err, path, "can't be opened"), "-1 says it");
        return -1;
    }
    enum status status = STATUS_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        status = err_set(err, STATUS_BUSY, errno, path, "another server has it");
    else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        status = err_set(err, STATUS_FOREIGN, 0, path, "is no regular file");
    else if (st.st_size != file_bytes(h) ||
             pread(fd, &found, sizeof found, 0) != (ssize_t)sizeof found ||
             memcmp(&found, head, sizeof found) != 0) {
        const bool is_ours = st.st_size == 0 || memcmp(found.magic, head->magic, 8) == 0;
        status = is_ours ? begin_file(h, fd, head, path, err)
                         : err_set(err, STATUS_FOREIGN, 0, path, "is no history of Weir's");
        if (status == STATUS_OK && st.st_size > 0)
            IGNORE(err_set(err, STATUS_FOREIGN, 0, path,
                           "holds other series than this version keeps: begun anew"),
                   "a note, no failure");
    }
    if (status == STATUS_OK)
        return fd;
    IGNORE(close(fd), "nothing was written");
    return -1;
}

static int open_memory(void)
{
    return memfd_create("weir-history", MFD_CLOEXEC);
}

static bool open_levels(struct history *h, const struct head *head, const char *path,
                        struct err *err)
{
    h->fds[0] = open_memory();
    h->fds[1] = path != NULL ? open_file(h, head, path, err) : -1;
    if (h->fds[1] < 0)
        h->fds[1] = open_memory();
    h->fds[2] = h->fds[1];
    h->bases[1] = HEAD_BYTES;
    h->bases[2] = HEAD_BYTES + (off_t)history_levels[1].rows * (off_t)h->row_bytes;
    return h->fds[0] >= 0 && h->fds[1] >= 0;
}

/* --- life ------------------------------------------------------------------------------------- */

static void forget(struct history *h, struct gathered *g)
{
    g->bucket = -1;
    for (size_t i = 0; i < h->count; i++)
        g->sums[i] = (struct sum){.min = INFINITY, .max = -INFINITY};
}

static bool make_levels(struct history *h)
{
    h->row = malloc(h->row_bytes);
    for (size_t i = 0; i < HISTORY_LEVELS; i++) {
        h->levels[i].sums = calloc(h->count, sizeof *h->levels[i].sums);
        if (h->levels[i].sums == NULL)
            return false;
        forget(h, &h->levels[i]);
    }
    return h->row != NULL;
}

struct history *history_new(const char *const *names, size_t count, const char *path,
                            struct err *err)
{
    if (err != NULL)
        *err = (struct err){.status = STATUS_OK};
    struct history *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->count = min_size(count, HISTORY_SERIES_MAX);
    h->row_bytes = sizeof(struct row_head) + values_bytes(h);
    h->fds[0] = h->fds[1] = h->fds[2] = -1;
    (void)pthread_mutex_init(&h->lock, NULL); /* can't fail on Linux without attributes */
    const struct head head = head_of(names, h->count);
    if (make_levels(h) && open_levels(h, &head, path, err))
        return h;
    history_free(h);
    return NULL;
}

static void write_row(struct history *h, size_t level);

void history_free(struct history *h)
{
    if (h == NULL)
        return;
    for (size_t i = 1; i < HISTORY_LEVELS; i++) {
        if (h->fds[i] >= 0 && h->row != NULL && h->levels[i].sums != NULL)
            write_row(h, i);
    }
    for (size_t i = 0; i < HISTORY_LEVELS; i++)
        free(h->levels[i].sums);
    for (size_t i = 0; i < HISTORY_LEVELS - 1; i++) {
        if (h->fds[i] >= 0)
            IGNORE(close(h->fds[i]), "every row was written on its own");
    }
    free(h->row);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_row(struct history *h, size_t level)
{
    struct gathered *g = &h->levels[level];
    if (g->bucket < 0)
        return;
    struct history_value *values =
        (struct history_value *)(void *)(h->row + sizeof(struct row_head));
    for (size_t i = 0; i < h->count; i++) {
        const struct sum *s = &g->sums[i];
        values[i] = s->n > 0
                        ? (struct history_value){s->min, s->max, (float)(s->sum / (double)s->n)}
                        : (struct history_value){NAN, NAN, NAN};
    }
    const struct row_head head = {(uint32_t)g->bucket, row_crc(h, (uint32_t)g->bucket, values)};
    memcpy(h->row, &head, sizeof head);
    if (pwrite(h->fds[level], h->row, h->row_bytes, row_at(h, level, g->bucket)) !=
        (ssize_t)h->row_bytes)
        atomic_store_explicit(&h->is_failed, true, memory_order_relaxed);
    forget(h, g);
}

static void gather(struct history *h, size_t level, int64_t unix_s, const double *values)
{
    struct gathered *g = &h->levels[level];
    const int64_t bucket = unix_s / history_levels[level].step_s;
    if (g->bucket != bucket) {
        write_row(h, level);
        g->bucket = bucket;
    }
    for (size_t i = 0; i < h->count; i++) {
        struct sum *s = &g->sums[i];
        if (!isfinite(values[i]))
            continue;
        s->min = fminf(s->min, (float)values[i]);
        s->max = fmaxf(s->max, (float)values[i]);
        s->sum += values[i];
        s->n++;
    }
    if (level == 0) /* a second is whole at once */
        write_row(h, level);
}

void history_add(struct history *h, int64_t unix_s, const double *values)
{
    (void)pthread_mutex_lock(&h->lock);
    if (unix_s > h->last_s) {
        h->last_s = unix_s;
        for (size_t i = 0; i < HISTORY_LEVELS; i++)
            gather(h, i, unix_s, values);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

bool history_is_kept(const struct history *h)
{
    return !atomic_load_explicit(&h->is_failed, memory_order_relaxed);
}

/* --- reading ---------------------------------------------------------------------------------- */

size_t history_choose(int64_t from_s, int64_t to_s, int64_t now_s, size_t points_max)
{
    for (size_t i = 0; i < HISTORY_LEVELS - 1; i++) {
        const struct history_level *level = &history_levels[i];
        if (from_s > now_s - level->step_s * level->rows &&
            (to_s - from_s) / level->step_s <= (int64_t)points_max)
            return i;
    }
    return HISTORY_LEVELS - 1;
}

bool history_read(struct history *h, size_t level, int64_t unix_s, struct history_value *out)
{
    const int64_t bucket = unix_s / history_levels[level].step_s;
    struct row_head head;
    const off_t at = row_at(h, level, bucket);
    return bucket >= 0 && pread(h->fds[level], &head, sizeof head, at) == (ssize_t)sizeof head &&
           head.bucket == (uint32_t)bucket &&
           pread(h->fds[level], out, values_bytes(h), at + (off_t)sizeof head) ==
               (ssize_t)values_bytes(h) &&
           row_crc(h, head.bucket, out) == head.crc;
}
