/* SPDX-License-Identifier: MIT
 *
 * Who has a slot, who an input, and who gives way. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/loop/conns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&address;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        address.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        address.ss_family = AF_INET6;
    else
        address.ss_family = AF_UNIX;
    return address;
}

static void test_addresses(void **state)
{
    (void)state;
    struct peers *peers = peers_new(4);
    assert_non_null(peers);
    struct sockaddr_storage address = address_of("10.0.0.1");
    const uint32_t first = peers_add(peers, &address);
    assert_int_equal(peers_add(peers, &address), first);
    address = address_of("::ffff:10.0.0.1");
    assert_int_equal(peers_add(peers, &address), first);
    assert_int_equal(peers_count(peers, first), 3);
    address = address_of("2001:db8:1:2::3");
    const uint32_t network = peers_add(peers, &address);
    assert_int_not_equal(network, first);
    address = address_of("2001:db8:1:2:ffff::4");
    assert_int_equal(peers_add(peers, &address), network);
    address = address_of("2001:db8:1:3::3");
    const uint32_t other = peers_add(peers, &address);
    assert_int_not_equal(other, network);
    address = address_of("@");
    assert_int_equal(peers_add(peers, &address), PEER_NONE);
    assert_int_equal(peers_count(peers, PEER_NONE), 0);
    peers_drop(peers, PEER_NONE);
    for (int i = 0; i < 3; i++)
        peers_drop(peers, first);
    address = address_of("10.0.0.2");
    const uint32_t reused = peers_add(peers, &address);
    assert_int_equal(reused, first);
    assert_int_equal(peers_count(peers, reused), 1);
    address = address_of("10.0.0.3");
    assert_int_not_equal(peers_add(peers, &address), PEER_NONE);
    address = address_of("10.0.0.4");
    assert_int_equal(peers_add(peers, &address), PEER_NONE); /* more peers than sockets */
    peers_free(peers);
}

static struct conn *open_one(struct conns *conns, const char *address, mono_us now)
{
    int pair[2];
    const struct sockaddr_storage from = address_of(address);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(close(pair[1]), 0);
    struct conn *conn = conns_open(conns, pair[0], &from, now);
    if (conn == NULL)
        assert_int_equal(close(pair[0]), 0);
    return conn;
}

static void test_the_oldest_silent_gives_way(void **state)
{
    (void)state;
    struct conns *conns = conns_new(4, 2);
    struct conn *c[4];
    for (int i = 0; i < 4; i++)
        assert_non_null(c[i] = open_one(conns, i % 2 == 0 ? "10.0.0.1" : "10.0.0.2", 10 + i));
    assert_null(open_one(conns, "10.0.0.3", 20));
    assert_ptr_equal(conns_oldest_silent(conns), c[0]);
    assert_int_equal(conns_of_peer(conns, c[0]->peer), 2);
    conns_move(conns, c[0], CONN_IDLE, 21);
    conns_move(conns, c[1], CONN_READING, 22);
    assert_ptr_equal(conns_oldest_silent(conns), c[2]);
    assert_ptr_equal(conns_oldest_of(conns, c[1]->peer), c[3]);
    conns_move(conns, c[2], CONN_LINGERING, 23);
    conns_move(conns, c[3], CONN_WORKING, 24);
    assert_ptr_equal(conns_oldest_silent(conns), c[0]);
    conns_move(conns, c[0], CONN_WRITING, 25);
    conns_move(conns, c[1], CONN_WRITING, 26);
    assert_ptr_equal(conns_oldest_silent(conns), c[2]);
    conns_close(conns, c[2]);
    assert_int_equal(conns_open_count(conns), 3);
    assert_ptr_equal(conns_oldest_silent(conns), c[0]); /* only answers left: it stood longest */
    conns_close(conns, c[0]);
    conns_close(conns, c[1]);
    assert_null(conns_oldest_silent(conns)); /* a worker reads its input */
    assert_non_null(open_one(conns, "10.0.0.3", 30));
    assert_int_equal(conns_open_count(conns), 2);
    conns_free(conns);
}

static void test_inputs_are_few(void **state)
{
    (void)state;
    struct conns *conns = conns_new(4, 2);
    struct conn *c[3];
    for (int i = 0; i < 3; i++)
        c[i] = open_one(conns, "@", i);
    for (int i = 0; i < 2; i++) {
        assert_non_null(conns_take_input(conns, c[i]));
        conns_move(conns, c[i], CONN_READING, 10 - i);
    }
    assert_ptr_equal(conns_take_input(conns, c[0]), c[0]->input);
    assert_null(conns_take_input(conns, c[2]));
    assert_ptr_equal(conns_oldest_with_input(conns), c[0]); /* it began to read before c[1] */
    struct http_input *input = c[0]->input;
    memset(input->bytes, 'x', INPUT_BYTES);
    input->used = 7;
    conns_close(conns, c[0]);
    assert_ptr_equal(conns_take_input(conns, c[2]), input);
    assert_int_equal(input->used, 0);
    conns_free(conns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_the_oldest_silent_gives_way),
        cmocka_unit_test(test_inputs_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
