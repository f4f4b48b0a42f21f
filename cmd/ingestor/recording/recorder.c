/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/recording/recorder.h"

#include "cmd/ingestor/recording/message_line.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Thousands of ordinary messages; then the batch is committed. */
#define FULL_BYTES ((size_t)8 << 20)
/* What a pipe's reader may make a batch wait. */
#define READER_WAIT_US ((mono_us)US_PER_S)

struct recorder {
    const char *path;
    int fd; /* -1 = the recording has ended */
    struct message_text text;
    uint64_t waiting, lost; /* messages */
};

static void end_recording(struct recorder *recorder, const char *why)
{
    log_event(LOG_WARN, "recorder", "recording ended, ingest goes on",
              KV(KV_STR("file", recorder->path), KV_STR("error", why)));
    if (recorder->fd >= 0)
        IGNORE(close(recorder->fd), "nothing more is written to it");
    recorder->fd = -1;
    free(recorder->text.bytes);
    recorder->text = (struct message_text){0};
}

/* A crash may have cut the last line. */
static bool ends_with_newline(const char *path, const struct stat *file)
{
    char last = '\n';
    if (!S_ISREG(file->st_mode) || file->st_size == 0)
        return true;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true; /* a file that only takes: nothing to be seen */
    const bool is_read = pread(fd, &last, 1, file->st_size - 1) == 1;
    IGNORE(close(fd), "read-only");
    return !is_read || last == '\n';
}

struct recorder *recorder_new(const char *path)
{
    struct recorder *recorder = calloc(1, sizeof *recorder);
    if (recorder == NULL)
        return NULL;
    recorder->path = path;
    recorder->fd =
        open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    struct stat file;
    if (recorder->fd < 0 || fstat(recorder->fd, &file) != 0 ||
        (!ends_with_newline(path, &file) && write(recorder->fd, "\n", 1) != 1))
        end_recording(recorder, strerror(errno));
    return recorder;
}

void recorder_free(struct recorder *recorder)
{
    if (recorder == NULL)
        return;
    if (recorder->fd >= 0)
        IGNORE(close(recorder->fd), "every write was judged");
    free(recorder->text.bytes);
    free(recorder);
}

void recorder_add(struct recorder *recorder, const char *source, const struct ring_message *message)
{
    if (recorder == NULL)
        return;
    recorder->waiting++;
    if (recorder->fd >= 0 && !message_line_append(&recorder->text, source, message)) {
        /* What waits is of a batch that is not committed yet: recorder_committed counts it. */
        end_recording(recorder, "out of memory");
    }
}

bool recorder_is_full(const struct recorder *recorder)
{
    return recorder != NULL && recorder->text.len >= FULL_BYTES;
}

/* Of a pipe or a terminal; false: it did not read in time. */
static bool wait_for_reader(int fd, mono_us until)
{
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    const mono_us left = until - clock_mono();
    if (left > 0)
        IGNORE(poll(&out, 1, (int)(left / US_PER_MS) + 1), "the next write says the same");
    return left > 0;
}

/* Whole lines or nothing: what a failed write has left of the text is cut off again. */
static bool write_all(struct recorder *recorder)
{
    const struct message_text *text = &recorder->text;
    struct stat before;
    const mono_us until = clock_mono() + READER_WAIT_US;
    const bool can_cut = fstat(recorder->fd, &before) == 0 && S_ISREG(before.st_mode);
    for (size_t done = 0; done < text->len;) {
        const ssize_t n = write(recorder->fd, text->bytes + done, text->len - done);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && wait_for_reader(recorder->fd, until))
            continue;
        const int error = n < 0 ? errno : EIO;
        if (can_cut)
            IGNORE(ftruncate(recorder->fd, before.st_size),
                   "a cut line is ended at the next start");
        errno = error;
        return false;
    }
    return true;
}

void recorder_committed(struct recorder *recorder)
{
    if (recorder == NULL)
        return;
    if (recorder->fd >= 0 && recorder->text.len > 0 && !write_all(recorder))
        end_recording(recorder, strerror(errno));
    if (recorder->fd < 0)
        recorder->lost += recorder->waiting;
    recorder_rolled_back(recorder);
}

void recorder_rolled_back(struct recorder *recorder)
{
    if (recorder == NULL)
        return;
    recorder->waiting = 0;
    recorder->text.len = 0;
}

uint64_t recorder_lost(const struct recorder *recorder)
{
    return recorder != NULL ? recorder->lost : 0;
}
