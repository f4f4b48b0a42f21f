/* SPDX-License-Identifier: MIT
 *
 * list - GET /api/packets.
 *
 * Newest first, or `order=asc`; by first receipt, or, of a list of observers and of groups, by the
 * last reception (walk.h). CoreScope's limit and offset, or the cursor of the answer before.
 * - total: exact where the filter is none, or of type and time; else what was counted on the way to
 *   this page, and totalCapped is true where there may be more. Behind a cursor only an exact one
 *   is given.
 * - complete: false = the filter found too little in what may be looked at for one answer; the
 *   packets are right, and nextCursor (also as `next`) goes on.
 * - nextCursor is there when there is more. It is good for the same filter and order.
 * - An answer of LIST_BYTES_MAX, or one that takes LIST_US_MAX, ends early and goes on at
 *   nextCursor: a slow machine gives shorter pages instead of none.
 *
 * Threads: those of the askings. */
#pragma once

#include "cmd/server/http/request.h"

#define LIST_LIMIT_DEFAULT 50
#define LIST_LIMIT_MAX     10000
#define LIST_BYTES_MAX     ((size_t)12 << 20)
#define LIST_US_MAX        (READER_REQUEST_US / 2)

struct asking;
struct export_rows;

extern const struct http_parameter list_packets_parameters[];

void list_packets(struct asking *asking, const struct http_request *request,
                  struct http_reply *reply);
/* The same as a file: every packet that passes, with its cursor. Groups, receptions and offsets are
 * for pages only. */
void list_export(struct asking *asking, const struct http_request *request,
                 struct export_rows *rows, struct http_reply *reply);
