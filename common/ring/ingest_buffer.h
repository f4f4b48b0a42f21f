/* SPDX-License-Identifier: MIT
 *
 * ingest_buffer - the ring: bounded hand-off from one receiver process to the flusher, in a mapped file
 * that survives kill -9 of both.
 *
 * Why: a checkpoint can hold the flusher for seconds, and a receive callback that waits also stops the
 * keep-alive, so the broker would drop us. Hence push never waits: when the ring is full the NEW message
 * is refused. Overwriting the oldest was rejected: it would revoke a message already counted as accepted.
 *
 * Format (version 1, native little-endian, file `<source-escaped>-<uuid>.ring`, 4096-byte header, then
 * capacity_bytes of records; byte by byte in ring_format.h). Positions are ABSOLUTE stream offsets that only
 * grow; the physical place is offset % capacity_bytes. A record is 8-byte aligned, contiguous (a pad record
 * fills the end of a lap) and holds
 *   crc32c (seeded with the ring's uuid, over all that follows but the zeros at its end), length, stream
 *   offset, record number, receipt time, flags (qos, retain, dup, priority), topic length, topic, payload.
 * It is valid only if offset, number, bounds and crc all agree. Bytes of an earlier lap can't agree: the
 * offset differs. Bytes of another ring can't: the crc is seeded with the uuid.
 *
 * The header holds: a static part (magic, version, uuid, chain, source, capacities, first number, creation
 * times, boot id, its own crc); the receiver's head {write offset, next record number, received, its
 * outcomes} TWICE, with a sequence word whose lowest bit selects the valid copy and a check word in each
 * (slots.h); the flusher's tail {free offset, free number} twice in the same way; the flusher's inflight and
 * suspect offsets; the sealed word.
 *
 * I1. 0 <= write_off - free_off <= capacity_bytes and next_no - free_no <= capacity_records.
 * I2. A message's outcome is published by ONE store (the flip of the head's sequence word): position,
 *     received, appended and the reason change together or not at all, so no kill can fall between.
 * I3. A refused push adds 1 to received and to one outcome, nothing else.
 * I4. record number n is the n-th appended message of the ring CHAIN, counted from 0, so next_no is also
 *     the chain's `appended`; a hole in the numbers is a loss and is counted as such by the reader
 *     (dropped{gap}), never skipped silently. Offsets start at 0 in each ring, numbers go on.
 * I5. A ring that can't be trusted is never repaired in place: it is SEALED (no more writes), a new file
 *     with a new uuid takes over the chain (the head's tuple and numbers go on), and the flusher drains the
 *     sealed one first. This happens when the boot id changed (the header page and the data pages reach
 *     the disk in no order, so after a reboot the write position proves nothing: the sealing scan finds the
 *     last valid record) and when the configured size changed. In the same boot, kill -9 included, the
 *     page cache makes the write position exact and the ring is simply used on. Truncating in place with an
 *     epoch was rejected: the database's cursor can be ahead of what a ring remembers after power loss,
 *     and new records would then be written behind the cursor and never read.
 *     The same happens when head or tail fail their check words. The successor stands complete on disk
 *     under its name (a temporary until then) before the old ring is sealed; of two unsealed rings the one
 *     created last is used, and `created` grows along a chain whatever the wall clock does.
 *     A file whose static header is damaged or foreign (its name included) is moved aside
 *     (`.damaged-<time>`), never deleted, and with it goes its chain's tuple: the next ring begins a new
 *     chain. A file that is shorter than it says is extended with zeros: the lost records are a gap. A ring
 *     of a later version is left alone: STATUS_NEWER.
 *
 * Processes: writer functions only in the receiver that holds the flock on `<ring path>.w` - per source, the
 * lock file is `<source-escaped>.w`, taken by the caller; reader functions only in the flusher. Within the
 * receiver, push, count, is_soft and has_room are called by one thread at a time; sync, stats and is_drained
 * may be called by others.
 * Errors: open and create report struct err; push returns an outcome and can't fail otherwise.
 * Ownership: the handles own the mapping and descriptor. Cost: push copies the message once and never
 * allocates, locks, logs or makes a system call; the caller wakes the flusher (wake_notify). 0.08 us for 500
 * bytes, plus the kernel's page fault at the first write to a page after it was synced. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/wake.h"
#include "common/ring/ledger.h"

#define RING_UUID_BYTES   16
#define RING_SOURCE_MAX   64   /* bytes of a source's name */
#define RING_TOPIC_MAX    1024 /* bytes; a longer topic is rejected{too_large} */
#define RING_HEADER_BYTES 4096
#define RING_SUFFIX       ".ring"

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

