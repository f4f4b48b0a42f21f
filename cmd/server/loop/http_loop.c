/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/http_loop.h"

#include "cmd/server/loop/serve.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_US       ((mono_us)100 * US_PER_MS)
#define SWEEP_US       ((mono_us)20 * US_PER_MS) /* between two looks at all deadlines */
#define EVENTS_A_TURN  128
#define ACCEPTS_A_TURN 64
#define TURN_REQUESTS  16
#define DRAIN_ACCEPTS  4096
#define GATHER_US      ((mono_us)100 * US_PER_MS)
#define WALK_TURN      8

struct http_loop {
    struct serving serving; /* first: what a worker is given leads back here */
    /* constant after init */
    int epoll, wake;
    pthread_t thread;
    /* atomic */
    _Atomic bool is_stopping, has_new_rules;
    _Atomic uint64_t turns;
    /* who asks for the turns */
    uint64_t seen_turns;
    /* guarded by lock */
    pthread_mutex_t lock;
    struct conn *done;            /* answered by a worker; linked by next_done */
    struct http_rules *new_rules; /* a reference; NULL = none */
    /* the loop's thread only */
    struct http_rules *rules; /* those that came last: a reference; NULL = still the first */
    mono_us drained_by;
    bool has_news, is_walking;
    mono_us walk_at; /* not before */
    struct conn *first_turn, **last_turn;
};

/* --- new connections -------------------------------------------------------------------------- */

static void admit(struct serving *s, int fd, const struct sockaddr_storage *address)
{
    struct conn *conn = conns_open(s->conns, fd, address, s->now);
    if (conn == NULL && serve_give_way(s, conns_oldest_silent(s->conns), REACHED_SOCKETS))
        conn = conns_open(s->conns, fd, address, s->now);
    if (conn == NULL) {
        IGNORE(close(fd), "there is no room for it");
        return;
    }
    conn->serving = s;
    serve_note_client(s, conn, address);
    http_count(&s->exchange.service->counts->connections);
    serve_set_deadline(s, conn, s->now + s->limits.head);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = conn};
    if (epoll_ctl(s->listener.epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        (void)serve_give_way(s, conn, REACHED_DESCRIPTORS);
        return;
    }
    const size_t share = s->limits.per_address;
    if (share > 0 && conns_of_peer(s->conns, conn->peer) > share)
        (void)serve_give_way(s, conns_oldest_of(s->conns, conn->peer), REACHED_ADDRESS);
}

/* One connection of the backlog. False = there is none, or none can be taken now. */
static bool accept_one(struct serving *s)
{
    struct sockaddr_storage address;
    int fd;
    switch (listener_accept(&s->listener, &fd, &address)) {
    case LISTENER_TAKEN:
        admit(s, fd, &address);
        return true;
    case LISTENER_GONE:
        return true;
    case LISTENER_NOBODY:
        return false;
    case LISTENER_NO_DESCRIPTOR:
        break;
    }
    if (serve_give_way(s, conns_oldest_silent(s->conns), REACHED_DESCRIPTORS))
        return true;
    listener_watch(&s->listener, false);
    serve_wake_at(s, s->now + PAUSE_US);
    return false;
}

static void accept_some(struct serving *s, int at_most)
{
    for (int i = 0; i < at_most && accept_one(s); i++) {
        /* the rest in the next turn: the listening socket is level-triggered */
    }
}

/* --- turns ------------------------------------------------------------------------------------ */

static void add_turn(struct http_loop *loop, struct conn *conn)
{
    if (conn->is_waiting)
        return;
    conn->is_waiting = true;
    conn->next_turn = NULL;
    *loop->last_turn = conn;
    loop->last_turn = &conn->next_turn;
}

static void serve(struct http_loop *loop, struct conn *conn)
{
    for (int i = 0; i < TURN_REQUESTS; i++) {
        if (serve_step(&loop->serving, conn) == SERVE_OVER)
            return;
    }
    add_turn(loop, conn);
}

