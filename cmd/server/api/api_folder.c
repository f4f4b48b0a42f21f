/* SPDX-License-Identifier: MIT
 *
 * The folder that the operator put in our page's place (webRoot). A path of no file is the page's
 * own: its index answers, unless the path names what is no page. What fits WHOLE_MAX is kept as
 * rendered bytes (cache.h) for as long as the file has one identity; a larger one is sent piece by
 * piece. */
#include "cmd/server/api/api.h"
#include "cmd/server/api/families.h"
#include "cmd/server/export/file_sending.h"
#include "cmd/server/page/folder.h"
#include "cmd/server/page/media_type.h"
#include "common/base/crypto.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WHOLE_MAX       ((off_t)1 << 20)
#define LARGE_FILES_MAX 32 /* at once: each costs a piece of memory */

struct job {
    const struct config *config;
    const struct folder_file *file;
};

static void init_reply(const struct job *job, struct http_reply *reply)
{
    const char *csp = job->config->web_root_csp;
    http_reply_init(reply, HTTP_FOREIGN);
    reply->content_type = job->file->type;
    if (csp != NULL && csp[0] != '\0')
        http_reply_line(reply, "Content-Security-Policy", csp);
}

static struct http_ready *refuse(int status, const char *text)
{
    struct http_reply reply;
    http_reply_init(&reply, HTTP_NO_STORE);
    http_reply_error(&reply, status, text);
    return http_ready_new(&reply, NULL);
}

static struct http_ready *fail(int error)
{
    char text[160];
    (void)snprintf(text, sizeof text, "webRoot can't be read: %s", strerror(error));
    return refuse(500, text);
}

/* --- small files ------------------------------------------------------------------------------ */

static struct cache_made make_whole(void *context)
{
    const struct job *job = context;
    struct http_reply reply;
    init_reply(job, &reply);
    reply.body = folder_read(job->file, &reply.body_len);
    const bool is_read = reply.body != NULL;
    struct cache_made made = {
        .validity = {UINT64_MAX, is_read && job->file->is_settled ? INT64_MAX : 0}};
    made.ready = is_read ? http_ready_new(&reply, NULL) : fail(errno);
    return made;
}

static struct http_ready *give_whole(struct api *api, const struct http_request *request,
                                     const struct folder_file *file)
{
    struct job job = {api->started_with, file};
    const struct cache_key key = {request->route_number, file->identity, strlen(file->identity)};
    const struct cache_wanted wanted = {.now = clock_mono()};
    struct http_ready *ready = cache_take(api->cache, &key, &wanted, make_whole, &job);
    IGNORE(close(file->fd), "read-only");
    return ready;
}

/* --- large ones ------------------------------------------------------------------------------- */

static void end_large(void *context, bool is_sent)
{
    struct api *api = context;
    (void)is_sent;
    atomic_fetch_sub(&api->large_files, 1);
}

static struct http_ready *give_large(struct api *api, const struct folder_file *file)
{
    struct http_reply reply;
    if (atomic_fetch_add(&api->large_files, 1) >= LARGE_FILES_MAX) {
        end_large(api, false);
        IGNORE(close(file->fd), "nothing was read");
        return refuse(503, "too many large files at once: ask again later");
    }
    init_reply(&(struct job){api->started_with, file}, &reply);
    if (file->is_settled)
        http_etag_of(&(struct crypto_part){file->identity, strlen(file->identity)}, 1, reply.etag);
    reply.export = file_sending_new(&(struct file_sending){.fd = file->fd,
                                                           .length = file->size,
                                                           .component = "webRoot",
                                                           .done = end_large,
                                                           .context = api});
    return http_ready_new(&reply, NULL);
}

/* --- together --------------------------------------------------------------------------------- */

static enum folder_found find(const char *root, const char *path, struct folder_file *out)
{
    const enum folder_found found = folder_find(root, path, out);
    if (found != FOLDER_ABSENT || media_type_is_part(path))
        return found;
    return folder_find(root, FOLDER_INDEX, out);
}

static struct http_ready *give_file(struct api *api, const struct http_request *request)
{
    struct folder_file file;
    switch (find(api->started_with->web_root, request->arguments[0], &file)) {
    case FOLDER_FILE:
        return file.size <= WHOLE_MAX ? give_whole(api, request, &file) : give_large(api, &file);
    case FOLDER_FAILED:
        return fail(errno);
    case FOLDER_ABSENT:
    case FOLDER_REFUSED:
        break;
    }
    return refuse(404, "not found");
}

static const struct route rows[] = {
    {.method = "GET",
     .path = ROUTE_REST,
     .giver = give_file,
     .waits = true,
     .access = HTTP_OPEN,
     .cache = HTTP_FOREIGN,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "a walk to a file; reading and packing 1 MiB when it is new"},
};
const struct route_family api_folder_routes = {rows, ARRAY_LEN(rows)};
