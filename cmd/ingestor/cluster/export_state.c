/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/cluster/export_state.h"

#include "cmd/ingestor/shared/export_progress.h"
#include "common/base/file.h"
#include "common/base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION 2
/* Behind the last line: a text that was cut has none. */
#define END "end\n"

enum status export_state_write(const char *path, const struct export_state *state, struct err *err)
{
    char text[EXPORT_STATE_MAX];
    char store[2 * CLUSTER_ID_BYTES + 1];
    uint64_t rows = 0;
    for (size_t i = 0; i < FACT_SOURCES; i++)
        rows += state->sources[i].rows;
    hex_encode_lower(state->store, sizeof state->store, store);
    int len =
        snprintf(text, sizeof text,
                 "weir-store-export %d\nstore %s\ndatabase %" PRId64 " %" PRId64
                 "\nmark %s\nfinished %d exact %d\n" EXPORT_PROGRESS_FORMAT,
                 VERSION, store, state->created_ms, state->commits, state->mark, state->is_finished,
                 state->is_exact, rows, state->is_finished ? rows : max_u64(rows, state->total));
    for (size_t i = 0; i < FACT_SOURCES; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, "%s %" PRId64 " %" PRIu64 "\n",
                        fact_tables[fact_sources[i].fact].name, state->sources[i].position,
                        state->sources[i].rows);
    len += snprintf(text + len, sizeof text - (size_t)len, END);
    return file_replace(path, text, (size_t)len, FILE_PRIVATE, true, err);
}

static bool read_head(const char *text, struct export_state *out, int *out_len)
{
    char store[2 * CLUSTER_ID_BYTES + 1];
    int version = 0;
    int is_finished = 0;
    int is_exact = 0;
    uint64_t rows = 0; /* the sum of those below */
    size_t len = 0;
    *out_len = 0;
    if (sscanf(text,
               "weir-store-export %d\nstore %32s\ndatabase %" SCNd64 " %" SCNd64
               "\nmark %32s\nfinished %d exact %d\n" EXPORT_PROGRESS_PATTERN "\n%n",
               &version, store, &out->created_ms, &out->commits, out->mark, &is_finished, &is_exact,
               &rows, &out->total, out_len) != 9)
        return false;
    out->is_finished = is_finished == 1;
    out->is_exact = is_exact == 1;
    return version == VERSION && *out_len > 0 &&
           hex_decode(store, strlen(store), out->store, sizeof out->store, &len) &&
           len == sizeof out->store;
}

static bool parse(const char *text, struct export_state *out)
{
    int len = 0;
    if (!read_head(text, out, &len))
        return false;
    for (size_t i = 0; i < FACT_SOURCES; i++) {
        char name[33];
        int n = 0;
        text += len;
        len = 0;
        if (i > 0 && strcmp(text, END) == 0) /* an older program's: it knew fewer */
            return true;
        if (sscanf(text, "%32s %" SCNd64 " %" SCNu64 "\n%n", name, &out->sources[i].position,
                   &out->sources[i].rows, &n) != 3 ||
            strcmp(name, fact_tables[fact_sources[i].fact].name) != 0)
            return false;
        len = n;
    }
    return strcmp(text + len, END) == 0;
}

enum status export_state_read(const char *path, struct export_state *out)
{
    char text[EXPORT_STATE_MAX];
    int64_t unix_s = 0;
    const enum status status = export_state_text(path, text, &unix_s);
    if (status != STATUS_OK)
        return status;
    *out = (struct export_state){.created_ms = 0};
    return parse(text, out) ? STATUS_OK : STATUS_NOT_FOUND;
}
