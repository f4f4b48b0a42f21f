/* SPDX-License-Identifier: MIT
 *
 * cursor - a place in a list as a text: `p<id>` by packet, `r<id>.<top>` by reception (walk.h); of
 * an engine that orders by time `<ms>-<hash>` and `<ms>-<hash>.<top>`. A place of the one kind is
 * none of the other. Pure. */
#pragma once

#include "cmd/server/packets/walk.h"

#define CURSOR_TEXT_MAX 64

void cursor_write(const struct walk_cursor *cursor, bool by_reception,
                  char out[static CURSOR_TEXT_MAX]);
/* False = it is none, or one of the other order. */
NODISCARD bool cursor_read(const char *text, bool by_reception, bool is_by_time,
                           struct walk_cursor *out);
