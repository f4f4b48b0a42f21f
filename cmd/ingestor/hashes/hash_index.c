/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/hashes/hash_index.h"

#include "cmd/ingestor/hashes/hash_filter.h"
#include "common/db/memory_table.h"
#include "common/db/schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The range of hashes is moved on in so many pieces, hence hashes_new holds at most as many times
 * HASH_INDEX_PIECE rows, and half of that on average. */
#define NEW_PIECES 32
/* Of hashes_recent at least. The best number grows with the root of what is stored: twice as many
 * recent ones halve the pages of `hashes` that a row costs and double those of hashes_recent. */
#define RECENT_PIECES_MIN 64
#define RECENT_ROOT_SHARE 4

/* After so many that left, the rows of a piece are looked at; all of them were when a sixteenth
 * has left. */
#define LEFT_PIECE 256
#define LEFT_SHARE 16

/* The rows of a piece, from ?1 to ?2. */
#define PIECE "hash BETWEEN ?1 AND ?2"
/* Of one hash the newer row stays (hash_index.h I2, I3). */
#define MOVE(from, to) "INSERT OR REPLACE INTO " to " SELECT hash, id FROM " from " WHERE " PIECE

#define EXPIRE(table) "DELETE FROM " table " WHERE " PIECE " AND id < ?3"
#define TO_PREFIXES(from)                                                                          \
    "INSERT OR IGNORE INTO hash_prefixes SELECT " SCHEMA_PREFIX("hash") ", id FROM " from          \
                                                                        " WHERE " PIECE
#define TEXT_OF(number) #number
#define AS_TEXT(number) TEXT_OF(number)

#define WAITING "waiting_hashes"
#define SLOTS   (2 * HASH_INDEX_WAITING) /* at most half full: probes stay short */

/* Contents that no table has yet. */
struct waiting {
    struct waiting_row {
        uint8_t hash[HASH_INDEX_BYTES];
        int64_t id;
    } rows[HASH_INDEX_WAITING];
    uint16_t slots[SLOTS]; /* open addressing by the hash: row + 1, 0 = none */
};

enum level { LEVEL_NEW, LEVEL_RECENT, LEVEL_OLD, LEVELS };

struct hash_index {
    struct statement add, sizes, copy[LEVEL_OLD], drop[LEVEL_OLD], expire[LEVELS];
    struct statement former_piece, former_copy, former_drop, former_expire;
    uint64_t next[LEVEL_OLD], next_expired; /* where the next piece begins */
    int64_t came, left;                     /* since the last piece */
    bool has_no_former;
    struct memory_table table; /* of those that wait; its count is theirs */
    struct waiting *waiting;
    struct hash_filter *filter;
};

static void give_waiting(const void *owner, size_t at, int column, sqlite3_context *out)
{
    const struct waiting_row *row = &((const struct waiting *)owner)->rows[at];
    if (column == 0)
        sqlite3_result_blob(out, row->hash, sizeof row->hash, SQLITE_STATIC);
    else
        sqlite3_result_int64(out, row->id);
}

static const struct hash_index blank = {
    /* REPLACE: what is left of one that is gone. */
    .add = SQL("INSERT OR REPLACE INTO hashes_new (hash, id) SELECT hash, id FROM " WAITING),
    .copy = {[LEVEL_NEW] = SQL(MOVE("hashes_new", "hashes_recent")),
             [LEVEL_RECENT] = SQL(TO_PREFIXES("hashes_recent"))},
    .drop = {[LEVEL_NEW] = SQL("DELETE FROM hashes_new WHERE " PIECE),
             [LEVEL_RECENT] = SQL("DELETE FROM hashes_recent WHERE " PIECE)},
    .sizes = SQL("SELECT transmissions, (SELECT id FROM transmissions ORDER BY id LIMIT 1) FROM"
                 " meta WHERE id = 1"),
    .expire = {[LEVEL_NEW] = SQL(EXPIRE("hashes_new")),
               [LEVEL_RECENT] = SQL(EXPIRE("hashes_recent")),
               [LEVEL_OLD] = SQL("DELETE FROM hash_prefixes WHERE prefix BETWEEN " SCHEMA_PREFIX(
                   "?1") " AND " SCHEMA_PREFIX("?2") " AND id < ?3")},
    .former_piece = SQL("SELECT min(hash), max(hash) FROM (SELECT hash FROM hashes ORDER BY hash"
                        " LIMIT " AS_TEXT(HASH_INDEX_FORMER) ")"),
    .former_copy = SQL(TO_PREFIXES("hashes")),
    .former_drop = SQL("DELETE FROM hashes WHERE " PIECE),
    .former_expire = SQL(EXPIRE("hashes")),
    .table = {.name = WAITING, .columns = "hash, id", .give = give_waiting},
};

