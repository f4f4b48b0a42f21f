/* SPDX-License-Identifier: MIT */
#include "tests/support/live_words.h"

#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 65536

static size_t json_of(int64_t id, size_t padding, char *out, size_t cap, uint16_t *out_fields)
{
    static char filler[TEXT_MAX];
    memset(filler, 'p', padding);
    filler[padding] = '\0';
    const int fields = snprintf(out, cap, "{\"id\":%lld,\"x\":\"%s\"", (long long)id, filler);
    const int n = snprintf(out + fields, cap - (size_t)fields, ",\"decoded\":{}}");
    *out_fields = (uint16_t)fields;
    return (size_t)fields + (size_t)n;
}

static bool add(struct live_batch *batch, int64_t id, size_t padding)
{
    static char json[TEXT_MAX];
    struct live_event about = {.id = id, .tags = {.type = (uint8_t)(id % 16)}};
    const size_t len = json_of(id, padding, json, sizeof json, &about.fields_len);
    return live_batch_add(batch, &about, json, len);
}

struct live_batch *live_words_batch(enum live_batch_kind kind, int64_t first, int64_t last,
                                    size_t padding)
{
    const bool is_older = kind == LIVE_BATCH_OLDER;
    struct live_batch *batch = live_batch_new(kind, is_older ? last : first - 1);
    assert_non_null(batch);
    for (int64_t i = 0; i <= last - first; i++)
        assert_true(add(batch, is_older ? last - i : first + i, padding));
    return batch;
}

void live_words_push(struct live_log *log, int64_t first, int64_t last, size_t padding)
{
    for (int64_t id = first; id <= last; id++) {
        struct live_batch *batch = live_words_batch(LIVE_BATCH_NEWER, id, id, padding);
        (void)live_log_push(log, &batch->events[0]);
        free(batch);
    }
}

size_t live_words_text(int64_t id, size_t padding, char *out, size_t cap)
{
    struct live_batch *batch = live_words_batch(LIVE_BATCH_NEWER, id, id, padding);
    const size_t len = batch->events[0].text_len;
    assert_true(len < cap);
    memcpy(out, batch->events[0].text, len);
    out[len] = '\0';
    free(batch);
    return len;
}
