/* SPDX-License-Identifier: MIT
 *
 * summary_source - where the background counts from: our database (window_rows.h, adverts.h,
 * reported_scopes.h), or another store, which fills this.
 *
 * Each function is one slice: short, and the thread rests behind it. A part that is missing makes
 * it fail (STATUS_AGAIN): better the figures of a minute before than some that lack a part.
 * Threads: one at a time for begin and slice, which hold what they need in *rows alone: the job and
 * the analyses count side by side. The others are the job's. Ownership: constant. */
#pragma once

#include "cmd/server/summary/window_rows.h"

struct adverts;
struct observer_days;
struct reported_scopes;

struct summary_source {
    /* window_rows_begin, window_rows_slice */
    enum status (*begin)(const void *context, int64_t from_ms, int64_t to_ms, int64_t rows_max,
                         struct window_rows *out);
    enum status (*slice)(const void *context, struct window_rows *rows, window_row row, void *to,
                         bool *out_over);
    /* As adverts_slice: tells adverts_note of nodes' newest adverts, then adverts_are_read. *place:
     * how far it has come, the caller's to keep; freed with place_free. */
    enum status (*adverts)(const void *context, void **place, struct adverts *to, bool *out_at_end);
    void (*place_free)(void *place); /* accepts NULL */
    /* Tells reported_scopes_note of all answers. False = it failed. */
    bool (*scopes)(const void *context, struct reported_scopes *to);
    /* observer_days.h: what of it is known is marked so. */
    void (*observers)(const void *context, struct observer_days *to);
};

/* One of the two. */
struct summary_from {
    struct reader *reader;
    const struct summary_source *source; /* NULL = the reader */
    const void *context;                 /* the source's */
};
