/* SPDX-License-Identifier: MIT
 *
 * store_packet - the table of transmissions, and a packet as a whole (store_packet in store.h).
 * Threads and errors as store.h. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

/* Prepares its statements, once, before the first call. */
NODISCARD enum status store_packet_open(struct store *store, struct err *err);
