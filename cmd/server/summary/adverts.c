/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/adverts.h"

#include <stdlib.h>
#include <string.h>

/* Rows that a slice looks at: 3 ms. */
#define NODES_SLICE 100
#define NEW_SLICE   5000

static const char SQL_NEWEST[] = "SELECT max(id) FROM transmissions";
static const char SQL_NODES[] = "SELECT id FROM nodes WHERE id > ?1 ORDER BY id LIMIT ?2";
static const char SQL_NEW[] =
    "SELECT id, sender FROM transmissions WHERE id > ?1 ORDER BY id LIMIT ?2";
static const char SQL_ADVERTS[] =
    "SELECT id, hash, first_ms, raw FROM transmissions INDEXED BY transmissions_sender"
    " WHERE sender = ?1 ORDER BY id DESC LIMIT ?2";

/* How far it has come: first through all nodes, then behind the transmissions. */
struct position {
    bool is_through;
    int64_t
        newest;   /* transmission: when the way through the nodes began, then the last looked at */
    int64_t node; /* the last that was read on that way */
};

struct adverts {
    struct table nodes;
    struct position position;
    bool is_changed;
};

struct adverts *adverts_new(void)
{
    struct adverts *a = calloc(1, sizeof *a);
    if (a != NULL)
        table_init(&a->nodes, sizeof(struct advert_facts), sizeof(int64_t), ADVERT_NODES_MAX);
    return a;
}

void adverts_free(struct adverts *a)
{
    if (a == NULL)
        return;
    table_done(&a->nodes);
    free(a);
}

/* --- one node --------------------------------------------------------------------------------- */

static uint8_t size_said(const struct meshcore_frame *frame)
{
    const bool is_for_neighbours = !meshcore_is_flood(frame->route) && frame->hop_count == 0;
    return is_for_neighbours && frame->hash_size == 1 ? 0 : frame->hash_size;
}

bool adverts_sample_of(const uint8_t *raw, size_t len, struct advert_sample *out)
{
    struct meshcore_frame frame;
    struct meshcore_advert advert;
    if (meshcore_parse(raw, len, &frame) != MESHCORE_FRAME_OK ||
        meshcore_frame_is_share_contact(&frame) || !meshcore_parse_advert(&frame, &advert))
        return false;
    *out = (struct advert_sample){.advert_s = advert.timestamp, .hash_size = size_said(&frame)};
    return true;
}

static bool read_sample(const struct statement *row, struct advert_sample *out)
{
    const uint8_t *hash = sqlite3_column_blob(row->handle, 1);
    const uint8_t *raw = sqlite3_column_blob(row->handle, 3);
    const size_t len = (size_t)sqlite3_column_bytes(row->handle, 3);
    if (hash == NULL || raw == NULL || !adverts_sample_of(raw, len, out))
        return false;
    out->transmission_id = column_int(row, 0);
    out->receipt_ms = column_int(row, 2);
    memcpy(out->hash, hash, sizeof out->hash);
    return true;
}

size_t adverts_read(struct reader *reader, int64_t node_id,
                    struct advert_sample out[static ADVERT_SAMPLES])
{
    size_t count = 0;
    struct statement *row = reader_statement(reader, SQL_ADVERTS);
    if (row == NULL)
        return 0;
    bind_int(row, 1, node_id);
    bind_int(row, 2, ADVERT_SAMPLES);
    while (statement_row(row) == STATUS_OK)
        count += read_sample(row, &out[count]);
    return count;
}

void adverts_skew(const struct advert_sample *samples, size_t count, struct skew *out)
{
    struct skew_sample plain[ADVERT_SAMPLES];
    for (size_t i = 0; i < count; i++)
        plain[i] = (struct skew_sample){samples[i].receipt_ms, samples[i].advert_s,
                                        samples[i].transmission_id};
    skew_measure(plain, count, out);
}

/* The newest first. */
static void note_sizes(struct advert_facts *facts, const struct advert_sample *samples,
                       size_t count)
{
    size_t changes = 0;
    uint8_t newer = 0;
    facts->hash_size = facts->sizes = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t size = samples[i].hash_size;
        if (size == 0)
            continue;
        facts->hash_size = facts->hash_size == 0 ? size : facts->hash_size;
        facts->sizes |= (uint8_t)(1U << size);
        changes += newer != 0 && size != newer;
        newer = size;
    }
    facts->is_inconsistent = changes >= 2;
}

static void note_facts(struct adverts *a, int64_t node_id, const struct advert_sample *samples,
                       size_t count)
{
    struct advert_facts *facts = table_take(&a->nodes, &node_id, NULL);
    if (facts == NULL)
        return;
    facts->advert_s = samples[0].advert_s;
    facts->receipt_ms = samples[0].receipt_ms;
    note_sizes(facts, samples, count);
    adverts_skew(samples, count, &facts->skew);
    a->is_changed = true;
}

