/* SPDX-License-Identifier: MIT */
#include "common/config/config_option.h"

#include "common/config/config_report.h"

#include <ctype.h>
#include <string.h>

const struct config_option *config_find_group(const struct config_table *table, const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < table->count; i++) {
        const char *key = table->rows[i].key;
        if (strncmp(key, name, len) == 0 && key[len] == '.')
            return &table->rows[i];
    }
    return NULL;
}

const struct config_option *config_find(const struct config_table *table, const char *key)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].key, key) == 0)
            return &table->rows[i];
    }
    return NULL;
}

static int index_of(const char *const *words, const char *word)
{
    for (int i = 0; words != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    return -1;
}

bool config_is_read_by(const struct config_option *option, enum config_reader reader)
{
    return (option->flags & OPTION_SERVER_TOO) != 0 ||
           (reader == CONFIG_SERVER) == ((option->flags & OPTION_SERVER_ONLY) != 0);
}

bool config_is_comment(const char *key)
{
    return strncmp(key, "_comment", 8) == 0;
}

int config_word_index(const struct config_option *option, const char *word)
{
    return index_of(option->words, word);
}

bool config_is_optional(const struct config_option *option)
{
    return option->default_text == NULL || (option->flags & OPTION_BESIDE_DB) != 0;
}

/* --- names in the environment ----------------------------------------------------------------- */

/* A word begins at a capital behind a small letter or digit, and at the last capital of a run. */
static bool begins_word(const char *key, size_t i)
{
    if (i == 0 || !isupper((unsigned char)key[i]))
        return false;
    return !isupper((unsigned char)key[i - 1]) || islower((unsigned char)key[i + 1]);
}

void config_env_name(char out[static CONFIG_ENV_NAME_MAX], const char *key)
{
    size_t len = sizeof CONFIG_ENV_PREFIX - 1;
    memcpy(out, CONFIG_ENV_PREFIX, len);
    for (size_t i = 0; key[i] != '\0' && len + 3 < CONFIG_ENV_NAME_MAX; i++) {
        if (begins_word(key, i))
            out[len++] = '_';
        out[len++] = isalnum((unsigned char)key[i]) ? (char)toupper((unsigned char)key[i]) : '_';
    }
    out[len] = '\0';
}

void config_password_env(char out[static CONFIG_ENV_NAME_MAX], const char *source_name)
{
    static const char prefix[] = CONFIG_ENV_PREFIX "SOURCE_";
    size_t len = sizeof prefix - 1;
    memcpy(out, prefix, len);
    for (const char *c = source_name; *c != '\0' && len + 12 < CONFIG_ENV_NAME_MAX; c++) {
        const unsigned char byte = (unsigned char)*c;
        out[len++] = byte < 0x80 && isalnum(byte) ? (char)toupper(byte) : '_';
    }
    memcpy(out + len, "_PASSWORD", sizeof "_PASSWORD");
}

/* --- one row's value, whatever its type ------------------------------------------------------- */

void config_refuse(const struct config_target *to, const char *shown)
{
    const struct config_option *option = to->option;
    char want[160];
    option->type->describe(option, want, sizeof want);
    config_error(to->loader, "%s: must be %s, not %s%s%s", to->path, want, shown,
                 option->reason != NULL ? ": " : "", option->reason != NULL ? option->reason : "");
}

static void *field_of(const struct config_option *option, void *base)
{
    return (char *)base + option->offset;
}

static const void *field_of_const(const struct config_option *option, const void *base)
{
    return (const char *)base + option->offset;
}

/* How to write it, where the meaning is there and only the form is not. "" = nothing to say. */
static const char *advice(const struct config_option *option, const cJSON *item)
{
    const struct config_type *type = option->type;
    if (cJSON_IsString(item) && (type->is_json == cJSON_IsNumber))
        return ": write digits alone, without quotes and unit";
    if (cJSON_IsString(item) && type->is_json == cJSON_IsBool)
        return ": write it without quotes";
    if (cJSON_IsNumber(item) && type->is_json == cJSON_IsString)
        return ": put it between double quotes";
    return type->is_json == cJSON_IsArray && (cJSON_IsString(item) || cJSON_IsObject(item))
               ? ": put it between [ and ]"
               : "";
}

void config_set_json(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const cJSON *item)
{
    const struct config_type *type = option->type;
    const struct config_target to = {loader, option, field_of(option, base), path};
    char shown[96];
    if (cJSON_IsNull(item) && config_is_optional(option) && (option->flags & OPTION_NOT_NULL) == 0)
        return; /* "the default", as config.example.json writes it */
    if (!type->is_json(item)) {
        (void)snprintf(shown, sizeof shown, "%s%s", config_json_name(item), advice(option, item));
        config_refuse(&to, shown);
    } else if (type->from_json != NULL) {
        type->from_json(&to, item);
    }
}

void config_set_text(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const char *text)
{
    const struct config_type *type = option->type;
    const struct config_target to = {loader, option, field_of(option, base), path};
    if (type->only_in_file != NULL)
        config_error(loader, "%s: only a single value can be given here; write %s into the file",
                     path, type->only_in_file);
    else
        type->from_text(&to, text);
}

void config_set_default(struct config_loader *loader, const struct config_option *option,
                        void *base)
{
    const struct config_target to = {loader, option, field_of(option, base), option->key};
    if (!config_is_optional(option))
        option->type->from_text(&to, option->default_text);
}

bool config_value_equal(const struct config_option *option, const void *a, const void *b)
{
    return option->type->equal == NULL ||
           option->type->equal(option, field_of_const(option, a), field_of_const(option, b));
}

void config_value_swap(const struct config_option *option, void *a, void *b)
{
    char *left = field_of(option, a), *right = field_of(option, b);
    for (size_t i = 0; i < option->size; i++) {
        const char kept = left[i];
        left[i] = right[i];
        right[i] = kept;
    }
}

void config_value_print(const struct config_option *option, const void *base, FILE *out)
{
    if (option->type->print != NULL)
        option->type->print(option, field_of_const(option, base), out);
}

void config_value_done(const struct config_option *option, void *base)
{
    if (option->type->done != NULL)
        option->type->done(field_of(option, base));
}
