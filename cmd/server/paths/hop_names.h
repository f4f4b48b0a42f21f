/* SPDX-License-Identifier: MIT
 *
 * hop_names - a path as people read it: "Summit → 3F → Harbour". A hop that means no node, or
 * several, is its bytes in hex; so is a node without a name. Pure but for the directory. */
#pragma once

#include "cmd/server/model/directory.h"
#include "common/json/json_write.h"

struct hops {
    const uint8_t *bytes;
    size_t hop_bytes, hop_count;
};

/* "path" (the names) of these hops; the first HOP_NAMES_MAX of them. */
#define HOP_NAMES_MAX 32
void write_hop_names(struct json_write *w, const char *key, const struct directory *directory,
                     const struct hops *hops, int64_t at_ms);
/* An array of the hops in hex. */
void write_hops_hex(struct json_write *w, const char *key, const struct hops *hops);
