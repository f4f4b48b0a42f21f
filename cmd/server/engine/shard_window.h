/* SPDX-License-Identifier: MIT
 *
 * shard_window - the receptions of the last hours, for who counts them (summary_source.h): hour by
 * hour, from the newest back, each hour of all shards together by receipt.
 *
 * A key of which rows lie in two hours (two ingestors heard it on two sides of the hour) counts
 * once, in the hour of its earliest row: of each hour the one before is looked at, too.
 * A packet's number (transmission_id) is its whole hash: who tells of a sample needs no question.
 * Limits: WINDOW_HOUR_ROWS receptions of an hour and shard; more make the window end there.
 * Threads: any; a slice has what it needs of its own. Errors: STATUS_AGAIN = a shard is away, or no
 * memory. Cost: two requests to each shard an hour; 140 bytes a reception while one is read. */
#pragma once

#include "cmd/server/summary/summary_source.h"

#define WINDOW_HOUR_ROWS 300000

enum status shard_window_begin(const void *model, int64_t from_ms, int64_t to_ms, int64_t rows_max,
                               struct window_rows *out);
enum status shard_window_slice(const void *model, struct window_rows *rows, window_row row,
                               void *to, bool *out_over);
