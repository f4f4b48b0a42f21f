/* SPDX-License-Identifier: MIT
 *
 * bench_stages - what the stages between broker and database cost alone, each beside its floor:
 *
 *   bench_stages --db FILE     a message's envelope (floor: find "raw", digits to bytes), and the
 *                              store without signatures (floor: plain INSERTs of the same rows into
 *                              a database of the same schema); FILE and FILE.bare are made
 *   bench_stages --port PORT   the floor of receiving: reads `count` messages off a broker by a raw
 *                              socket and drops them; says `ready` once it is subscribed
 *
 * Prints one JSON object; times are processor time, us a message. Exit: 0, 64 usage, 70 failed. */
#include "cmd/ingestor/envelope/envelope.h"
#include "cmd/ingestor/store/store.h"
#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "tests/bench/lib/options.h"
#include "tests/bench/lib/workload.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH        5000
#define CACHE_MB     32
#define BEGIN_MS     60000 /* the publisher makes its messages first */
#define IDLE_MS      5000  /* nothing more comes */
#define FIRST_MS     INT64_C(1774800000000)
#define KNOWN_SLOTS  (1U << 20)
#define STREAM_BYTES (1U << 17)
#define PUBLISH      0x30

struct options {
    const char *fixtures, *db;
    double port, count;
};

struct message {
    const char *topic;
    const uint8_t *payload;
    size_t topic_len, payload_len;
};

static double cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* can't fail for this clock */
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static NORETURN void fail(const char *what, const char *why)
{
    IGNORE(fprintf(stderr, "bench_stages: %s: %s\n", what, why), "stderr");
    exit(EXIT_GAVE_UP);
}

/* Bytes of the MQTT packet at `at`, 0 = not whole; *out_body is where it begins. */
static size_t packet_bytes(const uint8_t *at, size_t len, size_t *out_body)
{
    size_t body = 0;
    for (size_t i = 1; i < len && i <= 4; i++) {
        body |= (size_t)(at[i] & 127U) << (7 * (i - 1));
        if (at[i] < 128) {
            *out_body = i + 1;
            return i + 1 + body <= len ? i + 1 + body : 0;
        }
    }
    return 0;
}

/* --- a raw socket ----------------------------------------------------------------------------- */

static int subscribe(uint16_t port)
{
    static const uint8_t hello[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0};
    static const uint8_t wish[] = {0x82, 15,  0,   1,   0,   10,  'm', 'e', 's',
                                   'h',  'c', 'o', 'r', 'e', '/', '#', 0};
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t answer[9];
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        send(fd, hello, sizeof hello, MSG_NOSIGNAL) != (ssize_t)sizeof hello ||
        send(fd, wish, sizeof wish, MSG_NOSIGNAL) != (ssize_t)sizeof wish ||
        recv(fd, answer, sizeof answer, MSG_WAITALL) != (ssize_t)sizeof answer || answer[3] != 0)
        fail("broker", "no subscription");
    return fd;
}

static int read_broker(const struct options *o)
{
    static uint8_t stream[STREAM_BYTES];
    const int fd = subscribe((uint16_t)o->port);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    size_t have = 0;
    size_t messages = 0;
    (void)printf("ready\n");
    (void)fflush(stdout);
    const double began = cpu_us();
    while (messages < (size_t)o->count && poll(&wait, 1, messages == 0 ? BEGIN_MS : IDLE_MS) > 0) {
        const ssize_t got = recv(fd, stream + have, sizeof stream - have, 0);
        if (got <= 0)
            fail("broker", "it closed the connection");
        have += (size_t)got;
        size_t at = 0;
        size_t body = 0;
        size_t bytes = 0;
        while ((bytes = packet_bytes(stream + at, have - at, &body)) > 0) {
            messages += (stream[at] & 0xf0U) == PUBLISH;
            at += bytes;
        }
        have -= at;
        memmove(stream, stream + at, have);
    }
    (void)close(fd);
    if (messages == 0)
        fail("broker", "no message came");
    (void)printf("{\"messages\": %zu, \"cpu_us\": %.3f}\n", messages,
                 (cpu_us() - began) / (double)messages);
    return EXIT_CLEAN;
}

