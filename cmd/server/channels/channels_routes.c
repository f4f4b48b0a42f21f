/* SPDX-License-Identifier: MIT */
#include "cmd/server/channels/channels_routes.h"

#include "cmd/server/channels/channel_list.h"
#include "cmd/server/channels/channel_messages.h"
#include "cmd/server/channels/messages_export.h"

static const struct http_parameter list_parameters[] = {
    {"includeEncrypted", HTTP_PARAMETER_FLAG, "With the channels that no key opens, at the end"},
    {"region", HTTP_PARAMETER_LIST, "What observers of these regions heard in 24 hours"},
    {0}};
static const struct http_parameter messages_parameters[] = {
    {"cursor", HTTP_PARAMETER_TEXT,
     "nextCursor of the page before; of a file: that of its last line"},
    {"format", HTTP_PARAMETER_TEXT, "json; ndjson, csv: all that was sent over the air, as a file"},
    {"limit", HTTP_PARAMETER_INT, "How many at most: 100, at most 500; of a file all"},
    {"offset", HTTP_PARAMETER_INT, "How many to pass over: 0, at most 10000"},
    {"region", HTTP_PARAMETER_LIST, "What observers of these regions heard"},
    {0}};

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/channels",
     .is_engined = true,
     .asker = channel_list_answer,
     .parameters = list_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "2 ms with 300 channels; with a region 40 ms, once a minute",
     .summary = "The channels, newest activity first",
     .answer = "{channels: [{hash: str, name: str, lastMessage: str?, lastSender: str?, "
               "messageCount: int, observationCount?: int, lastActivity: time, encrypted?: bool}], "
               "window?: str, complete?: bool}"},
    {.method = "GET",
     .path = "/api/channels/:channel/messages",
     .is_engined = true,
     .asker = channel_messages_answer,
     .exporter = messages_export,
     .parameters = messages_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "5 ms",
     .summary = "What was said in a channel: the newest page, its oldest message first",
     .argument = "The channel's hash, as /api/channels has it: Public, %23test, enc_3A",
     .answer =
         "{messages: [{sender: str?, text: str?, timestamp: time, first_seen: time, "
         "sender_timestamp: int?, packetHash: str?, repeats: int, packetId: int?, hops: int?, "
         "snr: num?, observers: [str]}], total: int, complete?: bool, nextCursor?: str}"},
};
const struct route_family channels_routes = {rows, ARRAY_LEN(rows)};
