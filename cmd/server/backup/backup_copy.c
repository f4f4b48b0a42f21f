/* SPDX-License-Identifier: MIT */
#include "cmd/server/backup/backup_copy.h"

#include "common/db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STEP_PAGES 2000
#define BUSY_TRIES 100 /* of 10 ms: the log is being recovered */
#define BUSY_MS    10
/* Between two looks whether to go on. */
#define PROGRESS_OPCODES 100000
#define COPY_PERCENT     60 /* of the time; the check has the rest */

static const char SQL_PIN[] = "SELECT id FROM meta WHERE id = 1";
static const char SQL_PAGES[] = "PRAGMA page_count";
static const char SQL_PAGE_BYTES[] = "PRAGMA page_size";
static const char SQL_CHECK[] = "PRAGMA quick_check(1)";
static const char SQL_CHECK_DEEP[] = "PRAGMA integrity_check(1)";

struct copy {
    const struct backup_params *params;
    struct err *err;
    sqlite3 *from, *to;
    unsigned percent;
    bool is_stopped;
    char part[PATH_MAX];
};

/* --- small ones ------------------------------------------------------------------------------- */

static enum status fail(const struct copy *copy, sqlite3 *db, const char *what)
{
    const int rc = sqlite3_extended_errcode(db);
    const enum status status = db_status(rc);
    return err_set(copy->err, status == STATUS_OK ? STATUS_IO : status, rc, copy->params->to,
                   "%s: %s", what, sqlite3_errmsg(db));
}

static enum status stopped(const struct copy *copy)
{
    return err_set(copy->err, STATUS_AGAIN, 0, copy->params->to, "the copy was stopped");
}

static bool name_part(const char *to, char out[static PATH_MAX])
{
    const int n = snprintf(out, PATH_MAX, "%s.part", to);
    return n > 0 && n < PATH_MAX - 16;
}

static int64_t number_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t number = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        number = sqlite3_column_int64(stmt, 0);
    IGNORE(sqlite3_finalize(stmt), "0 says that it failed");
    return number;
}

static int64_t bytes_of(sqlite3 *db)
{
    return number_of(db, SQL_PAGES) * number_of(db, SQL_PAGE_BYTES);
}

int64_t backup_copy_bytes(const char *from)
{
    sqlite3 *db = NULL;
    if (db_open_reader(from, &db, NULL) != STATUS_OK)
        return 0;
    const int64_t bytes = bytes_of(db);
    IGNORE(sqlite3_close(db), "nothing is open on it");
    return bytes;
}

static void folder_of(const char *path, char out[static PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s", path);
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        (void)snprintf(out, PATH_MAX, ".");
    else
        slash[slash == out] = '\0';
}

enum status backup_copy_room(const char *folder, int64_t bytes, unsigned percent, struct err *err)
{
    struct statvfs fs;
    if (statvfs(folder, &fs) != 0)
        return err_set(err, STATUS_IO, errno, folder, "can't be looked at: %s", strerror(errno));
    const uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
    const uint64_t wanted = (uint64_t)bytes / 100 * percent;
    if (available >= wanted)
        return STATUS_OK;
    return err_set(err, STATUS_NO_SPACE, 0, folder,
                   "a copy wants %" PRIu64 " MB free and there are %" PRIu64
                   ": make room, or choose another folder",
                   wanted >> 20, available >> 20);
}

void backup_copy_clean(const char *to)
{
    static const char *const endings[] = {"", "-journal", "-wal", "-shm"};
    char part[PATH_MAX];
    if (!name_part(to, part))
        return;
    const size_t len = strlen(part);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        (void)snprintf(part + len, sizeof part - len, "%s", endings[i]);
        IGNORE(unlink(part), "it is not there, or is found by the next one");
    }
}

/* --- the steps -------------------------------------------------------------------------------- */

static enum status pin(struct copy *copy)
{
    enum status status = db_open_reader(copy->params->from, &copy->from, copy->err);
    if (status == STATUS_OK)
        status = db_exec(copy->from, "BEGIN", copy->err);
    if (status == STATUS_OK) /* the first read is what begins it */
        status = db_exec(copy->from, SQL_PIN, copy->err);
    return status;
}

