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
