/* SPDX-License-Identifier: MIT
 *
 * reload - what a changed configuration means for the running workers (SIGHUP).
 *
 * A source's identity is its name; renaming is remove plus add. What a broker keeps for it goes
 * with broker and clientId: a source that has them now goes on with the session (its receiver
 * starts after the old one's end); one that nobody has is ended. Receivers whose source changed are
 * started again, but for what the flusher alone reads of it (iataFilter, region); added and removed
 * ones come and go; untouched ones keep their process. When a source or a flusher option changed,
 * the flusher commits what it has in hand and is forked again. logLevel and logFormat count at
 * once, in all processes. Nothing is remapped at run time. Options that need a restart keep their
 * old value, and one warning names them. */
#pragma once

#include "cmd/ingestor/supervise/workers.h"

struct reload_summary {
    unsigned added, removed, changed, untouched;
    bool flusher_restarted;
};

/* Puts *fresh into force for `workers`; afterwards nothing points into *old, which the caller
 * frees. What needs a restart moves from *old to *fresh. */
void reload_apply(struct workers *workers, struct config *old, struct config *fresh,
                  struct reload_summary *out);
