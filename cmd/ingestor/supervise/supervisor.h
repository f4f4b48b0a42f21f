/* SPDX-License-Identifier: MIT
 *
 * supervisor - `ingestor` itself: spawns, watches, restarts and stops the workers, publishes the
 * stats file, talks to systemd. It calls neither paho nor SQLite and starts no thread, so nothing
 * of theirs can stop it.
 *
 * It loops on a signalfd and a 1 s tick:
 *   CHLD       reap, charge, plan the restart
 *   TERM, INT  drain: receivers disconnect; the flusher empties the rings, commits FULL, truncates
 *              the WAL; at drainTimeoutSeconds what still runs is killed (safe at any moment).
 *              0 = kill at once. A second one stops at once (half a second after the first, or
 *              later: before that it is the same wish)
 *   HUP        validate the configuration; on error keep everything and say why; else reload.h
 *   PIPE       ignored
 *   tick       judge health, start what is due, write the stats file (also at every start and end
 *              of a worker), feed systemd's watchdog while the flusher completes turns
 * All brokers down is normal: it keeps trying and never exits for it.
 *
 * --replay: instead of the MQTT sources and the injection source one receiver reads a recording;
 * when it has ended the rest drains and the program ends, with its exit code. A reload is
 * refused meanwhile.
 * Locks: `spoolDir/lock` and `<statsFile>.lock` (flock, hold our pid): a second supervisor waits a
 * second (the holder may be dying), exits 75 and names the holder.
 * Threads: none. */
#pragma once

#include "cmd/ingestor/shared/run_options.h"
#include "common/cli/cli.h"

/* Runs until told to stop, or until a replay is in the database. Takes ownership of *config.
 * Returns the exit code. */
int supervisor_run(const struct cli *cli, struct config *config, const struct run_options *options);
