/* SPDX-License-Identifier: MIT
 *
 * channel_messages - /api/channels/{hash}/messages?limit&offset&region&cursor.
 *
 * A page is the newest messages below the cursor, or behind the offset, the oldest of them first.
 * Newer is who was received later for the first time, over the air or by a companion bridge.
 * - timestamp is the last receipt, first_seen the first; repeats counts all receptions; observers
 *   are those who heard it, each once, by name or else id; packetId, hops and snr are of the first
 *   reception.
 * - What no key opens has neither sender nor text (null).
 * - A companion's text was no frame that anybody heard: packetId, packetHash and hops are null,
 *   repeats is 0, observers are none.
 * - nextCursor leads to the next page, and is left out on the last. It is exact whatever comes
 *   meanwhile; an offset is not, and is for the first MESSAGES_OFFSET_MAX.
 * - total: all messages of the channel. With a region: those that one of its observers heard,
 *   among the newest MESSAGES_LOOKED_AT; `complete` says whether those are all, and companions'
 *   texts are none of them.
 * Threads: that of the asking. Cost: 5 us a message; with a region 5 ms. */
#pragma once

#include "cmd/server/http/route.h"

#define MESSAGES_LIMIT      100
#define MESSAGES_LIMIT_MAX  500
#define MESSAGES_OFFSET_MAX 10000
#define MESSAGES_LOOKED_AT  2000

void channel_messages_answer(struct asking *asking, const struct http_request *request,
                             struct http_reply *reply);
