/* SPDX-License-Identifier: MIT */
#include "common/config/config_internal.h"

#include "common/base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIST_ITEM_MAX 1024 /* bytes: a topic filter, an observer's key, a region */

/* "must be <what>, not <shown>: <reason>". */
static void refuse(struct config_loader *loader, const struct config_option *option,
                   const char *path, const char *shown)
{
    char want[160];
    config_describe(want, sizeof want, option);
    config_error(loader, "%s: must be %s, not %s%s%s", path, want, shown,
                 option->reason != NULL ? ": " : "", option->reason != NULL ? option->reason : "");
}

/* --- memory ------------------------------------------------------------------------------------------- */

char *config_dup(struct config_loader *loader, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        loader->no_memory = true;
    return copy;
}

char *config_absolute(struct config_loader *loader, const char *path)
{
    if (path[0] == '/')
        return config_dup(loader, path);
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    const bool is_root = strcmp(loader->folder, "/") == 0;
    char *joined = NULL;
    if (asprintf(&joined, "%s/%s", is_root ? "" : loader->folder, path) < 0) {
        loader->no_memory = true;
        return NULL;
    }
    return joined;
}

void config_free_secret(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

bool config_list_add(struct config_list *list, char *item)
{
    char **grown = item != NULL ? reallocarray(list->items, list->count + 1, sizeof *grown) : NULL;
    if (grown == NULL) {
        free(item);
        return false;
    }
    list->items = grown;
    list->items[list->count++] = item;
    return true;
}

void config_list_done(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_list){.items = NULL};
}

/* --- fields: memcpy, because the offset of a row says nothing of the type to the compiler ---------------- */

static void *field(const struct config_option *option, void *base)
{
    return (char *)base + option->offset;
}

static const void *field_const(const struct config_option *option, const void *base)
{
    return (const char *)base + option->offset;
}

static char *get_string(const struct config_option *option, const void *base)
{
    char *text;
    memcpy(&text, field_const(option, base), sizeof text);
    return text;
}

static int64_t get_int(const struct config_option *option, const void *base)
{
    const void *from = field_const(option, base);
    if (option->size == sizeof(bool)) {
        bool flag;
        memcpy(&flag, from, sizeof flag);
        return flag;
    }
    int64_t wide;
    int32_t narrow;
    if (option->size == sizeof narrow) {
        memcpy(&narrow, from, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, from, sizeof wide);
    return wide;
}

static double get_real(const struct config_option *option, const void *base)
{
    double value;
    memcpy(&value, field_const(option, base), sizeof value);
    return value;
}

static void put_string(const struct config_option *option, void *base, char *text)
{
    config_value_done(option, base);
    memcpy(field(option, base), &text, sizeof text);
}

static void put_int(const struct config_option *option, void *base, int64_t value)
{
    const bool flag = value != 0;
    const int32_t narrow = (int32_t)value;
    if (option->size == sizeof flag)
        memcpy(field(option, base), &flag, sizeof flag);
    else if (option->size == sizeof narrow)
        memcpy(field(option, base), &narrow, sizeof narrow);
    else
        memcpy(field(option, base), &value, sizeof value);
}

/* --- setting ------------------------------------------------------------------------------------------ */

/* A clamped option keeps what was asked for until all layers have spoken; the winner alone is judged. */
static int64_t saturate(double number)
{
    return number >= 9e18 ? INT64_MAX : number <= -9e18 ? INT64_MIN : (int64_t)number;
}

static void set_number(struct config_loader *loader, const struct config_option *option, void *base,
                       const char *path, double number)
{
    const bool is_whole = isfinite(number) && floor(number) == number;
    const bool is_clamped = (option->flags & OPTION_CLAMPED) != 0;
    const bool is_in_range = (number >= option->min && number <= option->max) ||
                             ((option->flags & OPTION_ZERO_TOO) != 0 && number == 0);
    char shown[40];
    (void)snprintf(shown, sizeof shown, "%.15g", number);
    if ((option->kind == KIND_INT && !is_whole) || (!is_clamped && !is_in_range)) {
        refuse(loader, option, path, shown);
        return;
    }
    if (option->kind == KIND_REAL)
        memcpy(field(option, base), &number, sizeof number);
    else
        put_int(option, base, saturate(number));
}

static void set_word(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const char *word)
{
    for (int i = 0; option->words[i] != NULL; i++) {
        if (strcmp(option->words[i], word) == 0) {
            put_int(option, base, i);
            return;
        }
    }
    char shown[64];
    (void)snprintf(shown, sizeof shown, "'%.40s'", word);
    refuse(loader, option, path, shown);
}

/* Control characters would reach terminals, logs and HTTP answers. */
bool config_is_clean_text(const char *text)
{
    const size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        const size_t run = utf8_sequence_len((const uint8_t *)text + i, len - i);
        const unsigned char c = (unsigned char)text[i];
        if (run == 0 || c < 0x20 || c == 0x7f)
            return false;
        if (run == 2 && c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)
            return false;
        i += run;
    }
    return true;
}

