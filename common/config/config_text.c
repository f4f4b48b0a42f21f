/* SPDX-License-Identifier: MIT */
#include "common/config/config_text.h"

#include "common/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MODE 0750

char *config_dup(struct config_loader *loader, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        loader->no_memory = true;
    return copy;
}

static const char *home(void)
{
    const char *folder = getenv("HOME");
    return folder != NULL && folder[0] == '/' ? folder : NULL;
}

const char *config_home_problem(const char *path)
{
    if (path[0] != '~')
        return NULL;
    if (path[1] != '/')
        return "of the names with ~ in front only ~/ is known: write the path in full, from / on";
    return home() != NULL ? NULL
                          : "~ needs the variable HOME, which is not set: write the path in full, "
                            "from / on";
}

/* A shell expands ~ before we see it; a file and a container's environment do not, and a folder of
 * the name ~ is what nobody wants. */
static char *in_home(struct config_loader *loader, const char *path)
{
    char *joined = NULL;
    const char *folder = home();
    if (folder == NULL ||
        asprintf(&joined, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, path + 2) < 0) {
        loader->no_memory = true;
        return NULL;
    }
    return joined;
}

char *config_absolute(struct config_loader *loader, const char *path)
{
    if (path[0] == '/')
        return config_dup(loader, path);
    if (path[0] == '~')
        return in_home(loader, path);
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    const bool is_root = strcmp(loader->folder, "/") == 0;
    char *joined = NULL;
    if (asprintf(&joined, "%s/%s", is_root ? "" : loader->folder, path) < 0) {
        loader->no_memory = true;
        return NULL;
    }
    return joined;
}

char *config_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

void config_free_secret(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* Control characters would reach terminals, logs and HTTP answers. */
bool config_is_clean_text(const char *text)
{
    const size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        const size_t run = utf8_sequence_len((const uint8_t *)text + i, len - i);
        const unsigned char c = (unsigned char)text[i];
        if (run == 0 || c < 0x20 || c == 0x7f)
            return false;
        if (run == 2 && c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)
            return false;
        i += run;
    }
    return true;
}

/* --- small files ------------------------------------------------------------------------------ */

static enum status fail(struct err *err, const char *path)
{
    const int error = errno;
    return error == EACCES ? err_set(err, STATUS_IO, error, path, "user %u may not read it",
                                     (unsigned)geteuid())
                           : err_set(err, STATUS_IO, error, path, "%s", strerror(error));
}

/* Reads to the end: a size from fstat says nothing about a pipe or /proc. */
static enum status read_all(int fd, const char *path, size_t max, char *text, size_t *out_len,
                            struct err *err)
{
    size_t len = 0;
    for (;;) {
        const ssize_t n = read(fd, text + len, max + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(err, path);
        len += (size_t)n;
        if (len > max)
            return err_set(err, STATUS_TOO_LARGE, 0, path, "larger than %zu bytes", max);
        if (n == 0)
            break;
    }
    text[len] = '\0';
    *out_len = len;
    return STATUS_OK;
}

bool config_read_file(const char *path, size_t max, bool regular_only, char **out_text,
                      size_t *out_len, unsigned *out_mode, struct err *err)
{
    struct stat st = {0};
    char *text = NULL;
    enum status status = STATUS_OK;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular_only ? O_NONBLOCK : 0));
    if (fd < 0 || fstat(fd, &st) != 0) {
        status = fail(err, path);
        goto out;
    }
    if (S_ISDIR(st.st_mode) || (regular_only && !S_ISREG(st.st_mode))) {
        status = err_set(err, STATUS_INVALID, 0, path, "%s",
                         S_ISDIR(st.st_mode) ? "it is a folder: name the file in it"
                                             : "not a regular file");
        goto out;
    }
    text = malloc(max + 2);
    if (text == NULL) {
        status = err_set(err, STATUS_NO_MEMORY, 0, path, "out of memory");
        goto out;
    }
    status = read_all(fd, path, max, text, out_len, err);
out:
    if (fd >= 0)
        (void)close(fd);
    if (status != STATUS_OK) {
        free(text);
        return false;
    }
    *out_text = text;
    *out_mode = st.st_mode & 07777;
    return true;
}

/* --- folders ---------------------------------------------------------------------------------- */

static enum status not_made(struct err *err, const char *path, const char *key)
{
    const int error = errno;
    return error == EACCES
               ? err_set(err, STATUS_IO, error, path,
                         "user %u may not make it: make it and give it to that user, or choose "
                         "another %s",
                         (unsigned)geteuid(), key)
               : err_set(err, STATUS_IO, error, path, "%s: choose another %s", strerror(error),
                         key);
}

/* mkdir -p; `path` is changed and restored on the way. */
static enum status make_folder(char *path, const char *key, struct err *err)
{
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char kept = *at;
        *at = '\0';
        if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST)
            return not_made(err, path, key);
        *at = kept;
        if (kept == '\0')
            break;
    }
    struct stat st;
    if (stat(path, &st) != 0)
        return fail(err, path);
    return S_ISDIR(st.st_mode)
               ? STATUS_OK
               : err_set(err, STATUS_INVALID, ENOTDIR, path, "exists and is no folder");
}

enum status config_make_folders(const struct config *config, struct err *err)
{
    char *const folders[] = {
        config_folder_of(config->db_path),
        config_folder_of(config->stats_file),
        strdup(config->spool_dir),
    };
    static const char *const keys[ARRAY_LEN(folders)] = {"dbPath", "statsFile", "spoolDir"};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        if (status == STATUS_OK)
            status = folders[i] != NULL ? make_folder(folders[i], keys[i], err)
                                        : err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory");
        free(folders[i]);
    }
    return status;
}

bool config_is_unix(const char *host)
{
    return strncmp(host, CONFIG_UNIX, strlen(CONFIG_UNIX)) == 0;
}

const char *config_health_host(const char *host, const char *health_host)
{
    if (health_host != NULL)
        return health_host;
    return config_is_unix(host) ? "127.0.0.1" : host;
}