/* --- envelopes -------------------------------------------------------------------------------- */

static struct message *messages_of(const struct workload *w)
{
    struct message *found = calloc(w->count, sizeof *found);
    for (size_t i = 0; found != NULL && i < w->count; i++) {
        const uint8_t *const at = w->bytes + w->offsets[i];
        size_t body = 0;
        const size_t bytes = packet_bytes(at, w->offsets[i + 1] - w->offsets[i], &body);
        const size_t topic_len = (size_t)at[body] << 8 | at[body + 1];
        const uint8_t *const topic = at + body + 2;
        found[i] = (struct message){(const char *)topic, topic + topic_len, topic_len,
                                    bytes - body - 2 - topic_len};
    }
    return found;
}

static double time_envelopes(const struct message *messages, size_t count)
{
    struct envelope envelope;
    size_t packets = 0;
    const double began = cpu_us();
    for (size_t i = 0; i < count; i++)
        packets += envelope_parse(messages[i].topic, messages[i].topic_len, messages[i].payload,
                                  messages[i].payload_len, &envelope) == OUTCOME_NONE;
    if (packets == 0)
        fail("envelopes", "none is one");
    return (cpu_us() - began) / (double)count;
}

static double time_digits(const struct message *messages, size_t count)
{
    static const char key[] = "\"raw\":";
    uint8_t raw[MESHCORE_FRAME_MAX];
    size_t packets = 0;
    const double began = cpu_us();
    for (size_t i = 0; i < count; i++) {
        const uint8_t *const end = messages[i].payload + messages[i].payload_len;
        const char *at = memmem(messages[i].payload, messages[i].payload_len, key, strlen(key));
        at =
            at != NULL ? memchr(at + strlen(key), '"', (size_t)((const char *)end - at - 6)) : NULL;
        const char *last =
            at != NULL ? memchr(at + 1, '"', (size_t)((const char *)end - at - 1)) : NULL;
        size_t len = 0;
        packets +=
            last != NULL && hex_decode(at + 1, (size_t)(last - at - 1), raw, sizeof raw, &len);
    }
    if (packets == 0)
        fail("digits", "none found");
    return (cpu_us() - began) / (double)count;
}

/* --- rows ------------------------------------------------------------------------------------- */

struct row {
    struct envelope envelope;
    struct meshcore_frame frame;
    struct meshcore_advert advert;
    uint8_t hash[MESHCORE_HASH_BYTES];
    bool is_new;
    size_t first; /* index of the row that brought this content */
    int observer;
};

/* Of a text, 1, 2, 3 ... */
static int observer_of(const char *name)
{
    static char names[4096][ENVELOPE_TEXT_MAX];
    for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
        if (names[i][0] == '\0')
            (void)snprintf(names[i], sizeof names[i], "%s", name);
        if (strcmp(names[i], name) == 0)
            return i + 1;
    }
    return 1;
}

static size_t make_rows(const struct message *messages, size_t count, struct row *rows)
{
    static uint32_t known[KNOWN_SLOTS]; /* index + 1 */
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct row *const row = &rows[n];
        if (envelope_parse(messages[i].topic, messages[i].topic_len, messages[i].payload,
                           messages[i].payload_len, &row->envelope) != OUTCOME_NONE ||
            row->envelope.kind != ENVELOPE_PACKET ||
            meshcore_parse(row->envelope.packet.raw, row->envelope.packet.raw_len, &row->frame) !=
                MESHCORE_FRAME_OK ||
            (row->frame.type == MESHCORE_ADVERT &&
             !meshcore_parse_advert(&row->frame, &row->advert)))
            continue;
        meshcore_content_hash(&row->frame, row->hash);
        uint32_t at;
        memcpy(&at, row->hash, sizeof at);
        while (known[at %= KNOWN_SLOTS] != 0 &&
               memcmp(rows[known[at] - 1].hash, row->hash, sizeof row->hash) != 0)
            at++;
        row->is_new = known[at] == 0;
        if (row->is_new)
            known[at] = (uint32_t)n + 1;
        row->first = known[at] - 1;
        row->observer = observer_of(row->envelope.observer);
        n++;
    }
    return n;
}

