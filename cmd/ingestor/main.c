/* SPDX-License-Identifier: MIT
 *
 * ingestor - takes MeshCore packets off MQTT brokers into SQLite. Arguments and exit code; the rest
 * is the supervisor's, or that of one of the tools. */
#include "cmd/ingestor/cluster/cluster_probe.h"
#include "cmd/ingestor/cluster/store_export.h"
#include "cmd/ingestor/cluster/store_init.h"
#include "cmd/ingestor/probe/probe.h"
#include "cmd/ingestor/probe/source_forms.h"
#include "cmd/ingestor/receive/mqtt_source.h"
#include "cmd/ingestor/relay/frames.h"
#include "cmd/ingestor/relay/tls_files.h"
#include "cmd/ingestor/relay/upstream.h"
#include "cmd/ingestor/supervise/supervisor.h"
#include "cmd/ingestor/tools/decode_tool.h"
#include "cmd/ingestor/tools/export_corescope.h"
#include "cmd/ingestor/tools/import.h"
#include "cmd/ingestor/tools/redecode.h"
#include "cmd/ingestor/tools/why_tool.h"
#include "cmd/ingestor/watch/health_line.h"
#include "cmd/ingestor/watch/top.h"
#include "common/base/log.h"
#include "common/base/own_fds.h"
#include "common/config/broker_url.h"
#include "common/db/db.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "$0 - MeshCore packets from MQTT brokers into one SQLite file\n"
    "\n"
    "  $0 --config /etc/weir/weir.json                   run\n"
    "  $0 --config config.json --check-config            say what is wrong with it, exit 0 "
    "or 78\n"
    "  $0 --config config.json --check-config --connect  try each broker, say what fails\n"
    "  $0 --config config.json --top                     how it is, live in the terminal\n"
    "  $0 --config config.json --health                  the same as one line, for monitors\n"
    "  $0 --config config.json --print-config            the merged result, each value's "
    "origin\n"
    "  $0 --set dbPath=/var/lib/weir/weir.db --log-level debug\n"
    "  $0 --config config.json --decode 11007E7662...    one frame as JSON, exit 0 or 65\n"
    "  $0 --config config.json --import meshcore.db      take over a CoreScope database\n"
    "  $0 --config config.json --export-corescope x.db   and the way back\n"
    "  $0 --config config.json --store-init              make the tables in ClickHouse "
    "(storeUrl)\n"
    "  $0 --config config.json --store-export            and send the database there\n"
    "  $0 --config config.json --redecode                after new channel keys or regions\n"
    "  $0 --config config.json --replay messages.jsonl   recorded messages instead of "
    "brokers\n"
    "  $0 --config config.json --why 1f0c6f9e3a7b2d41    where is this packet, observer, "
    "node?\n"
    "\n"
    "Signals: TERM, INT drain and end; a second one ends at once; HUP reloads the configuration.\n";

/* What the flags of this program alone gave. */
struct flags {
    const char *decode_hex, *import_file, *redecode, *why, *replay_file, *speed, *record_file;
    const char *health, *top, *once, *connect, *export_file;
    const char *store_init, *store_export;
};

static int usage_error(const char *what)
{
    (void)fprintf(stderr, "%s: %s (try --help)\n", program_invocation_short_name, what);
    return EXIT_USAGE;
}

/* EXIT_CLEAN, or what is wrong with the flags. */
static int check_flags(const struct flags *flags, struct run_options *out)
{
    const char *const tools[] = {flags->decode_hex,  flags->import_file, flags->redecode,
                                 flags->why,         flags->health,      flags->top,
                                 flags->export_file, flags->replay_file, flags->store_init,
                                 flags->store_export};
    int count = 0;
    for (size_t i = 0; i < ARRAY_LEN(tools); i++)
        count += tools[i] != NULL;
    if (count > 1)
        return usage_error("--decode, --import, --export-corescope, --store-init, --store-export, "
                           "--redecode, --why, --health, --top and --replay exclude each other");
    if (flags->record_file != NULL && count > (flags->replay_file != NULL))
        return usage_error("--record goes with a run or a replay only");
    if (flags->once != NULL && flags->top == NULL)
        return usage_error("--once goes with --top only");
    if (flags->connect != NULL) /* beside --check-config we would not be here */
        return usage_error("--connect goes with --check-config only");
    *out =
        (struct run_options){.replay_file = flags->replay_file, .record_file = flags->record_file};
    if (flags->speed == NULL)
        return EXIT_CLEAN;
    char *end = NULL;
    out->replay_speed = strtod(flags->speed, &end);
    if (flags->replay_file == NULL || end == flags->speed || *end != '\0' ||
        !isfinite(out->replay_speed) || out->replay_speed < 0)
        return usage_error("--speed goes with --replay and is a number from 0 up");
    return EXIT_CLEAN;
}

/* The files of TLS, of those sources that use it. A run does not end for them: one bad source
 * leaves the others be, and its lastError says the same. */
