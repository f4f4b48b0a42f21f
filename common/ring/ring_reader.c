/* SPDX-License-Identifier: MIT */
#include "common/ring/ring_reader.h"

#include "common/base/clock.h"
#include "common/ring/ring_files.h"
#include "common/ring/ring_guard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define INFLIGHT_SET UINT64_C(1) /* offsets are multiples of 8: the low bits are free */
#define STRIKES_MASK UINT64_C(7)

struct ring_reader {
    /* constant after open */
    struct ring_map map;
    /* the flusher's thread only */
    struct ring_head head; /* as last looked at */
    struct ring_cursor at; /* the next record */
    struct ring_cursor tail;
};

/* R1. */
ASSERT_ONLY static bool positions_are_sane(const struct ring_reader *reader)
{
    const struct ring_head *const head = &reader->head;
    return reader->tail.number <= reader->at.number && reader->at.number <= head->next_no &&
           reader->tail.offset <= reader->at.offset && reader->at.offset <= head->write_off;
}

/* --- what is published ------------------------------------------------------------------------ */

/* A head that can't be read (damaged while we run) leaves the last good one: the next push writes
 * it anew. So does one that goes back. */
static void refresh_head(struct ring_reader *reader)
{
    struct ring_head head;
    if (ring_head_read(&reader->map, &head) && head.write_off >= reader->head.write_off &&
        head.next_no >= reader->head.next_no && head.received >= reader->head.received)
        reader->head = head;
}

static bool is_of_this_boot(const struct ring_map *map)
{
    char boot_id[CLOCK_BOOT_ID_BYTES];
    clock_boot_id(boot_id);
    return clock_is_same_boot(boot_id, map->fixed.boot_id);
}

/* A sealed ring's head is final. An unsealed one of an earlier boot has not met its writer
 * yet (or has none any more): we find here what that writer will find and publish. */
static void finalize_head(struct ring_reader *reader)
{
    /* The seal first: the head that is read behind it is the last one. */
    const bool is_sealed = ring_is_sealed(&reader->map);
    const bool is_readable = ring_head_read(&reader->map, &reader->head);
    if (is_readable && (is_sealed || is_of_this_boot(&reader->map)))
        return;
    IGNORE(ring_head_recover(&reader->map, &reader->head), "the writer's report has this count");
}

enum status ring_reader_open(const char *path, struct ring_reader **out_reader, struct err *err)
{
    struct ring_reader *const reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, path, "no memory for a ring handle");
    const enum status status = ring_map_open(path, &reader->map, err);
    if (status != STATUS_OK) {
        free(reader);
        return status;
    }
    ring_guard_set_reader(reader->map.header);
    finalize_head(reader);
    const struct ring_cursor start = {.offset = 0, .number = reader->map.fixed.first_number};
    /* A lost tail frees nothing and loses nothing: the database's cursor is ahead of it. */
    if (!ring_tail_read(&reader->map, &reader->tail) ||
        reader->tail.number > reader->head.next_no || reader->tail.offset > reader->head.write_off)
        reader->tail = start;
    reader->at = reader->tail;
    *out_reader = reader;
    return STATUS_OK;
}

void ring_reader_close(struct ring_reader *reader)
{
    if (reader == NULL)
        return;
    ring_map_close(&reader->map);
    free(reader);
}

bool ring_reader_is_sealed(const struct ring_reader *reader)
{
    return ring_is_sealed(&reader->map);
}

void ring_reader_info(const struct ring_reader *reader, struct ring_info *out)
{
    const struct ring_static *const fixed = &reader->map.fixed;
    *out = (struct ring_info){
        .created = fixed->created,
        .chain_created = fixed->chain_created,
        .sealed = ring_reader_is_sealed(reader),
        .is_in_place = ring_map_is_in_place(&reader->map),
        .tail = reader->tail,
        .capacity_records = fixed->capacity_records,
        .capacity_bytes = fixed->capacity_bytes,
    };
    memcpy(out->source, fixed->source, RING_SOURCE_MAX); /* the last byte of source stays NUL */
    memcpy(out->uuid, fixed->uuid, sizeof out->uuid);
    memcpy(out->chain, fixed->chain, sizeof out->chain);
}

void ring_reader_receiver_tuple(const struct ring_reader *reader, struct receiver_tuple *out)
{
    struct ring_head head;
    if (!ring_head_read(&reader->map, &head) || head.received < reader->head.received)
        head = reader->head;
    ring_head_to_tuple(&head, out);
}

