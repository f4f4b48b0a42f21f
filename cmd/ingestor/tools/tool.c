/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/tools/tool.h"

#include "cmd/ingestor/shared/database_advice.h"
#include "cmd/ingestor/shared/lock_file.h"
#include "common/base/crypto.h"
#include "common/base/log.h"
#include "common/service/log_relay.h"
#include "common/db/db_files.h"
#include "common/db/foreign_file.h"
#include "common/db/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TERMINAL_EVERY_US ((mono_us)200 * US_PER_MS)
#define LOG_EVERY_US      ((mono_us)10 * US_PER_S)

/* --- locks ------------------------------------------------------------------------------------ */

/* The pid of the ingestor that uses this spool folder; false: none does. */
static bool find_ingestor(const struct config *config, char out_pid[static LOCK_FILE_PID])
{
    char path[PATH_MAX];
    const int len = snprintf(path, sizeof path, "%s/lock", config->spool_dir);
    const int fd = len > 0 && (size_t)len < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    /* Shared: two tools that ask at the same time do not take each other for an ingestor. */
    const bool is_held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (is_held)
        lock_file_read_pid(fd, out_pid);
    IGNORE(close(fd), "releases what was taken");
    return is_held;
}

static enum exit_code report_held(const char *path, const char *what, const char *pid)
{
    char text[128];
    (void)snprintf(text, sizeof text, "%s (pid %s): stop it first", what, pid);
    log_event(LOG_ERROR, "tool", text, KV(KV_STR("lock", path)));
    return EXIT_LOCKED;
}

enum exit_code tool_exit_code(enum status status)
{
    return status == STATUS_NEWER || status == STATUS_FOREIGN ? EXIT_CONFIG
           : status == STATUS_NO_MEMORY                       ? EXIT_NO_MEMORY
                                                              : EXIT_IO;
}

static enum exit_code cant_use(const struct config *config, enum status status,
                               const struct err *err)
{
    if (status == STATUS_FOREIGN && foreign_file_is_corescope(config->db_path))
        database_advice_corescope(config, "tool");
    else
        log_event(LOG_ERROR, "tool", "database can't be used",
                  KV(KV_STR("path", config->db_path), KV_STR("error", err->text)));
    return tool_exit_code(status);
}

/* Before anything is made beside it. */
static enum exit_code look_at(const struct config *config, struct db_files *names)
{
    struct err err = {0};
    enum status status = db_files_name(config->db_path, names, &err);
    if (status == STATUS_OK)
        status = schema_peek(names->paths[DB_FILE_MAIN], &err);
    return status == STATUS_OK || status == STATUS_NOT_FOUND ? EXIT_CLEAN
                                                             : cant_use(config, status, &err);
}

static enum exit_code take_lock(struct tool *tool, const struct config *config, const char *path)
{
    char pid[LOCK_FILE_PID] = "";
    const enum status status = lock_file_take(path, &tool->lock_fd);
    if (status == STATUS_IO) {
        log_event(LOG_ERROR, "tool", "lock file can't be made",
                  KV(KV_STR("lock", path), KV_STR("error", strerror(errno))));
        return EXIT_IO;
    }
    /* The supervisor of a flusher that has ended may itself still be dying. */
    const mono_us deadline = clock_mono() + LOCK_FILE_DYING_US;
    while (find_ingestor(config, pid)) {
        if (status == STATUS_BUSY || clock_mono() >= deadline)
            return report_held(path, "an ingestor is running", pid);
        IGNORE(poll(NULL, 0, LOCK_FILE_RETRY_MS), "only a pause");
    }
    if (status == STATUS_BUSY) {
        lock_file_read_pid(tool->lock_fd, pid);
        return report_held(path, "another process writes this database", pid);
    }
    if (!lock_file_write_pid(tool->lock_fd))
        log_event(LOG_WARN, "tool", "pid can't be written to the lock file, ignoring",
                  KV(KV_STR("lock", path), KV_STR("error", strerror(errno))));
    return EXIT_CLEAN;
}

/* --- the store -------------------------------------------------------------------------------- */

enum exit_code tool_store_failed(const struct tool *tool, const char *what, enum status status)
{
    log_event(LOG_ERROR, "tool", what,
              KV(KV_STR("reason", status_text(status)), KV_STR("error", store_error(tool->store))));
    return status == STATUS_NO_MEMORY ? EXIT_NO_MEMORY : EXIT_IO;
}

