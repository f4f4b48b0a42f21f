/* SPDX-License-Identifier: MIT
 *
 * topic - what an MQTT topic says about region, observer and kind (protocol.md section 6). Pure;
 * results borrow from the topic. Used by the receiver (token bucket per observer) and the
 * envelope parser. */
#pragma once

#include "common/base/base.h"

enum topic_kind {
    TOPIC_PACKETS,
    TOPIC_STATUS,
    TOPIC_RAW,
    TOPIC_BINARY, /* meshcore/binary/{gateway}: the payload is the frame, no JSON */
    TOPIC_NEIGHBORS,
    TOPIC_CHANNEL,        /* meshcore/message/channel/{n}, of a companion bridge */
    TOPIC_DIRECT,         /* meshcore/message/direct/{id}, of a companion bridge */
    TOPIC_CLIENT,         /* meshcore/client/{key}/packets; the key is the observer */
    TOPIC_CLIENT_RF,      /* meshcore/client/{key}/rf: every frame a phone heard */
    TOPIC_CLIENT_REGIONS, /* meshcore/client/{key}/regions: what a phone asked a repeater */
    TOPIC_IGNORED,        /* debug, decoded, internal, serial, events, ... */
    TOPIC_OTHER,          /* unknown shape: treated as a packet when the payload holds `raw` */
};
#define TOPIC_KINDS (TOPIC_OTHER + 1)

struct topic {
    enum topic_kind kind;
    bool is_meshcore;   /* the prefix is "meshcore": what others say elsewhere may be anything */
    bool is_nickname;   /* the observer is a name of its owner's choice: a key is worth more */
    const char *region; /* not NUL-terminated; NULL = none */
    size_t region_len;
    const char *observer; /* NULL = none */
    size_t observer_len;
    const char *peer; /* CHANNEL, DIRECT: the last segment; else, and where it is empty, NULL */
    size_t peer_len;
};
void topic_parse(const char *text, size_t len, struct topic *out);
