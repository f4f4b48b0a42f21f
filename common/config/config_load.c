/* SPDX-License-Identifier: MIT */
#include "common/config/config_internal.h"

#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_TEXT_MAX     160
#define PREFIX_LEN        (sizeof CONFIG_ENV_PREFIX - 1)
#define ENVIRONMENT_LABEL "%s (environment)"

extern char **environ;

/* --- the file ----------------------------------------------------------------------------------------- */

static void unknown_key(struct config_loader *loader, const struct config_object *object,
                        const char *path, const char *key)
{
    struct config_guess guess = {.distance = 0};
    if (object->is_root && config_find(object->table, key) != NULL) {
        config_error(loader, "%s: unknown key; in the file it is \"%.*s\": {\"%s\": ...}", path,
                     (int)strcspn(key, "."), key, strchr(key, '.') + 1);
        return;
    }
    config_guess_table(&guess, key, object->table);
    if (object->is_root) {
        config_guess_ignored(&guess, key);
        config_guess_groups(&guess, key, object->table);
    }
    if (guess.best[0] != '\0')
        config_error(loader, "%s: unknown key; did you mean '%s'?", path, guess.best);
    else
        config_error(loader, "%s: unknown key", path);
}

static bool is_mqtt_key(const char *key)
{
    return strncmp(key, "mqtt.", 5) == 0;
}

static void describe_group(char *out, size_t cap, const struct config_table *table,
                           const char *prefix)
{
    const size_t prefix_len = strlen(prefix);
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < table->count; i++) {
        const char *key = table->rows[i].key;
        if (strncmp(key, prefix, prefix_len) != 0)
            continue;
        const int n = snprintf(out + len, cap - len, "%s%s", len > 0 ? ", " : "", key + prefix_len);
        len += n > 0 && (size_t)n < cap - len ? (size_t)n : 0;
    }
}

/* Member `name` of the file holds the rows "name.x" of the table. */
static void read_group(struct config_loader *loader, const struct config_object *root,
                       const cJSON *item)
{
    char prefix[PATH_TEXT_MAX], want[PATH_TEXT_MAX];
    (void)snprintf(prefix, sizeof prefix, "%.*s.", CONFIG_KEY_SHOWN_MAX, item->string);
    struct config_object object = *root;
    object.path_prefix = prefix;
    object.key_prefix = prefix;
    object.is_root = false;
    if (cJSON_IsObject(item)) {
        loader->mqtt_given = loader->mqtt_given || is_mqtt_key(prefix);
        config_read_object(loader, &object, item);
    } else if (!cJSON_IsNull(item)) { /* null = the defaults */
        describe_group(want, sizeof want, root->table, prefix);
        config_error(loader, "%s: must be an object with %s, not %s", item->string, want,
                     config_type_name(item));
    }
}

/* What of an object has been met, to find keys that are given twice (cJSON keeps both). */
struct seen {
    /* Of an object of rows the first row stands for the object. */
    bool options[CONFIG_OPTIONS_MAX], ignored[CONFIG_IGNORED_MAX];
};

static bool is_first(struct config_loader *loader, bool *seen, const char *path)
{
    if (*seen)
        config_error(loader, "%s: given twice", path);
    const bool first = !*seen;
    *seen = true;
    return first;
}

static void read_member(struct config_loader *loader, const struct config_object *object,
                        const cJSON *item, struct seen *seen)
{
    char path[PATH_TEXT_MAX], key[PATH_TEXT_MAX];
    (void)snprintf(path, sizeof path, "%s%.*s", object->path_prefix, CONFIG_KEY_SHOWN_MAX,
                   item->string);
    (void)snprintf(key, sizeof key, "%s%.*s", object->key_prefix, CONFIG_KEY_SHOWN_MAX,
                   item->string);

    const struct config_option *option = config_find(object->table, key);
    /* "mqtt.broker" is how flags and messages write a member of `mqtt`; no key of the file. */
    if (option != NULL && object->is_root && strchr(key, '.') != NULL)
        option = NULL;
    const struct config_option *group =
        object->is_root ? config_find_group(object->table, item->string) : NULL;
    const int ignored = object->is_root ? config_ignored_index(item->string) : -1;
    if (option != NULL) {
        if (is_first(loader, &seen->options[option - object->table->rows], path))
            config_set_json(loader, option, object->base, path, item);
    } else if (group != NULL) {
        if (is_first(loader, &seen->options[group - object->table->rows], path))
            read_group(loader, object, item);
    } else if (ignored >= 0) {
        if (!seen->ignored[ignored])
            config_warn(loader, "%s: a key of CoreScope's that is not implemented yet, ignored",
                        path);
        seen->ignored[ignored] = true;
    } else {
        unknown_key(loader, object, path, key);
    }
}

