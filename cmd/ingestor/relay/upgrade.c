/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/upgrade.h"

#include "common/base/crypto.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SUBPROTOCOL "mqtt"
#define BASE64_CAP  32 /* of 16 bytes: 24 characters */

/* --- the request ------------------------------------------------------------------------------ */

static void base64(char out[static BASE64_CAP], const uint8_t *bytes, int len)
{
    IGNORE(EVP_EncodeBlock((unsigned char *)out, bytes, len), "its length is known");
}

size_t upgrade_request(struct upgrade *upgrade, const char *host, bool host_is_ipv6, int port,
                       bool is_tls, const char *path,
                       const uint8_t nonce[static UPGRADE_NONCE_BYTES],
                       char out[static UPGRADE_REQUEST_MAX])
{
    char key[BASE64_CAP], port_text[16] = "";
    *upgrade = (struct upgrade){.len = 0};
    base64(key, nonce, UPGRADE_NONCE_BYTES);
    crypto_websocket_accept(key, strlen(key), upgrade->accept);
    if (port != (is_tls ? 443 : 80))
        (void)snprintf(port_text, sizeof port_text, ":%d", port);
    const int len = snprintf(
        out, UPGRADE_REQUEST_MAX,
        "GET %s%.*s HTTP/1.1\r\nHost: %s%s%s%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " SUBPROTOCOL
        "\r\nUser-Agent: weir/" WEIR_VERSION "\r\n\r\n",
        path[0] == '/' ? "" : "/", (int)strcspn(path, "#"), path, host_is_ipv6 ? "[" : "", host,
        host_is_ipv6 ? "]" : "", port_text, key);
    return len > 0 && len < UPGRADE_REQUEST_MAX ? (size_t)len : 0;
}

/* --- the head as lines ------------------------------------------------------------------------ */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* A piece of the head; not NUL-terminated. */
struct span {
    const char *at;
    size_t len;
};

static struct span trimmed(const char *at, size_t len)
{
    while (len > 0 && is_space(*at))
        at++, len--;
    while (len > 0 && is_space(at[len - 1]))
        len--;
    return (struct span){at, len};
}

static bool is_word(struct span span, const char *word)
{
    return span.len == strlen(word) && strncasecmp(span.at, word, span.len) == 0;
}

static const char *line_end(const char *at)
{
    const char *end = strchr(at, '\n');
    return end != NULL ? end : at + strlen(at);
}

/* The value of the field's next line behind *at; moves *at past it. */
static bool next_field(const char **at, const char *name, struct span *out)
{
    const size_t name_len = strlen(name);
    while (**at != '\0') {
        const char *line = *at, *end = line_end(line);
        *at = *end == '\n' ? end + 1 : end;
        size_t len = (size_t)(end - line);
        if (len > 0 && line[len - 1] == '\r')
            len--;
        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0) {
            *out = trimmed(line + name_len + 1, len - name_len - 1);
            return true;
        }
    }
    return false;
}

/* Fields may stand on several lines and hold lists; so `word` is looked for in all of them. */
static bool has_word(const char *fields, const char *name, const char *word)
{
    struct span value;
    while (next_field(&fields, name, &value)) {
        while (value.len > 0) {
            const char *comma = memchr(value.at, ',', value.len);
            const size_t len = comma != NULL ? (size_t)(comma - value.at) : value.len;
            if (is_word(trimmed(value.at, len), word))
                return true;
            const size_t step = comma != NULL ? len + 1 : len;
            value.at += step;
            value.len -= step;
        }
    }
    return false;
}

/* --- the verdict ------------------------------------------------------------------------------ */

static const char *status_words(int status)
{
    switch (status) {
    case 400:
        return " (Bad Request)";
    case 401:
        return " (Unauthorized)";
    case 403:
        return " (Forbidden)";
    case 404:
        return " (Not Found)";
    case 407:
        return " (Proxy Authentication Required)";
    case 426:
        return " (Upgrade Required)";
    case 429:
        return " (Too Many Requests)";
    case 500:
        return " (Internal Server Error)";
    case 502:
        return " (Bad Gateway)";
    case 503:
        return " (Service Unavailable)";
    case 504:
        return " (Gateway Timeout)";
    default:
        return "";
    }
}

static enum status refuse(struct upgrade *upgrade, const char *text)
{
    (void)snprintf(upgrade->text, sizeof upgrade->text, "%s", text);
    return STATUS_INVALID;
}

static void copy_location(const char *fields, char out[static UPGRADE_LOCATION_MAX + 1])
{
    struct span value = {"", 0};
    IGNORE(next_field(&fields, "Location", &value), "none = an empty text");
    const size_t len = min_size(value.len, UPGRADE_LOCATION_MAX);
    for (size_t i = 0; i < len; i++)
        out[i] = value.at[i] > 0x20 && value.at[i] < 0x7f ? value.at[i] : '?';
    out[len] = '\0';
}

