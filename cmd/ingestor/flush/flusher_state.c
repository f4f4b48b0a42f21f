/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/flusher_state.h"

#include <assert.h>

#define TO(state) (1u << FLUSHER_##state)

bool flusher_may(enum flusher_state from, enum flusher_state to)
{
    static const unsigned next[] = {
        [FLUSHER_CLOSED] = TO(OPENING) | TO(WAITING), [FLUSHER_WAITING] = TO(CLOSED),
        [FLUSHER_OPENING] = TO(IDLE) | TO(CLOSED),    [FLUSHER_IDLE] = TO(WRITING) | TO(CLOSED),
        [FLUSHER_WRITING] = TO(IDLE) | TO(CLOSED),
    };
    return (next[from] & 1u << to) != 0;
}

void flusher_check(const struct flusher *f)
{
#ifndef NDEBUG
    const bool is_away = f->state == FLUSHER_CLOSED || f->state == FLUSHER_WAITING;
    assert(!is_away || (f->store == NULL && f->ring_count == 0 && !f->has_unsynced));
    assert(f->state != FLUSHER_WAITING || f->retry_at != 0);
    assert(is_away || f->state == FLUSHER_OPENING || f->store != NULL);
    for (enum metric m = 0; f->state != FLUSHER_WRITING && m < METRIC_COUNT; m++)
        assert(f->pending[m] == 0);
#else
    (void)f;
#endif
}

void flusher_enter(struct flusher *f, enum flusher_state to)
{
    assert(flusher_may(f->state, to));
    f->state = to;
    flusher_check(f);
}
