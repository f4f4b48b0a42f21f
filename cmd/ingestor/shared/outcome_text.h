/* SPDX-License-Identifier: MIT
 *
 * outcome_text - counts by outcome as a person reads them: "committed 499,
 * rejected.frame 1". Pure. */
#pragma once

#include "common/ring/ledger.h"

/* Those that are not 0, in the ledger's order; "nothing" when all are. Returns out. */
const char *outcome_counts_text(const uint64_t counts[OUTCOME_COUNT], char *out, size_t cap);
