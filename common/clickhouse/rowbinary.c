/* SPDX-License-Identifier: MIT */
#include "common/clickhouse/rowbinary.h"

#include <stdlib.h>
#include <string.h>

#define GROW_MIN      4096
#define LENGTH_BYTES  10 /* of 64 bits, seven a byte */
#define LENGTH_GROUP  7
#define LENGTH_MORE   0x80
#define BITS_PER_BYTE 8

/* --- writing ---------------------------------------------------------------------------------- */

void rowbinary_init(struct rowbinary_writer *w, size_t max)
{
    *w = (struct rowbinary_writer){.max = max};
}

void rowbinary_done(struct rowbinary_writer *w)
{
    free(w->bytes);
    *w = (struct rowbinary_writer){.bytes = NULL};
}

void rowbinary_clear(struct rowbinary_writer *w)
{
    w->len = 0;
    w->is_failed = false;
}

/* I1. NULL = it does not fit. */
static uint8_t *take_room(struct rowbinary_writer *w, size_t len)
{
    if (w->is_failed || len > w->max - w->len) {
        w->is_failed = true;
        return NULL;
    }
    if (len > w->cap - w->len) {
        const size_t cap = min_size(w->max, max_size(GROW_MIN, 2 * (w->len + len)));
        uint8_t *grown = realloc(w->bytes, cap);
        if (grown == NULL) {
            w->is_failed = true;
            return NULL;
        }
        w->bytes = grown;
        w->cap = cap;
    }
    uint8_t *at = w->bytes + w->len;
    w->len += len;
    return at;
}

void rowbinary_bytes(struct rowbinary_writer *w, const void *bytes, size_t len)
{
    uint8_t *at = len > 0 ? take_room(w, len) : NULL;
    if (at != NULL)
        memcpy(at, bytes, len);
}

static void put_number(struct rowbinary_writer *w, uint64_t value, size_t len)
{
    uint8_t *at = take_room(w, len);
    for (size_t i = 0; at != NULL && i < len; i++)
        at[i] = (uint8_t)(value >> BITS_PER_BYTE * i);
}

void rowbinary_u8(struct rowbinary_writer *w, uint8_t value)
{
    put_number(w, value, sizeof value);
}

void rowbinary_u16(struct rowbinary_writer *w, uint16_t value)
{
    put_number(w, value, sizeof value);
}

void rowbinary_u32(struct rowbinary_writer *w, uint32_t value)
{
    put_number(w, value, sizeof value);
}

void rowbinary_u64(struct rowbinary_writer *w, uint64_t value)
{
    put_number(w, value, sizeof value);
}

void rowbinary_i32(struct rowbinary_writer *w, int32_t value)
{
    put_number(w, (uint32_t)value, sizeof value);
}

void rowbinary_i64(struct rowbinary_writer *w, int64_t value)
{
    put_number(w, (uint64_t)value, sizeof value);
}

void rowbinary_f32(struct rowbinary_writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_number(w, bits, sizeof bits);
}

void rowbinary_f64(struct rowbinary_writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_number(w, bits, sizeof bits);
}

void rowbinary_string(struct rowbinary_writer *w, const void *bytes, size_t len)
{
    uint8_t head[LENGTH_BYTES];
    size_t n = 0;
    uint64_t left = len;
    do {
        head[n] = (uint8_t)(left & (LENGTH_MORE - 1));
        left >>= LENGTH_GROUP;
        if (left != 0)
            head[n] |= LENGTH_MORE;
        n++;
    } while (left != 0);
    rowbinary_bytes(w, head, n);
    rowbinary_bytes(w, bytes, len);
}

void rowbinary_is_null(struct rowbinary_writer *w, bool is_null)
{
    rowbinary_u8(w, is_null ? 1 : 0);
}

/* --- reading ---------------------------------------------------------------------------------- */

void rowbinary_read(struct rowbinary_reader *r, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    *r = (struct rowbinary_reader){.at = at, .end = len > 0 ? at + len : at};
}

bool rowbinary_is_end(const struct rowbinary_reader *r)
{
    return !r->is_failed && r->at == r->end;
}

bool rowbinary_has_more(const struct rowbinary_reader *r)
{
    return !r->is_failed && r->at != r->end;
}

/* I2. NULL = so much is not there. */
static const uint8_t *take_bytes(struct rowbinary_reader *r, size_t len)
{
    if (r->is_failed || len > (size_t)(r->end - r->at)) {
        r->is_failed = true;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += len;
    return at;
}

static uint64_t take_number(struct rowbinary_reader *r, size_t len)
{
    const uint8_t *at = take_bytes(r, len);
    uint64_t value = 0;
    for (size_t i = 0; at != NULL && i < len; i++)
        value |= (uint64_t)at[i] << BITS_PER_BYTE * i;
    return value;
}

uint8_t rowbinary_read_u8(struct rowbinary_reader *r)
{
    return (uint8_t)take_number(r, sizeof(uint8_t));
}

uint16_t rowbinary_read_u16(struct rowbinary_reader *r)
{
    return (uint16_t)take_number(r, sizeof(uint16_t));
}

uint32_t rowbinary_read_u32(struct rowbinary_reader *r)
{
    return (uint32_t)take_number(r, sizeof(uint32_t));
}

uint64_t rowbinary_read_u64(struct rowbinary_reader *r)
{
    return take_number(r, sizeof(uint64_t));
}

int32_t rowbinary_read_i32(struct rowbinary_reader *r)
{
    const uint32_t bits = rowbinary_read_u32(r);
    int32_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int64_t rowbinary_read_i64(struct rowbinary_reader *r)
{
    const uint64_t bits = rowbinary_read_u64(r);
    int64_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float rowbinary_read_f32(struct rowbinary_reader *r)
{
    const uint32_t bits = rowbinary_read_u32(r);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double rowbinary_read_f64(struct rowbinary_reader *r)
{
    const uint64_t bits = rowbinary_read_u64(r);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

struct rowbinary_text rowbinary_read_bytes(struct rowbinary_reader *r, size_t len)
{
    const uint8_t *at = take_bytes(r, len);
    return (struct rowbinary_text){at != NULL ? (const char *)at : "", at != NULL ? len : 0};
}

struct rowbinary_text rowbinary_read_string(struct rowbinary_reader *r)
{
    uint64_t len = 0;
    for (unsigned i = 0;; i++) {
        const uint8_t byte = rowbinary_read_u8(r);
        const uint64_t group = byte & (LENGTH_MORE - 1);
        if (i == LENGTH_BYTES || (i == LENGTH_BYTES - 1 && group > 1))
            r->is_failed = true; /* more than 64 bits */
        if (r->is_failed)
            return (struct rowbinary_text){"", 0};
        len |= group << LENGTH_GROUP * i;
        if ((byte & LENGTH_MORE) == 0)
            break;
    }
    if (len > (uint64_t)(r->end - r->at)) {
        r->is_failed = true;
        return (struct rowbinary_text){"", 0};
    }
    return rowbinary_read_bytes(r, (size_t)len);
}

bool rowbinary_read_is_null(struct rowbinary_reader *r)
{
    const uint8_t byte = rowbinary_read_u8(r);
    if (byte > 1)
        r->is_failed = true;
    return r->is_failed || byte == 1;
}
