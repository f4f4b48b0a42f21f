/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/broker_route.h"

#include "cmd/ingestor/receive/resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct broker_route {
    /* constant after new */
    const struct config_source *config;
    struct broker_url url;
    struct resolver *resolver;
    /* the attempt */
    struct address_race race;
    char error[ROUTE_TEXT_BYTES];
};

struct broker_route *broker_route_new(const struct config_source *config,
                                      const struct broker_url *url)
{
    struct broker_route *route = calloc(1, sizeof *route);
    if (route == NULL)
        return NULL;
    route->config = config;
    route->url = *url;
    explicit_bzero(route->url.password, sizeof route->url.password); /* the config has it */
    route->resolver = resolver_new(route->url.host, route->url.port);
    if (route->resolver != NULL)
        return route;
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
        (void)snprintf(route->error, sizeof route->error, "can't resolve %s: %s", route->url.host,
                       resolver_error(route->resolver));
    return status;
}

enum status broker_route_open(struct broker_route *route, mono_us now)
{
    address_race_start(&route->race, resolver_addresses(route->resolver), now);
    return STATUS_OK;
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

/* The library speaks TLS and WebSocket itself, and checks the certificate against the name. */
static void print_named(const struct broker_url *url, char *uri)
{
    static const char *const schemes[] = {
        [BROKER_MQTT] = "tcp", [BROKER_MQTTS] = "ssl", [BROKER_WS] = "ws", [BROKER_WSS] = "wss"};
    const char *open = url->host_is_ipv6 ? "[" : "";
    const char *close = url->host_is_ipv6 ? "]" : "";
    (void)snprintf(uri, ROUTE_URI_BYTES, "%s://%s%s%s:%d%s", schemes[url->scheme], open, url->host,
                   close, url->port, url->is_websocket ? url->path : "");
}

enum status broker_route_poll(struct broker_route *route, mono_us now,
                              char uri[static ROUTE_URI_BYTES])
{
    if (route->url.scheme != BROKER_MQTT) {
        print_named(&route->url, uri);
        return STATUS_OK;
    }
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
}

const char *broker_route_error(struct broker_route *route)
{
    return route->error;
}
