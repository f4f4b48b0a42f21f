/* SPDX-License-Identifier: MIT
 *
 * message_line - one MQTT message as one line of JSON: what --record writes and --replay reads.
 *
 *   {"source":"main","receipt_us":1774800000000000,"topic":"meshcore/SJC/...","qos":1,
 *    "retain":true,"payload":{...}}
 *
 * The payload has one of three forms, the first that keeps every byte:
 *   payload         a JSON value, sent exactly as it stands in the line (a string is refused: is it
 *                   the text or its JSON?)
 *   payload_text    a string: valid UTF-8 that is no JSON object, or one of several lines
 *   payload_base64  anything else
 * source is for people; other keys are ignored. Pure; threads: any. Ownership: see each call. */
#pragma once

#include "common/base/base.h"
#include "common/ring/ring.h"

/* The longest payload as base64 or escaped text, its topic and the rest. */
#define MESSAGE_LINE_MAX ((size_t)2 << 20)

/* False: not such a line; *out_why says what is wrong (static). On true *out borrows from the
 * line and from scratch, which holds at least MESSAGE_LINE_MAX bytes; its receipt is 0 when the
 * line has none. */
NODISCARD bool message_line_parse(const char *line, size_t len, char *scratch,
                                  struct ring_message *out, const char **out_why);

/* The line with its newline appended to a growing buffer. False: no memory,
 * nothing was appended. */
struct message_text {
    char *bytes; /* owned: free() */
    size_t len, cap;
};
NODISCARD bool message_line_append(struct message_text *text, const char *source,
                                   const struct ring_message *message);
