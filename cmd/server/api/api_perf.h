/* SPDX-License-Identifier: MIT
 *
 * api_perf - /api/perf/io, /api/perf/sqlite, /api/perf/write-sources in CoreScope's shapes.
 * write-sources also carries what the page shows and CoreScope has no place for: stale, status, ledger, queue,
 * workers, commit. Pure: answer_render functions (answers.h). */
#pragma once

#include "cmd/server/cache/answers.h"

char *api_perf_io(const struct answer_input *in, int *out_status);
char *api_perf_sqlite(const struct answer_input *in, int *out_status);
char *api_perf_write_sources(const struct answer_input *in, int *out_status);
