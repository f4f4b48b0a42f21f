/* SPDX-License-Identifier: MIT
 *
 * webhook_told - what an address was told last, kept over a restart of the server: who was told of
 * a fault is told of its end, and of a fault that stays once.
 *
 *   weir-webhook 1 <of the address: 16 hex digits>
 *   <level> <check>        each that does not pass
 *
 * I1. The file is whole at every moment (file_replace), and written when a letter was taken: what
 *     was not told is told after the restart.
 * I2. Another address's file, a damaged one and none are the same: nobody was told anything.
 * I3. Of the address, which may hold a secret, it has no more than a hash.
 * Threads: any; a path is one caller's at a time. */
#pragma once

#include "cmd/server/webhook/webhook_changes.h"
#include "common/base/err.h"

#define WEBHOOK_TOLD_NAME "webhook-told" /* in stateDir */

/* The file's text, for who has told all that `known` takes for told. The caller frees it; NULL = no
 * memory. */
NODISCARD char *webhook_told_text(const struct webhook_changes *known, const char *url);
/* Into a zeroed `known`. */
void webhook_told_recall(const char *path, const char *url, mono_us now,
                         struct webhook_changes *known);