struct hash_index *hash_index_open(struct connection *connection, struct err *err)
{
    struct hash_index *index = connection_part(connection, &blank, sizeof blank, 0, err);
    if (index == NULL)
        return NULL;
    index->filter = hash_filter_open(connection, err);
    index->table.owner = index->waiting =
        connection_part(connection, NULL, sizeof *index->waiting, 0, err);
    /* The statements behind the table that they read. */
    const bool is_open =
        index->filter != NULL && index->waiting != NULL &&
        memory_table_add(connection->db, &index->table, err) == STATUS_OK &&
        statements_prepare(connection, &index->add, STATEMENTS_BEFORE(struct hash_index, next),
                           err) == STATUS_OK;
    return is_open ? index : NULL;
}

enum status hash_index_begin(struct hash_index *index)
{
    return hash_filter_begin(index->filter);
}

bool hash_index_lacks(const struct hash_index *index, const uint8_t hash[static HASH_INDEX_BYTES])
{
    return hash_filter_lacks(index->filter, hash);
}

/* --- those that wait -------------------------------------------------------------------------- */

/* The slot that holds the hash, or the empty one where it belongs. */
static uint16_t *slot_of(const struct hash_index *index, const uint8_t hash[HASH_INDEX_BYTES])
{
    uint16_t *const slots = index->waiting->slots;
    uint64_t at; /* random as it is */
    memcpy(&at, hash, sizeof at);
    at %= SLOTS;
    while (slots[at] != 0 &&
           memcmp(index->waiting->rows[slots[at] - 1].hash, hash, HASH_INDEX_BYTES) != 0)
        at = (at + 1) % SLOTS;
    return &slots[at];
}

bool hash_index_has_room(const struct hash_index *index)
{
    return index->table.count < HASH_INDEX_WAITING;
}

void hash_index_add(struct hash_index *index, const uint8_t hash[static HASH_INDEX_BYTES],
                    int64_t id)
{
    uint16_t *const slot = slot_of(index, hash);
    assert(hash_index_has_room(index));
    index->came++;
    hash_filter_add(index->filter, hash);
    if (*slot != 0) { /* of one that came and left in this transaction */
        index->waiting->rows[*slot - 1].id = id;
        return;
    }
    struct waiting_row *row = &index->waiting->rows[index->table.count++];
    memcpy(row->hash, hash, sizeof row->hash);
    row->id = id;
    *slot = (uint16_t)index->table.count;
}

int64_t hash_index_waits(const struct hash_index *index,
                         const uint8_t hash[static HASH_INDEX_BYTES])
{
    const uint16_t row = *slot_of(index, hash);
    return row != 0 ? index->waiting->rows[row - 1].id : 0;
}

void hash_index_clear(struct hash_index *index)
{
    if (index->table.count > 0)
        memset(index->waiting->slots, 0, sizeof index->waiting->slots);
    index->table.count = 0;
}

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(((const struct waiting_row *)a)->hash, ((const struct waiting_row *)b)->hash,
                  HASH_INDEX_BYTES);
}

enum status hash_index_write_waiting(struct hash_index *index)
{
    if (index->table.count == 0)
        return STATUS_OK;
    qsort(index->waiting->rows, index->table.count, sizeof index->waiting->rows[0], compare_hashes);
    const enum status status = statement_run(&index->add);
    hash_index_clear(index);
    return status;
}

void hash_index_forget(struct hash_index *index)
{
    hash_index_clear(index);
    hash_filter_forget(index->filter);
}

void hash_index_leave(struct hash_index *index)
{
    index->left++;
}

/* --- pieces ----------------------------------------------------------------------------------- */

/* Hashes order as numbers do: big-endian. */
struct piece {
    uint8_t first[HASH_INDEX_BYTES], last[HASH_INDEX_BYTES];
};

static void put_number(uint8_t out[static HASH_INDEX_BYTES], uint64_t number)
{
    for (size_t i = 0; i < HASH_INDEX_BYTES; i++)
        out[i] = (uint8_t)(number >> (8 * (HASH_INDEX_BYTES - 1 - i)));
}

/* The next of `pieces` of all hashes. */
static struct piece take_piece(uint64_t *next, uint64_t pieces)
{
    struct piece piece = {.first = {0}};
    const uint64_t first = *next;
    const uint64_t last = first + (UINT64_MAX / pieces);
    const bool is_end = last < first;
    put_number(piece.first, first);
    put_number(piece.last, is_end ? UINT64_MAX : last);
    *next = is_end ? 0 : last + 1;
    return piece;
}

