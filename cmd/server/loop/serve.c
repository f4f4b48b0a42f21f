/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/serve.h"

#include "cmd/server/http/export.h"
#include "cmd/server/loop/listen.h"

#include <errno.h>
#include <sys/socket.h>

/* An answer may be read this slowly, beside `stall`, which counts anew with each byte. */
#define ANSWER_US          ((mono_us)30 * US_PER_S)
#define ANSWER_BYTES_PER_S 16384
#define LINGER_BYTES       ((size_t)64 << 20)
#define PIECE_RETRY_US     ((mono_us)50 * US_PER_MS)

/* --- what all of it needs --------------------------------------------------------------------- */

void serve_wake_at(struct serving *s, mono_us at)
{
    if (at < s->next_sweep)
        s->next_sweep = at;
}

void serve_set_deadline(struct serving *s, struct conn *conn, mono_us at)
{
    conn->deadline = at;
    serve_wake_at(s, at);
}

bool serve_is_draining(const struct serving *s)
{
    return s->listener.fd < 0;
}

void serve_close(struct serving *s, struct conn *conn)
{
    if (conn->state == CONN_LIVE)
        live_leave(s->live);
    conns_close(s->conns, conn);
    atomic_fetch_sub_explicit(&s->exchange.service->counts->connections, 1,
                              memory_order_relaxed); /* a count alone */
    listener_watch(&s->listener, true);
}

static void note_limit(struct serving *s, enum reached_limit limit)
{
    http_count(&s->exchange.service->counts->limits);
    serve_wake_at(s, reached_note(&s->reached, limit));
}

bool serve_give_way(struct serving *s, struct conn *conn, enum reached_limit limit)
{
    note_limit(s, limit);
    if (conn != NULL)
        serve_close(s, conn);
    return conn != NULL;
}

/* --- the end of a connection ------------------------------------------------------------------ */

static enum serve_turn end(struct serving *s, struct conn *conn)
{
    serve_close(s, conn);
    return SERVE_OVER;
}

/* Closing with bytes unread would make the system throw away the refusal with a reset: the client
 * is told that there is no more, and has some time to see it. */
static enum serve_turn begin_linger(struct serving *s, struct conn *conn)
{
    if (conn->has_ended || shutdown(conn->fd, SHUT_WR) != 0)
        return end(s, conn);
    conns_drop_input(s->conns, conn);
    conns_move(s->conns, conn, CONN_LINGERING, s->now);
    serve_set_deadline(s, conn, s->now + s->limits.linger);
    conn->thrown_away = 0;
    return SERVE_AGAIN;
}

static enum serve_turn linger(struct serving *s, struct conn *conn)
{
    const ssize_t n = recv(conn->fd, s->discard, sizeof s->discard, 0);
    if (n < 0 && errno == EAGAIN)
        return SERVE_OVER;
    conn->thrown_away += n > 0 ? (size_t)n : 0;
    return n > 0 && conn->thrown_away < LINGER_BYTES ? SERVE_AGAIN : end(s, conn);
}

/* --- what is known of a request in the end ---------------------------------------------------- */

/* Its answer stands: while the request still stands in the input. */
static void note(struct serving *s, const struct conn *conn, int status, size_t bytes)
{
    struct traffic *traffic = s->exchange.service->traffic;
    if (traffic == NULL)
        return;
    const struct http_input *input = conn->input;
    const mono_us now = clock_mono();
    /* The row of WebSockets stands in no table. */
    const bool has_place = !exchange_is_websocket(&s->exchange, input);
    const struct traffic_request request = {.route = has_place ? input->request.route : NULL,
                                            .number = input->request.route_number,
                                            .method = input->bytes + input->head.method.at,
                                            .method_len = input->head.method.len,
                                            .path = input->bytes + input->head.path.at,
                                            .path_len = input->head.path.len,
                                            .query = input->request.query,
                                            .status = status,
                                            .bytes = bytes,
                                            .took = now - conn->asked};
    traffic_note(traffic, &request);
    if (!request_log_wants(&s->log, &request))
        return;
    char client[NETWORK_TEXT_MAX];
    uint8_t address[NETWORK_ADDRESS_BYTES];
    if (conn->is_a_proxy && exchange_read_client(&s->exchange, input, address))
        network_write_address(address, client);
    else
        listener_peer_name(conn->fd, client);
    serve_wake_at(s, request_log_write(&s->log, &request, client, now));
}

/* Closed so, the system does not go on offering the rest to a client that does not read. */
static void forget_unsent(const struct conn *conn)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    IGNORE(setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset),
           "then it ends later (listener.h)");
}

