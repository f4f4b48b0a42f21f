/* SPDX-License-Identifier: MIT
 *
 * api_stats - /api/stats: totals from the database poller. Fields about Go or an in-memory store are 0, and
 * what was not (yet) counted is left out: never an invented figure.
 * Pure but for this process's own RSS: an answer_render function (answers.h). */
#pragma once

#include "cmd/server/cache/answers.h"

char *api_stats(const struct answer_input *in, int *out_status);
