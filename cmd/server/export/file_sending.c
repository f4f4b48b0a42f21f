/* SPDX-License-Identifier: MIT */
#include "cmd/server/export/file_sending.h"

#include "common/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pieces a second of a throttled file, so that it flows. */
#define PIECES_A_SECOND 8
#define PIECE_LEAST     1024
#define PIECE_BYTES     65536

struct sending {
    struct http_export export; /* first: what http is given leads back here */
    struct file_sending file;
    int64_t at;
    char piece[PIECE_BYTES];
};

static size_t piece_bytes(const struct sending *sending)
{
    uint64_t bytes = PIECE_BYTES;
    if (sending->file.bytes_per_second > 0) {
        const uint64_t share = sending->file.bytes_per_second / PIECES_A_SECOND;
        bytes = max_u64(PIECE_LEAST, min_u64(share, PIECE_BYTES));
    }
    return (size_t)min_u64(bytes, (uint64_t)(sending->file.length - sending->at));
}

/* The next piece is due when this one has taken its time. */
static void next_piece(struct http_export *export, bool is_chunked)
{
    struct sending *sending = (struct sending *)(void *)export;
    const struct file_sending *file = &sending->file;
    const size_t wanted = piece_bytes(sending);
    ssize_t n;
    (void)is_chunked; /* its length is known */
    do
        n = pread(file->fd, sending->piece, wanted, sending->at);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        log_event(LOG_ERROR, file->component, "the file can't be read",
                  KV(KV_STR("error", n < 0 ? strerror(errno) : "it was cut")));
    export->bytes = sending->piece;
    export->len = n > 0 ? (size_t)n : 0;
    export->has_failed = n <= 0;
    sending->at += n > 0 ? n : 0;
    export->is_last = sending->at == file->length;
    if (file->bytes_per_second > 0) {
        const mono_us now = clock_mono();
        export->due = (export->due > now ? export->due : now) +
                      (mono_us)(export->len * US_PER_S / file->bytes_per_second);
    }
}

static void end(const struct file_sending *file, bool is_sent)
{
    IGNORE(close(file->fd), "read-only");
    file->done(file->context, is_sent);
}

static void free_sending(struct http_export *export)
{
    struct sending *sending = (struct sending *)(void *)export;
    end(&sending->file, export->is_sent);
    free(sending);
}

struct http_export *file_sending_new(const struct file_sending *setup)
{
    struct sending *sending = calloc(1, sizeof *sending);
    if (sending == NULL) {
        end(setup, false);
        return NULL;
    }
    sending->export =
        (struct http_export){.next = next_piece, .free = free_sending, .length = setup->length};
    sending->file = *setup;
    return &sending->export;
}
