/* SPDX-License-Identifier: MIT
 *
 * ring_standing - does a ring file stand under the name that its header says? Files get swapped and
 * renamed by people; what is in them is whole all the same.
 *
 * I1. A sound ring under a wrong name is put back under its own one, in one step that a kill can't
 *     halve, and nothing is overwritten: what stood there (another misplaced ring, junk) takes the
 *     wrong name in exchange, and is found there by the next look.
 * I2. Only a copy (its ring stands in its place already) and a file that is no ring are for moving
 *     aside.
 * I3. Who puts a ring right holds its source's writer lock (ring_lock_path) and the folder's
 *     (ring_folder_lock), from before the look: else two would exchange the same two names twice.
 * Threads: none of its own. Errors: struct err. Reads the header only, maps nothing. */
#pragma once

#include "common/base/err.h"
#include "common/ring/ledger.h"
#include "common/ring/ring.h"

#include <limits.h>

enum ring_standing {
    RING_STANDS_RIGHT,
    RING_STANDS_WRONG,   /* sound, under another name than its own */
    RING_STANDS_COPY,    /* likewise, and the ring itself is in its place */
    RING_STANDS_FOREIGN, /* no sound ring */
    RING_STANDS_UNKNOWN, /* can't be read now, or is gone */
};

struct ring_place_of {
    char source[RING_SOURCE_MAX + 1];
    char path[PATH_MAX]; /* its own, in the same folder */
    /* What its header says is published and not freed: messages that the broker took for
     * acknowledged. Not known of a foreign file, unless its head is whole. */
    bool is_counted;
    uint64_t waiting;
    struct receiver_tuple tuple;
};

/* *out: source and path of a sound ring; the counts of any. */
enum ring_standing ring_standing_look(const char *path, struct ring_place_of *out);
/* A ring that stands wrong (I1, I3). *out_exchanged: `path` is now what stood in its place. */
NODISCARD enum status ring_put_right(const char *path, const struct ring_place_of *place,
                                     bool *out_exchanged, struct err *err);
/* Until the descriptor is closed. Tries for a moment if `patient`; -1 = somebody else holds it, or
 * it can't be had here: leave what stands wrong. */
int ring_folder_lock(const char *dir, bool patient);
