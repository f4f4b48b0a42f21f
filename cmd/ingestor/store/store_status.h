/* SPDX-License-Identifier: MIT
 *
 * store_status - statuses: the observer's row and observer_metrics (store_status in store.h).
 * Threads and errors as store.h. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

/* Prepares its statements, once, before the first call. */
NODISCARD enum status store_status_open(struct store *store, struct err *err);
