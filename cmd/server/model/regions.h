/* SPDX-License-Identifier: MIT
 *
 * regions - the observers whom a query's `region` means: those whose region is in its list, which
 * is separated by commas; blanks around a code, and its case, do not count, nor do empty ones and
 * "all". Nothing left in it = everybody.
 * Threads: that of the asking. Ownership: regions_done. */
#pragma once

#include "cmd/server/http/request.h"
#include "cmd/server/model/asking.h"

struct regions {
    bool is_any;
    const struct directory *directory;
    bool *has; /* owned; of the directory's observers, in their order */
};

/* False = no memory, or the question failed; regions_done all the same. */
NODISCARD bool regions_read(struct regions *regions, struct asking *asking,
                            const struct http_query *query);
void regions_done(struct regions *regions);
bool regions_have(const struct regions *regions, int64_t observer_id);
/* Their ids, the caller's to free; NULL = no memory. Not of everybody. */
NODISCARD int64_t *regions_observers(const struct regions *regions, size_t *out_count);
/* Does the list, which may be NULL, name this region? *out_any: it names none at all. */
bool regions_name(const char *list, const char *region, bool *out_any);
