/* SPDX-License-Identifier: MIT */
#include "common/ring/ingest_buffer.h"

#include "common/ring/ring_files.h"
#include "common/ring/ring_names.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct ingest_buffer {
    /* constant after open */
    struct ring_map map;
    char path[PATH_MAX];
    struct ring_open_report report;
    uint64_t soft_records, soft_bytes;
    uint64_t max_payload_bytes, max_record_bytes;
    size_t page_bytes;
    /* the pushing thread only */
    struct ring_head head; /* what is published, plus the message in hand */
    /* atomic: relaxed, written by the pushing thread; the pair may be torn for others, who
     * only display it */
    _Atomic uint64_t tail_offset, tail_number; /* the flusher's tail as last looked at */
    _Atomic uint64_t high_water_records;
    /* the syncing thread only */
    uint64_t synced_off, synced_seq;
};

/* --- how full --------------------------------------------------------------------------------- */

static struct ring_cursor known_tail(const struct ingest_buffer *ring)
{
    /* Relaxed: our own words. What they allow to be overwritten was acquired with the tail. */
    return (struct ring_cursor){
        .offset = atomic_load_explicit(&ring->tail_offset, memory_order_relaxed),
        .number = atomic_load_explicit(&ring->tail_number, memory_order_relaxed),
    };
}

/* The flusher's tail now. One that goes back or passes the head is damage: the older one is safe,
 * it only makes the ring look fuller. Pushing thread only. */
static struct ring_cursor current_tail(const struct ingest_buffer *ring)
{
    const struct ring_cursor known = known_tail(ring);
    struct ring_cursor tail;
    if (!ring_tail_read(&ring->map, &tail) || tail.offset < known.offset ||
        tail.number < known.number || tail.offset > ring->head.write_off ||
        tail.number > ring->head.next_no)
        return known;
    return tail;
}

/* I1, against the tail as last looked at: the real one can only be nearer to the head.
 * Pushing thread only. */
ASSERT_ONLY static bool positions_are_sane(const struct ingest_buffer *ring)
{
    const struct ring_head *const head = &ring->head;
    const struct ring_cursor tail = known_tail(ring);
    return tail.offset <= head->write_off && tail.number <= head->next_no &&
           head->write_off - tail.offset <= ring->map.fixed.capacity_bytes &&
           head->next_no - tail.number <= ring->map.fixed.capacity_records &&
           head->write_off % RING_RECORD_ALIGN == 0;
}

/* I2, I3: every message received ended in one outcome. */
ASSERT_ONLY static bool counts_add_up(const struct ring_head *head)
{
    uint64_t ended = head->next_no;
    for (size_t i = 0; i < RING_OUTCOME_SLOTS; i++)
        ended += head->outcomes[i];
    return head->received == ended;
}

/* Bytes of padding before a record of this size: none, or what is left of the lap. */
static uint64_t padding_before(const struct ingest_buffer *ring, uint64_t record_bytes)
{
    const uint64_t rest = ring_lap_rest(&ring->map, ring->head.write_off);
    return rest < record_bytes ? rest : 0;
}

static bool fits(const struct ingest_buffer *ring, struct ring_cursor tail, uint64_t record_bytes)
{
    const uint64_t end = ring->head.write_off + padding_before(ring, record_bytes) + record_bytes;
    return end - tail.offset <= ring->map.fixed.capacity_bytes &&
           ring->head.next_no - tail.number < ring->map.fixed.capacity_records;
}

static bool is_above_soft(const struct ingest_buffer *ring, struct ring_cursor tail)
{
    return ring->head.next_no - tail.number >= ring->soft_records ||
           ring->head.write_off - tail.offset >= ring->soft_bytes;
}

static bool is_too_large(const struct ingest_buffer *ring, uint32_t topic_len, uint32_t payload_len)
{
    return topic_len > RING_TOPIC_MAX || payload_len > ring->max_payload_bytes ||
           ring_record_bytes(topic_len, payload_len) > ring->max_record_bytes;
}

bool ingest_buffer_is_soft(const struct ingest_buffer *ring)
{
    assert(positions_are_sane(ring));
    return is_above_soft(ring, known_tail(ring)) && is_above_soft(ring, current_tail(ring));
}