/* Made by us, so that its mode is ours and nothing that stands there is written to. */
static enum status make_part(struct copy *copy)
{
    const char *to = copy->params->to;
    if (!name_part(to, copy->part))
        return err_set(copy->err, STATUS_INVALID, ENAMETOOLONG, to, "the name is too long");
    if (access(to, F_OK) == 0)
        return err_set(copy->err, STATUS_INVALID, EEXIST, to,
                       "exists: a backup overwrites nothing");
    const int fd = open(copy->part, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(copy->err,
                       errno == EEXIST   ? STATUS_INVALID
                       : errno == ENOSPC ? STATUS_NO_SPACE
                                         : STATUS_IO,
                       errno, copy->part, "can't be made: %s", strerror(errno));
    IGNORE(close(fd), "it is empty");
    const int rc =
        sqlite3_open_v2(copy->part, &copy->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        return fail(copy, copy->to, "the copy can't be opened");
    return db_exec(copy->to, "PRAGMA synchronous = OFF", copy->err); /* it is synced in one go */
}

static bool tell(struct copy *copy, unsigned percent)
{
    copy->percent = percent;
    const struct backup_params *params = copy->params;
    copy->is_stopped = params->go_on != NULL && !params->go_on(params->context, percent);
    return !copy->is_stopped;
}

static enum status copy_pages(struct copy *copy)
{
    sqlite3_backup *backup = sqlite3_backup_init(copy->to, "main", copy->from, "main");
    if (backup == NULL)
        return fail(copy, copy->to, "the copy can't begin");
    int rc = SQLITE_OK;
    int tries = 0;
    while (rc == SQLITE_OK || ((rc & 0xff) == SQLITE_BUSY && tries++ < BUSY_TRIES)) {
        if ((rc & 0xff) == SQLITE_BUSY)
            IGNORE(sqlite3_sleep(BUSY_MS), "only a pause");
        rc = sqlite3_backup_step(backup, STEP_PAGES);
        const int total = sqlite3_backup_pagecount(backup);
        const int left = sqlite3_backup_remaining(backup);
        const int64_t done = total > 0 ? (int64_t)(total - left) * COPY_PERCENT / total : 0;
        if (!tell(copy, (unsigned)done))
            break;
    }
    IGNORE(sqlite3_backup_finish(backup), "the steps' result was judged");
    if (copy->is_stopped)
        return stopped(copy);
    if (rc == SQLITE_DONE)
        return STATUS_OK;
    return err_set(copy->err, db_status(rc), rc, copy->params->to, "the copy broke off: %s",
                   sqlite3_errstr(rc));
}

static int check_progress(void *context)
{
    struct copy *copy = context;
    return !tell(copy, copy->percent < 99 ? copy->percent + 1 : 99);
}

/* As a file of its own, without a log: whoever takes it needs nothing beside it. */
static enum status check(struct copy *copy)
{
    sqlite3_stmt *stmt = NULL;
    char text[200] = "";
    enum status status = db_exec(copy->to, "PRAGMA journal_mode = DELETE", copy->err);
    if (status != STATUS_OK)
        return status;
    sqlite3_progress_handler(copy->to, PROGRESS_OPCODES, check_progress, copy);
    const char *sql = copy->params->is_deep ? SQL_CHECK_DEEP : SQL_CHECK;
    int rc = sqlite3_prepare_v2(copy->to, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        (void)snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(stmt, 0));
    IGNORE(sqlite3_finalize(stmt), "the step's result was judged");
    sqlite3_progress_handler(copy->to, 0, NULL, NULL);
    if (copy->is_stopped)
        return stopped(copy);
    if (rc != SQLITE_ROW)
        return fail(copy, copy->to, "the copy can't be checked");
    if (strcmp(text, "ok") != 0)
        return err_set(copy->err, STATUS_CORRUPT, 0, copy->params->from,
                       "the copy is damaged, and so is the database: %.150s", text);
    return STATUS_OK;
}

/* Never in the place of what came to stand there meanwhile. */
static bool take_name(const char *part, const char *to)
{
    if (renameat2(AT_FDCWD, part, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    return errno == EINVAL && link(part, to) == 0; /* a file system that can't promise it */
}

/* Durable, then its name. */
static enum status name_it(struct copy *copy, int64_t *out_bytes)
{
    char folder[PATH_MAX];
    struct stat st = {0};
    const char *to = copy->params->to;
    const int fd = open(copy->part, O_RDONLY | O_CLOEXEC);
    bool is_done = fd >= 0 && fsync(fd) == 0 && fstat(fd, &st) == 0;
    if (fd >= 0)
        IGNORE(close(fd), "it is synced");
    is_done = is_done && take_name(copy->part, to);
    if (!is_done)
        return err_set(copy->err, STATUS_IO, errno, to, "the copy can't be named: %s",
                       strerror(errno));
    folder_of(to, folder);
    const int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        IGNORE(fsync(dir), "the file itself is safe");
        IGNORE(close(dir), "read-only");
    }
    *out_bytes = st.st_size;
    return STATUS_OK;
}

enum status backup_copy(const struct backup_params *params, int64_t *out_bytes, struct err *err)
{
    char folder[PATH_MAX];
    struct copy copy = {.params = params, .err = err};
    folder_of(params->to, folder);
    enum status status = pin(&copy);
    if (status == STATUS_OK)
        status = backup_copy_room(folder, bytes_of(copy.from), params->room_percent, err);
    const bool is_ours = status == STATUS_OK && (status = make_part(&copy)) == STATUS_OK;
    if (status == STATUS_OK)
        status = copy_pages(&copy);
    IGNORE(sqlite3_close(copy.from), "the writer's log is free again");
    if (status == STATUS_OK)
        status = check(&copy);
    IGNORE(sqlite3_close(copy.to), "what it wrote is synced below");
    if (status == STATUS_OK)
        status = name_it(&copy, out_bytes);
    if (is_ours)
        backup_copy_clean(params->to);
    return status;
}
