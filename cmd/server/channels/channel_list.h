/* SPDX-License-Identifier: MIT
 *
 * channel_list - /api/channels?region&includeEncrypted.
 *
 * The channels, newest activity first; with includeEncrypted those that no key opens behind them.
 * messageCount: messages (transmissions and companion texts), all that retention kept.
 * With a region: of the last 24 hours (`window`), the messages that at least one observer of the
 * region heard, each once, and observationCount, how often observers of the region heard them;
 * lastMessage and lastActivity are of those. It looks at the newest CHANNELS_RECEPTIONS
 * receptions, and stops when the question is late (asking.h); `complete` says whether the 24
 * hours were among them. Kept for CHANNELS_KEPT_S.
 * Threads: that of the asking. Cost: 6 us a channel; with a region 40 ms at worst. */
#pragma once

#include "cmd/server/http/route.h"

#define CHANNELS_RECEPTIONS 400000
#define CHANNELS_KEPT_S     60

void channel_list_answer(struct asking *asking, const struct http_request *request,
                         struct http_reply *reply);
