/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/bundle.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/shards/sql.h"
#include "common/base/crypto.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t shard_id(uint64_t number)
{
    const int64_t id = (int64_t)(number >> 11);
    return id > 0 ? id : 1;
}

uint64_t shard_number(const uint8_t bytes[static 8])
{
    uint64_t number = 0;
    for (size_t i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return number;
}

void shard_hash_bytes(uint64_t number, uint8_t out[static 8])
{
    for (size_t i = 0; i < 8; i++)
        out[i] = (uint8_t)(number >> (56 - 8 * i));
}

/* --- the basket ------------------------------------------------------------------------------- */

static void free_bundle(struct bundle *b)
{
    if (b != NULL)
        free(b->seen);
    free(b);
}

void basket_done(struct basket *basket)
{
    for (size_t i = 0; i < basket->count; i++)
        free_bundle(basket->all[i]);
    free(basket->all);
    *basket = (struct basket){.all = NULL};
}

bool basket_is_full(const struct basket *basket)
{
    return basket->seen >= BASKET_SEEN_MAX;
}

const struct bundle *basket_find(struct basket *basket, int64_t id)
{
    for (size_t i = 0; i < basket->count; i++) {
        const size_t at = (basket->found_at + i) % basket->count;
        if (basket->all[at]->packet.id == id) {
            basket->found_at = at;
            return basket->all[at];
        }
    }
    return NULL;
}

const struct bundle *basket_find_hash(struct basket *basket, uint64_t hash)
{
    for (size_t i = 0; i < basket->count; i++) {
        const size_t at = (basket->found_at + i) % basket->count;
        if (basket->all[at]->hash == hash) {
            basket->found_at = at;
            return basket->all[at];
        }
    }
    return NULL;
}

/* Moves. False = no memory. */
static bool put(struct basket *basket, struct bundle *b)
{
    struct bundle **more = grow(basket->all, basket->count, &basket->cap, sizeof(void *));
    if (more == NULL)
        return false;
    basket->all = more;
    basket->all[basket->count++] = b;
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct load {
    struct asking *asking;
    struct shard_question *question;
    struct shard_ids *ids;
    const struct directory *directory;
    struct basket fresh;
    struct sql *hashes, *hours, *days; /* of each shard */
    struct sql *sqls;
    const char **texts;
    size_t shards;
};

static const struct node *node_of_key(const struct load *load, const uint8_t *key)
{
    const struct node *const *first;
    return directory_prefix(load->directory, key, NODE_KEY_BYTES, &first) == 1 ? first[0] : NULL;
}

/* "474733,474734", as the server has written it. */
static void add_hours(struct load *load, size_t shard, struct rowbinary_text hours)
{
    for (size_t i = 0; i < hours.len;) {
        unsigned hour = 0;
        for (; i < hours.len && hours.bytes[i] >= '0' && hours.bytes[i] <= '9'; i++)
            hour = 10 * hour + (unsigned)(hours.bytes[i] - '0');
        i++;
        const char *comma = load->hours[shard].len > 0 ? "," : "";
        sql_add(&load->hours[shard], "%s%u", comma, hour);
        sql_add(&load->days[shard], "%s%u", comma, hour / 24);
    }
}

static bool read_tx(struct load *load, struct rowbinary_reader *rows, size_t shard)
{
    struct bundle *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    b->hash = rowbinary_read_u64(rows);
    b->packet.first_ms = rowbinary_read_i64(rows);
    b->packet.type = rowbinary_read_u8(rows);
    b->packet.route = rowbinary_read_u8(rows);
    b->packet.is_forged = rowbinary_read_u8(rows) != 0;
    const struct rowbinary_text sender = rowbinary_read_string(rows);
    const struct rowbinary_text raw = rowbinary_read_string(rows);
    const struct rowbinary_text hours = rowbinary_read_string(rows);
    b->packet.id = shard_id(b->hash);
    shard_hash_bytes(b->hash, b->packet.hash);
    b->packet.raw_len = (uint8_t)min_size(raw.len, sizeof b->packet.raw);
    memcpy(b->packet.raw, raw.bytes, b->packet.raw_len);
    if (sender.len == NODE_KEY_BYTES) {
        const struct node *node = node_of_key(load, (const uint8_t *)sender.bytes);
        b->sender_id = node != NULL ? node->id : 0;
    }
    if (rows->is_failed || !put(&load->fresh, b)) {
        free_bundle(b);
        return false;
    }
    sql_add(&load->hashes[shard], "%s%llu", load->hashes[shard].len > 0 ? "," : "",
            (unsigned long long)b->hash);
    add_hours(load, shard, hours);
    return true;
}

int64_t shard_observation_id(uint64_t hash, uint64_t observer,
                             const struct packet_observation *seen)
{
    uint8_t out[32];
    uint8_t key[18];
    for (size_t i = 0; i < 8; i++) {
        key[i] = (uint8_t)(hash >> (56 - 8 * i));
        key[8 + i] = (uint8_t)(observer >> 8 * i);
    }
    key[16] = seen->is_tx;
    key[17] = seen->path_size;
    const struct crypto_part parts[] = {{key, sizeof key}, {seen->path, seen->path_len}};
    crypto_sha256(parts, ARRAY_LEN(parts), out);
    return shard_id(shard_number(out));
}

int64_t shard_scope_named(struct shard_ids *ids, const char *name)
{
    uint8_t hash[32];
    const struct crypto_part part = {name, strlen(name)};
    crypto_sha256(&part, 1, hash);
    return shard_ids_of(ids, SHARD_SCOPE, shard_number(hash));
}

int64_t shard_scope_of(struct shard_ids *ids, const struct region_scopes *scopes,
                       const struct packet *packet, int32_t code)
{
    struct meshcore_frame frame;
    const char *name = NULL;
    if (code <= 0 || meshcore_parse(packet->raw, packet->raw_len, &frame) != MESHCORE_FRAME_OK ||
        region_scopes_match(scopes, (uint16_t)code, packet->type, frame.payload, frame.payload_len,
                            &name) != SCOPE_MATCHED)
        return 0;
    return shard_scope_named(ids, name);
}

/* A Float32 is told as the shortest decimal that means it: 7.3, and not 7.30000019. */
double shard_read_float(struct rowbinary_reader *rows)
{
    char text[32];
    if (rowbinary_read_is_null(rows))
        return (double)NAN;
    const float value = rowbinary_read_f32(rows);
    for (int digits = 6; digits <= 9; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return strtod(text, NULL);
}

double shard_read_real(struct rowbinary_reader *rows)
{
    return rowbinary_read_is_null(rows) ? (double)NAN : rowbinary_read_f64(rows);
}

/* Rows of one packet follow each other. */
static bool read_seen(struct load *load, struct rowbinary_reader *rows)
{
    struct packet_observation seen = {.id = 0};
    struct bundle *b =
        (struct bundle *)(uintptr_t)basket_find_hash(&load->fresh, rowbinary_read_u64(rows));
    const uint64_t observer = rowbinary_read_u64(rows);
    seen.is_tx = rowbinary_read_u8(rows) != 0;
    seen.path_size = rowbinary_read_u8(rows);
    const struct rowbinary_text path = rowbinary_read_string(rows);
    seen.receipt_ms = rowbinary_read_i64(rows);
    seen.route = rowbinary_read_u8(rows);
    seen.scope_code = rowbinary_read_i32(rows);
    seen.snr = shard_read_float(rows);
    seen.rssi = shard_read_float(rows);
    if (rows->is_failed)
        return false;
    if (b == NULL)
        return true;
    seen.observer_id = shard_ids_of(load->ids, SHARD_OBSERVER, observer);
    seen.path_len = (uint8_t)min_size(path.len, sizeof seen.path);
    memcpy(seen.path, path.bytes, seen.path_len);
    seen.id = shard_observation_id(b->hash, observer, &seen);
    seen.scope_id =
        shard_scope_of(load->ids, load->asking->in_force->scopes, &b->packet, seen.scope_code);
    struct packet_observation *more = b->seen;
    if ((b->count & (b->count - 1)) == 0) /* it doubles */
        more = realloc(b->seen, (b->count > 0 ? 2 * b->count : 1) * sizeof *more);
    if (more == NULL)
        return false;
    b->seen = more;
    b->seen[b->count++] = seen;
    b->packet.observation_count = (int64_t)b->count;
    b->packet.last_ms = seen.receipt_ms; /* they come by receipt */
    return true;
}

/* Of those with more receptions than are kept. */
static void read_count(struct load *load, struct rowbinary_reader *rows)
{
    struct bundle *b =
        (struct bundle *)(uintptr_t)basket_find_hash(&load->fresh, rowbinary_read_u64(rows));
    const uint64_t count = rowbinary_read_u64(rows);
    const int64_t last_ms = rowbinary_read_i64(rows);
    if (b != NULL && !rows->is_failed) {
        b->packet.observation_count = (int64_t)count;
        b->packet.last_ms = last_ms;
    }
}

static bool ask(struct load *load)
{
    for (size_t i = 0; i < load->shards; i++) {
        load->texts[i] = load->sqls[i].len > 0 ? load->sqls[i].text : NULL;
        if (load->sqls[i].is_cut)
            shard_question_fail(load->question);
    }
    return !shard_question_has_failed(load->question) &&
           shard_ask_each(load->question, load->texts);
}

/* The statement to the shard that holds this hash. */
static struct sql *sql_of(const struct load *load, uint64_t hash)
{
    assert(load->shards > 0);
    return &load->sqls[hash % load->shards];
}

static bool ask_tx(struct load *load, const uint64_t *hashes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sql *sql = sql_of(load, hashes[i]);
        if (sql->len == 0)
            sql_add(sql, "SELECT hash, min(first_ms), argMax(type, ver), argMax(route, ver),"
                         " argMax(is_forged, ver), argMax(sender, ver), argMax(raw, ver),"
                         " arrayStringConcat(arrayMap(h -> toString(h), groupUniqArray(hour)), ',')"
                         " FROM tx WHERE hash IN (");
        else
            sql_add(sql, ",");
        sql_add(sql, "%llu", (unsigned long long)hashes[i]);
    }
    for (size_t i = 0; i < load->shards; i++) {
        if (load->sqls[i].len > 0)
            sql_add(&load->sqls[i], ") GROUP BY hash FORMAT RowBinary");
    }
    if (!ask(load))
        return false;
    struct shard_rows rows = shard_rows(load->question);
    bool is_good = true;
    while (is_good && shard_rows_next(&rows))
        is_good = read_tx(load, &rows.row, rows.shard);
    return is_good && shard_rows_end(&rows);
}

static bool ask_seen(struct load *load)
{
    for (size_t i = 0; i < load->shards; i++) {
        sql_clear(&load->sqls[i]);
        if (load->hashes[i].len == 0)
            continue;
        load->sqls[i].is_cut =
            load->hashes[i].is_cut || load->hours[i].is_cut || load->days[i].is_cut;
        sql_add(&load->sqls[i],
                "SELECT hash, observer, direction, path_size, path, min(receipt_ms) AS r,"
                " argMax(route, ver), argMax(scope_code, ver), argMax(snr, ver), argMax(rssi, ver)"
                " FROM obs WHERE day IN (%s)"
                " AND hour IN (%s) AND hash IN (%s)"
                " GROUP BY hash, observer, direction, path_size, path"
                " ORDER BY hash, r, observer, direction, path_size, path LIMIT %d BY hash"
                " FORMAT RowBinary",
                load->days[i].text, load->hours[i].text, load->hashes[i].text, BUNDLE_SEEN_MAX);
    }
    if (!ask(load))
        return false;
    struct shard_rows rows = shard_rows(load->question);
    bool is_good = true;
    while (is_good && shard_rows_next(&rows))
        is_good = read_seen(load, &rows.row);
    return is_good && shard_rows_end(&rows);
}

static bool ask_counts(struct load *load)
{
    bool is_any = false;
    for (size_t i = 0; i < load->shards; i++)
        sql_clear(&load->sqls[i]);
    for (size_t i = 0; i < load->fresh.count; i++) {
        const struct bundle *b = load->fresh.all[i];
        struct sql *sql = sql_of(load, b->hash);
        if (b->count < BUNDLE_SEEN_MAX)
            continue;
        is_any = true;
        if (sql->len == 0)
            sql_add(sql,
                    "SELECT hash, count(), max(r) FROM (SELECT hash, min(receipt_ms) AS r FROM obs"
                    " WHERE hour IN (%s) AND hash IN (%llu",
                    load->hours[b->hash % load->shards].text, (unsigned long long)b->hash);
        else
            sql_add(sql, ",%llu", (unsigned long long)b->hash);
    }
    for (size_t i = 0; is_any && i < load->shards; i++) {
        if (load->sqls[i].len > 0)
            sql_add(&load->sqls[i], ") GROUP BY hash, observer, direction, path_size, path)"
                                    " GROUP BY hash FORMAT RowBinary");
    }
    if (!is_any)
        return true;
    if (!ask(load))
        return false;
    struct shard_rows rows = shard_rows(load->question);
    while (shard_rows_next(&rows))
        read_count(load, &rows.row);
    return shard_rows_end(&rows);
}

/* I2. */
static bool move_whole(struct load *load, struct basket *basket)
{
    bool is_good = true;
    for (size_t i = 0; i < load->fresh.count; i++) {
        struct bundle *b = load->fresh.all[i];
        if (!is_good || b->count == 0 || !put(basket, b)) {
            is_good &= b->count == 0;
            free_bundle(b);
        } else {
            basket->seen += b->count;
        }
    }
    load->fresh.count = 0;
    return is_good;
}

static bool read_some(struct load *load, struct basket *basket, const uint64_t *hashes,
                      size_t count)
{
    for (size_t i = 0; i < load->shards; i++) {
        sql_clear(&load->sqls[i]);
        sql_clear(&load->hashes[i]);
        sql_clear(&load->hours[i]);
        sql_clear(&load->days[i]);
    }
    return ask_tx(load, hashes, count) && ask_seen(load) && ask_counts(load) &&
           move_whole(load, basket);
}

static bool begin_load(struct load *load, struct shard_question *question, struct asking *asking)
{
    load->asking = asking;
    load->question = question;
    load->ids = shards_ids(asking->model->shards);
    load->directory = asking_directory(asking);
    load->shards = shard_question_shards(load->question);
    load->sqls = calloc(4 * load->shards, sizeof *load->sqls);
    load->texts = calloc(load->shards, sizeof *load->texts);
    if (load->sqls == NULL || load->texts == NULL || load->shards == 0)
        return false;
    load->hashes = load->sqls + load->shards;
    load->hours = load->hashes + load->shards;
    load->days = load->hours + load->shards;
    for (size_t i = 0; i < 4 * load->shards; i++)
        sql_begin(&load->sqls[i]);
    return load->directory != NULL;
}

static void end_load(struct load *load)
{
    for (size_t i = 0; load->hashes != NULL && i < 4 * load->shards; i++)
        sql_done(&load->sqls[i]);
    free(load->sqls);
    free(load->texts);
    basket_done(&load->fresh);
}

bool basket_read(struct basket *basket, struct shard_question *question, struct asking *asking,
                 const uint64_t *hashes, size_t count)
{
    struct load load = {.asking = NULL};
    uint64_t wanted[BUNDLES_READ_MAX];
    bool is_good = begin_load(&load, question, asking);
    for (size_t i = 0; is_good && i < count;) {
        size_t n = 0;
        for (; i < count && n < BUNDLES_READ_MAX; i++) {
            if (basket_find_hash(basket, hashes[i]) == NULL)
                wanted[n++] = hashes[i];
        }
        is_good = n == 0 || read_some(&load, basket, wanted, n);
    }
    end_load(&load);
    if (!is_good)
        shard_question_fail(question);
    return is_good;
}

const struct packet_observation *bundle_best(const struct bundle *b)
{
    const struct packet_observation *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct packet_observation *seen = &b->seen[i];
        const size_t hops = seen->path_len / (seen->path_size > 0 ? seen->path_size : 1U);
        if (best == NULL || hops > most) {
            best = seen;
            most = hops;
        }
    }
    return best;
}
