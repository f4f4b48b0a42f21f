/* SPDX-License-Identifier: MIT
 *
 * From the library's threads to the main loop go only: a set of event bits, a SUBACK code per
 * topic, and one text under a lock. Events are cleared when a client is destroyed; the library
 * calls nothing back after that, so an event never belongs to an earlier attempt. */
#include "cmd/ingestor/receive/mqtt_source.h"

#include "common/base/log.h"

#include <MQTTAsync.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a broker keeps the session of a receiver that is gone (MQTT 5; 3.1.1 leaves it
 * to the broker). */
#define SESSION_EXPIRY_S (7 * 24 * 3600)
/* What a publish may hold besides topic and payload: header, properties. Larger ones a v5 broker
 * does not send; the ones in between arrive and are counted rejected{too_large}. */
#define PACKET_SLACK_BYTES 65536
#define CLOSE_POLL_MS      5

#define EVENT_CLOSED 8U /* our disconnect is done; beside enum mqtt_events */

/* What a subscribe's callback needs to know. */
struct subscription {
    struct mqtt_source *source;
    _Atomic int32_t suback; /* relaxed: published by the event */
};

struct mqtt_source {
    /* constant after new */
    struct mqtt_source_params params;
    const struct config_source *config;
    MQTTAsync sentinel; /* I1 */
    /* the main loop only */
    MQTTAsync client; /* NULL = none */
    bool is_clean;
    char *password; /* owned; of passwordFile, else NULL */
    /* atomic: the library's threads -> main loop; raised with release, taken with acquire */
    _Atomic unsigned events;
    _Atomic int leaving;                    /* topics asked to let go, not yet answered */
    _Atomic bool has_session, is_shareless; /* relaxed: published by MQTT_OPENED */
    struct subscription subscriptions[CONFIG_TOPICS_MAX];
    /* guarded by text_lock */
    pthread_mutex_t text_lock;
    char text[MQTT_TEXT_BYTES];
};

/* --- on the library's threads ----------------------------------------------------------------- */

static void raise_event(struct mqtt_source *source, unsigned bits)
{
    /* Release: who sees the event sees the text and the codes behind it. */
    atomic_fetch_or_explicit(&source->events, bits, memory_order_release);
}

/* The first text of an attempt stays: it is the cause, and what follows are its consequences. */
static void note(struct mqtt_source *source, const char *text)
{
    if (text == NULL)
        return;
    IGNORE(pthread_mutex_lock(&source->text_lock), "can't fail: a plain mutex, never destroyed");
    if (source->text[0] == '\0')
        (void)snprintf(source->text, sizeof source->text, "%s", text);
    IGNORE(pthread_mutex_unlock(&source->text_lock), "locked above");
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    const struct mqtt_source *source = context;
    const uint32_t flags = ((uint32_t)message->qos & RING_QOS_MASK) |
                           (message->retained != 0 ? RING_RETAIN : 0U) |
                           (message->dup != 0 ? RING_DUP : 0U);
    const struct ring_message copy = {
        .topic = topic,
        .topic_len = topic_len > 0 ? (uint32_t)topic_len : (uint32_t)strlen(topic),
        .payload = message->payload,
        .payload_len = message->payloadlen > 0 ? (uint32_t)message->payloadlen : 0,
        .flags = flags,
    };
    source->params.on_message(source->params.context, &copy);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    /* 0 would not withhold the acknowledgement; it parks the message in an unbounded list */
    return 1;
}

static void on_lost(void *context, char *cause)
{
    note(context, cause != NULL ? cause : "connection lost");
    raise_event(context, MQTT_FAILED);
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)properties;
    char text[96];
    const char *name = MQTTReasonCode_toString(reason);
    (void)snprintf(text, sizeof text, "broker ended the connection: %s",
                   name != NULL ? name : "unknown reason");
    note(context, text);
    raise_event(context, MQTT_FAILED);
}