/* --- answers ---------------------------------------------------------------------------------- */

/* The answer is gone; what follows in the input is the next request. */
static enum serve_turn after_answer(struct serving *s, struct conn *conn)
{
    if (conn->is_refusal)
        return begin_linger(s, conn);
    if (conn->is_last)
        return end(s, conn);
    conns_move(s->conns, conn, CONN_IDLE, s->now);
    serve_set_deadline(s, conn, s->now + s->limits.idle);
    conn->may_read |= serve_is_draining(s); /* its last look */
    return SERVE_AGAIN;
}

/* In a worker. */
static void make_piece(struct work *work)
{
    struct conn *conn = (struct conn *)(void *)((char *)work - offsetof(struct conn, work));
    struct http_export *export = conn->out.ready->export;
    export->next(export, conn->out.is_chunked);
    conn->serving->tell_done(conn->serving, conn);
}

static enum serve_turn pause_export(struct serving *s, struct conn *conn, mono_us until)
{
    if (conn->state != CONN_WRITING)
        conns_move(s->conns, conn, CONN_WRITING, s->now);
    conn->resume_at = until;
    serve_set_deadline(s, conn, until);
    return SERVE_OVER;
}

static enum serve_turn ask_for_piece(struct serving *s, struct conn *conn)
{
    const struct http_export *export = conn->out.ready->export;
    conn->work.run = make_piece;
    conn->resume_at = 0;
    if (export->due > s->now)
        return pause_export(s, conn, export->due);
    if (!workers_submit(s->workers, &conn->work))
        return pause_export(s, conn, s->now + PIECE_RETRY_US);
    conns_move(s->conns, conn, CONN_WORKING, s->now);
    return SERVE_OVER;
}

static enum serve_turn send_some(struct serving *s, struct conn *conn)
{
    const size_t before = conn->out.sent;
    switch (outgoing_send(&conn->out, conn->fd)) {
    case OUTGOING_DONE:
        return after_answer(s, conn);
    case OUTGOING_LOST:
        return end(s, conn);
    case OUTGOING_MORE:
        return ask_for_piece(s, conn);
    case OUTGOING_BLOCKED:
        break;
    }
    conn->resume_at = 0;
    if (conn->state != CONN_WRITING || conn->out.sent > before) {
        const mono_us stalled = s->now + s->limits.stall;
        conns_move(s->conns, conn, CONN_WRITING, s->now);
        serve_set_deadline(s, conn, stalled < conn->answer_until ? stalled : conn->answer_until);
    }
    return SERVE_OVER;
}

static enum serve_turn begin_to_send(struct serving *s, struct conn *conn)
{
    const mono_us to_read = (mono_us)(conn->out.body_len / ANSWER_BYTES_PER_S) * US_PER_S;
    conn->answer_until = s->now + ANSWER_US + to_read;
    return send_some(s, conn);
}

/* The next piece of an export stands there. Who can't be answered to the end is reset, so that the
 * part is not taken for all; an export can be asked for from where it was cut. */
static enum serve_turn send_piece(struct serving *s, struct conn *conn)
{
    const struct http_export *export = conn->out.ready->export;
    const bool has_left = conn->has_hung_up && export->len == 0 && !export->is_last;
    conns_move(s->conns, conn, CONN_WRITING, s->now);
    if (export->has_failed || has_left) {
        forget_unsent(conn);
        return end(s, conn);
    }
    outgoing_piece(&conn->out);
    return begin_to_send(s, conn);
}

static enum serve_turn begin_answer(struct serving *s, struct conn *conn)
{
    http_count(&s->exchange.service->counts->requests);
    return begin_to_send(s, conn);
}

static enum serve_turn send_ready(struct serving *s, struct conn *conn, struct http_ready *ready,
                                  struct outgoing_form *form)
{
    form->keep_alive = !conn->is_last;
    return outgoing_ready(&conn->out, ready, form) ? begin_answer(s, conn) : end(s, conn);
}

static enum serve_turn refuse(struct serving *s, struct conn *conn,
                              const struct http_refusal *refusal)
{
    char lines[CORS_LINES_MAX];
    struct outgoing_form form = {.is_head = exchange_is_head(conn->input), .lines = lines};
    exchange_write_lines(&s->exchange, conn->input, lines);
    struct http_ready *ready = exchange_refusal(refusal);
    if (ready == NULL)
        return end(s, conn);
    note(s, conn, refusal->status, form.is_head ? 0 : ready->body_len);
    conns_drop_input(s->conns, conn);
    conn->is_last = conn->is_refusal = true;
    return send_ready(s, conn, ready, &form);
}

