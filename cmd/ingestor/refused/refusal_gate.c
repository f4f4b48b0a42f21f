/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/refused/refusal_gate.h"

#include "common/base/crc32c.h"

#include <string.h>

static unsigned half(unsigned n)
{
    return (n + 1) / 2;
}

bool refusal_gate_take(struct refusal_gate *gate, const char *source, enum outcome outcome,
                       mono_us now)
{
    if (gate->total > 0 && now - gate->began >= US_PER_S)
        gate->total = 0;
    if (gate->total == 0)
        gate->began = now;
    if (gate->total == REFUSALS_PER_SECOND)
        return false;
    const uint32_t name = crc32c(0, source, strlen(source));
    unsigned of_source = 0;
    unsigned of_rule = 0;
    for (unsigned i = 0; i < gate->total; i++) {
        of_source += gate->taken[i].source == name;
        of_rule += gate->taken[i].source == name && gate->taken[i].outcome == outcome;
    }
    const unsigned share = half(REFUSALS_PER_SECOND - (gate->total - of_source));
    if (of_source >= share || of_rule >= half(share - (of_source - of_rule)))
        return false;
    gate->taken[gate->total].source = name;
    gate->taken[gate->total].outcome = outcome;
    gate->total++;
    return true;
}
