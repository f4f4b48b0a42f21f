/* SPDX-License-Identifier: MIT
 *
 * access - who may read and who may write: keys, and the cookie that a browser holds instead of
 * one, because an EventSource sends no header.
 *
 * Two keys, each optional. Without one for reading everybody reads; without one for writing nobody
 * writes. The key for writing opens reading, too. A key that is weak opens nothing.
 * The cookie (`weir_login`) says until when it is good, signed with what follows from the key for
 * reading: every server with that key takes it, a restart does not end it, and a new key ends all
 * of them. It opens reading alone, so that no page can make a browser write.
 * I1. The time that a comparison takes does not depend on how much of a key or cookie is right.
 * I2. No key stands here, only digests.
 * Threads: constant after init. crypto_init was called. Cost: a key 0.3 us, a cookie 0.5 us;
 * nothing where no key is configured or the route is open. */
#pragma once

#include "common/base/crypto.h"

enum http_access {
    HTTP_READ,  /* readApiKey, where there is one */
    HTTP_OPEN,  /* everybody: probes, the page's files, login */
    HTTP_WRITE, /* apiKey */
};

struct http_key {
    bool is_set, is_weak;
    uint8_t digest[32];
};

struct http_keys {
    struct http_key read, write;
    struct crypto_hmac_key login; /* what cookies are signed with */
};

/* A part of a request; text NULL = it is not there. */
struct http_text {
    const char *text;
    size_t len;
};

struct http_credentials {
    struct http_text key;   /* X-API-Key, or a bearer's token */
    struct http_text login; /* the cookie's value */
};

#define HTTP_LOGIN_COOKIE "weir_login"
#define HTTP_LOGIN_MAX    96 /* of a cookie's value */

/* NULL = no such key. */
void http_keys_init(struct http_keys *keys, const char *read, bool read_is_weak, const char *write,
                    bool write_is_weak);
/* 0, or the status to refuse with (401, 403) and *out_why, static. */
NODISCARD int http_access_check(const struct http_keys *keys, enum http_access access,
                                const struct http_credentials *given, int64_t now_unix,
                                const char **out_why);
/* Does this key open reading? The same answers. */
NODISCARD int http_access_login(const struct http_keys *keys, struct http_text key,
                                const char **out_why);
/* The value of a cookie that is good until then. */
void http_access_sign(const struct http_keys *keys, int64_t until_unix,
                      char out[static HTTP_LOGIN_MAX]);

/* The value of a cookie in a line of Cookie (RFC 6265, 5.4); the first of this name. */
struct http_text http_cookie_find(const char *text, size_t len, const char *name);
/* The token of `Bearer <token>` (RFC 6750, 2.1). */
struct http_text http_bearer_find(const char *text, size_t len);
