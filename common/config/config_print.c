/* SPDX-License-Identifier: MIT */
#include "common/config/config_internal.h"

#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

#define HELP_KEY_COLUMN  24
#define HELP_TEXT_COLUMN 50
#define HELP_WIDTH       100

/* --- origins ------------------------------------------------------------------------------------------ */

/* Where a value came from is not kept while loading: the arguments, the environment and the file's text are
 * all still there, and one more look at them is cheaper than a field a key. */
static const char *global_origin(const struct config_args *args, const struct config_option *option,
                                 const cJSON *root)
{
    const char *origin = config_given_in(args, option, root);
    if (origin == NULL && option->deputy != NULL)
        origin = config_given_in(args, config_find(&config_options, option->deputy), root);
    return origin != NULL ? origin : "default";
}

static bool is_given(const cJSON *entry, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);
    return item != NULL && !cJSON_IsNull(item) &&
           !(cJSON_IsString(item) && item->valuestring[0] == '\0');
}

/* entry NULL: the one source made of mqtt.broker and mqtt.topic. */
static const char *source_origin(const struct config_args *args, const struct config_source *source,
                                 const struct config_option *option, const cJSON *root,
                                 const cJSON *entry)
{
    const bool is_password = strcmp(option->key, "password") == 0;
    char env[CONFIG_ENV_NAME_MAX];
    config_password_env(env, source->name);
    const char *password = is_password ? getenv(env) : NULL;
    if (password != NULL && password[0] != '\0')
        return "environment";

    const bool is_from_url = (is_password && source->password != NULL) ||
                             (strcmp(option->key, "username") == 0 && source->username != NULL);
    if (entry != NULL) {
        const bool is_from_file = is_given(entry, option->key) || is_from_url ||
                                  (is_password && is_given(entry, "passwordFile"));
        return is_from_file ? "file" : "default";
    }
    if (strcmp(option->key, "topics") == 0)
        return global_origin(args, config_find(&config_options, "mqtt.topic"), root);
    if (is_from_url || strcmp(option->key, "broker") == 0)
        return global_origin(args, config_find(&config_options, "mqtt.broker"), root);
    return "default";
}

/* --- --print-config ----------------------------------------------------------------------------------- */

static void print_source(const struct config_args *args, const struct config_source *source,
                         size_t index, const cJSON *root, const cJSON *entry, FILE *out)
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
        (void)fprintf(out, "  (origin: %s)\n", source_origin(args, source, option, root, entry));
    }
}

static void print_sources(const struct config_args *args, const struct config *config,
                          const cJSON *root, FILE *out)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "mqttSources");
    if (config->source_count == 0)
        (void)fputs("mqttSources = []  (origin: file)\n", out);
    for (size_t i = 0; i < config->source_count; i++) {
        const cJSON *entry = list != NULL ? cJSON_GetArrayItem(list, (int)i) : NULL;
        print_source(args, &config->sources[i], i, root, entry, out);
    }
}

void config_print(const struct config_args *args, const struct config *config, FILE *out)
{
    cJSON *root = config->raw_json != NULL
                      ? json_parse(config->raw_json, strlen(config->raw_json), CONFIG_DEPTH_MAX)
                      : NULL;
    for (size_t i = 0; i < config_options.count; i++) {
        const struct config_option *option = &config_options.rows[i];
        if ((option->flags & OPTION_TRANSIENT) != 0)
            continue;
        (void)fprintf(out, "%s = ", option->key);
        config_value_print(option, config, out);
        (void)fprintf(out, "  (origin: %s)\n", global_origin(args, option, root));
    }
    print_sources(args, config, root, out);
    cJSON_Delete(root);
}

/* --- --help ------------------------------------------------------------------------------------------- */

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

static void format_range(char *out, size_t cap, const struct config_option *option)
{
    char range[96] = "";
    if ((option->kind == KIND_INT || option->kind == KIND_REAL) && option->max - option->min > 1)
        (void)snprintf(range, sizeof range, "%s%.15g to %.15g",
                       (option->flags & OPTION_ZERO_TOO) != 0 ? "0, " : "", option->min,
                       option->max);
    else if (option->kind != KIND_BOOL && option->kind != KIND_STRING &&
             option->kind != KIND_PATH && option->kind != KIND_PAIRS && option->kind != KIND_GEO)
        config_describe(range, sizeof range, option);
    (void)snprintf(out, cap, "%s%s%s", range[0] != '\0' ? " (" : "", range,
                   range[0] != '\0' ? ")" : "");
}

static void print_option(const struct config_option *option, FILE *out)
{
    char range[100], text[400];
    const char *fallback = option->fallback != NULL ? option->fallback : "none";
    if (option->kind == KIND_LIST && option->fallback == NULL)
        fallback = "[]";
    if (option->kind == KIND_PAIRS)
        fallback = "{}";
    if ((option->flags & OPTION_REQUIRED) != 0)
        fallback = "required";
    format_range(range, sizeof range, option);
    (void)snprintf(text, sizeof text, "%s%s", option->help, range);
    (void)fprintf(out, "  %-*s %-*s ", HELP_KEY_COLUMN, option->key,
                  HELP_TEXT_COLUMN - HELP_KEY_COLUMN - 4, fallback);
    print_wrapped(text, HELP_TEXT_COLUMN, out);
}

void config_print_help(FILE *out)
{
    (void)fprintf(
        out, "%s",
        "Configuration: one JSON file. Stronger first: --set KEY=VALUE, the environment, the file, "
        "the\n"
        "default. The environment's name of a key is WEIR_ and the key in upper snake case\n"
        "(groupCommitMs: WEIR_GROUP_COMMIT_MS; statsFile also: WEIR_INGESTOR_STATS). Relative "
        "paths\n"
        "count from the file's folder, without a file from the working directory.\n\n");
    (void)fprintf(out, "  %-*s %-*s meaning\n", HELP_KEY_COLUMN, "key",
                  HELP_TEXT_COLUMN - HELP_KEY_COLUMN - 4, "default");
    for (size_t i = 0; i < config_options.count; i++)
        print_option(&config_options.rows[i], out);
    (void)fputs("\nKeys of each source in mqttSources:\n\n", out);
    for (size_t i = 0; i < config_source_options.count; i++)
        print_option(&config_source_options.rows[i], out);
    (void)fputs("\nKeys that begin with _comment are ignored. CoreScope's keys are accepted; those "
                "that are not\n"
                "implemented are ignored with a warning.\n",
                out);
}
