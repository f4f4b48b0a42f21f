/* SPDX-License-Identifier: MIT
 *
 * ingestor - takes MeshCore packets off MQTT brokers into SQLite. Arguments and exit code; the rest is the
 * supervisor's, or that of one of the tools. */
#include "cmd/ingestor/decode_tool.h"
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
    "  ingestor --config config.json --decode 11007E7662...    one frame as JSON, exit 0 or 65\n"
    "\n"
    "Signals: TERM, INT drain and end; a second one ends at once; HUP reloads the configuration.\n";

/* What the flags of this program alone gave. */
struct flags {
    const char *decode_hex;
};

int main(int argc, char **argv)
{
    struct flags flags = {.decode_hex = NULL};
    const struct cli_extra extras[] = {
        {"decode", "HEX", "print one frame, taken apart, as JSON, and end", &flags.decode_hex},
    };
    struct cli cli;
    struct config config;
    const struct cli_program program = {
        .name = "ingestor", .usage = usage, .extras = extras, .extra_count = ARRAY_LEN(extras)};
    int code = cli_main_config(argc, argv, &program, &cli, &config);
    if (code >= 0)
        return code;
    if (flags.decode_hex != NULL)
        code = decode_tool_run(&config, flags.decode_hex);
    else
        code = supervisor_run(&cli, &config);
    cli_done(&cli);
    return code;
}