static enum serve_turn send_head(struct serving *s, struct conn *conn, struct http_head *head)
{
    head->keep_alive = !conn->is_last;
    return outgoing_head(&conn->out, head) ? begin_answer(s, conn) : end(s, conn);
}

static void end_request(struct serving *s, struct conn *conn)
{
    conn->is_last = !exchange_keeps_alive(conn->input) || serve_is_draining(s);
    conn->is_in_body = false;
    input_next(conn->input);
    if (conn->input->used == 0)
        conns_drop_input(s->conns, conn);
}

/* What was made is sent; until here the request stands in the input. */
static enum serve_turn answer(struct serving *s, struct conn *conn, struct http_ready *ready)
{
    if (ready == NULL)
        return refuse(s, conn, &(struct http_refusal){.status = 503, .why = "out of memory"});
    ready = exchange_choose(conn->input, ready);
    const bool is_known = exchange_is_known(conn->input, ready);
    char lines[CORS_LINES_MAX];
    struct outgoing_form form = {.is_head = exchange_is_head(conn->input),
                                 .takes_chunks = exchange_takes_chunks(conn->input),
                                 .lines = lines};
    exchange_write_lines(&s->exchange, conn->input, lines);
    note(s, conn, is_known ? 304 : ready->status, is_known || form.is_head ? 0 : ready->body_len);
    end_request(s, conn);
    conn->is_last |= http_ready_is_endless(ready->export) && !form.takes_chunks;
    if (!is_known)
        return send_ready(s, conn, ready, &form);
    struct http_head head = {
        .status = 304, .cache = ready->cache, .etag = ready->etag, .lines = lines};
    const enum serve_turn turn = send_head(s, conn, &head);
    http_ready_unref(ready);
    return turn;
}

static enum serve_turn answer_options(struct serving *s, struct conn *conn, const char *allow)
{
    char lines[CORS_LINES_MAX];
    exchange_write_lines(&s->exchange, conn->input, lines);
    note(s, conn, 204, 0);
    end_request(s, conn);
    struct http_head head = {.status = 204, .cache = HTTP_NO_STORE, .allow = allow, .lines = lines};
    return send_head(s, conn, &head);
}

/* --- workers ---------------------------------------------------------------------------------- */

/* In a worker: the whole answer, or only the packed form of one that stands there already. */
static void run_work(struct work *work)
{
    struct conn *conn = (struct conn *)(void *)((char *)work - offsetof(struct conn, work));
    struct serving *s = conn->serving;
    if (conn->made == NULL)
        conn->made = exchange_ask(&s->exchange, conn->input);
    if (exchange_should_pack(conn->input, conn->made))
        http_ready_pack(conn->made);
    s->tell_done(s, conn);
}

/* False = too many wait. */
static bool submit(struct serving *s, struct conn *conn)
{
    conn->work.run = run_work;
    if (!workers_submit(s->workers, &conn->work)) {
        note_limit(s, REACHED_WORKERS);
        return false;
    }
    conns_move(s->conns, conn, CONN_WORKING, s->now);
    return true;
}

static enum serve_turn ask_worker(struct serving *s, struct conn *conn)
{
    if (submit(s, conn))
        return SERVE_OVER;
    return refuse(s, conn,
                  &(struct http_refusal){.status = 503,
                                         .why = "too many requests wait: ask again in a second"});
}

/* Answered from memory; what would take long to pack is packed by a worker, or sent as it is. */
static enum serve_turn answer_now(struct serving *s, struct conn *conn)
{
    struct http_ready *ready = exchange_ask(&s->exchange, conn->input);
    if (!exchange_should_pack(conn->input, ready))
        return answer(s, conn, ready);
    if (s->workers == NULL || exchange_may_pack_here(ready)) {
        http_ready_pack(ready);
        return answer(s, conn, ready);
    }
    conn->made = ready;
    if (submit(s, conn))
        return SERVE_OVER;
    conn->made = NULL;
    return answer(s, conn, ready);
}

/* --- listeners -------------------------------------------------------------------------------- */

static enum serve_turn send_live(struct serving *s, struct conn *conn, bool can_write)
{
    switch (live_client_step(conn->live, s->live, conn->fd, s->now, can_write)) {
    case LIVE_OVER:
        return SERVE_OVER;
    case LIVE_MORE:
        return SERVE_AGAIN;
    case LIVE_END:
        break;
    }
    if (conn->live->is_blocked)
        forget_unsent(conn);
    return end(s, conn);
}