static size_t check_sources(const struct config *config)
{
    size_t errors = 0;
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        struct broker_url url;
        const char *why = NULL;
        char text[TLS_FILES_TEXT_MAX];
        if (!broker_url_parse(source->broker, &url, &why) || !url.is_tls ||
            tls_files_check(source->ca_file, source->cert_file, source->key_file, text))
            continue;
        errors++;
        log_event(LOG_ERROR, "config", "a file of TLS can't be used",
                  KV(KV_STR("source", source->name), KV_STR("error", text)));
    }
    return errors;
}

/* What a file that is right names, and can't be used. */
static size_t check_files(const struct config *config)
{
    struct err err = {0};
    size_t errors = check_sources(config);
    if (config->store.shards.count > 0 &&
        !config_can_read_secret("storePasswordFile", config->store.password_file, &err)) {
        errors++;
        log_event(LOG_ERROR, "config", err.text, KV(KV_STR("key", err.what)));
    }
    return errors;
}

static int after_check(const struct config *config, void *context)
{
    const struct flags *flags = context;
    source_forms_print(config);
    if (flags->connect == NULL)
        return fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_IO;
    const int sources = probe_run(config); /* forks: before libcurl is in this process */
    const int store = cluster_probe_run(config);
    return sources != EXIT_CLEAN ? sources : store;
}

static void print_libraries(FILE *out)
{
    (void)fprintf(out, ", paho.mqtt.c %s, libcurl %s, wslay %s", mqtt_source_library_version(),
                  upstream_library_version(), frames_library_version());
}

/* Each of them ends the configuration. */
static int run(const struct flags *flags, const struct cli *cli, struct config *config,
               const struct run_options *options)
{
    if (flags->decode_hex != NULL)
        return decode_tool_run(config, flags->decode_hex);
    if (flags->import_file != NULL)
        return import_run(config, flags->import_file);
    if (flags->export_file != NULL)
        return export_corescope_run(config, flags->export_file);
    if (flags->store_init != NULL)
        return store_init_run(config);
    if (flags->store_export != NULL)
        return store_export_run(config);
    if (flags->redecode != NULL)
        return redecode_run(config);
    if (flags->why != NULL)
        return why_tool_run(config, flags->why);
    if (flags->health != NULL)
        return health_line_run(config);
    if (flags->top != NULL)
        return flags->once != NULL ? top_once(config) : top_run(config);
    return supervisor_run(cli, config, options);
}

int main(int argc, char **argv)
{
    if (!own_fds_fill_standard())
        return EXIT_IO;
    struct flags flags = {.import_file = NULL};
    const struct cli_extra extras[] = {
        {"decode", "HEX", "print one frame, taken apart, as JSON, and end", &flags.decode_hex,
         true},
        {"import", "FILE", "read a CoreScope database into ours, and end", &flags.import_file,
         false},
        {"export-corescope", "FILE", "write our database as one of CoreScope's, and end",
         &flags.export_file, false},
        {"store-init", NULL, "make the tables of storeUrl's servers (ClickHouse), and end",
         &flags.store_init, false},
        {"store-export", NULL, "send our database there, or what came since, and end",
         &flags.store_export, false},
        {"redecode", NULL, "make all derived rows anew with today's keys and regions, and end",
         &flags.redecode, false},
        {"why", "WHAT", "print why a packet (its hash), an observer or a node is missing, and end",
         &flags.why, true},
        {"health", NULL, "print how the ingestor is as one line, and end: 0 well, 1, 2, 3",
         &flags.health, true},
        {"top", NULL, "show how the ingestor is, live in the terminal; q ends it", &flags.top,
         true},
        {"once", NULL, "with --top: print one plain frame, and end", &flags.once, true},
        {"connect", NULL, "with --check-config: try each broker and storeUrl; 74 when one fails",
         &flags.connect, false},
        {"replay", "FILE", "read messages (JSON lines) instead of subscribing, and end",
         &flags.replay_file, false},
        {"speed", "N", "replay at N times the recorded pace; 0 = as fast as possible", &flags.speed,
         false},
        {"record", "FILE", "also append every message to this file, as --replay reads it",
         &flags.record_file, false},
    };
    struct cli cli;
    struct config config;
    const struct cli_program program = {
        .name = program_invocation_short_name,
        .usage = usage,
        .extras = extras,
        .extra_count = ARRAY_LEN(extras),
        .check = check_files,
        .after_check = after_check,
        .context = &flags,
        .sqlite_version = db_library_version(),
        .print_libraries = print_libraries,
        .reader = CONFIG_INGESTOR,
    };
    int code = cli_main_config(argc, argv, &program, &cli, &config);
    if (code >= 0)
        return code;
    struct run_options options;
    code = check_flags(&flags, &options);
    if (code != EXIT_CLEAN)
        config_done(&config);
    else
        code = run(&flags, &cli, &config, &options);
    cli_done(&cli);
    return code;
}
