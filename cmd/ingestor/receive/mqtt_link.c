/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/mqtt_link.h"

#include "cmd/ingestor/receive/broker_route.h"
#include "cmd/ingestor/receive/connect_policy.h"
#include "cmd/ingestor/receive/socket_watch.h"
#include "cmd/ingestor/session/session_file.h"
#include "common/base/log.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A source that keeps failing for the same reason says so again only this often. */
#define ERROR_REPEAT_US ((mono_us)300 * US_PER_S)

struct mqtt_link {
    /* constant after new */
    const struct config_source *config;
    struct mqtt_source *source; /* borrows the configuration */
    struct broker_route *route;
    /* the main loop only */
    struct connect_policy policy;
    bool is_opening; /* the route is: the library has nothing to do yet */
    bool is_open;    /* CONNACK seen, not yet over */
    int peer_port;   /* of the library's socket */
    struct socket_watch watch;
    bool is_renewed; /* I6 */
    int64_t renewals, sessions_lost, session_lost_unix;
    struct session session;   /* constant after new: what the configuration makes */
    struct session at_broker; /* I7: what is written down; source "" = nothing */
    const char *dir;          /* of session_file */
    int64_t connects, disconnects, last_connect_unix, last_disconnect_unix;
    char error[sizeof((struct stats_link *)0)->last_error];
    char logged_error[sizeof((struct stats_link *)0)->last_error];
    mono_us logged_at;
    unsigned attempts; /* since the last one that went live */
};

static void set_error(struct mqtt_link *link, const char *text)
{
    broker_mask_text(link->error, sizeof link->error, text, link->config->broker,
                     mqtt_source_password(link->source));
}

/* The first failure of a kind is a line; the same one again is a line every ERROR_REPEAT_US. */
static void log_failure(struct mqtt_link *link, mono_us now)
{
    if (strcmp(link->error, link->logged_error) == 0 && now - link->logged_at < ERROR_REPEAT_US)
        return;
    (void)snprintf(link->logged_error, sizeof link->logged_error, "%s", link->error);
    link->logged_at = now;
    log_event(LOG_WARN, "mqtt", "not connected",
              KV(KV_STR("source", link->config->name),
                 KV_STR("broker", link->config->broker_masked), KV_STR("error", link->error),
                 KV_INT("attempts", link->attempts),
                 KV_INT("retry_ms", (link->policy.retry_at - now) / US_PER_MS)));
}

static void note_closed(struct mqtt_link *link)
{
    if (!link->is_open)
        return;
    link->is_open = false;
    socket_watch_end(&link->watch);
    link->disconnects++;
    link->last_disconnect_unix = clock_wall() / US_PER_S;
}

/* The attempt or the connection is over; the policy is in BACKING_OFF already. */
static void finish_attempt(struct mqtt_link *link, const char *text, mono_us now)
{
    set_error(link, text);
    note_closed(link);
    mqtt_source_drop(link->source);
    broker_route_close(link->route);
    link->is_opening = false;
    log_failure(link, now);
}

static void fail(struct mqtt_link *link, const char *text, mono_us now)
{
    connect_policy_event(&link->policy, CONNECT_FAILED, now);
    finish_attempt(link, text, now);
}

/* --- events ----------------------------------------------------------------------------------- */

/* What the moment of an end tells, where the broker does not say why. */
static const char *hint(const struct mqtt_link *link, mono_us now)
{
    const struct connect_policy *policy = &link->policy;
    if (policy->state == SOURCE_SUBSCRIBING)
        return ": the broker ended the connection at our subscription (access rights?)";
    const bool is_up = policy->state == SOURCE_LIVE || policy->state == SOURCE_SILENT;
    if (is_up && now - policy->since < SHORT_LIFE_US && policy->short_lives + 1 >= SHORT_LIVES_MAX)
        return ", again soon after connecting (another client with this clientId?)";
    return "";
}