static void opened(struct mqtt_source *source, bool has_session, bool is_shareless)
{
    /* Relaxed, both: the event publishes them. */
    atomic_store_explicit(&source->has_session, has_session, memory_order_relaxed);
    atomic_store_explicit(&source->is_shareless, is_shareless, memory_order_relaxed);
    raise_event(source, MQTT_OPENED);
}

static void on_opened(void *context, MQTTAsync_successData *response)
{
    opened(context, response != NULL && response->alt.connect.sessionPresent != 0, false);
}

static void on_opened5(void *context, MQTTAsync_successData5 *response)
{
    const enum MQTTPropertyCodes code = MQTTPROPERTY_CODE_SHARED_SUBSCRIPTION_AVAILABLE;
    opened(context, response != NULL && response->alt.connect.sessionPresent != 0,
           response != NULL && MQTTProperties_hasProperty(&response->properties, code) != 0 &&
               MQTTProperties_getNumericValue(&response->properties, code) == 0);
}

/* The library has no words for its most frequent code. */
static const char *error_text(int rc)
{
    const char *text = rc != MQTTASYNC_FAILURE ? MQTTAsync_strerror(rc) : NULL;
    return text != NULL ? text : "connection failed";
}

/* CONNACK of 3.1.1; the library passes the number and no text. */
static const char *connack_text(int code)
{
    static const char *const texts[] = {
        [1] = "broker refuses this protocol version", [2] = "broker refuses this clientId",
        [3] = "broker says it is unavailable",        [4] = "broker refuses user name or password",
        [5] = "broker says we are not authorized",
    };
    return code > 0 && code < (int)ARRAY_LEN(texts) ? texts[code] : NULL;
}

/* The library's own texts speak of TCP whatever failed. */
static const char *plain_text(const char *text)
{
    if (strcmp(text, "TCP connect timeout") == 0)
        return "broker does not answer";
    if (strcmp(text, "TCP connect completion failure") == 0)
        return "connection refused, or ended before the broker answered";
    return strcmp(text, "TCP/TLS connect failure") != 0 ? text
                                                        : "can't connect: refused or unreachable";
}

static void fail_with(struct mqtt_source *source, const char *text)
{
    note(source, plain_text(text != NULL ? text : "connection failed"));
    raise_event(source, MQTT_FAILED);
}

static void on_open_failed(void *context, MQTTAsync_failureData *response)
{
    const char *text = response != NULL ? connack_text(response->code) : NULL;
    if (text == NULL && response != NULL)
        text = response->message != NULL ? response->message : error_text(response->code);
    fail_with(context, text);
}

