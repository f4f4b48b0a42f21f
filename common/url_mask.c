/* SPDX-License-Identifier: MIT */
#include "common/url_mask.h"

#include "common/utf8.h"

#include <string.h>

#define MASK "****"

struct span {
    const char *from;
    size_t len;
};

/* A URL's password: behind the first ':' of what stands before the last '@'. */
static bool find_password(const char *authority, size_t len, struct span *out)
{
    const char *at = memrchr(authority, '@', len);
    if (at == NULL)
        return false;
    const char *colon = memchr(authority, ':', (size_t)(at - authority));
    if (colon == NULL)
        return false;
    *out = (struct span){colon + 1, (size_t)(at - colon - 1)};
    return true;
}

/* The next piece of `text` to hide: a URL's password or the known secret, whichever comes first. */
static bool find_next(const char *text, const char *secret, struct span *out)
{
    const char *known = secret != NULL && *secret != '\0' ? strstr(text, secret) : NULL;
    struct span url = {NULL, 0};
    for (const char *scheme = strstr(text, "://"); scheme != NULL;
         scheme = strstr(scheme + 3, "://")) {
        if (find_password(scheme + 3, strcspn(scheme + 3, " \t\r\n\""), &url))
            break;
    }
    if (known != NULL && (url.from == NULL || known < url.from))
        *out = (struct span){known, strlen(secret)};
    else
        *out = url;
    return out->from != NULL;
}

void url_mask(const char *text, const char *secret, char *out, size_t cap)
{
    size_t used = 0;
    struct span hidden;
    while (find_next(text, secret, &hidden)) {
        const size_t clear = (size_t)(hidden.from - text);
        used += utf8_sanitize(out + used, cap - used, (const uint8_t *)text, clear);
        used += utf8_sanitize(out + used, cap - used, (const uint8_t *)MASK, sizeof MASK - 1);
        text = hidden.from + hidden.len;
    }
    (void)utf8_sanitize(out + used, cap - used, (const uint8_t *)text, strlen(text));
}

bool url_password(const char *url, char *out, size_t cap)
{
    const char *scheme = strstr(url, "://");
    const char *authority = scheme != NULL ? scheme + 3 : url;
    struct span password;
    if (!find_password(authority, strlen(authority), &password) || password.len >= cap)
        return false;
    memcpy(out, password.from, password.len);
    out[password.len] = '\0';
    return true;
}