/* --- writer: the receiver -------------------------------------------------------------------------- */

struct ring_params {
    const char *dir, *source; /* borrowed for the call */
    uint64_t capacity_records, capacity_bytes;
    uint64_t max_message_bytes; /* payload */
    double soft_threshold;      /* of records or bytes, whichever is fuller */
};

struct ingest_buffer;

/* Open the source's ring, or make it (posix_fallocate: STATUS_NO_SPACE when the disk is too full), sealing
 * or moving aside what can't be used on (I5). The caller holds the source's writer lock. */
NODISCARD enum status ingest_buffer_open(const struct ring_params *params,
                                         struct ingest_buffer **out_ring, struct err *err);
void ingest_buffer_close(struct ingest_buffer *ring);
/* What opening did, for one log line: rings sealed, moved aside, records found by the sealing scan. */
struct ring_open_report {
    unsigned sealed, moved_aside;
    uint64_t recovered_records; /* beyond what the old header knew */
    bool created;
};
void ingest_buffer_open_report(const struct ingest_buffer *ring, struct ring_open_report *out);

/* True when a message without priority would be refused: records or bytes in use have reached the soft
 * threshold. A few relaxed loads; the flusher's tail is looked at only when the last known one says soft.
 * The pushing thread only. */
bool ingest_buffer_is_soft(const struct ingest_buffer *ring);

/* Returns OUTCOME_NONE when accepted, else the outcome that was counted: DROPPED_QUEUE_FULL,
 * DROPPED_SOFT (above the threshold and RING_PRIORITY not set) or REJECTED_TOO_LARGE. */
enum outcome ingest_buffer_push(struct ingest_buffer *ring, const struct ring_message *message);
/* Would push with RING_PRIORITY accept now? For QoS 1 holding, which must not count a refusal it can still
 * undo. Also true for what is too large ever to fit: waiting would not help, push rejects it at once.
 * The pushing thread only. */
bool ingest_buffer_has_room(const struct ingest_buffer *ring, uint32_t topic_len,
                            uint32_t payload_len);
/* A message that ended before the ring: received and one receiver-side outcome, in one store. An outcome of
 * the flusher's is a bug (assert). */
void ingest_buffer_count(struct ingest_buffer *ring, enum outcome outcome);

/* Has the flusher durably committed everything up to and including the last pushed record?
 * (ingestAsync false: PUBACK waits for this.) Any thread of the receiver. */
bool ingest_buffer_is_drained(const struct ingest_buffer *ring);

struct ring_stats {
    struct receiver_tuple tuple;
    uint64_t records, bytes; /* in use: pushed and not yet freed */
    uint64_t capacity_records, capacity_bytes;
    uint64_t high_water_records; /* since open */
    wall_us created;             /* of the chain */
    uint8_t uuid[RING_UUID_BYTES], chain[RING_UUID_BYTES];
};
/* Any thread of the receiver. */
void ingest_buffer_stats(const struct ingest_buffer *ring, struct ring_stats *out);

/* msync of what was written since the last call, records first, then the header; any one thread, beside
 * push. STATUS_IO: the caller stops trusting; the next call tries the same range again. */
NODISCARD enum status ingest_buffer_sync(struct ingest_buffer *ring);

/* --- reader: the flusher --------------------------------------------------------------------------- */

struct ring_cursor {
    uint64_t offset, number; /* the next record to read */
};

struct ring_reader;

struct ring_info {
    char source[65];
    uint8_t uuid[RING_UUID_BYTES], chain[RING_UUID_BYTES];
    wall_us created; /* of this ring; orders the rings of a chain */
    wall_us chain_created;
    bool sealed;
    struct ring_cursor tail; /* what was freed */
};

