/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/ready.h"

#include "cmd/server/http/export.h"
#include "cmd/server/http/gzip.h"
#include "cmd/server/http/http_head.h"
#include "common/base/crypto.h"
#include "common/base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 64 bits: two bodies of one path that a client meets within its memory share a tag
 * once in 10^19. */
#define ETAG_BYTES 8

void http_etag_of(const struct crypto_part *parts, size_t count, char out[static HTTP_ETAG_MAX])
{
    uint8_t hash[32];
    char hex[2 * ETAG_BYTES + 1];
    crypto_sha256(parts, count, hash);
    hex_encode_lower(hash, ETAG_BYTES, hex);
    (void)snprintf(out, HTTP_ETAG_MAX, "\"%s\"", hex);
}

static void make_etag(const struct http_reply *reply, char out[static HTTP_ETAG_MAX])
{
    const struct crypto_part parts[] = {{reply->body, reply->body_len},
                                        {reply->lines, strlen(reply->lines)}};
    http_etag_of(parts, ARRAY_LEN(parts), out);
}

/* Pictures and databases are packed already. */
static bool is_text(const char *content_type)
{
    return strncmp(content_type, "text/", 5) == 0 || strstr(content_type, "json") != NULL ||
           strstr(content_type, "xml") != NULL;
}

bool http_ready_is_endless(const struct http_export *export)
{
    return export != NULL && export->length == 0;
}

/* encoding: NULL = the body as it was made. */
static struct http_ready *compose(const struct http_reply *reply, const char *allow,
                                  const char *encoding)
{
    char text[HTTP_READY_HEADS][HTTP_HEAD_MAX];
    size_t lens[HTTP_READY_HEADS] = {0};
    const bool is_endless = http_ready_is_endless(reply->export);
    const int heads = is_endless ? HTTP_READY_HEADS : 2;
    char etag[HTTP_ETAG_MAX] = "";
    const enum http_cache cache = reply->status < 400 ? reply->cache : HTTP_NO_STORE;
    if (cache != HTTP_NO_STORE && reply->status == 200 && reply->export == NULL)
        make_etag(reply, etag);
    else if (cache != HTTP_NO_STORE && reply->status == 200)
        memcpy(etag, reply->etag, sizeof etag);
    struct http_head head = {
        .status = reply->status,
        .content_type = reply->content_type,
        .content_length = reply->export != NULL ? (uint64_t)reply->export->length : reply->body_len,
        .cache = cache,
        .allow = allow,
        .encoding = encoding,
        .lines = reply->lines,
        .etag = etag[0] != '\0' ? etag : NULL};
    for (int i = 0; i < heads; i++) {
        head.keep_alive = i == 1;
        head.is_chunked = is_endless && i < 2;
        head.is_stream = i == 2;
        lens[i] = http_head_format(&head, text[i]);
    }
    const size_t lines_len = strlen(reply->lines) + 1;
    struct http_ready *ready = malloc(sizeof *ready + lens[0] + lens[1] + lens[2] + lines_len);
    if (ready == NULL)
        return NULL;
    char *bytes = (char *)(ready + 1);
    memcpy(bytes, text[0], lens[0]);
    memcpy(bytes + lens[0], text[1], lens[1]);
    memcpy(bytes + lens[0] + lens[1], text[2], lens[2]);
    memcpy(bytes + lens[0] + lens[1] + lens[2], reply->lines, lines_len);
    *ready =
        (struct http_ready){.heads = {bytes, bytes + lens[0], bytes + lens[0] + lens[1]},
                            .head_lens = {lens[0], lens[1], lens[2]},
                            .body = reply->body,
                            .body_len = reply->body_len,
                            .export = reply->export,
                            .status = reply->status,
                            .cache = cache,
                            .content_type = reply->content_type,
                            .allow = allow,
                            .lines = bytes + lens[0] + lens[1] + lens[2],
                            .may_be_packed = encoding == NULL && reply->body_len >= HTTP_PACK_MIN &&
                                             is_text(reply->content_type)};
    memcpy(ready->etag, etag, sizeof etag);
    atomic_init(&ready->packed, NULL);
    atomic_init(&ready->refs, 1);
    return ready;
}

static void free_export(struct http_export *export)
{
    if (export != NULL)
        export->free(export);
}

struct http_ready *http_ready_new(struct http_reply *reply, const char *allow)
{
    const bool is_answer = reply->body != NULL || reply->export != NULL;
    struct http_ready *made = reply->made;
    struct http_ready *ready = made == NULL && is_answer ? compose(reply, allow, NULL) : NULL;
    if (ready == NULL) {
        free(reply->body);
        free_export(reply->export);
    }
    reply->body = NULL;
    reply->export = NULL;
    reply->made = NULL;
    return made != NULL ? made : ready;
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
    struct http_ready *packed = atomic_load_explicit(&ready->packed, memory_order_relaxed);
    if (packed != ready)
        http_ready_unref(packed);
    free_export(ready->export);
    free(ready->body);
    free(ready);
}

static size_t packed_most(const struct http_ready *ready)
{
    return ready->may_be_packed ? ready->body_len / 4 * 3 : 0;
}

size_t http_ready_bytes(const struct http_ready *ready)
{
    const size_t plain =
        sizeof *ready + ready->head_lens[0] + ready->head_lens[1] + strlen(ready->lines) + 1;
    return plain + ready->body_len + (ready->may_be_packed ? plain + packed_most(ready) : 0);
}

/* --- the packed form -------------------------------------------------------------------------- */

bool http_ready_is_unpacked(const struct http_ready *ready)
{
    return ready->may_be_packed &&
           atomic_load_explicit(&ready->packed, memory_order_relaxed) == NULL; /* a hint */
}

/* Itself when it is not worth it. */
static struct http_ready *make_packed(struct http_ready *ready)
{
    struct http_reply reply;
    http_reply_init(&reply, ready->cache);
    reply.status = ready->status;
    reply.content_type = ready->content_type;
    (void)snprintf(reply.lines, sizeof reply.lines, "%s", ready->lines);
    reply.body = gzip_pack(ready->body, ready->body_len, packed_most(ready), &reply.body_len);
    struct http_ready *packed = reply.body != NULL ? compose(&reply, ready->allow, "gzip") : NULL;
    if (packed == NULL)
        free(reply.body);
    return packed != NULL ? packed : ready;
}

void http_ready_pack(struct http_ready *ready)
{
    if (!http_ready_is_unpacked(ready))
        return;
    struct http_ready *packed = make_packed(ready);
    struct http_ready *before = NULL;
    /* Release: who finds it there finds it whole. Two may have made one: the first counts. */
    if (!atomic_compare_exchange_strong_explicit(&ready->packed, &before, packed,
                                                 memory_order_release, memory_order_relaxed) &&
        packed != ready)
        http_ready_unref(packed);
}

struct http_ready *http_ready_choose(struct http_ready *ready, bool takes_gzip)
{
    if (!takes_gzip || !ready->may_be_packed)
        return ready;
    struct http_ready *packed = atomic_load_explicit(&ready->packed, memory_order_acquire);
    if (packed == NULL || packed == ready)
        return ready;
    http_ready_ref(packed);
    http_ready_unref(ready);
    return packed;
}
