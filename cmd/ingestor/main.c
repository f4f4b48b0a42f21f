/* SPDX-License-Identifier: MIT
 *
 * ingestor - takes MeshCore packets off MQTT brokers into SQLite. Arguments and exit code; the rest is the
 * supervisor's. */
#include "cmd/ingestor/supervisor.h"

static const char usage[] =
    "ingestor - MeshCore packets from MQTT brokers into one SQLite file\n"
    "\n"
    "  ingestor --config /etc/weir/config.json                 run\n"
    "  ingestor --config config.json --check-config            say what is wrong with it, exit 0 "
    "or 78\n"
    "  ingestor --config config.json --print-config            the merged result, each value's "
    "origin\n"
    "  ingestor --set dbPath=/var/lib/weir/weir.db --log-level debug\n"
    "\n"
    "Signals: TERM, INT drain and end; a second one ends at once; HUP reloads the configuration.\n";

int main(int argc, char **argv)
{
    struct cli cli;
    struct config config;
    const struct cli_program program = {.name = "ingestor", .usage = usage};
    const int code = cli_main_config(argc, argv, &program, &cli, &config);
    if (code >= 0)
        return code;
    const int result = supervisor_run(&cli, &config);
    cli_done(&cli);
    return result;
}