bool ingest_buffer_has_room(const struct ingest_buffer *ring, uint32_t topic_len,
                            uint32_t payload_len)
{
    assert(positions_are_sane(ring));
    const uint64_t bytes = ring_record_bytes(topic_len, payload_len);
    return is_too_large(ring, topic_len, payload_len) || fits(ring, known_tail(ring), bytes) ||
           fits(ring, current_tail(ring), bytes);
}

/* --- push ------------------------------------------------------------------------------------- */

static void publish(struct ingest_buffer *ring)
{
    ring->head.received++;
    assert(positions_are_sane(ring));
    assert(counts_add_up(&ring->head));
    ring_head_write(ring->map.header, &ring->head);
}

void ingest_buffer_count(struct ingest_buffer *ring, enum outcome outcome)
{
    assert(positions_are_sane(ring));
    assert(outcome < OUTCOME_COMMITTED); /* the others are the flusher's to count */
    ring->head.outcomes[outcome]++;
    publish(ring);
}

static enum outcome refuse(struct ingest_buffer *ring, enum outcome outcome)
{
    ingest_buffer_count(ring, outcome);
    return outcome;
}

/* Nothing of this is visible before publish. */
static void write_record(struct ingest_buffer *ring, const struct ring_message *message,
                         uint64_t bytes)
{
    struct ring_head *const head = &ring->head;
    const uint64_t padding = padding_before(ring, bytes);
    if (padding >= sizeof(struct ring_record_header)) {
        struct ring_record_header pad = {.length = (uint32_t)padding,
                                         .offset = head->write_off,
                                         .number = head->next_no,
                                         .flags = RING_FLAG_PAD};
        ring_record_write(&ring->map, &pad, NULL, NULL);
    }
    struct ring_record_header record = {.length = (uint32_t)bytes,
                                        .offset = head->write_off + padding,
                                        .number = head->next_no,
                                        .receipt = message->receipt,
                                        .flags = (uint16_t)(message->flags & ~RING_FLAG_PAD),
                                        .topic_len = (uint16_t)message->topic_len,
                                        .payload_len = message->payload_len};
    ring_record_write(&ring->map, &record, message->topic, message->payload);
    head->write_off += padding + bytes;
    head->next_no++;
}

static void raise_high_water(struct ingest_buffer *ring, uint64_t records)
{
    /* Relaxed, here and where it is read: one writer, a figure to display. */
    if (records > atomic_load_explicit(&ring->high_water_records, memory_order_relaxed))
        atomic_store_explicit(&ring->high_water_records, records, memory_order_relaxed);
}

enum outcome ingest_buffer_push(struct ingest_buffer *ring, const struct ring_message *message)
{
    assert(positions_are_sane(ring));
    if (is_too_large(ring, message->topic_len, message->payload_len))
        return refuse(ring, OUTCOME_REJECTED_TOO_LARGE);
    const uint64_t bytes = ring_record_bytes(message->topic_len, message->payload_len);
    struct ring_cursor tail = known_tail(ring);
    if (!fits(ring, tail, bytes) || is_above_soft(ring, tail)) {
        tail = current_tail(ring);
        /* Relaxed: others only display it. */
        atomic_store_explicit(&ring->tail_offset, tail.offset, memory_order_relaxed);
        atomic_store_explicit(&ring->tail_number, tail.number, memory_order_relaxed);
        if (!fits(ring, tail, bytes))
            return refuse(ring, OUTCOME_DROPPED_QUEUE_FULL);
        if (is_above_soft(ring, tail) && (message->flags & RING_PRIORITY) == 0)
            return refuse(ring, OUTCOME_DROPPED_SOFT);
    }
    write_record(ring, message, bytes);
    publish(ring);
    /* Against the real tail, or a lazily read one would show a queue that is long gone. */
    if (ring->head.next_no - tail.number >
        atomic_load_explicit(&ring->high_water_records, memory_order_relaxed))
        raise_high_water(ring, ring->head.next_no - current_tail(ring).number);
    return OUTCOME_NONE;
}

/* --- what others ask -------------------------------------------------------------------------- */

