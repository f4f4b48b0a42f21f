/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/hashes/hash_filter.h"

#include <assert.h>
#include <string.h>

#define KEY_BYTES    8
#define PREFIX_BYTES 4
#define BITS_SHIFT   7 /* from a prefix as a number to its bit */
#define BITS_OF_WORD 64
#define WORDS        (HASH_FILTER_BITS / BITS_OF_WORD)
#define NEVER_ASKED  (-1)
/* So many bits more than twice what is stored are too many: two in three are of none. */
#define SLACK (1U << 20)

static_assert(HASH_FILTER_BITS == 1ULL << (8 * PREFIX_BYTES - BITS_SHIFT), "each has its bit");

/* As rows move (I2). */
enum stage { STAGE_NEW, STAGE_RECENT, STAGE_FORMER, STAGE_PREFIXES, STAGES };

struct hash_filter {
    struct statement others, read[STAGES];
    uint64_t *words;
    uint64_t set;    /* bits that are */
    int64_t version; /* of the database, as others' commits change it */
    enum stage stage;
    uint8_t last[KEY_BYTES]; /* key read last in this stage, of key_bytes */
    size_t key_bytes;
};

/* ?1: the key read last, as many more. */
#define READ(table, key)                                                                           \
    SQL("SELECT " key " FROM " table " WHERE " key " > ?1 ORDER BY " key " LIMIT ?2")

static const struct hash_filter blank = {
    .others = SQL("PRAGMA data_version"),
    .read = {[STAGE_NEW] = READ("hashes_new", "hash"),
             [STAGE_RECENT] = READ("hashes_recent", "hash"),
             [STAGE_FORMER] = READ("hashes", "hash"),
             [STAGE_PREFIXES] = READ("hash_prefixes", "prefix")},
    .version = NEVER_ASKED,
};

struct hash_filter *hash_filter_open(struct connection *connection, struct err *err)
{
    struct hash_filter *filter = connection_part(connection, &blank, sizeof blank,
                                                 STATEMENTS_BEFORE(struct hash_filter, words), err);
    if (filter == NULL)
        return NULL;
    filter->words = connection_part(connection, NULL, WORDS * sizeof *filter->words, 0, err);
    return filter->words != NULL ? filter : NULL;
}

/* --- bits ------------------------------------------------------------------------------------- */

static uint32_t bit_of(const uint8_t *prefix)
{
    return be32(prefix) >> BITS_SHIFT;
}

void hash_filter_add(struct hash_filter *filter, const uint8_t *hash)
{
    const uint32_t bit = bit_of(hash);
    const uint64_t mask = 1ULL << (bit % BITS_OF_WORD);
    uint64_t *const word = &filter->words[bit / BITS_OF_WORD];
    filter->set += (*word & mask) == 0;
    *word |= mask;
}

bool hash_filter_lacks(const struct hash_filter *filter, const uint8_t *hash)
{
    const uint32_t bit = bit_of(hash);
    return filter->stage == STAGES &&
           (filter->words[bit / BITS_OF_WORD] >> (bit % BITS_OF_WORD) & 1) == 0;
}

/* --- what is there ---------------------------------------------------------------------------- */

void hash_filter_forget(struct hash_filter *filter)
{
    if (filter->set > 0)
        memset(filter->words, 0, WORDS * sizeof *filter->words);
    filter->set = 0;
    filter->stage = STAGE_NEW;
    filter->key_bytes = 0;
}

enum status hash_filter_begin(struct hash_filter *filter)
{
    int64_t version = 0;
    const enum status status = statement_number(&filter->others, &version);
    if (status == STATUS_OK && version != filter->version) {
        hash_filter_forget(filter);
        filter->version = version;
    }
    return status;
}

void hash_filter_age(struct hash_filter *filter, uint64_t count)
{
    if (filter->stage == STAGES && filter->set > 2 * count + SLACK)
        hash_filter_forget(filter);
}

/* *rows: at most so many; then those that were read. */
static enum status read_some(struct hash_filter *filter, int64_t *rows)
{
    struct statement *const read = &filter->read[filter->stage];
    int64_t count = 0;
    bind_blob(read, 1, filter->last, filter->key_bytes);
    bind_int(read, 2, *rows);
    enum status status = STATUS_OK;
    while ((status = statement_row(read)) == STATUS_OK) {
        const void *const key = sqlite3_column_blob(read->handle, 0);
        const size_t size = (size_t)sqlite3_column_bytes(read->handle, 0);
        filter->key_bytes = size < KEY_BYTES ? size : KEY_BYTES;
        memcpy(filter->last, key, filter->key_bytes); /* not empty: it is greater than one */
        if (size >= PREFIX_BYTES)                     /* a shorter one is no content's */
            hash_filter_add(filter, key);
        count++;
    }
    *rows = count;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status hash_filter_read(struct hash_filter *filter)
{
    if (filter->version == NEVER_ASKED)
        return STATUS_OK;
    for (int64_t left = HASH_FILTER_SLICE; left > 0 && filter->stage < STAGES;) {
        int64_t rows = left;
        const enum status status = read_some(filter, &rows);
        if (status != STATUS_OK)
            return status;
        if (rows < left) {
            filter->stage++;
            filter->key_bytes = 0;
        }
        left -= rows;
    }
    return STATUS_OK;
}
