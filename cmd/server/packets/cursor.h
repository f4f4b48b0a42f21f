/* SPDX-License-Identifier: MIT
 *
 * cursor - a place in a list as a text: `p<id>` by packet, `r<id>.<top>` by reception (walk.h).
 * Pure. */
#pragma once

#include "cmd/server/packets/walk.h"

#define CURSOR_TEXT_MAX 48

void cursor_write(const struct walk_cursor *cursor, bool by_reception,
                  char out[static CURSOR_TEXT_MAX]);
/* False = it is none, or one of the other order. */
NODISCARD bool cursor_read(const char *text, bool by_reception, struct walk_cursor *out);
