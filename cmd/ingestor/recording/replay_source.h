/* SPDX-License-Identifier: MIT
 *
 * replay_source - messages from a recording: the feed of the receiver "replay" (--replay).
 *
 * Reads lines of message_line and hands each to the handler, in order, as fast as the ring takes
 * them or at a multiple of the recorded pace. Nothing is dropped for want of room: has_room is
 * asked first, and while it says no the turn ends and the same message is offered at the next one.
 * A malformed line is skipped and counted; the first twenty are logged with their number.
 * Threads: the receiver's main loop only. Ownership: the handle owns the file and its buffers. */
#pragma once

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/ring/ring.h"

struct replay_params {
    const char *path; /* borrowed until close */
    double speed;     /* 0 = as fast as possible */
    bool (*has_room)(void *context, const struct ring_message *message);
    void (*on_message)(void *context, const struct ring_message *message);
    void *context;
};

struct replay_source;

NODISCARD enum status replay_source_open(const struct replay_params *params,
                                         struct replay_source **out_source, struct err *err);
void replay_source_close(struct replay_source *source); /* NULL accepted */

/* Hand over messages for a turn's time. Returns how long to wait before the next one, in ms;
 * 0 = at once. */
int replay_source_turn(struct replay_source *source, mono_us now);

/* The file was read to its end (or can't be read further: then has_failed) and handed over. */
bool replay_source_is_done(const struct replay_source *source);
struct replay_counts {
    uint64_t messages, malformed;
    bool has_failed;
};
void replay_source_counts(const struct replay_source *source, struct replay_counts *out);
