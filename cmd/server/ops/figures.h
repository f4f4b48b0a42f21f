/* SPDX-License-Identifier: MIT
 *
 * figures - the gauges and rates that the history keeps: which there are, and what they are now.
 *
 * A rate is made of two samples of one run of one program; across a restart, or of a sample that is
 * not true any more, it is not known. Never negative.
 * Threads: the one that samples. */
#pragma once

#include "cmd/server/moment/moment.h"

/* name, unit, floor, what it is. The floor: what is less away from the usual is never called
 * unusual (anomaly.h). */
#define FIGURE_LIST(X)                                                                             \
    X(received, "1/s", 0.2, "messages that came in")                                               \
    X(stored, "1/s", 0.2, "messages stored")                                                       \
    X(duplicate, "1/s", 0.5, "messages stored before")                                             \
    X(filtered, "1/s", 0.5, "messages that a rule keeps out")                                      \
    X(rejected, "1/s", 0.1, "messages that can't be read")                                         \
    X(lost, "1/s", 0.01, "messages dropped or dead")                                               \
    X(queued, "1", 500, "messages that wait in all buffers")                                       \
    X(queueFill, "share", 0.1, "of the fullest buffer")                                            \
    X(waitP50, "ms", 500, "from a message's receipt to its commit, median")                        \
    X(waitP99, "ms", 2000, "from a message's receipt to its commit, 99 of 100")                    \
    X(commitP50, "ms", 20, "a commit, median")                                                     \
    X(commitP99, "ms", 200, "a commit, 99 of 100")                                                 \
    X(batchRows, "1", 50, "messages a commit, median")                                             \
    X(checkpoints, "1/s", 0.2, "checkpoints of the write-ahead log")                               \
    X(walBytes, "bytes", 67108864, "the write-ahead log")                                          \
    X(databaseBytes, "bytes", 268435456, "the database")                                           \
    X(diskFree, "bytes", 268435456, "free on the database's disk")                                 \
    X(cacheHit, "share", 0.1, "of look-ups that SQLite's cache answered")                          \
    X(ingestorRead, "bytes/s", 1048576, "read from disk by the ingestor")                          \
    X(ingestorWritten, "bytes/s", 1048576, "written to disk by the ingestor")                      \
    X(ingestorCpu, "cores", 0.2, "processor time of the ingestor")                                 \
    X(ingestorMemory, "bytes", 67108864, "resident memory of the ingestor's processes")            \
    X(serverRead, "bytes/s", 1048576, "read from disk by the server")                              \
    X(serverWritten, "bytes/s", 1048576, "written to disk by the server")                          \
    X(serverCpu, "cores", 0.2, "processor time of the server")                                     \
    X(serverMemory, "bytes", 67108864, "resident memory of the server")                            \
    X(sourcesConnected, "1", 0.5, "sources that are connected")                                    \
    X(requests, "1/s", 10, "HTTP requests answered or refused")                                    \
    X(http2xx, "1/s", 10, "HTTP answers of 200 to 399")                                            \
    X(http4xx, "1/s", 2, "HTTP answers of 400 to 499")                                             \
    X(http5xx, "1/s", 0.1, "HTTP answers of 500 and above")                                        \
    X(httpP50, "ms", 20, "an HTTP request of the last minute, median")                             \
    X(httpP95, "ms", 100, "an HTTP request of the last minute, 95 of 100")                         \
    X(httpP99, "ms", 250, "an HTTP request of the last minute, 99 of 100")                         \
    X(connections, "1", 50, "HTTP connections open")                                               \
    X(liveClients, "1", 20, "clients of the live feed")

enum figure {
#define X(name, unit, floor, what) FIGURE_##name,
    FIGURE_LIST(X)
#undef X
        FIGURE_COUNT
};

extern const char *const figure_names[FIGURE_COUNT];
extern const char *const figure_units[FIGURE_COUNT];
extern const double figure_floors[FIGURE_COUNT];
extern const char *const figure_words[FIGURE_COUNT];
/* FIGURE_COUNT when there is none of that name. */
enum figure figure_find(const char *name, size_t len);

struct figures {
    double values[FIGURE_COUNT]; /* NaN = not known */
    /* what rates are made against */
    int64_t seq, pid;
    wall_us started_at;
    mono_us sampled_mono;
    double counters[FIGURE_lost + 1];
    double cpu_s, checkpoints; /* the ingestor's */
    double requests, classes[3], own_cpu_s;
    mono_us at;
};

void figures_init(struct figures *figures);
/* Once a second. False = the ingestor has not written since the last time, which was a moment ago:
 * its second beats against ours. Nothing is taken then, and the next time's rates are of both
 * seconds. */
NODISCARD bool figures_take(struct figures *figures, const struct moment *moment);
