/* SPDX-License-Identifier: MIT */
#include "common/config/config.h"

#include "common/config/config_origin.h"
#include "common/config/config_report.h"
#include "common/config/config_table.h"
#include "common/json/json.h"

#include <string.h>

#define HELP_KEY_COLUMN  24
#define HELP_TEXT_COLUMN 50
#define HELP_WIDTH       100

/* --- --print-config --------------------------------------------------------------------------- */

static void print_source(const struct config_layers *layers, const struct config_source *source,
                         size_t index, const cJSON *entry, FILE *out)
{
    for (size_t i = 0; i < config_source_options.count; i++) {
        const struct config_option *option = &config_source_options.rows[i];
        if ((option->flags & OPTION_TRANSIENT) != 0)
            continue;
        (void)fprintf(out, "mqttSources[%zu].%s = ", index, option->key);
        if (strcmp(option->key, "broker") == 0)
            (void)fputs(source->broker_masked, out);
        else
            config_value_print(option, source, out);
        (void)fprintf(out, "  (origin: %s)\n", config_origin_source(layers, source, entry, option));
    }
}

static void print_sources(const struct config_layers *layers, const struct config *config,
                          FILE *out)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(layers->root, "mqttSources");
    if (config->source_count == 0)
        (void)fputs("mqttSources = []  (origin: file)\n", out);
    for (size_t i = 0; i < config->source_count; i++) {
        const cJSON *entry = list != NULL ? cJSON_GetArrayItem(list, (int)i) : NULL;
        print_source(layers, &config->sources[i], i, entry, out);
    }
}

void config_print(const struct config_args *args, const struct config *config, FILE *out)
{
    cJSON *root = config->raw_json != NULL
                      ? json_parse(config->raw_json, strlen(config->raw_json), CONFIG_DEPTH_MAX)
                      : NULL;
    const struct config_layers layers = {args, root};
    for (size_t i = 0; i < config_options.count; i++) {
        const struct config_option *option = &config_options.rows[i];
        if ((option->flags & OPTION_TRANSIENT) != 0)
            continue;
        (void)fprintf(out, "%s = ", option->key);
        config_value_print(option, config, out);
        (void)fprintf(out, "  (origin: %s)\n", config_origin_global(&layers, option));
    }
    print_sources(&layers, config, out);
    cJSON_Delete(root);
}

/* --- --help ----------------------------------------------------------------------------------- */

/* Prints from `column` on, broken between words, later lines indented alike. */
static void print_wrapped(const char *text, int column, FILE *out)
{
    int at = column;
    while (*text != '\0') {
        const int len = (int)strcspn(text, " ");
        if (at > column && at + 1 + len > HELP_WIDTH) {
            (void)fprintf(out, "\n%*s", column, "");
            at = column;
        }
        at += fprintf(out, "%s%.*s", at > column ? " " : "", len, text);
        text += len;
        text += strspn(text, " ");
    }
    (void)fputc('\n', out);
}

static void print_option(const struct config_option *option, FILE *out)
{
    char range[96] = "", text[400];
    const char *shown = option->default_text != NULL ? option->default_text : option->type->none;
    if ((option->flags & OPTION_REQUIRED) != 0)
        shown = "required";
    if (option->type->describe_range != NULL)
        option->type->describe_range(option, range, sizeof range);
    (void)snprintf(text, sizeof text, "%s%s%s%s", option->help, range[0] != '\0' ? " (" : "", range,
                   range[0] != '\0' ? ")" : "");
    (void)fprintf(out, "  %-*s %-*s ", HELP_KEY_COLUMN, option->key,
                  HELP_TEXT_COLUMN - HELP_KEY_COLUMN - 4, shown);
    print_wrapped(text, HELP_TEXT_COLUMN, out);
}

static bool is_read_by(const struct config_option *option, enum config_reader reader)
{
    return (option->flags & OPTION_SERVER_TOO) != 0 ||
           (reader == CONFIG_SERVER) == ((option->flags & OPTION_SERVER_ONLY) != 0);
}

static void print_source_options(FILE *out)
{
    (void)fputs("\nKeys of each source in mqttSources:\n\n", out);
    for (size_t i = 0; i < config_source_options.count; i++)
        print_option(&config_source_options.rows[i], out);
}

void config_print_help(enum config_reader reader, FILE *out)
{
    (void)fprintf(
        out, "%s",
        "Configuration: one JSON file. Stronger first: --set KEY=VALUE, the environment, the file, "
        "the\n"
        "default. The environment's name of a key is WEIR_ and the key in upper snake case\n"
        "(dbPath: WEIR_DB_PATH; statsFile also: WEIR_INGESTOR_STATS). Relative "
        "paths\n"
        "count from the file's folder, without a file from the working directory.\n\n");
    (void)fprintf(out, "  %-*s %-*s meaning\n", HELP_KEY_COLUMN, "key",
                  HELP_TEXT_COLUMN - HELP_KEY_COLUMN - 4, "default");
    for (size_t i = 0; i < config_options.count; i++) {
        if (is_read_by(&config_options.rows[i], reader))
            print_option(&config_options.rows[i], out);
    }
    if (reader == CONFIG_INGESTOR)
        print_source_options(out);
    (void)fprintf(out, "\nThe file may be the %s's as well: its keys are known.\n",
                  reader == CONFIG_SERVER ? "ingestor" : "server");
    (void)fputs("Keys that begin with _comment are ignored. CoreScope's keys are accepted; those "
                "that are not\n"
                "implemented are ignored with a warning.\n",
                out);
}
