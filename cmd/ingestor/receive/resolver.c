/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/resolver.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

struct resolver {
    struct addrinfo hints;
    struct gaicb request;
    int code;
};

struct resolver *resolver_new(const char *host)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (resolver == NULL)
        return NULL;
    resolver->hints = (struct addrinfo){.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    resolver->request = (struct gaicb){.ar_name = host, .ar_request = &resolver->hints};
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    free(resolver);
}

enum status resolver_start(struct resolver *resolver)
{
    struct gaicb *list[] = {&resolver->request};
    resolver->request.ar_result = NULL;
    resolver->code = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    return resolver->code == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status resolver_poll(struct resolver *resolver)
{
    resolver->code = gai_error(&resolver->request);
    if (resolver->code == EAI_INPROGRESS)
        return STATUS_AGAIN;
    if (resolver->request.ar_result != NULL)
        freeaddrinfo(resolver->request.ar_result);
    resolver->request.ar_result = NULL;
    return resolver->code == 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

const char *resolver_error(const struct resolver *resolver)
{
    return gai_strerror(resolver->code);
}