static enum exit_code open_store(struct tool *tool, const struct config *config)
{
    tool->channels = channel_keys_new(&config->channel_keys, &config->hash_channels);
    tool->scopes = region_scopes_new(&config->hash_regions);
    if (tool->channels == NULL || tool->scopes == NULL) {
        log_event(LOG_ERROR, "tool", "no memory for the channels' keys", NULL);
        return EXIT_NO_MEMORY;
    }
    struct store_rules rules = store_rules_of(config);
    rules.max_nodes = rules.max_observers = rules.new_observers_per_minute = 0;
    const struct store_params params = {
        .path = config->db_path,
        .cache_mb = config->sqlite_cache_mb,
        .rules = rules,
        .channels = tool->channels,
        .scopes = tool->scopes,
    };
    struct err err = {0};
    const enum status status = store_open(&params, &tool->store, &err);
    if (status == STATUS_OK)
        return EXIT_CLEAN;
    tool->store = NULL;
    return cant_use(config, status, &err);
}

enum exit_code tool_open(struct tool *tool, const struct config *config, const char *name)
{
    IGNORE(prctl(PR_SET_NAME, name), "a name for ps; nothing depends on it");
    *tool = (struct tool){.lock_fd = -1};
    struct err err = {0};
    struct db_files names;
    if (!crypto_init()) {
        log_event(LOG_ERROR, "tool", "cryptographic libraries do not start", NULL);
        return EXIT_GAVE_UP;
    }
    enum exit_code code = look_at(config, &names);
    if (code != EXIT_CLEAN)
        return code;
    if (config_make_folders(config, &err) != STATUS_OK) {
        log_event(LOG_ERROR, "tool", "folder can't be made",
                  KV(KV_STR("path", err.what), KV_STR("error", err.text)));
        return EXIT_IO;
    }
    code = take_lock(tool, config, names.lock);
    if (code == EXIT_CLEAN)
        code = open_store(tool, config);
    return code;
}

void tool_close(struct tool *tool)
{
    struct store_checkpoint done;
    if (tool->store != NULL)
        IGNORE(store_checkpoint(tool->store, true, &done), "a reader may pin the WAL");
    store_close(tool->store);
    channel_keys_free(tool->channels);
    region_scopes_free(tool->scopes);
    if (tool->lock_fd >= 0)
        IGNORE(close(tool->lock_fd), "releases the lock");
    *tool = (struct tool){.lock_fd = -1};
}

/* --- reading alone ---------------------------------------------------------------------------- */

enum exit_code tool_cant_read(const struct config *config, const char *component,
                              enum status status, const char *why)
{
    log_event(LOG_ERROR, component, "the database can't be read",
              KV(KV_STR("path", config->db_path), KV_STR("error", why)));
    return tool_exit_code(status);
}

enum exit_code tool_open_reader(const struct config *config, const char *component,
                                struct connection *out)
{
    struct err err = {0};
    int version = 0;
    enum status status = db_open_reader(config->db_path, &out->db, &err);
    if (status == STATUS_OK)
        status = schema_check(out->db, &version, &err);
    if (status == STATUS_OK && version < SCHEMA_VERSION)
        status = err_set(&err, STATUS_NOT_FOUND, 0, config->db_path,
                         "it is of an older version: start the ingestor once");
    if (status == STATUS_OK)
        status = db_exec(out->db, "BEGIN", &err);
    return status == STATUS_OK ? EXIT_CLEAN : tool_cant_read(config, component, status, err.text);
}

/* --- progress --------------------------------------------------------------------------------- */

void tool_progress_begin(struct tool_progress *progress, const char *what, uint64_t total)
{
    const mono_us now = clock_mono();
    *progress = (struct tool_progress){.what = what,
                                       .total = total,
                                       .began = now,
                                       .reported = now,
                                       .is_terminal = log_relay_is_terminal()};
}

void tool_progress_show(struct tool_progress *progress, uint64_t done)
{
    const mono_us now = clock_mono();
    if (now - progress->reported < (progress->is_terminal ? TERMINAL_EVERY_US : LOG_EVERY_US))
        return;
    progress->reported = now;
    log_relay_look();
    const double seconds = (double)(now - progress->began) / US_PER_S;
    const double rate = (double)done / seconds;
    const uint64_t total = max_u64(progress->total, done);
    const double left_s = rate > 0 ? (double)(total - done) / rate : 0;
    if (progress->is_terminal) {
        (void)fprintf(stderr,
                      "\r%s: %" PRIu64 " of %" PRIu64
                      " rows (%.0f %%), %.0f rows/s, %.0f s left \033[K",
                      progress->what, done, total, 100 * (double)done / (double)max_u64(total, 1),
                      rate, left_s);
        return;
    }
    log_event(LOG_INFO, progress->what, "progress",
              KV(KV_INT("rows", done), KV_INT("of", total), KV_INT("rows_per_s", rate),
                 KV_INT("left_s", left_s)));
}

double tool_progress_end(struct tool_progress *progress)
{
    if (progress->is_terminal)
        (void)fprintf(stderr, "\r\033[K");
    return (double)(clock_mono() - progress->began) / US_PER_S;
}
