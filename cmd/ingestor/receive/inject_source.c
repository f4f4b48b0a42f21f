/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/inject_source.h"

#include "common/base/file.h"
#include "common/ring/ring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
/* A client may send this many messages before another one has its turn. */
#define MESSAGES_A_TURN 32

struct client {
    int fd;
    mono_us used_at;
};

struct inject_source {
    inject_handler *handler;
    void *context;
    int listener;
    struct file_id named; /* what the path leads to, as it was bound */
    size_t client_count;
    struct client clients[INJECT_CLIENTS_MAX];
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    size_t buffer_bytes;
    uint8_t buffer[];
};

static enum status listen_at(struct inject_source *source, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, source->path, sizeof address.sun_path);
    source->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (source->listener < 0)
        goto failed;
    if (unlink(source->path) != 0 && errno != ENOENT)
        goto failed;
    /* bind takes the mode from the descriptor, less the umask; chmod then only widens (I3). */
    if (fchmod(source->listener, 0660) != 0 ||
        bind(source->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(source->path, 0660) != 0 || !file_id_of_path(source->path, &source->named) ||
        listen(source->listener, BACKLOG) != 0)
        goto failed;
    return STATUS_OK;
failed:
    return err_set(err, STATUS_IO, errno, source->path, "injection socket: %s", strerror(errno));
}

enum status inject_source_open(const struct inject_params *params,
                               struct inject_source **out_source, struct err *err)
{
    const size_t path_len = strlen(params->path);
    if (path_len >= sizeof((struct inject_source *)0)->path)
        return err_set(err, STATUS_INVALID, 0, params->path, "too long for a socket's name");
    const size_t buffer_bytes = RING_TOPIC_MAX + 1 + params->max_message_bytes;
    struct inject_source *source = calloc(1, sizeof *source + buffer_bytes);
    if (source == NULL)
        return err_set(err, STATUS_NO_MEMORY, errno, params->path, "injection socket: no memory");
    source->handler = params->handler;
    source->context = params->context;
    source->buffer_bytes = buffer_bytes;
    memcpy(source->path, params->path, path_len + 1);
    const enum status status = listen_at(source, err);
    if (status != STATUS_OK) {
        if (source->listener >= 0)
            IGNORE(close(source->listener), "never listened");
        free(source);
        return status;
    }
    *out_source = source;
    return STATUS_OK;
}

void inject_source_close(struct inject_source *source)
{
    if (source == NULL)
        return;
    IGNORE(unlink(source->path), "a stale socket is replaced at the next start");
    IGNORE(close(source->listener), "no data in it");
    for (size_t i = 0; i < source->client_count; i++)
        IGNORE(close(source->clients[i].fd), "its answers are in the kernel already");
    free(source);
}

bool inject_source_is_named(const struct inject_source *source)
{
    struct file_id now;
    return file_id_of_path(source->path, &now) && file_id_is_same(now, source->named);
}

size_t inject_source_clients(const struct inject_source *source)
{
    return source->client_count;
}

static void drop_client(struct inject_source *source, size_t i)
{
    IGNORE(close(source->clients[i].fd), "nothing can be done about it");
    source->clients[i] = source->clients[--source->client_count];
}

static size_t longest_idle(const struct inject_source *source)
{
    size_t idle = 0;
    for (size_t i = 1; i < source->client_count; i++) {
        if (source->clients[i].used_at < source->clients[idle].used_at)
            idle = i;
    }
    return idle;
}

static void accept_clients(struct inject_source *source, mono_us now)
{
    /* A bound on the turn: a storm of connects must not keep the messages waiting. */
    for (int i = 0; i < BACKLOG; i++) {
        const int fd = accept4(source->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return; /* none left; or no descriptors, then the next turn tries again */
        if (source->client_count == INJECT_CLIENTS_MAX)
            drop_client(source, longest_idle(source));
        source->clients[source->client_count++] = (struct client){.fd = fd, .used_at = now};
    }
}

static char answer_of(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_NONE:
        return 'A';
    case OUTCOME_DROPPED_SOFT:
    case OUTCOME_FILTERED_RATE:
        return 'S';
    case OUTCOME_REJECTED_TOO_LARGE:
        return 'T';
    default: /* queue full, spool error: no room for it now */
        return 'F';
    }
}

static bool is_would_block(int error)
{
    return error == EAGAIN || error == EINTR;
}

/* Returns false when this client is done for the turn; *out_keep says whether it stays. */
static bool serve_message(struct inject_source *source, int fd, bool *out_keep)
{
    /* MSG_TRUNC: the true length, also of a message that was cut. */
    const ssize_t n = recv(fd, source->buffer, source->buffer_bytes, MSG_DONTWAIT | MSG_TRUNC);
    if (n <= 0) {
        *out_keep = n < 0 && is_would_block(errno);
        return false;
    }
    const size_t len = (size_t)n;
    const size_t here = (size_t)min_u64(len, source->buffer_bytes);
    const uint8_t *nul = memchr(source->buffer, '\0', here);
    *out_keep = nul != NULL && nul != source->buffer;
    if (!*out_keep)
        return false;
    const size_t topic_len = (size_t)(nul - source->buffer);
    const char answer = answer_of(source->handler(source->context, (const char *)source->buffer,
                                                  topic_len, nul + 1, len - topic_len - 1));
    *out_keep = send(fd, &answer, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
    return *out_keep;
}

static bool serve_client(struct inject_source *source, int fd)
{
    bool keep = true;
    for (int i = 0; i < MESSAGES_A_TURN; i++) {
        if (!serve_message(source, fd, &keep))
            break;
    }
    return keep;
}

void inject_source_turn(struct inject_source *source, int timeout_ms, mono_us now)
{
    struct pollfd fds[INJECT_CLIENTS_MAX + 1];
    const size_t count = source->client_count;
    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = source->clients[i].fd, .events = POLLIN};
    fds[count] = (struct pollfd){.fd = source->listener, .events = POLLIN};
    if (poll(fds, (nfds_t)(count + 1), timeout_ms) <= 0)
        return;
    /* Downwards, because dropping one moves the last into its place. */
    for (size_t i = count; i-- > 0;) {
        if (fds[i].revents == 0)
            continue;
        source->clients[i].used_at = now;
        if (!serve_client(source, fds[i].fd))
            drop_client(source, i);
    }
    if (fds[count].revents != 0)
        accept_clients(source, now);
}