/* What a listener sends is read and, but for a WebSocket's control frames, thrown away. */
static enum serve_turn serve_listener(struct serving *s, struct conn *conn)
{
    if (!conn->may_read)
        return send_live(s, conn, true);
    const ssize_t n = recv(conn->fd, s->discard, sizeof s->discard, 0);
    if (n < 0 && errno == ETIMEDOUT) /* it took nothing for LISTENER_UNREAD_MS */
        http_count(&s->exchange.service->counts->live_cut_off);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        return end(s, conn);
    conn->may_read = n > 0 || errno == EINTR;
    if (n > 0 && !live_client_read(conn->live, s->discard, (size_t)n, s->now))
        return end(s, conn);
    const enum serve_turn turn = send_live(s, conn, true);
    return conn->state == CONN_LIVE && conn->may_read ? SERVE_AGAIN : turn;
}

static enum serve_turn begin_live(struct serving *s, struct conn *conn)
{
    struct listen_answer answer = {0};
    conn->live = listen_begin(&s->exchange, s->live, conn->input, s->now, &answer);
    if (conn->live == NULL && answer.refusal.status != 0)
        return refuse(s, conn, &answer.refusal);
    http_count(&s->exchange.service->counts->requests);
    note(s, conn, exchange_is_websocket(&s->exchange, conn->input) ? 101 : 200, answer.len);
    if (conn->live == NULL) {
        conns_drop_input(s->conns, conn);
        conn->is_last = true;
        conn->answer_until = s->now + ANSWER_US;
        return outgoing_text(&conn->out, answer.text, answer.len) ? send_some(s, conn)
                                                                  : end(s, conn);
    }
    conns_move(s->conns, conn, CONN_LIVE, s->now);
    serve_set_deadline(s, conn, s->now + LIVE_COMMENT_US);
    listen_set_socket(conn->fd);
    const bool stays = listen_read_rest(conn->live, conn->input, s->now);
    conns_drop_input(s->conns, conn);
    return stays ? SERVE_AGAIN : end(s, conn);
}

void serve_begin_walk(struct serving *s)
{
    s->walk++;
}

struct conn *serve_next_listener(struct serving *s)
{
    struct conn *conn = conns_oldest(s->conns, CONN_LIVE);
    if (conn == NULL || conn->live->walk == s->walk)
        return NULL;
    conn->live->walk = s->walk;
    conns_move(s->conns, conn, CONN_LIVE, s->now);
    return conn;
}

void serve_end_listener(struct serving *s, struct conn *conn)
{
    live_client_end(conn->live);
    if (send_live(s, conn, true) == SERVE_OVER && conn->state == CONN_LIVE)
        serve_close(s, conn);
}

static enum serve_turn tick_listener(struct serving *s, struct conn *conn)
{
    if (!live_client_tick(conn->live, s->now))
        return end(s, conn);
    serve_set_deadline(s, conn, s->now + LIVE_COMMENT_US);
    return send_live(s, conn, false);
}

/* --- requests --------------------------------------------------------------------------------- */

/* False = the connection is lost. */
static bool receive(struct conn *conn)
{
    size_t room;
    char *to = input_room(conn->input, &room);
    const ssize_t n = recv(conn->fd, to, room, 0);
    if (n < 0) {
        if (errno == EAGAIN)
            conn->may_read = false;
        return !conn->may_read || errno == EINTR;
    }
    if (n == 0)
        conn->has_ended = true;
    conn->input->used += (size_t)n;
    /* Less than asked for was all there was, and what comes next is told again (epoll(7)). */
    if (n == 0 || ((size_t)n < room && !conn->has_hung_up))
        conn->may_read = false;
    return true;
}

/* Nothing can be done until more bytes come. */
static enum serve_turn wait_for_bytes(struct serving *s, struct conn *conn)
{
    if (conn->has_ended)
        return end(s, conn);
    if (conn->input->used == 0) {
        conns_drop_input(s->conns, conn);
        if (serve_is_draining(s))
            return end(s, conn);
        return SERVE_OVER; /* FRESH and IDLE it stays; so does who sends empty lines */
    }
    if (conn->state != CONN_READING) {
        if (conn->state == CONN_IDLE)
            serve_set_deadline(s, conn, s->now + s->limits.head);
        conns_move(s->conns, conn, CONN_READING, s->now);
    }
    if (conn->input->head_len > 0 && !conn->is_in_body) {
        conn->is_in_body = true;
        serve_set_deadline(s, conn, s->now + s->limits.body);
    }
    if (!conn->input->wants_continue)
        return SERVE_OVER;
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const ssize_t len = sizeof go_on - 1;
    conn->input->wants_continue = false;
    return send(conn->fd, go_on, (size_t)len, MSG_NOSIGNAL) == len ? SERVE_OVER : end(s, conn);
}

