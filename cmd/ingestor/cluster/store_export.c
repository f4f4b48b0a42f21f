/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/cluster/store_export.h"

#include "cmd/ingestor/cluster/cluster_look.h"
#include "cmd/ingestor/cluster/export_count.h"
#include "cmd/ingestor/cluster/export_state.h"
#include "cmd/ingestor/shared/export_progress.h"
#include "cmd/ingestor/shared/lock_file.h"
#include "cmd/ingestor/tools/tool.h"
#include "common/base/crypto.h"
#include "common/base/log.h"
#include "common/db/db_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROW_MAX   (1024 * 1024)
#define BLOCK_MAX (EXPORT_SLICE_BYTES + ROW_MAX)

struct export
{
    const struct config *config;
    struct cluster cluster;
    struct connection from;
    struct export_state state;
    struct tool_progress progress;
    struct rowbinary_writer row;
    struct rowbinary_writer *blocks; /* one a shard */
    uint8_t ingestor[FACT_DATABASE_BYTES];
    char path[PATH_MAX + 32]; /* of the state */
    int64_t stamp_ms;
    int lock_fd;
    uint64_t sent; /* in this run */
};

/* One slice of one source while it is read. */
struct slice {
    uint64_t partitions[EXPORT_PARTITIONS];
    size_t partition_count;
    size_t bytes;
    uint64_t rows;
    int64_t position; /* of the last row that is in */
};

/* --- errors ----------------------------------------------------------------------------------- */

static enum exit_code store_failed(const struct err *err)
{
    log_event(LOG_ERROR, "store-export", "the store does not take it; run again to go on",
              KV(KV_STR("server", err->what), KV_STR("error", err->text)));
    return err->status == STATUS_CONFIG ? EXIT_CONFIG : EXIT_IO;
}

static enum exit_code database_failed(const struct export *x, enum status status)
{
    return tool_cant_read(x->config, "store-export", status, x->from.error);
}

static enum exit_code prepare(struct export *x, struct statement *statement)
{
    struct err err = {0};
    const enum status status = statements_prepare(&x->from, statement, 1, &err);
    return status == STATUS_OK ? EXIT_CLEAN : database_failed(x, status);
}

static enum exit_code ask_number(struct export *x, const char *sql, int64_t *out)
{
    struct statement statement = {.sql = sql};
    enum exit_code code = prepare(x, &statement);
    if (code == EXIT_CLEAN) {
        const enum status status = statement_number(&statement, out);
        code = status == STATUS_OK ? EXIT_CLEAN : database_failed(x, status);
    }
    statements_finalize(&statement, 1);
    return code;
}

/* --- where it goes on ------------------------------------------------------------------------- */

/* Of the packet that the observation passed last belongs to; "-" = it is not there (any more). */
static enum exit_code read_mark(struct export *x, int64_t position,
                                char out[static EXPORT_MARK_MAX])
{
    struct statement statement =
        SQL("SELECT hex(t.hash) FROM observations o JOIN transmissions t ON t.id ="
            " o.transmission_id WHERE o.id = ?1");
    enum exit_code code = prepare(x, &statement);
    (void)snprintf(out, EXPORT_MARK_MAX, "-");
    if (code == EXIT_CLEAN) {
        bind_int(&statement, 1, position);
        const enum status status = statement_row(&statement);
        if (status == STATUS_OK) {
            copy_column(out, EXPORT_MARK_MAX, &statement, 0);
            statement_done(&statement);
        } else if (status != STATUS_NOT_FOUND) {
            code = database_failed(x, status);
        }
    }
    statements_finalize(&statement, 1);
    return code;
}

/* I2 of export_state. */
static enum exit_code is_same(struct export *x, const struct export_state *old, bool *out)
{
    char mark[EXPORT_MARK_MAX];
    const enum exit_code code = read_mark(x, old->sources[0].position, mark);
    *out = code == EXIT_CLEAN && memcmp(old->store, x->state.store, sizeof old->store) == 0 &&
           old->created_ms == x->state.created_ms && old->commits <= x->state.commits &&
           (strcmp(mark, "-") == 0 || strcmp(mark, old->mark) == 0);
    return code;
}

