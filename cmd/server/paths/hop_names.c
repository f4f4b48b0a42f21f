/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/hop_names.h"

#include "cmd/server/model/hops.h"
#include "common/base/hex.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_SHOWN 32 /* as long as an advert can say it */
#define TEXT_MAX       (HOP_NAMES_MAX * (NAME_MAX_SHOWN + 8))

static const char ARROW[] = " → ";

void write_hop_names(struct json_write *w, const char *key, const struct directory *directory,
                     const struct hops *hops, int64_t at_ms)
{
    char text[TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < min_size(hops->hop_count, HOP_NAMES_MAX); i++) {
        char hex[2 * NODE_KEY_BYTES + 1];
        const uint8_t *hop = hops->bytes + i * hops->hop_bytes;
        const struct node *node = hops_node(directory, hop, hops->hop_bytes, at_ms);
        hex_encode_upper(hop, hops->hop_bytes, hex);
        const char *name = node != NULL && *node->name != '\0' ? node->name : hex;
        const int n = snprintf(text + len, sizeof text - len, "%s%.*s", i > 0 ? ARROW : "",
                               NAME_MAX_SHOWN, name);
        len = n > 0 ? min_size(len + (size_t)n, sizeof text - 1) : len;
    }
    jw_text(w, key, text, len);
}

void write_hops_hex(struct json_write *w, const char *key, const struct hops *hops)
{
    jw_array(w, key);
    for (size_t i = 0; i < hops->hop_count; i++)
        jw_hex_upper(w, NULL, hops->bytes + i * hops->hop_bytes, hops->hop_bytes);
    jw_array_end(w);
}