static const char *reason_text(const MQTTAsync_failureData5 *response)
{
    const char *text = NULL;
    /* A CONNACK's code comes in `code`, with reasonCode 0; one of 3.1.1 from a broker that knows
     * no other, too. */
    if (response != NULL && response->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
        text = MQTTReasonCode_toString(response->reasonCode);
    else if (response != NULL && response->code >= (int)MQTTREASONCODE_UNSPECIFIED_ERROR)
        text = MQTTReasonCode_toString((enum MQTTReasonCodes)response->code);
    else if (response != NULL)
        text = connack_text(response->code);
    if (text == NULL && response != NULL)
        text = response->message != NULL ? response->message : error_text(response->code);
    return text;
}

static void on_open_failed5(void *context, MQTTAsync_failureData5 *response)
{
    fail_with(context, reason_text(response));
}

static void suback(struct subscription *subscription, int code)
{
    /* Anything but a granted QoS is a refusal, also what a broken broker makes up. */
    const bool is_known = code >= 0 && code <= 255;
    atomic_store_explicit(&subscription->suback, is_known ? code : MQTT_SUBACK_REFUSED,
                          memory_order_relaxed);
    raise_event(subscription->source, MQTT_SUBACK);
}

static void on_subscribed(void *context, MQTTAsync_successData *response)
{
    suback(context, response != NULL ? response->alt.qos : MQTT_SUBACK_REFUSED);
}

static void on_subscribed5(void *context, MQTTAsync_successData5 *response)
{
    suback(context, response != NULL ? (int)response->reasonCode : MQTT_SUBACK_REFUSED);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData *response)
{
    struct subscription *subscription = context;
    if (response != NULL && response->code >= MQTT_SUBACK_REFUSED) {
        suback(subscription, response->code);
        return;
    }
    on_open_failed(subscription->source, response);
}

static void on_subscribe_failed5(void *context, MQTTAsync_failureData5 *response)
{
    struct subscription *subscription = context;
    if (response != NULL && (int)response->reasonCode >= MQTT_SUBACK_REFUSED) {
        suback(subscription, (int)response->reasonCode);
        return;
    }
    on_open_failed5(subscription->source, response);
}

static void on_closed(void *context, MQTTAsync_successData *response)
{
    (void)response;
    raise_event(context, EVENT_CLOSED);
}

static void on_close_failed(void *context, MQTTAsync_failureData *response)
{
    (void)response;
    raise_event(context, EVENT_CLOSED);
}

static void on_closed5(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    raise_event(context, EVENT_CLOSED);
}

static void on_close_failed5(void *context, MQTTAsync_failureData5 *response)
{
    (void)response;
    raise_event(context, EVENT_CLOSED);
}

/* --- one attempt ------------------------------------------------------------------------------ */

static bool is_v5(const struct mqtt_source *source)
{
    return source->config->mqtt_version >= MQTTVERSION_5;
}

static int create_client(struct mqtt_source *source, const char *uri)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.MQTTVersion = source->config->mqtt_version;
    const int rc = MQTTAsync_createWithOptions(&source->client, uri, source->config->client_id,
                                               MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
    if (rc != MQTTASYNC_SUCCESS) {
        source->client = NULL;
        return rc;
    }
    const int set = MQTTAsync_setCallbacks(source->client, source, on_lost, on_message, NULL);
    return set != MQTTASYNC_SUCCESS
               ? set
               : MQTTAsync_setDisconnected(source->client, source, on_disconnected);
}

static bool add_number(MQTTProperties *properties, enum MQTTPropertyCodes code, uint32_t value)
{
    const MQTTProperty property = {.identifier = code, .value.integer4 = value};
    return MQTTProperties_add(properties, &property) == 0;
}

static void fill_session(struct mqtt_source *source, MQTTAsync_connectOptions *options)
{
    const bool is_clean = source->is_clean;
    options->MQTTVersion = source->config->mqtt_version;
    if (is_v5(source)) {
        options->cleansession = 0; /* the library refuses both */
        options->cleanstart = is_clean;
        options->onSuccess5 = on_opened5;
        options->onFailure5 = on_open_failed5;
    } else {
        options->cleansession = is_clean;
        options->onSuccess = on_opened;
        options->onFailure = on_open_failed;
    }
}

static bool fill_properties(const struct mqtt_source *source, MQTTProperties *properties)
{
    const uint64_t packet = source->params.max_message_bytes + RING_TOPIC_MAX + PACKET_SLACK_BYTES;
    if (!add_number(properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, (uint32_t)packet))
        return false;
    return source->is_clean ||
           add_number(properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, SESSION_EXPIRY_S);
}

void mqtt_source_set_clean(struct mqtt_source *source)
{
    source->is_clean = true;
}

const char *mqtt_source_password(const struct mqtt_source *source)
{
    return source->password != NULL ? source->password : source->config->password;
}

/* Tokens live an hour. A file that can't be read just now (it is being replaced) leaves the last
 * one in force: the broker judges it. */
static void refresh_password(struct mqtt_source *source)
{
    struct err err = {0};
    char *fresh = NULL;
    if (source->config->password_file == NULL)
        return;
    if (!config_read_password(source->config->password_file, &fresh, &err)) {
        log_event(LOG_WARN, "mqtt", "password not read again, the last one is used",
                  KV(KV_STR("source", source->config->name), KV_STR("error", err.text)));
        return;
    }
    if (source->password != NULL)
        explicit_bzero(source->password, strlen(source->password));
    free(source->password);
    source->password = fresh;
}

/* The library copies every option during the call. */
static int connect_client(struct mqtt_source *source)
{
    const struct config_source *config = source->config;
    const MQTTAsync_connectOptions initial = MQTTAsync_connectOptions_initializer;
    const MQTTAsync_connectOptions initial5 = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_connectOptions options = is_v5(source) ? initial5 : initial;
    MQTTProperties properties = MQTTProperties_initializer;
    options.keepAliveInterval = config->keep_alive_s;
    options.connectTimeout = config->connect_timeout_s;
    options.automaticReconnect = 0;
    options.context = source;
    options.username = config->username;
    refresh_password(source);
    const char *password = mqtt_source_password(source);
    if (password != NULL) {
        options.binarypwd.data = password;
        options.binarypwd.len = (int)strlen(password);
    }
    fill_session(source, &options);
    int rc = MQTTASYNC_FAILURE;
    if (!is_v5(source) || fill_properties(source, &properties)) {
        options.connectProperties = is_v5(source) ? &properties : NULL;
        rc = MQTTAsync_connect(source->client, &options);
    }
    MQTTProperties_free(&properties);
    return rc;
}

static void let_go(struct mqtt_source *source)
{
    /* acq_rel: who sees the last one's event sees them all. */
    if (atomic_fetch_sub_explicit(&source->leaving, 1, memory_order_acq_rel) == 1)
        raise_event(source, MQTT_LET_GO);
}

static void on_unsubscribed(void *context, MQTTAsync_successData *response)
{
    (void)response;
    let_go(context);
}

static void on_unsubscribed5(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    let_go(context);
}

/* Without a callback for failures: what was not let go is asked for again at the next connect. */
const char *mqtt_source_unsubscribe(struct mqtt_source *source, const char *topic)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = source;
    if (is_v5(source))
        options.onSuccess5 = on_unsubscribed5;
    else
        options.onSuccess = on_unsubscribed;
    atomic_fetch_add_explicit(&source->leaving, 1, memory_order_relaxed); /* let_go orders */
    const int rc = MQTTAsync_unsubscribe(source->client, topic, &options);
    return rc == MQTTASYNC_SUCCESS ? NULL : error_text(rc);
}

