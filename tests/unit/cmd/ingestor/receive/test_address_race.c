/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/address_race.h"
#include "tests/support/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define ADDRESSES 3

/* A list as libc makes it. */
struct list {
    struct addrinfo infos[ADDRESSES];
    struct sockaddr_storage addresses[ADDRESSES];
    size_t count;
};

static void add_v4(struct list *list, in_port_t port)
{
    struct sockaddr_in *address = (struct sockaddr_in *)&list->addresses[list->count];
    *address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    list->infos[list->count] = (struct addrinfo){
        .ai_family = AF_INET, .ai_addrlen = sizeof *address, .ai_addr = (struct sockaddr *)address};
    if (list->count > 0)
        list->infos[list->count - 1].ai_next = &list->infos[list->count];
    list->count++;
}

static void add_v6(struct list *list, in_port_t port)
{
    struct sockaddr_in6 *address = (struct sockaddr_in6 *)&list->addresses[list->count];
    *address = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    list->infos[list->count] = (struct addrinfo){.ai_family = AF_INET6,
                                                 .ai_addrlen = sizeof *address,
                                                 .ai_addr = (struct sockaddr *)address};
    if (list->count > 0)
        list->infos[list->count - 1].ai_next = &list->infos[list->count];
    list->count++;
}

/* A listener of ours on 127.0.0.1; with is_listening false its port refuses. */
static int bind_v4(bool is_listening, int backlog, in_port_t *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_return_code(bind(fd, (struct sockaddr *)&address, len), errno);
    if (is_listening)
        assert_return_code(listen(fd, backlog), errno);
    assert_return_code(getsockname(fd, (struct sockaddr *)&address, &len), errno);
    *out_port = address.sin_port;
    return fd;
}

static int connect_to(in_port_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    IGNORE(connect(fd, (const struct sockaddr *)&address, sizeof address), "may stay under way");
    return fd;
}

static enum status run(struct address_race *race, size_t *out_winner)
{
    const mono_us deadline = clock_mono() + (mono_us)20 * US_PER_S;
    enum status status = STATUS_AGAIN;
    while (status == STATUS_AGAIN && clock_mono() < deadline) {
        status = address_race_poll(race, clock_mono(), out_winner);
        IGNORE(poll(NULL, 0, 1), "only a pause");
    }
    return status;
}

static void test_families_alternate(void **state)
{
    (void)state;
    struct list list = {.count = 0};
    add_v6(&list, 1);
    add_v6(&list, 2);
    add_v4(&list, 3);
    struct address_race race;
    address_race_start(&race, list.infos, 0);
    assert_int_equal(race.count, 3);
    assert_int_equal(race.addresses[0].ss_family, AF_INET6);
    assert_int_equal(race.addresses[1].ss_family, AF_INET);
    assert_int_equal(race.addresses[2].ss_family, AF_INET6);
    address_race_end(&race);
}

static void test_next_address_when_the_first_refuses(void **state)
{
    (void)state;
    struct list list = {.count = 0};
    in_port_t dead_port, port;
    const int dead = bind_v4(false, 0, &dead_port), alive = bind_v4(true, 8, &port);
    add_v4(&list, dead_port);
    add_v4(&list, port);
    struct address_race race;
    size_t winner = 99;
    address_race_start(&race, list.infos, clock_mono());
    assert_int_equal(run(&race, &winner), STATUS_OK);
    assert_int_equal(winner, 1);
    close(dead);
    close(alive);
}

/* A full backlog answers no SYN: what a black hole does. */
static void test_black_hole_costs_one_step(void **state)
{
    (void)state;
    struct list list = {.count = 0};
    in_port_t hole_port, port;
    const int hole = bind_v4(true, 0, &hole_port), alive = bind_v4(true, 8, &port);
    int fill[4];
    for (size_t i = 0; i < ARRAY_LEN(fill); i++)
        fill[i] = connect_to(hole_port);
    add_v4(&list, hole_port);
    add_v4(&list, port);
    struct address_race race;
    size_t winner = 99;
    const mono_us began = clock_mono();
    address_race_start(&race, list.infos, began);
    assert_int_equal(address_race_poll(&race, began, &winner), STATUS_AGAIN);
    assert_int_equal(race.begun, 1);
    assert_int_equal(address_race_poll(&race, began + RACE_STEP_US - 1, &winner), STATUS_AGAIN);
    assert_int_equal(race.begun, 1);
    assert_int_equal(address_race_poll(&race, began + RACE_STEP_US, &winner), STATUS_AGAIN);
    assert_int_equal(race.begun, 2);
    assert_int_equal(run(&race, &winner), STATUS_OK);
    assert_int_equal(winner, 1);
    for (size_t i = 0; i < ARRAY_LEN(fill); i++)
        close(fill[i]);
    close(hole);
    close(alive);
}

static void test_all_refuse(void **state)
{
    (void)state;
    struct list list = {.count = 0};
    in_port_t port;
    const int dead = bind_v4(false, 0, &port);
    add_v4(&list, port);
    add_v4(&list, port);
    struct address_race race;
    size_t winner = 99;
    address_race_start(&race, list.infos, clock_mono());
    assert_int_equal(run(&race, &winner), STATUS_NOT_FOUND);
    assert_int_equal(race.error, ECONNREFUSED);
    assert_int_equal(winner, 99);
    close(dead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families_alternate),
        cmocka_unit_test(test_next_address_when_the_first_refuses),
        cmocka_unit_test(test_black_hole_costs_one_step),
        cmocka_unit_test(test_all_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
