/* SPDX-License-Identifier: MIT
 *
 * readers - the pool of connections that requests read with.
 *
 * As many as threads ask: then nobody waits for one, and a reader more would only share the same
 * cores.
 * I1. A reader is one thread's from take to give.
 * Threads: all. Lock: one, a leaf. Errors: NULL = none came free in time. */
#pragma once

#include "cmd/server/readers/reader.h"

#define READERS_MAX 16

struct readers;

/* NULL = no memory. count: 1..READERS_MAX */
NODISCARD struct readers *readers_new(const char *path, size_t count);
/* Nobody may hold one. Accepts NULL. */
void readers_free(struct readers *readers);
/* Waits until `until` (clock_mono). */
NODISCARD struct reader *readers_take(struct readers *readers, mono_us until);
void readers_give(struct readers *readers, struct reader *reader);
/* Those who ask just now give up soon: the server stops. */
void readers_interrupt(struct readers *readers);
