/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the path of a request, with a folder in the page's place: what is given out is a
 * file of the folder, never one beside it, behind a link or hidden, and nothing below /api is. The
 * bytes go the way of a request and, undecoded, to the folder alone. */
#include "cmd/server/page/folder.h"
#include "cmd/server/http/router.h"
#include "tests/fuzz/require.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INSIDE  "inside"
#define OUTSIDE "outside"

static char dir[64], root[80];

static const struct route rows[] = {
    {.method = "GET", .path = "/api/stats", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/metrics", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = ROUTE_REST, .listeners = ROUTE_ON_MAIN},
};

/* Leaves first made last: removed from the end. */
static const struct {
    const char *name, *text, *link; /* neither = a folder */
} things[] = {
    {"secret.txt", OUTSIDE, NULL},
    {"public", NULL, NULL},
    {"public/index.html", INSIDE, NULL},
    {"public/a", NULL, NULL},
    {"public/a/b.js", INSIDE, NULL},
    {"public/a/.hidden", OUTSIDE, NULL},
    {"public/.git", NULL, NULL},
    {"public/.git/config", OUTSIDE, NULL},
    {"public/up", NULL, ".."},
    {"public/out.txt", NULL, "../secret.txt"},
    {"public/in.txt", NULL, "index.html"},
};

static void path_of(size_t thing, char out[static 128])
{
    (void)snprintf(out, 128, "%s/%s", dir, things[thing].name);
}

static void remove_all(void)
{
    char path[128];
    for (size_t i = ARRAY_LEN(things); i-- > 0;) {
        path_of(i, path);
        (void)remove(path);
    }
    (void)rmdir(dir);
}

static void make_all(void)
{
    char path[128];
    (void)snprintf(dir, sizeof dir, "/tmp/weir-fuzz-folder-XXXXXX");
    require(mkdtemp(dir) != NULL && atexit(remove_all) == 0);
    (void)snprintf(root, sizeof root, "%s/public", dir);
    for (size_t i = 0; i < ARRAY_LEN(things); i++) {
        path_of(i, path);
        if (things[i].text != NULL) {
            const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            const ssize_t len = (ssize_t)strlen(things[i].text);
            require(fd >= 0 && write(fd, things[i].text, (size_t)len) == len && close(fd) == 0);
        } else if (things[i].link != NULL) {
            require(symlink(things[i].link, path) == 0);
        } else {
            require(mkdir(path, 0700) == 0);
        }
    }
}

static void check_folder(const char *path)
{
    struct folder_file file;
    size_t len = 0;
    const enum folder_found found = folder_find(root, path, &file);
    require(found != FOLDER_FAILED);
    if (found != FOLDER_FILE)
        return;
    char *bytes = folder_read(&file, &len);
    require(bytes != NULL && len == sizeof INSIDE - 1 && memcmp(bytes, INSIDE, len) == 0);
    require(path[0] != '.' && strstr(path, "/.") == NULL && strstr(path, "//") == NULL);
    free(bytes);
    require(close(file.fd) == 0);
}

static void check_request(const char *path)
{
    static const struct route_family family = {rows, ARRAY_LEN(rows)};
    static struct router *router;
    if (router == NULL)
        router = router_new(&family, 1);
    struct router_match match;
    const int refused = router_find(router, path, ROUTE_ON_MAIN, &match);
    require(refused == 0 || refused == 400 || refused == 404);
    if (refused != 0 || match.get.route != &rows[2])
        return;
    require(match.argument_count == 1 && match.post.route == NULL);
    require_text(match.arguments[0], HTTP_PATH_MAX);
    require(strcmp(match.arguments[0], "api") != 0 && strncmp(match.arguments[0], "api/", 4) != 0);
    check_folder(match.arguments[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (dir[0] == '\0')
        make_all();
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_request(text);
    check_folder(text);
    free(text);
    return 0;
}
