/* SPDX-License-Identifier: MIT
 *
 * bench_latency - the time from a message's send to the moment another process can read its row.
 *
 * The main thread publishes a workload at a steady rate and notes each send; the watcher polls
 * `PRAGMA data_version` on a read-only connection every 100 us (so that is the figure's grain) and,
 * when it moved, reads the new transmissions and recognises each by the marker in its frame. Only
 * new transmissions are measured; repeats, adverts and statuses are load. Prints one JSON object.
 * Threads: main and watcher; they share sent_at (each entry written before the message leaves, read
 * after its row came back through two sockets and a database) and the stop flag. */
#include "tests/bench/lib/options.h"
#include "tests/bench/lib/publisher.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define POLL_NS   100000
#define LINGER_US (5 * (mono_us)US_PER_S)

struct watcher {
    /* constant after init */
    const struct workload *workload;
    sqlite3 *db;
    sqlite3_stmt *version, *rows;
    /* see above */
    mono_us *sent_at;
    /* watcher thread only, until it is joined */
    mono_us *latency;
    size_t seen;
    sqlite3_int64 last_id;
    bool failed;
    /* atomic: main sets it */
    _Atomic bool stop;
};

struct options {
    const char *fixtures, *db;
    double port, qos, seconds, rate, run;
};

static bool prepare(struct watcher *w, const char *path)
{
    if (sqlite3_open_v2(path, &w->db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_busy_timeout(w->db, 1000) == SQLITE_OK &&
        sqlite3_prepare_v2(w->db, "PRAGMA data_version", -1, &w->version, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(w->db, "SELECT id, raw FROM transmissions WHERE id > ?1 ORDER BY id", -1,
                           &w->rows, NULL) == SQLITE_OK)
        return true;
    IGNORE(fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(w->db)), "stderr");
    return false;
}

/* False: the row is not there, or an error. */
static bool read_version(struct watcher *w, sqlite3_int64 *out)
{
    bool ok = sqlite3_step(w->version) == SQLITE_ROW;
    *out = sqlite3_column_int64(w->version, 0);
    IGNORE(sqlite3_reset(w->version), "its error is that of step");
    return ok;
}

static bool read_rows(struct watcher *w)
{
    int rc;
    IGNORE(sqlite3_bind_int64(w->rows, 1, w->last_id), "a valid index");
    while ((rc = sqlite3_step(w->rows)) == SQLITE_ROW) {
        w->last_id = sqlite3_column_int64(w->rows, 0);
        const uint8_t *raw = sqlite3_column_blob(w->rows, 1);
        size_t index = workload_marker(w->workload, raw, (size_t)sqlite3_column_bytes(w->rows, 1));
        if (index != SIZE_MAX && w->sent_at[index] != 0)
            w->latency[w->seen++] = clock_mono() - w->sent_at[index];
    }
    IGNORE(sqlite3_reset(w->rows), "its error is that of step");
    return rc == SQLITE_DONE;
}

static void *watch(void *context)
{
    struct watcher *w = context;
    const struct timespec pause = {.tv_nsec = POLL_NS};
    sqlite3_int64 last = 0, version = 0;

    IGNORE(prctl(PR_SET_TIMERSLACK, 1000), "only a coarser figure without");
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed) && !w->failed) {
        w->failed = !read_version(w, &version);
        if (version != last && !w->failed)
            w->failed = !read_rows(w);
        last = version;
        IGNORE(nanosleep(&pause, NULL), "a shorter pause does no harm");
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const mono_us x = *(const mono_us *)a, y = *(const mono_us *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const struct watcher *w, double share)
{
    size_t at = (size_t)((double)w->seen * share);
    return w->seen ? (double)w->latency[at < w->seen ? at : w->seen - 1] / US_PER_MS : 0;
}

static void print_result(struct watcher *w, const struct publisher_result *r)
{
    qsort(w->latency, w->seen, sizeof *w->latency, compare);
    printf("{\"messages\": %zu, \"measured\": %zu, \"rate\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": "
           "%.3f, "
           "\"max_ms\": %.3f}\n",
           w->workload->count, w->seen,
           (double)w->workload->count * US_PER_S / (double)(r->acknowledged - r->started),
           percentile_ms(w, 0.50), percentile_ms(w, 0.99), percentile_ms(w, 1.0));
}

static bool measure(const struct options *o, struct watcher *w)
{
    struct publisher_result result;
    const struct publisher_params params = {.host = "127.0.0.1",
                                            .port = (uint16_t)o->port,
                                            .qos = (int)o->qos,
                                            .rate = o->rate,
                                            .window = 4000,
                                            .sent_at = w->sent_at};
    const struct timespec linger = {.tv_sec = LINGER_US / US_PER_S};
    pthread_t thread;

    if (pthread_create(&thread, NULL, watch, w) != 0)
        return false;
    bool ok = publisher_run(&params, w->workload, &result);
    IGNORE(nanosleep(&linger, NULL), "the last rows come within the largest latency that is sane");
    atomic_store_explicit(&w->stop, true, memory_order_relaxed); /* joined right after */
    IGNORE(pthread_join(thread, NULL), "the thread exists");
    if (w->failed)
        IGNORE(fprintf(stderr, "watcher: %s\n", sqlite3_errmsg(w->db)), "stderr");
    if (ok && !w->failed)
        print_result(w, &result);
    return ok && !w->failed;
}

static bool run(const struct options *o, const struct workload *workload)
{
    struct watcher w = {.workload = workload};
    w.sent_at = calloc(workload->count, sizeof *w.sent_at);
    w.latency = calloc(workload->count, sizeof *w.latency);
    bool ok = w.sent_at && w.latency && prepare(&w, o->db) && read_rows(&w) && measure(o, &w);
    IGNORE(sqlite3_finalize(w.version), "read-only");
    IGNORE(sqlite3_finalize(w.rows), "read-only");
    IGNORE(sqlite3_close(w.db), "read-only");
    free(w.sent_at);
    free(w.latency);
    return ok;
}

int main(int argc, char **argv)
{
    struct options o = {.fixtures = "tests/fixtures", .port = 1883, .seconds = 10, .rate = 200};
    const struct option_row rows[] = {
        {"fixtures", "folder of packets.jsonl", OPTION_TEXT, &o.fixtures},
        {"db", "the database to watch", OPTION_TEXT, &o.db},
        {"port", "the broker's, on 127.0.0.1", OPTION_NUMBER, &o.port},
        {"qos", "0 or 1", OPTION_NUMBER, &o.qos},
        {"seconds", "how long", OPTION_NUMBER, &o.seconds},
        {"rate", "messages a second", OPTION_NUMBER, &o.rate},
        {"run", "number of this run, 0 to 65535: makes its transmissions new", OPTION_NUMBER,
         &o.run},
    };
    if (!options_parse(argc, argv, rows, ARRAY_LEN(rows)) || !o.db)
        return EXIT_USAGE;

    struct workload workload;
    const struct workload_params params = {.dir = o.fixtures,
                                           .count = (size_t)(o.seconds * o.rate),
                                           .new_percent = 60,
                                           .qos = (int)o.qos,
                                           .run = (uint16_t)o.run,
                                           .seed = 2};
    if (!workload_make(&params, &workload))
        return EXIT_GAVE_UP;
    bool ok = run(&o, &workload);
    workload_done(&workload);
    return ok ? EXIT_CLEAN : EXIT_GAVE_UP;
}
