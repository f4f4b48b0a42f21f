/* SPDX-License-Identifier: MIT */
#include "common/spelling/store_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP        "http://"
#define HTTPS       "https://"
#define HOST_MAX    253
#define PORT_DIGITS 5
#define PORT_MAX    65535
#define FORM        "must be http://host:8123 or https://host:8443, a shard's replicas separated by commas"

struct replica {
    const char *text;
    size_t len, host_at, host_len; /* of the host, [brackets] of an IPv6 address with it */
    size_t port_at, port_len;      /* 0 = none given */
    bool is_tls;
};

/* The next replica and where the one behind it begins; NULL = there is none. */
static const char *next_replica(const char *text, const char **out, size_t *out_len)
{
    if (text == NULL)
        return NULL;
    text += strspn(text, " ");
    const size_t whole = strcspn(text, ",");
    size_t len = whole;
    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (len > 0 && text[len - 1] == '/') /* people copy it so */
        len--;
    *out = text;
    *out_len = len;
    return text + whole;
}

static size_t host_length(const char *text, size_t len)
{
    const char *end = len > 0 && text[0] == '[' ? memchr(text, ']', len) : NULL;
    if (end != NULL)
        return (size_t)(end - text) + 1;
    end = memchr(text, ':', len);
    return end != NULL ? (size_t)(end - text) : len;
}

static const char *check_port(const char *digits, size_t len)
{
    char text[PORT_DIGITS + 1] = "";
    if (len == 0 || len > PORT_DIGITS || strspn(digits, "0123456789") < len)
        return "has a port that is no number";
    memcpy(text, digits, len);
    const long port = strtol(text, NULL, 10);
    return port >= 1 && port <= PORT_MAX ? NULL : "has a port that is not from 1 to 65535";
}

static const char *read_replica(const char *text, size_t len, struct replica *out)
{
    *out = (struct replica){.text = text, .len = len};
    out->is_tls = len > sizeof HTTPS - 1 && strncmp(text, HTTPS, sizeof HTTPS - 1) == 0;
    out->host_at = out->is_tls ? sizeof HTTPS - 1 : sizeof HTTP - 1;
    if (!out->is_tls && (len <= sizeof HTTP - 1 || strncmp(text, HTTP, sizeof HTTP - 1) != 0))
        return FORM;
    const char *host = text + out->host_at;
    const size_t left = len - out->host_at;
    if (memchr(host, '@', left) != NULL)
        return "must have no user and no password in it: they are storeUser and storePasswordFile";
    if (memchr(host, '/', left) != NULL || memchr(host, '?', left) != NULL ||
        memchr(host, '#', left) != NULL || memchr(host, ' ', left) != NULL)
        return "must have nothing behind the port";
    out->host_len = host_length(host, left);
    if (out->host_len == 0)
        return "has no host";
    if (out->host_len > HOST_MAX)
        return "has a host of more than 253 bytes";
    if (out->host_len == left)
        return NULL;
    if (host[out->host_len] != ':')
        return FORM;
    out->port_at = out->host_at + out->host_len + 1;
    out->port_len = len - out->port_at;
    return check_port(text + out->port_at, out->port_len);
}

const char *store_url_check(const char *shard)
{
    size_t count = 0;
    for (const char *at = shard; at != NULL;) {
        const char *text = NULL;
        size_t len = 0;
        struct replica replica;
        at = next_replica(at, &text, &len);
        const char *why = read_replica(text, len, &replica);
        if (why != NULL)
            return why;
        if (++count > STORE_URL_REPLICAS_MAX)
            return "has more than 8 replicas";
        at = at != NULL && *at == ',' ? at + 1 : NULL;
    }
    return NULL;
}

size_t store_url_split(const char *shard, char out[static STORE_URL_REPLICAS_MAX][STORE_URL_MAX])
{
    size_t count = 0;
    for (const char *at = shard; at != NULL && count < STORE_URL_REPLICAS_MAX;) {
        const char *text = NULL;
        size_t len = 0;
        struct replica replica;
        at = next_replica(at, &text, &len);
        if (read_replica(text, len, &replica) == NULL)
            (void)snprintf(out[count++], STORE_URL_MAX, "%.*s%s", (int)len, text,
                           replica.port_len > 0 ? ""
                           : replica.is_tls     ? ":8443"
                                                : ":8123");
        at = at != NULL && *at == ',' ? at + 1 : NULL;
    }
    return count;
}
