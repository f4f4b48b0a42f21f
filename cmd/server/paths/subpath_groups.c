/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/subpath_groups.h"

#include "cmd/server/paths/subpath_table.h"

#define DIGITS_MAX 4

/* A number of at most DIGITS_MAX digits and the sign behind it; 0 = there is none. */
static size_t read_number(const char **at, char behind)
{
    size_t number = 0;
    size_t digits = 0;
    while (**at >= '0' && **at <= '9' && digits++ < DIGITS_MAX)
        number = number * 10 + (size_t)(*(*at)++ - '0');
    if (behind == '\0')
        return number;
    if (**at != behind)
        return 0;
    ++*at;
    return number;
}

static bool read_group(const char **at, struct subpath_group *out)
{
    out->least = read_number(at, '-');
    out->most = read_number(at, ':');
    out->limit = read_number(at, '\0');
    return out->least >= SUBPATH_HOPS_LEAST && out->most <= SUBPATH_HOPS_MOST &&
           out->least <= out->most && out->limit >= 1 && out->limit <= SUBPATHS_KEPT;
}

size_t subpath_groups_read(const char *text, struct subpath_group out[static SUBPATH_GROUPS_MAX])
{
    size_t count = 0;
    const char *at = text != NULL && text[0] != '\0' ? text : SUBPATH_GROUPS_DEFAULT;
    for (;;) {
        if (count == SUBPATH_GROUPS_MAX || !read_group(&at, &out[count++]))
            return 0;
        if (*at == '\0')
            return count;
        if (*at++ != ',')
            return 0;
    }
}
