/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/relay.h"

#include "cmd/ingestor/relay/loopback.h"
#include "cmd/ingestor/relay/pump.h"
#include "cmd/ingestor/relay/upgrade.h"
#include "cmd/ingestor/relay/upstream.h"
#include "common/base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_US      ((mono_us)10 * US_PER_S)
#define FINISH_POLL_MS 5
#define STACK_BYTES    (512 * 1024)
#define PATHS          2
#define RESOLVED_CAP   1024
#define ADDRESSES_MAX  8
#define EARLY_BYTES    4096 /* what is read at once of the answer to the upgrade */

enum phase { PHASE_IDLE, PHASE_OPENING, PHASE_READY, PHASE_ENDED };

struct relay {
    /* constant after new */
    struct relay_params params;
    struct broker_url url;
    const char *paths[PATHS];
    size_t path_count;
    int stop_event;
    /* the owner's thread */
    pthread_t thread;
    bool is_started;
    char resolved[RESOLVED_CAP];
    /* the attempt's thread, and the owner's between two attempts */
    size_t path;       /* to be asked for first */
    bool is_path_said; /* since the last CONNACK */
    mono_us deadline;
    struct upstream *upstream;
    struct upgrade upgrade;
    char early[EARLY_BYTES];
    size_t early_start, early_end;
    char failure[RELAY_TEXT_MAX];
    atomic_bool stop;
    /* guarded by lock */
    pthread_mutex_t lock;
    enum phase phase;
    int port;
    char text[RELAY_TEXT_MAX];
};

static void set_phase(struct relay *relay, enum phase phase, int port, const char *text)
{
    IGNORE(pthread_mutex_lock(&relay->lock), "can't fail: a plain mutex");
    relay->phase = phase;
    relay->port = port;
    (void)snprintf(relay->text, sizeof relay->text, "%s", text);
    IGNORE(pthread_mutex_unlock(&relay->lock), "locked above");
}

static enum phase get_phase(struct relay *relay, int *out_port)
{
    IGNORE(pthread_mutex_lock(&relay->lock), "can't fail: a plain mutex");
    const enum phase phase = relay->phase;
    *out_port = relay->port;
    IGNORE(pthread_mutex_unlock(&relay->lock), "locked above");
    return phase;
}

/* --- the way to the broker; on the attempt's thread ------------------------------------------- */

static bool connect_upstream(struct relay *relay)
{
    const struct relay_params *params = &relay->params;
    const mono_us left = relay->deadline - clock_mono();
    const struct upstream_params upstream = {
        .host = relay->url.host,
        .host_is_ipv6 = relay->url.host_is_ipv6,
        .port = relay->url.port,
        .is_tls = relay->url.is_tls,
        .resolved = relay->resolved,
        .proxy = params->proxy,
        .ca_file = params->ca_file,
        .cert_file = params->cert_file,
        .key_file = params->key_file,
        .is_verified = params->is_verified,
        .limit = left > US_PER_MS ? left : US_PER_MS,
        .stop = &relay->stop,
    };
    relay->upstream = upstream_open(&upstream, relay->failure);
    return relay->upstream != NULL;
}

/* False = the deadline passed, or stop. */
static bool wait_for(const struct relay *relay, int fd, short events)
{
    const mono_us left = (relay->deadline - clock_mono()) / US_PER_MS;
    struct pollfd polled[] = {{.fd = fd, .events = events},
                              {.fd = relay->stop_event, .events = POLLIN}};
    if (left <= 0)
        return false;
    IGNORE(poll(polled, ARRAY_LEN(polled), (int)min_u64((uint64_t)left, 1000)), "tried again");
    return !atomic_load(&relay->stop);
}

static enum status give_up_upgrade(struct relay *relay, const char *path, const char *why)
{
    (void)snprintf(relay->failure, sizeof relay->failure, "WebSocket, path %.255s: %.200s", path,
                   why);
    return STATUS_IO;
}

static enum status send_request(struct relay *relay, const char *path)
{
    static const char late[] = "no answer to the upgrade";
    char request[UPGRADE_REQUEST_MAX];
    uint8_t nonce[UPGRADE_NONCE_BYTES];
    if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
        return give_up_upgrade(relay, path, "no random numbers");
    const size_t len = upgrade_request(&relay->upgrade, relay->url.host, relay->url.host_is_ipv6,
                                       relay->url.port, relay->url.is_tls, path, nonce, request);
    for (size_t sent = 0; sent < len;) {
        const ssize_t rc = upstream_send(relay->upstream, request + sent, len - sent);
        if (rc < 0)
            return give_up_upgrade(relay, path, upstream_error(relay->upstream));
        if (rc == 0 && !wait_for(relay, upstream_fd(relay->upstream), POLLOUT))
            return give_up_upgrade(relay, path, late);
        sent += (size_t)rc;
    }
    return len > 0 ? STATUS_OK : give_up_upgrade(relay, path, "the path is too long");
}

