/* SPDX-License-Identifier: MIT */
#include "tests/bench/lib/publisher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST_MAX     128  /* messages a send */
#define ASK_EVERY_US  2000 /* the reader's progress */
#define IDLE_MS       1
#define STALL_US      (30 * (mono_us)US_PER_S)
#define PING_EVERY_US (15 * (mono_us)US_PER_S)

struct sender {
    const struct publisher_params *params;
    const struct workload *workload;
    int fd;
    size_t next;       /* message whose bytes are being sent */
    size_t bytes_sent; /* of the pool */
    uint64_t acked, done;
    uint8_t in[4096];
    size_t in_len;
    mono_us started, asked_at, moved_at, pinged_at;
};

static bool complain(const char *what)
{
    IGNORE(
        fprintf(stderr, "publisher: %s: %s\n", what, errno ? strerror(errno) : "unexpected answer"),
        "stderr");
    return false;
}

static bool connect_broker(struct sender *s)
{
    /* CONNECT, MQTT 3.1.1, clean session, keep-alive 60 s, client id empty: the
     * broker chooses one */
    static const uint8_t hello[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(s->params->port)};
    uint8_t answer[4];
    const int one = 1;

    errno = 0;
    if (inet_pton(AF_INET, s->params->host, &address.sin_addr) != 1)
        return complain(s->params->host);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || connect(s->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return complain("connect");
    IGNORE(setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "only slower without");
    if (send(s->fd, hello, sizeof hello, MSG_NOSIGNAL) != (ssize_t)sizeof hello)
        return complain("CONNECT");
    if (recv(s->fd, answer, sizeof answer, MSG_WAITALL) != (ssize_t)sizeof answer)
        return complain("CONNACK");
    return (answer[0] == 0x20 && answer[3] == 0) || complain("CONNACK");
}

/* Answers are PUBACK (4 bytes) and PINGRESP (2 bytes). */
static bool read_answers(struct sender *s)
{
    ssize_t got = recv(s->fd, s->in + s->in_len, sizeof s->in - s->in_len, MSG_DONTWAIT);
    if (got == 0)
        return complain("the broker closed the connection");
    if (got < 0)
        return errno == EAGAIN || errno == EINTR || complain("recv");
    s->in_len += (size_t)got;
    size_t at = 0;
    while (at + 2 <= s->in_len && at + 2 + s->in[at + 1] <= s->in_len) {
        s->acked += s->in[at] == 0x40;
        at += 2 + (size_t)s->in[at + 1];
    }
    memmove(s->in, s->in + at, s->in_len - at);
    s->in_len -= at;
    s->moved_at = clock_mono();
    return true;
}

static bool ask_reader(struct sender *s, mono_us now)
{
    if (s->params->ahead == 0 || now - s->asked_at < ASK_EVERY_US)
        return true;
    uint64_t done = s->params->done(s->params->context);
    if (done == UINT64_MAX)
        return complain("the reader's progress is unknown");
    if (done != s->done)
        s->moved_at = now;
    s->done = done;
    s->asked_at = now;
    return true;
}

/* How many messages may have been sent in all by now. */
static size_t allowed(const struct sender *s, mono_us now)
{
    const struct publisher_params *p = s->params;
    size_t limit = s->workload->count;
    if (p->rate > 0)
        limit = min_size(limit, 1 + (size_t)((double)(now - s->started) * p->rate / US_PER_S));
    if (p->qos > 0)
        limit = (size_t)min_u64(limit, s->acked + p->window);
    if (p->ahead > 0)
        limit = (size_t)min_u64(limit, s->done + p->ahead);
    return limit;
}

static bool send_some(struct sender *s, size_t limit, mono_us now)
{
    const size_t *offsets = s->workload->offsets;
    size_t end = (size_t)min_u64(limit, s->next + BURST_MAX);
    for (size_t i = s->next; s->params->sent_at && i < end; i++)
        s->params->sent_at[i] = now;
    ssize_t sent = send(s->fd, s->workload->bytes + s->bytes_sent, offsets[end] - s->bytes_sent,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR || complain("send");
    s->bytes_sent += (size_t)sent;
    while (s->next < end && offsets[s->next + 1] <= s->bytes_sent)
        s->next++;
    s->moved_at = now;
    return true;
}

/* Between whole messages only: a PINGREQ inside one would be its payload. */
static void keep_alive(struct sender *s, mono_us now)
{
    static const uint8_t ping[] = {0xC0, 0};
    if (now - s->pinged_at < PING_EVERY_US || s->bytes_sent != s->workload->offsets[s->next])
        return;
    s->pinged_at = now;
    IGNORE(send(s->fd, ping, sizeof ping, MSG_DONTWAIT | MSG_NOSIGNAL),
           "the next one says it again");
}

static bool turn(struct sender *s)
{
    mono_us now = clock_mono();
    if (now - s->moved_at > STALL_US) {
        errno = ETIMEDOUT;
        return complain("nothing has moved for 30 s");
    }
    keep_alive(s, now);
    if (!ask_reader(s, now))
        return false;
    size_t limit = allowed(s, now);
    bool may_send = limit > s->next;
    struct pollfd pfd = {.fd = s->fd, .events = (short)(POLLIN | (may_send ? POLLOUT : 0))};
    if (poll(&pfd, 1, IDLE_MS) < 0 && errno != EINTR)
        return complain("poll");
    if ((pfd.revents & (POLLIN | POLLHUP | POLLERR)) && !read_answers(s))
        return false;
    return !may_send || !(pfd.revents & POLLOUT) || send_some(s, limit, clock_mono());
}

static bool send_all(struct sender *s, struct publisher_result *out)
{
    s->started = s->moved_at = s->pinged_at = out->started = clock_mono();
    while (s->next < s->workload->count)
        if (!turn(s))
            return false;
    out->sent = clock_mono();
    while (s->params->qos > 0 && s->acked < s->workload->count)
        if (!turn(s))
            return false;
    out->acknowledged = clock_mono();
    return true;
}

bool publisher_run(const struct publisher_params *params, const struct workload *workload,
                   struct publisher_result *out)
{
    static const uint8_t bye[] = {0xE0, 0};
    struct sender s = {.params = params, .workload = workload, .fd = -1};
    bool ok = connect_broker(&s) && send_all(&s, out);
    if (ok)
        IGNORE(send(s.fd, bye, sizeof bye, MSG_NOSIGNAL), "the broker notices the close as well");
    if (s.fd >= 0)
        IGNORE(close(s.fd), "nothing to lose");
    return ok;
}
