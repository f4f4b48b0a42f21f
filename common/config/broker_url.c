/* SPDX-License-Identifier: MIT */
#include "common/config/broker_url.h"

#include "common/base/hex.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MASK "****"

static const struct scheme {
    const char *prefix;
    enum broker_scheme scheme;
    bool is_tls, is_websocket;
    int port;
} schemes[] = {
    {"mqtt://", BROKER_MQTT, false, false, 1883},  {"tcp://", BROKER_MQTT, false, false, 1883},
    {"mqtts://", BROKER_MQTTS, true, false, 8883}, {"ssl://", BROKER_MQTTS, true, false, 8883},
    {"ws://", BROKER_WS, false, true, 80},         {"wss://", BROKER_WSS, true, true, 443},
};

/* --- parsing ---------------------------------------------------------------------------------- */

/* False when it does not fit or would hold a NUL. */
static bool decode(char *out, size_t cap, const char *from, size_t len)
{
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        char c = from[i];
        if (c == '%' && len - i > 2 && hex_digit(from[i + 1]) >= 0 && hex_digit(from[i + 2]) >= 0) {
            c = (char)(hex_digit(from[i + 1]) * 16 + hex_digit(from[i + 2]));
            i += 2;
        }
        if (c == '\0' || used + 1 >= cap)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static bool copy(char *out, size_t cap, const char *from, size_t len)
{
    if (len >= cap)
        return false;
    memcpy(out, from, len);
    out[len] = '\0';
    return true;
}

static const struct scheme *find_scheme(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (strncasecmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return &schemes[i];
    }
    return NULL;
}

static const char *parse_user(struct broker_url *url, const char *from, size_t len)
{
    const char *colon = memchr(from, ':', len);
    const size_t user_len = colon != NULL ? (size_t)(colon - from) : len;
    if (!decode(url->user, sizeof url->user, from, user_len))
        return "the user name is too long or holds %00";
    url->has_user = user_len > 0;
    if (colon == NULL)
        return NULL;
    if (!decode(url->password, sizeof url->password, colon + 1, len - user_len - 1))
        return "the password is too long or holds %00";
    url->has_password = url->password[0] != '\0';
    return NULL;
}

static const char *parse_port(struct broker_url *url, const char *from, size_t len)
{
    int port = 0;
    if (len == 0 || len > 5)
        return "the port must be a number from 1 to 65535";
    for (size_t i = 0; i < len; i++) {
        if (from[i] < '0' || from[i] > '9')
            return "the port must be a number from 1 to 65535 (write / and : of a password as %2F "
                   "and %3A)";
        port = port * 10 + (from[i] - '0');
    }
    if (port < 1 || port > 65535)
        return "the port must be a number from 1 to 65535";
    url->port = port;
    return NULL;
}

static bool is_host_char(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

static bool is_ipv6_char(char c)
{
    return isxdigit((unsigned char)c) || c == ':' || c == '.';
}

static const char *parse_ipv6(struct broker_url *url, const char *from, size_t len)
{
    const char *close = memchr(from, ']', len);
    if (close == NULL)
        return "the IPv6 address has no closing ]";
    const size_t host_len = (size_t)(close - from) - 1;
    for (size_t i = 1; i <= host_len; i++) {
        if (!is_ipv6_char(from[i]))
            return "the IPv6 address holds a character that does not belong there";
    }
    if (host_len == 0 || !copy(url->host, sizeof url->host, from + 1, host_len))
        return "the IPv6 address is empty or too long";
    url->host_is_ipv6 = true;
    const size_t rest = len - host_len - 2;
    if (rest == 0)
        return NULL;
    return close[1] == ':' ? parse_port(url, close + 2, rest - 1) : "after ] only :port may follow";
}

static const char *parse_host_port(struct broker_url *url, const char *from, size_t len)
{
    if (len > 0 && from[0] == '[')
        return parse_ipv6(url, from, len);
    const char *colon = memchr(from, ':', len);
    const size_t host_len = colon != NULL ? (size_t)(colon - from) : len;
    if (host_len == 0)
        return "the host is missing";
    for (size_t i = 0; i < host_len; i++) {
        if (!is_host_char(from[i]))
            return "the host holds a character that does not belong there";
    }
    if (!copy(url->host, sizeof url->host, from, host_len))
        return "the host is longer than 253 bytes";
    return colon != NULL ? parse_port(url, colon + 1, len - host_len - 1) : NULL;
}

static const char *parse_path(struct broker_url *url, const char *from)
{
    if (!url->is_websocket)
        return strcmp(from, "/") == 0 || *from == '\0' ? NULL
                                                       : "only ws and wss addresses have a path";
    for (const char *c = from; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f)
            return "the path holds a space or control character";
    }
    return copy(url->path, sizeof url->path, from, strlen(from))
               ? NULL
               : "the path is longer than 255 bytes";
}

static const char *parse(const char *text, const struct scheme *scheme, struct broker_url *url)
{
    if (strlen(text) > BROKER_URL_MAX)
        return "the address is longer than 2048 bytes";
    url->scheme = scheme->scheme;
    url->is_tls = scheme->is_tls;
    url->is_websocket = scheme->is_websocket;
    url->port = scheme->port;

    const char *authority = text + strlen(scheme->prefix);
    const char *at = strrchr(authority, '@');
    size_t len = strcspn(authority, "/?#");
    if (at != NULL) {
        if ((size_t)(at - authority) >= len)
            return "ambiguous: write a / ? or # of the password, or an @ of the path, as %2F %3F "
                   "%23 %40";
        const char *why = parse_user(url, authority, (size_t)(at - authority));
        if (why != NULL)
            return why;
        len -= (size_t)(at - authority) + 1;
        authority = at + 1;
    }
    const char *why = parse_host_port(url, authority, len);
    return why != NULL ? why : parse_path(url, authority + len);
}

bool broker_url_parse(const char *text, struct broker_url *out, const char **out_why)
{
    const struct scheme *scheme = find_scheme(text);
    *out = (struct broker_url){.port = 0};
    *out_why = scheme != NULL ? parse(text, scheme, out)
                              : "must begin with mqtt://, mqtts://, ws:// or wss:// (tcp:// and "
                                "ssl:// are accepted)";
    return *out_why == NULL;
}

bool broker_url_parse_proxy(const char *text, struct broker_url *out, const char **out_why)
{
    static const struct scheme http = {"http://", BROKER_MQTT, false, false, 3128};
    *out = (struct broker_url){.port = 0};
    *out_why = strncasecmp(text, http.prefix, strlen(http.prefix)) == 0
                   ? parse(text, &http, out)
                   : "must begin with http:// (a proxy that knows CONNECT)";
    return *out_why == NULL;
}

/* --- masking ---------------------------------------------------------------------------------- */

struct sink {
    char *out;
    size_t cap, len;
};

static void put(struct sink *sink, const char *from, size_t len)
{
    const size_t room = sink->cap - 1 - sink->len;
    if (len > room)
        len = room;
    memcpy(sink->out + sink->len, from, len);
    sink->len += len;
}

static bool is_port(const char *from, size_t len)
{
    const size_t digits = strspn(from, "0123456789");
    return digits >= len || from[digits] == '/' || from[digits] == '?' || from[digits] == '#';
}

/* `from` stands behind "://"; len bytes belong to the URL. Writes them masked. Without an '@' a
 * colon that no port number follows is a URL that somebody cut in its password. */
static void put_masked_authority(struct sink *sink, const char *from, size_t len)
{
    const char *at = memrchr(from, '@', len);
    const char *colon = memchr(from, ':', at != NULL ? (size_t)(at - from) : len);
    if (colon == NULL ||
        (at == NULL && (from[0] == '[' || is_port(colon + 1, len - (size_t)(colon + 1 - from))))) {
        put(sink, from, len);
        return;
    }
    put(sink, from, (size_t)(colon + 1 - from));
    put(sink, MASK, sizeof MASK - 1);
    if (at != NULL)
        put(sink, at, len - (size_t)(at - from));
}

void broker_url_mask(char *out, size_t cap, const char *text)
{
    struct sink sink = {.out = out, .cap = cap};
    const char *authority = strstr(text, "://");
    authority = authority != NULL ? authority + 3 : text;
    put(&sink, text, (size_t)(authority - text));
    put_masked_authority(&sink, authority, strlen(authority));
    out[sink.len] = '\0';
}

/* What to look for in a text, longest first, so that no secret's head hides a longer one. */
struct secrets {
    const char *items[3];
    size_t lens[3];
    size_t count;
};

static void secrets_add(struct secrets *secrets, const char *text, size_t len)
{
    if (text == NULL || len == 0)
        return;
    size_t at = secrets->count++;
    for (; at > 0 && secrets->lens[at - 1] < len; at--) {
        secrets->items[at] = secrets->items[at - 1];
        secrets->lens[at] = secrets->lens[at - 1];
    }
    secrets->items[at] = text;
    secrets->lens[at] = len;
}

static size_t secret_at(const struct secrets *secrets, const char *text)
{
    for (size_t i = 0; i < secrets->count; i++) {
        if (strncmp(text, secrets->items[i], secrets->lens[i]) == 0)
            return secrets->lens[i];
    }
    return 0;
}

/* Length of a URL's part behind "://" in running text. */
static size_t url_len(const char *from)
{
    return strcspn(from, " \t\r\n\"'<>");
}

/* `text` stands behind "://". Writes one URL masked; returns how much of the text that was. The
 * configured password goes first: it may hold the white space at which running text would end. */
static size_t put_url(struct sink *sink, const char *text, const struct secrets *secrets)
{
    const size_t len = url_len(text);
    const char *colon = memchr(text, ':', len);
    const size_t secret_len = colon != NULL ? secret_at(secrets, colon + 1) : 0;
    if (colon == NULL || secret_len == 0 || colon[1 + secret_len] != '@') {
        put_masked_authority(sink, text, len);
        return len;
    }
    put(sink, text, (size_t)(colon + 1 - text));
    put(sink, MASK, sizeof MASK - 1);
    return (size_t)(colon + 1 - text) + secret_len;
}

/* Writes the piece of the text that starts here, masked; returns its length. `address` is the
 * broker's text from "://" on: libraries write their own scheme before it. */
static size_t put_piece(struct sink *sink, const char *text, const char *address,
                        const struct secrets *secrets)
{
    const size_t address_len = address != NULL ? strlen(address) : 0;
    const bool is_url = strncmp(text, "://", 3) == 0;
    if (is_url && address_len > 3 && strncmp(text, address, address_len) == 0) {
        put(sink, text, 3);
        put_masked_authority(sink, address + 3, address_len - 3);
        return address_len;
    }
    const size_t secret_len = secret_at(secrets, text);
    if (secret_len > 0) {
        put(sink, MASK, sizeof MASK - 1);
        return secret_len;
    }
    put(sink, text, is_url ? 3 : 1);
    return is_url ? 3 + put_url(sink, text + 3, secrets) : 1;
}

/* The password of a broker's text as it was written, NULL when it has none. */
static const char *written_password(const char *broker, size_t *out_len)
{
    const char *authority = strstr(broker, "://");
    authority = authority != NULL ? authority + 3 : broker;
    const char *at = strrchr(authority, '@');
    const char *colon = at != NULL ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
    if (colon == NULL)
        return NULL;
    *out_len = (size_t)(at - colon) - 1;
    return colon + 1;
}

void broker_mask_text(char *out, size_t cap, const char *text, const char *broker,
                      const char *password)
{
    struct sink sink = {.out = out, .cap = cap};
    struct secrets secrets = {.count = 0};
    char decoded[BROKER_URL_MAX + 1];
    size_t len = 0;
    const char *written = broker != NULL ? written_password(broker, &len) : NULL;
    secrets_add(&secrets, written, len);
    if (written != NULL && decode(decoded, sizeof decoded, written, len))
        secrets_add(&secrets, decoded, strlen(decoded));
    secrets_add(&secrets, password, password != NULL ? strlen(password) : 0);

    const char *address = broker != NULL ? strstr(broker, "://") : NULL;
    while (*text != '\0')
        text += put_piece(&sink, text, address, &secrets);
    out[sink.len] = '\0';
}
