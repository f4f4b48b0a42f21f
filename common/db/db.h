/* SPDX-License-Identifier: MIT
 *
 * db - opening SQLite the way each program needs it, and its errors in our words.
 *
 * SQLite 3.40 can corrupt a WAL when two connections write or checkpoint at the same instant, so
 * exactly ONE connection in the world writes: db_open_writer is called by the flusher only, under
 * `<db>.lock`. Ownership: the caller closes the connection (sqlite3_close); NULL is left in place
 * on failure.
 * Threads: a connection belongs to one thread at a time (opened without SQLite's mutexes). */
#pragma once

#include "common/base/base.h"
#include "common/base/err.h"

#include <limits.h>
#include <sqlite3.h>

/* Of the SQLite that is linked. */
const char *db_library_version(void);

/* The name under which SQLite will open `path`, which need not exist: absolute, every symbolic link
 * resolved. What stands beside a database (-wal, lock, reserve) is named from this. */
NODISCARD enum status db_real_path(const char *path, char out[static PATH_MAX], struct err *err);
/* Made with mode 0640 when it is missing (SQLite gives its -wal and -shm the same). WAL,
 * synchronous NORMAL, foreign keys off (the code keeps them true; checks cost),
 * wal_autocheckpoint 0, cache_mb, auto_vacuum INCREMENTAL when the file is new, busy_timeout 5000,
 * extended result codes. Its -wal and -shm stay when it is closed, so that a reader of another user
 * never makes them as its own. */
NODISCARD enum status db_open_writer(const char *path, int cache_mb, sqlite3 **out_db,
                                     struct err *err);
/* SQLITE_OPEN_READONLY, query_only, busy_timeout 250, mmap off. STATUS_NOT_FOUND while there
 * is no file; AGAIN while it is another user's and its -wal or -shm is missing: made by us, they
 * would lock its owner out. */
NODISCARD enum status db_open_reader(const char *path, sqlite3 **out_db, struct err *err);
/* SQLITE_OPEN_READONLY, and as the file itself stands there: no lock is taken, a -wal is not looked
 * at, nothing is made beside it. For a file that is only looked into. */
NODISCARD enum status db_open_immutable(const char *path, sqlite3 **out_db, struct err *err);
/* SQLite's (extended) result code to ours: FULL -> NO_SPACE, BUSY/LOCKED -> BUSY, CONSTRAINT ->
 * CONSTRAINT, CORRUPT/NOTADB -> CORRUPT, NOMEM -> NO_MEMORY, IOERR and all else -> IO. */
enum status db_status(int sqlite_rc);
NODISCARD enum status db_exec(sqlite3 *db, const char *sql, struct err *err);
NODISCARD enum status db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_stmt,
                                 struct err *err);