void ring_reader_backlog(const struct ring_reader *reader, uint64_t *out_records,
                         uint64_t *out_bytes)
{
    struct ring_head head;
    if (!ring_head_read(&reader->map, &head) || head.next_no < reader->head.next_no)
        head = reader->head;
    *out_records = head.next_no > reader->at.number ? head.next_no - reader->at.number : 0;
    *out_bytes = head.write_off > reader->at.offset ? head.write_off - reader->at.offset : 0;
}

/* --- looking for a record -------------------------------------------------------------------- */

/* Where the search goes on when nothing valid stands at `offset`: the next lap where no record
 * header fits the rest, else the next place a record can begin. */
static uint64_t step_over(const struct ring_map *map, uint64_t offset)
{
    const uint64_t rest = ring_lap_rest(map, offset);
    return offset + (rest < sizeof(struct ring_record_header) ? rest : RING_RECORD_ALIGN);
}

/* The first valid message at or behind `from`, in offset and number.
 * False: none is published. */
static bool find_record(const struct ring_reader *reader, const struct ring_cursor *from,
                        struct ring_record_header *out)
{
    const uint64_t end = reader->head.write_off;
    const uint64_t capacity = reader->map.fixed.capacity_bytes;
    /* What is more than a lap behind the head is overwritten: don't look at each of its places. */
    uint64_t offset = max_u64(from->offset, end > capacity ? end - capacity : 0);
    while (offset < end) {
        if (!ring_record_read(&reader->map, offset, out) || offset + out->length > end) {
            offset = step_over(&reader->map, offset);
            continue;
        }
        if ((out->flags & RING_FLAG_PAD) == 0 && out->number >= from->number &&
            out->number < reader->head.next_no)
            return true;
        offset += out->length;
    }
    return false;
}

/* --- position --------------------------------------------------------------------------------- */

/* Where reading starts in a ring that has gone back behind the cursor: nothing from there on was
 * ever read. Where the writer began is not known of one that an older program wrote, and of one
 * that nobody wrote since: what was read before is then read again from the tail, and told by its
 * content to be a duplicate. */
static struct ring_cursor find_fork(const struct ring_reader *reader,
                                    const struct ring_cursor *cursor)
{
    const struct ring_cursor tail = reader->tail;
    struct ring_cursor opened;
    if (ring_opened_read(&reader->map, &reader->head, &opened) && opened.number < cursor->number)
        return opened.number > tail.number && opened.offset >= tail.offset ? opened : tail;
    if (cursor->number <= reader->head.next_no)
        return tail;
    return (struct ring_cursor){.offset = reader->head.write_off, .number = reader->head.next_no};
}

/* Does the record that the cursor passed last stand here, and is it another one? One that was freed
 * may be overwritten: it is not looked for. */
static bool is_contradicted(const struct ring_reader *reader, const struct ring_cursor *cursor)
{
    struct ring_record_header record;
    if (cursor->passed == 0 || cursor->number <= reader->tail.number)
        return false;
    const struct ring_cursor passed = {.offset = reader->tail.offset, .number = cursor->number - 1};
    return find_record(reader, &passed, &record) && record.number == passed.number &&
           cursor->passed != (RING_PASSED | record.crc);
}

void ring_reader_seek(struct ring_reader *reader, const struct ring_cursor *cursor,
                      uint64_t *out_gap, uint64_t *out_forgotten)
{
    refresh_head(reader);
    const uint64_t end_offset = reader->head.write_off;
    *out_gap = 0;
    *out_forgotten = 0;
    reader->at = *cursor;
    if (cursor->number > reader->head.next_no || is_contradicted(reader, cursor)) {
        reader->at = find_fork(reader, cursor);
        *out_forgotten = cursor->number - reader->at.number;
    } else if (cursor->number < reader->tail.number) {
        /* Numbers below the ring's first belong to its predecessors, whose readers count them. */
        *out_gap = reader->tail.number - max_u64(cursor->number, reader->map.fixed.first_number);
        reader->at = reader->tail;
    } else if (cursor->offset < reader->tail.offset || cursor->offset > end_offset ||
               cursor->offset % RING_RECORD_ALIGN != 0) {
        /* Number and offset contradict each other. The number rules: read from the tail, pass over
         * what was consumed. */
        reader->at.offset = reader->tail.offset;
    }
    assert(positions_are_sane(reader));
}

void ring_reader_confirm(struct ring_reader *reader)
{
    ring_opened_clear(reader->map.header);
}

void ring_reader_position(const struct ring_reader *reader, struct ring_cursor *out)
{
    *out = reader->at;
}

