/* SPDX-License-Identifier: MIT
 *
 * webhook_changes - which checks of the health have changed their level, for somebody who is told
 * of changes only.
 *
 * I1. A level counts once it has lasted WEBHOOK_SETTLE_US: what comes and goes
 *     within it is not told.
 * I2. Who has been told nothing yet takes all for well, but for what is recalled. A check that is
 *     there no more is well.
 * Pure. Ownership: a plain value; zeroed = nobody was told anything. */
#pragma once

#include "common/base/clock.h"
#include "common/health/health_report.h"

#define WEBHOOK_SETTLE_US ((mono_us)3 * US_PER_S)

struct webhook_level {
    char name[sizeof((struct health_check *)0)->name];
    enum health_level told, seen;
    mono_us seen_since;
    bool is_there;
};

struct webhook_changes {
    struct webhook_level levels[HEALTH_CHECKS_MAX];
    size_t count;
    enum health_level told; /* the worst of them */
};

struct webhook_change {
    const char *name, *output; /* borrowed from known and report; output "" = it is gone */
    enum health_level from, to;
};

/* Before the first look: this check's level was told in an earlier life. */
void webhook_changes_recall(struct webhook_changes *known, const char *name, enum health_level told,
                            mono_us now);
/* Those that are to be told now, and are taken for told from here on. At most HEALTH_CHECKS_MAX. */
size_t webhook_changes_look(struct webhook_changes *known, const struct health_report *report,
                            mono_us now, struct webhook_change *out);
