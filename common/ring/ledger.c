/* SPDX-License-Identifier: MIT */
#include "common/ring/ledger.h"

#include <stdio.h>
#include <string.h>

const struct outcome_info *outcome_info(enum outcome outcome)
{
    static const struct outcome_info infos[] = {
#define X(id, bucket, reason, side) [OUTCOME_##id] = {#bucket, reason, OUTCOME_SIDE_##side},
        OUTCOME_LIST(X)
#undef X
    };
    return &infos[outcome];
}

const char *outcome_name(enum outcome outcome, char *out, size_t cap)
{
    const struct outcome_info *info = outcome_info(outcome);
    (void)snprintf(out, cap, "%s%s%s", info->bucket, info->reason[0] != '\0' ? "." : "",
                   info->reason);
    return out;
}

bool outcome_begins_bucket(enum outcome outcome)
{
    const char *bucket = outcome_info(outcome)->bucket;
    for (enum outcome before = 0; before < outcome; before++) {
        if (strcmp(outcome_info(before)->bucket, bucket) == 0)
            return false;
    }
    return true;
}

bool outcome_is_loss(enum outcome outcome)
{
    return strcmp(outcome_info(outcome)->bucket, "dropped") == 0 || outcome == OUTCOME_DEAD ||
           outcome == OUTCOME_REJECTED_STORE;
}

void ledger_combine(const struct receiver_tuple *r, const struct flusher_tuple *f,
                    struct ledger *out)
{
    uint64_t receiver_outcomes = 0;
    uint64_t flusher_outcomes = 0;
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        receiver_outcomes += r->outcomes[i];
        flusher_outcomes += f->outcomes[i];
        out->outcomes[i] = r->outcomes[i] + f->outcomes[i];
    }
    const uint64_t appended = r->appended + f->recovered;
    out->received = r->received + f->recovered;
    out->queued = ledger_queued(r, f);
    /* What was consumed was received, whatever the receiver's older tuple shows. */
    if (f->consumed > appended)
        out->received += f->consumed - appended;
    out->unaccounted = (int64_t)(r->received - r->appended - receiver_outcomes) +
                       (int64_t)(f->consumed - flusher_outcomes);
}

void ledger_add(struct ledger *total, const struct ledger *part)
{
    total->received += part->received;
    total->queued += part->queued;
    total->unaccounted += part->unaccounted;
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        total->outcomes[i] += part->outcomes[i];
}
