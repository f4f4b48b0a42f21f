/* SPDX-License-Identifier: MIT
 *
 * channel_list - /api/channels?region&includeEncrypted.
 *
 * The channels, newest activity first; with includeEncrypted those that no key opens behind them.
 * messageCount: messages (transmissions and companion texts), all that retention kept.
 * With a region: of the messages that first came in the last 24 hours (`window`; in the hour it
 * begins in, too) those that at least one observer of the region heard in it, each once, and
 * observationCount, how often observers of the region heard them; lastMessage and lastActivity are
 * of those. It looks at the newest CHANNELS_MESSAGES messages, and stops when the question is late
 * (asking.h); `complete` says whether all of the window were among them. Kept for CHANNELS_KEPT_S.
 * Threads: that of the asking. Cost: 6 us a channel; with a region 1 us a message's reception. */
#pragma once

#include "cmd/server/http/route.h"

#define CHANNELS_MESSAGES 100000
#define CHANNELS_KEPT_S   60

void channel_list_answer(struct asking *asking, const struct http_request *request,
                         struct http_reply *reply);
