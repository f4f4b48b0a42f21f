/* SPDX-License-Identifier: MIT
 *
 * store_fixture - packets and statuses as the flusher would hand them to the store, made from a few
 * words; a database in a folder of the test's own; and the text of all tables for comparing two
 * databases. Ownership: plain values of the caller's; a packet points into itself, so it must not
 * be copied. */
#pragma once

#include "cmd/ingestor/store/store.h"

#include <sqlite3.h>

struct fixture_db {
    char dir[64], path[96];
    struct store *store;
};
/* A new folder and an open store; asserts on failure. */
void fixture_db_open(struct fixture_db *db);
void fixture_db_reopen(struct fixture_db *db);
/* With rules, keys and regions; the path and the cache are the fixture's. */
void fixture_db_open_with(struct fixture_db *db, const struct store_params *params);
void fixture_db_reopen_with(struct fixture_db *db, const struct store_params *params);
void fixture_db_close(struct fixture_db *db); /* removes the folder */
/* In place of its database the one that a file of SQL describes; the store stays closed. */
void fixture_db_load(struct fixture_db *db, const char *sql_path);

struct fixture_packet {
    struct envelope envelope;
    struct meshcore_frame frame;
    struct meshcore_advert advert;
    uint8_t hash[MESHCORE_HASH_BYTES];
    struct store_packet packet;
};
/* A text message whose content is `seed`, heard by `observer` over `hops` hops of one byte. */
void fixture_text(struct fixture_packet *out, const char *observer, uint32_t seed, unsigned hops,
                  int64_t receipt_ms);
struct fixture_path {
    uint8_t header, size, count; /* of the frame; bytes a hop; hops */
    uint8_t bytes[8];
};
/* A text with another content each time, heard over this path. */
void fixture_over(struct fixture_packet *out, const char *observer, const struct fixture_path *path,
                  int64_t receipt_ms);
/* Any payload, without hops. */
void fixture_frame(struct fixture_packet *out, const char *observer, uint8_t header,
                   const uint8_t *payload, size_t len, int64_t receipt_ms);
struct fixture_advert {
    uint8_t key_seed;
    uint32_t timestamp;
    const char *name; /* NULL = none */
    double lat, lon;  /* NaN = none */
    bool is_share, is_forged;
};
void fixture_advert(struct fixture_packet *out, const char *observer,
                    const struct fixture_advert *advert, int64_t receipt_ms);

/* The same packet scoped to a region: transport flood with its code (protocol.md 5). */
void fixture_scope(struct fixture_packet *packet, const char *region);

struct fixture_status {
    struct envelope envelope;
    struct ring_message message;
    char payload[128];
    struct store_status status;
};
/* An "online" status with a battery voltage (NaN: no metrics) and an envelope time (0: none). */
void fixture_status(struct fixture_status *out, const char *observer, double battery_mv,
                    int64_t envelope_ms, int64_t receipt_ms);

/* {savepoint, store_packet, release}; asserts that each is OK. */
struct store_result fixture_apply(struct store *store, const struct fixture_packet *packet);
struct store_result fixture_apply_status(struct store *store, const struct fixture_status *status);

/* Change the database behind the store's back; no transaction may be open. */
void fixture_exec(const struct fixture_db *db, const char *sql);
/* The first column of the first row, through a connection of its own; asserts that there is one. */
int64_t fixture_int(const struct fixture_db *db, const char *sql);
/* The same as text, "NULL" for NULL; out is returned. */
const char *fixture_text_of(const struct fixture_db *db, const char *sql, char out[static 512]);
/* What the queries yield, as text with a line for each row behind one for each query; as below. */
char *fixture_dump_queries(const char *path, const char *const *queries, size_t count);
/* All rows of all tables but meta.commits and times of creation; malloc'd, the caller frees. */
char *fixture_dump(const char *path);