/* What broke the way to the broker is the cause of what the library says then. */
static void handle_failed(struct mqtt_link *link, mono_us now)
{
    char text[MQTT_TEXT_BYTES];
    mqtt_source_copy_text(link->source, text);
    const char *cause = broker_route_error(link->route);
    if (cause[0] == '\0')
        cause = text[0] != '\0' ? text : "connection failed";
    char said[MQTT_TEXT_BYTES + 200];
    (void)snprintf(said, sizeof said, "%s%s", cause, hint(link, now));
    fail(link, said, now);
}

static void fail_route(struct mqtt_link *link, mono_us now)
{
    fail(link, broker_route_error(link->route), now);
}

static void start_open(struct mqtt_link *link, mono_us now)
{
    connect_policy_event(&link->policy, CONNECT_RESOLVED, now);
    link->is_opening = true;
    if (broker_route_open(link->route, now) != STATUS_OK)
        fail_route(link, now);
}

/* The way is open: from here on the library has the whole of its time. */
static void start_connect(struct mqtt_link *link, const char *uri, mono_us now)
{
    link->is_opening = false;
    connect_policy_event(&link->policy, CONNECT_RESOLVED, now);
    const char *port = strrchr(uri, ':');
    link->peer_port = port != NULL ? (int)strtol(port + 1, NULL, 10) : 0;
    const char *error = mqtt_source_connect(link->source, uri);
    if (error != NULL)
        fail(link, error, now);
}

static void poll_route(struct mqtt_link *link, mono_us now)
{
    char uri[ROUTE_URI_BYTES];
    const enum status status = broker_route_poll(link->route, now, uri);
    if (status == STATUS_OK)
        start_connect(link, uri, now);
    else if (status != STATUS_AGAIN)
        fail_route(link, now);
}

static void subscribe(struct mqtt_link *link, mono_us now)
{
    const char *error = mqtt_source_subscribe(link->source);
    if (error != NULL)
        fail(link, error, now);
}

/* --- the session (I7) ------------------------------------------------------------------------- */

/* What is at the broker is what the configuration makes, and of `others` what was. */
static void note_session(struct mqtt_link *link, const struct session *others)
{
    struct session now;
    if (!session_of(link->config, &now))
        return;
    if (others != NULL && !session_add_topics(&now, others))
        log_event(LOG_WARN, "mqtt", "too many old topics to take back: some stay subscribed",
                  KV(KV_STR("source", link->config->name)));
    session_done(&link->at_broker);
    link->at_broker = now;
    IGNORE(session_file_note(link->dir, &link->at_broker), "was said; the connection is as good");
}

static void report_lost_session(struct mqtt_link *link)
{
    link->sessions_lost++;
    link->session_lost_unix = clock_wall() / US_PER_S;
    log_event(LOG_WARN, "mqtt",
              "the broker says it has no session: what was published meanwhile may be missing",
              KV(KV_STR("source", link->config->name),
                 KV_STR("broker", link->config->broker_masked),
                 KV_STR("clientId", link->config->client_id)));
}

/* NULL, or why the library would not ask. */
static const char *take_back(struct mqtt_link *link)
{
    const char *error = NULL;
    for (size_t i = 0; error == NULL && i < link->at_broker.topics.count; i++) {
        const char *topic = link->at_broker.topics.items[i];
        if (session_has_topic(&link->session, topic))
            continue;
        log_event(LOG_INFO, "mqtt", "unsubscribing: no longer configured",
                  KV(KV_STR("source", link->config->name), KV_STR("topic", topic)));
        error = mqtt_source_unsubscribe(link->source, topic);
    }
    return error;
}

static const char *begin_session(struct mqtt_link *link)
{
    const bool is_known = link->at_broker.source[0] != '\0';
    const bool is_ours = is_known && session_is_same(&link->at_broker, &link->session);
    const bool is_there = mqtt_source_has_session(link->source);
    if (is_known && !is_ours)
        session_warn_left(link->dir, &link->at_broker);
    if (!link->config->persistent_session) {
        session_file_remove(link->dir, link->config->name); /* a clean connect has ended it */
        session_done(&link->at_broker);
        return NULL;
    }
    if (is_ours && !is_there)
        report_lost_session(link);
    note_session(link, is_ours && is_there ? &link->at_broker : NULL);
    return take_back(link);
}

