/* SPDX-License-Identifier: MIT */
#include "common/cli/cli.h"

#include "common/service/log_relay.h"
#include "common/base/version.h"
#include "common/json/json_write.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GO_ON   (-1)
#define LETTERS "c:Vh" /* those of the flags below */
/* Of --print-options: several times what it is. */
#define OPTIONS_BYTES_MAX ((size_t)1 << 20)

enum flag {
    FLAG_CONFIG = 256,
    FLAG_CHECK,
    FLAG_PRINT,
    FLAG_LOG_LEVEL,
    FLAG_LOG_FORMAT,
    FLAG_SET,
    FLAG_FLUSHERS,
    FLAG_OPTIONS,
    FLAG_VERSION,
    FLAG_HELP,
    FLAG_EXTRA, /* and up: cli_program.extras */
};

static const struct {
    char letter; /* 0 = none */
    const char *name, *argument;
    enum flag flag;
    const char *help;
} flags[] = {
    {'c', "config", "FILE", FLAG_CONFIG, "read this configuration file"},
    {0, "check-config", NULL, FLAG_CHECK,
     "only check the configuration: exit 0, or 78 with every error"},
    {0, "print-config", NULL, FLAG_PRINT,
     "print the merged configuration with each value's origin"},
    {0, "set", "KEY=VALUE", FLAG_SET, "set a key; stronger than environment and file; repeatable"},
    {0, "log-level", "LEVEL", FLAG_LOG_LEVEL, "how much is logged: debug, info, warn or error"},
    {0, "log-format", "FORMAT", FLAG_LOG_FORMAT, "how it is logged: text or json"},
    {0, "flusher-processes", "N", FLAG_FLUSHERS,
     "1; anything else is refused (SQLite has one writer)"},
    {0, "print-options", NULL, FLAG_OPTIONS,
     "print all flags and keys as JSON, for tools, and end"},
    {'V', "version", NULL, FLAG_VERSION, "print the versions of this program and its libraries"},
    {'h', "help", NULL, FLAG_HELP, "print this text"},
};

static void print_flag(char letter, const char *name, const char *argument, const char *help)
{
    char left[40];
    const char before[] = {'-', letter, ',', ' ', '\0'};
    (void)snprintf(left, sizeof left, "%s--%s%s%s", letter != '\0' ? before : "    ", name,
                   argument != NULL ? " " : "", argument != NULL ? argument : "");
    (void)printf("  %-25s %s\n", left, help);
}

/* A full disk or closed pipe must not pass for a printed answer. */
static int finish_output(void)
{
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_CLEAN : EXIT_IO;
}

/* With the name that the program was called by. */
static void print_usage(const struct cli_program *program)
{
    const char *text = program->usage;
    for (const char *at; (at = strstr(text, CLI_NAME)) != NULL; text = at + strlen(CLI_NAME))
        (void)printf("%.*s%s", (int)(at - text), text, program->name);
    const size_t len = strlen(text);
    (void)printf("%s%s\n", text, len > 0 && text[len - 1] == '\n' ? "" : "\n");
}

/* Of the flags of both programs. */
static bool is_flag_of(enum flag flag, const struct cli_program *program)
{
    return flag != FLAG_FLUSHERS || program->reader == CONFIG_INGESTOR;
}

static void print_help(const struct cli_program *program)
{
    print_usage(program);
    (void)printf("Flags:\n\n");
    for (size_t i = 0; i < program->extra_count; i++)
        print_flag('\0', program->extras[i].name, program->extras[i].argument,
                   program->extras[i].help);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (is_flag_of(flags[i].flag, program))
            print_flag(flags[i].letter, flags[i].name, flags[i].argument, flags[i].help);
    }
    (void)printf("\n");
    config_print_help(program->reader, stdout);
}

static const char *role_of(const struct cli_program *program)
{
    return program->reader == CONFIG_SERVER ? "server" : "ingestor";
}

static void write_flag(struct json_write *w, char letter, const char *name, const char *argument,
                       const char *help)
{
    jw_object(w, NULL);
    jw_string(w, "name", name);
    if (letter != '\0')
        jw_text(w, "letter", &letter, 1);
    if (argument != NULL)
        jw_string(w, "argument", argument);
    jw_string(w, "help", help);
    jw_object_end(w);
}

/* The tables behind --help, whole. */
static int print_options(const struct cli_program *program)
{
    struct json_write w;
    size_t len;
    jw_grow(&w, OPTIONS_BYTES_MAX);
    jw_object(&w, NULL);
    jw_string(&w, "program", role_of(program));
    jw_string(&w, "version", version_number());
    jw_array(&w, "flags");
    for (size_t i = 0; i < program->extra_count; i++)
        write_flag(&w, '\0', program->extras[i].name, program->extras[i].argument,
                   program->extras[i].help);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (is_flag_of(flags[i].flag, program))
            write_flag(&w, flags[i].letter, flags[i].name, flags[i].argument, flags[i].help);
    }
    jw_array_end(&w);
    config_write_options(&w);
    jw_object_end(&w);
    char *text = jw_take(&w, &len);
    if (text == NULL)
        return EXIT_NO_MEMORY;
    (void)puts(text);
    free(text);
    return finish_output();
}