/* STATUS_INVALID = HTTP refused it. */
static enum status read_answer(struct relay *relay, const char *path)
{
    for (;;) {
        const ssize_t got = upstream_recv(relay->upstream, relay->early, sizeof relay->early);
        if (got < 0)
            return give_up_upgrade(relay, path, upstream_error(relay->upstream));
        if (got == 0) {
            if (!wait_for(relay, upstream_fd(relay->upstream), POLLIN))
                return give_up_upgrade(relay, path, "no answer to the upgrade");
            continue;
        }
        relay->early_end = (size_t)got;
        const enum status status =
            upgrade_read(&relay->upgrade, relay->early, (size_t)got, &relay->early_start);
        if (status == STATUS_OK)
            return status;
        if (status != STATUS_AGAIN) {
            IGNORE(give_up_upgrade(relay, path, relay->upgrade.text), "the status is the reader's");
            return relay->upgrade.status != 0 ? status : STATUS_IO;
        }
    }
}

static enum status open_path(struct relay *relay, const char *path)
{
    relay->early_start = relay->early_end = 0;
    enum status status = connect_upstream(relay) ? STATUS_OK : STATUS_NOT_FOUND;
    if (status == STATUS_OK && relay->url.is_websocket) {
        status = send_request(relay, path);
        if (status == STATUS_OK)
            status = read_answer(relay, path);
    }
    if (status != STATUS_OK) {
        upstream_close(relay->upstream);
        relay->upstream = NULL;
    }
    return status;
}

static void next_path(struct relay *relay, const char *why)
{
    if (relay->path_count < 2)
        return;
    relay->path = (relay->path + 1) % relay->path_count;
    if (relay->is_path_said)
        return;
    relay->is_path_said = true;
    log_event(LOG_WARN, "relay",
              "trying another WebSocket path: the address of the broker has none",
              KV(KV_STR("source", relay->params.name), KV_STR("error", why),
                 KV_STR("next", relay->paths[relay->path])));
}

/* I3. A second refusal is told with the first one. */
static bool open_way(struct relay *relay)
{
    char first[RELAY_TEXT_MAX / 2] = "";
    for (size_t i = 0; i < relay->path_count; i++) {
        const enum status status = open_path(relay, relay->paths[relay->path]);
        if (status == STATUS_OK)
            return true;
        if (status != STATUS_INVALID || i + 1 == relay->path_count)
            break;
        (void)snprintf(first, sizeof first, "%.*s", (int)sizeof first - 1, relay->failure);
        next_path(relay, first);
    }
    if (first[0] != '\0') {
        char last[RELAY_TEXT_MAX / 2 - 4];
        (void)snprintf(last, sizeof last, "%.*s", (int)sizeof last - 1, relay->failure);
        (void)snprintf(relay->failure, sizeof relay->failure, "%s; %s", first, last);
    }
    return false;
}

/* --- the attempt ------------------------------------------------------------------------------ */

static int accept_client(struct relay *relay)
{
    int port = 0, client = -1;
    const int listener = loopback_listen(&port);
    if (listener < 0) {
        (void)snprintf(relay->failure, sizeof relay->failure, "no port on loopback for the relay");
        return -1;
    }
    set_phase(relay, PHASE_READY, port, "");
    relay->deadline = clock_mono() + ACCEPT_US;
    while ((client = loopback_accept(listener)) < 0 && wait_for(relay, listener, POLLIN))
        ;
    IGNORE(close(listener), "nobody else gets in");
    if (client < 0)
        (void)snprintf(relay->failure, sizeof relay->failure, "the relay was not used");
    return client;
}

static void run_pump(struct relay *relay, int client)
{
    const struct pump_params pump = {
        .upstream = relay->upstream,
        .client = client,
        .is_websocket = relay->url.is_websocket,
        .early = relay->early + relay->early_start,
        .early_len = relay->early_end - relay->early_start,
        .stop_event = relay->stop_event,
    };
    bool has_answered = false;
    pump_run(&pump, &has_answered, relay->failure);
    if (has_answered)
        relay->is_path_said = false;
    else
        next_path(relay, relay->failure[0] != '\0' ? relay->failure : "no CONNACK came");
}

/* The text stands before the client's socket ends: who is told that it ended finds it. */
static void *run_attempt(void *context)
{
    struct relay *relay = context;
    relay->failure[0] = '\0';
    int client = -1;
    if (open_way(relay))
        client = accept_client(relay);
    if (client >= 0)
        run_pump(relay, client);
    set_phase(relay, PHASE_ENDED, 0, relay->failure);
    if (client >= 0)
        IGNORE(close(client), "all was sent");
    upstream_close(relay->upstream);
    relay->upstream = NULL;
    return NULL;
}