void config_read_object(struct config_loader *loader, const struct config_object *object,
                        const cJSON *members)
{
    struct seen seen = {.options = {false}};
    const cJSON *item;
    cJSON_ArrayForEach(item, members)
    {
        if (!config_is_comment(item->string))
            read_member(loader, object, item, &seen);
    }
}

/* What json_parse refuses beyond JSON itself is said in words. */
void config_report_bad_json(struct config_loader *loader, const char *what, const char *text,
                            size_t len)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (root != NULL && end[strspn(end, " \t\r\n")] == '\0') {
        config_error(loader, "%snot usable: nested deeper than %d levels, or it holds \\u0000",
                     what, CONFIG_DEPTH_MAX);
        cJSON_Delete(root);
        return;
    }
    cJSON_Delete(root);
    if (end != NULL)
        end += strspn(end, " \t\r\n");
    size_t line = 1, column = 1;
    for (const char *c = text; end != NULL && c < end && c < text + len; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n' ? 1 : 0;
    }
    config_error(loader, "%sline %zu, column %zu: not valid JSON", what, line, column);
}

static void read_file(struct config_loader *loader, const char *text, size_t len)
{
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* Windows' editors write a BOM */
        text += 3;
        len -= 3;
    }
    if (memchr(text, '\0', len) != NULL) {
        config_error(loader, "not a text file: it holds a NUL byte");
        return;
    }
    loader->root = json_parse(text, len, CONFIG_DEPTH_MAX);
    if (loader->root == NULL) {
        config_report_bad_json(loader, "", text, len);
        return;
    }
    loader->draft.config.raw_json = config_dup(loader, text);
    if (!cJSON_IsObject(loader->root)) {
        config_error(loader, "the file must hold one object: { key: value, ... }");
        return;
    }
    const struct config_object object = {&config_options, &loader->draft, "", "", true};
    config_read_object(loader, &object, loader->root);
}

/* --- environment and flags ---------------------------------------------------------------------------- */

