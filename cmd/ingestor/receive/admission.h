/* SPDX-License-Identifier: MIT
 *
 * admission - which messages still enter a ring above its soft threshold. Two classes: priority is
 * adverts, observer statuses, text messages, traces, and the first sighting of any packet; the rest
 * is dropped{soft_backpressure}.
 *
 * Why: in a burst ten observers report the same packet; nine reports can be lost without losing the
 * packet. This is the receive callback under pressure, so nothing is parsed: memmem for "raw", the
 * type from the header byte, the packet's identity = crc32c of the hex behind the path. It may err
 * only towards priority:
 *   - a payload with several "raw" keys has the class of the best of them;
 *   - one in lower case, or whose slot was taken by another packet, counts as new again;
 *   - only what the ring accepted is remembered (admission_remember after push): a sighting that
 *     was refused must not make the next one look like a repetition.
 * (Two different packets with one crc, 1 in 4 billion, are the exception. The ledger counts it
 * like any drop.)
 *
 * Used only above the threshold; admission_reset each time it is crossed upwards. Threads: the
 * pushing one. Ownership: caller's memory, 256 KiB: not on a stack. Cost: 0.2 us for an ordinary
 * packet, linear in the payload. */
#pragma once

#include "common/ring/ring.h"

#define ADMISSION_SLOTS 65536

struct admission {
    uint32_t slots[ADMISSION_SLOTS]; /* crc of the last packet seen there; 0 = none */
};

struct admission_class {
    bool is_priority;
    uint32_t sighting; /* for admission_remember; 0 = no packet in it */
};

/* Forget all sightings. */
void admission_reset(struct admission *admission);
struct admission_class admission_classify(const struct admission *admission,
                                          const struct ring_message *message);
/* The ring accepted the message of this class. */
void admission_remember(struct admission *admission, const struct admission_class *class);
