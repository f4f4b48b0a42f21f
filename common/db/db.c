/* SPDX-License-Identifier: MIT */
#include "common/db/db.h"

#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WRITER_BUSY_MS = 5000, /* only a person's sqlite3 shell can hold the lock */
    FILE_MODE = 0640,
    READER_BUSY_MS = 250, /* readers meet a lock only while the WAL is recovered */
    ERR_TEXT_BYTES = 256,
};

/* The WAL file shrinks back to this when it starts over: the size of one checkpoint under backlog
 * (16,000 pages), so that in steady state it is never truncated. */
#define WAL_KEEP_BYTES "67108864"

enum status db_status(int sqlite_rc)
{
    switch (sqlite_rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return STATUS_OK;
    case SQLITE_FULL:
        return STATUS_NO_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STATUS_BUSY;
    case SQLITE_CONSTRAINT:
        return STATUS_CONSTRAINT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return STATUS_CORRUPT;
    case SQLITE_NOMEM:
        return STATUS_NO_MEMORY;
    default:
        return STATUS_IO;
    }
}

/* SQLite's words, and the system's where that is the cause: "unable to open database file" may be a
 * missing folder, or no descriptor left. */
static void explain(sqlite3 *db, int rc, char out[static ERR_TEXT_BYTES])
{
    /* SQLITE_CANTOPEN without a handle happens only when memory is short. */
    const char *const text = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    const bool is_system = (rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_IOERR;
    const int cause = db != NULL && is_system ? sqlite3_system_errno(db) : 0;
    (void)snprintf(out, ERR_TEXT_BYTES, "%s%s%s", text, cause != 0 ? ": " : "",
                   cause != 0 ? strerror(cause) : "");
}

/* The statement is for who reads the source: a sentence for people has no SQL in it. */
static enum status db_fail(sqlite3 *db, int rc, const char *sql, struct err *err)
{
    char text[ERR_TEXT_BYTES];
    explain(db, rc, text);
    const char *file = db != NULL ? sqlite3_db_filename(db, "main") : NULL;
    log_event(LOG_DEBUG, "db", "statement failed", KV(KV_STR("sql", sql), KV_STR("error", text)));
    return err_set(err, db_status(rc), rc, file, "%s", text);
}

enum status db_exec(sqlite3 *db, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? STATUS_OK : db_fail(db, rc, sql, err);
}

enum status db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_stmt, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (rc != SQLITE_OK)
        return db_fail(db, rc, sql, err);
    *out_stmt = stmt;
    return STATUS_OK;
}

/* The first column of the first row as text; many pragmas answer instead of failing. */
static enum status query_text(sqlite3 *db, const char *sql, char *out, size_t cap, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum status status = db_prepare(db, sql, &stmt, err);
    if (status != STATUS_OK)
        return status;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(stmt, 0);
        (void)snprintf(out, cap, "%s", text != NULL ? (const char *)text : "");
    } else {
        status = db_fail(db, rc == SQLITE_DONE ? SQLITE_ERROR : rc, sql, err);
    }
    IGNORE(sqlite3_finalize(stmt), "the step's result was judged already");
    return status;
}

static enum status set_up_writer(sqlite3 *db, int cache_mb, struct err *err)
{
    char text[64];
    enum status status = query_text(db, "PRAGMA page_count", text, sizeof text, err);
    if (status != STATUS_OK)
        return status;
    /* auto_vacuum can be chosen only before the first page is written, and WAL mode writes it. */
    if (strcmp(text, "0") == 0) {
        status = db_exec(db, "PRAGMA auto_vacuum = INCREMENTAL", err);
        if (status != STATUS_OK)
            return status;
    }
    status = query_text(db, "PRAGMA journal_mode = WAL", text, sizeof text, err);
    if (status != STATUS_OK)
        return status;
    if (strcmp(text, "wal") != 0)
        return err_set(err, STATUS_IO, 0, sqlite3_db_filename(db, "main"),
                       "this file system does not support SQLite's WAL (journal mode is %s)", text);
    int persist = 1;
    const int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    if (rc != SQLITE_OK)
        return db_fail(db, rc, "SQLITE_FCNTL_PERSIST_WAL", err);
    char cache[64];
    (void)snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", cache_mb * 1024);
    status = db_exec(db, cache, err);
    if (status != STATUS_OK)
        return status;
    return db_exec(
        db,
        "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;"
        "PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF;"
        "PRAGMA journal_size_limit = " WAL_KEEP_BYTES,
        err);
}

/* NOMUTEX: a connection belongs to one thread at a time in both programs. */
static enum status open_connection(const char *path, int flags, int busy_ms, sqlite3 **out_db,
                                   struct err *err)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        char text[ERR_TEXT_BYTES];
        explain(db, rc, text);
        /* The handle's file name is not set when opening failed. */
        enum status status =
            err_set(err, db_status(rc), rc, path, "can't open the database: %s", text);
        IGNORE(sqlite3_close(db), "a handle without statements always closes");
        return status;
    }
    IGNORE(sqlite3_extended_result_codes(db, 1), "fails only for a NULL handle");
    IGNORE(sqlite3_busy_timeout(db, busy_ms), "fails only for a NULL handle");
    *out_db = db;
    return STATUS_OK;
}

const char *db_library_version(void)
{
    return sqlite3_libversion();
}

