/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/address_race.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void add(struct address_race *race, const struct addrinfo *one)
{
    if (race->count == RACE_MAX || one->ai_addrlen > sizeof race->addresses[0])
        return;
    memcpy(&race->addresses[race->count], one->ai_addr, one->ai_addrlen);
    race->lens[race->count] = one->ai_addrlen;
    race->fds[race->count++] = -1;
}

static const struct addrinfo *skip_family(const struct addrinfo *at, int family, bool is_wanted)
{
    while (at != NULL && (at->ai_family == family) != is_wanted)
        at = at->ai_next;
    return at;
}

void address_race_start(struct address_race *race, const struct addrinfo *list, mono_us now)
{
    *race = (struct address_race){.next_at = now, .error = EHOSTUNREACH};
    const int family = list->ai_family;
    const struct addrinfo *first = list;
    const struct addrinfo *other = skip_family(list, family, false);
    while (first != NULL || other != NULL) {
        if (first != NULL) {
            add(race, first);
            first = skip_family(first->ai_next, family, true);
        }
        if (other != NULL) {
            add(race, other);
            other = skip_family(other->ai_next, family, false);
        }
    }
}

static void drop(struct address_race *race, size_t i, int error)
{
    if (race->fds[i] >= 0)
        IGNORE(close(race->fds[i]), "a probe: nothing was written");
    race->fds[i] = -1;
    race->error = error;
}

/* False when it failed at once: the next one's turn is now. */
static bool begin(struct address_race *race, size_t i)
{
    const struct sockaddr *address = (const struct sockaddr *)&race->addresses[i];
    race->fds[i] = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (race->fds[i] >= 0 &&
        (connect(race->fds[i], address, race->lens[i]) == 0 || errno == EINPROGRESS))
        return true;
    drop(race, i, errno);
    return false;
}

static int result_of(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

/* The first that stands, else RACE_MAX. One that failed gives its turn to the next at once. */
static size_t look(struct address_race *race, mono_us now)
{
    struct pollfd polled[RACE_MAX];
    for (size_t i = 0; i < race->begun; i++)
        polled[i] = (struct pollfd){.fd = race->fds[i], .events = POLLOUT};
    if (race->begun == 0 || poll(polled, race->begun, 0) <= 0)
        return RACE_MAX;
    for (size_t i = 0; i < race->begun; i++) {
        if (polled[i].fd < 0 || polled[i].revents == 0)
            continue;
        const int error = result_of(race->fds[i]);
        if (error == 0)
            return i;
        drop(race, i, error);
        race->next_at = now;
    }
    return RACE_MAX;
}

static bool is_under_way(const struct address_race *race)
{
    for (size_t i = 0; i < race->begun; i++) {
        if (race->fds[i] >= 0)
            return true;
    }
    return false;
}

enum status address_race_poll(struct address_race *race, mono_us now, size_t *out_winner)
{
    const size_t winner = look(race, now);
    if (winner < RACE_MAX) {
        *out_winner = winner;
        address_race_end(race);
        return STATUS_OK;
    }
    while (race->begun < race->count && now >= race->next_at) {
        if (begin(race, race->begun++))
            race->next_at = now + RACE_STEP_US;
    }
    return race->begun < race->count || is_under_way(race) ? STATUS_AGAIN : STATUS_NOT_FOUND;
}

void address_race_end(struct address_race *race)
{
    for (size_t i = 0; i < race->begun; i++)
        drop(race, i, race->error);
    race->begun = race->count = 0;
}
