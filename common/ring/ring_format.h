/* SPDX-License-Identifier: MIT
 *
 * ring_format - what a ring file looks like and which bytes of it may be believed (ring.h says
 * why). Private to this room.
 *
 *   0     struct ring_static, its own crc last: written once, before the file gets its name
 *   512   the writer's words: sealed, the head in A/B slots (slots.h), where it opened, its place
 *   1024  the reader's words: the tail likewise, then inflight and suspect
 *   4096  capacity_bytes of records; stream offset o stands at o % capacity_bytes
 * A record is struct ring_record_header, topic, payload and zeros up to a multiple of 8. Where it
 * does not fit in the rest of a lap, a pad record (header only, length = the rest, number = that of
 * the record that follows) fills it; a rest shorter than a record header is skipped without one.
 * Every value read from the file is judged before it is used: nothing here trusts a length
 * or an offset. */
#pragma once

#include "common/base/err.h"
#include "common/ring/ledger.h"
#include "common/ring/ring.h"
#include "common/ring/slots.h"

#define RING_MAGIC                "WEIRRING" /* 8 bytes, no NUL */
#define RING_VERSION              1
#define RING_CAPACITY_BYTES_MAX   (UINT64_C(4) << 30)
#define RING_CAPACITY_RECORDS_MAX UINT64_C(1000000)
/* Positions and counts beyond this are damage; below it no sum of two can overflow. */
#define RING_POSITION_MAX (UINT64_C(1) << 60)
#define RING_RECORD_ALIGN 8
/* A whole word, so that no flipped bit seals a ring and ends its chain. */
#define RING_SEALED   UINT64_C(0x44454c4145532157)
#define RING_FLAG_PAD 0x8000u /* beside enum ring_flags */

/* The head keeps the receiver's outcomes only. They stand first in OUTCOME_LIST; a new one is added
 * behind the last of them, so that a ring written by an older version still counts right. */
#define RING_OUTCOME_SLOTS 8
_Static_assert((int)OUTCOME_COMMITTED <= RING_OUTCOME_SLOTS, "receiver outcomes fit the head");
_Static_assert((int)OUTCOME_FILTERED_RATE == 0 && (int)OUTCOME_REJECTED_TOO_LARGE == 1 &&
                   (int)OUTCOME_DROPPED_SOFT == 2 && (int)OUTCOME_DROPPED_QUEUE_FULL == 3 &&
                   (int)OUTCOME_DROPPED_SPOOL == 4,
               "the places of receiver outcomes are the file's format: add behind the last");

struct ring_static {
    char magic[8];
    uint32_t version, header_bytes;
    uint8_t uuid[RING_UUID_BYTES], chain[RING_UUID_BYTES];
    char source[72]; /* NUL-terminated, at most RING_SOURCE_MAX bytes */
    uint64_t capacity_records, capacity_bytes;
    uint64_t first_number; /* of this ring's first record: the chain's numbers go on */
    int64_t created, chain_created;
    char boot_id[40]; /* "" = unknown, which no boot is equal to */
    uint32_t reserved;
    uint32_t crc; /* crc32c of everything before it; here in every version to come */
};

/* What the writer publishes in one store. next_no is also the chain's count of
 * appended messages. */
struct ring_head {
    uint64_t write_off, next_no, received;
    uint64_t outcomes[RING_OUTCOME_SLOTS];
};
#define RING_HEAD_WORDS (sizeof(struct ring_head) / 8)
#define RING_TAIL_WORDS 2 /* offset, number */

/* The file that a writer wrote to. A copy of it is another one. */
struct ring_place {
    uint64_t device, inode; /* inode 0 = not said, by an older program */
    int64_t born_us;        /* inode numbers are given again; 0 = the file system does not say */
};

struct ring_header {
    struct ring_static fixed;
    _Alignas(512) _Atomic uint64_t sealed; /* RING_SEALED or not */
    AB_SLOTS(RING_HEAD_WORDS) head;
    /* Where a writer first wrote since a reader last said that it knows what stands here: what
     * comes behind was never read, whatever a cursor's number says. number + 1; 0 = nowhere. */
    _Alignas(CACHE_LINE) _Atomic uint64_t opened_number;
    _Atomic uint64_t opened_offset;
    struct ring_place place;
    _Alignas(1024) AB_SLOTS(RING_TAIL_WORDS) tail;
    /* Written for each record, so not on the line that push reads. */
    _Alignas(CACHE_LINE) _Atomic uint64_t inflight; /* 0 = none, else stream offset | 1 */
    _Atomic uint64_t suspect;                       /* stream offset | strikes (at most 7) */
};
_Static_assert(sizeof(struct ring_header) <= RING_HEADER_BYTES, "header fits its page");
_Static_assert(offsetof(struct ring_header, sealed) == 512, "format");
_Static_assert(offsetof(struct ring_header, head) == 576, "format");
_Static_assert(offsetof(struct ring_header, opened_number) == 832, "format");
_Static_assert(offsetof(struct ring_header, tail) == 1024, "format");

