/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/cursor.h"

#include <inttypes.h>
#include <stdio.h>

void cursor_write(const struct walk_cursor *cursor, bool by_reception,
                  char out[static CURSOR_TEXT_MAX])
{
    if (by_reception)
        (void)snprintf(out, CURSOR_TEXT_MAX, "r%" PRId64 ".%" PRId64, cursor->id, cursor->top);
    else
        (void)snprintf(out, CURSOR_TEXT_MAX, "p%" PRId64, cursor->id);
}

/* Digits only, and at most an id's worth. */
static bool take_id(const char **at, int64_t *out)
{
    int64_t id = 0;
    const char *first = *at;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        if (id > (INT64_MAX - 9) / 10)
            return false;
        id = 10 * id + (**at - '0');
    }
    *out = id;
    return *at > first;
}

bool cursor_read(const char *text, bool by_reception, struct walk_cursor *out)
{
    struct walk_cursor cursor = {.is_given = true};
    if (*text++ != (by_reception ? 'r' : 'p') || !take_id(&text, &cursor.id))
        return false;
    if (by_reception && (*text++ != '.' || !take_id(&text, &cursor.top)))
        return false;
    if (*text != '\0')
        return false;
    *out = cursor;
    return true;
}
