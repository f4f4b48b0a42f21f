/* SPDX-License-Identifier: MIT
 *
 * figures - the gauges and rates that the history keeps: which there are, and what they are now.
 *
 * A rate is made of two samples of one run of one program; across a restart, or of a sample that is
 * not true any more, it is not known. Never negative.
 * Threads: the one that samples. */
#pragma once

#include "cmd/server/moment/moment.h"

/* name, unit, what it is */
#define FIGURE_LIST(X)                                                                             \
    X(received, "1/s", "messages that came in")                                                    \
    X(stored, "1/s", "messages stored")                                                            \
    X(duplicate, "1/s", "messages stored before")                                                  \
    X(filtered, "1/s", "messages that a rule keeps out")                                           \
    X(rejected, "1/s", "messages that can't be read")                                              \
    X(lost, "1/s", "messages dropped or dead")                                                     \
    X(queued, "1", "messages that wait in all buffers")                                            \
    X(queueFill, "share", "of the fullest buffer")                                                 \
    X(commitP50, "ms", "a commit, median")                                                         \
    X(commitP99, "ms", "a commit, 99 of 100")                                                      \
    X(batchRows, "1", "messages a commit, median")                                                 \
    X(walBytes, "bytes", "the write-ahead log")                                                    \
    X(databaseBytes, "bytes", "the database")                                                      \
    X(cacheHit, "share", "of look-ups that SQLite's cache answered")                               \
    X(ingestorRead, "bytes/s", "read from disk by the ingestor")                                   \
    X(ingestorWritten, "bytes/s", "written to disk by the ingestor")                               \
    X(serverRead, "bytes/s", "read from disk by the server")                                       \
    X(serverWritten, "bytes/s", "written to disk by the server")                                   \
    X(sourcesConnected, "1", "sources that are connected")                                         \
    X(requests, "1/s", "HTTP requests answered or refused")                                        \
    X(connections, "1", "HTTP connections open")                                                   \
    X(liveClients, "1", "clients of the live feed")

enum figure {
#define X(name, unit, what) FIGURE_##name,
    FIGURE_LIST(X)
#undef X
        FIGURE_COUNT
};

extern const char *const figure_names[FIGURE_COUNT];
extern const char *const figure_units[FIGURE_COUNT];
/* FIGURE_COUNT when there is none of that name. */
enum figure figure_find(const char *name, size_t len);

struct figures {
    double values[FIGURE_COUNT]; /* NaN = not known */
    /* what rates are made against */
    int64_t seq, pid;
    wall_us started_at;
    mono_us sampled_mono;
    double counters[FIGURE_lost + 1];
    double requests;
    mono_us at;
};

void figures_init(struct figures *figures);
/* Once a second. False = the ingestor has not written since the last time, which was a moment ago:
 * its second beats against ours. Nothing is taken then, and the next time's rates are of both
 * seconds. */
NODISCARD bool figures_take(struct figures *figures, const struct moment *moment);
