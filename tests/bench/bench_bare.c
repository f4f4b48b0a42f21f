/* SPDX-License-Identifier: MIT
 *
 * bench_bare - the least that can be between a broker and a database: paho's callback, a shared
 * ring, one insert loop. What the ingestor is measured against; no recovery, no ledger, no cursors,
 * no health.
 *
 * It does the work that no design can avoid: find "raw", hex to bytes, content hash, one signature
 * check per new advert, a lean row per new transmission and per new observation, unique indexes on
 * both, prepared statements, WAL, synchronous NORMAL, transactions of up to 5,000 messages.
 * Two processes, as in the design: the parent inserts, the child receives. SIGTERM ends both; each
 * message is counted in table progress, so that bench_publish can follow. A full ring drops and
 * says so at the end. */
#include "cmd/ingestor/shared/wake.h"
#include "common/base/clock.h"
#include "tests/bench/lib/frame.h"
#include "tests/bench/lib/options.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RING_BYTES    ((uint64_t)64 << 20)
#define BATCH_ROWS    5000
#define GATHER_US     20000
#define OBSERVERS_MAX 4096
#define PAD           UINT32_MAX

struct record {
    uint32_t len; /* of topic and payload, or PAD: go on at the start */
    uint32_t topic_len;
    wall_us receipt;
};

struct ring {
    _Alignas(CACHE_LINE) _Atomic uint64_t write; /* producer */
    _Atomic uint64_t written, dropped;           /* producer: messages */
    _Alignas(CACHE_LINE) _Atomic uint64_t read;  /* consumer */
    _Alignas(CACHE_LINE) struct wake wake;
    _Atomic bool connected;
    _Alignas(CACHE_LINE) uint8_t bytes[RING_BYTES];
};

struct bare {
    struct ring *ring;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *find, *add_tx, *add_obs, *add_observer, *progress;
    uint64_t taken, rejected;
    struct {
        char name[160];
        sqlite3_int64 id;
    } observers[OBSERVERS_MAX];
};

struct options {
    const char *db;
    double port, qos;
};

/* --- receiver --------------------------------------------------------------------------------- */

static uint64_t record_bytes(uint64_t len)
{
    return (sizeof(struct record) + len + 7) & ~(uint64_t)7;
}

