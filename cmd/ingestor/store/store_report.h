/* SPDX-License-Identifier: MIT
 *
 * store_report - the other kinds of message: companion texts, phones' receptions, neighbour
 * reports, repeaters' answers (store_companion, _client, _neighbors and _regions in store.h).
 * Threads and errors as store.h. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

/* Prepares its statements, once, before the first call. */
NODISCARD enum status store_report_open(struct store *store, struct err *err);
