/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/loop/listener.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct place {
    char dir[64];
    char path[128], host[160];
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    strcpy(place->dir, "/tmp/test_unix.XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->path, sizeof place->path, "%s/http.sock", place->dir);
    (void)snprintf(place->host, sizeof place->host, "unix:%s", place->path);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    (void)unlink(place->path);
    assert_int_equal(rmdir(place->dir), 0);
    free(place);
    return 0;
}

static int listen_at(const struct place *place, struct err *err)
{
    int fd = -1;
    *err = (struct err){0};
    return listener_open(place->host, 1, &fd, err) == STATUS_OK ? fd : -1;
}

static bool is_there(const struct place *place)
{
    struct stat st;
    return lstat(place->path, &st) == 0;
}

static int connect_to(const struct place *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, place->path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void test_its_file_is_for_user_and_group_whatever_the_umask(void **state)
{
    const struct place *place = *state;
    const mode_t masks[] = {0, 022, 077};
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        struct err err;
        struct stat st;
        const mode_t before = umask(masks[i]);
        const int fd = listen_at(place, &err);
        (void)umask(before);
        assert_true(fd >= 0);
        assert_int_equal(lstat(place->path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0660);
        assert_int_equal(st.st_uid, geteuid());
        assert_int_equal(close(fd), 0);
    }
}

static void test_connections_come_and_the_file_goes_with_the_listener(void **state)
{
    const struct place *place = *state;
    struct err err;
    struct listener listener;
    struct sockaddr_storage from;
    char name[NETWORK_TEXT_MAX];
    int taken;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_true(listener_init(&listener, listen_at(place, &err), epoll));
    const int client = connect_to(place);
    assert_int_equal(listener_accept(&listener, &taken, &from), LISTENER_TAKEN);
    listener_peer_name(taken, name);
    assert_string_equal(name, "unix");
    listener_close(&listener);
    assert_false(is_there(place));
    assert_int_equal(close(taken), 0);
    assert_int_equal(close(client), 0);
    assert_int_equal(close(epoll), 0);
}

static void test_a_file_left_behind_is_replaced(void **state)
{
    const struct place *place = *state;
    struct err err;
    assert_int_equal(close(listen_at(place, &err)), 0); /* as a kill -9 leaves it */
    assert_true(is_there(place));
    const int fd = listen_at(place, &err);
    assert_true(fd >= 0);
    assert_int_equal(close(connect_to(place)), 0);
    assert_int_equal(close(fd), 0);
}

static void test_a_living_listener_is_left_alone(void **state)
{
    const struct place *place = *state;
    struct err err;
    struct listener late;
    const int first = listen_at(place, &err);
    assert_int_equal(listen_at(place, &err), -1);
    assert_non_null(strstr(err.text, "another program listens there"));
    assert_int_equal(close(connect_to(place)), 0);
    /* Nor is the file of who took the place meanwhile removed by who had it. */
    assert_int_equal(unlink(place->path), 0);
    const int second = listen_at(place, &err);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_true(listener_init(&late, first, epoll));
    listener_close(&late);
    assert_int_equal(close(connect_to(place)), 0);
    assert_int_equal(close(second), 0);
    assert_int_equal(close(epoll), 0);
}

static void test_what_is_no_socket_is_never_removed(void **state)
{
    const struct place *place = *state;
    struct err err;
    const int fd = open(place->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(listen_at(place, &err), -1);
    assert_non_null(strstr(err.text, "no socket"));
    assert_string_equal(err.what, place->path);
    assert_true(is_there(place));
}

static void test_what_is_wrong_is_said(void **state)
{
    (void)state;
    struct err err;
    int fd;
    assert_int_equal(listener_open("unix:/nonexistent/weir.sock", 1, &fd, &err), STATUS_IO);
    assert_non_null(strstr(err.text, "its folder is not there; make it"));
    char host[200] = "unix:/";
    memset(host + 6, 'x', 108);
    assert_int_equal(listener_open(host, 1, &fd, &err), STATUS_CONFIG);
    assert_non_null(strstr(err.text, "107"));
    assert_int_equal(listener_open("[::1]", 1, &fd, &err), STATUS_CONFIG);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_its_file_is_for_user_and_group_whatever_the_umask),
        CASE(test_connections_come_and_the_file_goes_with_the_listener),
        CASE(test_a_file_left_behind_is_replaced),
        CASE(test_a_living_listener_is_left_alone),
        CASE(test_what_is_no_socket_is_never_removed),
        cmocka_unit_test(test_what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