void ring_reader_rewind(struct ring_reader *reader, const struct ring_cursor *to)
{
    assert(positions_are_sane(reader));
    reader->at = *to;
    assert(positions_are_sane(reader));
}

void ring_reader_free(struct ring_reader *reader, const struct ring_cursor *to)
{
    assert(positions_are_sane(reader));
    if (to->number < reader->tail.number || to->offset < reader->tail.offset ||
        to->number > reader->head.next_no || to->offset > reader->head.write_off)
        return; /* never backwards, never past what was published (I1) */
    if (to->number == reader->tail.number && to->offset == reader->tail.offset)
        return;
    reader->tail = *to;
    assert(positions_are_sane(reader));
    ring_tail_write(reader->map.header, to);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void fill_message(const struct ring_reader *reader, const struct ring_record_header *record,
                         struct ring_message *out)
{
    const uint8_t *const body = reader->map.data +
                                record->offset % reader->map.fixed.capacity_bytes +
                                sizeof(struct ring_record_header);
    *out = (struct ring_message){
        .topic = (const char *)body,
        .payload = body + record->topic_len,
        .topic_len = record->topic_len,
        .payload_len = record->payload_len,
        .flags = record->flags,
        .receipt = record->receipt,
    };
}

static unsigned strikes_of(const struct ring_reader *reader, uint64_t offset)
{
    const uint64_t suspect =
        atomic_load_explicit(&reader->map.header->suspect, memory_order_relaxed); /* own word */
    return (suspect & ~STRIKES_MASK) == offset ? (unsigned)(suspect & STRIKES_MASK) : 0;
}

/* Nothing more to read: what is still missing up to the published number is lost, and said once. */
static enum status reach_end(struct ring_reader *reader, struct ring_record *out)
{
    const struct ring_cursor end = {.offset = reader->head.write_off,
                                    .number = reader->head.next_no};
    *out = (struct ring_record){.at = reader->at, .next = reader->at};
    if (reader->at.number < end.number) {
        out->gap = end.number - reader->at.number;
        out->next = end;
        reader->at = end;
    }
    return STATUS_AGAIN;
}

enum status ring_reader_next(struct ring_reader *reader, struct ring_record *out)
{
    assert(positions_are_sane(reader));
    if (reader->at.number >= reader->head.next_no)
        refresh_head(reader);
    struct ring_record_header record;
    if (reader->at.number >= reader->head.next_no || !find_record(reader, &reader->at, &record))
        return reach_end(reader, out);
    *out = (struct ring_record){
        .at = {.offset = record.offset, .number = record.number},
        .next = {.offset = record.offset + record.length,
                 .number = record.number + 1,
                 .passed = RING_PASSED | record.crc},
        .gap = record.number - reader->at.number,
        .strikes = strikes_of(reader, record.offset),
    };
    fill_message(reader, &record, &out->message);
    reader->at = out->next;
    return STATUS_OK;
}

/* --- the file --------------------------------------------------------------------------------- */

enum ring_file ring_reader_look(const struct ring_reader *reader, const char *path)
{
    return ring_map_look(&reader->map, path);
}

enum status ring_reader_mend(struct ring_reader *reader, const char *path, struct err *err)
{
    const enum status status = ring_map_lengthen(&reader->map, path, err);
    if (status == STATUS_OK)
        ring_tail_write(reader->map.header, &reader->tail);
    return status;
}

/* --- poison ----------------------------------------------------------------------------------- */

void ring_reader_mark_inflight(struct ring_reader *reader, const struct ring_cursor *at)
{
    /* Relaxed: only a later process of ours reads it, after our death. The calls that apply the
     * record keep the compiler from moving the store behind them. */
    atomic_store_explicit(&reader->map.header->inflight, at->offset | INFLIGHT_SET,
                          memory_order_relaxed);
}

void ring_reader_clear_inflight(struct ring_reader *reader)
{
    /* Relaxed, as above, and in the strike below: words of the reader's side alone. */
    atomic_store_explicit(&reader->map.header->inflight, 0, memory_order_relaxed);
}

void ring_reader_strike_inflight(struct ring_reader *reader)
{
    const uint64_t inflight =
        atomic_load_explicit(&reader->map.header->inflight, memory_order_relaxed);
    if ((inflight & INFLIGHT_SET) != 0) {
        const uint64_t offset = inflight & ~STRIKES_MASK;
        const uint64_t strikes = min_u64(strikes_of(reader, offset) + 1, STRIKES_MASK);
        atomic_store_explicit(&reader->map.header->suspect, offset | strikes, memory_order_relaxed);
    }
    ring_reader_clear_inflight(reader);
}
