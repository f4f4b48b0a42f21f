/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/probe/probe_steps.h"

#include "cmd/ingestor/probe/probe_advice.h"
#include "cmd/ingestor/receive/address_race.h"
#include "cmd/ingestor/receive/broker_route.h"
#include "cmd/ingestor/receive/mqtt_source.h"
#include "cmd/ingestor/receive/resolver.h"
#include "common/base/utf8.h"
#include "common/config/broker_url.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TURN_MS       5
#define TEXT_BYTES    640
#define SHOWN_MAX     4 /* addresses */
#define CLOSE_US      ((mono_us)US_PER_S)
#define SHARE_PREFIX  "$share/"
#define CLIENT_SUFFIX "-check"

struct probe {
    struct config_source source; /* as it is asked for (I1) */
    char client_id[256];
    char *topics[CONFIG_TOPICS_MAX]; /* borrowed */
    struct broker_url url, proxy;
    FILE *out;
    uint64_t max_message_bytes;
    struct mqtt_source *mqtt;
    struct broker_route *route;
};

/* --- what is written -------------------------------------------------------------------------- */

/* I3 */
static void put(const struct probe *p, const char *step, const char *word, const char *text)
{
    char masked[TEXT_BYTES], clean[TEXT_BYTES];
    const char *password = p->mqtt != NULL ? mqtt_source_password(p->mqtt) : p->source.password;
    broker_mask_text(masked, sizeof masked, text, p->source.broker, password);
    IGNORE(utf8_clean(clean, sizeof clean, (const uint8_t *)masked, strlen(masked)), "its length");
    (void)fprintf(p->out, "  %-10s %-7s %s\n", step, word, clean);
}