/* max_len: of this string. Reports; false = refused. */
static bool accept_string(struct config_loader *loader, const struct config_option *option,
                          const char *path, const char *text, size_t max_len)
{
    if (strlen(text) > max_len) {
        config_error(loader, "%s: longer than %zu bytes", path, max_len);
        return false;
    }
    /* A password is bytes between its owner and the broker. */
    if ((option->flags & OPTION_SECRET) == 0 && !config_is_clean_text(text)) {
        config_error(loader, "%s: holds a control character or invalid UTF-8", path);
        return false;
    }
    const char *why = option->check != NULL && text[0] != '\0' ? option->check(text) : NULL;
    if (why != NULL)
        config_error(loader, "%s: %s", path, why);
    return why == NULL;
}

static bool is_optional(const struct config_option *option)
{
    return option->fallback == NULL || (option->flags & OPTION_BESIDE_DB) != 0;
}

static void set_tidy_string(struct config_loader *loader, const struct config_option *option,
                            void *base, const char *path, const char *text)
{
    if (text[0] == '\0') {
        if (is_optional(option))
            put_string(option, base, NULL);
        else
            config_error(loader, "%s: must not be empty", path);
        return;
    }
    if (!accept_string(loader, option, path, text, (size_t)option->max))
        return;
    char *copy =
        option->kind == KIND_PATH ? config_absolute(loader, text) : config_dup(loader, text);
    put_string(option, base, copy);
}

static void set_string(struct config_loader *loader, const struct config_option *option, void *base,
                       const char *path, const char *text)
{
    char *tidy = option->tidy != NULL ? option->tidy(text) : NULL;
    if (option->tidy == NULL)
        set_tidy_string(loader, option, base, path, text);
    else if (tidy == NULL)
        loader->no_memory = true;
    else
        set_tidy_string(loader, option, base, path, tidy);
    free(tidy);
}

static void add_item(struct config_loader *loader, const struct config_option *option,
                     struct config_list *list, const char *path, const char *text)
{
    char *item = option->tidy != NULL ? option->tidy(text) : strdup(text);
    const bool is_empty = item != NULL && item[0] == '\0';
    const bool is_refused =
        is_empty || (item != NULL && !accept_string(loader, option, path, item, LIST_ITEM_MAX));
    if (is_empty)
        config_error(loader, "%s: must not be empty", path);
    if (is_refused)
        free(item);
    else if (!config_list_add(list, item))
        loader->no_memory = true;
}

static void set_list(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const cJSON *array)
{
    struct config_list list = {.items = NULL};
    const int count = cJSON_GetArraySize(array);
    if (count > (int)option->max) {
        config_error(loader, "%s: %d entries, at most %.15g are possible", path, count,
                     option->max);
        return;
    }
    int index = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        char at[192];
        (void)snprintf(at, sizeof at, "%.160s[%d]", path, index++);
        if (!cJSON_IsString(item))
            config_error(loader, "%s: must be a string, not %s", at, config_type_name(item));
        else if (item->valuestring[0] == '\0')
            config_error(loader, "%s: must not be empty", at);
        else
            add_item(loader, option, &list, at, item->valuestring);
    }
    config_value_done(option, base);
    memcpy(field(option, base), &list, sizeof list);
}

