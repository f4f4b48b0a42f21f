/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/probe/source_forms.h"

#include <stdio.h>
#include <string.h>

#define SHARE_PREFIX "$share/"

/* By [is_shared][is_kept][qos 1]. */
static const char *const losses[2][2][2] = {
    {
        {"what comes while this ingestor is away only others have that receive the same (qos 1 and"
         " persistentSession let the broker keep it)",
         "what comes while this ingestor is away only others have that receive the same"
         " (persistentSession lets the broker keep it)"},
        {"what comes while this ingestor is away only others have that receive the same (qos 1 lets"
         " the broker keep it)",
         "nothing, while the broker keeps what comes for this ingestor (mosquitto:"
         " max_queued_messages, 1000 by default)"},
    },
    {
        {"shared: an end of this ingestor costs what was on its way; while it hangs, its part of the"
         " stream is nobody's until the broker ends the connection (keepAliveSeconds)",
         "shared: an end of this ingestor costs what was on its way (mosquitto:"
         " max_inflight_messages, 20 by default), then others have all; while it hangs, its part"
         " waits for it, and is lost when the broker ends the connection (keepAliveSeconds)"},
        {"shared: while this ingestor is away the broker throws its part of the stream away: qos 1,"
         " or no persistentSession",
         "shared: while this ingestor is away its part of the stream waits for it, and no other has"
         " it; lost is what is more than the broker keeps (mosquitto: max_queued_messages, 1000 by"
         " default), and all of it when its session ends or its clientId does not return"},
    },
};

bool source_form_is_shared(const struct config_source *source)
{
    for (size_t i = 0; i < source->topics.count; i++) {
        if (strncmp(source->topics.items[i], SHARE_PREFIX, sizeof SHARE_PREFIX - 1) == 0)
            return true;
    }
    return false;
}

const char *source_form_loses(const struct config_source *source)
{
    return losses[source_form_is_shared(source)][source->persistent_session][source->qos > 0];
}

bool source_forms_matter(const struct config *config)
{
    bool is_shared = false;
    for (size_t i = 0; i < config->source_count; i++)
        is_shared = is_shared || source_form_is_shared(&config->sources[i]);
    return is_shared || config->store.shards.count > 0;
}

void source_forms_print(const struct config *config)
{
    if (!source_forms_matter(config))
        return;
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        (void)printf("source %s may lose: %s\n", source->name, source_form_loses(source));
        if (source_form_is_shared(source))
            (void)printf("source %s has no retained statuses: brokers send none to a shared"
                         " subscription; let one ingestor subscribe to meshcore/+/+/status\n",
                         source->name);
    }
}
