/* SPDX-License-Identifier: MIT
 *
 * address_race - which address of a name answers: happy eyeballs (RFC 8305) for a library that
 * takes one address and no list.
 *
 * The addresses are tried in turn, the families alternating: the next one RACE_STEP_US after the
 * one before, or at once when that one failed. Whose connection stands first wins. The connections
 * are probes and are closed: the library opens its own to the winner.
 * Limits: RACE_MAX addresses of the list, the rest is not looked at; no limit of time, who asks
 * has one. Threads: one caller. Ownership: the caller's memory; address_race_end closes the
 * sockets, and so does the end of a race. Cost: a poll of at most RACE_MAX sockets a call. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#include <netdb.h>
#include <sys/socket.h>

#define RACE_MAX     8
#define RACE_STEP_US ((mono_us)250 * US_PER_MS)

struct address_race {
    struct sockaddr_storage addresses[RACE_MAX]; /* in the order of their turn */
    socklen_t lens[RACE_MAX];
    int fds[RACE_MAX]; /* -1 = not begun, or failed */
    size_t count, begun;
    mono_us next_at;
    int error; /* errno of the last one that failed */
};

/* list: at least one address, with its port; borrowed for the call. */
void address_race_start(struct address_race *race, const struct addrinfo *list, mono_us now);
/* STATUS_AGAIN, STATUS_OK with the index of the winner, or STATUS_NOT_FOUND: all failed,
 * race->error says how the last one did. */
NODISCARD enum status address_race_poll(struct address_race *race, mono_us now, size_t *out_winner);
void address_race_end(struct address_race *race);
