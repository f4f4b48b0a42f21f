/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/facts/fact_row.h"

#include "common/base/crc32c.h"
#include "common/base/crypto.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define NUMBER_BYTES 8
#define KEY_BYTES    32
#define VER_MS_MAX   ((INT64_C(1) << 42) - 1)
#define VER_BITS     22
#define VER_MASK     ((UINT32_C(1) << VER_BITS) - 1)
#define MONDAY       3 /* days from one to 1970-01-01 */

uint64_t fact_number_of_bytes(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t number = 0;
    for (size_t i = 0; i < NUMBER_BYTES; i++)
        number = number << 8 | (i < len ? p[i] : 0);
    return number;
}

uint64_t fact_number_of_text(const void *text, size_t len)
{
    uint8_t digest[32];
    const struct crypto_part part = {text, len};
    crypto_sha256(&part, 1, digest);
    return fact_number_of_bytes(digest, sizeof digest);
}

void fact_row_begin(struct fact_row *row, const struct fact_table *table,
                    struct rowbinary_writer *w)
{
    *row = (struct fact_row){.table = table, .w = w};
    rowbinary_clear(w);
}

unsigned fact_row_type(const struct fact_row *row)
{
    assert(row->at < row->table->count);
    return row->table->columns[row->at].type;
}

/* What the row's place depends on. */
static void note(struct fact_row *row, uint64_t number, int64_t ms)
{
    if (row->at == 0)
        row->first = number;
    if (row->at == row->table->shard_column)
        row->shard_key = number;
    if (row->at == row->table->ver_column)
        row->ver_ms = ms;
}

static uint64_t clamp(int64_t value, uint64_t max)
{
    return value < 0 ? 0 : min_u64((uint64_t)value, max);
}

static void begin_value(struct fact_row *row, unsigned type)
{
    if ((type & FACT_NULL) != 0)
        rowbinary_is_null(row->w, false);
}

void fact_row_real(struct fact_row *row, double value)
{
    const unsigned type = fact_row_type(row);
    const unsigned plain = type & ~FACT_NULL;
    assert(plain == FACT_F32 || plain == FACT_F64);
    if (isnan(value)) {
        fact_row_null(row);
        return;
    }
    begin_value(row, type);
    if (plain == FACT_F32)
        rowbinary_f32(row->w, (float)value);
    else
        rowbinary_f64(row->w, value);
    row->at++;
}

void fact_row_int(struct fact_row *row, int64_t value)
{
    const unsigned type = fact_row_type(row);
    const int64_t i32 = value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : value;
    note(row, clamp(value, UINT64_MAX), value);
    begin_value(row, type);
    switch (type & ~FACT_NULL) {
    case FACT_U8:
        rowbinary_u8(row->w, (uint8_t)clamp(value, UINT8_MAX));
        break;
    case FACT_U16:
        rowbinary_u16(row->w, (uint16_t)clamp(value, UINT16_MAX));
        break;
    case FACT_U32:
        rowbinary_u32(row->w, (uint32_t)clamp(value, UINT32_MAX));
        break;
    case FACT_U64:
        rowbinary_u64(row->w, clamp(value, UINT64_MAX));
        break;
    case FACT_I32:
        rowbinary_i32(row->w, (int32_t)i32);
        break;
    default:
        assert((type & ~FACT_NULL) == FACT_I64);
        rowbinary_i64(row->w, value);
    }
    row->at++;
}

void fact_row_u64(struct fact_row *row, uint64_t value)
{
    assert(fact_row_type(row) == FACT_U64);
    note(row, value, 0);
    rowbinary_u64(row->w, value);
    row->at++;
}

static void put_key(struct fact_row *row, const void *bytes, size_t len)
{
    uint8_t key[KEY_BYTES] = {0};
    if (len > 0)
        memcpy(key, bytes, min_size(len, sizeof key));
    rowbinary_bytes(row->w, key, sizeof key);
}

void fact_row_bytes(struct fact_row *row, const void *bytes, size_t len)
{
    const unsigned type = fact_row_type(row);
    const bool is_key = type == FACT_KEY;
    assert(is_key || (type & ~FACT_NULL) == FACT_STRING);
    if (row->at == row->table->shard_column)
        note(row, is_key ? fact_number_of_bytes(bytes, len) : fact_number_of_text(bytes, len), 0);
    begin_value(row, type);
    if (is_key)
        put_key(row, bytes, len);
    else
        rowbinary_string(row->w, bytes, len);
    row->at++;
}

void fact_row_null(struct fact_row *row)
{
    const unsigned type = fact_row_type(row);
    if ((type & FACT_NULL) != 0) {
        rowbinary_is_null(row->w, true);
        row->at++;
    } else if (type == FACT_STRING || type == FACT_KEY) {
        fact_row_bytes(row, "", 0);
    } else if (type == FACT_F32 || type == FACT_F64) {
        fact_row_real(row, 0);
    } else {
        fact_row_int(row, 0);
    }
}

bool fact_row_end(struct fact_row *row, int64_t stamp_ms)
{
    const struct fact_table *table = row->table;
    assert(row->at == table->count);
    const int64_t ms = table->rule == FACT_STAMPED ? stamp_ms : row->ver_ms;
    const uint64_t time = clamp(ms, (uint64_t)VER_MS_MAX);
    const uint64_t rank = table->rule == FACT_EARLIEST ? (uint64_t)VER_MS_MAX - time : time;
    const uint32_t sum = row->w->is_failed ? 0 : crc32c(0, row->w->bytes, row->w->len);
    rowbinary_u64(row->w, rank << VER_BITS | (sum & VER_MASK));
    return !row->w->is_failed;
}

uint64_t fact_row_partition(const struct fact_row *row)
{
    const struct fact_table *table = row->table;
    if (table->partition_by == NULL)
        return 0;
    return (row->first + (table->partition_width > 1 ? MONDAY : 0)) / table->partition_width;
}

size_t fact_row_shard(const struct fact_row *row, size_t shards)
{
    return row->table->shard_column == FACT_ON_FIRST ? 0 : (size_t)(row->shard_key % shards);
}
