/* SPDX-License-Identifier: MIT
 *
 * in_force - the configuration as answers are made by it now, and what follows from it: what a
 * reload replaces as a whole.
 *
 * Who answers takes the newest and goes on with that one to its end, so that no answer is made of
 * two. Of its keys only those count that a reload may change (OPTION_SERVER_LIVE); what the others
 * have become stands in here, too, and nobody reads it.
 * I1. It never changes. I2. A later one has a higher number.
 * Threads, Ownership: shared.h. Errors: NULL = no memory. */
#pragma once

#include "common/base/shared.h"
#include "common/config/config.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/region_scopes.h"

struct in_force {
    struct shared shared;
    uint64_t number;
    const struct config *config;
    struct channel_keys *keys;
    struct region_scopes *scopes;
    struct config own; /* what config points to, unless that is borrowed */
};

/* Of a configuration that outlives it. */
NODISCARD struct in_force *in_force_of(const struct config *config);
/* *config moves; where there is no memory for that it stays. */
NODISCARD struct in_force *in_force_take_over(struct config *config);
void in_force_release(const struct in_force *in_force); /* accepts NULL */
