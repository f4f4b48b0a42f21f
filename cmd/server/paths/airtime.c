/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/airtime.h"

#include <math.h>
#include <stdio.h>

#define SLOW_SYMBOL_S 0.016 /* from here on the low data rate optimisation is on */

bool lora_preset_read(const char *radio, struct lora_preset *out)
{
    double mhz;
    double khz;
    unsigned sf;
    unsigned cr;
    if (radio == NULL || sscanf(radio, "%lf,%lf,%2u,%2u", &mhz, &khz, &sf, &cr) != 4)
        return false;
    if (!(mhz >= 100 && mhz <= 3000) || !(khz >= 5 && khz <= 1000) || sf < 5 || sf > 12 || cr < 5 ||
        cr > 8)
        return false;
    *out = (struct lora_preset){mhz * 1e6, khz, sf, cr};
    return true;
}

unsigned lora_preamble(const struct lora_preset *preset)
{
    return preset->sf <= 8 ? 32 : 16;
}

uint64_t lora_airtime_ns(const struct lora_preset *preset, size_t frame_bytes)
{
    const double symbol_s = (double)(1U << preset->sf) / (preset->bw_khz * 1000);
    const double sf = preset->sf;
    const double bits = 8 * (double)frame_bytes - 4 * sf + 28 + 16;
    const double of_symbol = 4 * (symbol_s >= SLOW_SYMBOL_S ? sf - 2 : sf);
    const double payload = 8 + fmax(ceil(bits / of_symbol) * preset->cr, 0);
    return (uint64_t)llround((lora_preamble(preset) + 4.25 + payload) * symbol_s * 1e9);
}
