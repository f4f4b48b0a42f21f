/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/outgoing.h"

#include "cmd/server/http/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The ready head with more lines in front of its last, the empty one. */
static bool add_lines(struct outgoing *out, const char *lines)
{
    const size_t len = strlen(lines);
    const size_t before = out->head_len - 2;
    out->own = malloc(out->head_len + len);
    if (out->own == NULL)
        return false;
    memcpy(out->own, out->head, before);
    memcpy(out->own + before, lines, len);
    memcpy(out->own + before + len, "\r\n", 2);
    out->head = out->own;
    out->head_len += len;
    return true;
}

bool outgoing_ready(struct outgoing *out, struct http_ready *ready,
                    const struct outgoing_form *form)
{
    const bool is_export = ready->export != NULL;
    const bool is_endless = http_ready_is_endless(ready->export);
    const size_t which = is_endless && !form->takes_chunks ? 2 : form->keep_alive;
    *out = (struct outgoing){.ready = ready,
                             .head = ready->heads[which],
                             .head_len = ready->head_lens[which],
                             .body = ready->body,
                             .body_len = form->is_head ? 0 : ready->body_len,
                             .has_more = is_export && !form->is_head,
                             .is_chunked = is_endless && form->takes_chunks};
    out->date_at = http_head_date_at(out->head);
    http_head_date(out->date);
    return *form->lines == '\0' || add_lines(out, form->lines);
}

void outgoing_piece(struct outgoing *out)
{
    const struct http_export *export = out->ready->export;
    out->body = export->bytes;
    out->body_len = export->len;
    out->sent = out->head_len;
    out->has_more = !export->is_last;
}

bool outgoing_text(struct outgoing *out, const char *text, size_t len)
{
    char *own = malloc(len);
    if (own == NULL)
        return false;
    memcpy(own, text, len);
    *out = (struct outgoing){.own = own, .head = own, .head_len = len};
    return true;
}

bool outgoing_head(struct outgoing *out, const struct http_head *head)
{
    char text[HTTP_HEAD_MAX];
    return outgoing_text(out, text, http_head_format(head, text));
}

bool outgoing_is_empty(const struct outgoing *out)
{
    return out->head == NULL;
}

void outgoing_drop(struct outgoing *out)
{
    http_ready_unref(out->ready);
    free(out->own);
    *out = (struct outgoing){0};
}

#define PARTS 4 /* the head before its date, the date, the rest of the head, the body */

/* What is left. sendmsg takes char *; it does not write there. */
static size_t rest_of(const struct outgoing *out, struct iovec parts[static PARTS])
{
    const size_t behind = out->date_at > 0 ? out->date_at + HTTP_DATE_LEN : 0;
    const struct iovec all[PARTS] = {
        {(void *)(uintptr_t)out->head, out->date_at},
        {(void *)(uintptr_t)out->date, behind - out->date_at},
        {(void *)(uintptr_t)(out->head + behind), out->head_len - behind},
        {(void *)(uintptr_t)out->body, out->body_len},
    };
    size_t count = 0;
    size_t before = out->sent; /* of it what is gone of this part, and of those behind it */
    for (size_t i = 0; i < PARTS; i++) {
        const size_t gone = before < all[i].iov_len ? before : all[i].iov_len;
        before -= gone;
        if (gone < all[i].iov_len)
            parts[count++] = (struct iovec){(char *)all[i].iov_base + gone, all[i].iov_len - gone};
    }
    return count;
}

enum outgoing_state outgoing_send(struct outgoing *out, int fd)
{
    const size_t all = out->head_len + out->body_len;
    while (out->sent < all) {
        struct iovec parts[PARTS];
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = rest_of(out, parts)};
        const ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return OUTGOING_BLOCKED;
        if (n <= 0)
            return OUTGOING_LOST;
        out->sent += (size_t)n;
    }
    if (out->has_more)
        return OUTGOING_MORE;
    if (out->body != NULL && out->ready != NULL && out->ready->export != NULL)
        out->ready->export->is_sent = true;
    outgoing_drop(out);
    return OUTGOING_DONE;
}
