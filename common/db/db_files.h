/* SPDX-License-Identifier: MIT
 *
 * db_files - a database by its names: which files they are, and whether they still are.
 *
 * A name is not a file. Whoever restores a backup by `mv`, or deletes the database or its -wal,
 * leaves an open connection with files that nobody else sees, and gives readers a mix of the new
 * database and the old log. So what was open is noted, and compared with the names.
 * I1. Every name is made from the one that SQLite itself uses, with all symbolic links resolved:
 *     two links to one database share one lock, one log and one reserve.
 * Threads: plain values. Cost of a look: five stat calls. */
#pragma once

#include "common/base/base.h"
#include "common/base/err.h"
#include "common/base/file.h"

#include <limits.h>

enum db_file { DB_FILE_MAIN, DB_FILE_WAL, DB_FILE_SHM, DB_FILE_COUNT };

struct db_files {
    char paths[DB_FILE_COUNT][PATH_MAX];
    char lock[PATH_MAX];               /* whose flock the writer holds */
    struct file_id ids[DB_FILE_COUNT]; /* inode 0 = there was none */
};

/* The names of the database at `path`, which need not exist; nothing is noted yet. */
NODISCARD enum status db_files_name(const char *path, struct db_files *out, struct err *err);
/* A connection of this process is open: note what the names lead to. STATUS_REPLACED when one of
 * them leads to something that this process has not open: it was exchanged meanwhile. */
NODISCARD enum status db_files_note(struct db_files *files, struct err *err);
/* Which name leads elsewhere or nowhere since db_files_note; DB_FILE_COUNT = none. `path` is the
 * name as configured: a symbolic link may have been turned. A name that can't be looked at now (an
 * I/O error) counts as unchanged. */
enum db_file db_files_lost(const struct db_files *files, const char *path);
/* Is the file that was noted still under this name? */
bool db_files_is_named(const struct db_files *files, enum db_file which);
/* It is, but was emptied in place (`> weir.db`, a copy over it that failed). db_files_lost says
 * DB_FILE_MAIN then, too. */
bool db_files_is_cut(const struct db_files *files);
/* The length of a log of so many frames. */
int64_t db_files_log_bytes(int64_t frames, int64_t page_bytes);
/* Lacks the log its head, or is it shorter than so many bytes? It was emptied in place, and may
 * have grown since: SQLite goes on behind the end that it remembers. */
bool db_files_is_log_cut(const struct db_files *files, int64_t bytes_at_least);
/* Before this process has a connection (with a descriptor of the index it would close its locks):
 * an index that tells of frames which a cut log has not would make every page that it names an I/O
 * error, for as long as some reader keeps it alive. It is deleted; the log's whole frames, if there
 * are any, are found by the next who opens. True: it was. */
bool db_files_drop_cut_index(const struct db_files *files);
/* A sentence about the first of the files, or their folder, that this process may not write; false:
 * there is none. */
bool db_files_explain_unwritable(const struct db_files *files, char *text, size_t cap);
/* A reader of another user, who came while nobody wrote, may have made the -wal and -shm as its own
 * (traps of SQLite). An empty log holds nothing: under the writer's lock, and before it opens, both
 * are deleted if one of them can't be written. True: they were. */
bool db_files_drop_foreign_log(const struct db_files *files);
