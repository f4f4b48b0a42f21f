/* SPDX-License-Identifier: MIT */
#include "common/ring/ring_format.h"

#include "common/base/crc32c.h"

#include <string.h>

#define HEADER_BYTES sizeof(struct ring_record_header)
#define CRC_FROM     offsetof(struct ring_record_header, length)

static uint32_t static_crc(const struct ring_static *fixed)
{
    return crc32c(0, fixed, offsetof(struct ring_static, crc));
}

void ring_static_sign(struct ring_static *fixed)
{
    fixed->crc = static_crc(fixed);
}

static bool capacities_are_sane(const struct ring_static *fixed)
{
    return fixed->capacity_records > 0 && fixed->capacity_records <= RING_CAPACITY_RECORDS_MAX &&
           fixed->capacity_bytes > 0 && fixed->capacity_bytes <= RING_CAPACITY_BYTES_MAX &&
           fixed->capacity_bytes % RING_HEADER_BYTES == 0;
}

enum status ring_static_check(const struct ring_static *fixed, const char *path, struct err *err)
{
    if (memcmp(fixed->magic, RING_MAGIC, sizeof fixed->magic) != 0)
        return err_set(err, STATUS_CORRUPT, 0, path, "not a ring file");
    if (fixed->crc != static_crc(fixed))
        return err_set(err, STATUS_CORRUPT, 0, path, "ring header is damaged");
    if (fixed->version > RING_VERSION)
        return err_set(err, STATUS_NEWER, 0, path, "ring version %u, this program knows %d",
                       fixed->version, RING_VERSION);
    if (fixed->version != RING_VERSION || fixed->header_bytes != RING_HEADER_BYTES ||
        !capacities_are_sane(fixed) || fixed->first_number > RING_POSITION_MAX ||
        memchr(fixed->source, '\0', RING_SOURCE_MAX + 1) == NULL || fixed->source[0] == '\0' ||
        memchr(fixed->boot_id, '\0', sizeof fixed->boot_id) == NULL)
        return err_set(err, STATUS_CORRUPT, 0, path, "ring header makes no sense");
    return STATUS_OK;
}

uint32_t ring_seed(const struct ring_static *fixed)
{
    return crc32c(0, fixed->uuid, sizeof fixed->uuid);
}

/* --- head and tail ---------------------------------------------------------------------------- */

/* Publishes the records before it: a reader that finds this head may read them (slots.h). */
void ring_head_write(struct ring_header *header, const struct ring_head *head)
{
    uint64_t words[RING_HEAD_WORDS];
    memcpy(words, head, sizeof words);
    slots_write(&header->head.seq, header->head.words, words, RING_HEAD_WORDS);
}

/* A second judgement behind the check word: the sum is the promise P1 itself. */
static bool head_is_sane(const struct ring_map *map, const struct ring_head *head)
{
    uint64_t ended = head->next_no;
    for (size_t i = 0; i < RING_OUTCOME_SLOTS; i++) {
        if (head->outcomes[i] > RING_POSITION_MAX)
            return false;
        ended += head->outcomes[i];
    }
    return head->write_off % RING_RECORD_ALIGN == 0 && head->write_off <= RING_POSITION_MAX &&
           head->next_no >= map->fixed.first_number && head->next_no <= RING_POSITION_MAX &&
           head->received == ended;
}

static bool head_read_copy(const struct ring_map *map, uint64_t which, struct ring_head *out)
{
    uint64_t words[RING_HEAD_WORDS];
    if (!slots_read_one(map->header->head.words, which, words, RING_HEAD_WORDS))
        return false;
    memcpy(out, words, sizeof words);
    return head_is_sane(map, out);
}

bool ring_head_read(const struct ring_map *map, struct ring_head *out)
{
    uint64_t words[RING_HEAD_WORDS];
    if (!slots_read(&map->header->head.seq, map->header->head.words, words, RING_HEAD_WORDS))
        return false;
    memcpy(out, words, sizeof words);
    return head_is_sane(map, out);
}

/* Gives space back: the reader's loads of the records before it are over when the writer finds it,
 * and may write there. */
void ring_tail_write(struct ring_header *header, const struct ring_cursor *tail)
{
    const uint64_t words[RING_TAIL_WORDS] = {tail->offset, tail->number};
    slots_write(&header->tail.seq, header->tail.words, words, RING_TAIL_WORDS);
}

bool ring_tail_read(const struct ring_map *map, struct ring_cursor *out)
{
    uint64_t words[RING_TAIL_WORDS];
    if (!slots_read(&map->header->tail.seq, map->header->tail.words, words, RING_TAIL_WORDS))
        return false;
    *out = (struct ring_cursor){.offset = words[0], .number = words[1]};
    return out->offset % RING_RECORD_ALIGN == 0 && out->offset <= RING_POSITION_MAX &&
           out->number >= map->fixed.first_number && out->number <= RING_POSITION_MAX;
}

void ring_opened_write(struct ring_header *header, const struct ring_cursor *at)
{
    /* Acquire: pairs with the clearing, by the other process. */
    if (atomic_load_explicit(&header->opened_number, memory_order_acquire) != 0)
        return;
    /* Release: the offset before the number that makes it count. */
    atomic_store_explicit(&header->opened_offset, at->offset, memory_order_relaxed);
    atomic_store_explicit(&header->opened_number, at->number + 1, memory_order_release);
}