static void must(enum status status, struct store *store)
{
    if (status != STATUS_OK)
        fail("store", store_error(store));
}

static struct store *open_store(const char *path)
{
    struct store *store = NULL;
    struct err err = {0};
    const struct store_params params = {.path = path,
                                        .cache_mb = CACHE_MB,
                                        .rules = {.signatures = SIGNATURE_OFF,
                                                  .max_nodes = 1000000,
                                                  .max_observers = 1000000,
                                                  .max_name_bytes = 64}};
    if (store_open(&params, &store, &err) != STATUS_OK)
        fail(path, err.text);
    return store;
}

static double time_store(const char *path, const struct row *rows, size_t count)
{
    struct store *store = open_store(path);
    struct store_checkpoint done;
    const double began = cpu_us();
    for (size_t i = 0; i < count; i++) {
        struct store_result result;
        const struct store_packet packet = {
            .source = "bench",
            .envelope = &rows[i].envelope,
            .frame = &rows[i].frame,
            .hash = rows[i].hash,
            .advert = rows[i].frame.type == MESHCORE_ADVERT ? &rows[i].advert : NULL,
            .receipt_ms = FIRST_MS + (int64_t)i};
        if (i % BATCH == 0)
            must(store_begin(store, false), store);
        must(store_record(store), store);
        must(store_packet(store, &packet, &result), store);
        must(store_release(store, result.outcome), store);
        if (i % BATCH == BATCH - 1 || i == count - 1) {
            must(store_commit(store), store);
            must(store_checkpoint(store, false, &done), store);
        }
    }
    const double us = (cpu_us() - began) / (double)count;
    store_close(store);
    return us;
}

