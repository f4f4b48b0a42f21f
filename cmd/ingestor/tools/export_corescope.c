/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/tools/export_corescope.h"

#include "cmd/ingestor/tools/export_rows.h"
#include "cmd/ingestor/tools/export_schema.h"
#include "cmd/ingestor/tools/tool.h"
#include "common/base/crypto.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_SUFFIX ".part"
#define CACHE_MB    64

struct export
{
    const struct config *config;
    const char *file;
    char part[PATH_MAX];
    struct connection from, to;
    struct channel_keys *keys;
    struct region_scopes *scopes;
    struct tool_progress progress;
    uint64_t done;
};

static enum exit_code failed(const struct export *x, const char *what, enum status status,
                             const struct err *err)
{
    log_event(LOG_ERROR, "export", what,
              KV(KV_STR("file", x->file), KV_STR("reason", status_text(status)),
                 KV_STR("error", err->text)));
    return tool_exit_code(status);
}

/* --- the new file ----------------------------------------------------------------------------- */

static void remove_part(const struct export *x)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char name[PATH_MAX + 16];
        (void)snprintf(name, sizeof name, "%s%s", x->part, suffixes[i]);
        IGNORE(unlink(name), "it need not be there");
    }
}

static enum exit_code open_theirs(struct export *x)
{
    struct err err = {0};
    struct stat found;
    const int n = snprintf(x->part, sizeof x->part, "%s%s", x->file, PART_SUFFIX);
    if (lstat(x->file, &found) == 0 || n < 0 || (size_t)n >= sizeof x->part) {
        (void)fprintf(stderr, "%s: --export-corescope: %s %s\n", program_invocation_short_name,
                      x->file,
                      n >= 0 && (size_t)n < sizeof x->part ? "is there already: nothing is "
                                                             "overwritten"
                                                           : "is too long a path");
        return EXIT_USAGE;
    }
    remove_part(x);
    enum status status = db_open_writer(x->part, CACHE_MB, &x->to.db, &err);
    /* What a crash leaves is thrown away: nothing has to be undone. */
    if (status == STATUS_OK)
        status = db_exec(x->to.db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", &err);
    if (status == STATUS_OK)
        status = db_exec(x->to.db, "BEGIN", &err);
    if (status == STATUS_OK)
        status = db_exec(x->to.db, export_schema_tables, &err);
    return status == STATUS_OK ? EXIT_CLEAN : failed(x, "the file can't be made", status, &err);
}

/* --- the rows --------------------------------------------------------------------------------- */

static void on_row(void *context)
{
    struct export *x = context;
    x->done++;
    if (x->done % 1024 == 0)
        tool_progress_show(&x->progress, x->done);
}

static enum exit_code write_rows(struct export *x, struct export_counts *counts)
{
    struct err err = {0};
    uint64_t total = 0;
    const struct export_params params = {.from = &x->from,
                                         .to = &x->to,
                                         .keys = x->keys,
                                         .scopes = x->scopes,
                                         .on_row = on_row,
                                         .context = x};
    enum status status = export_rows_total(&params, &total, &err);
    tool_progress_begin(&x->progress, "export", total);
    if (status == STATUS_OK)
        status = export_rows(&params, counts, &err);
    if (status == STATUS_OK)
        status = db_exec(x->to.db, export_schema_indexes, &err);
    if (status == STATUS_OK)
        status = db_exec(x->to.db, export_schema_migrations, &err);
    if (status == STATUS_OK)
        status = db_exec(x->to.db, "COMMIT", &err);
    if (status == STATUS_OK) /* as CoreScope keeps it */
        status = db_exec(x->to.db, "PRAGMA journal_mode = WAL", &err);
    return status == STATUS_OK ? EXIT_CLEAN : failed(x, "the export failed", status, &err);
}

/* I2. Only what is on the disk gets its name. */
static enum exit_code give_name(struct export *x)
{
    struct err err = {0};
    connection_close(&x->to);
    const int fd = open(x->part, O_RDWR | O_CLOEXEC);
    const bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        IGNORE(close(fd), "synced, or judged below");
    if (is_synced && renameat2(AT_FDCWD, x->part, AT_FDCWD, x->file, RENAME_NOREPLACE) == 0) {
        remove_part(x);
        return EXIT_CLEAN;
    }
    (void)err_set(&err, STATUS_IO, errno, x->file, "%s", strerror(errno));
    return failed(x, "the file can't be given its name", STATUS_IO, &err);
}

static enum exit_code say_result(const struct export *x, const struct export_counts *counts,
                                 double seconds)
{
    (void)printf("export: %" PRIu64 " transmissions, %" PRIu64 " observations, %" PRIu64
                 " observers, %" PRIu64 " nodes, %" PRIu64 " metrics in %.1f s: %s\n",
                 counts->transmissions, counts->observations, counts->observers, counts->nodes,
                 counts->metrics, seconds, x->file);
    if (counts->left_out > 0)
        (void)printf("export: %" PRIu64
                     " observations left out: CoreScope keeps one of a packet, an"
                     " observer and a path\n",
                     counts->left_out);
    return fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_IO;
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum exit_code run(struct export *x)
{
    struct export_counts counts = {0};
    if (!crypto_init()) {
        log_event(LOG_ERROR, "export", "cryptographic libraries do not start", NULL);
        return EXIT_GAVE_UP;
    }
    x->keys = channel_keys_new(&x->config->channel_keys, &x->config->hash_channels);
    x->scopes = region_scopes_new(&x->config->hash_regions);
    if (x->keys == NULL || x->scopes == NULL)
        return EXIT_NO_MEMORY;
    enum exit_code code = tool_open_reader(x->config, "export", &x->from); /* I1 */
    if (code != EXIT_CLEAN)
        return code;
    code = open_theirs(x);
    if (code == EXIT_USAGE)
        return code;
    if (code == EXIT_CLEAN)
        code = write_rows(x, &counts);
    const double seconds = tool_progress_end(&x->progress);
    if (code == EXIT_CLEAN)
        code = give_name(x);
    if (code != EXIT_CLEAN) {
        connection_close(&x->to);
        remove_part(x);
        return code;
    }
    return say_result(x, &counts, seconds);
}

int export_corescope_run(struct config *config, const char *file)
{
    struct export x = {.config = config, .file = file};
    const enum exit_code code = run(&x);
    connection_close(&x.from);
    connection_close(&x.to);
    channel_keys_free(x.keys);
    region_scopes_free(x.scopes);
    config_done(config);
    return (int)code;
}
