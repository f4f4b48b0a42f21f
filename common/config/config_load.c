/* SPDX-License-Identifier: MIT */
#include "common/config/config.h"

#include "common/config/config_object.h"
#include "common/config/config_origin.h"
#include "common/config/config_report.h"
#include "common/config/config_source.h"
#include "common/config/config_table.h"
#include "common/config/config_text.h"
#include "common/config/config_validate.h"
#include "common/corescope/corescope.h"
#include "common/json/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_TEXT_MAX     160
#define FILE_SHOWN_MAX    200 /* bytes of the file's name in a message */
#define PREFIX_LEN        (sizeof CONFIG_ENV_PREFIX - 1)
#define ENVIRONMENT_LABEL "%s (environment)"

extern char **environ;

/* --- the file --------------------------------------------------------------------------------- */

static bool is_mqtt_key(const char *key)
{
    return strncmp(key, "mqtt.", 5) == 0;
}

/* Windows' Notepad calls it Unicode. */
static bool is_utf16(const char *text, size_t len)
{
    return len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0 ||
                        text[0] == '\0' || text[1] == '\0');
}

static cJSON *parse_file(struct config_loader *loader, const char *text, size_t len)
{
    char what[FILE_SHOWN_MAX + 3];
    cJSON *root = is_utf16(text, len) ? NULL : json_parse(text, len, CONFIG_DEPTH_MAX);
    (void)snprintf(what, sizeof what, "%.*s: ", FILE_SHOWN_MAX, loader->file);
    if (root != NULL && cJSON_IsObject(root) && memchr(text, '\0', len) == NULL)
        return root;
    if (is_utf16(text, len))
        config_error(loader, "%sit is saved as UTF-16; save it as UTF-8", what);
    else if (root == NULL)
        config_report_bad_json(loader, what, text, len);
    else if (cJSON_IsObject(root))
        config_error(loader, "%snot a text file: it holds a NUL byte", what);
    else
        config_error(loader, "%sit must hold one object, { key: value, ... }, not %s", what,
                     config_json_name(root));
    cJSON_Delete(root);
    return NULL;
}

static void read_file(struct config_loader *loader, const char *text, size_t len)
{
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* Windows' editors write a BOM */
        text += 3;
        len -= 3;
    }
    loader->root = parse_file(loader, text, len);
    if (loader->root == NULL)
        return;
    loader->draft.config.raw_json = config_dup(loader, text);
    const struct config_object object = {&config_options,       &loader->draft, "", "", true,
                                         &config_source_options};
    config_read_object(loader, &object, loader->root);
    loader->mqtt_given = cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(loader->root, "mqtt"));
}

/* --- environment and flags -------------------------------------------------------------------- */

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

/* The key that is given and stronger than CoreScope's variable for this one; NULL = none is. */
static const char *find_stronger(const struct config_loader *loader,
                                 const struct config_option *option)
{
    if (config_given_in(loader->args, option, loader->root) != NULL)
        return option->key;
    const bool has_sources = cJSON_GetObjectItemCaseSensitive(loader->root, "mqttSources") != NULL;
    return is_mqtt_key(option->key) && has_sources ? "mqttSources" : NULL;
}