static int subscribe_one(struct mqtt_source *source, size_t i)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = &source->subscriptions[i];
    if (is_v5(source)) {
        options.onSuccess5 = on_subscribed5;
        options.onFailure5 = on_subscribe_failed5;
    } else {
        options.onSuccess = on_subscribed;
        options.onFailure = on_subscribe_failed;
    }
    return MQTTAsync_subscribe(source->client, source->config->topics.items[i], source->config->qos,
                               &options);
}

const char *mqtt_source_connect(struct mqtt_source *source, const char *uri)
{
    int rc = create_client(source, uri);
    if (rc == MQTTASYNC_SUCCESS)
        rc = connect_client(source);
    return rc == MQTTASYNC_SUCCESS ? NULL : error_text(rc);
}

/* One SUBSCRIBE a topic: in the answer to a combined one the library takes the broker's count of
 * codes for ours, and a wrong count would make it hand us an integer as a pointer. */
const char *mqtt_source_subscribe(struct mqtt_source *source)
{
    const size_t count = source->config->topics.count;
    for (size_t i = 0; i < count; i++)
        atomic_store_explicit(&source->subscriptions[i].suback, MQTT_SUBACK_PENDING,
                              memory_order_relaxed);
    for (size_t i = 0; i < count; i++) {
        const int rc = subscribe_one(source, i);
        if (rc != MQTTASYNC_SUCCESS)
            return error_text(rc);
    }
    return NULL;
}

void mqtt_source_drop(struct mqtt_source *source)
{
    if (source->client != NULL)
        MQTTAsync_destroy(&source->client);
    source->client = NULL;
    /* Relaxed: the client is gone, and its callbacks with it. */
    atomic_store_explicit(&source->events, 0, memory_order_relaxed);
    atomic_store_explicit(&source->leaving, 0, memory_order_relaxed);
    IGNORE(pthread_mutex_lock(&source->text_lock), "can't fail: a plain mutex, never destroyed");
    source->text[0] = '\0';
    IGNORE(pthread_mutex_unlock(&source->text_lock), "locked above");
}