void adverts_note(struct adverts *a, int64_t node_id, const struct advert_sample *samples,
                  size_t count)
{
    if (count > 0)
        note_facts(a, node_id, samples, count);
}

void adverts_are_read(struct adverts *a)
{
    a->is_changed |= !a->position.is_through; /* that nobody advertised is known now, too */
    a->position.is_through = true;
}

static void read_node(struct adverts *a, struct reader *reader, int64_t node_id)
{
    struct advert_sample samples[ADVERT_SAMPLES];
    adverts_note(a, node_id, samples, adverts_read(reader, node_id, samples));
}

/* --- slices ----------------------------------------------------------------------------------- */

/* The column `at` of up to `max` rows behind `after`; *out_last is the first column of the last. */
static size_t read_ids(struct reader *reader, const char *sql, int64_t after, int at, size_t max,
                       int64_t *out, int64_t *out_last)
{
    size_t count = 0;
    struct statement *row = reader_statement(reader, sql);
    if (row == NULL)
        return 0;
    bind_int(row, 1, after);
    bind_int(row, 2, (int64_t)max);
    while (count < max && statement_row(row) == STATUS_OK) {
        *out_last = column_int(row, 0);
        out[count++] = column_int(row, at);
    }
    statement_done(row);
    return count;
}

/* Both return whether more is to be read. */
static bool slice_of_nodes(struct adverts *a, struct reader *reader, struct position *at)
{
    int64_t ids[NODES_SLICE];
    if (at->node == 0)
        at->newest = reader_number(reader, SQL_NEWEST, 0);
    const size_t count = read_ids(reader, SQL_NODES, at->node, 0, NODES_SLICE, ids, &at->node);
    for (size_t i = 0; i < count; i++)
        read_node(a, reader, ids[i]);
    at->is_through = count < NODES_SLICE;
    return true;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool slice_of_new(struct adverts *a, struct reader *reader, struct position *at)
{
    int64_t senders[NEW_SLICE];
    const size_t count = read_ids(reader, SQL_NEW, at->newest, 1, NEW_SLICE, senders, &at->newest);
    qsort(senders, count, sizeof senders[0], compare);
    for (size_t i = 0; i < count; i++)
        if (senders[i] != 0 && (i == 0 || senders[i] != senders[i - 1]))
            read_node(a, reader, senders[i]);
    return count == NEW_SLICE;
}

/* Another file stands there, or the database was emptied: everything anew. */
static void begin_anew(struct adverts *a)
{
    table_done(&a->nodes);
    *a = (struct adverts){.is_changed = true};
    table_init(&a->nodes, sizeof(struct advert_facts), sizeof(int64_t), ADVERT_NODES_MAX);
}

enum status adverts_slice(struct adverts *a, struct reader *reader, bool *out_at_end)
{
    struct err err = {0};
    const enum status status = reader_begin(reader, READER_SLICE_US, &err);
    *out_at_end = true;
    if (status != STATUS_OK)
        return status;
    if (reader_number(reader, SQL_NEWEST, 0) < a->position.newest)
        begin_anew(a);
    struct position at = a->position;
    const bool is_more =
        at.is_through ? slice_of_new(a, reader, &at) : slice_of_nodes(a, reader, &at);
    if (reader_end(reader) != READER_ANSWERED)
        return STATUS_IO;
    if (at.is_through && !a->position.is_through)
        a->is_changed = true; /* that nobody advertised is known now, too */
    a->position = at;
    *out_at_end = !is_more;
    return STATUS_OK;
}

/* --- publishing ------------------------------------------------------------------------------- */

static void destroy(struct shared *shared)
{
    struct advert_set *set = (struct advert_set *)(void *)shared;
    table_done(&set->nodes);
    free(set);
}

struct advert_set *adverts_publish(struct adverts *a)
{
    if (!a->is_changed || !a->position.is_through)
        return NULL;
    struct advert_set *set = calloc(1, sizeof *set);
    if (set == NULL || !table_copy(&a->nodes, &set->nodes)) {
        free(set);
        return NULL;
    }
    shared_init(&set->shared, destroy);
    a->is_changed = false;
    return set;
}

void advert_set_unref(const struct advert_set *set)
{
    if (set != NULL)
        shared_unref((struct shared *)(uintptr_t)&set->shared);
}

const struct advert_facts *advert_set_find(const struct advert_set *set, int64_t node_id)
{
    return table_find(&set->nodes, &node_id);
}