static void print_version(const struct cli_program *program)
{
    (void)printf("weir %s %s (commit %s)\n", role_of(program), version_number(), version_commit());
    (void)printf("libraries, as each calls itself: sqlite %s, cJSON %s, OpenSSL %s, libsodium %s",
                 program->sqlite_version, cJSON_Version(), OpenSSL_version(OPENSSL_VERSION_STRING),
                 sodium_version_string());
    if (program->print_libraries != NULL)
        program->print_libraries(stdout);
    (void)printf("\n");
}

static int usage_error(const char *program, const char *what, const char *argument)
{
    (void)fprintf(stderr, "%s: %s%s%s (try --help)\n", program, what, argument != NULL ? " " : "",
                  argument != NULL ? argument : "");
    return EXIT_USAGE;
}

static int add_flushers(struct cli *cli, const char *count)
{
    free(cli->flusher_set);
    if (asprintf(&cli->flusher_set, "flusherProcesses=%s", count) < 0) {
        cli->flusher_set = NULL;
        return EXIT_NO_MEMORY;
    }
    return GO_ON;
}

/* Of several letters behind one dash getopt does not say where they stand in argv. */
static int refuse_flag(const char *program, const char *argument)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    if (optopt == 0 || optopt >= FLAG_CONFIG)
        return usage_error(program, "unknown or malformed flag", argument);
    const bool is_ascii = optopt > ' ' && optopt < 0x7f;
    return usage_error(program, "unknown or malformed flag", is_ascii ? letter : NULL);
}

static int apply(struct cli *cli, int flag, const struct cli_program *program)
{
    enum log_level level;
    enum log_format format;
    switch (flag) {
    case FLAG_CONFIG:
        cli->args.file = optarg;
        return GO_ON;
    case FLAG_CHECK:
        cli->check_only = true;
        return GO_ON;
    case FLAG_PRINT:
        cli->print_only = true;
        return GO_ON;
    case FLAG_SET:
        cli->sets[cli->args.set_count++] = optarg;
        return GO_ON;
    case FLAG_LOG_LEVEL:
        cli->args.log_level = optarg;
        return log_level_parse(optarg, &level)
                   ? GO_ON
                   : usage_error(program->name,
                                 "--log-level must be debug, info, warn or error, not", optarg);
    case FLAG_LOG_FORMAT:
        cli->args.log_format = optarg;
        return log_format_parse(optarg, &format)
                   ? GO_ON
                   : usage_error(program->name, "--log-format must be text or json, not", optarg);
    case FLAG_FLUSHERS:
        return add_flushers(cli, optarg);
    case FLAG_OPTIONS:
        return print_options(program);
    case FLAG_VERSION:
        print_version(program);
        return finish_output();
    default:
        print_help(program);
        return finish_output();
    }
}

/* `--config --check-config`: getopt takes the second flag for the first one's value, a file of that
 * name. Who means a file so called writes ./ before it, or = between the two. */
static bool is_flag(const char *value)
{
    if (value[0] != '-')
        return false;
    return value[1] == '-' || (strchr(LETTERS, value[1]) != NULL &&
                               isalpha((unsigned char)value[1]) && value[2] == '\0');
}

static int refuse_value(const char *program, const char *flag, const char *value)
{
    (void)fprintf(stderr, "%s: a value is missing between %s and %s (try --help)\n", program, flag,
                  value);
    return EXIT_USAGE;
}

static struct option option_of(const char *name, const char *argument, int flag)
{
    return (struct option){
        .name = name, .has_arg = argument != NULL ? required_argument : no_argument, .val = flag};
}

static int parse(int argc, char **argv, const struct cli_program *program, struct cli *cli)
{
    struct option options[ARRAY_LEN(flags) + CLI_EXTRA_MAX + 1] = {{.name = NULL}};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        options[i] = option_of(flags[i].name, flags[i].argument, (int)flags[i].flag);
    for (size_t i = 0; i < program->extra_count && i < CLI_EXTRA_MAX; i++)
        options[ARRAY_LEN(flags) + i] =
            option_of(program->extras[i].name, program->extras[i].argument, FLAG_EXTRA + (int)i);
    optind = 0; /* glibc: begin anew, also when somebody has parsed before */
    opterr = 0;
    for (;;) {
        int flag = getopt_long(argc, argv, ":" LETTERS, options, NULL);
        if (flag == -1)
            break;
        for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
            if (flags[i].letter != '\0' && flag == flags[i].letter)
                flag = (int)flags[i].flag;
        }
        const char *argument = optind > 0 && optind <= argc ? argv[optind - 1] : NULL;
        if (flag == ':')
            return usage_error(program->name, "a value is missing behind", argument);
        if (flag == '?')
            return refuse_flag(program->name, argument);
        if (optarg != NULL && optarg == argument && is_flag(optarg))
            return refuse_value(program->name, argv[optind - 2], optarg);
        if (flag >= FLAG_EXTRA) {
            const struct cli_extra *extra = &program->extras[flag - FLAG_EXTRA];
            *extra->value = extra->argument != NULL ? optarg : extra->name;
            cli->is_quiet = cli->is_quiet || extra->is_quiet;
            continue;
        }
        const int code = apply(cli, flag, program);
        if (code != GO_ON)
            return code;
    }
    return optind < argc ? usage_error(program->name, "unexpected argument", argv[optind]) : GO_ON;
}

