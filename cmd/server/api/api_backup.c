/* SPDX-License-Identifier: MIT
 *
 * /api/backup: the database as one file. The first request begins a copy and is told when to come
 * back; once it is made and checked, a client is sent it from the disk, throttled. */
#include "cmd/server/api/api.h"
#include "cmd/server/api/families.h"
#include "cmd/server/export/file_sending.h"
#include "cmd/server/backup/backups.h"

#include <stdio.h>
#include <time.h>

static void end_sending(void *context, bool is_sent)
{
    backups_sent(context, is_sent);
}

/* NULL = no memory: the copy is given back. */
static struct http_export *send_copy(struct api *api, const struct backup_answer *answer)
{
    const struct file_sending sending = {
        .fd = answer->fd,
        .length = answer->bytes,
        .bytes_per_second = (uint64_t)atomic_load(api->backup_bytes_per_second),
        .component = "backup",
        .done = end_sending,
        .context = api->backups,
    };
    return file_sending_new(&sending);
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
     .is_of_file = true,
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
