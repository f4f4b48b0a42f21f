/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/cursor.h"

#include "common/base/hex.h"

#include <inttypes.h>
#include <stdio.h>

void cursor_write(const struct walk_cursor *cursor, bool by_reception,
                  char out[static CURSOR_TEXT_MAX])
{
    if (cursor->is_by_time && by_reception)
        (void)snprintf(out, CURSOR_TEXT_MAX, "%" PRId64 "-%016" PRIx64 ".%" PRId64, cursor->id,
                       cursor->hash, cursor->top);
    else if (cursor->is_by_time)
        (void)snprintf(out, CURSOR_TEXT_MAX, "%" PRId64 "-%016" PRIx64, cursor->id, cursor->hash);
    else if (by_reception)
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

/* Sixteen lower-case hex digits. */
static bool take_hash(const char **at, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < 16; i++, ++*at) {
        const int digit = hex_digit(**at);
        if (digit < 0)
            return false;
        *out = *out << 4 | (unsigned)digit;
    }
    return true;
}

bool cursor_read(const char *text, bool by_reception, bool is_by_time, struct walk_cursor *out)
{
    struct walk_cursor cursor = {.is_given = true, .is_by_time = is_by_time};
    if (!is_by_time && *text++ != (by_reception ? 'r' : 'p'))
        return false;
    if (!take_id(&text, &cursor.id))
        return false;
    if (is_by_time && (*text++ != '-' || !take_hash(&text, &cursor.hash)))
        return false;
    if (by_reception && (*text++ != '.' || !take_id(&text, &cursor.top)))
        return false;
    if (*text != '\0')
        return false;
    *out = cursor;
    return true;
}
