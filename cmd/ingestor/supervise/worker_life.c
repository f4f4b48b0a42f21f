/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/worker_life.h"

#define TO(state) (1u << WORKER_##state)
/* What workers_spawn leads to. */
#define TO_SPAWNED (TO(RUNNING) | TO(BACKING_OFF))
/* What a death that nobody asked for leads to; a replay's receiver is over with it. */
#define TO_DEAD (TO(BACKING_OFF) | TO(FAILED) | TO(STOPPED))

bool worker_life_may(enum worker_state from, enum worker_state to)
{
    static const unsigned next[] = {
        [WORKER_UNUSED] = TO_SPAWNED,
        [WORKER_RUNNING] = TO_DEAD | TO(HELD) | TO(HUNG) | TO(STOPPING),
        [WORKER_BACKING_OFF] = TO_SPAWNED | TO(STOPPED),
        [WORKER_HELD] = TO_SPAWNED | TO(STOPPED),
        [WORKER_FAILED] = TO_SPAWNED | TO(STOPPED),
        [WORKER_HUNG] = TO_DEAD | TO(UNKILLABLE) | TO(STOPPING),
        [WORKER_UNKILLABLE] = TO_DEAD | TO(STOPPING),
        [WORKER_STOPPING] = TO(STOPPING) | TO(STOPPED),
        [WORKER_STOPPED] = TO_SPAWNED | TO(STOPPED) | TO(UNUSED),
    };
    return (next[from] & 1u << to) != 0;
}

bool worker_life_has_process(enum worker_state state)
{
    return state == WORKER_RUNNING || state == WORKER_HUNG || state == WORKER_UNKILLABLE ||
           state == WORKER_STOPPING;
}

const char *worker_life_word(enum worker_state state)
{
    static const char *const words[] = {[WORKER_UNUSED] = NULL,
#define X(id, word, verdict) [WORKER_##id] = word,
                                        WORKER_STATE_LIST(X)
#undef X
    };
    return words[state];
}