/* Those who wait now; who asks for one more turn meanwhile has it after the events. */
static void take_turns(struct http_loop *loop)
{
    struct conn *conn = loop->first_turn;
    loop->first_turn = NULL;
    loop->last_turn = &loop->first_turn;
    while (conn != NULL) {
        struct conn *next = conn->next_turn;
        conn->is_waiting = false;
        serve(loop, conn);
        conn = next;
    }
}

static void wake(struct http_loop *loop)
{
    /* Fails only when the counter is full: then it is awake. */
    IGNORE(eventfd_write(loop->wake, 1), "it is awake");
}

/* In a worker. */
static void tell_done(struct serving *serving, struct conn *conn)
{
    struct http_loop *loop = (struct http_loop *)(void *)serving;
    (void)pthread_mutex_lock(&loop->lock);
    conn->next_done = loop->done;
    loop->done = conn;
    (void)pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

static void take_done(struct http_loop *loop)
{
    eventfd_t count;
    IGNORE(eventfd_read(loop->wake, &count), "it only wakes");
    (void)pthread_mutex_lock(&loop->lock);
    struct conn *conn = loop->done;
    loop->done = NULL;
    (void)pthread_mutex_unlock(&loop->lock);
    while (conn != NULL) {
        struct conn *next = conn->next_done;
        if (serve_done(&loop->serving, conn) == SERVE_AGAIN)
            add_turn(loop, conn);
        conn = next;
    }
}

/* A connection's events are hints that reading and writing confirm: the slot may have become
 * another's since they were told. */
static void on_event(struct http_loop *loop, const struct epoll_event *event)
{
    if (event->data.ptr == &loop->serving.listener) {
        accept_some(&loop->serving, ACCEPTS_A_TURN);
        return;
    }
    if (event->data.ptr == &loop->wake) {
        take_done(loop);
        loop->has_news = true;
        return;
    }
    struct conn *conn = event->data.ptr;
    if ((event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        conn->may_read = true;
    if ((event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        conn->has_hung_up = true;
    serve(loop, conn);
}

/* --- who listens ------------------------------------------------------------------------------ */

/* By the feed's thread. News are only taken at the beginning of a walk: then the feed, which waits
 * when much was posted, does not run away from those who take all they can. */
static void wake_for_news(void *context)
{
    wake(context);
}

static void walk_on(struct http_loop *loop)
{
    struct serving *s = &loop->serving;
    if (!loop->is_walking && loop->has_news && s->now >= loop->walk_at) {
        loop->has_news = false;
        loop->is_walking = s->live != NULL && live_take(s->live);
        if (loop->is_walking) {
            serve_begin_walk(s);
            loop->walk_at = s->now + GATHER_US;
        }
    }
    for (int i = 0; i < WALK_TURN && loop->is_walking; i++) {
        struct conn *conn = serve_next_listener(s);
        loop->is_walking = conn != NULL;
        if (conn != NULL)
            serve(loop, conn);
    }
}

/* --- time ------------------------------------------------------------------------------------- */

static void sweep_state(struct http_loop *loop, enum conn_state state)
{
    struct serving *s = &loop->serving;
    struct conn *next;
    for (struct conn *conn = conns_oldest(s->conns, state); conn != NULL; conn = next) {
        next = conn->newer;
        if (conn->deadline > s->now)
            serve_wake_at(s, conn->deadline);
        else if (serve_expire(s, conn) == SERVE_AGAIN)
            add_turn(loop, conn);
    }
}

static void sweep(struct http_loop *loop)
{
    struct serving *s = &loop->serving;
    s->next_sweep = INT64_MAX;
    for (int state = CONN_FRESH; state < CONN_WORKING; state++)
        sweep_state(loop, (enum conn_state)state);
    serve_wake_at(s, reached_say(&s->reached, s->now, s->limits.name, conns_open_count(s->conns)));
    serve_wake_at(s, request_log_say(&s->log, s->now));
    if (serve_is_draining(s))
        serve_wake_at(s, loop->drained_by);
    listener_watch(&s->listener, true);
    if (s->next_sweep < s->now + SWEEP_US)
        s->next_sweep = s->now + SWEEP_US;
}

static int timeout_ms(const struct http_loop *loop)
{
    if (loop->first_turn != NULL || loop->is_walking)
        return 0;
    mono_us next = loop->serving.next_sweep;
    if (loop->has_news && loop->walk_at < next)
        next = loop->walk_at;
    if (next == INT64_MAX)
        return -1;
    const mono_us left = next - clock_mono();
    return left <= 0 ? 0 : (int)((left + US_PER_MS - 1) / US_PER_MS);
}

/* --- draining --------------------------------------------------------------------------------- */

/* A request may have come already: one look at each silent connection. */
static void end_silent(struct http_loop *loop, enum conn_state state)
{
    struct conn *next;
    for (struct conn *conn = conns_oldest(loop->serving.conns, state); conn != NULL; conn = next) {
        next = conn->newer;
        conn->may_read = true;
        serve(loop, conn);
    }
}

/* They come back, to another server or to the next one. */
static void end_listeners(struct http_loop *loop)
{
    struct conn *next;
    if (loop->serving.live != NULL)
        live_drain(loop->serving.live);
    for (struct conn *conn = conns_oldest(loop->serving.conns, CONN_LIVE); conn != NULL;
         conn = next) {
        next = conn->newer;
        serve_end_listener(&loop->serving, conn);
    }
}

static void begin_drain(struct http_loop *loop)
{
    end_listeners(loop);
    accept_some(&loop->serving, DRAIN_ACCEPTS);
    listener_close(&loop->serving.listener);
    loop->drained_by = loop->serving.now + loop->serving.limits.drain;
    serve_wake_at(&loop->serving, loop->drained_by);
    end_silent(loop, CONN_FRESH);
    end_silent(loop, CONN_IDLE);
}

static bool is_drained(const struct http_loop *loop)
{
    const size_t refused = conns_count(loop->serving.conns, CONN_LINGERING);
    return serve_is_draining(&loop->serving) && (conns_open_count(loop->serving.conns) == refused ||
                                                 loop->serving.now >= loop->drained_by);
}

/* --- rules ------------------------------------------------------------------------------------ */

static int wanted_rate(const struct serving *s)
{
    const struct http_rules *rules = s->exchange.rules;
    return rules != NULL && s->exchange.listener == ROUTE_ON_MAIN ? rules->requests_per_second : 0;
}

/* False = no memory: the limit stays what it was. */
static bool limit_rate(struct serving *s)
{
    const int per_second = wanted_rate(s);
    struct rate *rate = per_second > 0 ? rate_new(per_second) : NULL;
    if (per_second > 0 && rate == NULL)
        return false;
    rate_free(s->rate);
    s->rate = rate;
    return true;
}

static void take_rules(struct http_loop *loop)
{
    struct serving *s = &loop->serving;
    if (!atomic_load(&loop->has_new_rules))
        return;
    const int before = wanted_rate(s);
    struct http_rules *former = loop->rules;
    (void)pthread_mutex_lock(&loop->lock);
    loop->rules = loop->new_rules;
    loop->new_rules = NULL;
    atomic_store(&loop->has_new_rules, false);
    (void)pthread_mutex_unlock(&loop->lock);
    s->exchange.rules = loop->rules;
    if (former != NULL)
        shared_unref(&former->shared);
    if (wanted_rate(s) != before)
        IGNORE(limit_rate(s), "then the one before limits");
}

/* --- life ------------------------------------------------------------------------------------- */

static void *run(void *arg)
{
    struct http_loop *loop = arg;
    struct epoll_event events[EVENTS_A_TURN];
    (void)pthread_setname_np(pthread_self(), loop->serving.limits.name); /* for `top -H` only */
    while (!is_drained(loop)) {
        const int n = epoll_wait(loop->epoll, events, EVENTS_A_TURN, timeout_ms(loop));
        /* Relaxed: it only shows that the thread goes round. */
        atomic_fetch_add_explicit(&loop->turns, 1, memory_order_relaxed);
        loop->serving.now = clock_mono();
        take_rules(loop);
        for (int i = 0; i < n; i++)
            on_event(loop, &events[i]);
        take_turns(loop);
        walk_on(loop);
        if (loop->serving.now >= loop->serving.next_sweep)
            sweep(loop);
        if (!serve_is_draining(&loop->serving) && atomic_load(&loop->is_stopping))
            begin_drain(loop);
    }
    return NULL;
}

static bool watch_wake(struct http_loop *loop)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &loop->wake};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) == 0;
}

struct http_loop *http_loop_start(const struct http_loop_setup *setup)
{
    struct http_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        IGNORE(close(setup->listen_fd), "there will be no loop");
        return NULL;
    }
    loop->serving.exchange = setup->exchange;
    loop->serving.limits = *setup->limits;
    loop->serving.log.writes_all = setup->exchange.service->logs_requests;
    loop->serving.workers = setup->workers;
    loop->serving.live = setup->live;
    loop->serving.next_sweep = INT64_MAX;
    loop->last_turn = &loop->first_turn;
    loop->serving.now = clock_mono();
    loop->serving.tell_done = tell_done;
    (void)pthread_mutex_init(&loop->lock, NULL); /* can't fail on Linux without attributes */
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->serving.conns = conns_new(loop->serving.limits.sockets, loop->serving.limits.inputs);
    if (listener_init(&loop->serving.listener, setup->listen_fd, loop->epoll) && watch_wake(loop) &&
        loop->serving.conns != NULL && limit_rate(&loop->serving) &&
        pthread_create(&loop->thread, NULL, run, loop) == 0) {
        if (setup->live != NULL)
            live_attach(setup->live, wake_for_news, loop);
        return loop;
    }
    http_loop_free(loop);
    return NULL;
}

void http_loop_use_rules(struct http_loop *loop, struct http_rules *rules)
{
    if (loop == NULL)
        return;
    (void)pthread_mutex_lock(&loop->lock);
    struct http_rules *unused = loop->new_rules;
    shared_ref(&rules->shared);
    loop->new_rules = rules;
    atomic_store(&loop->has_new_rules, true);
    (void)pthread_mutex_unlock(&loop->lock);
    if (unused != NULL)
        shared_unref(&unused->shared);
    wake(loop);
}

bool http_loop_turned(struct http_loop *loop)
{
    if (loop == NULL)
        return true;
    const uint64_t turns = atomic_load_explicit(&loop->turns, memory_order_relaxed);
    const bool has_turned = turns != loop->seen_turns;
    loop->seen_turns = turns;
    wake(loop);
    return has_turned;
}

void http_loop_stop(struct http_loop *loop)
{
    if (loop == NULL)
        return;
    atomic_store(&loop->is_stopping, true);
    wake(loop);
    (void)pthread_join(loop->thread, NULL);
    if (loop->serving.live != NULL)
        live_detach(loop->serving.live);
}

void http_loop_free(struct http_loop *loop)
{
    if (loop == NULL)
        return;
    conns_free(loop->serving.conns);
    rate_free(loop->serving.rate);
    if (loop->rules != NULL)
        shared_unref(&loop->rules->shared);
    if (loop->new_rules != NULL)
        shared_unref(&loop->new_rules->shared);
    listener_close(&loop->serving.listener);
    if (loop->epoll >= 0)
        IGNORE(close(loop->epoll), "nothing is watched any more");
    if (loop->wake >= 0)
        IGNORE(close(loop->wake), "nobody wakes it any more");
    (void)pthread_mutex_destroy(&loop->lock);
    free(loop);
}
