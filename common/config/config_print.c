/* SPDX-License-Identifier: MIT */
#include "common/config/config.h"

#include "common/config/config_origin.h"
#include "common/config/config_report.h"
#include "common/config/config_table.h"
#include "common/config/config_type.h"
#include "common/json/json.h"
#include "common/json/json_write.h"

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
        if (config_is_read_by(&config_options.rows[i], reader))
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

/* --- the rows as data ------------------------------------------------------------------------- */

/* What a change of the file needs at the ingestor's reload. */
static const char *ingestor_reload(unsigned reload)
{
    if ((reload & RELOAD_RESTART) != 0)
        return "restart";
    if (reload == (RELOAD_RECEIVER | RELOAD_FLUSHER))
        return "receivers, writer";
    if (reload == RELOAD_LIVE)
        return "live";
    return reload == RELOAD_RECEIVER ? "receivers" : "writer";
}

static void write_readers(struct json_write *w, const struct config_option *option)
{
    jw_object(w, "reload");
    if (config_is_read_by(option, CONFIG_INGESTOR))
        jw_string(w, "ingestor", ingestor_reload(option->reload));
    if (config_is_read_by(option, CONFIG_SERVER))
        jw_string(w, "server", (option->flags & OPTION_SERVER_LIVE) != 0 ? "live" : "restart");
    jw_object_end(w);
}

static void write_words(struct json_write *w, const struct config_option *option)
{
    if (option->words == NULL)
        return;
    jw_array(w, "words");
    for (size_t i = 0; option->words[i] != NULL; i++)
        jw_string(w, NULL, option->words[i]);
    jw_array_end(w);
}

static void write_option(struct json_write *w, const struct config_table *table,
                         const struct config_option *option)
{
    char takes[200], name[CONFIG_ENV_NAME_MAX];
    jw_object(w, NULL);
    jw_string(w, "key", option->key);
    if (option->default_text != NULL)
        jw_string(w, "default", option->default_text);
    option->type->describe(option, takes, sizeof takes);
    jw_string(w, "takes", takes);
    write_words(w, option);
    jw_string(w, "help", option->help);
    jw_bool(w, "isPath", option->type == &config_type_path);
    jw_bool(w, "isSecret", (option->flags & OPTION_SECRET) != 0);
    jw_bool(w, "isRequired", (option->flags & OPTION_REQUIRED) != 0);
    /* A single value can also be a flag's or a variable's. */
    if (table == &config_options && option->type->only_in_file == NULL) {
        config_env_name(name, option->key);
        jw_string(w, "environment", name);
    }
    write_readers(w, option);
    jw_object_end(w);
}

static void write_table(struct json_write *w, const char *name, const struct config_table *table)
{
    jw_array(w, name);
    for (size_t i = 0; i < table->count; i++)
        write_option(w, table, &table->rows[i]);
    jw_array_end(w);
}

void config_write_options(struct json_write *w)
{
    write_table(w, "keys", &config_options);
    write_table(w, "sourceKeys", &config_source_options);
}
