/* SPDX-License-Identifier: MIT
 *
 * Any bytes as an answer in RowBinary, read as values of any types: nothing outside them is looked
 * at, what was read well is written back as the same bytes, and after a failure nothing is read. */
#include "common/clickhouse/rowbinary.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void copy_text(struct rowbinary_writer *w, struct rowbinary_text text, bool is_string)
{
    if (is_string)
        rowbinary_string(w, text.bytes, text.len);
    else
        rowbinary_bytes(w, text.bytes, text.len);
}

static void copy_value(struct rowbinary_reader *r, struct rowbinary_writer *w, unsigned type)
{
    switch (type % 8) {
    case 0:
        rowbinary_u8(w, rowbinary_read_u8(r));
        break;
    case 1:
        rowbinary_u16(w, rowbinary_read_u16(r));
        break;
    case 2:
        rowbinary_i32(w, rowbinary_read_i32(r));
        break;
    case 3:
        rowbinary_i64(w, rowbinary_read_i64(r));
        break;
    case 4:
        rowbinary_f64(w, rowbinary_read_f64(r));
        break;
    case 5:
        rowbinary_is_null(w, rowbinary_read_is_null(r));
        break;
    case 6:
        copy_text(w, rowbinary_read_string(r), true);
        break;
    default:
        copy_text(w, rowbinary_read_bytes(r, type), false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rowbinary_reader r;
    struct rowbinary_writer w;
    const size_t types = size > 0 ? min_size(data[0] % 16 + 1U, size) : 0;
    rowbinary_read(&r, data + types, size - types);
    rowbinary_init(&w, 2 * size + 64);
    size_t good = 0;
    bool is_short_form = true; /* a length may also be written with needless bytes */
    for (size_t i = 0; i < types && rowbinary_has_more(&r); i++) {
        const uint8_t *before = r.at;
        copy_value(&r, &w, data[i]);
        if (r.is_failed)
            break;
        is_short_form = is_short_form && w.len - good == (size_t)(r.at - before);
        require(!is_short_form || memcmp(w.bytes + good, before, w.len - good) == 0);
        good = w.len;
    }
    require(r.at <= r.end);
    if (r.is_failed) {
        const uint8_t *at = r.at;
        require(rowbinary_read_u64(&r) == 0 && rowbinary_read_string(&r).len == 0 && r.at == at);
        require(!rowbinary_is_end(&r) && !rowbinary_has_more(&r));
    }
    rowbinary_done(&w);
    return 0;
}