static void push(struct ring *ring, const char *topic, size_t topic_len, const void *payload,
                 size_t len)
{
    uint64_t at = atomic_load_explicit(&ring->write, memory_order_relaxed); /* ours */
    uint64_t need = record_bytes(topic_len + len), place = at % RING_BYTES;
    uint64_t pad = place + need > RING_BYTES ? RING_BYTES - place : 0;
    /* acquire: what the consumer has read before it moved on is free to overwrite */
    if (at + pad + need - atomic_load_explicit(&ring->read, memory_order_acquire) > RING_BYTES) {
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
        return;
    }
    if (pad) {
        const uint32_t mark = PAD;
        memcpy(ring->bytes + place, &mark, sizeof mark);
        place = 0;
    }
    struct record record = {(uint32_t)(topic_len + len), (uint32_t)topic_len, clock_wall()};
    memcpy(ring->bytes + place, &record, sizeof record);
    memcpy(ring->bytes + place + sizeof record, topic, topic_len);
    memcpy(ring->bytes + place + sizeof record + topic_len, payload, len);
    atomic_fetch_add_explicit(&ring->written, 1, memory_order_relaxed);
    /* release: the record before its position */
    atomic_store_explicit(&ring->write, at + pad + need, memory_order_release);
    wake_notify(&ring->wake);
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    push(context, topic, topic_len > 0 ? (size_t)topic_len : strlen(topic), message->payload,
         (size_t)message->payloadlen);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void on_subscribed(void *context, MQTTAsync_successData *data)
{
    (void)data;
    struct ring *ring = context;
    atomic_store_explicit(&ring->connected, true, memory_order_relaxed);
}

struct session {
    MQTTAsync client;
    struct ring *ring;
    int qos;
};

static void on_connected(void *context, MQTTAsync_successData *data)
{
    (void)data;
    struct session *session = context;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.onSuccess = on_subscribed;
    options.context = session->ring;
    if (MQTTAsync_subscribe(session->client, "meshcore/#", session->qos, &options) !=
        MQTTASYNC_SUCCESS)
        _exit(EXIT_IO);
}

static void on_failure(void *context, MQTTAsync_failureData *data)
{
    (void)context;
    IGNORE(fprintf(stderr, "bare: can't connect: %d\n", data ? data->code : -1), "stderr");
    _exit(EXIT_IO);
}

static NORETURN void receive(const struct options *o, struct ring *ring)
{
    char url[64];
    struct session session = {.ring = ring, .qos = (int)o->qos};
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;

    IGNORE(prctl(PR_SET_PDEATHSIG, SIGKILL), "the parent kills us as well");
    IGNORE(snprintf(url, sizeof url, "tcp://127.0.0.1:%d", (int)o->port), "fits");
    if (MQTTAsync_create(&session.client, url, "bench-bare", MQTTCLIENT_PERSISTENCE_NONE, NULL) !=
            MQTTASYNC_SUCCESS ||
        MQTTAsync_setCallbacks(session.client, ring, NULL, on_message, NULL) != MQTTASYNC_SUCCESS)
        _exit(EXIT_IO);
    connect.cleansession = 1;
    connect.MQTTVersion = MQTTVERSION_3_1_1;
    connect.onSuccess = on_connected;
    connect.onFailure = on_failure;
    connect.context = &session;
    if (MQTTAsync_connect(session.client, &connect) != MQTTASYNC_SUCCESS)
        _exit(EXIT_IO);
    for (;;)
        IGNORE(pause(), "a signal ends the process");
}

/* --- inserter --------------------------------------------------------------------------------- */

static const char schema_sql[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768;"
    "PRAGMA wal_autocheckpoint = 16000;"
    "CREATE TABLE transmissions(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, raw BLOB NOT "
    "NULL,"
    " type INTEGER NOT NULL, route INTEGER NOT NULL, first_ms INTEGER NOT NULL);"
    "CREATE TABLE observers(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE observations(id INTEGER PRIMARY KEY, transmission INTEGER NOT NULL,"
    " observer INTEGER NOT NULL, path BLOB NOT NULL, receipt_ms INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX observation_key ON observations(transmission, observer, path);"
    "CREATE TABLE progress(id INTEGER PRIMARY KEY, done INTEGER NOT NULL);"
    "INSERT INTO progress VALUES(1, 0);";

static void check(const struct bare *b, int rc)
{
    if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
        return;
    IGNORE(fprintf(stderr, "bare: %s\n", sqlite3_errmsg(b->db)), "stderr");
    exit(EXIT_IO);
}

static void run(const struct bare *b, sqlite3_stmt *stmt)
{
    check(b, sqlite3_step(stmt));
    check(b, sqlite3_reset(stmt));
}

static void open_database(struct bare *b, const char *path)
{
    const struct {
        sqlite3_stmt **stmt;
        const char *sql;
    } statements[] = {
        {&b->begin, "BEGIN IMMEDIATE"},
        {&b->commit, "COMMIT"},
        {&b->find, "SELECT id FROM transmissions WHERE hash = ?1"},
        {&b->add_tx,
         "INSERT INTO transmissions(hash, raw, type, route, first_ms) VALUES(?1,?2,?3,?4,?5)"},
        {&b->add_obs, "INSERT OR IGNORE INTO observations(transmission, observer, path, receipt_ms)"
                      " VALUES(?1,?2,?3,?4)"},
        {&b->add_observer, "INSERT INTO observers(name) VALUES(?1)"},
        {&b->progress, "UPDATE progress SET done = ?1 WHERE id = 1"},
    };
    check(b, sqlite3_open(path, &b->db));
    check(b, sqlite3_exec(b->db, schema_sql, NULL, NULL, NULL));
    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        check(b, sqlite3_prepare_v3(b->db, statements[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                    statements[i].stmt, NULL));
}

/* meshcore/<region>/<observer>/...: the third segment */
static sqlite3_int64 observer_id(struct bare *b, const char *topic, size_t len)
{
    const char *end = topic + len, *start = topic;
    for (int slashes = 0; slashes < 2 && start < end; start++)
        slashes += *start == '/';
    const char *stop = memchr(start, '/', (size_t)(end - start));
    size_t name_len =
        min_size((size_t)((stop ? stop : end) - start), sizeof b->observers[0].name - 1);
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name_len; i++)
        hash = (hash ^ (uint8_t)start[i]) * 16777619u;
    for (size_t i = hash % OBSERVERS_MAX;; i = (i + 1) % OBSERVERS_MAX) {
        if (b->observers[i].id == 0) {
            check(b, sqlite3_bind_text(b->add_observer, 1, start, (int)name_len, SQLITE_STATIC));
            run(b, b->add_observer);
            memcpy(b->observers[i].name, start, name_len);
            b->observers[i].id = sqlite3_last_insert_rowid(b->db);
        }
        if (memcmp(b->observers[i].name, start, name_len) == 0 &&
            b->observers[i].name[name_len] == 0)
            return b->observers[i].id;
    }
}

static bool advert_is_valid(const uint8_t *payload, size_t len)
{
    uint8_t message[36 + 32];
    size_t app_len = min_size(len - FRAME_ADVERT_MIN, 32);
    memcpy(message, payload, 36);
    memcpy(message + 36, payload + FRAME_ADVERT_MIN, app_len);
    return crypto_sign_verify_detached(payload + 36, message, 36 + app_len, payload) == 0;
}

/* The transmission's id, new or known; 0 = an advert that lies. */
static sqlite3_int64 transmission_id(struct bare *b, const uint8_t *raw, size_t len,
                                     const struct frame_view *view, wall_us receipt)
{
    uint8_t digest[crypto_hash_sha256_BYTES], hashed[1 + FRAME_MAX];
    size_t payload_len = len - view->payload_at;
    hashed[0] = (uint8_t)view->type;
    memcpy(hashed + 1, raw + view->payload_at, payload_len);
    IGNORE(crypto_hash_sha256(digest, hashed, 1 + payload_len), "can't fail");

    check(b, sqlite3_bind_blob(b->find, 1, digest, 8, SQLITE_STATIC));
    int rc = sqlite3_step(b->find);
    sqlite3_int64 id = rc == SQLITE_ROW ? sqlite3_column_int64(b->find, 0) : 0;
    check(b, rc);
    check(b, sqlite3_reset(b->find));
    if (id)
        return id;
    if (view->type == FRAME_TYPE_ADVERT &&
        (payload_len < FRAME_ADVERT_MIN || !advert_is_valid(raw + view->payload_at, payload_len)))
        return 0;
    check(b, sqlite3_bind_blob(b->add_tx, 1, digest, 8, SQLITE_STATIC));
    check(b, sqlite3_bind_blob(b->add_tx, 2, raw, (int)len, SQLITE_STATIC));
    check(b, sqlite3_bind_int(b->add_tx, 3, (int)view->type));
    check(b, sqlite3_bind_int(b->add_tx, 4, (int)view->route));
    check(b, sqlite3_bind_int64(b->add_tx, 5, receipt / US_PER_MS));
    run(b, b->add_tx);
    return sqlite3_last_insert_rowid(b->db);
}

/* `"raw"`, a colon, spaces, a quote, hex. */
static size_t find_raw(const char *payload, size_t len, uint8_t *raw, size_t cap)
{
    const char *end = payload + len, *at = memmem(payload, len, "\"raw\"", 5);
    if (!at)
        return 0;
    for (at += 5; at < end && (*at == ':' || *at == ' '); at++)
        ;
    const char *close = at < end && *at == '"' ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;
    size_t raw_len = 0;
    if (!close ||
        sodium_hex2bin(raw, cap, at + 1, (size_t)(close - at - 1), NULL, &raw_len, NULL) != 0)
        return 0;
    return raw_len;
}

static void insert(struct bare *b, const struct record *record, const char *topic)
{
    uint8_t raw[FRAME_MAX];
    struct frame_view view;
    size_t len =
        find_raw(topic + record->topic_len, record->len - record->topic_len, raw, sizeof raw);
    if (!frame_view_parse(raw, len, &view))
        return;
    sqlite3_int64 tx = transmission_id(b, raw, len, &view, record->receipt);
    if (tx == 0) {
        b->rejected++;
        return;
    }
    check(b, sqlite3_bind_int64(b->add_obs, 1, tx));
    check(b, sqlite3_bind_int64(b->add_obs, 2, observer_id(b, topic, record->topic_len)));
    check(b, sqlite3_bind_blob(b->add_obs, 3, raw + view.path_at,
                               (int)(view.payload_at - view.path_at), SQLITE_STATIC));
    check(b, sqlite3_bind_int64(b->add_obs, 4, record->receipt / US_PER_MS));
    run(b, b->add_obs);
}

/* One transaction of what waits, at most BATCH_ROWS. */
static void insert_batch(struct bare *b)
{
    struct ring *ring = b->ring;
    uint64_t at = atomic_load_explicit(&ring->read, memory_order_relaxed); /* ours */
    /* acquire: records before their position */
    const uint64_t end = atomic_load_explicit(&ring->write, memory_order_acquire);
    if (at == end)
        return;
    run(b, b->begin);
    for (unsigned rows = 0; at < end && rows < BATCH_ROWS;) {
        struct record record;
        memcpy(&record.len, ring->bytes + at % RING_BYTES, sizeof record.len);
        if (record.len == PAD) {
            at += RING_BYTES - at % RING_BYTES;
            continue;
        }
        memcpy(&record, ring->bytes + at % RING_BYTES, sizeof record);
        insert(b, &record, (const char *)ring->bytes + at % RING_BYTES + sizeof record);
        at += record_bytes(record.len);
        rows++;
        b->taken++;
    }
    check(b, sqlite3_bind_int64(b->progress, 1, (sqlite3_int64)b->taken));
    run(b, b->progress);
    run(b, b->commit);
    atomic_store_explicit(&ring->read, at, memory_order_release); /* we have read before we free */
}

/* Sleep until something waits, then until a batch has gathered. */
static void gather(struct bare *b)
{
    struct ring *ring = b->ring;
    const struct timespec pause = {.tv_nsec = US_PER_MS * 1000};
    wake_prepare(&ring->wake);
    if (atomic_load(&ring->write) == atomic_load(&ring->read))
        wake_wait(&ring->wake, 100 * US_PER_MS);
    else
        wake_cancel(&ring->wake);
    const mono_us until = clock_mono() + GATHER_US;
    while (atomic_load_explicit(&ring->written, memory_order_relaxed) - b->taken < BATCH_ROWS &&
           clock_mono() < until)
        IGNORE(nanosleep(&pause, NULL), "a shorter pause does no harm");
}

static bool is_stopped(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

static int insert_loop(struct bare *b, pid_t receiver)
{
    bool announced = false;
    while (!is_stopped()) {
        if (!announced && atomic_load_explicit(&b->ring->connected, memory_order_relaxed)) {
            printf("ready %d\n", (int)receiver);
            IGNORE(fflush(stdout), "the reader of a broken pipe is gone");
            announced = true;
        }
        gather(b);
        insert_batch(b);
        if (waitpid(receiver, NULL, WNOHANG) == receiver)
            return EXIT_IO;
    }
    IGNORE(kill(receiver, SIGKILL), "it may be gone");
    IGNORE(waitpid(receiver, NULL, 0), "it may be gone");
    printf("{\"done\": %llu, \"rejected\": %llu, \"dropped\": %llu}\n",
           (unsigned long long)b->taken, (unsigned long long)b->rejected,
           (unsigned long long)atomic_load(&b->ring->dropped));
    return sqlite3_close_v2(b->db) == SQLITE_OK ? EXIT_CLEAN : EXIT_IO;
}

int main(int argc, char **argv)
{
    struct options o = {.port = 1883};
    const struct option_row rows[] = {
        {"db", "the database to make; must not exist", OPTION_TEXT, &o.db},
        {"port", "the broker's, on 127.0.0.1", OPTION_NUMBER, &o.port},
        {"qos", "0 or 1", OPTION_NUMBER, &o.qos},
    };
    if (!options_parse(argc, argv, rows, ARRAY_LEN(rows)) || !o.db)
        return EXIT_USAGE;

    static struct bare b;
    sigset_t term;
    b.ring = mmap(NULL, sizeof *b.ring, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b.ring == MAP_FAILED)
        return EXIT_NO_MEMORY;
    pid_t receiver = fork();
    if (receiver < 0)
        return EXIT_NO_MEMORY;
    if (receiver == 0)
        receive(&o, b.ring);
    if (sigemptyset(&term) != 0 || sigaddset(&term, SIGTERM) != 0 ||
        sigprocmask(SIG_BLOCK, &term, NULL) != 0 || sodium_init() < 0)
        return EXIT_GAVE_UP;
    open_database(&b, o.db);
    return insert_loop(&b, receiver);
}
