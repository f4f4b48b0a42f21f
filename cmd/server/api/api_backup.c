/* SPDX-License-Identifier: MIT
 *
 * /api/backup: the database as one file. The first request begins a copy and is told when to come
 * back; once it is made and checked, a client is sent it from the disk, throttled. */
#include "cmd/server/api/api.h"
#include "cmd/server/api/families.h"
#include "cmd/server/backup/backups.h"
#include "cmd/server/http/export.h"
#include "common/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Pieces a second of a throttled copy, so that it flows. */
#define PIECES_A_SECOND 8
#define PIECE_LEAST     1024
#define PIECE_BYTES     65536

/* The file that one client is sent. */
struct sending {
    struct http_export export; /* first */
    struct backups *backups;
    int fd;
    int64_t at;
    uint64_t bytes_per_second; /* 0 = not throttled */
    char piece[PIECE_BYTES];
};

static size_t piece_bytes(const struct sending *sending)
{
    const uint64_t share = sending->bytes_per_second / PIECES_A_SECOND;
    uint64_t bytes = sending->bytes_per_second == 0 || share > PIECE_BYTES ? PIECE_BYTES : share;
    if (bytes < PIECE_LEAST)
        bytes = PIECE_LEAST;
    return (size_t)min_u64(bytes, (uint64_t)(sending->export.length - sending->at));
}

/* The next piece is due when this one has taken its time. */
static void next_piece(struct http_export *export, bool is_chunked)
{
    struct sending *sending = (struct sending *)(void *)export;
    const size_t wanted = piece_bytes(sending);
    ssize_t n;
    (void)is_chunked; /* its length is known */
    do
        n = pread(sending->fd, sending->piece, wanted, sending->at);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        log_event(LOG_ERROR, "backup", "the copy can't be read",
                  KV(KV_STR("error", n < 0 ? strerror(errno) : "it was cut")));
    export->bytes = sending->piece;
    export->len = n > 0 ? (size_t)n : 0;
    export->has_failed = n <= 0;
    sending->at += n > 0 ? n : 0;
    export->is_last = sending->at == export->length;
    if (sending->bytes_per_second > 0) {
        const mono_us now = clock_mono();
        export->due = (export->due > now ? export->due : now) +
                      (mono_us)(export->len * US_PER_S / sending->bytes_per_second);
    }
}

static void end_sending(struct http_export *export)
{
    struct sending *sending = (struct sending *)(void *)export;
    IGNORE(close(sending->fd), "read-only");
    backups_sent(sending->backups, export->is_sent);
    free(sending);
}

/* NULL = no memory: the copy is given back. */
static struct http_export *send_copy(struct api *api, const struct backup_answer *answer)
{
    struct sending *sending = calloc(1, sizeof *sending);
    if (sending == NULL) {
        IGNORE(close(answer->fd), "read-only");
        backups_sent(api->backups, false);
        return NULL;
    }
    sending->export =
        (struct http_export){.next = next_piece, .free = end_sending, .length = answer->bytes};
    sending->backups = api->backups;
    sending->fd = answer->fd;
    sending->bytes_per_second = (uint64_t)api->config->backup_bytes_per_second;
    return &sending->export;
}

/* Named after the moment that it shows. */
static void name_copy(struct http_reply *reply, wall_us made_at)
{
    const time_t seconds = (time_t)(made_at / US_PER_S);
    struct tm tm;
    char text[80];
    if (gmtime_r(&seconds, &tm) != NULL &&
        strftime(text, sizeof text, "attachment; filename=\"weir-%Y%m%dT%H%M%SZ.db\"", &tm) > 0)
        http_reply_line(reply, "Content-Disposition", text);
    if (gmtime_r(&seconds, &tm) != NULL &&
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
        http_reply_line(reply, "Last-Modified", text);
}

static void come_back(struct http_reply *reply, int seconds, const char *text)
{
    char number[16];
    http_reply_error(reply, 503, text);
    (void)snprintf(number, sizeof number, "%d", seconds);
    http_reply_line(reply, "Retry-After", number);
}

static void give_answer(struct api *api, const struct backup_answer *answer,
                        struct http_reply *reply)
{
    char text[96];
    switch (answer->state) {
    case BACKUP_OFF:
        http_reply_error(reply, 501,
                         "no backups: set stateDir to a folder that the server may write and that"
                         " has room for two databases");
        break;
    case BACKUP_MAKING:
        (void)snprintf(text, sizeof text, "the copy is being made (%u %%): ask again",
                       answer->percent);
        come_back(reply, answer->retry_s, text);
        break;
    case BACKUP_BUSY:
        come_back(reply, answer->retry_s, "others are being sent the copy: ask again");
        break;
    case BACKUP_NO_SPACE:
        http_reply_error(reply, 507, answer->text);
        break;
    case BACKUP_FAILED:
        http_reply_error(reply, 500, answer->text);
        break;
    case BACKUP_READY:
        reply->content_type = "application/vnd.sqlite3";
        name_copy(reply, answer->made_at);
        reply->export = send_copy(api, answer);
        break;
    }
}

static void get_backup(struct api *api, const struct http_request *request,
                       struct http_reply *reply)
{
    struct backup_answer answer;
    (void)request;
    backups_ask(api->backups, &answer);
    give_answer(api, &answer, reply);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/backup",
     .handler = get_backup,
     .waits = true,
     .cache = HTTP_NO_STORE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "a copy of the database in a thread of its own; sent by 64 KiB of memory",
     .summary = "The database as one file; 503 with Retry-After while the copy is made",
     .access = HTTP_WRITE,
     .answer = "application/vnd.sqlite3"},
};
const struct route_family api_backup_routes = {rows, ARRAY_LEN(rows)};