/* I3 of export_state; also at a later run: what is not kept is sent again, as it is now. */
static void go_on(struct export_state *state, const struct export_state *old)
{
    const bool is_same_moment = old->commits == state->commits;
    state->is_exact = old->is_exact && is_same_moment;
    for (size_t i = 0; i < FACT_SOURCES; i++) {
        if (fact_sources[i].is_kept || (is_same_moment && !old->is_finished))
            state->sources[i] = old->sources[i];
    }
}

static enum exit_code load_state(struct export *x)
{
    struct export_state old;
    bool goes_on = false;
    enum exit_code code = ask_number(x, "SELECT created_ms FROM meta", &x->state.created_ms);
    if (code == EXIT_CLEAN)
        code = ask_number(x, "SELECT commits FROM meta", &x->state.commits);
    if (code != EXIT_CLEAN)
        return code;
    const enum status status = export_state_read(x->path, &old);
    if (status == STATUS_IO) {
        log_event(LOG_ERROR, "store-export", "the file of its progress can't be read",
                  KV(KV_STR("path", x->path), KV_STR("error", strerror(errno))));
        return EXIT_IO;
    }
    if (status == STATUS_OK)
        code = is_same(x, &old, &goes_on);
    if (status == STATUS_OK && code == EXIT_CLEAN && !goes_on)
        log_event(LOG_INFO, "store-export",
                  "another store or database than last time: from the start",
                  KV(KV_STR("path", x->path)));
    if (goes_on)
        go_on(&x->state, &old);
    return code;
}

static enum exit_code save_state(struct export *x)
{
    struct err err = {0};
    const enum exit_code code = read_mark(x, x->state.sources[0].position, x->state.mark);
    if (code != EXIT_CLEAN)
        return code;
    if (export_state_write(x->path, &x->state, &err) == STATUS_OK)
        return EXIT_CLEAN;
    log_event(LOG_ERROR, "store-export", "the file of its progress can't be written",
              KV(KV_STR("path", x->path), KV_STR("error", err.text)));
    return EXIT_IO;
}

/* --- a slice ---------------------------------------------------------------------------------- */

static bool note_partition(struct slice *slice, uint64_t partition)
{
    for (size_t i = 0; i < slice->partition_count; i++) {
        if (slice->partitions[i] == partition)
            return true;
    }
    if (slice->partition_count == EXPORT_PARTITIONS)
        return false;
    slice->partitions[slice->partition_count++] = partition;
    return true;
}

/* False: the slice is full without it. */
static bool add_row(struct export *x, struct slice *slice, const struct fact_row *row,
                    int64_t position)
{
    if (!note_partition(slice, fact_row_partition(row)))
        return false;
    rowbinary_bytes(&x->blocks[fact_row_shard(row, x->cluster.count)], x->row.bytes, x->row.len);
    slice->bytes += x->row.len;
    slice->position = position;
    slice->rows++;
    return slice->bytes < EXPORT_SLICE_BYTES;
}

static enum exit_code read_slice(struct export *x, const struct fact_source *source,
                                 struct statement *from, struct slice *slice)
{
    enum status status = STATUS_OK;
    bool has_room = true;
    bind_int(from, 1, slice->position);
    bind_int(from, 2, EXPORT_SLICE_ROWS);
    if (sqlite3_bind_parameter_count(from->handle) > 2)
        bind_blob(from, 3, x->ingestor, sizeof x->ingestor);
    while (has_room && (status = statement_row(from)) == STATUS_OK) {
        struct fact_row row;
        if (!fact_source_row(source, from, x->stamp_ms, &x->row, &row)) {
            statement_done(from);
            log_event(LOG_ERROR, "store-export", "a row is too large, or there is no memory",
                      KV(KV_STR("table", fact_tables[source->fact].name),
                         KV_INT("behind", slice->position)));
            return EXIT_NO_MEMORY;
        }
        has_room = add_row(x, slice, &row, column_int(from, 0));
    }
    statement_done(from);
    if (has_room && status != STATUS_NOT_FOUND)
        return database_failed(x, status);
    for (size_t i = 0; i < x->cluster.count; i++) {
        if (x->blocks[i].is_failed)
            return EXIT_NO_MEMORY;
    }
    return EXIT_CLEAN;
}