void cli_log_report(const struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        log_event(report->messages[i].is_error ? LOG_ERROR : LOG_WARN, "config",
                  report->messages[i].text, NULL);
    if (report->suppressed > 0)
        log_event(LOG_ERROR, "config", "more messages than are shown",
                  KV(KV_INT("suppressed", report->suppressed)));
}

/* Before a configuration is loaded only the flags can say how to log. */
static void init_log(const struct cli *cli, const struct config *config, enum status status)
{
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_TEXT;
    if (status == STATUS_OK) {
        level = config->log_level;
        format = config->log_format;
    } else if (cli->args.log_format != NULL && !log_format_parse(cli->args.log_format, &format)) {
        format = LOG_TEXT;
    }
    /* Who asks for a check wants to see the warnings. */
    if (cli->check_only && level > LOG_WARN)
        level = LOG_WARN;
    log_init(level, format);
}

static size_t count_warnings(const struct config_report *report)
{
    size_t count = 0;
    for (size_t i = 0; i < report->count; i++)
        count += report->messages[i].is_error ? 0 : 1;
    return count;
}

static void refuse(const char *file, size_t errors)
{
    log_event(LOG_ERROR, "config", "configuration refused",
              KV(KV_STR("file", file), KV_INT("errors", errors)));
}

static int answer_check(const struct cli_program *program, const struct config *config,
                        const struct config_report *report, const char *file)
{
    const size_t errors = program->check != NULL ? program->check(config) : 0;
    if (errors > 0) {
        refuse(file, errors);
        return EXIT_CONFIG;
    }
    (void)printf("configuration ok (sources: %zu, warnings: %zu, file: %s)\n", config->source_count,
                 count_warnings(report) + report->suppressed, file);
    const int code = finish_output();
    return code == EXIT_CLEAN && program->after_check != NULL
               ? program->after_check(config, program->context)
               : code;
}

static bool is_answer(const struct cli *cli)
{
    return cli->is_quiet || cli->check_only || cli->print_only;
}

/* What runs for long must not wait for who reads its log; an answer waits for its reader. */
static void free_log(const struct cli *cli, enum status status)
{
    if (status != STATUS_OK || is_answer(cli))
        return;
    if (!log_relay_start())
        log_event(LOG_WARN, "log", "no process for the log: its lines wait for who reads them",
                  NULL);
}

static void say_file(const struct cli *cli, const struct config *config)
{
    if (is_answer(cli))
        return;
    const char *file = config->file != NULL ? config->file : cli->args.file;
    log_event(LOG_INFO, "config",
              file != NULL ? "reading the configuration"
                           : "no configuration file: flags, environment and defaults",
              file != NULL ? KV(KV_STR("file", file)) : NULL);
}

static int load(const struct cli_program *program, const struct cli *cli, struct config *out)
{
    struct config_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return EXIT_NO_MEMORY;
    const char *file = cli->args.file != NULL ? cli->args.file : "none";
    int code = GO_ON;
    const enum status status = config_load(&cli->args, out, report);
    init_log(cli, out, status);
    free_log(cli, status);
    say_file(cli, out);
    if (status != STATUS_OK || !cli->is_quiet || cli->check_only)
        cli_log_report(report);
    if (status == STATUS_NO_MEMORY) {
        code = EXIT_NO_MEMORY;
    } else if (status != STATUS_OK) {
        refuse(file, report->count - count_warnings(report) + report->suppressed);
        code = EXIT_CONFIG;
    } else if (cli->print_only) {
        config_print(&cli->args, out, stdout);
        code = finish_output();
    } else if (cli->check_only) {
        code = answer_check(program, out, report, file);
    }
    free(report);
    return code;
}

int cli_main_config(int argc, char **argv, const struct cli_program *program, struct cli *out_cli,
                    struct config *out)
{
    *out = (struct config){.file = NULL};
    *out_cli = (struct cli){.sets = NULL};
    /* Every argument could be a --set; one more place for --flusher-processes. */
    out_cli->sets = calloc((size_t)argc + 1, sizeof *out_cli->sets);
    if (out_cli->sets == NULL)
        return EXIT_NO_MEMORY;
    out_cli->args.sets = out_cli->sets;
    out_cli->args.reader = program->reader;
    int code = parse(argc, argv, program, out_cli);
    if (code == GO_ON && out_cli->flusher_set != NULL)
        out_cli->sets[out_cli->args.set_count++] = out_cli->flusher_set;
    if (code == GO_ON)
        code = load(program, out_cli, out);
    if (code != GO_ON) {
        config_done(out);
        cli_done(out_cli);
    }
    return code;
}

void cli_done(struct cli *cli)
{
    free(cli->sets);
    free(cli->flusher_set);
    *cli = (struct cli){.sets = NULL};
}
