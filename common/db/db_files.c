/* SPDX-License-Identifier: MIT */
#include "common/db/db_files.h"

#include "common/db/db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[DB_FILE_COUNT] = {"", "-wal", "-shm"};

enum status db_files_name(const char *path, struct db_files *out, struct err *err)
{
    *out = (struct db_files){0};
    char real[PATH_MAX];
    const enum status status = db_real_path(path, real, err);
    for (enum db_file i = 0; status == STATUS_OK && i < DB_FILE_COUNT; i++) {
        const int n = snprintf(out->paths[i], PATH_MAX, "%s%s", real, suffixes[i]);
        if (n < 0 || n >= PATH_MAX)
            return err_set(err, STATUS_TOO_LARGE, 0, path, "the database's path is too long");
    }
    return status;
}

static struct db_file_id id_of(const struct stat *st)
{
    return (struct db_file_id){.device = st->st_dev, .inode = st->st_ino};
}

static bool is_same(struct db_file_id a, struct db_file_id b)
{
    return a.device == b.device && a.inode == b.inode;
}

/* Has this process a descriptor of it? */
static bool is_open_here(struct db_file_id id)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return true; /* no /proc: the names must do */
    bool found = false;
    const struct dirent *entry;
    while (!found && (entry = readdir(dir)) != NULL) {
        struct stat st;
        char *end = NULL;
        const long fd = strtol(entry->d_name, &end, 10);
        found = end != entry->d_name && fstat((int)fd, &st) == 0 && is_same(id_of(&st), id);
    }
    IGNORE(closedir(dir), "read-only");
    return found;
}

enum status db_files_note(struct db_files *files, struct err *err)
{
    for (enum db_file i = 0; i < DB_FILE_COUNT; i++) {
        struct stat st;
        const bool is_there = stat(files->paths[i], &st) == 0;
        files->ids[i] = is_there ? id_of(&st) : (struct db_file_id){0};
        if ((!is_there && i == DB_FILE_MAIN) || (is_there && !is_open_here(files->ids[i])))
            return err_set(err, STATUS_REPLACED, 0, files->paths[i],
                           "%s was exchanged while it was opened", files->paths[i]);
    }
    return STATUS_OK;
}

static bool is_lost(struct db_file_id id, const char *path)
{
    struct stat st;
    if (id.inode == 0)
        return false;
    if (stat(path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return !is_same(id_of(&st), id);
}

enum db_file db_files_lost(const struct db_files *files, const char *path)
{
    if (is_lost(files->ids[DB_FILE_MAIN], path))
        return DB_FILE_MAIN;
    for (enum db_file i = 0; i < DB_FILE_COUNT; i++) {
        if (is_lost(files->ids[i], files->paths[i]))
            return i;
    }
    return DB_FILE_COUNT;
}

bool db_files_is_named(const struct db_files *files, enum db_file which)
{
    struct stat st;
    return files->ids[which].inode != 0 && lstat(files->paths[which], &st) == 0 &&
           is_same(id_of(&st), files->ids[which]);
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
