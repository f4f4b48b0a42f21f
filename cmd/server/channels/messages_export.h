/* SPDX-License-Identifier: MIT
 *
 * messages_export - a channel's messages over the air as a file, the newest first; what companion
 * bridges told is none of them. Of a channel that is not known there is none.
 * Threads: that of the asking. */
#pragma once

#include "cmd/server/http/request.h"

struct asking;
struct export_rows;

void messages_export(struct asking *asking, const struct http_request *request,
                     struct export_rows *rows, struct http_reply *reply);
