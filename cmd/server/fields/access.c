/* SPDX-License-Identifier: MIT */
#include "cmd/server/fields/access.h"

#include "common/base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAC_BYTES   32
#define WRONG_KEY   "wrong X-API-Key"
#define NEEDS_LOGIN "reading needs X-API-Key, or a login (POST /api/login)"

/* --- keys ------------------------------------------------------------------------------------- */

static void digest_of(struct http_text key, uint8_t out[static 32])
{
    crypto_sha256(&(struct crypto_part){key.text, key.len}, 1, out);
}

static void init_key(struct http_key *key, const char *text, bool is_weak)
{
    *key = (struct http_key){.is_set = text != NULL && *text != '\0', .is_weak = is_weak};
    if (key->is_set)
        digest_of((struct http_text){text, strlen(text)}, key->digest);
}

void http_keys_init(struct http_keys *keys, const char *read, bool read_is_weak, const char *write,
                    bool write_is_weak)
{
    static const char purpose[] = "weir login";
    uint8_t secret[32];
    init_key(&keys->read, read, read_is_weak);
    init_key(&keys->write, write, write_is_weak);
    const struct crypto_part parts[] = {{purpose, sizeof purpose},
                                        {keys->read.digest, sizeof keys->read.digest}};
    crypto_sha256(parts, ARRAY_LEN(parts), secret);
    crypto_hmac_prepare(secret, sizeof secret, &keys->login);
}

static bool is_equal(const uint8_t a[static 32], const uint8_t b[static 32])
{
    unsigned difference = 0;
    for (size_t i = 0; i < 32; i++)
        difference |= (unsigned)(a[i] ^ b[i]);
    return difference == 0;
}

/* Digests have one length and no structure, so neither length nor prefix of the key shows. */
static bool opens(const struct http_key *key, struct http_text given)
{
    uint8_t digest[32];
    digest_of((struct http_text){given.text != NULL ? given.text : "", given.len}, digest);
    return key->is_set && !key->is_weak && given.text != NULL && is_equal(key->digest, digest);
}

/* --- the cookie ------------------------------------------------------------------------------- */

static void sign(const struct http_keys *keys, int64_t until, uint8_t out[static MAC_BYTES])
{
    char text[24];
    const int n = snprintf(text, sizeof text, "%" PRId64, until);
    crypto_hmac_sha256(&keys->login, &(struct crypto_part){text, (size_t)n}, 1, out);
}

void http_access_sign(const struct http_keys *keys, int64_t until_unix,
                      char out[static HTTP_LOGIN_MAX])
{
    uint8_t mac[MAC_BYTES];
    char hex[2 * MAC_BYTES + 1];
    sign(keys, until_unix, mac);
    hex_encode_lower(mac, sizeof mac, hex);
    (void)snprintf(out, HTTP_LOGIN_MAX, "%" PRId64 ".%s", until_unix, hex);
}

static bool is_login(const struct http_keys *keys, struct http_text cookie, int64_t now)
{
    uint8_t wanted[MAC_BYTES];
    uint8_t got[MAC_BYTES];
    int64_t until = 0;
    size_t digits = 0;
    size_t len = 0;
    if (cookie.text == NULL)
        return false;
    while (digits < min_size(cookie.len, 12) && cookie.text[digits] >= '0' &&
           cookie.text[digits] <= '9')
        until = until * 10 + (cookie.text[digits++] - '0');
    const bool is_whole =
        digits > 0 && digits < cookie.len && cookie.text[digits] == '.' &&
        hex_decode(cookie.text + digits + 1, cookie.len - digits - 1, got, sizeof got, &len) &&
        len == sizeof got;
    sign(keys, until, wanted);
    return is_whole && is_equal(wanted, got) && until > now;
}

/* --- the check -------------------------------------------------------------------------------- */

static int refuse(int status, const char *why, const char **out_why)
{
    *out_why = why;
    return status;
}

static int check_write(const struct http_keys *keys, struct http_text given, const char **out_why)
{
    if (!keys->write.is_set)
        return refuse(403, "no apiKey is configured", out_why);
    if (keys->write.is_weak)
        return refuse(403, "the configured apiKey is weak or well known", out_why);
    return opens(&keys->write, given) ? 0 : refuse(401, WRONG_KEY, out_why);
}

int http_access_login(const struct http_keys *keys, struct http_text key, const char **out_why)
{
    if (!keys->read.is_set)
        return refuse(403, "no readApiKey is configured: reading needs no login", out_why);
    const bool is_right = opens(&keys->read, key) | opens(&keys->write, key);
    if (is_right)
        return 0;
    return keys->read.is_weak
               ? refuse(403, "the configured readApiKey is weak or well known", out_why)
               : refuse(401, "wrong key", out_why);
}

static int check_read(const struct http_keys *keys, const struct http_credentials *given,
                      int64_t now, const char **out_why)
{
    if (!keys->read.is_set || (!keys->read.is_weak && is_login(keys, given->login, now)))
        return 0;
    const int refused = http_access_login(keys, given->key, out_why);
    if (refused == 401)
        *out_why = given->key.text != NULL ? WRONG_KEY : NEEDS_LOGIN;
    return refused;
}

int http_access_check(const struct http_keys *keys, enum http_access access,
                      const struct http_credentials *given, int64_t now_unix, const char **out_why)
{
    switch (access) {
    case HTTP_READ:
        return check_read(keys, given, now_unix, out_why);
    case HTTP_WRITE:
        return check_write(keys, given->key, out_why);
    case HTTP_OPEN:
        break;
    }
    return 0;
}

/* --- where they stand ------------------------------------------------------------------------- */

struct http_text http_cookie_find(const char *text, size_t len, const char *name)
{
    const size_t name_len = strlen(name);
    const char *const end = text + len;
    while (text < end) {
        const char *semicolon = memchr(text, ';', (size_t)(end - text));
        const char *pair_end = semicolon != NULL ? semicolon : end;
        while (text < pair_end && (*text == ' ' || *text == '\t'))
            text++;
        if ((size_t)(pair_end - text) > name_len && memcmp(text, name, name_len) == 0 &&
            text[name_len] == '=')
            return (struct http_text){text + name_len + 1,
                                      (size_t)(pair_end - text) - name_len - 1};
        text = semicolon != NULL ? semicolon + 1 : end;
    }
    return (struct http_text){0};
}

struct http_text http_bearer_find(const char *text, size_t len)
{
    static const char scheme[] = "Bearer ";
    const size_t scheme_len = sizeof scheme - 1;
    if (len <= scheme_len || strncasecmp(text, scheme, scheme_len) != 0)
        return (struct http_text){0};
    size_t at = scheme_len;
    while (at < len && text[at] == ' ')
        at++;
    return (struct http_text){text + at, len - at};
}
