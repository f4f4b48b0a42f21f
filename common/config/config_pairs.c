/* SPDX-License-Identifier: MIT */
#include "common/config/config_pairs.h"

#include "common/config/config.h"
#include "common/config/config_report.h"
#include "common/config/config_text.h"
#include "common/corescope/corescope.h"
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEX_DIGITS     "0123456789abcdefABCDEF"
#define NAME_MAX_BYTES 1024 /* as a list's items */
#define NAME_SHOWN_MAX 64
#define PREFIX_CAP     224
#define MAYBE_KEY_MIN  16 /* hex digits in a row that may be a key, whole or cut */

static void pairs_done(struct config_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        config_free_secret(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (struct config_pairs){.items = NULL};
}

/* Moves both texts into the list; false = no memory. */
static bool add(struct config_pairs *pairs, char *name, char *value)
{
    struct config_pair *grown =
        name != NULL && value != NULL
            ? reallocarray(pairs->items, pairs->count + 1, sizeof *pairs->items)
            : NULL;
    if (grown == NULL) {
        free(name);
        config_free_secret(value);
        return false;
    }
    pairs->items = grown;
    pairs->items[pairs->count++] = (struct config_pair){.name = name, .value = value};
    return true;
}

/* --- one object ------------------------------------------------------------------------------- */

static bool is_hex(const char *text)
{
    return strspn(text, HEX_DIGITS) == strlen(text);
}

static bool is_key(const char *text)
{
    const size_t len = strlen(text);
    return (len == 32 || len == 64) && is_hex(text);
}

/* Someone who swaps name and key must not read the key in a log: a name that may be one
 * is not quoted. */
static void entry_path(char *out, size_t cap, const char *prefix, const char *name, size_t number)
{
    if (config_is_clean_text(name) && !(strlen(name) >= MAYBE_KEY_MIN && is_hex(name)))
        (void)snprintf(out, cap, "%s%.*s", prefix, NAME_SHOWN_MAX, name);
    else
        (void)snprintf(out, cap, "%s(entry %zu)", prefix, number);
}

static void read_entry(struct config_loader *loader, struct config_pairs *pairs, const char *path,
                       const cJSON *item)
{
    if (item->string[0] == '\0' || strlen(item->string) > NAME_MAX_BYTES ||
        !config_is_clean_text(item->string))
        config_error(loader,
                     "%s: a channel's name must have 1 to %d bytes, without control characters and "
                     "invalid UTF-8",
                     path, NAME_MAX_BYTES);
    else if (!cJSON_IsString(item))
        config_error(loader, "%s: must be a key of 32 or 64 hex digits, not %s", path,
                     config_json_name(item));
    else if (!is_key(item->valuestring))
        config_error(loader, "%s: must be a key of 32 or 64 hex digits", path);
    else if (!add(pairs, strdup(item->string), strdup(item->valuestring)))
        loader->no_memory = true;
}

struct place {
    const char *name;
    size_t index;
};

static int by_name(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    return strcmp(left->name, right->name);
}

/* Ten thousand names are too many to compare each with each; the caller frees the result. NULL = no
 * memory (told to the loader). */
static struct place *sorted(struct config_loader *loader, const struct config_pairs *pairs)
{
    struct place *order = calloc(pairs->count + 1, sizeof *order);
    if (order == NULL) {
        loader->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < pairs->count; i++)
        order[i] = (struct place){.name = pairs->items[i].name, .index = i};
    qsort(order, pairs->count, sizeof *order, by_name);
    return order;
}

static void refuse_repeated(struct config_loader *loader, const struct config_pairs *pairs,
                            const char *prefix)
{
    struct place *order = sorted(loader, pairs);
    for (size_t i = 1; order != NULL && i < pairs->count; i++) {
        char path[PREFIX_CAP + NAME_SHOWN_MAX];
        if (strcmp(order[i - 1].name, order[i].name) != 0)
            continue;
        entry_path(path, sizeof path, prefix, order[i].name, order[i].index + 1);
        config_error(loader, "%s: given twice; keep one", path);
    }
    free(order);
}

/* prefix + name is the path of a message. */
static void read_pairs(struct config_loader *loader, struct config_pairs *out, size_t max,
                       const char *prefix, const cJSON *object)
{
    struct config_pairs pairs = {.items = NULL};
    size_t number = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        char path[PREFIX_CAP + NAME_SHOWN_MAX];
        if (config_is_comment(item->string))
            continue;
        if (number++ == max) {
            config_error(loader, "%s(entry %zu): at most %zu entries are possible", prefix, number,
                         max);
            break;
        }
        entry_path(path, sizeof path, prefix, item->string, number);
        read_entry(loader, &pairs, path, item);
    }
    refuse_repeated(loader, &pairs, prefix);
    pairs_done(out);
    *out = pairs;
}

/* --- the type --------------------------------------------------------------------------------- */

static void describe(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "an object of names and keys");
}