PRINTF(3, 4)
static bool pass(const struct probe *p, enum probe_step step, const char *fmt, ...)
{
    char text[TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put(p, probe_step_text(step), "ok", text);
    return true;
}

PRINTF(3, 4)
static bool fail(const struct probe *p, enum probe_step step, const char *fmt, ...)
{
    char text[TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put(p, probe_step_text(step), "FAILED", text);
    put(p, "", "do:", probe_advice(step, text));
    return false;
}

static void pause_turn(void)
{
    IGNORE(poll(NULL, 0, TURN_MS), "only a pause");
}

static mono_us connect_limit(const struct probe *p)
{
    return (mono_us)p->source.connect_timeout_s * US_PER_S;
}

/* --- name and TCP ----------------------------------------------------------------------------- */

static const struct broker_url *first_hop(const struct probe *p)
{
    return p->proxy.host[0] != '\0' ? &p->proxy : &p->url;
}

static void print_address(const struct sockaddr *address, socklen_t len, char *out, size_t cap)
{
    char host[NI_MAXHOST];
    if (getnameinfo(address, len, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
        (void)snprintf(host, sizeof host, "?");
    (void)snprintf(out, cap, "%.60s", host);
}

static bool name_found(const struct probe *p, const struct addrinfo *list)
{
    char text[TEXT_BYTES] = "";
    size_t count = 0;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next, count++) {
        char address[64];
        const size_t used = strlen(text);
        print_address(a->ai_addr, a->ai_addrlen, address, sizeof address);
        if (count < SHOWN_MAX)
            (void)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "", address);
    }
    return pass(p, PROBE_NAME, "%s%s is %s%s", first_hop(p) == &p->proxy ? "the proxy " : "",
                first_hop(p)->host, text, count > SHOWN_MAX ? " ..." : "");
}

static bool look_up(const struct probe *p, struct resolver *resolver)
{
    const mono_us deadline = clock_mono() + PROBE_NAME_S * (mono_us)US_PER_S;
    enum status status = resolver_start(resolver);
    if (status != STATUS_OK)
        return fail(p, PROBE_NAME, "no memory or threads for the look-up");
    while ((status = resolver_poll(resolver)) == STATUS_AGAIN && clock_mono() < deadline)
        pause_turn();
    if (status == STATUS_AGAIN)
        return fail(p, PROBE_NAME, "the look-up of %s takes too long (%d s)", first_hop(p)->host,
                    PROBE_NAME_S);
    if (status != STATUS_OK)
        return fail(p, PROBE_NAME, "can't resolve %s: %s", first_hop(p)->host,
                    resolver_error(resolver));
    return name_found(p, resolver_addresses(resolver));
}

static bool connect_tcp(const struct probe *p, const struct addrinfo *list)
{
    struct address_race race;
    size_t winner = 0;
    char address[64];
    const mono_us began = clock_mono();
    enum status status = STATUS_AGAIN;
    address_race_start(&race, list, began);
    while ((status = address_race_poll(&race, clock_mono(), &winner)) == STATUS_AGAIN &&
           clock_mono() - began < connect_limit(p))
        pause_turn();
    if (status == STATUS_AGAIN)
        address_race_end(&race);
    if (status == STATUS_AGAIN)
        return fail(p, PROBE_TCP, "no answer from port %d within %d s", first_hop(p)->port,
                    p->source.connect_timeout_s);
    if (status != STATUS_OK)
        return fail(p, PROBE_TCP, "port %d: %s", first_hop(p)->port,
                    race.error == ECONNREFUSED ? "connection refused" : strerror(race.error));
    print_address((const struct sockaddr *)&race.addresses[winner], race.lens[winner], address,
                  sizeof address);
    return pass(p, PROBE_TCP, "%s port %d answers (%lld ms)", address, first_hop(p)->port,
                (long long)((clock_mono() - began) / US_PER_MS));
}

static bool reach_host(const struct probe *p)
{
    struct resolver *resolver = resolver_new(first_hop(p)->host, first_hop(p)->port);
    if (resolver == NULL)
        return fail(p, PROBE_NAME, "no memory");
    /* A look-up that runs on keeps its memory: the process ends soon. */
    return look_up(p, resolver) && connect_tcp(p, resolver_addresses(resolver));
}

/* --- TLS and WebSocket ------------------------------------------------------------------------ */

/* Which of the two it was, from the relay's words. */
static enum probe_step step_of(const struct probe *p, const char *error)
{
    const bool is_upgrade = p->url.is_websocket && strstr(error, "WebSocket") != NULL;
    return is_upgrade || !p->url.is_tls ? PROBE_WEBSOCKET : PROBE_TLS;
}

static bool open_route(struct probe *p, char uri[static ROUTE_URI_BYTES])
{
    const mono_us deadline = clock_mono() + connect_limit(p) + CLOSE_US;
    enum status status = broker_route_resolve(p->route);
    if (status != STATUS_OK)
        return false;
    while ((status = broker_route_poll_name(p->route)) == STATUS_AGAIN && clock_mono() < deadline)
        pause_turn();
    if (status == STATUS_OK)
        status = broker_route_open(p->route, clock_mono());
    if (status != STATUS_OK)
        return false;
    while ((status = broker_route_poll(p->route, clock_mono(), uri)) == STATUS_AGAIN &&
           clock_mono() < deadline)
        pause_turn();
    return status == STATUS_OK;
}

static bool pass_route(struct probe *p)
{
    char uri[ROUTE_URI_BYTES] = "";
    if (!open_route(p, uri) || uri[0] == '\0') {
        const char *error = broker_route_error(p->route);
        return fail(p, step_of(p, error), "%s", error[0] != '\0' ? error : "no answer");
    }
    if (p->url.is_tls)
        (void)pass(p, PROBE_TLS,
                   p->source.reject_unauthorized ? "certificate and host name are good"
                                                 : "encrypted; the certificate was not looked at "
                                                   "(rejectUnauthorized is false)");
    if (p->url.is_websocket)
        (void)pass(p, PROBE_WEBSOCKET, "the upgrade stands");
    const char *error = mqtt_source_connect(p->mqtt, uri);
    return error == NULL || fail(p, PROBE_CONNACK, "%s", error);
}

/* --- MQTT ------------------------------------------------------------------------------------- */

static void ignore_message(void *context, const struct ring_message *message)
{
    (void)context;
    (void)message;
}

/* The way there has the better words, where it knows the end. */
static void end_text(struct probe *p, char out[static MQTT_TEXT_BYTES])
{
    const char *error = broker_route_error(p->route);
    mqtt_source_copy_text(p->mqtt, out);
    if (error[0] != '\0')
        (void)snprintf(out, MQTT_TEXT_BYTES, "%s", error);
}

static bool wait_connack(struct probe *p, char text[static MQTT_TEXT_BYTES])
{
    const mono_us deadline = clock_mono() + connect_limit(p) + CLOSE_US;
    while (clock_mono() < deadline) {
        const unsigned events = mqtt_source_take_events(p->mqtt);
        if ((events & MQTT_OPENED) != 0)
            return true;
        if ((events & MQTT_FAILED) != 0) {
            end_text(p, text);
            return false;
        }
        pause_turn();
    }
    (void)snprintf(text, MQTT_TEXT_BYTES, "the broker does not answer within %d s",
                   p->source.connect_timeout_s);
    return false;
}

/* Without a path the relay asks for "/" first, and after an attempt that led to no MQTT for
 * "/mqtt": the second attempt is the first one's other half. */
static bool connect_mqtt(struct probe *p)
{
    char text[MQTT_TEXT_BYTES] = "";
    const bool has_two = p->url.is_websocket && p->url.path[0] == '\0';
    if (!pass_route(p))
        return false;
    bool is_open = wait_connack(p, text);
    if (!is_open && has_two) {
        mqtt_source_drop(p->mqtt);
        broker_route_close(p->route);
        if (!pass_route(p))
            return false;
        is_open = wait_connack(p, text);
    }
    if (!is_open)
        return fail(p, PROBE_CONNACK, "%s", text);
    return pass(p, PROBE_CONNACK,
                "accepted, MQTT %s, user %s, clientId %s (a running ingestor has "
                "its own)",
                p->source.mqtt_version >= 5 ? "5" : "3.1.1",
                p->source.username != NULL ? p->source.username : "none", p->client_id);
}

static bool judge_topic(const struct probe *p, size_t i)
{
    const int32_t code = mqtt_source_suback(p->mqtt, i);
    const char *topic = p->topics[i];
    if (code == MQTT_SUBACK_PENDING)
        return fail(p, PROBE_SUBACK, "%s: the broker does not answer within %d s", topic,
                    p->source.connect_timeout_s);
    if (code >= MQTT_SUBACK_REFUSED)
        return fail(p, PROBE_SUBACK, "%s: refused (0x%02x)", topic, (unsigned)code);
    if (code < p->source.qos)
        return pass(p, PROBE_SUBACK, "%s: granted, but QoS %d where %d was asked for", topic,
                    (int)code, p->source.qos);
    return pass(p, PROBE_SUBACK, "%s: granted, QoS %d", topic, (int)code);
}

static bool has_pending(const struct probe *p)
{
    for (size_t i = 0; i < p->source.topics.count; i++) {
        if (mqtt_source_suback(p->mqtt, i) == MQTT_SUBACK_PENDING)
            return true;
    }
    return false;
}

static bool subscribe(struct probe *p)
{
    const mono_us deadline = clock_mono() + connect_limit(p);
    const char *error = mqtt_source_subscribe(p->mqtt);
    if (error != NULL)
        return fail(p, PROBE_SUBACK, "%s", error);
    while (has_pending(p) && clock_mono() < deadline) {
        if ((mqtt_source_take_events(p->mqtt) & MQTT_FAILED) != 0)
            return fail(p, PROBE_SUBACK, "the broker ended the connection at the subscription");
        pause_turn();
    }
    bool is_granted = true;
    for (size_t i = 0; i < p->source.topics.count; i++)
        is_granted = judge_topic(p, i) && is_granted;
    return is_granted;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* I1 */
static void make_harmless(struct probe *p)
{
    struct config_source *source = &p->source;
    (void)snprintf(p->client_id, sizeof p->client_id, "%.200s%s",
                   source->client_id != NULL ? source->client_id : "weir", CLIENT_SUFFIX);
    source->client_id = p->client_id;
    source->persistent_session = false;
    for (size_t i = 0; i < source->topics.count; i++) {
        char *topic = source->topics.items[i];
        char *group = strncmp(topic, SHARE_PREFIX, strlen(SHARE_PREFIX)) == 0
                          ? strchr(topic + strlen(SHARE_PREFIX), '/')
                          : NULL;
        p->topics[i] = group != NULL ? group + 1 : topic;
    }
    source->topics.items = p->topics;
}

static bool make_client(struct probe *p)
{
    const struct mqtt_source_params params = {
        .source = &p->source,
        .max_message_bytes = p->max_message_bytes,
        .on_message = ignore_message,
    };
    p->route = broker_route_new(&p->source, &p->url);
    p->mqtt = mqtt_source_new(&params);
    return (p->route != NULL && p->mqtt != NULL) || fail(p, PROBE_CONNACK, "no memory");
}

bool probe_steps_run(const struct config *config, const struct config_source *source, FILE *out)
{
    struct probe p = {
        .source = *source, .out = out, .max_message_bytes = (uint64_t)config->max_message_bytes};
    const char *why = "";
    (void)fprintf(out, "source %s (%s)\n", source->name, source->broker_masked);
    if (!broker_url_parse(source->broker, &p.url, &why) ||
        (source->proxy != NULL && !broker_url_parse_proxy(source->proxy, &p.proxy, &why)))
        return fail(&p, PROBE_NAME, "%s", why);
    make_harmless(&p);
    const bool is_well = reach_host(&p) && make_client(&p) && connect_mqtt(&p) && subscribe(&p);
    if (p.mqtt != NULL)
        mqtt_source_close(p.mqtt, CLOSE_US);
    if (p.route != NULL)
        broker_route_finish(p.route, CLOSE_US);
    return is_well;
}

int probe_steps_limit_s(const struct config_source *source)
{
    /* The name twice, TCP, SUBACK; the way there and CONNACK twice (connect_mqtt); the goodbye. */
    return 2 * PROBE_NAME_S + 2 * source->connect_timeout_s + 4 * (source->connect_timeout_s + 1) +
           2;
}