/* An empty variable counts as unset: compose files write `WEIR_API_KEY=` for "nothing". */
static const char *env_text(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

const char *config_env_value(const struct config_option *option,
                             char out_name[static CONFIG_ENV_NAME_MAX])
{
    config_env_name(out_name, option->key);
    const char *text = env_text(out_name);
    for (size_t i = 0;
         text == NULL && option->env_aliases != NULL && option->env_aliases[i] != NULL; i++) {
        (void)snprintf(out_name, CONFIG_ENV_NAME_MAX, "%s", option->env_aliases[i]);
        text = env_text(out_name);
    }
    return text;
}

static void apply_environment(struct config_loader *loader)
{
    for (size_t i = 0; i < config_options.count; i++) {
        const struct config_option *option = &config_options.rows[i];
        char name[CONFIG_ENV_NAME_MAX], label[CONFIG_ENV_NAME_MAX + 32];
        const char *text = config_env_value(option, name);
        if (text == NULL)
            continue;
        (void)snprintf(label, sizeof label, ENVIRONMENT_LABEL, name);
        config_set_text(loader, option, &loader->draft, label, text);
        loader->mqtt_given = loader->mqtt_given || is_mqtt_key(option->key);
    }
}

static bool is_known_variable(const struct config_loader *loader, const char *name)
{
    char known[CONFIG_ENV_NAME_MAX];
    for (size_t i = 0; i < config_options.count; i++) {
        const struct config_option *option = &config_options.rows[i];
        config_env_name(known, option->key);
        if (strcmp(known, name) == 0)
            return true;
        for (size_t j = 0; option->env_aliases != NULL && option->env_aliases[j] != NULL; j++) {
            if (strcmp(option->env_aliases[j], name) == 0)
                return true;
        }
    }
    for (size_t i = 0; i < loader->draft.config.source_count; i++) {
        const char *source = loader->draft.config.sources[i].name;
        if (source == NULL)
            continue;
        config_password_env(known, source);
        if (strcmp(known, name) == 0)
            return true;
    }
    return false;
}

/* A variable of ours that nothing reads, and whose name is nearly one: a typing mistake, silent otherwise.
 * Others stay unmentioned: scripts may use the prefix for themselves. */
static void warn_mistyped_variables(struct config_loader *loader)
{
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        char name[CONFIG_ENV_NAME_MAX], known[CONFIG_ENV_NAME_MAX];
        const size_t len = strcspn(*entry, "=");
        if (strncmp(*entry, CONFIG_ENV_PREFIX, PREFIX_LEN) != 0 || len >= sizeof name)
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)len, *entry);
        if (is_known_variable(loader, name))
            continue;
        struct config_guess guess = {.distance = 0};
        for (size_t i = 0; i < config_options.count; i++) {
            config_env_name(known, config_options.rows[i].key);
            /* Without the prefix: five letters that always agree would let anything pass for near. */
            config_guess_offer(&guess, name + PREFIX_LEN, known + PREFIX_LEN);
        }
        if (guess.best[0] != '\0')
            config_warn(loader, ENVIRONMENT_LABEL ": unknown, ignored; did you mean '%s%s'?", name,
                        CONFIG_ENV_PREFIX, guess.best);
    }
}

static void apply_set(struct config_loader *loader, const char *set)
{
    char key[PATH_TEXT_MAX], label[PATH_TEXT_MAX + 8];
    const char *equals = strchr(set, '=');
    if (equals == NULL || equals == set) {
        config_error(loader, "--set: must be followed by key=value");
        return;
    }
    const size_t len = (size_t)(equals - set) < CONFIG_KEY_SHOWN_MAX ? (size_t)(equals - set)
                                                                     : CONFIG_KEY_SHOWN_MAX;
    (void)snprintf(key, sizeof key, "%.*s", (int)len, set);
    (void)snprintf(label, sizeof label, "--set %s", key);
    const struct config_option *option = config_find(&config_options, key);
    if (option == NULL) {
        const struct config_object object = {.table = &config_options};
        unknown_key(loader, &object, label, key);
        return;
    }
    if ((option->flags & OPTION_SECRET) != 0 ||
        (is_mqtt_key(key) && config_broker_has_password(equals + 1))) {
        config_error(loader,
                     "%s: every user of this machine can read a command line; put a secret into "
                     "the file or the environment",
                     label);
        return;
    }
    config_set_text(loader, option, &loader->draft, label, equals + 1);
    loader->mqtt_given = loader->mqtt_given || is_mqtt_key(key);
}

static void apply_flags(struct config_loader *loader)
{
    const struct config_args *args = loader->args;
    for (size_t i = 0; i < args->set_count; i++)
        apply_set(loader, args->sets[i]);
    if (args->log_level != NULL)
        config_set_text(loader, config_find(&config_options, "logLevel"), &loader->draft,
                        "--log-level", args->log_level);
    if (args->log_format != NULL)
        config_set_text(loader, config_find(&config_options, "logFormat"), &loader->draft,
                        "--log-format", args->log_format);
}

static bool is_on_command_line(const struct config_args *args, const char *key)
{
    if ((strcmp(key, "logLevel") == 0 && args->log_level != NULL) ||
        (strcmp(key, "logFormat") == 0 && args->log_format != NULL))
        return true;
    const size_t len = strlen(key);
    for (size_t i = 0; i < args->set_count; i++) {
        if (strncmp(args->sets[i], key, len) == 0 && args->sets[i][len] == '=')
            return true;
    }
    return false;
}

