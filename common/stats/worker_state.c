/* SPDX-License-Identifier: MIT */
#include "common/stats/worker_state.h"

#include "common/base/base.h"

#include <string.h>

enum worker_verdict worker_state_verdict(const char *word)
{
    static const struct {
        const char *word;
        enum worker_verdict verdict;
    } states[] = {
#define X(id, text, judged) {text, WORKER_VERDICT_##judged},
        WORKER_PHASE_LIST(X) WORKER_STATE_LIST(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (strcmp(states[i].word, word) == 0)
            return states[i].verdict;
    }
    return WORKER_VERDICT_PASS;
}
