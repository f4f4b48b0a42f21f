/* SPDX-License-Identifier: MIT
 *
 * region_scopes - which region's scope a packet carries (protocol.md 5): a 16-bit code made of the
 * region's key and the payload. 16 bits match by accident, so a packet that fits several regions
 * fits none: it is ambiguous, never a guess. Immutable after region_scopes_new; any thread may
 * read. Results borrow. */
#pragma once

#include "common/config/config.h"

#define REGION_SCOPES_MAX CONFIG_REGIONS_MAX

struct region_scopes;

/* A missing '#' is put in front, also in the names handed out; names that begin with '$' are
 * private keys and can't be matched (the configuration warns). A name above
 * CONFIG_REGION_NODE_BYTES also matches by what a node keeps of it. NULL: out of memory. */
NODISCARD struct region_scopes *region_scopes_new(const struct config_list *names);
void region_scopes_free(struct region_scopes *scopes);

enum scope_result {
    SCOPE_NONE /* code 0: not scoped */,
    SCOPE_UNKNOWN,
    SCOPE_AMBIGUOUS,
    SCOPE_MATCHED
};
enum scope_result region_scopes_match(const struct region_scopes *scopes, uint16_t code,
                                      uint8_t type, const uint8_t *payload, size_t len,
                                      const char **out_name);
