/* SPDX-License-Identifier: MIT
 *
 * grow - room for one more at the end of a list that was read so far. Pure. Who adds bounds the
 * list: by a statement's LIMIT, or by the size of an answer. */
#pragma once

#include "common/base/base.h"

#include <stdlib.h>

#define GROW_FIRST 64

/* Where the list lies now, owned as before. NULL = no memory, and all is as it was. */
NODISCARD static inline void *grow(void *all, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return all;
    const size_t wanted = *cap > 0 ? 2 * *cap : GROW_FIRST;
    void *longer = reallocarray(all, wanted, size);
    if (longer != NULL)
        *cap = wanted;
    return longer;
}
