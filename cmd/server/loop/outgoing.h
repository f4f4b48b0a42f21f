/* SPDX-License-Identifier: MIT
 *
 * outgoing - the answer that a connection is being sent: where it stands, and how much of it
 * is gone.
 *
 * Ready bytes are sent from where they stand, head and body in one call, by however many
 * connections at once; nothing is copied. Only their Date is when they were made: what is sent is
 * that of now, in its place. A head that is this client's alone is a copy: one that
 * is the whole answer, or that has lines of its own.
 * Threads: its loop's. Errors: a client that went away is OUTGOING_LOST, there is nobody to tell.
 * Ownership: holds the reference that it was given until it is done. */
#pragma once

#include "cmd/server/http/http_head.h"
#include "cmd/server/http/ready.h"

struct outgoing {
    struct http_ready *ready; /* NULL = a head alone */
    char *own;                /* NULL = the head is a ready one */
    const char *head, *body;
    size_t head_len, body_len, sent;
    size_t date_at; /* in the head; 0 = it is as it is to be sent */
    char date[HTTP_DATE_LEN];
    bool has_more;   /* the export has another piece */
    bool is_chunked; /* as which it comes */
};

enum outgoing_state {
    OUTGOING_DONE,
    OUTGOING_BLOCKED,
    OUTGOING_LOST,
    OUTGOING_MORE, /* all there was is gone: make the next piece */
};

/* What of an answer is for this client alone. */
struct outgoing_form {
    bool keep_alive, is_head, takes_chunks;
    const char *lines; /* more of them for the head, "" = none */
};
/* Moves the reference. False = no memory. */
NODISCARD bool outgoing_ready(struct outgoing *out, struct http_ready *ready,
                              const struct outgoing_form *form);
/* A copy of it. False = no memory. */
NODISCARD bool outgoing_text(struct outgoing *out, const char *text, size_t len);
NODISCARD bool outgoing_head(struct outgoing *out, const struct http_head *head);
bool outgoing_is_empty(const struct outgoing *out);
/* The export has made its next piece. */
void outgoing_piece(struct outgoing *out);
/* As much as the socket takes. DONE: `out` is empty. */
enum outgoing_state outgoing_send(struct outgoing *out, int fd);
void outgoing_drop(struct outgoing *out);
