/* SPDX-License-Identifier: MIT
 *
 * health_watch - the last judgement of the health, and the memory that the next one needs: since
 * when each check has its level, and whether messages were lost in the last minute.
 *
 * I1. A report never changes after it was given out: read it without a lock, then release it.
 * Threads: all functions from any. Lock: one, held while the rules run over memory (health.h),
 * about 20 us. Errors: NULL = no memory. Ownership: a report is borrowed until it is released. */
#pragma once

#include "cmd/server/state/health.h"

struct health_watch;

NODISCARD struct health_watch *health_watch_new(void);
void health_watch_free(struct health_watch *watch); /* accepts NULL */
/* From now on the disk will be full in so many seconds; 0 = not known, or not in sight. */
void health_watch_expect_full(struct health_watch *watch, int64_t in_s);
/* What a check of the database found; "" = nothing. */
void health_watch_tell_damage(struct health_watch *watch, const char *text);
/* What is expected of the disk, and the damage, are not the caller's to say. */
const struct health_report *health_watch_judge(struct health_watch *watch,
                                               const struct health_input *input);
/* The last of them again; NULL = none yet. */
const struct health_report *health_watch_peek(struct health_watch *watch);
void health_watch_release(struct health_watch *watch, const struct health_report *report);