/* One that holds an input gives it up for this connection. */
static bool take_input(struct serving *s, struct conn *conn)
{
    if (conns_take_input(s->conns, conn) != NULL)
        return true;
    return serve_give_way(s, conns_oldest_with_input(s->conns), REACHED_INPUTS) &&
           conns_take_input(s->conns, conn) != NULL;
}

void serve_note_client(const struct serving *s, struct conn *conn,
                       const struct sockaddr_storage *address)
{
    uint8_t bytes[NETWORK_ADDRESS_BYTES];
    const bool has_address = network_of_socket(address, bytes);
    conn->client = has_address ? network_client(bytes) : UINT64_MAX;
    conn->is_a_proxy = !has_address || exchange_is_proxy(&s->exchange, bytes);
}

/* Probes never do. */
static bool asks_too_often(struct serving *s, const struct conn *conn, enum exchange_step step)
{
    uint8_t bytes[NETWORK_ADDRESS_BYTES];
    if (step == EXCHANGE_NOW && conn->input->request.route->is_probe)
        return false;
    const bool is_for_another =
        conn->is_a_proxy && exchange_read_client(&s->exchange, conn->input, bytes);
    const uint64_t client = is_for_another ? network_client(bytes) : conn->client;
    if (rate_take(s->rate, client, s->now))
        return false;
    note_limit(s, REACHED_RATE);
    return true;
}

static enum serve_turn read_request(struct serving *s, struct conn *conn)
{
    if (conn->input == NULL && !conn->may_read)
        return SERVE_OVER;
    if (!take_input(s, conn)) /* all others are being answered: they will be soon */
        return SERVE_AGAIN;
    struct http_refusal refusal = {0};
    enum exchange_step step = exchange_read(&s->exchange, conn->input, &refusal);
    while (step == EXCHANGE_MORE && conn->may_read) {
        if (!receive(conn))
            return end(s, conn);
        step = exchange_read(&s->exchange, conn->input, &refusal);
    }
    if (step == EXCHANGE_MORE)
        return wait_for_bytes(s, conn);
    conn->asked = clock_mono();
    if (s->rate != NULL && asks_too_often(s, conn, step))
        return refuse(
            s, conn,
            &(struct http_refusal){.status = 429, .why = "you ask too often (rateLimitPerSecond)"});
    if (step == EXCHANGE_REFUSED)
        return refuse(s, conn, &refusal);
    if (step == EXCHANGE_OPTIONS)
        return answer_options(s, conn, refusal.allow);
    if (step == EXCHANGE_WAITS)
        return ask_worker(s, conn);
    if (step == EXCHANGE_LIVE)
        return begin_live(s, conn);
    return answer_now(s, conn);
}

/* --- together --------------------------------------------------------------------------------- */

enum serve_turn serve_step(struct serving *s, struct conn *conn)
{
    if (conn->state == CONN_FREE || conn->state == CONN_WORKING)
        return SERVE_OVER;
    if (conn->state == CONN_LINGERING)
        return linger(s, conn);
    if (conn->state == CONN_LIVE)
        return serve_listener(s, conn);
    if (!outgoing_is_empty(&conn->out))
        return send_some(s, conn);
    return read_request(s, conn);
}

enum serve_turn serve_done(struct serving *s, struct conn *conn)
{
    struct http_ready *made = conn->made;
    if (!outgoing_is_empty(&conn->out))
        return send_piece(s, conn);
    conn->made = NULL;
    conns_move(s->conns, conn, CONN_READING, s->now);
    return answer(s, conn, made);
}

enum serve_turn serve_expire(struct serving *s, struct conn *conn)
{
    if (conn->state == CONN_LIVE)
        return tick_listener(s, conn);
    const bool is_half_read = conn->state == CONN_READING && conn->input != NULL;
    const struct http_refusal refusal = {.status = 408,
                                         .why = conn->is_in_body
                                                    ? "the body did not arrive in time"
                                                    : "the request did not arrive in time"};
    if (conn->state == CONN_WRITING && conn->resume_at != 0)
        return SERVE_AGAIN; /* an export that paused */
    if (conn->state == CONN_WRITING)
        forget_unsent(conn);
    conn->asked = clock_mono(); /* it never was; we took no time over it */
    return is_half_read ? refuse(s, conn, &refusal) : end(s, conn);
}
