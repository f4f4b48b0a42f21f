/* SPDX-License-Identifier: MIT */
#include "common/ring/refusal.h"

#include <string.h>

static const struct refusal_info infos[] = {
#define X(id, outcome, option, sentence) [REFUSAL_##id] = {OUTCOME_##outcome, option, sentence},
    REFUSAL_LIST(X)
#undef X
};

const struct refusal_info *refusal_info(enum refusal refusal)
{
    return &infos[refusal];
}

enum refusal refusal_of(enum outcome outcome)
{
    enum refusal i = 0;
    while (i < REFUSAL_COUNT && infos[i].outcome != outcome)
        i++;
    return i;
}

enum refusal refusal_find(const char *rule, const char *option)
{
    enum refusal found = REFUSAL_NONE;
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        char name[OUTCOME_NAME_BYTES];
        if (strcmp(outcome_name(infos[i].outcome, name, sizeof name), rule) != 0)
            continue;
        if (strcmp(infos[i].option, option != NULL ? option : "") == 0)
            return i;
        if (found == REFUSAL_NONE)
            found = i;
    }
    return found;
}
