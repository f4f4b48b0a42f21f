/* SPDX-License-Identifier: MIT
 *
 * ring - a bounded hand-off from one receiver process to the flusher, in a mapped file that
 * survives kill -9 of both. This is its specification and the words both ends use; the writer's
 * functions are in ingest_buffer.h, the reader's in ring_reader.h, file names in ring_names.h.
 *
 * Why: a checkpoint can hold the flusher for seconds, and a receive callback that waits also stops
 * the keep-alive, so the broker would drop us. Hence push never waits: when the ring is full the
 * NEW message is refused. Overwriting the oldest was rejected: it would revoke a message already
 * counted as accepted.
 *
 * Format (version 1, native little-endian, file `<source-escaped>-<uuid>.ring`, 4096-byte header,
 * then capacity_bytes of records; byte by byte in ring_format.h). Positions are ABSOLUTE stream
 * offsets that only grow; the physical place is offset % capacity_bytes. A record is 8-byte
 * aligned, contiguous (a pad record fills the end of a lap) and holds
 *   crc32c (seeded with the ring's uuid, over all that follows but the zeros at its end), length,
 *   stream offset, record number, receipt time, flags (qos, retain, dup, priority), topic length,
 *   topic, payload.
 * It is valid only if offset, number, bounds and crc all agree. Bytes of an earlier lap can't
 * agree: the offset differs. Bytes of another ring can't: the crc is seeded with the uuid.
 *
 * The header holds: a static part (magic, version, uuid, chain, source, capacities, first number,
 * creation times, boot id, its own crc); the receiver's head {write offset, next record number,
 * received, its outcomes} in A/B slots (slots.h); the flusher's tail {free offset, free number}
 * likewise; the flusher's inflight and suspect offsets; the sealed word.
 *
 * I1. 0 <= write_off - free_off <= capacity_bytes and next_no - free_no <= capacity_records.
 * I2. A message's outcome is published by ONE store (the flip of the head's sequence word):
 *     position, received, appended and the reason change together or not at all, so no kill can
 *     fall between.
 * I3. A refused push adds 1 to received and to one outcome, nothing else.
 * I4. record number n is the n-th appended message of the ring CHAIN, counted from 0, so next_no
 *     is also the chain's `appended`; a hole in the numbers is a loss and is counted as such by
 *     the reader (dropped{gap}), never skipped silently. Offsets start at 0 in each ring,
 *     numbers go on.
 * I5. A ring that can't be trusted is never repaired in place: it is SEALED (no more writes), a new
 *     file with a new uuid takes over the chain, and the flusher drains the sealed one first
 *     (ring_open.h).
 * I6. An open ring whose file lost its name is put back under it by its writer, whole, before
 *     anything else is written: until then all of it hangs on two mappings. Its writer also makes
 *     one whole that was cut, from the counts in its own memory. A ring is used on only where its
 *     writer left it (device, inode, birth): a copy is an older state, and sealed.
 *
 * Processes: the writer is the receiver that holds the flock on `<source-escaped>.w`; the reader is
 * the flusher. Nobody else opens a ring. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define RING_UUID_BYTES   16
#define RING_SOURCE_MAX   64   /* bytes of a source's name */
#define RING_TOPIC_MAX    1024 /* bytes; a longer topic is rejected{too_large} */
#define RING_HEADER_BYTES 4096

/* What has become of an open ring's file, which others can delete, replace or cut short. */
#define RING_FILE_LIST(X)                                                                          \
    X(WHOLE, "whole")                                                                              \
    X(CUT, "cut short or overwritten")                                                             \
    X(NAMELESS, "deleted")                                                                         \
    X(REPLACED, "replaced")
enum ring_file {
#define X(id, text) RING_FILE_##id,
    RING_FILE_LIST(X)
#undef X
};
static inline const char *ring_file_text(enum ring_file file)
{
    static const char *const texts[] = {
#define X(id, text) text,
        RING_FILE_LIST(X)
#undef X
    };
    return texts[file];
}

enum ring_flags { /* of one message */
                  RING_QOS_MASK = 3,
                  RING_RETAIN = 4,
                  RING_DUP = 8,
                  RING_PRIORITY = 16, /* admission class under backpressure */
                  RING_PERSISTENT = 32,
};

struct ring_message {
    const char *topic; /* not NUL-terminated */
    const uint8_t *payload;
    uint32_t topic_len, payload_len;
    uint32_t flags;
    wall_us receipt;
};

/* A position: where the next record is or will be. Numbers decide, offsets only say where.
 * A number is no identity: an older state of the file may come back and be filled again, with other
 * messages under the same numbers. So a position that was read up to names the record before it. */
struct ring_cursor {
    uint64_t offset, number;
    uint64_t passed; /* RING_PASSED | crc of the record before it; 0 = unknown, and believed */
};
#define RING_PASSED (UINT64_C(1) << 32)
