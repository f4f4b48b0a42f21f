/* SPDX-License-Identifier: MIT
 *
 * rowbinary - ClickHouse's format RowBinary, both ways: the values of a row one behind the other,
 * no names, no framing. Numbers are little-endian; a String has its length in front (LEB128); a
 * Nullable has a byte in front, 1 = NULL; FixedString is its bytes.
 *
 * Why this format: it says exactly what was written. JSON quotes a UInt64 in one version and not in
 * another, and text formats guess.
 *
 * I1. A writer never holds more than `max` bytes. What does not fit, or has no memory, sets
 *     is_failed, and then nothing more is written.
 * I2. A reader never looks outside its bytes, whatever they are: what is not there reads as 0 or
 *     empty and sets is_failed, and then nothing more is read. Check once per row or at the end.
 * I3. An answer is whole only when rowbinary_is_end says so behind its last row: an error that came
 *     after rows were sent is text behind them.
 * Threads: plain values, one thread each. Ownership: a writer owns its bytes; a reader borrows, and
 * what it hands out points into them. Cost: no allocation but the writer's growth. */
#pragma once

#include "common/base/base.h"

/* --- writing ---------------------------------------------------------------------------------- */

struct rowbinary_writer {
    uint8_t *bytes;
    size_t len, cap, max;
    bool is_failed;
};

void rowbinary_init(struct rowbinary_writer *w, size_t max);
void rowbinary_done(struct rowbinary_writer *w);
/* Empty again; the memory stays. */
void rowbinary_clear(struct rowbinary_writer *w);

void rowbinary_u8(struct rowbinary_writer *w, uint8_t value);
void rowbinary_u16(struct rowbinary_writer *w, uint16_t value);
void rowbinary_u32(struct rowbinary_writer *w, uint32_t value);
void rowbinary_u64(struct rowbinary_writer *w, uint64_t value);
void rowbinary_i32(struct rowbinary_writer *w, int32_t value);
void rowbinary_i64(struct rowbinary_writer *w, int64_t value);
void rowbinary_f32(struct rowbinary_writer *w, float value);
void rowbinary_f64(struct rowbinary_writer *w, double value);
void rowbinary_string(struct rowbinary_writer *w, const void *bytes, size_t len);
/* FixedString and whatever else has its length in its type. */
void rowbinary_bytes(struct rowbinary_writer *w, const void *bytes, size_t len);
/* In front of a Nullable's value, which follows only where it is there. */
void rowbinary_is_null(struct rowbinary_writer *w, bool is_null);

/* --- reading ---------------------------------------------------------------------------------- */

struct rowbinary_reader {
    const uint8_t *at, *end;
    bool is_failed;
};

struct rowbinary_text {
    const char *bytes; /* no NUL behind them */
    size_t len;
};

void rowbinary_read(struct rowbinary_reader *r, const void *bytes, size_t len);
/* All was read, and nothing was missing. */
bool rowbinary_is_end(const struct rowbinary_reader *r);
/* For a loop over rows: there is another one, as far as one can tell. */
bool rowbinary_has_more(const struct rowbinary_reader *r);

uint8_t rowbinary_read_u8(struct rowbinary_reader *r);
uint16_t rowbinary_read_u16(struct rowbinary_reader *r);
uint32_t rowbinary_read_u32(struct rowbinary_reader *r);
uint64_t rowbinary_read_u64(struct rowbinary_reader *r);
int32_t rowbinary_read_i32(struct rowbinary_reader *r);
int64_t rowbinary_read_i64(struct rowbinary_reader *r);
float rowbinary_read_f32(struct rowbinary_reader *r);
double rowbinary_read_f64(struct rowbinary_reader *r);
struct rowbinary_text rowbinary_read_string(struct rowbinary_reader *r);
struct rowbinary_text rowbinary_read_bytes(struct rowbinary_reader *r, size_t len);
/* True: NULL, and no value follows. A byte that is neither 0 nor 1 fails. */
bool rowbinary_read_is_null(struct rowbinary_reader *r);