/* SQLite's memory statistics take a mutex for each allocation, 14 % of the store's time. The
 * setting is the process's and can only be made before SQLite is first used. */
static void configure_library(void)
{
    IGNORE(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0), "too late: slower, nothing else");
}

enum status db_real_path(const char *path, char out[static PATH_MAX], struct err *err)
{
    configure_library();
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    if (vfs == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, path, "SQLite does not start");
    char *name = malloc((size_t)vfs->mxPathname + 1);
    if (name == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, path, "no memory for a path");
    enum status status = STATUS_OK;
    const int rc = vfs->xFullPathname(vfs, path, vfs->mxPathname + 1, name);
    if (rc != SQLITE_OK && rc != SQLITE_OK_SYMLINK)
        status = err_set(err, db_status(rc), rc, path, "the path can't be resolved: %s",
                         sqlite3_errstr(rc));
    else if (snprintf(out, PATH_MAX, "%s", name) >= PATH_MAX)
        status = err_set(err, STATUS_TOO_LARGE, 0, path, "the path is too long");
    free(name);
    return status;
}

/* SQLite would make it readable by everybody. Of a name that can't be made, its open says why. */
static void make_file(const char *path)
{
    char real[PATH_MAX];
    if (path[0] != '/' || db_real_path(path, real, NULL) != STATUS_OK)
        return;
    const int fd = open(real, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd >= 0)
        IGNORE(close(fd), "nothing was written");
}

enum status db_open_writer(const char *path, int cache_mb, sqlite3 **out_db, struct err *err)
{
    configure_library();
    sqlite3 *db = NULL;
    make_file(path);
    enum status status =
        open_connection(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, WRITER_BUSY_MS, &db, err);
    if (status != STATUS_OK)
        return status;
    status = set_up_writer(db, cache_mb, err);
    if (status != STATUS_OK) {
        IGNORE(sqlite3_close(db), "a handle without statements always closes");
        return status;
    }
    *out_db = db;
    return STATUS_OK;
}

/* A file: URI; what has a meaning in it is escaped. False: it does not fit. */
static bool make_uri(const char *path, char *out, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char tail[] = "?immutable=1";
    size_t len = (size_t)snprintf(out, cap, "file:");
    for (const char *p = path; *p != '\0'; p++) {
        if (len + 3 + sizeof tail > cap)
            return false;
        if (strchr("?#%", *p) != NULL) {
            out[len++] = '%';
            out[len++] = digits[(unsigned char)*p >> 4];
            out[len++] = digits[(unsigned char)*p & 15];
        } else {
            out[len++] = *p;
        }
    }
    memcpy(out + len, tail, sizeof tail);
    return true;
}

enum status db_open_immutable(const char *path, sqlite3 **out_db, struct err *err)
{
    char uri[3 * PATH_MAX + 32];
    configure_library();
    if (!make_uri(path, uri, sizeof uri))
        return err_set(err, STATUS_TOO_LARGE, 0, path, "the path is too long");
    return open_connection(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, READER_BUSY_MS, out_db,
                           err);
}

static bool is_others(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_uid != geteuid();
}

/* Both files of the log. */
static bool has_log(const char *path)
{
    char real[PATH_MAX];
    char name[PATH_MAX + 8];
    if (db_real_path(path, real, NULL) != STATUS_OK)
        return false;
    (void)snprintf(name, sizeof name, "%s-wal", real);
    if (access(name, F_OK) != 0)
        return false;
    (void)snprintf(name, sizeof name, "%s-shm", real);
    return access(name, F_OK) == 0;
}

/* SQLite says of such a file that it is "unable to open" it. */
static enum status not_readable(const char *path, int error, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(err, STATUS_IO, error, path, "%s: user %u may not enter its folder",
                       strerror(error), (unsigned)geteuid());
    return err_set(err, STATUS_IO, error, path,
                   "%s: user %u may not read it; run as its owner (%u) or in its group (%u)",
                   strerror(error), (unsigned)geteuid(), (unsigned)st.st_uid, (unsigned)st.st_gid);
}

enum status db_open_reader(const char *path, sqlite3 **out_db, struct err *err)
{
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0) {
        if (errno == ENOENT)
            return err_set(err, STATUS_NOT_FOUND, ENOENT, path, "there is no database yet");
        if (errno == EACCES)
            return not_readable(path, errno, err);
    }
    if (is_others(path) && !has_log(path))
        return err_set(err, STATUS_AGAIN, 0, path,
                       "the database belongs to another user, and its -wal or -shm is missing:"
                       " waiting until the ingestor has opened it");
    sqlite3 *db = NULL;
    enum status status = open_connection(path, SQLITE_OPEN_READONLY, READER_BUSY_MS, &db, err);
    if (status != STATUS_OK)
        return status;
    char text[64];
    status = db_exec(db,
                     "PRAGMA query_only = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
                     "PRAGMA trusted_schema = OFF",
                     err);
    /* SQLite opens lazily; a read now shows what is wrong now, not in the first request. */
    if (status == STATUS_OK)
        status = query_text(db, "PRAGMA schema_version", text, sizeof text, err);
    if (status != STATUS_OK) {
        IGNORE(sqlite3_close(db), "a handle without statements always closes");
        return status;
    }
    *out_db = db;
    return STATUS_OK;
}