static void apply_corescope_environment(struct config_loader *loader)
{
    for (size_t i = 0; i < corescope_variable_count; i++) {
        const struct corescope_variable *variable = &corescope_variables[i];
        const struct config_option *option = config_find(&config_options, variable->key);
        const char *set = getenv(variable->name);
        const char *text = config_corescope_value(variable->key);
        const char *stronger = find_stronger(loader, option);
        char label[CONFIG_ENV_NAME_MAX + 32];
        if (set == NULL || set[0] == '\0')
            continue;
        (void)snprintf(label, sizeof label, ENVIRONMENT_LABEL, variable->name);
        if (text == NULL)
            config_warn(loader, "%s: ignored, it counts only beside %s", label, variable->beside);
        else if (stronger != NULL)
            config_warn(loader, "%s: ignored, because %s is given", label, stronger);
        else
            config_set_text(loader, option, &loader->draft, label, text);
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

/* A variable of ours that nothing reads, and whose name is nearly one: a typing mistake, silent
 * otherwise. Others stay unmentioned: scripts may use the prefix for themselves. */
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
            /* Without the prefix: five letters that always agree would let anything
             * pass for near. */
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
        const struct config_object object = {
            .table = &config_options, .is_root = true, .sources = &config_source_options};
        config_unknown_key(loader, &object, label, key);
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

/* --- loading ---------------------------------------------------------------------------------- */

static void load_layers(struct config_loader *loader, const struct config_input *input)
{
    for (size_t i = 0; i < config_options.count; i++)
        config_set_default(loader, &config_options.rows[i], &loader->draft);
    if (input->text != NULL)
        read_file(loader, input->text, input->len);
    apply_environment(loader);
    apply_flags(loader);
    apply_corescope_environment(loader);
    config_validate(loader);
    config_sources_load(loader);
    config_validate_rings(loader);
    warn_mistyped_variables(loader);
    config_warn_readable_secret(loader);
}

enum status config_load_input(const struct config_args *args, const struct config_input *input,
                              struct config *out, struct config_report *report)
{
    struct config_loader loader = {.args = args, .report = report, .mode = input->mode};
    loader.folder = config_dup(&loader, input->folder);
    loader.file = input->file != NULL ? input->file : "the file";
    if (loader.folder != NULL)
        load_layers(&loader, input);
    cJSON_Delete(loader.root);
    free(loader.folder);
    config_free_secret(loader.draft.mqtt_broker);
    free(loader.draft.mqtt_topic);
    const enum status status = loader.no_memory                  ? STATUS_NO_MEMORY
                               : config_report_has_error(report) ? STATUS_CONFIG
                                                                 : STATUS_OK;
    if (status != STATUS_OK)
        config_done(&loader.draft.config);
    *out = loader.draft.config;
    return status;
}

/* Absolute, but not resolved: a file reached through a link counts its paths from the
 * link's folder. */
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
        config_error(&loader, "can't read %.250s: %s%s", file, err.text,
                     err.code == ENOENT ? "; a copy of config.example.json is a beginning" : "");
        return err.status == STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_CONFIG;
    }
    char *folder = file != NULL ? config_folder_of(file) : getcwd(NULL, 0);
    input.folder = folder;
    input.file = file;
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

/* --- what a change reaches -------------------------------------------------------------------- */

static bool has_changed(const struct config_option *option, enum config_reader reader,
                        const void *a, const void *b)
{
    return config_is_read_by(option, reader) && (option->flags & OPTION_TRANSIENT) == 0 &&
           !config_value_equal(option, a, b);
}

static unsigned changes(const struct config_table *table, const void *a, const void *b)
{
    unsigned reached = RELOAD_LIVE;
    for (size_t i = 0; i < table->count; i++) {
        const struct config_option *option = &table->rows[i];
        if (has_changed(option, CONFIG_INGESTOR, a, b))
            reached |= option->reload;
    }
    return reached;
}

enum config_reach config_compare_source(const struct config_source *a,
                                        const struct config_source *b)
{
    const unsigned reached = changes(&config_source_options, a, b);
    if ((reached & RELOAD_RECEIVER) != 0)
        return CONFIG_RELOAD_RECEIVER;
    return (reached & RELOAD_FLUSHER) != 0 ? CONFIG_RELOAD_FLUSHER : CONFIG_SAME;
}

/* A name that does not fit whole is left out. */
static void append_key(char *keys, size_t cap, const char *key)
{
    const size_t len = strlen(keys);
    const char *comma = len > 0 ? ", " : "";
    if (len + strlen(comma) + strlen(key) < cap)
        (void)snprintf(keys + len, cap - len, "%s%s", comma, key);
}

enum config_reach config_compare_global(const struct config *old, const struct config *new,
                                        bool *out_receivers_too, char *keys, size_t keys_cap)
{
    const unsigned reached = changes(&config_options, old, new);
    if (keys_cap > 0)
        keys[0] = '\0';
    for (size_t i = 0; keys_cap > 0 && i < config_options.count; i++) {
        const struct config_option *option = &config_options.rows[i];
        if ((option->reload & RELOAD_RESTART) != 0 &&
            has_changed(option, CONFIG_INGESTOR, old, new))
            append_key(keys, keys_cap, option->key);
    }
    *out_receivers_too = (reached & RELOAD_RECEIVER) != 0;
    if ((reached & RELOAD_FLUSHER) != 0)
        return CONFIG_RELOAD_FLUSHER;
    if ((reached & RELOAD_RECEIVER) != 0)
        return CONFIG_RELOAD_RECEIVER;
    return (reached & RELOAD_RESTART) != 0 ? CONFIG_NEEDS_RESTART : CONFIG_SAME;
}

void config_keep_fixed(struct config *old, struct config *new)
{
    for (size_t i = 0; i < config_options.count; i++) {
        const struct config_option *option = &config_options.rows[i];
        if ((option->reload & RELOAD_RESTART) != 0 && (option->flags & OPTION_TRANSIENT) == 0)
            config_value_swap(option, old, new);
    }
}

void config_compare_server(const struct config *old, const struct config *new, bool is_live,
                           char *keys, size_t keys_cap)
{
    keys[0] = '\0';
    for (size_t i = 0; i < config_options.count; i++) {
        const struct config_option *option = &config_options.rows[i];
        if (((option->flags & OPTION_SERVER_LIVE) != 0) == is_live &&
            has_changed(option, CONFIG_SERVER, old, new))
            append_key(keys, keys_cap, option->key);
    }
}