static void from_json(const struct config_target *to, const cJSON *object)
{
    char prefix[PREFIX_CAP];
    (void)snprintf(prefix, sizeof prefix, "%.160s.", to->path);
    read_pairs(to->loader, to->field, (size_t)to->option->max, prefix, object);
}

static bool equal(const struct config_option *option, const void *a, const void *b)
{
    (void)option;
    const struct config_pairs *left = a, *right = b;
    bool is_equal = left->count == right->count;
    for (size_t i = 0; is_equal && i < left->count; i++)
        is_equal = strcmp(left->items[i].name, right->items[i].name) == 0 &&
                   strcmp(left->items[i].value, right->items[i].value) == 0;
    return is_equal;
}

static void print(const struct config_option *option, const void *field, FILE *out)
{
    (void)option;
    const struct config_pairs *pairs = field;
    (void)fputc('{', out);
    for (size_t i = 0; i < pairs->count; i++)
        (void)fprintf(out, "%s\"%s\": \"****\"", i > 0 ? ", " : "", pairs->items[i].name);
    (void)fputc('}', out);
}

static void done(void *field)
{
    pairs_done(field);
}

const struct config_type config_type_pairs = {
    .size = sizeof(struct config_pairs),
    .is_json = cJSON_IsObject,
    .only_in_file = "an object",
    .none = "{}",
    .describe = describe,
    .from_json = from_json,
    .equal = equal,
    .print = print,
    .done = done,
};

/* --- channelKeysPath -------------------------------------------------------------------------- */

/* label: the key that names the file, for messages. */
static void read_key_file(struct config_loader *loader, const char *label, const char *path,
                          struct config_pairs *out)
{
    char *text = NULL, prefix[PREFIX_CAP];
    size_t len = 0;
    unsigned mode;
    struct err err;
    if (!config_read_file(path, CONFIG_FILE_MAX, true, &text, &len, &mode, &err)) {
        config_error(loader, "%scan't read %.160s: %s", label, path, err.text);
        return;
    }
    (void)snprintf(prefix, sizeof prefix, "%s%.160s: ", label, path);
    cJSON *root = json_parse(text, len, CONFIG_DEPTH_MAX);
    if (root == NULL)
        config_report_bad_json(loader, prefix, text, len);
    else if (!cJSON_IsObject(root))
        config_error(loader, "%sthe file must hold one object: { name: key, ... }", prefix);
    else
        read_pairs(loader, out, CONFIG_CHANNELS_MAX, prefix, root);
    cJSON_Delete(root);
    config_free_secret(text);
}

/* What is wrong in a file that nobody named is one warning; what is right in it is used. */
static void warn_once(struct config_loader *loader, const struct config_report *report)
{
    const size_t more = report->count - 1 + report->suppressed;
    if (report->count > 0 && more > 0)
        config_warn(loader, "%.300s, and %zu more like this: not used", report->messages[0].text,
                    more);
    else if (report->count > 0)
        config_warn(loader, "%.300s: not used", report->messages[0].text);
}

/* CoreScope's file, which comes with it. */
static void read_unnamed_file(struct config_loader *loader, struct config_pairs *out)
{
    char *path = config_absolute(loader, CORESCOPE_CHANNEL_FILE);
    struct config_report *report = calloc(1, sizeof *report);
    struct config_loader own = {.folder = loader->folder, .report = report};
    if (path == NULL || report == NULL) {
        loader->no_memory = true;
    } else if (access(path, F_OK) == 0) {
        read_key_file(&own, "", path, out);
        warn_once(loader, report);
        loader->no_memory = loader->no_memory || own.no_memory;
        loader->draft.config.channel_keys_path = path;
        path = NULL;
    }
    free(report);
    free(path);
}

/* Moves over what `to` has no key for. */
static void merge(struct config_loader *loader, struct config_pairs *to, struct config_pairs *from)
{
    const size_t own_count = to->count;
    struct place *order = sorted(loader, to);
    for (size_t i = 0; order != NULL && i < from->count; i++) {
        struct config_pair *pair = &from->items[i];
        const struct place wanted = {.name = pair->name};
        if (bsearch(&wanted, order, own_count, sizeof *order, by_name) != NULL)
            continue;
        if (!add(to, pair->name, pair->value))
            loader->no_memory = true;
        *pair = (struct config_pair){.name = NULL};
    }
    free(order);
}

void config_channels_load(struct config_loader *loader)
{
    struct config *config = &loader->draft.config;
    struct config_pairs more = {.items = NULL};
    if (config->channel_keys_path != NULL)
        read_key_file(loader, "channelKeysPath: ", config->channel_keys_path, &more);
    else
        read_unnamed_file(loader, &more);
    merge(loader, &config->channel_keys, &more);
    pairs_done(&more);
    const size_t count = config->channel_keys.count + config->hash_channels.count;
    if (count > CONFIG_CHANNELS_MAX)
        config_error(
            loader,
            "channelKeys, channelKeysPath and hashChannels: %zu channels together, at most "
            "%d are possible",
            count, CONFIG_CHANNELS_MAX);
}