/* --- events, again ---------------------------------------------------------------------------- */

static void handle_opened(struct mqtt_link *link, mono_us now)
{
    link->is_open = true;
    link->connects++;
    link->last_connect_unix = clock_wall() / US_PER_S;
    connect_policy_event(&link->policy, CONNECT_OPENED, now);
    socket_watch_begin(&link->watch, link->peer_port, now);
    const char *error = begin_session(link);
    if (error != NULL)
        fail(link, error, now);
    else
        subscribe(link, now);
}

static void log_live(const struct mqtt_link *link, unsigned refused)
{
    const struct config_source *config = link->config;
    log_event(refused == 0 ? LOG_INFO : LOG_WARN, "mqtt", "subscribed",
              KV(KV_STR("source", config->name), KV_STR("broker", config->broker_masked),
                 KV_INT("topics", config->topics.count), KV_INT("refused", refused),
                 KV_INT("qos", config->qos), KV_INT("attempts", link->attempts)));
}

/* A subscription that is granted and yet not what was asked for: live, with a warning. */
static void find_weakness(const struct mqtt_link *link, char *out, size_t cap)
{
    const struct config_source *config = link->config;
    for (size_t i = 0; i < config->topics.count; i++) {
        const char *topic = config->topics.items[i];
        if (mqtt_source_suback(link->source, i) < config->qos)
            (void)snprintf(out, cap, "broker grants QoS 0 where 1 was asked for: %.120s", topic);
        else if (mqtt_source_is_shareless(link->source) && strncmp(topic, "$share/", 7) == 0)
            (void)snprintf(out, cap, "broker has no shared subscriptions: %.120s", topic);
    }
}

static void handle_subacks(struct mqtt_link *link, mono_us now)
{
    const size_t count = link->config->topics.count;
    unsigned refused = 0;
    const char *refused_topic = "";
    for (size_t i = 0; i < count; i++) {
        const int32_t code = mqtt_source_suback(link->source, i);
        if (code == MQTT_SUBACK_PENDING)
            return;
        if (code >= MQTT_SUBACK_REFUSED) {
            refused++;
            refused_topic = link->config->topics.items[i];
        }
    }
    char text[200] = "";
    if (refused > 0)
        (void)snprintf(text, sizeof text, "broker refuses %u of %zu subscriptions, one is %.120s",
                       refused, count, refused_topic);
    else
        find_weakness(link, text, sizeof text);
    set_error(link, text);
    if (refused == 0 && text[0] != '\0')
        log_event(LOG_WARN, "mqtt", text, KV(KV_STR("source", link->config->name)));
    connect_policy_event(&link->policy, refused < count ? CONNECT_GRANTED : CONNECT_REFUSED, now);
    log_live(link, refused);
    link->attempts = 0;
    link->logged_error[0] = '\0';
}

static void handle_events(struct mqtt_link *link, mono_us now)
{
    const unsigned events = mqtt_source_take_events(link->source);
    if ((events & MQTT_FAILED) != 0) {
        handle_failed(link, now);
        return;
    }
    if ((events & MQTT_OPENED) != 0)
        handle_opened(link, now);
    if ((events & MQTT_LET_GO) != 0)
        note_session(link, NULL);
    if ((events & MQTT_SUBACK) != 0 && link->policy.state == SOURCE_SUBSCRIBING)
        handle_subacks(link, now);
}

static void poll_name(struct mqtt_link *link, mono_us now)
{
    const enum status status = broker_route_poll_name(link->route);
    if (status == STATUS_OK)
        start_open(link, now);
    else if (status != STATUS_AGAIN)
        fail_route(link, now);
}

static void start_attempt(struct mqtt_link *link, mono_us now)
{
    link->attempts++;
    if (broker_route_resolve(link->route) != STATUS_OK)
        fail_route(link, now);
}

static const char *why_text(enum connect_why why)
{
    switch (why) {
    case CONNECT_WHY_TIMEOUT:
        return "broker does not answer";
    case CONNECT_WHY_SUBACK:
        return "broker does not answer the subscription";
    case CONNECT_WHY_SILENCE:
        return "connected but silent: connecting again";
    case CONNECT_WHY_NONE:
        break;
    }
    return "abandoned";
}