bool ingest_buffer_is_drained(const struct ingest_buffer *ring)
{
    struct ring_head head;
    struct ring_cursor tail;
    return ring_head_read(&ring->map, &head) && ring_tail_read(&ring->map, &tail) &&
           tail.number >= head.next_no;
}

bool ingest_buffer_stats(const struct ingest_buffer *ring, struct ring_stats *out)
{
    /* Tail first: read the other way round it could have passed the head. */
    struct ring_cursor tail;
    if (!ring_tail_read(&ring->map, &tail))
        tail = known_tail(ring);
    struct ring_head head;
    if (!ring_head_read(&ring->map, &head))
        return false;
    *out = (struct ring_stats){
        .capacity_records = ring->map.fixed.capacity_records,
        .capacity_bytes = ring->map.fixed.capacity_bytes,
        .high_water_records = atomic_load_explicit(&ring->high_water_records, memory_order_relaxed),
        .created = ring->map.fixed.chain_created,
    };
    memcpy(out->uuid, ring->map.fixed.uuid, sizeof out->uuid);
    memcpy(out->chain, ring->map.fixed.chain, sizeof out->chain);
    ring_head_to_tuple(&head, &out->tuple);
    out->records = head.next_no > tail.number ? head.next_no - tail.number : 0;
    out->bytes = head.write_off > tail.offset ? head.write_off - tail.offset : 0;
    return true;
}

enum ring_file ingest_buffer_look(const struct ingest_buffer *ring)
{
    return ring_map_look(&ring->map, ring->path);
}

enum status ingest_buffer_mend(struct ingest_buffer *ring, struct err *err)
{
    const enum ring_file found = ingest_buffer_look(ring);
    enum status status = ring_map_lengthen(&ring->map, ring->path, err);
    if (status != STATUS_OK)
        return status;
    ring_map_restore_static(&ring->map);
    ring_head_write(ring->map.header, &ring->head);
    if (found != RING_FILE_NAMELESS && found != RING_FILE_REPLACED)
        return STATUS_OK;
    status = ring_map_put_back(&ring->map, ring->path, err);
    /* Should the file come back under this name (its folder was only moved away), it is known for
     * what it is. Release: as in ring_open.c. */
    if (status == STATUS_OK)
        atomic_store_explicit(&ring->map.header->sealed, RING_SEALED, memory_order_release);
    return status;
}

void ingest_buffer_open_report(const struct ingest_buffer *ring, struct ring_open_report *out)
{
    *out = ring->report;
}

/* --- sync ------------------------------------------------------------------------------------- */

/* [from, to) in bytes of the mapping, widened to whole pages. */
static enum status sync_range(const struct ingest_buffer *ring, uint64_t from, uint64_t to)
{
    const uint64_t start = from / ring->page_bytes * ring->page_bytes;
    uint8_t *const base = (uint8_t *)ring->map.header;
    return msync(base + start, (size_t)(to - start), MS_SYNC) == 0 ? STATUS_OK : STATUS_IO;
}

static enum status sync_records(const struct ingest_buffer *ring, uint64_t from, uint64_t to)
{
    const uint64_t capacity = ring->map.fixed.capacity_bytes;
    const uint64_t first = RING_HEADER_BYTES + from % capacity;
    if (to - from >= capacity)
        return sync_range(ring, RING_HEADER_BYTES, RING_HEADER_BYTES + capacity);
    if (from % capacity + (to - from) <= capacity)
        return sync_range(ring, first, first + (to - from));
    const enum status status = sync_range(ring, first, RING_HEADER_BYTES + capacity);
    if (status != STATUS_OK)
        return status;
    return sync_range(ring, RING_HEADER_BYTES, RING_HEADER_BYTES + to % capacity);
}

enum status ingest_buffer_sync(struct ingest_buffer *ring)
{
    /* Acquire, and before the head: what is synced is at least what this sequence published. */
    const uint64_t seq = atomic_load_explicit(&ring->map.header->head.seq, memory_order_acquire);
    if (seq == ring->synced_seq)
        return STATUS_OK;
    struct ring_head head;
    enum status status = STATUS_OK;
    /* A head that can't be read says nothing about what is dirty: then everything is. */
    if (!ring_head_read(&ring->map, &head) || head.write_off < ring->synced_off)
        return sync_range(ring, 0, ring->map.mapped_bytes);
    if (head.write_off > ring->synced_off)
        status = sync_records(ring, ring->synced_off, head.write_off);
    if (status == STATUS_OK)
        status = sync_range(ring, 0, RING_HEADER_BYTES);
    if (status == STATUS_OK) {
        ring->synced_off = head.write_off;
        ring->synced_seq = seq;
    }
    return status;
}

