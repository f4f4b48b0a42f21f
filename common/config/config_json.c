/* SPDX-License-Identifier: MIT */
#include "common/config/config_json.h"

#include "common/config/config_report.h"
#include "common/config/config_text.h"

#include <stdlib.h>
#include <string.h>

static void done(void *field)
{
    char **text = field;
    free(*text);
    *text = NULL;
}

static void drop_comments(cJSON *object)
{
    for (cJSON *item = object->child, *next; item != NULL; item = next) {
        next = item->next;
        if (config_is_comment(item->string))
            cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
    }
}

/* Without white space and comments; NULL = no memory. */
static char *text_of(const cJSON *object)
{
    cJSON *copy = cJSON_Duplicate(object, true);
    if (copy == NULL)
        return NULL;
    drop_comments(copy);
    char *text = cJSON_PrintUnformatted(copy);
    cJSON_Delete(copy);
    return text;
}

static void from_json(const struct config_target *to, const cJSON *object)
{
    char **field = to->field, *text = text_of(object);
    if (text == NULL) {
        to->loader->no_memory = true;
    } else if (strlen(text) > (size_t)to->option->max) {
        config_error(to->loader, "%s: longer than %.15g bytes", to->path, to->option->max);
    } else if (!config_is_clean_text(text)) {
        config_error(to->loader, "%s: is not saved as UTF-8", to->path);
    } else {
        done(field);
        *field = text;
        return;
    }
    free(text);
}

static void names_from_json(const struct config_target *to, const cJSON *object)
{
    bool is_good = true;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (cJSON_IsString(item) || config_is_comment(item->string))
            continue;
        config_error(to->loader, "%s.%.*s: must be a string, not %s", to->path,
                     CONFIG_KEY_SHOWN_MAX, item->string, config_json_name(item));
        is_good = false;
    }
    if (is_good)
        from_json(to, object);
}

static bool equal(const struct config_option *option, const void *a, const void *b)
{
    (void)option;
    const char *const *left = a, *const *right = b;
    return *left == NULL || *right == NULL ? *left == *right : strcmp(*left, *right) == 0;
}

static void print(const struct config_option *option, const void *field, FILE *out)
{
    (void)option;
    const char *const *text = field;
    (void)fputs(*text != NULL ? *text : "none", out);
}

static void describe(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "an object");
}

static void describe_names(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "an object of strings");
}

const struct config_type config_type_object = {
    .size = sizeof(char *),
    .is_json = cJSON_IsObject,
    .only_in_file = "an object",
    .none = "none",
    .describe = describe,
    .from_json = from_json,
    .equal = equal,
    .print = print,
    .done = done,
};

const struct config_type config_type_names = {
    .size = sizeof(char *),
    .is_json = cJSON_IsObject,
    .only_in_file = "an object",
    .none = "none",
    .describe = describe_names,
    .from_json = names_from_json,
    .equal = equal,
    .print = print,
    .done = done,
};
