/* SPDX-License-Identifier: MIT
 *
 * import_frame - the frame of one observation in a CoreScope database. Pure.
 *
 * Its own raw_hex where there is one. Else the transmission's, which is the frame of the first
 * reception, with the observation's path in the place of that one's: the path is all in which two
 * receptions differ. Not for TRACE, whose path_json is not the frame's path (protocol.md 4.10). */
#pragma once

#include "common/mesh/meshcore.h"
#include "common/ring/ledger.h"

/* NULL or "" = absent. OUTCOME_NONE and a frame that parses, or FILTERED_NO_FRAME (no frame at
 * all), REJECTED_HEX, REJECTED_FRAME, REJECTED_ENVELOPE (a path_json that is no path). *out_frame
 * borrows from raw. */
NODISCARD enum outcome import_frame_make(const char *transmission_hex, const char *own_hex,
                                         const char *path_json,
                                         uint8_t raw[static MESHCORE_FRAME_MAX], size_t *out_len,
                                         struct meshcore_frame *out_frame);