void mqtt_source_touch(struct mqtt_source *source)
{
    MQTTAsync client = source->client != NULL ? source->client : source->sentinel;
    IGNORE(MQTTAsync_isConnected(client), "only that it returns counts (I3)");
}

unsigned mqtt_source_take_events(struct mqtt_source *source)
{
    /* Acquire: pairs with raise_event. */
    return atomic_exchange_explicit(&source->events, 0, memory_order_acquire);
}

bool mqtt_source_has_session(const struct mqtt_source *source)
{
    return atomic_load_explicit(&source->has_session, memory_order_relaxed);
}

bool mqtt_source_is_shareless(const struct mqtt_source *source)
{
    return atomic_load_explicit(&source->is_shareless, memory_order_relaxed);
}

int32_t mqtt_source_suback(const struct mqtt_source *source, size_t topic)
{
    return atomic_load_explicit(&source->subscriptions[topic].suback, memory_order_relaxed);
}

void mqtt_source_copy_text(struct mqtt_source *source, char out[static MQTT_TEXT_BYTES])
{
    IGNORE(pthread_mutex_lock(&source->text_lock), "can't fail: a plain mutex, never destroyed");
    memcpy(out, source->text, MQTT_TEXT_BYTES);
    IGNORE(pthread_mutex_unlock(&source->text_lock), "locked above");
}

static bool start_close(struct mqtt_source *source)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    options.struct_version = 1;
    options.context = source;
    if (is_v5(source)) {
        options.onSuccess5 = on_closed5;
        options.onFailure5 = on_close_failed5;
    } else {
        options.onSuccess = on_closed;
        options.onFailure = on_close_failed;
    }
    return MQTTAsync_disconnect(source->client, &options) == MQTTASYNC_SUCCESS;
}

void mqtt_source_close(struct mqtt_source *source, mono_us limit)
{
    const mono_us deadline = clock_mono() + limit;
    if (source->client == NULL || !start_close(source))
        return;
    while ((atomic_load(&source->events) & (EVENT_CLOSED | MQTT_FAILED)) == 0 &&
           clock_mono() < deadline)
        IGNORE(poll(NULL, 0, CLOSE_POLL_MS), "only a pause");
}

/* The library takes the environment's proxies even for a plain broker on loopback, and ignores
 * no_proxy. A proxy is configuration. */
static void forget_proxies(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy",
                                        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        IGNORE(unsetenv(names[i]), "fails for a malformed name only");
}

/* By itself the library keeps the last 400 entries of its trace in memory, a text for each packet
 * and an entry for each call of an inner function, which nobody reads. Who sets its variable gets
 * the whole trace. */
static void forget_trace(void)
{
    if (getenv("MQTT_C_CLIENT_TRACE") == NULL)
        MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
}

static bool start_library(struct mqtt_source *source)
{
    forget_proxies();
    if (MQTTAsync_create(&source->sentinel, "tcp://127.0.0.1:1", "sentinel",
                         MQTTCLIENT_PERSISTENCE_NONE, NULL) != MQTTASYNC_SUCCESS)
        return false;
    forget_trace();
    return true;
}

struct mqtt_source *mqtt_source_new(const struct mqtt_source_params *params)
{
    struct mqtt_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return NULL;
    source->params = *params;
    source->config = params->source;
    source->is_clean = !params->source->persistent_session;
    for (size_t i = 0; i < CONFIG_TOPICS_MAX; i++) {
        source->subscriptions[i].source = source;
        atomic_init(&source->subscriptions[i].suback, MQTT_SUBACK_PENDING);
    }
    if (pthread_mutex_init(&source->text_lock, NULL) == 0 && start_library(source))
        return source;
    free(source);
    return NULL;
}

const char *mqtt_source_library_version(void)
{
    const MQTTAsync_nameValue *info = MQTTAsync_getVersionInfo();
    while (info->name != NULL && strcmp(info->name, "Version") != 0)
        info++;
    return info->name != NULL ? info->value : "unknown";
}
