/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/outcome_text.h"

#include <inttypes.h>
#include <stdio.h>

const char *outcome_counts_text(const uint64_t counts[OUTCOME_COUNT], char *out, size_t cap)
{
    size_t len = 0;
    (void)snprintf(out, cap, "nothing");
    for (size_t i = 0; i < OUTCOME_COUNT && len < cap; i++) {
        char name[OUTCOME_NAME_BYTES];
        if (counts[i] == 0)
            continue;
        const int n = snprintf(out + len, cap - len, "%s%s %" PRIu64, len > 0 ? ", " : "",
                               outcome_name((enum outcome)i, name, sizeof name), counts[i]);
        len += n > 0 ? (size_t)n : 0;
    }
    return out;
}
