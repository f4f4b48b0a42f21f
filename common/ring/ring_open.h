/* SPDX-License-Identifier: MIT
 *
 * ring_open - how a writer comes to its ring: use on, seal and take over, move aside, or make (I5).
 *
 * Private to ingest_buffer.c. Each step is safe to be killed after: the new ring stands complete under its
 * name before the old one is sealed, and of two unsealed rings of a source the one created last is used and
 * the other is sealed again. `created` always grows along a chain, whatever the wall clock does. */
#pragma once

#include "common/ring/ring_files.h"

/* params as in ingest_buffer_open, with capacity_bytes already rounded. *out_head is the published head. */
NODISCARD enum status ring_open_for_writing(const struct ring_params *params,
                                            struct ring_map *out_map, struct ring_head *out_head,
                                            struct ring_open_report *out_report, struct err *err);