/* --- the interface ---------------------------------------------------------------------------- */

static void set_paths(struct relay *relay)
{
    const char *path = relay->url.path;
    if (path[0] != '\0' && strcmp(path, "/") != 0) {
        relay->paths[relay->path_count++] = path;
        return;
    }
    relay->paths[relay->path_count++] = "/";
    if (relay->url.is_websocket)
        relay->paths[relay->path_count++] = "/mqtt";
}

struct relay *relay_new(const struct relay_params *params)
{
    if (!upstream_init())
        return NULL;
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL)
        return NULL;
    relay->params = *params;
    relay->url = *params->url;
    relay->params.url = NULL;
    explicit_bzero(relay->url.password, sizeof relay->url.password); /* MQTT's, not ours */
    set_paths(relay);
    relay->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (relay->stop_event >= 0 && pthread_mutex_init(&relay->lock, NULL) == 0)
        return relay;
    if (relay->stop_event >= 0)
        IGNORE(close(relay->stop_event), "nothing was written");
    free(relay);
    return NULL;
}

void relay_free(struct relay *relay)
{
    if (relay == NULL)
        return;
    relay_stop(relay);
    IGNORE(close(relay->stop_event), "no data");
    IGNORE(pthread_mutex_destroy(&relay->lock), "nobody holds it");
    free(relay);
}

/* host:port:a,b as curl takes it; an address stands for itself. */
static void print_resolved(struct relay *relay, const struct addrinfo *addresses)
{
    const struct broker_url *hop = relay->params.proxy != NULL ? relay->params.proxy : &relay->url;
    char *out = relay->resolved;
    size_t len = 0, count = 0;
    out[0] = '\0';
    if (hop->host_is_ipv6)
        return;
    for (; addresses != NULL && count < ADDRESSES_MAX; addresses = addresses->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(addresses->ai_addr, addresses->ai_addrlen, text, sizeof text, NULL, 0,
                        NI_NUMERICHOST) != 0)
            continue;
        const bool is_v6 = addresses->ai_family == AF_INET6;
        if (count++ == 0)
            len = (size_t)snprintf(out, RESOLVED_CAP, "%s:%d:", hop->host, hop->port);
        else
            out[len++] = ',';
        len += (size_t)snprintf(out + len, RESOLVED_CAP - len, "%s%.64s%s", is_v6 ? "[" : "", text,
                                is_v6 ? "]" : "");
    }
}

enum status relay_start(struct relay *relay, const struct addrinfo *addresses)
{
    pthread_attr_t attributes;
    print_resolved(relay, addresses);
    atomic_store(&relay->stop, false);
    relay->deadline = clock_mono() + relay->params.limit;
    set_phase(relay, PHASE_OPENING, 0, "");
    if (pthread_attr_init(&attributes) != 0)
        return STATUS_NO_MEMORY;
    relay->is_started = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                        pthread_create(&relay->thread, &attributes, run_attempt, relay) == 0;
    IGNORE(pthread_attr_destroy(&attributes), "it was initialised");
    return relay->is_started ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status relay_poll(struct relay *relay, int *out_port)
{
    switch (get_phase(relay, out_port)) {
    case PHASE_OPENING:
        return STATUS_AGAIN;
    case PHASE_READY:
        return STATUS_OK;
    default:
        return STATUS_IO;
    }
}

void relay_stop(struct relay *relay)
{
    if (!relay->is_started)
        return;
    uint64_t count = 1;
    atomic_store(&relay->stop, true);
    IGNORE(write(relay->stop_event, &count, sizeof count), "an event counter takes one");
    IGNORE(pthread_join(relay->thread, NULL), "ours, and joined once");
    IGNORE(read(relay->stop_event, &count, sizeof count), "taken back");
    relay->is_started = false;
}

void relay_finish(struct relay *relay, mono_us limit)
{
    const mono_us deadline = clock_mono() + limit;
    int port;
    while (relay->is_started && get_phase(relay, &port) != PHASE_ENDED && clock_mono() < deadline)
        IGNORE(poll(NULL, 0, FINISH_POLL_MS), "only a pause");
}

void relay_copy_text(struct relay *relay, char out[static RELAY_TEXT_MAX])
{
    IGNORE(pthread_mutex_lock(&relay->lock), "can't fail: a plain mutex");
    memcpy(out, relay->text, RELAY_TEXT_MAX);
    IGNORE(pthread_mutex_unlock(&relay->lock), "locked above");
}