/* Map an existing ring read-write (for the tail and inflight words). STATUS_CORRUPT: not a usable ring
 * (the caller moves it aside with ring_move_aside). STATUS_NOT_FOUND, _NEWER, _NO_SPACE (a short file could
 * not be extended), _IO, _NO_MEMORY: leave it where it is. A ring of an earlier boot that its writer has not
 * sealed yet is read up to the same position at which that writer will seal it. */
NODISCARD enum status ring_reader_open(const char *path, struct ring_reader **out_reader,
                                       struct err *err);
void ring_reader_close(struct ring_reader *reader);
void ring_reader_info(const struct ring_reader *reader, struct ring_info *out);
/* Re-read from the header: the writer may seal a ring while it is open here. */
bool ring_reader_is_sealed(const struct ring_reader *reader);

/* Start at the later of `cursor` and the tail; numbers decide, offsets only say where.
 * *out_gap = records that can never be read again because the cursor is behind the tail (a restored
 * backup): count them as dropped{gap}. Numbers before this ring's first belong to its predecessors and are
 * none, so the cursor {0, 0} of a ring that the database never saw is right in every ring of a chain.
 * *out_forgotten = records the cursor has consumed but the ring no longer knows (power loss, or a spool that
 * was restored): count them as `recovered`. Reading then goes on at the published position. Save that lower
 * cursor in the same transaction, or the next seek says the same again. */
void ring_reader_seek(struct ring_reader *reader, const struct ring_cursor *cursor,
                      uint64_t *out_gap, uint64_t *out_forgotten);

struct ring_record {
    struct ring_message message; /* borrows the mapping until the record is freed */
    struct ring_cursor at;       /* of this record */
    struct ring_cursor next;     /* position behind it */
    uint64_t gap;     /* records lost before it (damaged bytes), already counted nowhere */
    unsigned strikes; /* how often a flusher died on it (poison) */
};
/* STATUS_OK; STATUS_AGAIN when nothing more is published - and then out->gap may be > 0 with out->next
 * valid (it always is): the tail end of the ring is damaged up to the published position. The reader has
 * moved behind a gap it reported: the next call does not report it again, a rewind does. */
NODISCARD enum status ring_reader_next(struct ring_reader *reader, struct ring_record *out);
/* Published and not yet read: records (an estimate while the writer writes) and bytes. */
void ring_reader_backlog(const struct ring_reader *reader, uint64_t *out_records,
                         uint64_t *out_bytes);
/* Where the next record is expected. */
void ring_reader_position(const struct ring_reader *reader, struct ring_cursor *out);
/* Go back to an earlier position (after a rollback). */
void ring_reader_rewind(struct ring_reader *reader, const struct ring_cursor *to);
/* The records before `to` are durable in the database (FULL commit): their space may be written again. A
 * position behind the tail or past what is published is ignored. */
void ring_reader_free(struct ring_reader *reader, const struct ring_cursor *to);
void ring_reader_receiver_tuple(const struct ring_reader *reader, struct receiver_tuple *out);

/* Poison (architecture.md): mark before applying, clear after. */
void ring_reader_mark_inflight(struct ring_reader *reader, const struct ring_cursor *at);
void ring_reader_clear_inflight(struct ring_reader *reader);
/* The previous flusher died in a way that is a strike against the record it had in flight. Call once after
 * open, on every ring, when the supervisor says so; without a strike call _clear_inflight. */
void ring_reader_strike_inflight(struct ring_reader *reader);

/* Rename to `<path>.damaged-<unix time>`. */
NODISCARD enum status ring_move_aside(const char *path, struct err *err);
/* The lock file of a source's writer: `<dir>/<source-escaped>.w`. Returns false when it does not fit. */
bool ring_lock_path(const char *dir, const char *source, char *out, size_t cap);
/* Escape a source name for a file name: bytes outside [A-Za-z0-9_.] become %XX, at most 192 bytes. */
void ring_escape_source(const char *source, char *out, size_t cap);
