/* SPDX-License-Identifier: MIT
 *
 * ring_troubles - ring files of the spool folder that can't be read now: which, why, and when they
 * are tried again.
 *
 * A list from one look into the folder to the next. Each trouble is logged when it is new or has
 * another reason, again once a minute while it lasts, and when it is over; a folder full of them
 * is RING_TROUBLES_MAX lines a minute, the rest a number.
 * I1. A ring that can't be read holds back only the later rings of its own source: which of the
 *     two is older is not known, and begun in the wrong order the older one's records would count
 *     as lost. A folder that can't be listed holds back whatever is not begun yet.
 * Threads: the flusher's main one; needs no file but for the log. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#include <limits.h>

#define RING_TROUBLES_MAX       32
#define RING_TROUBLE_FIRST_US   ((mono_us)US_PER_S)
#define RING_TROUBLE_LONGEST_US (30 * (mono_us)US_PER_S)
#define RING_TROUBLE_AGAIN_US   (60 * (mono_us)US_PER_S)

enum ring_trouble_kind {
    RING_TROUBLE_UNREADABLE, /* what is in it is not known */
    RING_TROUBLE_NO_ROOM,    /* readable, and behind all that are attached: its turn comes */
    RING_TROUBLE_FOLDER,     /* the folder itself */
};

struct ring_trouble {
    char path[PATH_MAX];
    char why[160];
    enum ring_trouble_kind kind;
    mono_us said_at;
    bool is_current; /* found at the last look */
};

struct ring_troubles {
    struct ring_trouble all[RING_TROUBLES_MAX];
    size_t count;
    /* Found at the last look, and not in the list for want of room. */
    size_t beyond;
    bool is_one_unknown; /* and one of them is no RING_TROUBLE_NO_ROOM */
    mono_us wait;
    mono_us try_at; /* look into the folder again; 0 = no trouble */
};

/* Around each look into the folder. */
void ring_troubles_begin(struct ring_troubles *troubles);
void ring_troubles_end(struct ring_troubles *troubles, mono_us now);
/* In between, for each file. */
void ring_troubles_note(struct ring_troubles *troubles, enum ring_trouble_kind kind,
                        const char *path, const char *why, mono_us now);
/* Must the ring at `path` wait for one that can't be read (I1)? */
bool ring_troubles_hold(const struct ring_troubles *troubles, const char *path);
/* For people; "" = none. */
void ring_troubles_describe(const struct ring_troubles *troubles, char *out, size_t cap);
