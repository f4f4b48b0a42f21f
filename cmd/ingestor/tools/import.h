/* SPDX-License-Identifier: MIT
 *
 * import - `ingestor --import FILE`: a CoreScope database becomes ours (README, "Switching
 * from CoreScope").
 *
 * Every observation goes the way of a message: frame (import_frame), the lists of the
 * configuration, frame rules, content hash, store_packet. Hashes, types, channels and nodes
 * therefore follow from the frames; what CoreScope had derived is not read. Times and observers are
 * kept, under the source "import". A row that names no observer belongs to the observer "unknown":
 * somebody heard that packet.
 * I1. Where the import is stands in the table jobs, in the transaction of the rows: killed at any
 *     moment and run again, it goes on. The job's name covers the file's identity and what decides
 *     about rows (signatureMode, lists, geo_filter), so after a change of either all rows are
 *     looked at anew, and those that are there are duplicates.
 * I2. Nodes come from verified adverts only; of CoreScope's own node table only an earlier
 *     first_seen is taken.
 * I3. observers.last_seen becomes a last sign of life, where it is not in the future; an observer's
 *     other values count as said at that time. */
#pragma once

#include "common/config/config.h"

#define IMPORT_SOURCE "import"

/* Takes ownership of *config. Exit codes: those of tool.h; 65 the file is no CoreScope database. */
int import_run(struct config *config, const char *file);
