/* SPDX-License-Identifier: MIT
 *
 * walk - which packets a page holds: the filter's candidates in order, those that pass, and where
 * the next page begins.
 *
 * Two orders. By packet: ids of transmissions, which is the order of first receipt as it was
 * stored. By reception: a packet stands where its newest (ascending: its oldest) reception stands
 * that the filter's observers have; so lists of observers and groups are ordered by what was heard
 * last.
 * I1. Nothing reads on and on: a page looks at WALK_BUDGET rows and a few for each packet that it
 *     wants, whatever the filter. Then it ends with what it found: is_complete is false.
 * I2. Pages that follow each other by their cursors hold each packet once, and all that were there
 *     when the first was made. By reception that takes the largest id of that moment along (top):
 *     what is heard later does not move a packet.
 * I3. Of a filter with an index (type, channel, observer, a node's adverts) that gives few rows all
 *     are looked at, so rare things are found however old they are.
 * Threads: that of the asking. Errors: as reader.h. Ownership: walk_done. */
#pragma once

#include "cmd/server/packets/source.h"

#define WALK_BUDGET     20000
#define WALK_OFFSET_MAX 10000 /* where it has to be walked */

struct asking;

struct walk_cursor {
    bool is_given;
    int64_t id;  /* everything up to it was looked at */
    int64_t top; /* by reception only */
    /* Of an engine whose ids don't rise with time: id and top are moments (ms), and of packets of
     * one moment the hash decides. */
    bool is_by_time;
    uint64_t hash;
};

struct walk_order {
    bool by_reception, is_ascending;
    size_t offset, limit;
    struct walk_cursor cursor;
};

struct walk_found {
    int64_t transmission_id;
    int64_t observation_id; /* by reception: where it stands; else 0 */
    int64_t ms;             /* is_by_time: where it stands */
    uint64_t hash;
};

struct walk {
    struct walk_found *rows; /* owned; `limit` at most */
    size_t count;
    size_t passed;    /* with those that the offset skipped, and the first of the next page */
    bool is_complete; /* the budget sufficed */
    bool has_more;    /* there is a next page, or the budget ended: go on at `next` */
    bool is_by_time;  /* see walk_cursor */
    bool is_too_far;  /* the offset is above WALK_OFFSET_MAX: nothing was looked at */
    struct walk_cursor next;
    int64_t top; /* by reception */
};

/* False = no memory. */
NODISCARD bool walk_packets(struct walk *walk, struct asking *asking, const struct filter *filter,
                            const struct walk_order *order);
void walk_done(struct walk *walk);
/* For who walks: one that passed, in its turn. False = the page is full, and this one is the first
 * of the next. */
bool walk_take(struct walk *walk, const struct walk_order *order, const struct walk_found *found);
/* The cursor after row `at`: for a page that is cut there. */
struct walk_cursor walk_cursor_after(const struct walk *walk, const struct walk_order *order,
                                     size_t at);
