/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/observers_export.h"

#include "cmd/server/export/export_rows.h"
#include "cmd/server/observers/observer_write.h"

static const char *const columns[] = {"id",        "name",           "iata",         "first_seen",
                                      "last_seen", "last_packet_at", "packet_count", "model",
                                      "firmware",  "client_version", "radio"};

static void write_time(struct export_rows *rows, int64_t ms)
{
    if (ms == DIRECTORY_NEVER)
        export_string(rows, NULL);
    else
        export_time(rows, ms);
}

static void write_columns(struct export_rows *rows, const struct observer *o)
{
    export_string(rows, o->identity);
    export_string(rows, o->name);
    export_string(rows, o->iata);
    write_time(rows, o->first_ms);
    write_time(rows, o->heard_ms);
    write_time(rows, o->packet_ms);
    if (o->packet_count != DIRECTORY_UNKNOWN)
        export_int(rows, o->packet_count);
    else
        export_string(rows, NULL);
    export_string(rows, o->model);
    export_string(rows, o->firmware);
    export_string(rows, o->client_version);
    export_string(rows, o->radio);
}

static void write_observer(struct export_rows *rows, struct asking *asking,
                           const struct observer *o)
{
    char cursor[EXPORT_CURSOR_MAX];
    export_id_cursor(o->id, cursor);
    if (rows->format == EXPORT_CSV) {
        write_columns(rows, o);
        export_line_end(rows, cursor);
        return;
    }
    observer_write(export_value(rows), asking, o, DIRECTORY_UNKNOWN);
    export_value_end(rows, cursor);
}

void observers_export(struct asking *asking, const struct http_request *request,
                      struct export_rows *rows, struct http_reply *reply)
{
    (void)request;
    const struct directory *d = asking_directory(asking);
    int64_t after;
    size_t at = 0;
    if (d == NULL)
        return;
    if (!export_after_id(rows, 0, &after)) {
        http_reply_field_error(reply, 400, "cursor", "no cursor of this list");
        return;
    }
    if (rows->format == EXPORT_CSV)
        export_names(rows, columns, ARRAY_LEN(columns));
    for (; at < d->observer_count && export_rows_want(rows); at++) { /* by id */
        if (d->observers[at].id > after && observer_is_listed(&d->observers[at]))
            write_observer(rows, asking, &d->observers[at]);
    }
    rows->is_last = at == d->observer_count;
}