static enum status refuse_status(struct upgrade *upgrade, const char *fields)
{
    const int status = upgrade->status;
    char location[UPGRADE_LOCATION_MAX + 1] = "";
    if (status >= 300 && status < 400)
        copy_location(fields, location);
    if (location[0] != '\0')
        (void)snprintf(upgrade->text, sizeof upgrade->text, "HTTP %d, moved to %s", status,
                       location);
    else if (status >= 200 && status < 300)
        (void)snprintf(upgrade->text, sizeof upgrade->text,
                       "HTTP %d and no WebSocket: another service?", status);
    else
        (void)snprintf(upgrade->text, sizeof upgrade->text, "HTTP %d%s", status,
                       status_words(status));
    return STATUS_INVALID;
}

/* I3. */
static enum status judge(struct upgrade *upgrade, const char *fields)
{
    struct span value;
    const char *at = fields;
    if (upgrade->status != 101)
        return refuse_status(upgrade, fields);
    if (!has_word(fields, "Upgrade", "websocket") || !has_word(fields, "Connection", "upgrade"))
        return refuse(upgrade, "HTTP 101, but not to a WebSocket");
    if (!next_field(&at, "Sec-WebSocket-Accept", &value) || value.len != strlen(upgrade->accept) ||
        memcmp(value.at, upgrade->accept, value.len) != 0)
        return refuse(upgrade, "HTTP 101 with a wrong Sec-WebSocket-Accept: not the answer to us");
    at = fields;
    if (next_field(&at, "Sec-WebSocket-Extensions", &value) && value.len > 0)
        return refuse(upgrade, "HTTP 101 with an extension that nobody asked for");
    at = fields;
    upgrade->has_subprotocol = next_field(&at, "Sec-WebSocket-Protocol", &value);
    if (upgrade->has_subprotocol && !is_word(value, SUBPROTOCOL))
        return refuse(upgrade, "HTTP 101 with another subprotocol than " SUBPROTOCOL);
    return STATUS_OK;
}

/* "HTTP/1.1 101 Switching Protocols"; false = that is no HTTP. */
static bool parse_status(struct upgrade *upgrade)
{
    const char *line = upgrade->head;
    if (strncmp(line, "HTTP/1.", 7) != 0 || line[7] < '0' || line[7] > '9' || line[8] != ' ')
        return false;
    int status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9')
            return false;
        status = status * 10 + (line[i] - '0');
    }
    upgrade->status = status;
    return status >= 100 && (line[12] == ' ' || line[12] == '\r' || line[12] == '\n');
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A head is whole with its empty line; bare line feeds count, as they do nearly everywhere. */
static bool is_whole(const struct upgrade *upgrade)
{
    const char *end = upgrade->head + upgrade->len;
    return upgrade->len >= 2 && end[-1] == '\n' &&
           (end[-2] == '\n' || (upgrade->len >= 3 && end[-2] == '\r' && end[-3] == '\n'));
}

static enum status end_head(struct upgrade *upgrade)
{
    upgrade->head[upgrade->len] = '\0';
    if (strlen(upgrade->head) != upgrade->len || !parse_status(upgrade))
        return refuse(upgrade, "what answers speaks no HTTP");
    /* 100, 103 and the like announce the answer. */
    if (upgrade->status < 200 && upgrade->status != 101) {
        upgrade->len = 0;
        return STATUS_AGAIN;
    }
    const char *fields = line_end(upgrade->head);
    return judge(upgrade, *fields == '\n' ? fields + 1 : fields);
}

/* Enough of a first line to know that it is none, before a limit or a deadline does. */
static bool is_foreign(const struct upgrade *upgrade)
{
    static const char start[] = "HTTP/1.";
    return memcmp(upgrade->head, start, min_size(upgrade->len, sizeof start - 1)) != 0;
}

enum status upgrade_read(struct upgrade *upgrade, const char *bytes, size_t len, size_t *out_used)
{
    for (size_t i = 0; i < len; i++) {
        *out_used = i + 1;
        if (upgrade->total++ >= UPGRADE_HEAD_MAX)
            return refuse(upgrade, "the answer to the upgrade has a head of more than 16 KiB");
        upgrade->head[upgrade->len++] = bytes[i];
        if (is_foreign(upgrade))
            return refuse(upgrade, "what answers speaks no HTTP");
        if (!is_whole(upgrade))
            continue;
        const enum status status = end_head(upgrade);
        if (status != STATUS_AGAIN)
            return status;
    }
    *out_used = len;
    return STATUS_AGAIN;
}
