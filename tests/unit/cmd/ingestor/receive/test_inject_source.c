/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/receive/inject_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_MESSAGE 2048

struct fixture {
    char dir[64], path[96];
    struct inject_source *source;
    enum outcome answer;
    int calls;
    char topic[64], payload[64];
    size_t topic_len, payload_len;
};

static enum outcome handle(void *context, const char *topic, size_t topic_len,
                           const uint8_t *payload, size_t payload_len)
{
    struct fixture *f = context;
    f->calls++;
    f->topic_len = topic_len;
    f->payload_len = payload_len;
    (void)snprintf(f->topic, sizeof f->topic, "%.*s", (int)topic_len, topic);
    if (payload_len > MAX_MESSAGE)
        return OUTCOME_REJECTED_TOO_LARGE;
    (void)snprintf(f->payload, sizeof f->payload, "%.*s", (int)payload_len, (const char *)payload);
    return f->answer;
}

static int open_source(struct fixture *f)
{
    struct err err = {0};
    const struct inject_params params = {
        .path = f->path, .max_message_bytes = MAX_MESSAGE, .handler = handle, .context = f};
    return (int)inject_source_open(&params, &f->source, &err);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/weir-inject-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/inject.sock", f->dir);
    f->answer = OUTCOME_NONE;
    assert_int_equal(open_source(f), STATUS_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    inject_source_close(f->source);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

static int dial(const struct fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, f->path, strlen(f->path) + 1);
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* The source's answer to one message; '-' = it hung up. */
static char ask(struct fixture *f, int fd, const void *message, size_t len)
{
    static mono_us now = 1;
    assert_int_equal(send(fd, message, len, MSG_NOSIGNAL), (ssize_t)len);
    inject_source_turn(f->source, 0, now++); /* accepts */
    inject_source_turn(f->source, 0, now++); /* serves */
    char answer = '?';
    const ssize_t n = recv(fd, &answer, 1, MSG_DONTWAIT);
    return n == 1 ? answer : n == 0 ? '-' : '?';
}

static void passes_topic_and_payload_and_answers(void **state)
{
    struct fixture *f = *state;
    const int fd = dial(f);
    static const char message[] = "meshcore/XXX/a/packets\0{\"raw\":\"00\"}";
    assert_int_equal(ask(f, fd, message, sizeof message - 1), 'A');
    assert_string_equal(f->topic, "meshcore/XXX/a/packets");
    assert_string_equal(f->payload, "{\"raw\":\"00\"}");
    static const struct {
        enum outcome outcome;
        char answer;
    } cases[] = {{OUTCOME_DROPPED_SOFT, 'S'},       {OUTCOME_FILTERED_RATE, 'S'},
                 {OUTCOME_DROPPED_QUEUE_FULL, 'F'}, {OUTCOME_DROPPED_SPOOL, 'F'},
                 {OUTCOME_REJECTED_TOO_LARGE, 'T'}, {OUTCOME_NONE, 'A'}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        f->answer = cases[i].outcome;
        assert_int_equal(ask(f, fd, message, sizeof message - 1), cases[i].answer);
    }
    assert_int_equal(close(fd), 0);
}

static void an_oversize_message_is_answered_and_counted(void **state)
{
    struct fixture *f = *state;
    const int fd = dial(f);
    char *message = calloc(1, 100000);
    assert_non_null(message);
    memset(message, 'x', 100000);
    message[1] = '\0';
    assert_int_equal(ask(f, fd, message, 100000), 'T');
    assert_int_equal(f->payload_len, 100000 - 2);
    free(message);
    assert_int_equal(ask(f, fd, "t\0p", 3), 'A');
    assert_int_equal(close(fd), 0);
}

static void a_message_without_topic_or_nul_ends_the_client(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    assert_int_equal(ask(f, fd, "no nul", 6), '-');
    assert_int_equal(close(fd), 0);
    fd = dial(f);
    assert_int_equal(ask(f, fd, "\0payload", 8), '-');
    assert_int_equal(close(fd), 0);
    assert_int_equal(f->calls, 0);
    assert_int_equal(inject_source_clients(f->source), 0);
}

static void an_empty_payload_is_a_message(void **state)
{
    struct fixture *f = *state;
    const int fd = dial(f);
    assert_int_equal(ask(f, fd, "t", 2), 'A');
    assert_int_equal(f->payload_len, 0);
    assert_int_equal(close(fd), 0);
}

static void one_client_too_many_evicts_the_longest_idle(void **state)
{
    struct fixture *f = *state;
    int fds[INJECT_CLIENTS_MAX + 1];
    for (size_t i = 0; i < INJECT_CLIENTS_MAX; i++) {
        fds[i] = dial(f);
        assert_int_equal(ask(f, fds[i], "t\0p", 3), 'A');
    }
    assert_int_equal(ask(f, fds[0], "t\0p", 3), 'A'); /* now 1 is the longest idle */
    fds[INJECT_CLIENTS_MAX] = dial(f);
    assert_int_equal(ask(f, fds[INJECT_CLIENTS_MAX], "t\0p", 3), 'A');
    assert_int_equal(inject_source_clients(f->source), INJECT_CLIENTS_MAX);
    char byte;
    assert_int_equal(recv(fds[1], &byte, 1, MSG_DONTWAIT), 0);
    assert_int_equal(ask(f, fds[0], "t\0p", 3), 'A');
    for (size_t i = 0; i <= INJECT_CLIENTS_MAX; i++)
        assert_int_equal(close(fds[i]), 0);
    inject_source_turn(f->source, 0, 1000);
    assert_int_equal(inject_source_clients(f->source), 0);
}

static void a_client_that_reads_nothing_harms_nobody(void **state)
{
    struct fixture *f = *state;
    const int rude = dial(f);
    const int polite = dial(f);
    for (int i = 0; i < 2000; i++) {
        if (send(rude, "t\0p", 3, MSG_DONTWAIT | MSG_NOSIGNAL) != 3)
            break;
        inject_source_turn(f->source, 0, 1);
    }
    assert_int_equal(ask(f, polite, "t\0p", 3), 'A');
    assert_int_equal(close(rude), 0);
    assert_int_equal(close(polite), 0);
}

static void the_file_is_0660_and_a_stale_one_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    struct inject_source *dead = f->source; /* as after kill -9: the file stays */
    assert_int_equal(open_source(f), STATUS_OK);
    const int fd = dial(f);
    assert_int_equal(ask(f, fd, "t\0p", 3), 'A');
    assert_int_equal(close(fd), 0);
    inject_source_close(f->source);
    f->source = dead;
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    struct inject_source *source = NULL;
    struct err err = {0};
    const struct inject_params params = {
        .path = path, .max_message_bytes = MAX_MESSAGE, .handler = handle, .context = f};
    assert_int_equal(inject_source_open(&params, &source, &err), STATUS_INVALID);
    assert_null(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(passes_topic_and_payload_and_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(an_oversize_message_is_answered_and_counted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_message_without_topic_or_nul_ends_the_client, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_empty_payload_is_a_message, setup, teardown),
        cmocka_unit_test_setup_teardown(one_client_too_many_evicts_the_longest_idle, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_client_that_reads_nothing_harms_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_is_0660_and_a_stale_one_is_replaced, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