static enum exit_code send_slice(struct export *x, const struct fact_source *source)
{
    char sql[FACT_SQL_MAX];
    struct err err = {0};
    fact_table_insert(&fact_tables[source->fact], x->config->store.database, sql);
    for (size_t i = 0; i < x->cluster.count; i++) {
        struct rowbinary_writer *block = &x->blocks[i];
        if (block->len > 0 &&
            cluster_insert(&x->cluster, i, sql, block->bytes, block->len, &err) != STATUS_OK)
            return store_failed(&err);
        rowbinary_clear(block);
    }
    return EXIT_CLEAN;
}

static enum exit_code run_source(struct export *x, size_t index)
{
    const struct fact_source *source = &fact_sources[index];
    struct export_place *place = &x->state.sources[index];
    struct statement from = {.sql = source->sql};
    enum exit_code code = prepare(x, &from);
    bool is_end = false;
    while (code == EXIT_CLEAN && !is_end) {
        struct slice slice = {.position = place->position};
        code = read_slice(x, source, &from, &slice);
        is_end = slice.rows == 0;
        if (code == EXIT_CLEAN)
            code = send_slice(x, source);
        if (code != EXIT_CLEAN || is_end)
            break;
        place->position = slice.position;
        place->rows += slice.rows;
        x->sent += slice.rows;
        code = save_state(x);
        tool_progress_show(&x->progress, x->sent);
    }
    statements_finalize(&from, 1);
    return code;
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum exit_code begin_progress(struct export *x)
{
    uint64_t total = 0;
    for (size_t i = 0; i < FACT_SOURCES; i++) {
        int64_t rows = 0;
        const enum exit_code code = ask_number(x, fact_sources[i].total, &rows);
        if (code != EXIT_CLEAN)
            return code;
        const uint64_t known = rows > 0 ? (uint64_t)rows : 0;
        x->state.total += max_u64(known, x->state.sources[i].rows);
        total += known - min_u64(known, x->state.sources[i].rows);
    }
    tool_progress_begin(&x->progress, "store-export", total);
    return EXIT_CLEAN;
}

/* I4. What each table should at least have. */
static enum exit_code count_keys(struct export *x, uint64_t expected[static FACT_TABLES])
{
    for (size_t i = 0; i < FACT_SOURCES; i++) {
        const struct fact_source *source = &fact_sources[i];
        int64_t keys = (int64_t)x->state.sources[i].rows;
        if (source->shares_keys || (source->is_kept && !x->state.is_exact)) {
            const char *sql = source->least != NULL ? source->least : source->total;
            const enum exit_code code = ask_number(x, sql, &keys);
            if (code != EXIT_CLEAN)
                return code;
        }
        expected[source->fact] += (uint64_t)keys;
    }
    return EXIT_CLEAN;
}

static enum exit_code verify(struct export *x)
{
    uint64_t expected[FACT_TABLES] = {0};
    struct err err = {0};
    bool is_whole = true;
    enum exit_code code = count_keys(x, expected);
    for (size_t i = 0; code == EXIT_CLEAN && i < FACT_TABLES; i++) {
        uint64_t found = 0;
        if (expected[i] == 0)
            continue;
        if (export_count(&x->cluster, &fact_tables[i], expected[i], &found, &err) != STATUS_OK)
            return store_failed(&err);
        (void)printf("store-export: %-19s %12" PRIu64 " expected, %12" PRIu64 " in the store%s\n",
                     fact_tables[i].name, expected[i], found,
                     found < expected[i] ? ": TOO FEW" : "");
        is_whole = is_whole && found >= expected[i];
    }
    if (code != EXIT_CLEAN || is_whole)
        return code;
    log_event(
        LOG_ERROR, "store-export",
        "the store has fewer rows than it acknowledged; delete the file of the progress and run"
        " again to send all once more",
        KV(KV_STR("path", x->path)));
    return EXIT_BAD_DATA;
}

static enum exit_code run_all(struct export *x)
{
    enum exit_code code = load_state(x);
    fact_database_id(x->state.created_ms, x->ingestor);
    if (code == EXIT_CLEAN)
        code = begin_progress(x);
    for (size_t i = 0; code == EXIT_CLEAN && i < FACT_SOURCES; i++)
        code = run_source(x, i);
    const double seconds = tool_progress_end(&x->progress);
    if (code == EXIT_CLEAN)
        code = verify(x);
    if (code != EXIT_CLEAN)
        return code;
    x->state.is_finished = true;
    code = save_state(x);
    (void)printf("store-export: %" PRIu64 " rows sent in %.1f s, all counted in the store\n",
                 x->sent, seconds);
    return fflush(stdout) == 0 ? code : EXIT_IO;
}

static enum exit_code take_lock(struct export *x)
{
    char path[PATH_MAX + 40];
    (void)snprintf(path, sizeof path, "%s.lock", x->path);
    const enum exit_code code = lock_file_hold(
        path, "store-export", "another export of this database is running", &x->lock_fd);
    if (code == EXIT_IO)
        log_event(LOG_ERROR, "store-export", "its lock file can't be made",
                  KV(KV_STR("lock", path), KV_STR("error", strerror(errno))));
    return code;
}

/* Before the database is held as it is. */
static enum exit_code open_store(struct export *x)
{
    struct err err = {0};
    if (cluster_open(&x->cluster, &x->config->store, &err) != STATUS_OK ||
        cluster_check(&x->cluster, x->state.store, &err) != STATUS_OK)
        return cluster_cant_open(&err);
    x->blocks = calloc(x->cluster.count, sizeof *x->blocks);
    if (x->blocks == NULL)
        return EXIT_NO_MEMORY;
    for (size_t i = 0; i < x->cluster.count; i++)
        rowbinary_init(&x->blocks[i], BLOCK_MAX);
    rowbinary_init(&x->row, ROW_MAX);
    return EXIT_CLEAN;
}

static enum exit_code open_database(struct export *x)
{
    struct err err = {0};
    struct db_files names;
    enum exit_code code = tool_open_reader(x->config, "store-export", &x->from);
    if (code != EXIT_CLEAN)
        return code;
    if (db_files_name(x->config->db_path, &names, &err) != STATUS_OK)
        return tool_cant_read(x->config, "store-export", STATUS_IO, err.text);
    (void)snprintf(x->path, sizeof x->path, "%s" EXPORT_STATE_SUFFIX, names.paths[DB_FILE_MAIN]);
    return take_lock(x);
}

static enum exit_code run(struct export *x)
{
    if (x->config->store.shards.count == 0) {
        (void)fprintf(stderr, "%s: --store-export needs storeUrl in the configuration\n",
                      program_invocation_short_name);
        return EXIT_USAGE;
    }
    if (!crypto_init()) {
        log_event(LOG_ERROR, "store-export", "cryptographic libraries do not start", NULL);
        return EXIT_GAVE_UP;
    }
    enum exit_code code = open_store(x);
    if (code == EXIT_CLEAN)
        code = open_database(x);
    return code == EXIT_CLEAN ? run_all(x) : code;
}

int store_export_run(struct config *config)
{
    struct export x = {.config = config,
                       .state.is_exact = true,
                       .stamp_ms = clock_wall() / US_PER_MS,
                       .lock_fd = -1};
    const enum exit_code code = run(&x);
    for (size_t i = 0; x.blocks != NULL && i < x.cluster.count; i++)
        rowbinary_done(&x.blocks[i]);
    free(x.blocks);
    rowbinary_done(&x.row);
    cluster_close(&x.cluster);
    connection_close(&x.from);
    if (x.lock_fd >= 0)
        IGNORE(close(x.lock_fd), "releases the lock");
    config_done(config);
    return (int)code;
}
