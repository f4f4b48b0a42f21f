/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/ready.h"

#include "cmd/server/http/http_head.h"
#include "common/base/crypto.h"
#include "common/base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 64 bits: two bodies of one path that a client meets within its memory share a tag
 * once in 10^19. */
#define ETAG_BYTES 8

static void make_etag(const struct http_reply *reply, char out[static 24])
{
    uint8_t hash[32];
    char hex[2 * ETAG_BYTES + 1];
    crypto_sha256(&(struct crypto_part){reply->body, reply->body_len}, 1, hash);
    hex_encode_lower(hash, ETAG_BYTES, hex);
    (void)snprintf(out, 24, "\"%s\"", hex);
}

static struct http_ready *compose(const struct http_reply *reply, const char *allow)
{
    char text[2][HTTP_HEAD_MAX];
    size_t lens[2];
    char etag[24] = "";
    const enum http_cache cache = reply->status < 400 ? reply->cache : HTTP_NO_STORE;
    if (cache == HTTP_REVALIDATE && reply->status == 200)
        make_etag(reply, etag);
    struct http_head head = {.status = reply->status,
                             .content_type = reply->content_type,
                             .content_length = reply->body_len,
                             .cache = cache,
                             .allow = allow,
                             .etag = etag[0] != '\0' ? etag : NULL};
    for (int keep = 0; keep < 2; keep++) {
        head.keep_alive = keep;
        lens[keep] = http_head_format(&head, text[keep]);
    }
    struct http_ready *ready = malloc(sizeof *ready + lens[0] + lens[1]);
    if (ready == NULL)
        return NULL;
    char *bytes = (char *)(ready + 1);
    memcpy(bytes, text[0], lens[0]);
    memcpy(bytes + lens[0], text[1], lens[1]);
    *ready = (struct http_ready){.heads = {bytes, bytes + lens[0]},
                                 .head_lens = {lens[0], lens[1]},
                                 .body = reply->body,
                                 .body_len = reply->body_len,
                                 .status = reply->status,
                                 .cache = cache};
    memcpy(ready->etag, etag, sizeof etag);
    atomic_init(&ready->refs, 1);
    return ready;
}

struct http_ready *http_ready_new(struct http_reply *reply, const char *allow)
{
    struct http_ready *ready = reply->body != NULL ? compose(reply, allow) : NULL;
    if (ready == NULL)
        free(reply->body);
    reply->body = NULL;
    return ready;
}

struct http_ready *http_ready_ref(struct http_ready *ready)
{
    atomic_fetch_add_explicit(&ready->refs, 1, memory_order_relaxed); /* the caller holds one */
    return ready;
}

void http_ready_unref(struct http_ready *ready)
{
    /* Release and acquire: every holder's reading comes before the free. */
    if (ready == NULL || atomic_fetch_sub_explicit(&ready->refs, 1, memory_order_acq_rel) > 1)
        return;
    free(ready->body);
    free(ready);
}

size_t http_ready_bytes(const struct http_ready *ready)
{
    return sizeof *ready + ready->head_lens[0] + ready->head_lens[1] + ready->body_len;
}

/* A list of tags, some of them weak (`W/"x"`), or `*`; If-None-Match compares weakly. */
bool http_ready_is_known(const struct http_ready *ready, const char *if_none_match)
{
    if (ready->etag[0] == '\0' || if_none_match == NULL)
        return false;
    const size_t len = strlen(ready->etag);
    for (const char *p = if_none_match; *p != '\0';) {
        p += strspn(p, " \t,");
        if (*p == '*')
            return true;
        if (strncmp(p, "W/", 2) == 0)
            p += 2;
        const char *end = *p == '"' ? strchr(p + 1, '"') : NULL;
        if (end == NULL)
            return false;
        if ((size_t)(end + 1 - p) == len && memcmp(p, ready->etag, len) == 0)
            return true;
        p = end + 1;
    }
    return false;
}
