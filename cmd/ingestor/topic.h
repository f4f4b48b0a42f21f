/* SPDX-License-Identifier: MIT
 *
 * topic - what an MQTT topic says about region, observer and kind (protocol.md section 6). Pure; results
 * borrow from the topic. Used by the receiver (token bucket per observer) and the envelope parser. */
#pragma once

#include "common/base.h"

enum topic_kind {
    TOPIC_PACKETS, /* also any topic whose payload may hold `raw` */
    TOPIC_STATUS,
    TOPIC_RAW,
    TOPIC_NEIGHBORS,
    TOPIC_COMPANION, /* meshcore/message/... */
    TOPIC_CLIENT,    /* meshcore/client/... */
    TOPIC_IGNORED,   /* debug, decoded, internal, serial, events, ... */
    TOPIC_OTHER,     /* unknown shape: treated as a packet when the payload holds `raw` */
};

struct topic {
    enum topic_kind kind;
    const char *region; /* not NUL-terminated; NULL = none */
    size_t region_len;
    const char *observer; /* NULL = none */
    size_t observer_len;
};
void topic_parse(const char *text, size_t len, struct topic *out);
