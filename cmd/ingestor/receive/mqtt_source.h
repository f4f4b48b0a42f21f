/* SPDX-License-Identifier: MIT
 *
 * mqtt_source - one broker through the MQTT library: an attempt to connect, subscriptions,
 * messages, the end. The only file that knows paho (MQTTAsync); traps.md says why its habits are
 * worked around. What to do when is mqtt_link's.
 *
 * I1. Each attempt has a client object of its own. A second one, the sentinel, never connected,
 *     lives as long as the process: with it the library never stops its threads, a stop that makes
 *     a destroy wait up to 10 s.
 * I2. Callbacks copy, set atomics and return. The library runs them under one global mutex.
 * I3. mqtt_source_touch takes that mutex: when it returns, the library is not stuck.
 * I4. Texts come from the library as they are: who shows them masks them.
 *
 * Threads: all functions on the main loop; on_message on the library's receive thread. Nothing of
 * this before fork: the library starts threads. Errors: calls that fail return a static text,
 * NULL = well.
 * Ownership: borrows the config; lives until the process ends, which is faster
 * than any clean-up. */
#pragma once

#include "cmd/ingestor/shared/control_block.h"
#include "common/config/config.h"
#include "common/ring/ring.h"

#define MQTT_TEXT_BYTES     512
#define MQTT_SUBACK_PENDING (-1)
#define MQTT_SUBACK_REFUSED 0x80 /* and above */

enum mqtt_events {
    MQTT_OPENED = 1, /* CONNACK: accepted */
    MQTT_FAILED =
        2, /* the attempt, a subscribe, or the connection; mqtt_source_copy_text has the cause */
    MQTT_SUBACK = 4,  /* one more topic answered */
    MQTT_LET_GO = 16, /* every topic of mqtt_source_unsubscribe */
};

/* message is borrowed for the call. To return is to acknowledge. */
typedef void mqtt_source_handler(void *context, const struct ring_message *message);

struct mqtt_source_params {
    const struct config_source *source; /* borrowed until the process ends */
    const char *spool_dir;              /* mqtt_link's, for what it must remember */
    uint64_t max_message_bytes;
    mqtt_source_handler *on_message;
    void *context;
};

struct mqtt_source;

/* NULL = no memory. */
NODISCARD struct mqtt_source *mqtt_source_new(const struct mqtt_source_params *params);

/* Begin an attempt; there must be no client. uri: where to, as broker_route gives it. */
NODISCARD const char *mqtt_source_connect(struct mqtt_source *source, const char *uri);
/* From now on the broker is asked to keep nothing of us. */
void mqtt_source_set_clean(struct mqtt_source *source);
/* The password of the present attempt; NULL = none. Borrowed until the next. */
const char *mqtt_source_password(const struct mqtt_source *source);
/* Ask the broker to let this topic go. */
NODISCARD const char *mqtt_source_unsubscribe(struct mqtt_source *source, const char *topic);
/* Ask for every topic; each answer is an MQTT_SUBACK event. */
NODISCARD const char *mqtt_source_subscribe(struct mqtt_source *source);
/* Destroy the client, if any, and forget its events. */
void mqtt_source_drop(struct mqtt_source *source);
/* Say goodbye, waiting at most `limit`. The client stays, for the process to end with. */
void mqtt_source_close(struct mqtt_source *source, mono_us limit);
void mqtt_source_touch(struct mqtt_source *source);

/* The events since the last call. */
unsigned mqtt_source_take_events(struct mqtt_source *source);
/* What the last CONNACK said: there is a session of ours; v5: no shared subscriptions here. */
bool mqtt_source_has_session(const struct mqtt_source *source);
bool mqtt_source_is_shareless(const struct mqtt_source *source);
int32_t mqtt_source_suback(const struct mqtt_source *source, size_t topic);
/* The first thing the library complained about in this attempt; "" = nothing. */
void mqtt_source_copy_text(struct mqtt_source *source, char out[static MQTT_TEXT_BYTES]);
/* Of paho, for --version; makes nothing. */
const char *mqtt_source_library_version(void);
