/* SPDX-License-Identifier: MIT */
#include "common/stats/worker_state.h"

#include <string.h>

struct judged {
    const char *word;
    enum worker_verdict verdict;
};
#define X(id, text, judged) {text, WORKER_VERDICT_##judged},

static enum worker_verdict find(const struct judged *states, size_t count, const char *word,
                                enum worker_verdict unknown)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(states[i].word, word) == 0)
            return states[i].verdict;
    }
    return unknown;
}

enum worker_verdict worker_state_verdict(const char *word)
{
    static const struct judged states[] = {
        WORKER_PHASE_LIST(X) WORKER_STATE_LIST(X){WORKER_SUSPENDED, WORKER_VERDICT_WARN}};
    return find(states, ARRAY_LEN(states), word, WORKER_VERDICT_PASS);
}

/* In the list's order. */
enum phase {
#define INDEX(id, text, judged) PHASE_##id,
    WORKER_PHASE_LIST(INDEX)
};

bool worker_state_is_silent(const char *word, int64_t heartbeat_age_ms)
{
    static const struct judged phases[] = {WORKER_PHASE_LIST(X)};
    static const int64_t limits_ms[ARRAY_LEN(phases)] = {
        [PHASE_COMMIT] = WORKER_SILENT_DISK_MS,
        [PHASE_CHECKPOINT] = WORKER_SILENT_DISK_MS,
        [PHASE_MIGRATE] = WORKER_SILENT_DISK_MS,
        [PHASE_WAIT] = INT64_MAX,
        [PHASE_ASK] = INT64_MAX,
    };
    if (strcmp(word, WORKER_SUSPENDED) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        if (strcmp(phases[i].word, word) == 0 && limits_ms[i] != 0)
            return heartbeat_age_ms > limits_ms[i];
    }
    return heartbeat_age_ms > WORKER_SILENT_MS;
}

enum worker_verdict source_state_verdict(const char *word)
{
    static const struct judged states[] = {SOURCE_STATE_LIST(X)};
    return find(states, ARRAY_LEN(states), word, WORKER_VERDICT_WARN);
}
