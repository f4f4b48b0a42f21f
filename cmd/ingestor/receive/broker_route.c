/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/broker_route.h"

#include "cmd/ingestor/receive/resolver.h"
#include "cmd/ingestor/relay/relay.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct broker_route {
    /* constant after new */
    const struct config_source *config;
    struct broker_url url;
    struct broker_url proxy; /* host "" = none */
    struct resolver *resolver;
    struct relay *relay; /* NULL = plain MQTT (I2) */
    /* the attempt */
    struct address_race race;
    char error[ROUTE_TEXT_BYTES];
};

/* Whose name is looked up: a proxy looks the broker's up itself. */
static const struct broker_url *first_hop(const struct broker_route *route)
{
    return route->proxy.host[0] != '\0' ? &route->proxy : &route->url;
}

static struct relay *make_relay(const struct broker_route *route)
{
    const struct config_source *config = route->config;
    const struct relay_params params = {
        .name = config->name,
        .url = &route->url,
        .proxy = route->proxy.host[0] != '\0' ? &route->proxy : NULL,
        .ca_file = config->ca_file,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .is_verified = config->reject_unauthorized,
        .limit = (mono_us)config->connect_timeout_s * US_PER_S,
    };
    return relay_new(&params);
}

struct broker_route *broker_route_new(const struct config_source *config,
                                      const struct broker_url *url)
{
    struct broker_route *route = calloc(1, sizeof *route);
    if (route == NULL)
        return NULL;
    const bool has_relay = url->scheme != BROKER_MQTT;
    route->config = config;
    route->url = *url;
    explicit_bzero(route->url.password, sizeof route->url.password); /* the config has it */
    const char *why;
    if (config->proxy != NULL && !broker_url_parse_proxy(config->proxy, &route->proxy, &why))
        route->proxy.host[0] = '\0'; /* the config has checked it */
    const struct broker_url *hop = first_hop(route);
    route->resolver = resolver_new(hop->host, hop->port);
    if (has_relay)
        route->relay = make_relay(route);
    if (route->resolver != NULL && (!has_relay || route->relay != NULL))
        return route;
    relay_free(route->relay);
    resolver_free(route->resolver);
    free(route);
    return NULL;
}

enum status broker_route_resolve(struct broker_route *route)
{
    const enum status status = resolver_start(route->resolver);
    (void)snprintf(route->error, sizeof route->error, "%s",
                   status == STATUS_OK ? "" : "can't resolve: no memory or threads");
    return status;
}

enum status broker_route_poll_name(struct broker_route *route)
{
    const enum status status = resolver_poll(route->resolver);
    if (status == STATUS_NOT_FOUND)
        (void)snprintf(route->error, sizeof route->error, "can't resolve %s: %s",
                       first_hop(route)->host, resolver_error(route->resolver));
    return status;
}

enum status broker_route_open(struct broker_route *route, mono_us now)
{
    const struct addrinfo *addresses = resolver_addresses(route->resolver);
    if (route->relay == NULL) {
        address_race_start(&route->race, addresses, now);
        return STATUS_OK;
    }
    const enum status status = relay_start(route->relay, addresses);
    if (status != STATUS_OK)
        (void)snprintf(route->error, sizeof route->error, "no memory or threads for the relay");
    return status;
}

/* A numeric address as a URI has it. */
static enum status print_uri(struct broker_route *route, size_t i, char *uri)
{
    const struct sockaddr *address = (const struct sockaddr *)&route->race.addresses[i];
    const bool is_v6 = address->sa_family == AF_INET6;
    char host[NI_MAXHOST];
    const int code =
        getnameinfo(address, route->race.lens[i], host, sizeof host, NULL, 0, NI_NUMERICHOST);
    if (code != 0) {
        (void)snprintf(route->error, sizeof route->error, "can't use an address of %s: %s",
                       route->url.host, gai_strerror(code));
        return STATUS_IO;
    }
    (void)snprintf(uri, ROUTE_URI_BYTES, "tcp://%s%.100s%s:%d", is_v6 ? "[" : "", host,
                   is_v6 ? "]" : "", route->url.port);
    return STATUS_OK;
}

static enum status poll_relay(struct broker_route *route, char *uri)
{
    int port = 0;
    const enum status status = relay_poll(route->relay, &port);
    if (status == STATUS_OK)
        (void)snprintf(uri, ROUTE_URI_BYTES, "tcp://127.0.0.1:%d", port);
    return status;
}

enum status broker_route_poll(struct broker_route *route, mono_us now,
                              char uri[static ROUTE_URI_BYTES])
{
    if (route->relay != NULL)
        return poll_relay(route, uri);
    size_t winner = 0;
    if (route->race.count > 1) {
        const enum status status = address_race_poll(&route->race, now, &winner);
        if (status == STATUS_NOT_FOUND)
            (void)snprintf(route->error, sizeof route->error, "can't connect to %s port %d: %s",
                           route->url.host, route->url.port, strerror(route->race.error));
        if (status != STATUS_OK)
            return status;
    }
    return print_uri(route, winner, uri);
}

void broker_route_close(struct broker_route *route)
{
    address_race_end(&route->race);
    if (route->relay != NULL)
        relay_stop(route->relay);
}

void broker_route_finish(struct broker_route *route, mono_us limit)
{
    if (route->relay != NULL)
        relay_finish(route->relay, limit);
}

const char *broker_route_error(struct broker_route *route)
{
    static_assert(ROUTE_TEXT_BYTES == RELAY_TEXT_MAX, "a text of the relay's is copied whole");
    if (route->error[0] == '\0' && route->relay != NULL)
        relay_copy_text(route->relay, route->error);
    return route->error;
}