const char *config_given_in(const struct config_args *args, const struct config_option *option,
                            const cJSON *root)
{
    char name[CONFIG_ENV_NAME_MAX];
    const char *dot = strchr(option->key, '.');
    const cJSON *holder = root;
    if (is_on_command_line(args, option->key))
        return "flag";
    if (config_env_value(option, name) != NULL)
        return "environment";
    if (dot != NULL) {
        (void)snprintf(name, sizeof name, "%.*s", (int)(dot - option->key), option->key);
        holder = cJSON_GetObjectItemCaseSensitive(root, name);
    }
    const cJSON *item =
        cJSON_GetObjectItemCaseSensitive(holder, dot != NULL ? dot + 1 : option->key);
    return item != NULL && !cJSON_IsNull(item) ? "file" : NULL;
}

/* --- loading ------------------------------------------------------------------------------------------ */

static void load_layers(struct config_loader *loader, const struct config_input *input)
{
    for (size_t i = 0; i < config_options.count; i++)
        config_set_default(loader, &config_options.rows[i], &loader->draft);
    if (input->text != NULL)
        read_file(loader, input->text, input->len);
    apply_environment(loader);
    apply_flags(loader);
    config_validate(loader);
    config_sources_load(loader);
    warn_mistyped_variables(loader);
    config_warn_readable_secret(loader);
}

enum status config_load_input(const struct config_args *args, const struct config_input *input,
                              struct config *out, struct config_report *report)
{
    struct config_loader loader = {.args = args, .report = report, .mode = input->mode};
    loader.folder = config_dup(&loader, input->folder);
    if (loader.folder != NULL)
        load_layers(&loader, input);
    cJSON_Delete(loader.root);
    free(loader.folder);
    config_free_secret(loader.draft.mqtt_broker);
    free(loader.draft.mqtt_topic);
    free(loader.draft.channel_keys_path);
    const enum status status = loader.no_memory                  ? STATUS_NO_MEMORY
                               : config_report_has_error(report) ? STATUS_CONFIG
                                                                 : STATUS_OK;
    if (status != STATUS_OK)
        config_done(&loader.draft.config);
    *out = loader.draft.config;
    return status;
}

/* Absolute, but not resolved: a file reached through a link counts its paths from the link's folder. */
static char *absolute_file(const char *file)
{
    char *working = file[0] != '/' ? getcwd(NULL, 0) : NULL;
    char *joined = NULL;
    if (file[0] == '/')
        return strdup(file);
    if (working == NULL || asprintf(&joined, "%s/%s", working, file) < 0)
        joined = NULL;
    free(working);
    return joined;
}

static enum status load_from(const struct config_args *args, char *file, struct config *out,
                             struct config_report *report)
{
    struct config_loader loader = {.report = report};
    struct config_input input = {.folder = NULL};
    char *text = NULL;
    struct err err;
    if (file != NULL &&
        !config_read_file(file, CONFIG_FILE_MAX, false, &text, &input.len, &input.mode, &err)) {
        config_error(&loader, "can't read %.250s: %s", file, err.text);
        return err.status == STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_CONFIG;
    }
    char *folder = file != NULL ? config_folder_of(file) : getcwd(NULL, 0);
    input.folder = folder;
    input.text = text;
    const enum status status =
        folder != NULL ? config_load_input(args, &input, out, report) : STATUS_NO_MEMORY;
    free(folder);
    config_free_secret(text);
    return status;
}

enum status config_load(const struct config_args *args, struct config *out,
                        struct config_report *report)
{
    *out = (struct config){.file = NULL};
    *report = (struct config_report){.count = 0};
    char *file = args->file != NULL ? absolute_file(args->file) : NULL;
    if (args->file != NULL && file == NULL)
        return STATUS_NO_MEMORY;
    const enum status status = load_from(args, file, out, report);
    if (status == STATUS_OK)
        out->file = file;
    else
        free(file);
    return status;
}

void config_done(struct config *config)
{
    for (size_t i = 0; i < config_options.count; i++) {
        if ((config_options.rows[i].flags & OPTION_TRANSIENT) == 0)
            config_value_done(&config_options.rows[i], config);
    }
    for (size_t i = 0; i < config->source_count; i++)
        config_source_done(&config->sources[i]);
    free(config->sources);
    free(config->file);
    config_free_secret(config->raw_json);
    *config = (struct config){.file = NULL};
}
