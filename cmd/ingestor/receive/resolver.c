/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

struct resolver {
    struct addrinfo hints;
    char port[12];
    struct gaicb request;
    int code;
};

struct resolver *resolver_new(const char *host, int port)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (resolver == NULL)
        return NULL;
    (void)snprintf(resolver->port, sizeof resolver->port, "%d", port);
    resolver->hints = (struct addrinfo){
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    resolver->request = (struct gaicb){
        .ar_name = host, .ar_service = resolver->port, .ar_request = &resolver->hints};
    return resolver;
}

static void forget(struct resolver *resolver)
{
    if (resolver->request.ar_result != NULL)
        freeaddrinfo(resolver->request.ar_result);
    resolver->request.ar_result = NULL;
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    forget(resolver);
    free(resolver);
}

enum status resolver_start(struct resolver *resolver)
{
    struct gaicb *list[] = {&resolver->request};
    forget(resolver);
    resolver->code = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    return resolver->code == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status resolver_poll(struct resolver *resolver)
{
    resolver->code = gai_error(&resolver->request);
    if (resolver->code == EAI_INPROGRESS)
        return STATUS_AGAIN;
    return resolver->code == 0 && resolver->request.ar_result != NULL ? STATUS_OK
                                                                      : STATUS_NOT_FOUND;
}

const struct addrinfo *resolver_addresses(const struct resolver *resolver)
{
    return resolver->code == 0 ? resolver->request.ar_result : NULL;
}

const char *resolver_error(const struct resolver *resolver)
{
    return resolver->code != 0 ? gai_strerror(resolver->code) : "no address";
}
