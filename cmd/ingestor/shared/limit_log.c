/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/limit_log.h"

#include "common/base/log.h"
#include "common/ring/refusal.h"

#define LINE_INTERVAL ((mono_us)US_PER_S)

static const enum outcome limits[] = {
#define X(id) [LIMIT_##id] = OUTCOME_##id,
    LIMIT_LOG_LIST(X)
#undef X
};

void limit_log_init(struct limit_log *log, const uint64_t outcomes[static OUTCOME_COUNT])
{
    *log = (struct limit_log){.said = {0}};
    for (size_t i = 0; i < LIMIT_COUNT; i++)
        log->said[i] = outcomes[limits[i]];
}

uint64_t limit_log_step(struct limit_log *log, enum limit_id limit, uint64_t count, mono_us now)
{
    const uint64_t said = log->said[limit];
    if (count < said) /* another ring's count, or one taken back */
        log->said[limit] = count;
    if (count <= said || (log->said_at[limit] != 0 && now - log->said_at[limit] < LINE_INTERVAL))
        return 0;
    log->said[limit] = count;
    log->said_at[limit] = now;
    return count - said;
}

void limit_log_turn(struct limit_log *log, const char *source,
                    const uint64_t outcomes[static OUTCOME_COUNT], mono_us now)
{
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        const uint64_t total = outcomes[limits[i]];
        const uint64_t news = limit_log_step(log, (enum limit_id)i, total, now);
        if (news == 0)
            continue;
        const struct outcome_info *info = outcome_info(limits[i]);
        log_event(LOG_WARN, "limit", "a limit is reached: messages are not stored",
                  KV(KV_STR("source", source), KV_STR("bucket", info->bucket),
                     KV_STR("reason", info->reason),
                     KV_STR("option", refusal_info(refusal_of(limits[i]))->option),
                     KV_INT("messages", (int64_t)news), KV_INT("total", (int64_t)total)));
    }
}
