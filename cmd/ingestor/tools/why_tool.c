/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/tools/why_tool.h"

#include "cmd/ingestor/tools/tool.h"
#include "common/why/why_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define COMPONENT  "why" /* of the log */
#define ANSWER_MAX ((size_t)4 << 20)
/* The statements of one answer (why_file.c). */
#define STATEMENTS_MAX 8

struct source {
    struct connection connection;
    struct statement statements[STATEMENTS_MAX];
    size_t count;
    bool has_failed;
};

static struct statement *prepare(void *context, const char *sql)
{
    struct source *source = context;
    if (source->has_failed || source->count == STATEMENTS_MAX)
        return NULL;
    struct statement *statement = &source->statements[source->count];
    *statement = (struct statement){.sql = sql};
    source->has_failed = statements_prepare(&source->connection, statement, 1, NULL) != STATUS_OK;
    source->count += !source->has_failed;
    return source->has_failed ? NULL : statement;
}

static enum exit_code answer(const struct config *config, struct source *source,
                             const struct why_query *query)
{
    struct json_write w;
    struct why_file file = {.context = source, .statement = prepare};
    const struct why_source from = why_file_source(&file);
    jw_grow(&w, ANSWER_MAX);
    why_write(&w, query, &from, clock_wall());
    size_t len = 0;
    char *text = jw_take(&w, &len);
    enum exit_code code = EXIT_CLEAN;
    if (source->connection.error[0] != '\0')
        code = tool_cant_read(config, COMPONENT, STATUS_IO, source->connection.error);
    else if (text == NULL)
        code = EXIT_NO_MEMORY;
    else if (printf("%s\n", text) < 0 || fflush(stdout) != 0)
        code = EXIT_IO;
    free(text);
    return code;
}

/* Whatever the text can mean. */
static bool ask(struct why_query *query, const char *what)
{
    const bool is_hash = why_ask_hash(query, what);
    const bool is_node = why_ask_node(query, what);
    const bool is_observer = why_ask_observer(query, what);
    return is_hash || is_node || is_observer;
}

int why_tool_run(struct config *config, const char *what)
{
    struct why_query query = {.is_any = true, .rows_max = WHY_ROWS};
    struct source source = {.count = 0};
    enum exit_code code = EXIT_USAGE;
    if (config->store.shards.count > 0)
        (void)fprintf(stderr,
                      "%s: packets are in the store of storeUrl, not in dbPath: what this ingestor "
                      "refused is told, whether a packet is stored a server with storeReaderUser "
                      "tells (GET /api/why)\n",
                      program_invocation_short_name);
    if (ask(&query, what))
        code = tool_open_reader(config, COMPONENT, &source.connection);
    else
        (void)fprintf(stderr,
                      "%s: --why wants a packet's hash, an observer, or a node's key or its "
                      "beginning (try --help)\n",
                      program_invocation_short_name);
    if (code == EXIT_CLEAN)
        code = answer(config, &source, &query);
    statements_finalize(source.statements, source.count);
    connection_close(&source.connection);
    config_done(config);
    return (int)code;
}