/* --- the interface ---------------------------------------------------------------------------- */

enum status mqtt_link_new(const struct mqtt_source_params *params, uint64_t seed,
                          struct mqtt_link **out_link, struct err *err)
{
    const struct config_source *config = params->source;
    struct broker_url url;
    const char *why = "";
    if (!broker_url_parse(config->broker, &url, &why))
        return err_set(err, STATUS_INVALID, 0, config->name, "broker: %s", why);
    struct mqtt_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        goto no_memory;
    link->config = config;
    link->dir = params->spool_dir;
    if (!session_of(config, &link->session))
        goto no_memory;
    if (session_file_load(link->dir, config->name, &link->at_broker) != STATUS_OK)
        link->at_broker.source[0] = '\0'; /* nothing is expected */
    connect_policy_init(&link->policy, config->connect_timeout_s, config->silence_s, seed);
    link->route = broker_route_new(config, &url);
    link->source = mqtt_source_new(params);
    if (link->route == NULL || link->source == NULL)
        goto no_memory;
    *out_link = link;
    return STATUS_OK;
no_memory: /* the process ends: what was made goes with it */
    return err_set(err, STATUS_NO_MEMORY, 0, config->name, "MQTT client: no memory");
}

/* I6 */
static void watch_socket(struct mqtt_link *link, mono_us now)
{
    const int seconds = link->config->keep_alive_s;
    if (!link->is_open ||
        socket_watch_look(&link->watch, now) < seconds * (mono_us)US_PER_S * 3 / 2)
        return;
    char text[120];
    (void)snprintf(text, sizeof text, "connection dead: nothing read for 1.5 keepAliveSeconds (%d)",
                   seconds);
    fail(link, text, now);
    link->is_renewed = true;
}

bool mqtt_link_wants_renewal(const struct mqtt_link *link)
{
    return link->is_renewed || connect_policy_wants_renewal(&link->policy);
}

void mqtt_link_turn(struct mqtt_link *link, mono_us now, mono_us last_receipt)
{
    handle_events(link, now);
    if (link->policy.state == SOURCE_RESOLVING)
        poll_name(link, now);
    if (link->is_opening)
        poll_route(link, now);
    watch_socket(link, now);
    switch (connect_policy_turn(&link->policy, now, last_receipt)) {
    case CONNECT_WAIT:
        break;
    case CONNECT_RESOLVE:
        start_attempt(link, now);
        break;
    case CONNECT_SUBSCRIBE:
        subscribe(link, now);
        break;
    case CONNECT_ABANDON:
        finish_attempt(link, why_text(link->policy.why), now);
        break;
    }
    mqtt_source_touch(link->source);
}

bool mqtt_link_is_busy(const struct mqtt_link *link)
{
    const enum source_state state = link->policy.state;
    return state == SOURCE_IDLE || state == SOURCE_RESOLVING || state == SOURCE_CONNECTING ||
           state == SOURCE_SUBSCRIBING;
}

void mqtt_link_resume(struct mqtt_link *link, const struct source_status *earlier)
{
    link->connects = earlier->link.connect_count;
    link->disconnects = earlier->link.disconnect_count;
    link->last_connect_unix = earlier->link.last_connect_unix;
    link->last_disconnect_unix = earlier->link.last_disconnect_unix;
    link->renewals = earlier->link.renewals;
    link->sessions_lost = earlier->link.sessions_lost;
    link->session_lost_unix = earlier->link.session_lost_unix;
    memcpy(link->error, earlier->link.last_error,
           sizeof link->error); /* until it is known better */
    link->error[sizeof link->error - 1] = '\0';
    connect_policy_resume(&link->policy, (unsigned)earlier->failures, earlier->retry_mono_us,
                          clock_mono());
    if (earlier->link.connected == 0)
        return;
    link->disconnects++;
    link->last_disconnect_unix = clock_wall() / US_PER_S;
}