static bool has_json_type(const struct config_option *option, const cJSON *item)
{
    switch (option->kind) {
    case KIND_INT:
    case KIND_REAL:
        return cJSON_IsNumber(item);
    case KIND_BOOL:
        return cJSON_IsBool(item);
    case KIND_WORD:
    case KIND_STRING:
    case KIND_PATH:
        return cJSON_IsString(item);
    case KIND_LIST:
    case KIND_SOURCES:
    case KIND_POINTS:
        return cJSON_IsArray(item);
    case KIND_PAIRS:
    case KIND_GEO:
        return cJSON_IsObject(item);
    }
    return false;
}

static void set_json(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const cJSON *item)
{
    char prefix[192];
    switch (option->kind) {
    case KIND_INT:
    case KIND_REAL:
        set_number(loader, option, base, path, item->valuedouble);
        break;
    case KIND_BOOL:
        put_int(option, base, cJSON_IsTrue(item));
        break;
    case KIND_WORD:
        set_word(loader, option, base, path, item->valuestring);
        break;
    case KIND_STRING:
    case KIND_PATH:
        set_string(loader, option, base, path, item->valuestring);
        break;
    case KIND_LIST:
        set_list(loader, option, base, path, item);
        break;
    case KIND_SOURCES: /* config_sources_load reads them when all layers are known */
        break;
    case KIND_PAIRS:
        (void)snprintf(prefix, sizeof prefix, "%.160s.", path);
        config_pairs_set(loader, field(option, base), (size_t)option->max, prefix, item);
        break;
    case KIND_GEO:
        config_geo_set(loader, field(option, base), path, item);
        break;
    case KIND_POINTS:
        config_geo_set_points(loader, field(option, base), path, item);
        break;
    }
}

static bool is_known_word(const struct config_option *option, const cJSON *item)
{
    for (size_t i = 0; cJSON_IsString(item) && option->words[i] != NULL; i++) {
        if (strcmp(option->words[i], item->valuestring) == 0)
            return true;
    }
    return false;
}

void config_set_json(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const cJSON *item)
{
    char want[160], prefix[192];
    if (cJSON_IsNull(item) && is_optional(option) && option->kind != KIND_SOURCES)
        return; /* "the default", as config.example.json writes it */
    if (cJSON_IsObject(item) && option->members != NULL) {
        (void)snprintf(prefix, sizeof prefix, "%.160s.", path);
        const struct config_object object = {option->members, base, prefix, "", false};
        config_read_object(loader, &object, item);
        return;
    }
    if ((option->flags & OPTION_LENIENT) != 0 && !is_known_word(option, item)) {
        config_describe(want, sizeof want, option);
        config_warn(loader, "%s is not %s: ignored", path, want);
        return;
    }
    if (has_json_type(option, item))
        set_json(loader, option, base, path, item);
    else
        refuse(loader, option, path, config_type_name(item));
}

/* Decimal notation only: strtod alone would take "0x10", "nan" and " 7". */
static bool parse_number(const char *text, bool is_whole, double *out)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (strspn(digits, is_whole ? "0123456789" : "0123456789.eE+-") != strlen(digits) ||
        *digits == '\0')
        return false;
    char *end = NULL;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

void config_set_text(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const char *text)
{
    double number = 0;
    char shown[64];
    (void)snprintf(shown, sizeof shown, "'%.40s'", text);
    switch (option->kind) {
    case KIND_INT:
    case KIND_REAL:
        if (parse_number(text, option->kind == KIND_INT, &number))
            set_number(loader, option, base, path, number);
        else
            refuse(loader, option, path, shown);
        break;
    case KIND_BOOL:
        if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
            put_int(option, base, true);
        else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
            put_int(option, base, false);
        else
            refuse(loader, option, path, shown);
        break;
    case KIND_WORD:
        set_word(loader, option, base, path, text);
        break;
    case KIND_STRING:
    case KIND_PATH:
        set_string(loader, option, base, path, text);
        break;
    case KIND_LIST:
    case KIND_SOURCES:
    case KIND_PAIRS:
    case KIND_GEO:
    case KIND_POINTS:
        config_error(
            loader, "%s: only a single value can be given here; write %s into the file", path,
            option->kind == KIND_LIST || option->kind == KIND_SOURCES ? "a list" : "an object");
        break;
    }
}

