/* SPDX-License-Identifier: MIT */
#include "common/db/db_files.h"

#include "common/base/own_fds.h"
#include "common/db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALLEST_PAGE 512 /* that SQLite knows */

static const char *const suffixes[DB_FILE_COUNT] = {"", "-wal", "-shm"};

enum status db_files_name(const char *path, struct db_files *out, struct err *err)
{
    *out = (struct db_files){0};
    char real[PATH_MAX];
    const enum status status = db_real_path(path, real, err);
    if (status != STATUS_OK)
        return status;
    const int longest = snprintf(out->lock, PATH_MAX, "%s.lock", real);
    for (enum db_file i = 0; i < DB_FILE_COUNT; i++)
        IGNORE(snprintf(out->paths[i], PATH_MAX, "%s%s", real, suffixes[i]), "no longer than lock");
    return longest < PATH_MAX
               ? STATUS_OK
               : err_set(err, STATUS_TOO_LARGE, 0, path, "the database's path is too long");
}

static bool is_descriptor_of(int fd, const void *context)
{
    const struct file_id *id = context;
    struct file_id opened;
    return file_id_of_fd(fd, &opened) && file_id_is_same(opened, *id);
}

/* Without /proc the names must do. */
static bool is_open_here(struct file_id id)
{
    int fd;
    return own_fds_find(is_descriptor_of, &id, &fd) != STATUS_NOT_FOUND;
}

enum status db_files_note(struct db_files *files, struct err *err)
{
    for (enum db_file i = 0; i < DB_FILE_COUNT; i++) {
        const bool is_there = file_id_of_path(files->paths[i], &files->ids[i]);
        if ((!is_there && i == DB_FILE_MAIN) || (is_there && !is_open_here(files->ids[i])))
            return err_set(err, STATUS_REPLACED, 0, files->paths[i],
                           "%s was exchanged while it was opened", files->paths[i]);
    }
    return STATUS_OK;
}

static bool is_lost(struct file_id id, const char *path)
{
    struct file_id named;
    if (id.inode == 0)
        return false;
    if (!file_id_of_path(path, &named))
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return !file_id_is_same(named, id);
}

enum db_file db_files_lost(const struct db_files *files, const char *path)
{
    if (is_lost(files->ids[DB_FILE_MAIN], path) || db_files_is_cut(files))
        return DB_FILE_MAIN;
    for (enum db_file i = 0; i < DB_FILE_COUNT; i++) {
        if (is_lost(files->ids[i], files->paths[i]))
            return i;
    }
    return DB_FILE_COUNT;
}

static bool look_at_noted(const struct db_files *files, enum db_file which, struct stat *out)
{
    return files->ids[which].inode != 0 && lstat(files->paths[which], out) == 0 &&
           file_id_is_same((struct file_id){out->st_dev, out->st_ino}, files->ids[which]);
}

bool db_files_is_named(const struct db_files *files, enum db_file which)
{
    struct stat st;
    return look_at_noted(files, which, &st);
}

/* A database of ours has its first page from db_files_note on. Without it SQLite goes on from its
 * cache and the log, and says OK to every commit. */
bool db_files_is_cut(const struct db_files *files)
{
    struct stat st;
    return look_at_noted(files, DB_FILE_MAIN, &st) && st.st_size < SMALLEST_PAGE;
}

/* sqlite.org/walformat.html: the log's head begins with one of two numbers. */
#define WAL_HEAD_BYTES  32
#define WAL_FRAME_BYTES 24 /* of head, in front of each page */
#define WAL_MAGIC       0x377f0682u

int64_t db_files_log_bytes(int64_t frames, int64_t page_bytes)
{
    return WAL_HEAD_BYTES + frames * (WAL_FRAME_BYTES + page_bytes);
}

static bool is_log_cut(const struct db_files *files, int64_t bytes_at_least)
{
    uint8_t head[WAL_HEAD_BYTES] = {0};
    struct stat st;
    const int fd = open(files->paths[DB_FILE_WAL], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false; /* deleted: db_files_lost says so; else nothing is known */
    const ssize_t n = pread(fd, head, sizeof head, 0);
    const bool is_known = n >= 0 && fstat(fd, &st) == 0;
    IGNORE(close(fd), "was only read");
    return is_known && ((be32(head) & ~1u) != WAL_MAGIC || st.st_size < bytes_at_least);
}

bool db_files_is_log_cut(const struct db_files *files, int64_t bytes_at_least)
{
    return bytes_at_least > 0 && db_files_is_named(files, DB_FILE_WAL) &&
           is_log_cut(files, bytes_at_least);
}

/* Of the first copy of the index's head, in this machine's order. */
#define SHM_PAGE_SIZE  14
#define SHM_FRAMES     16
#define SHM_BACKFILLED 96
#define SHM_HEAD_BYTES 100

/* The bytes of log that the index says are still needed. */
static int64_t log_needed(const uint8_t head[static SHM_HEAD_BYTES])
{
    uint16_t page;
    uint32_t frames;
    uint32_t backfilled;
    memcpy(&page, head + SHM_PAGE_SIZE, sizeof page);
    memcpy(&frames, head + SHM_FRAMES, sizeof frames);
    memcpy(&backfilled, head + SHM_BACKFILLED, sizeof backfilled);
    const int64_t page_bytes = page == 1 ? 65536 : page;
    return frames > backfilled ? db_files_log_bytes(frames, page_bytes) : 0;
}

bool db_files_drop_cut_index(const struct db_files *files)
{
    uint8_t head[SHM_HEAD_BYTES];
    const int fd = open(files->paths[DB_FILE_SHM], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool is_read = pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head;
    IGNORE(close(fd), "was only read");
    return is_read && log_needed(head) > 0 && is_log_cut(files, log_needed(head)) &&
           unlink(files->paths[DB_FILE_SHM]) == 0;
}

static bool explain(const char *path, const char *what, char *text, size_t cap)
{
    struct stat st;
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || errno == ENOENT)
        return false;
    const int error = errno;
    if (stat(path, &st) != 0)
        return false;
    (void)snprintf(text, cap,
                   "%s%s can't be written by us (uid %u): %s; it belongs to uid %u, mode %03o",
                   what, path, (unsigned)geteuid(), strerror(error), (unsigned)st.st_uid,
                   (unsigned)st.st_mode & 0777u);
    return true;
}

bool db_files_explain_unwritable(const struct db_files *files, char *text, size_t cap)
{
    for (enum db_file i = 0; i < DB_FILE_COUNT; i++) {
        if (explain(files->paths[i], "", text, cap))
            return true;
    }
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s", files->paths[DB_FILE_MAIN]);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        return false;
    slash[slash == folder] = '\0';
    return explain(folder, "folder ", text, cap);
}

bool db_files_drop_foreign_log(const struct db_files *files)
{
    const char *wal = files->paths[DB_FILE_WAL];
    const char *shm = files->paths[DB_FILE_SHM];
    char text[PATH_MAX];
    struct stat st;
    const bool is_empty = stat(wal, &st) == 0 ? st.st_size == 0 : errno == ENOENT;
    if (!is_empty || (!explain(wal, "", text, sizeof text) && !explain(shm, "", text, sizeof text)))
        return false;
    const bool shm_gone = unlink(shm) == 0 || errno == ENOENT;
    const bool wal_gone = unlink(wal) == 0 || errno == ENOENT;
    return shm_gone && wal_gone;
}
