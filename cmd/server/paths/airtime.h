/* SPDX-License-Identifier: MIT
 *
 * airtime - how long a frame is on the air: LoRa's closed form (Semtech AN1200.13; explicit header,
 * CRC), with MeshCore's preamble of 32 symbols up to SF 8 and 16 above. Pure. */
#pragma once

#include "common/base/base.h"

struct lora_preset {
    double freq_hz, bw_khz;
    unsigned sf, cr; /* cr: 5 to 8, of 4/5 to 4/8 */
};

/* "910.525,62.5,7,5", as observers' statuses write it. False: it is not, or out of range. */
NODISCARD bool lora_preset_read(const char *radio, struct lora_preset *out);
unsigned lora_preamble(const struct lora_preset *preset); /* symbols */
/* Nanoseconds. */
uint64_t lora_airtime_ns(const struct lora_preset *preset, size_t frame_bytes);