struct ring_record_header {
    uint32_t crc;    /* seeded with the uuid, over the rest of this header, topic and payload */
    uint32_t length; /* of the whole record in the file, a multiple of 8 */
    uint64_t offset, number;
    int64_t receipt;
    uint16_t flags, topic_len;
    uint32_t payload_len;
};
_Static_assert(sizeof(struct ring_record_header) == 40, "format");

/* An open ring file. Owns mapping and descriptor. */
struct ring_map {
    int fd;
    struct ring_header *header;
    uint8_t *data;
    size_t mapped_bytes;
    uint32_t seed;            /* of the records' crc */
    struct ring_static fixed; /* checked copy: what the file says later does not matter */
};

/* --- the static part -------------------------------------------------------------------------- */

void ring_static_sign(struct ring_static *fixed);
/* STATUS_CORRUPT with the reason, STATUS_NEWER for a later version. */
NODISCARD enum status ring_static_check(const struct ring_static *fixed, const char *path,
                                        struct err *err);
uint32_t ring_seed(const struct ring_static *fixed);

/* What is read behind a true answer, the head above all, is the writer's last word. */
static inline bool ring_is_sealed(const struct ring_map *map)
{
    /* Acquire: pairs with seal in ring_open.c. */
    return atomic_load_explicit(&map->header->sealed, memory_order_acquire) == RING_SEALED;
}

/* --- head and tail ---------------------------------------------------------------------------- */

void ring_head_write(struct ring_header *header, const struct ring_head *head);
/* False = damaged: the check word, or a value that no writer produces. */
NODISCARD bool ring_head_read(const struct ring_map *map, struct ring_head *out);
void ring_tail_write(struct ring_header *header, const struct ring_cursor *tail);
NODISCARD bool ring_tail_read(const struct ring_map *map, struct ring_cursor *out);
/* The writer begins at `at`. Kept until ring_opened_clear, which is the reader's. */
void ring_opened_write(struct ring_header *header, const struct ring_cursor *at);
/* False: nowhere, or at a place that makes no sense below `head`. */
NODISCARD bool ring_opened_read(const struct ring_map *map, const struct ring_head *head,
                                struct ring_cursor *out);
void ring_opened_clear(struct ring_header *header);
void ring_head_to_tuple(const struct ring_head *head, struct receiver_tuple *out);

/* --- records ---------------------------------------------------------------------------------- */

static inline uint64_t ring_record_bytes(uint64_t topic_len, uint64_t payload_len)
{
    return (sizeof(struct ring_record_header) + topic_len + payload_len + RING_RECORD_ALIGN - 1) /
           RING_RECORD_ALIGN * RING_RECORD_ALIGN;
}

/* Bytes from `offset` to the end of its lap. */
static inline uint64_t ring_lap_rest(const struct ring_map *map, uint64_t offset)
{
    return map->fixed.capacity_bytes - offset % map->fixed.capacity_bytes;
}

/* Write one whole record at header->offset; the caller has made sure that it fits its lap. Fills in
 * length and crc. A pad has no topic and no payload. */
void ring_record_write(const struct ring_map *map, struct ring_record_header *header,
                       const char *topic, const uint8_t *payload);

/* A valid record at this stream offset? Copies its header; the message bytes follow it
 * in the mapping. */
NODISCARD bool ring_record_read(const struct ring_map *map, uint64_t offset,
                                struct ring_record_header *out);

/* Where the data says that the ring ends: the last valid record anywhere in the file,
 * of any lap. */
struct ring_scan {
    bool found;
    struct ring_cursor end; /* behind the last valid record */
};
void ring_scan(const struct ring_map *map, struct ring_scan *out);

/* The best head that can be made of a ring whose own can't be trusted: what the header says,
 * where it is whole, moved forward to what the data proves. Returns the records found beyond
 * the header. */
uint64_t ring_head_recover(const struct ring_map *map, struct ring_head *out);
