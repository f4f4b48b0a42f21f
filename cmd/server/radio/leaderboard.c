/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/leaderboard.h"

#include "cmd/server/radio/coverage.h"
#include "cmd/server/radio/heard_rows.h"
#include "cmd/server/tally/table.h"
#include "common/base/hex.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_ROWS    10000
#define CLIENTS_MAX   2000
#define PAIRS_MAX     LEADERBOARD_ROWS
#define CLIENT_BYTES  68 /* a key in hex */
#define LIMIT_DEFAULT 20
#define LIMIT_MAX     100

struct client {
    char key[CLIENT_BYTES]; /* the key, with zeros behind */
    uint32_t number;        /* from 1 */
    uint64_t receptions, nodes, cells, score;
};

/* Of a client: a node, a cell, or both; what is not meant is zero. All of it is the key. */
struct pair {
    uint32_t client;
    struct cell cell;
    uint32_t has; /* bit 0: a cell, bit 1: a node */
    uint8_t heard[HEARD_BYTES_MAX];
};

struct leaderboard {
    struct analytics_turn *turn;
    struct table clients, pairs;
    size_t in_slice; /* rows of this one */
    int64_t before_ms, before_id;
};

static bool is_new_pair(struct leaderboard *l, const struct client *client,
                        const struct heard_row *row, uint32_t has)
{
    bool is_new = false;
    struct pair pair = {.client = client->number, .has = has};
    if ((has & 1) != 0)
        pair.cell = grid_cell(row->lat, row->lon, LEADERBOARD_ZOOM);
    if ((has & 2) != 0)
        memcpy(pair.heard, row->heard, sizeof pair.heard);
    return table_take(&l->pairs, &pair, &is_new) != NULL && is_new;
}

static void count_row(void *context, const struct heard_row *row)
{
    struct leaderboard *l = context;
    struct client key = {.number = 0};
    bool is_new;
    l->in_slice++;
    l->before_ms = row->rx_ms;
    l->before_id = row->id;
    if (!row->is_shown)
        return;
    memcpy(key.key, row->client, min_size(strlen(row->client), CLIENT_BYTES - 1));
    struct client *client = table_take(&l->clients, key.key, &is_new);
    if (client == NULL)
        return;
    if (is_new)
        client->number = (uint32_t)l->clients.count;
    client->receptions++;
    client->cells += is_new_pair(l, client, row, 1);
    client->nodes += is_new_pair(l, client, row, 2);
    client->score += is_new_pair(l, client, row, 3);
}

/* False = a question failed. */
static bool read_all(struct leaderboard *l)
{
    struct analytics_turn *turn = l->turn;
    l->before_ms = INT64_MAX;
    for (int64_t rows = 0; rows < LEADERBOARD_ROWS; rows += SLICE_ROWS) {
        const struct heard_range range = {turn->from_ms, l->before_ms, l->before_id, SLICE_ROWS};
        l->in_slice = 0;
        if (rows > 0 && !asking_again(turn->asking, ANALYTICS_BUDGET_US))
            return false;
        if (!heard_rows_read(turn->asking, turn->facts.directory, &range, count_row, l))
            return false;
        if (l->in_slice < SLICE_ROWS)
            return true;
        if (analysis_is_late(turn))
            break;
    }
    turn->is_complete = false;
    turn->from_ms = l->before_ms;
    return true;
}

static int by_score(const void *a, const void *b)
{
    const struct client *x = *(const struct client *const *)a;
    const struct client *y = *(const struct client *const *)b;
    return x->score != y->score ? (x->score < y->score ? 1 : -1) : strcmp(x->key, y->key);
}

static const struct node *node_of(const struct directory *directory, const struct client *client)
{
    uint8_t key[NODE_KEY_BYTES];
    size_t len;
    const struct node *const *first;
    if (!hex_decode(client->key, strlen(client->key), key, sizeof key, &len) ||
        len != NODE_KEY_BYTES || directory_prefix(directory, key, len, &first) != 1)
        return NULL;
    return first[0];
}

static void write_client(struct json_write *w, const struct directory *directory,
                         const struct client *client)
{
    const struct node *node = node_of(directory, client);
    jw_object(w, NULL);
    jw_string(w, "pubkey", client->key);
    jw_string_or_null(w, "name", node != NULL && !node->is_hidden ? node->name : "");
    jw_uint(w, "receptions", client->receptions);
    jw_uint(w, "nodes", client->nodes);
    jw_uint(w, "cells", client->cells);
    jw_uint(w, "score", client->score);
    jw_object_end(w);
}

static bool write_all(struct json_write *w, const struct leaderboard *l, size_t limit)
{
    const size_t count = l->clients.count;
    const void **all = table_sorted(&l->clients, by_score);
    if (all == NULL)
        return false;
    jw_array(w, "observers");
    for (size_t i = 0; i < min_size(count, limit); i++)
        write_client(w, l->turn->facts.directory, all[i]);
    jw_array_end(w);
    free(all);
    return true;
}

static bool compute(struct analytics_turn *turn, struct json_write *w)
{
    const size_t days = http_query_limit(turn->query, "days", COVERAGE_DAYS, COVERAGE_DAYS_MAX);
    const size_t limit = http_query_limit(turn->query, "limit", LIMIT_DEFAULT, LIMIT_MAX);
    struct leaderboard l = {.turn = turn};
    const int64_t kept = coverage_days_kept(turn->asking, (int64_t)days);
    turn->from_ms = turn->to_ms - kept * MS_PER_DAY;
    turn->is_window_cut = kept < (int64_t)days;
    table_init(&l.clients, sizeof(struct client), CLIENT_BYTES, CLIENTS_MAX);
    table_init(&l.pairs, sizeof(struct pair), sizeof(struct pair), PAIRS_MAX);
    jw_uint(w, "days", days);
    const bool is_good = read_all(&l) && write_all(w, &l, limit);
    turn->is_complete = turn->is_complete && !l.clients.is_cut && !l.pairs.is_cut;
    table_done(&l.clients);
    table_done(&l.pairs);
    return is_good;
}

const struct http_parameter leaderboard_parameters[] = {
    {"days", HTTP_PARAMETER_INT, "Over how many days: 7, at most 30"},
    {"limit", HTTP_PARAMETER_INT, "How many at most: 20, at most 100"},
    {0}};
const struct analysis analysis_leaderboard = {
    .name = "rx-leaderboard", .compute = compute, .parameters = leaderboard_parameters};
