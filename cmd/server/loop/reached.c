/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/reached.h"

#include "common/base/log.h"

#define PERIOD_US ((mono_us)US_PER_S)

static const char *const texts[REACHED_COUNT] = {
#define X(name, text) [REACHED_##name] = text,
    REACHED_LIST(X)
#undef X
};

mono_us reached_note(struct reached *reached, enum reached_limit limit)
{
    reached->counts[limit]++;
    return reached->said_at + PERIOD_US;
}

mono_us reached_say(struct reached *reached, mono_us now, const char *listener, size_t connections)
{
    const bool is_time = now >= reached->said_at + PERIOD_US;
    mono_us next = INT64_MAX;
    for (size_t i = 0; i < REACHED_COUNT; i++) {
        if (reached->counts[i] == 0)
            continue;
        if (!is_time) {
            next = reached->said_at + PERIOD_US;
            continue;
        }
        log_event(LOG_WARN, "http", texts[i],
                  KV(KV_STR("listener", listener), KV_INT("count", reached->counts[i]),
                     KV_INT("connections", connections)));
        reached->counts[i] = 0;
        reached->said_at = now;
    }
    return next;
}
