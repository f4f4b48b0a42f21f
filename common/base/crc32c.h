/* SPDX-License-Identifier: MIT
 *
 * crc32c - the Castagnoli checksum (polynomial 0x1EDC6F41, reflected), as in iSCSI, ext4 and btrfs.
 *
 * Why this one: x86 and ARM compute it in hardware, 8 bytes in 3 cycles, and it finds every burst
 * up to 32 bits.
 * Not a defence against someone who forges: whoever can write the ring file can do worse.
 * Threads: pure. Cost: 500 bytes 0.06 us with the instruction, 1 us with the table. */
#pragma once

#include "common/base/base.h"

/* Continue `crc` (0 to start) over `len` bytes: crc32c(crc32c(0, a), b) is the checksum of a
 * followed by b. The choice between hardware and table is one predictable branch per call. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

/* The two halves, so that a test can hold them against each other. crc32c_hardware falls back to
 * the table where crc32c_has_hardware says false. */
bool crc32c_has_hardware(void);
uint32_t crc32c_hardware(uint32_t crc, const void *bytes, size_t len);
uint32_t crc32c_table(uint32_t crc, const void *bytes, size_t len);
