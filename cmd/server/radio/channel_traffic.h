/* SPDX-License-Identifier: MIT
 *
 * channel_traffic - /api/analytics/channels?window&region&area: who says how much in which channel.
 *
 * A message is a transmission of type GRP_TXT, counted once, at its first receipt here; with a
 * region or area only those that one of its observers received. (What a companion handed over was
 * not received on the air: it is none.)
 *   activeChannels  channels with a message in the window;  decryptable: of them, those a key opens
 *   channels        of each: messages, senders (different names; none where no key opens it), and
 *                   lastActivity, its newest message
 *   topSenders      the TOP_SENDERS names with most messages, over all channels. A name is what a
 *                   message says of its sender, anybody may use it (SENDER_BYTES - 1 bytes of it)
 *   channelTimeline messages by channel and UTC hour, beyond 24 hours by day (timelineBucketHours)
 *   msgLengths      characters of the newest LENGTHS_SHOWN messages that a key opens
 * It looks at the newest MESSAGES_MAX messages, as far as it comes in ANALYTICS_TURN_US; more, or
 * more names and channels than there is room for, or a part that retention has let go, and it is
 * not complete: `from` is then since when it is counted. Cost: 2 us a message, with a filter 6, in
 * slices. */
#pragma once

#include "cmd/server/analytics/analysis.h"

#define MESSAGES_MAX  300000
#define TOP_SENDERS   20
#define SENDER_BYTES  40
#define LENGTHS_SHOWN 10000

extern const struct analysis analysis_channel_traffic;
extern const struct http_parameter channel_traffic_parameters[];
#define CHANNEL_TRAFFIC_SHAPE                                                                      \
    "{activeChannels: int, decryptable: int, channels: [{hash: str, name: str, messages: int, "    \
    "senders: int, lastActivity: time, encrypted: bool}], topSenders: [{name: str, count: int}], " \
    "channelTimeline: [{hour: str, channel: str, count: int}], timelineBucketHours: int, "         \
    "msgLengths: [int], " ANALYTICS_TAIL "}"
