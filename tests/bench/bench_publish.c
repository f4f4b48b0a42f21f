/* SPDX-License-Identifier: MIT
 *
 * bench_publish - load a broker with a workload, and say how fast the reader behind it was done
 * with it. Prints one JSON object. With --db it keeps at most --ahead messages in front of the
 * reader and waits for the last one; without, it measures the broker alone. Exit: 0, 64 usage, 70
 * something failed. */
#include "tests/bench/lib/options.h"
#include "tests/bench/lib/progress.h"
#include "tests/bench/lib/publisher.h"

#include <stdio.h>

#define STALL_US (20 * (mono_us)US_PER_S)

struct options {
    const char *fixtures, *db, *sql;
    double port, qos, count, rate, window, ahead, new_percent, run, seed;
};

static void print_result(const struct workload *w, const struct publisher_result *r, mono_us done)
{
    double published = (double)(r->acknowledged - r->started) / US_PER_S;
    double seconds = done ? (double)(done - r->started) / US_PER_S : published;
    printf("{\"messages\": %zu, \"new\": %zu, \"bytes\": %zu, \"published_s\": %.4f, \"done_s\": "
           "%.4f, "
           "\"rate\": %.0f}\n",
           w->count, w->new_count, w->offsets[w->count], published, seconds,
           (double)w->count / seconds);
}

static int run(const struct options *o, const struct workload *workload)
{
    struct progress progress = {0};
    struct publisher_result result;
    struct publisher_params params = {.host = "127.0.0.1",
                                      .port = (uint16_t)o->port,
                                      .qos = (int)o->qos,
                                      .rate = o->rate,
                                      .window = (uint64_t)o->window};
    if (o->db) {
        if (!progress_open(&progress, o->db, o->sql))
            return EXIT_GAVE_UP;
        params.ahead = (uint64_t)o->ahead;
        params.done = progress_done;
        params.context = &progress;
    }
    bool ok = publisher_run(&params, workload, &result);
    mono_us done = ok && o->db ? progress_wait(&progress, workload->count, STALL_US) : 0;
    if (ok && o->db && done == 0) {
        IGNORE(fprintf(stderr, "the reader stopped at %llu of %zu messages\n",
                       (unsigned long long)progress_done(&progress), workload->count),
               "stderr");
        ok = false;
    }
    progress_close(&progress);
    if (ok)
        print_result(workload, &result, done);
    return ok ? EXIT_CLEAN : EXIT_GAVE_UP;
}

int main(int argc, char **argv)
{
    struct options o = {.fixtures = "tests/fixtures",
                        .sql = "SELECT total(consumed) FROM ring_cursors",
                        .port = 1883,
                        .count = 100000,
                        .window = 4000,
                        .ahead = 20000,
                        .new_percent = 60,
                        .seed = 1};
    const struct option_row rows[] = {
        {"fixtures", "folder of packets.jsonl", OPTION_TEXT, &o.fixtures},
        {"db", "the reader's database; without it only publish", OPTION_TEXT, &o.db},
        {"sql", "one integer: messages the reader is done with", OPTION_TEXT, &o.sql},
        {"port", "the broker's, on 127.0.0.1", OPTION_NUMBER, &o.port},
        {"qos", "0 or 1", OPTION_NUMBER, &o.qos},
        {"count", "messages", OPTION_NUMBER, &o.count},
        {"rate", "messages a second, 0 = unlimited", OPTION_NUMBER, &o.rate},
        {"window", "QoS 1: unacknowledged messages", OPTION_NUMBER, &o.window},
        {"ahead", "messages in front of the reader, 0 = unlimited", OPTION_NUMBER, &o.ahead},
        {"new-percent", "share of new transmissions", OPTION_NUMBER, &o.new_percent},
        {"run", "number of this run, 0 to 65535: makes its transmissions new", OPTION_NUMBER,
         &o.run},
        {"seed", "of the choice of messages", OPTION_NUMBER, &o.seed},
    };
    if (!options_parse(argc, argv, rows, ARRAY_LEN(rows)))
        return EXIT_USAGE;

    struct workload workload;
    const struct workload_params params = {.dir = o.fixtures,
                                           .count = (size_t)o.count,
                                           .new_percent = (unsigned)o.new_percent,
                                           .qos = (int)o.qos,
                                           .run = (uint16_t)o.run,
                                           .seed = (uint64_t)o.seed};
    if (!workload_make(&params, &workload))
        return EXIT_GAVE_UP;
    int code = run(&o, &workload);
    workload_done(&workload);
    return code;
}
