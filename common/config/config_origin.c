/* SPDX-License-Identifier: MIT */
#include "common/config/config_origin.h"

#include "common/config/config_table.h"
#include "common/corescope/corescope.h"

#include <stdlib.h>
#include <string.h>

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

const char *config_corescope_value(const char *key)
{
    for (size_t i = 0; i < corescope_variable_count; i++) {
        const struct corescope_variable *variable = &corescope_variables[i];
        if (strcmp(variable->key, key) == 0)
            return variable->beside == NULL || env_text(variable->beside) != NULL
                       ? env_text(variable->name)
                       : NULL;
    }
    return NULL;
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

/* --- for people ------------------------------------------------------------------------------- */

static const char *given_anywhere(const struct config_layers *layers,
                                  const struct config_option *option)
{
    const char *origin = config_given_in(layers->args, option, layers->root);
    if (origin == NULL && config_corescope_value(option->key) != NULL)
        origin = "environment";
    return origin;
}

const char *config_origin_global(const struct config_layers *layers,
                                 const struct config_option *option)
{
    const char *origin = given_anywhere(layers, option);
    if (origin == NULL && option->fallback_key != NULL)
        origin = given_anywhere(layers, config_find(&config_options, option->fallback_key));
    return origin != NULL ? origin : "default";
}

static bool is_given(const cJSON *entry, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);
    return item != NULL && !cJSON_IsNull(item) &&
           !(cJSON_IsString(item) && item->valuestring[0] == '\0');
}

const char *config_origin_source(const struct config_layers *layers,
                                 const struct config_source *source, const cJSON *entry,
                                 const struct config_option *option)
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
        return config_origin_global(layers, config_find(&config_options, "mqtt.topic"));
    if (is_from_url || strcmp(option->key, "broker") == 0)
        return config_origin_global(layers, config_find(&config_options, "mqtt.broker"));
    return "default";
}
