/* SPDX-License-Identifier: MIT
 *
 * directories - the newest directory, shared by all who ask.
 *
 * Read anew by whoever asks, at most once a second while the database changes: who asks in
 * between gets the one there is, at most a second old. Who meets an id that it does not have asks
 * for one as new as its own question, and who asks by a newer configuration for one of that.
 * I1. One thread reads at a time; the others go on with what was there, or wait for the first.
 * Threads: any. Lock: one; it is held around no reading. Ownership: take gives a reference. */
#pragma once

#include "cmd/server/model/directory.h"
#include "cmd/server/model/in_force.h"
#include "common/base/clock.h"

#define DIRECTORIES_MAX_AGE_US US_PER_S
/* Of another engine (engine.h), which counts no commits. */
#define DIRECTORIES_READ_AGE_US ((mono_us)3 * US_PER_S)

struct directories;
struct directory_ref;

/* NULL = no memory. */
NODISCARD struct directories *directories_new(void);
/* No reference may be out. Accepts NULL. */
void directories_free(struct directories *directories);
/* What one is read from. */
struct directory_origin {
    struct reader *reader; /* NULL = read(context, ...) gives one */
    struct directory *(*read)(void *context, const struct config *config);
    void *context;
};

/* must_be: meta.commits that it must hold at least; 0 = any that is not too old. NULL = no memory,
 * or the question failed. */
NODISCARD const struct directory *directories_take(struct directories *directories,
                                                   const struct directory_origin *origin,
                                                   const struct in_force *in_force,
                                                   int64_t must_be);
void directories_release(struct directories *directories, const struct directory *directory);
