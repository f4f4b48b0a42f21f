/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_export.h"

#include "cmd/server/api/api_ask.h"
#include "cmd/server/export/export_rows.h"
#include "cmd/server/http/export.h"
#include "cmd/server/http/ready.h"
#include "cmd/server/http/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Others wait for the worker and the reader meanwhile. */
#define PIECE_US       ((mono_us)50 * US_PER_MS)
#define PIECE_AGAIN_US ((mono_us)250 * US_PER_MS)

struct export
{
    struct http_export base; /* first: what http is given leads back here */
    const struct model *model;
    _Atomic int *under_way;
    struct http_request request; /* a copy; so is all that it names */
    struct http_query query;
    char arguments[HTTP_PATH_MAX];
    struct export_rows rows;
    bool is_made;          /* the piece in `rows` was not sent yet */
    mono_us failing_since; /* 0 = the last piece was made */
};

/* --- the request, which outlives the client's input ------------------------------------------- */

static void copy_query(struct http_query *to, const struct http_query *from)
{
    *to = *from;
    for (size_t i = 0; from->declared != NULL && from->declared[i].name != NULL; i++) {
        if (from->values[i] != NULL)
            to->values[i] = to->text + (from->values[i] - from->text);
    }
}

static void copy_request(struct export *export, const struct http_request *request)
{
    size_t used = 0;
    export->request = *request;
    export->request.body = "";
    export->request.body_len = 0;
    copy_query(&export->query, request->query);
    export->request.query = &export->query;
    for (size_t i = 0; i < request->argument_count; i++) {
        const size_t len = strlen(request->arguments[i]) + 1;
        memcpy(export->arguments + used, request->arguments[i], len);
        export->request.arguments[i] = export->arguments + used;
        used += len;
    }
}

/* --- pieces ----------------------------------------------------------------------------------- */

static void ask_exporter(void *context, struct asking *asking, struct http_reply *reply)
{
    struct export *export = context;
    export->request.route->exporter(asking, &export->request, &export->rows, reply);
}

/* False = the reply says why, or memory was short. */
static bool make_piece(struct export *export, struct http_reply *reply)
{
    export_rows_begin(&export->rows, PIECE_US);
    const bool is_asked = api_ask_whole(export->model, ask_exporter, export, reply);
    export->rows.is_last |= export->rows.left == 0;
    export->is_made = true;
    return is_asked && reply->body == NULL && !export->rows.has_failed;
}

/* Nothing of the piece is kept; it is made again later, or never. */
static void put_off(struct export *export, bool may_come)
{
    const mono_us now = clock_mono();
    if (export->failing_since == 0)
        export->failing_since = now;
    export->base.has_failed = !may_come || now - export->failing_since > API_EXPORT_PATIENCE_US;
    export->base.due = now + PIECE_AGAIN_US;
    export->rows.len = 0;
    export->rows.is_last = false;
}

static void make_later_piece(struct export *export)
{
    struct export_rows *rows = &export->rows;
    const uint64_t left = rows->left;
    char cursor[EXPORT_CURSOR_MAX];
    struct http_reply reply;
    memcpy(cursor, rows->cursor, sizeof cursor);
    http_reply_init(&reply, HTTP_NO_STORE);
    const bool is_made = make_piece(export, &reply);
    free(reply.body);
    if (is_made) {
        export->failing_since = export->base.due = 0;
        return;
    }
    memcpy(rows->cursor, cursor, sizeof cursor);
    rows->left = left;
    put_off(export, reply.status == 503 && !rows->has_failed);
}

static void next(struct http_export *self, bool is_chunked)
{
    struct export *export = (struct export *)(void *)self;
    if (!export->is_made)
        make_later_piece(export);
    export->is_made = false;
    self->is_last = export->rows.is_last;
    self->bytes = export->rows.bytes;
    self->len = export->rows.len;
    if (is_chunked)
        self->bytes = export_frame(export->rows.bytes, export->rows.len, self->is_last, &self->len);
}

static void free_export(struct http_export *self)
{
    struct export *export = (struct export *)(void *)self;
    atomic_fetch_sub(export->under_way, 1);
    export_rows_done(&export->rows);
    free(export);
}

/* --- the answer ------------------------------------------------------------------------------- */

static struct export *export_new(const struct model *model, _Atomic int *under_way,
                                 const struct http_request *request, enum export_format format)
{
    struct export *export = calloc(1, sizeof *export);
    if (export == NULL || !export_rows_init(&export->rows)) {
        free(export);
        return NULL;
    }
    export->base.next = next;
    export->base.free = free_export;
    export->model = model;
    export->under_way = under_way;
    export->rows.format = format;
    export->rows.is_first = true;
    export->rows.left = http_query_limit(request->query, "limit", SIZE_MAX, SIZE_MAX);
    copy_request(export, request);
    const char *cursor = http_query_text(request->query, "cursor");
    (void)snprintf(export->rows.cursor, sizeof export->rows.cursor, "%s",
                   cursor != NULL ? cursor : "");
    return export;
}

static struct http_ready *refuse(int status, const char *field, const char *why)
{
    struct http_reply reply;
    http_reply_init(&reply, HTTP_NO_STORE);
    http_reply_field_error(&reply, status, field, why);
    return http_ready_new(&reply, NULL);
}

static struct http_ready *begin(struct export *export)
{
    struct http_reply reply;
    http_reply_init(&reply, HTTP_NO_STORE);
    if (!make_piece(export, &reply)) {
        free_export(&export->base);
        return http_ready_new(&reply, NULL);
    }
    export->rows.is_first = false;
    const bool is_csv = export->rows.format == EXPORT_CSV;
    reply.content_type = is_csv ? "text/csv; charset=utf-8" : "application/x-ndjson";
    http_reply_line(&reply, "Content-Disposition",
                    is_csv ? "attachment; filename=\"export.csv\""
                           : "attachment; filename=\"export.ndjson\"");
    reply.export = &export->base;
    return http_ready_new(&reply, NULL);
}

bool api_export(const struct model *model, _Atomic int *under_way,
                const struct http_request *request, struct http_ready **out)
{
    const char *format =
        request->route->exporter != NULL ? http_query_text(request->query, "format") : NULL;
    if (format == NULL || *format == '\0' || strcmp(format, "json") == 0)
        return false;
    const bool is_csv = strcmp(format, "csv") == 0;
    const bool is_file = is_csv || strcmp(format, "ndjson") == 0;
    if (!is_file && request->route->reads_format)
        return false;
    if (!is_file) {
        *out = refuse(400, "format", "json, ndjson or csv");
        return true;
    }
    if (atomic_fetch_add(under_way, 1) >= API_EXPORTS_MAX) {
        atomic_fetch_sub(under_way, 1);
        *out = refuse(503, NULL, "too many exports at once: ask again later");
        return true;
    }
    struct export *export =
        export_new(model, under_way, request, is_csv ? EXPORT_CSV : EXPORT_NDJSON);
    if (export == NULL)
        atomic_fetch_sub(under_way, 1);
    *out = export != NULL ? begin(export) : NULL;
    return true;
}
