/* SPDX-License-Identifier: MIT
 *
 * ring_reader - the reader's side of a ring (ring.h): the flusher takes messages out, frees what is
 * durable, and remembers which record it died on.
 *
 * The file may be damaged, also while it is read: no position, length or text of it is believed
 * unchecked, and what is lost is reported as a gap, never passed over silently (I4).
 * R1. tail <= position <= published, in offset and number, at every entry (asserted). What was
 *     freed is never read again, and nothing is read that the writer has not published.
 *
 * Processes and threads: the flusher's main thread only. Errors: open reports struct err.
 * Ownership: the handle owns the mapping and its descriptor; records borrow from the mapping.
 * Cost: one crc over each record; nothing is copied. */
#pragma once

#include "common/base/err.h"
#include "common/ring/ledger.h"
#include "common/ring/ring.h"

struct ring_reader;

struct ring_info {
    char source[RING_SOURCE_MAX + 1];
    uint8_t uuid[RING_UUID_BYTES], chain[RING_UUID_BYTES];
    wall_us created; /* of this ring; orders the rings of a chain */
    wall_us chain_created;
    bool sealed, is_in_place; /* in place: where its writer left it, no copy */
    struct ring_cursor tail;  /* what was freed */
    uint64_t capacity_records, capacity_bytes;
};

/* Map an existing ring read-write (for the tail and inflight words). STATUS_CORRUPT: not a usable
 * ring (the caller moves it aside with ring_move_aside). STATUS_NOT_FOUND, _NEWER, _NO_SPACE (a
 * short file could not be extended), _IO, _NO_MEMORY: leave it where it is. A ring of an earlier
 * boot that its writer has not sealed yet is read up to the same position at which that writer
 * will seal it. */
NODISCARD enum status ring_reader_open(const char *path, struct ring_reader **out_reader,
                                       struct err *err);
void ring_reader_close(struct ring_reader *reader);
void ring_reader_info(const struct ring_reader *reader, struct ring_info *out);
/* Re-read from the header: the writer may seal a ring while it is open here. */
bool ring_reader_is_sealed(const struct ring_reader *reader);

/* Start at the later of `cursor` and the tail; numbers decide, offsets only say where.
 * A ring that holds another record, and a valid one, where the cursor says what it passed has gone
 * back to an older state and was filled again; so has one that ends before the cursor. Then reading
 * starts where its writer began since (or, where that is not known, at the tail or at the end).
 * *out_gap = records that can never be read again because the cursor is behind the tail (a restored
 * backup): count them as dropped{gap}. Numbers before this ring's first belong to its predecessors
 * and are none, so the cursor {0, 0} of a ring that the database never saw is right in every ring
 * of a chain. *out_forgotten = records the cursor has consumed but the ring no longer knows (power
 * loss, or a spool that was restored): count them as `recovered`. Save that lower cursor in the
 * same transaction, or the next seek says the same again. */
void ring_reader_seek(struct ring_reader *reader, const struct ring_cursor *cursor,
                      uint64_t *out_gap, uint64_t *out_forgotten);

struct ring_record {
    struct ring_message message; /* borrows the mapping until the record is freed */
    struct ring_cursor at;       /* of this record */
    struct ring_cursor next;     /* position behind it */
    uint64_t gap;     /* records lost before it (damaged bytes), already counted nowhere */
    unsigned strikes; /* how often a flusher died on it (poison) */
};
/* STATUS_OK; STATUS_AGAIN when nothing more is published - and then out->gap may be > 0 with
 * out->next valid (it always is): the tail end of the ring is damaged up to the published
 * position. The reader has moved behind a gap it reported: the next call does not report it again,
 * a rewind does. */
NODISCARD enum status ring_reader_next(struct ring_reader *reader, struct ring_record *out);
/* Published and not yet read: records (an estimate while the writer writes) and bytes. */
void ring_reader_backlog(const struct ring_reader *reader, uint64_t *out_records,
                         uint64_t *out_bytes);
/* All that was written so far is known to be what it was (a seek, and a durable commit behind it):
 * from here on only what a writer begins anew is in doubt. */
void ring_reader_confirm(struct ring_reader *reader);
/* Where the next record is expected. */
void ring_reader_position(const struct ring_reader *reader, struct ring_cursor *out);
/* Go back to an earlier position (after a rollback), not behind what was freed. */
void ring_reader_rewind(struct ring_reader *reader, const struct ring_cursor *to);
/* The records before `to` are durable in the database (FULL commit): their space may be written
 * again. A position behind the tail or past what is published is ignored; one past what was read
 * breaks R1. */
void ring_reader_free(struct ring_reader *reader, const struct ring_cursor *to);
void ring_reader_receiver_tuple(const struct ring_reader *reader, struct receiver_tuple *out);

/* What became of the file, whose name is `path`. */
enum ring_file ring_reader_look(const struct ring_reader *reader, const char *path);
/* One that was cut: as long again, and what was freed is said again. The rest is the writer's. */
NODISCARD enum status ring_reader_mend(struct ring_reader *reader, const char *path,
                                       struct err *err);

/* Poison (architecture.md): mark before applying, clear after. */
void ring_reader_mark_inflight(struct ring_reader *reader, const struct ring_cursor *at);
void ring_reader_clear_inflight(struct ring_reader *reader);
/* The previous flusher died in a way that is a strike against the record it had in flight. Call
 * once after open, on every ring, when the supervisor says so; without a strike call
 * _clear_inflight. */
void ring_reader_strike_inflight(struct ring_reader *reader);