void mqtt_link_describe(const struct mqtt_link *link, struct source_status *status)
{
    const struct config_source *config = link->config;
    status->state = link->policy.state;
    status->failures = (int64_t)link->policy.failures;
    status->retry_mono_us = link->policy.state == SOURCE_BACKING_OFF ? link->policy.retry_at : 0;
    struct stats_link *out = &status->link;
    out->connected = link->is_open;
    out->last_connect_unix = link->last_connect_unix;
    out->last_disconnect_unix = link->last_disconnect_unix;
    /* Anew each time: it follows a clock that is set. */
    out->next_retry_unix = link->policy.state == SOURCE_BACKING_OFF
                               ? (clock_wall() + link->policy.retry_at - clock_mono()) / US_PER_S
                               : 0;
    out->connect_count = link->connects;
    out->disconnect_count = link->disconnects;
    out->sessions_lost = link->sessions_lost;
    out->session_lost_unix = link->session_lost_unix;
    out->renewals = link->renewals + (mqtt_link_wants_renewal(link) ? 1 : 0);
    out->subscription_count = config->topics.count;
    memcpy(out->last_error, link->error, sizeof out->last_error);
    for (size_t i = 0; i < config->topics.count; i++) {
        struct stats_subscription *to = &out->subscriptions[i];
        const int32_t code =
            link->is_open ? mqtt_source_suback(link->source, i) : MQTT_SUBACK_PENDING;
        (void)snprintf(to->topic, sizeof to->topic, "%s", config->topics.items[i]);
        to->suback = code == MQTT_SUBACK_PENDING ? STATS_UNKNOWN : code;
    }
}

void mqtt_link_stop(struct mqtt_link *link, mono_us limit)
{
    if (link->is_open) {
        mqtt_source_close(link->source, limit);
        broker_route_finish(link->route, limit);
    }
    note_closed(link);
    /* A source that is started again by order (its configuration was mended) waits for nothing. */
    connect_policy_init(&link->policy, link->config->connect_timeout_s, link->config->silence_s, 0);
}

/* The way to the broker, as far as the library's connect. False when it failed. */
static bool retire_step(struct mqtt_link *link, bool *is_named, bool *is_asked)
{
    char uri[ROUTE_URI_BYTES];
    const mono_us now = clock_mono();
    enum status status = STATUS_OK;
    if (!*is_named) {
        status = broker_route_poll_name(link->route);
        *is_named = status == STATUS_OK;
        if (*is_named)
            status = broker_route_open(link->route, now);
    } else if (!*is_asked) {
        status = broker_route_poll(link->route, now, uri);
        *is_asked = status == STATUS_OK;
        if (*is_asked && mqtt_source_connect(link->source, uri) != NULL)
            return false;
    }
    return status == STATUS_OK || status == STATUS_AGAIN;
}

static bool connect_clean(struct mqtt_link *link, mono_us deadline)
{
    bool is_named = false, is_asked = false;
    mqtt_source_drop(link->source);
    broker_route_close(link->route);
    mqtt_source_set_clean(link->source);
    if (broker_route_resolve(link->route) != STATUS_OK)
        return false;
    while (clock_mono() < deadline) {
        const unsigned events = mqtt_source_take_events(link->source);
        if ((events & MQTT_OPENED) != 0)
            return true;
        if ((events & MQTT_FAILED) != 0 || !retire_step(link, &is_named, &is_asked))
            return false;
        IGNORE(poll(NULL, 0, 10), "only a pause");
    }
    return false;
}

void mqtt_link_retire(struct mqtt_link *link, mono_us limit)
{
    const mono_us deadline = clock_mono() + limit;
    if (!link->config->persistent_session)
        return;
    if (!connect_clean(link, deadline)) {
        session_warn_left(link->dir, &link->session);
        return;
    }
    mqtt_source_close(link->source, US_PER_S);
    broker_route_finish(link->route, US_PER_S);
    session_file_remove_of(link->dir, link->config->name, &link->session);
    log_event(LOG_WARN, "mqtt",
              "session ended at the broker: no source is configured with it any more; what the "
              "broker still held for it is lost",
              KV(KV_STR("source", link->config->name),
                 KV_STR("broker", link->config->broker_masked),
                 KV_STR("clientId", link->config->client_id)));
}
