/* SPDX-License-Identifier: MIT */
#include "cmd/server/channels/channel_name.h"

#include <stdio.h>
#include <string.h>

void channel_name_write(struct json_write *w, const char *key, const char *name, bool is_encrypted)
{
    char text[32];
    if (!is_encrypted) {
        jw_string(w, key, name);
        return;
    }
    (void)snprintf(text, sizeof text, "Encrypted (0x%.8s)", name + strcspn(name, "_") + 1);
    jw_string(w, key, text);
}
