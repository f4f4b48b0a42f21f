/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/conns.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

struct list {
    struct conn *oldest, *newest;
    size_t count;
};

struct conns {
    size_t size;
    size_t fresh; /* so many slots were ever used: the others are in no list, and untouched */
    struct conn *slots;
    struct list lists[CONN_STATE_COUNT];
    struct peers *peers;
    struct input_pool *inputs;
};

static const enum conn_state silent[] = {CONN_FRESH, CONN_IDLE, CONN_READING, CONN_LINGERING};

/* --- lists ------------------------------------------------------------------------------------ */

static void unlink_conn(struct conns *conns, struct conn *conn)
{
    struct list *list = &conns->lists[conn->state];
    *(conn->older != NULL ? &conn->older->newer : &list->oldest) = conn->newer;
    *(conn->newer != NULL ? &conn->newer->older : &list->newest) = conn->older;
    list->count--;
}

static void link_newest(struct conns *conns, struct conn *conn)
{
    struct list *list = &conns->lists[conn->state];
    conn->newer = NULL;
    conn->older = list->newest;
    *(list->newest != NULL ? &list->newest->newer : &list->oldest) = conn;
    list->newest = conn;
    list->count++;
}

void conns_move(struct conns *conns, struct conn *conn, enum conn_state state, mono_us now)
{
    unlink_conn(conns, conn);
    conn->state = state;
    conn->since = now;
    link_newest(conns, conn);
}

/* --- life ------------------------------------------------------------------------------------- */

struct conns *conns_new(size_t sockets, size_t inputs)
{
    struct conns *conns = calloc(1, sizeof *conns);
    if (conns == NULL)
        return NULL;
    conns->size = sockets;
    conns->slots = calloc(sockets, sizeof *conns->slots);
    conns->peers = peers_new(sockets);
    conns->inputs = input_pool_new(inputs);
    if (conns->slots != NULL && conns->peers != NULL && conns->inputs != NULL)
        return conns;
    conns_free(conns);
    return NULL;
}

void conns_free(struct conns *conns)
{
    if (conns == NULL)
        return;
    for (int state = CONN_FREE + 1; state < CONN_STATE_COUNT; state++) {
        while (conns->lists[state].oldest != NULL) {
            struct conn *conn = conns->lists[state].oldest;
            if (state == CONN_WORKING)
                conns_move(conns, conn, CONN_LINGERING, 0);
            conns_close(conns, conn);
        }
    }
    input_pool_free(conns->inputs);
    peers_free(conns->peers);
    free(conns->slots);
    free(conns);
}

struct conn *conns_open(struct conns *conns, int fd, const struct sockaddr_storage *address,
                        mono_us now)
{
    struct conn *conn = conns->lists[CONN_FREE].newest;
    if (conn != NULL)
        unlink_conn(conns, conn);
    else if (conns->fresh < conns->size)
        conn = &conns->slots[conns->fresh++];
    else
        return NULL;
    *conn = (struct conn){.fd = fd,
                          .state = CONN_FRESH,
                          .since = now,
                          .is_waiting = conn->is_waiting,
                          .next_turn = conn->next_turn};
    conn->peer = peers_add(conns->peers, address);
    link_newest(conns, conn);
    return conn;
}

void conns_close(struct conns *conns, struct conn *conn)
{
    assert(conn->state != CONN_FREE && conn->state != CONN_WORKING);
    conns_drop_input(conns, conn);
    outgoing_drop(&conn->out);
    live_client_free(conn->live);
    conn->live = NULL;
    http_ready_unref(conn->made);
    conn->made = NULL;
    peers_drop(conns->peers, conn->peer);
    IGNORE(close(conn->fd), "nothing can be done about it");
    conn->fd = -1;
    conns_move(conns, conn, CONN_FREE, 0);
}

struct http_input *conns_take_input(struct conns *conns, struct conn *conn)
{
    if (conn->input == NULL)
        conn->input = input_take(conns->inputs);
    return conn->input;
}

void conns_drop_input(struct conns *conns, struct conn *conn)
{
    if (conn->input != NULL)
        input_put(conns->inputs, conn->input);
    conn->input = NULL;
}

/* --- questions -------------------------------------------------------------------------------- */

size_t conns_count(const struct conns *conns, enum conn_state state)
{
    return conns->lists[state].count;
}

size_t conns_open_count(const struct conns *conns)
{
    return conns->fresh - conns->lists[CONN_FREE].count;
}

size_t conns_of_peer(const struct conns *conns, uint32_t peer)
{
    return peers_count(conns->peers, peer);
}

struct conn *conns_oldest(const struct conns *conns, enum conn_state state)
{
    return conns->lists[state].oldest;
}

typedef bool filter(const struct conn *conn, uint32_t peer);

static bool is_any(const struct conn *conn, uint32_t peer)
{
    (void)conn;
    (void)peer;
    return true;
}

static bool is_of_peer(const struct conn *conn, uint32_t peer)
{
    return conn->peer == peer;
}

static bool has_input(const struct conn *conn, uint32_t peer)
{
    (void)peer;
    return conn->input != NULL;
}

static struct conn *first_in(const struct conns *conns, enum conn_state state, filter *fits,
                             uint32_t peer)
{
    struct conn *conn = conns->lists[state].oldest;
    while (conn != NULL && !fits(conn, peer))
        conn = conn->newer;
    return conn;
}

static struct conn *find_oldest(const struct conns *conns, filter *fits, uint32_t peer)
{
    struct conn *oldest = NULL;
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        struct conn *conn = first_in(conns, silent[i], fits, peer);
        if (conn != NULL && (oldest == NULL || conn->since < oldest->since))
            oldest = conn;
    }
    return oldest != NULL ? oldest : first_in(conns, CONN_WRITING, fits, peer);
}

struct conn *conns_oldest_silent(const struct conns *conns)
{
    return find_oldest(conns, is_any, PEER_NONE);
}

struct conn *conns_oldest_of(const struct conns *conns, uint32_t peer)
{
    return find_oldest(conns, is_of_peer, peer);
}

/* An IDLE one with pipelined bytes holds its input only until its next turn, and a WORKING one may
 * not be closed (I3, I4). */
struct conn *conns_oldest_with_input(const struct conns *conns)
{
    struct conn *conn = first_in(conns, CONN_READING, has_input, PEER_NONE);
    return conn != NULL ? conn : first_in(conns, CONN_WRITING, has_input, PEER_NONE);
}