static void bind_piece(struct statement *statement, const struct piece *piece)
{
    bind_blob(statement, 1, piece->first, HASH_INDEX_BYTES);
    bind_blob(statement, 2, piece->last, HASH_INDEX_BYTES);
}

static enum status run_on_piece(struct statement *statement, const struct piece *piece)
{
    bind_piece(statement, piece);
    return statement_run(statement);
}

static enum status move_piece(struct hash_index *index, enum level level, const struct piece *piece)
{
    const enum status status = run_on_piece(&index->copy[level], piece);
    return status == STATUS_OK ? run_on_piece(&index->drop[level], piece) : status;
}

static enum status read_sizes(struct hash_index *index, uint64_t *out_count, int64_t *out_oldest)
{
    const enum status status = statement_row(&index->sizes);
    if (status != STATUS_OK)
        return status;
    const int64_t count = column_int(&index->sizes, 0);
    *out_count = count > 0 ? (uint64_t)count : 0;
    *out_oldest = column_int(&index->sizes, 1);
    statement_done(&index->sizes);
    return STATUS_OK;
}

static uint64_t recent_pieces(uint64_t count)
{
    uint64_t pieces = RECENT_PIECES_MIN;
    while (pieces * pieces * RECENT_ROOT_SHARE * RECENT_ROOT_SHARE < count)
        pieces += pieces / 4;
    return pieces;
}

/* NOT_FOUND: there are none (any more). */
static enum status next_former(struct hash_index *index, struct piece *out)
{
    const enum status status = statement_row(&index->former_piece);
    if (status != STATUS_OK)
        return status;
    const void *first = sqlite3_column_blob(index->former_piece.handle, 0);
    const void *last = sqlite3_column_blob(index->former_piece.handle, 1);
    if (first != NULL && last != NULL) { /* of eight bytes: they were of transmissions.hash */
        memcpy(out->first, first, sizeof out->first);
        memcpy(out->last, last, sizeof out->last);
    }
    statement_done(&index->former_piece);
    return first != NULL && last != NULL ? STATUS_OK : STATUS_NOT_FOUND;
}

/* The former table from its low end, so that nobody need remember how far it came. */
static enum status move_former(struct hash_index *index)
{
    struct piece piece;
    if (index->has_no_former)
        return STATUS_OK;
    enum status status = next_former(index, &piece);
    index->has_no_former = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK)
        return index->has_no_former ? STATUS_OK : status;
    status = run_on_piece(&index->former_copy, &piece);
    return status == STATUS_OK ? run_on_piece(&index->former_drop, &piece) : status;
}

static enum status move_on(struct hash_index *index, uint64_t count)
{
    /* From the large end, so that no row moves twice at once. */
    const struct piece recent = take_piece(&index->next[LEVEL_RECENT], recent_pieces(count));
    const struct piece newest = take_piece(&index->next[LEVEL_NEW], NEW_PIECES);
    enum status status = move_former(index);
    if (status == STATUS_OK)
        status = move_piece(index, LEVEL_RECENT, &recent);
    return status == STATUS_OK ? move_piece(index, LEVEL_NEW, &newest) : status;
}

static enum status expire_piece(struct statement *statement, const struct piece *piece,
                                int64_t oldest)
{
    bind_piece(statement, piece);
    bind_int(statement, 3, oldest);
    return statement_run(statement);
}

static enum status expire(struct hash_index *index, uint64_t count, int64_t oldest)
{
    const uint64_t pieces = count / ((uint64_t)LEFT_PIECE * LEFT_SHARE);
    const struct piece piece = take_piece(&index->next_expired, pieces > 0 ? pieces : 1);
    enum status status =
        index->has_no_former ? STATUS_OK : expire_piece(&index->former_expire, &piece, oldest);
    for (size_t i = 0; status == STATUS_OK && i < LEVELS; i++)
        status = expire_piece(&index->expire[i], &piece, oldest);
    return status;
}

enum status hash_index_write(struct hash_index *index)
{
    uint64_t count = 0;
    int64_t oldest = 0;
    enum status status = hash_index_write_waiting(index);
    if (status == STATUS_OK)
        status = hash_filter_read(index->filter);
    if (status != STATUS_OK || (index->came < HASH_INDEX_PIECE && index->left < LEFT_PIECE))
        return status;
    status = read_sizes(index, &count, &oldest);
    if (status == STATUS_OK)
        hash_filter_age(index->filter, count);
    for (; status == STATUS_OK && index->came >= HASH_INDEX_PIECE; index->came -= HASH_INDEX_PIECE)
        status = move_on(index, count);
    for (; status == STATUS_OK && index->left >= LEFT_PIECE; index->left -= LEFT_PIECE)
        status = expire(index, count, oldest);
    return status;
}