bool ring_opened_read(const struct ring_map *map, const struct ring_head *head,
                      struct ring_cursor *out)
{
    /* Acquire: the offset behind it; relaxed: as it says. */
    const uint64_t number = atomic_load_explicit(&map->header->opened_number, memory_order_acquire);
    const uint64_t offset = atomic_load_explicit(&map->header->opened_offset, memory_order_relaxed);
    *out = (struct ring_cursor){.offset = offset, .number = number - 1};
    return number > map->fixed.first_number && out->number <= head->next_no &&
           offset <= head->write_off && offset % RING_RECORD_ALIGN == 0;
}

void ring_opened_clear(struct ring_header *header)
{
    /* Relaxed look: at every commit, and what is cleared a commit later is as good. Release: behind
     * what the reader has read. */
    if (atomic_load_explicit(&header->opened_number, memory_order_relaxed) != 0)
        atomic_store_explicit(&header->opened_number, 0, memory_order_release);
}

void ring_head_to_tuple(const struct ring_head *head, struct receiver_tuple *out)
{
    *out = (struct receiver_tuple){.received = head->received, .appended = head->next_no};
    for (size_t i = 0; i < (size_t)OUTCOME_COMMITTED; i++)
        out->outcomes[i] = head->outcomes[i];
}

/* --- records ---------------------------------------------------------------------------------- */

void ring_record_write(const struct ring_map *map, struct ring_record_header *header,
                       const char *topic, const uint8_t *payload)
{
    uint8_t *const at = map->data + header->offset % map->fixed.capacity_bytes;
    const size_t body = (size_t)header->topic_len + header->payload_len;
    memcpy(at + CRC_FROM, (const uint8_t *)header + CRC_FROM, HEADER_BYTES - CRC_FROM);
    if (header->topic_len > 0)
        memcpy(at + HEADER_BYTES, topic, header->topic_len);
    if (header->payload_len > 0)
        memcpy(at + HEADER_BYTES + header->topic_len, payload, header->payload_len);
    if ((header->flags & RING_FLAG_PAD) == 0)
        memset(at + HEADER_BYTES + body, 0, header->length - HEADER_BYTES - body);
    header->crc = crc32c(map->seed, at + CRC_FROM, HEADER_BYTES - CRC_FROM + body);
    memcpy(at, &header->crc, sizeof header->crc);
}

/* Is the length what its parts say, and does it fit the lap? After this every byte of the record is
 * inside the mapping. */
static bool record_fits(const struct ring_record_header *header, uint64_t rest)
{
    if (header->flags & RING_FLAG_PAD)
        return header->length == rest && header->topic_len == 0 && header->payload_len == 0;
    return header->topic_len <= RING_TOPIC_MAX && header->length <= rest &&
           header->length == ring_record_bytes(header->topic_len, header->payload_len);
}

bool ring_record_read(const struct ring_map *map, uint64_t offset, struct ring_record_header *out)
{
    const uint64_t rest = ring_lap_rest(map, offset);
    if (rest < HEADER_BYTES)
        return false;
    const uint8_t *const at = map->data + offset % map->fixed.capacity_bytes;
    memcpy(out, at, HEADER_BYTES);
    /* The cheap tests first: a resynchronising reader asks at every eighth byte. */
    if (out->offset != offset || !record_fits(out, rest) || out->number > RING_POSITION_MAX)
        return false;
    const size_t body = (size_t)out->topic_len + out->payload_len;
    return out->crc == crc32c(map->seed, at + CRC_FROM, HEADER_BYTES - CRC_FROM + body);
}

/* By physical place and not from the tail: the tail on disk may be older than the data, and then
 * the newest records are more than one lap ahead of it. */
void ring_scan(const struct ring_map *map, struct ring_scan *out)
{
    *out = (struct ring_scan){.found = false};
    const uint64_t capacity = map->fixed.capacity_bytes;
    for (uint64_t place = 0; place + HEADER_BYTES <= capacity;) {
        struct ring_record_header record;
        memcpy(&record, map->data + place, HEADER_BYTES);
        const uint64_t offset = record.offset;
        if (offset > RING_POSITION_MAX || offset % capacity != place ||
            !ring_record_read(map, offset, &record)) {
            place += RING_RECORD_ALIGN;
            continue;
        }
        const bool is_pad = (record.flags & RING_FLAG_PAD) != 0;
        if (!is_pad && (!out->found || record.number >= out->end.number)) {
            out->found = true;
            out->end.offset = offset + record.length;
            out->end.number = record.number + 1;
        }
        place += record.length;
    }
}

uint64_t ring_head_recover(const struct ring_map *map, struct ring_head *out)
{
    struct ring_cursor tail = {.offset = 0, .number = map->fixed.first_number};
    if (!ring_tail_read(map, &tail))
        tail = (struct ring_cursor){.offset = 0, .number = map->fixed.first_number};
    /* Acquire: as slots_read. The writer is dead, or we are about to be the writer. */
    const uint64_t seq = atomic_load_explicit(&map->header->head.seq, memory_order_acquire);
    if (!head_read_copy(map, seq, out) && !head_read_copy(map, seq + 1, out))
        *out = (struct ring_head){.next_no = tail.number, .received = tail.number};
    struct ring_scan scan;
    ring_scan(map, &scan);
    const uint64_t known = out->next_no;
    out->write_off = max_u64(out->write_off, tail.offset);
    if (scan.found) {
        out->write_off = max_u64(out->write_off, scan.end.offset);
        out->next_no = max_u64(out->next_no, scan.end.number);
    }
    out->received += out->next_no - known;
    return out->next_no - known;
}
