/* SPDX-License-Identifier: MIT
 *
 * api_export - lists as files: the answer to a request for a row with an exporter that says
 * `format=ndjson` or `format=csv`.
 *
 * The first piece is made at once, so that what is wrong with the request is refused with a status;
 * the others as the client takes them (export.h), each in a question of its own. One that can't be
 * asked just now (all readers are busy, it was late, a shard is silent) is asked again from the
 * same place, for API_EXPORT_PATIENCE_US; the client waits meanwhile.
 * `limit` is how many lines there are at most (none = all), `cursor` where they begin.
 * I1. At most API_EXPORTS_MAX are under way; one more is told to come back (503).
 * Threads: api_export in any that may wait. Limits: 300 KB an export. */
#pragma once

#include "cmd/server/http/request.h"
#include "common/base/clock.h"

#include <stdatomic.h>

#define API_EXPORTS_MAX        16
#define API_EXPORT_PATIENCE_US ((mono_us)10 * US_PER_S)

struct http_ready;
struct model;

/* True = *out is the answer (NULL = no memory); false = the request asks for no file. under_way:
 * how many there are. */
NODISCARD bool api_export(const struct model *model, _Atomic int *under_way,
                          const struct http_request *request, struct http_ready **out);