static void execute(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail("bare", sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail("bare", sqlite3_errmsg(db));
    return statement;
}

static void run(sqlite3 *db, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        fail("bare", sqlite3_errmsg(db));
    (void)sqlite3_reset(statement);
}

struct bare {
    sqlite3 *db;
    sqlite3_stmt *tx, *hash, *obs;
    sqlite3_int64 *ids; /* of the transmission that a row brought */
};

static void insert(struct bare *b, const struct row *row, size_t i)
{
    const struct envelope_packet *const packet = &row->envelope.packet;
    if (row->is_new) {
        (void)sqlite3_bind_blob(b->tx, 1, row->hash, sizeof row->hash, SQLITE_STATIC);
        (void)sqlite3_bind_int(b->tx, 2, row->frame.type);
        (void)sqlite3_bind_int(b->tx, 3, row->frame.route);
        (void)sqlite3_bind_int64(b->tx, 4, FIRST_MS + (int64_t)i);
        (void)sqlite3_bind_blob(b->tx, 5, packet->raw, (int)packet->raw_len, SQLITE_STATIC);
        run(b->db, b->tx);
        b->ids[i] = sqlite3_last_insert_rowid(b->db);
        (void)sqlite3_bind_blob(b->hash, 1, row->hash, sizeof row->hash, SQLITE_STATIC);
        (void)sqlite3_bind_int64(b->hash, 2, b->ids[i]);
        run(b->db, b->hash);
    }
    (void)sqlite3_bind_int64(b->obs, 1, b->ids[row->first]);
    (void)sqlite3_bind_int(b->obs, 2, row->observer);
    (void)sqlite3_bind_int(b->obs, 3, row->frame.hash_size);
    (void)sqlite3_bind_blob(b->obs, 4, row->frame.path, (int)row->frame.path_bytes, SQLITE_STATIC);
    (void)sqlite3_bind_int64(b->obs, 5, FIRST_MS + (int64_t)i);
    (void)sqlite3_bind_double(b->obs, 6, packet->snr);
    (void)sqlite3_bind_double(b->obs, 7, packet->rssi);
    (void)sqlite3_bind_int(b->obs, 8, row->frame.route);
    run(b->db, b->obs);
}

static double time_inserts(const char *path, const struct row *rows, size_t count)
{
    store_close(open_store(path)); /* its tables */
    struct bare b = {.ids = calloc(count + 1, sizeof *b.ids)};
    if (b.ids == NULL || sqlite3_open(path, &b.db) != SQLITE_OK)
        fail(path, "can't be opened");
    execute(b.db, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768;"
                  " PRAGMA wal_autocheckpoint = 0");
    b.tx = prepare(b.db, "INSERT INTO transmissions (hash, type, route, copies, first_ms,"
                         " lasted, raw) VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5)");
    b.hash = prepare(b.db, "INSERT OR REPLACE INTO hashes_new (hash, id) VALUES (?1, ?2)");
    b.obs = prepare(b.db, "INSERT INTO observations (transmission_id, observer_id, direction,"
                          " path_size, path, source_id, receipt_ms, heard, rssi, route) VALUES"
                          " (?1, ?2, 0, ?3, ?4, 1, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING");
    const double began = cpu_us();
    for (size_t i = 0; i < count; i++) {
        if (i % BATCH == 0)
            execute(b.db, "BEGIN IMMEDIATE");
        insert(&b, &rows[i], i);
        if (i % BATCH == BATCH - 1 || i == count - 1)
            execute(b.db, "COMMIT; PRAGMA wal_checkpoint(PASSIVE)");
    }
    const double us = (cpu_us() - began) / (double)count;
    (void)sqlite3_finalize(b.tx);
    (void)sqlite3_finalize(b.hash);
    (void)sqlite3_finalize(b.obs);
    (void)sqlite3_close(b.db);
    free(b.ids);
    return us;
}

static int time_stages(const struct options *o, const struct workload *w)
{
    char bare[4096];
    (void)snprintf(bare, sizeof bare, "%s.bare", o->db);
    struct message *const messages = messages_of(w);
    struct row *const rows = calloc(w->count, sizeof *rows);
    if (messages == NULL || rows == NULL)
        fail("messages", "no memory");
    const double digits = time_digits(messages, w->count);
    const double envelopes = time_envelopes(messages, w->count);
    const size_t count = make_rows(messages, w->count, rows);
    const double inserts = time_inserts(bare, rows, count);
    const double stored = time_store(o->db, rows, count);
    (void)printf("{\"messages\": %zu, \"envelope_us\": %.3f, \"digits_us\": %.3f, \"packets\": %zu,"
                 " \"store_us\": %.3f, \"insert_us\": %.3f}\n",
                 w->count, envelopes, digits, count, stored, inserts);
    free(rows);
    free(messages);
    return EXIT_CLEAN;
}

int main(int argc, char **argv)
{
    struct options o = {.fixtures = "tests/fixtures", .count = 100000};
    const struct option_row table[] = {
        {"fixtures", "folder of packets.jsonl", OPTION_TEXT, &o.fixtures},
        {"db", "a database that is made, and one of this name and .bare", OPTION_TEXT, &o.db},
        {"port", "a broker's, on 127.0.0.1: receive alone", OPTION_NUMBER, &o.port},
        {"count", "messages", OPTION_NUMBER, &o.count},
    };
    if (!options_parse(argc, argv, table, ARRAY_LEN(table)) || (o.db == NULL) == (o.port == 0))
        return EXIT_USAGE;
    if (o.port != 0)
        return read_broker(&o);
    struct workload workload;
    const struct workload_params params = {
        .dir = o.fixtures, .count = (size_t)o.count, .new_percent = 60, .seed = 1};
    if (!crypto_init() || !workload_make(&params, &workload))
        return EXIT_GAVE_UP;
    const int code = time_stages(&o, &workload);
    workload_done(&workload);
    return code;
}