void config_set_default(struct config_loader *loader, const struct config_option *option,
                        void *base)
{
    if (is_optional(option))
        return;
    if (option->kind != KIND_LIST) {
        config_set_text(loader, option, base, option->key, option->fallback);
        return;
    }
    struct config_list list = {.items = NULL};
    if (!config_list_add(&list, strdup(option->fallback)))
        loader->no_memory = true;
    config_value_done(option, base);
    memcpy(field(option, base), &list, sizeof list);
}

/* --- comparing, printing, freeing --------------------------------------------------------------------- */

static bool text_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool list_equal(const struct config_list *a, const struct config_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

bool config_value_equal(const struct config_option *option, const void *a, const void *b)
{
    struct config_list list_a, list_b;
    switch (option->kind) {
    case KIND_STRING:
    case KIND_PATH:
        return text_equal(get_string(option, a), get_string(option, b));
    case KIND_LIST:
        memcpy(&list_a, field_const(option, a), sizeof list_a);
        memcpy(&list_b, field_const(option, b), sizeof list_b);
        return list_equal(&list_a, &list_b);
    case KIND_SOURCES:
        return true;
    case KIND_PAIRS:
        return config_pairs_equal(field_const(option, a), field_const(option, b));
    case KIND_GEO:
        return config_geo_equal(field_const(option, a), field_const(option, b));
    default:
        return memcmp(field_const(option, a), field_const(option, b), option->size) == 0;
    }
}

union config_any {
    int64_t number;
    double real;
    char *text;
    struct config_list list;
    struct config_pairs pairs;
    struct geo_area area;
};

void config_value_swap(const struct config_option *option, void *a, void *b)
{
    char kept[sizeof(union config_any)];
    memcpy(kept, field(option, a), option->size);
    memcpy(field(option, a), field(option, b), option->size);
    memcpy(field(option, b), kept, option->size);
}

static void print_list(const struct config_list *list, FILE *out)
{
    (void)fputc('[', out);
    for (size_t i = 0; i < list->count; i++)
        (void)fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", list->items[i]);
    (void)fputc(']', out);
}

void config_value_print(const struct config_option *option, const void *base, FILE *out)
{
    struct config_list list;
    const char *text;
    switch (option->kind) {
    case KIND_INT:
        (void)fprintf(out, "%" PRId64, get_int(option, base));
        break;
    case KIND_REAL:
        (void)fprintf(out, "%.15g", get_real(option, base));
        break;
    case KIND_BOOL:
        (void)fputs(get_int(option, base) != 0 ? "true" : "false", out);
        break;
    case KIND_WORD:
        (void)fputs(option->words[get_int(option, base)], out);
        break;
    case KIND_STRING:
    case KIND_PATH:
        text = get_string(option, base);
        if (text != NULL && (option->flags & OPTION_SECRET) != 0)
            text = "****";
        (void)fputs(text != NULL ? text : "none", out);
        break;
    case KIND_LIST:
        memcpy(&list, field_const(option, base), sizeof list);
        print_list(&list, out);
        break;
    case KIND_PAIRS:
        config_pairs_print(field_const(option, base), out);
        break;
    case KIND_GEO:
        config_geo_print(field_const(option, base), out);
        break;
    case KIND_SOURCES:
    case KIND_POINTS:
        break;
    }
}

void config_value_done(const struct config_option *option, void *base)
{
    struct config_list list = {.items = NULL};
    char *text = NULL;
    if (option->kind == KIND_STRING || option->kind == KIND_PATH) {
        config_free_secret(get_string(option, base));
        memcpy(field(option, base), &text, sizeof text);
    } else if (option->kind == KIND_LIST) {
        memcpy(&list, field(option, base), sizeof list);
        config_list_done(&list);
        memcpy(field(option, base), &list, sizeof list);
    } else if (option->kind == KIND_PAIRS) {
        config_pairs_done(field(option, base));
    } else if (option->kind == KIND_GEO) {
        config_geo_done(field(option, base));
    }
}