/* --- open, close ------------------------------------------------------------------------------ */

static enum status check_params(const struct ring_params *params, struct err *err)
{
    const size_t source_len = strlen(params->source);
    if (source_len == 0 || source_len > RING_SOURCE_MAX)
        return err_set(err, STATUS_INVALID, 0, params->source, "a source name has 1 to %d bytes",
                       RING_SOURCE_MAX);
    if (params->capacity_records == 0 || params->capacity_records > RING_CAPACITY_RECORDS_MAX)
        return err_set(err, STATUS_INVALID, 0, params->source, "a ring holds 1 to %llu records",
                       (unsigned long long)RING_CAPACITY_RECORDS_MAX);
    if (params->capacity_bytes == 0 || params->capacity_bytes > RING_CAPACITY_BYTES_MAX)
        return err_set(err, STATUS_INVALID, 0, params->source, "a ring holds 1 to %llu bytes",
                       (unsigned long long)RING_CAPACITY_BYTES_MAX);
    if (!(params->soft_threshold > 0 && params->soft_threshold <= 1))
        return err_set(err, STATUS_INVALID, 0, params->source,
                       "a soft threshold is above 0, at most 1");
    return STATUS_OK;
}

static void set_limits(struct ingest_buffer *ring, const struct ring_params *params)
{
    /* Rounded up: the threshold of a ring of one record is that record. */
    ring->soft_records = (uint64_t)ceil(params->soft_threshold * (double)params->capacity_records);
    ring->soft_bytes = (uint64_t)ceil(params->soft_threshold * (double)params->capacity_bytes);
    ring->max_payload_bytes = params->max_message_bytes;
    /* Half, so that with the smallest ring (1 MiB) the largest maxMessageBytes
     * (256 KiB) still fits. */
    ring->max_record_bytes = params->capacity_bytes / 2;
    ring->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
}

enum status ingest_buffer_open(const struct ring_params *params, struct ingest_buffer **out_ring,
                               struct err *err)
{
    enum status status = check_params(params, err);
    if (status != STATUS_OK)
        return status;
    struct ring_params rounded = *params;
    rounded.capacity_bytes =
        (params->capacity_bytes + RING_HEADER_BYTES - 1) / RING_HEADER_BYTES * RING_HEADER_BYTES;
    struct ingest_buffer *const ring = calloc(1, sizeof *ring);
    if (ring == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, params->source, "no memory for a ring handle");
    status = ring_open_for_writing(&rounded, &ring->map, &ring->head, &ring->report, err);
    if (status != STATUS_OK) {
        free(ring);
        return status;
    }
    char name[RING_NAME_BYTES];
    ring_file_name(ring->map.fixed.source, ring->map.fixed.uuid, name);
    if (!ring_path(params->dir, name, ring->path, sizeof ring->path))
        ring->path[0] = '\0'; /* it was opened by that name */
    set_limits(ring, &rounded);
    struct ring_cursor tail;
    /* Checked a moment ago; a fresh ring is never damaged. */
    if (!ring_tail_read(&ring->map, &tail))
        tail = (struct ring_cursor){.offset = 0, .number = ring->map.fixed.first_number};
    atomic_init(&ring->tail_offset, tail.offset);
    atomic_init(&ring->tail_number, tail.number);
    atomic_init(&ring->high_water_records, ring->head.next_no - tail.number);
    /* What a killed predecessor synced is not known; what was freed no longer matters. */
    ring->synced_off = tail.offset;
    ring->synced_seq = UINT64_MAX;
    *out_ring = ring;
    return STATUS_OK;
}

void ingest_buffer_close(struct ingest_buffer *ring)
{
    if (ring == NULL)
        return;
    ring_map_close(&ring->map);
    free(ring);
}
