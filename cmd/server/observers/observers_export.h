/* SPDX-License-Identifier: MIT
 *
 * observers_export - the observers as a file, in the order in which they were first heard.
 * packetsLastHour is null in it. Threads: that of the asking. */
#pragma once

#include "cmd/server/http/request.h"

struct asking;
struct export_rows;

void observers_export(struct asking *asking, const struct http_request *request,
                      struct export_rows *rows, struct http_reply *reply);
