/* SPDX-License-Identifier: MIT */
#include "common/config/config_type.h"

#include "common/config/config_report.h"
#include "common/config/config_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIST_ITEM_MAX 1024 /* bytes: a topic filter, an observer's key, a region */
#define SHOWN_CAP     64

static void refuse_text(const struct config_target *to, const char *text)
{
    char shown[SHOWN_CAP];
    (void)snprintf(shown, sizeof shown, "'%.40s'", text);
    config_refuse(to, shown);
}

/* Of types that are told apart by the bytes alone. */
static bool bytes_equal(const struct config_option *option, const void *a, const void *b)
{
    return memcmp(a, b, option->size) == 0;
}

/* --- whole numbers, booleans, words: fields of 1, 4 or 8 bytes -------------------------------- */

static int64_t get_int(const struct config_option *option, const void *field)
{
    bool flag;
    int32_t narrow;
    int64_t wide;
    if (option->size == sizeof flag) {
        memcpy(&flag, field, sizeof flag);
        return flag;
    }
    if (option->size == sizeof narrow) {
        memcpy(&narrow, field, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, field, sizeof wide);
    return wide;
}

static void put_int(const struct config_target *to, int64_t value)
{
    const bool flag = value != 0;
    const int32_t narrow = (int32_t)value;
    if (to->option->size == sizeof flag)
        memcpy(to->field, &flag, sizeof flag);
    else if (to->option->size == sizeof narrow)
        memcpy(to->field, &narrow, sizeof narrow);
    else
        memcpy(to->field, &value, sizeof value);
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* A clamped option keeps what was asked for until all layers have spoken; the winner
 * alone is judged. */
static int64_t saturate(double number)
{
    return number >= 9e18 ? INT64_MAX : number <= -9e18 ? INT64_MIN : (int64_t)number;
}

static bool is_allowed(const struct config_option *option, double number)
{
    return (option->flags & OPTION_CLAMPED) != 0 ||
           (number >= option->min && number <= option->max) ||
           ((option->flags & OPTION_ZERO_TOO) != 0 && number == 0);
}

static void refuse_number(const struct config_target *to, double number)
{
    char shown[SHOWN_CAP];
    (void)snprintf(shown, sizeof shown, "%.15g", number);
    config_refuse(to, shown);
}

static void set_int(const struct config_target *to, double number)
{
    const bool is_whole = isfinite(number) && floor(number) == number;
    if (is_whole && is_allowed(to->option, number))
        put_int(to, saturate(number));
    else
        refuse_number(to, number);
}

static void set_real(const struct config_target *to, double number)
{
    double *field = to->field;
    if (is_allowed(to->option, number))
        *field = number;
    else
        refuse_number(to, number);
}

static void int_from_json(const struct config_target *to, const cJSON *item)
{
    set_int(to, item->valuedouble);
}

static void real_from_json(const struct config_target *to, const cJSON *item)
{
    set_real(to, item->valuedouble);
}

/* Decimal notation only: strtod alone would take "0x10", "nan" and " 7". */
static bool parse_number(const char *text, const char *characters, double *out)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (strspn(digits, characters) != strlen(digits) || *digits == '\0')
        return false;
    char *end = NULL;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static void int_from_text(const struct config_target *to, const char *text)
{
    double number = 0;
    if (parse_number(text, "0123456789", &number))
        set_int(to, number);
    else
        refuse_text(to, text);
}

static void real_from_text(const struct config_target *to, const char *text)
{
    double number = 0;
    if (parse_number(text, "0123456789.eE+-", &number))
        set_real(to, number);
    else
        refuse_text(to, text);
}

static void describe_number(const struct config_option *option, const char *what, char *out,
                            size_t cap)
{
    if ((option->flags & OPTION_ZERO_TOO) != 0)
        (void)snprintf(out, cap, "0 or %s from %.15g to %.15g", what, option->min, option->max);
    else if (option->min >= option->max)
        (void)snprintf(out, cap, "%.15g", option->min);
    else
        (void)snprintf(out, cap, "%s from %.15g to %.15g", what, option->min, option->max);
}

static void describe_int(const struct config_option *option, char *out, size_t cap)
{
    if ((option->flags & OPTION_ZERO_TOO) == 0 && option->max - option->min == 1)
        (void)snprintf(out, cap, "%.15g or %.15g", option->min, option->max);
    else
        describe_number(option, "a whole number", out, cap);
}

static void describe_real(const struct config_option *option, char *out, size_t cap)
{
    describe_number(option, "a number", out, cap);
}

static void describe_limits(const struct config_option *option, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s%.15g to %.15g",
                   (option->flags & OPTION_ZERO_TOO) != 0 ? "0, " : "", option->min, option->max);
}

static void describe_int_range(const struct config_option *option, char *out, size_t cap)
{
    if (option->max - option->min > 1)
        describe_limits(option, out, cap);
    else
        describe_int(option, out, cap);
}

static void describe_real_range(const struct config_option *option, char *out, size_t cap)
{
    if (option->max - option->min > 1)
        describe_limits(option, out, cap);
    else
        describe_real(option, out, cap);
}

static void print_int(const struct config_option *option, const void *field, FILE *out)
{
    (void)fprintf(out, "%" PRId64, get_int(option, field));
}

static void print_real(const struct config_option *option, const void *field, FILE *out)
{
    (void)option;
    const double *number = field;
    (void)fprintf(out, "%.15g", *number);
}

const struct config_type config_type_int = {
    .is_json = cJSON_IsNumber,
    .none = "none",
    .describe = describe_int,
    .describe_range = describe_int_range,
    .from_json = int_from_json,
    .from_text = int_from_text,
    .equal = bytes_equal,
    .print = print_int,
};

const struct config_type config_type_real = {
    .size = sizeof(double),
    .is_json = cJSON_IsNumber,
    .none = "none",
    .describe = describe_real,
    .describe_range = describe_real_range,
    .from_json = real_from_json,
    .from_text = real_from_text,
    .equal = bytes_equal,
    .print = print_real,
};

/* --- booleans and words ----------------------------------------------------------------------- */

static void describe_bool(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "true or false");
}

static void bool_from_json(const struct config_target *to, const cJSON *item)
{
    put_int(to, cJSON_IsTrue(item));
}

static void bool_from_text(const struct config_target *to, const char *text)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
        put_int(to, true);
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        put_int(to, false);
    else
        refuse_text(to, text);
}

static void print_bool(const struct config_option *option, const void *field, FILE *out)
{
    (void)fputs(get_int(option, field) != 0 ? "true" : "false", out);
}

const struct config_type config_type_bool = {
    .size = sizeof(bool),
    .is_json = cJSON_IsBool,
    .none = "none",
    .describe = describe_bool,
    .from_json = bool_from_json,
    .from_text = bool_from_text,
    .equal = bytes_equal,
    .print = print_bool,
};

static size_t append(char *out, size_t cap, size_t len, const char *text)
{
    const int n = len < cap ? snprintf(out + len, cap - len, "%s", text) : 0;
    return len + (n > 0 ? (size_t)n : 0);
}

static void describe_words(const struct config_option *option, char *out, size_t cap)
{
    const char *const *words = option->words;
    size_t len = 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        const bool is_last = words[i + 1] == NULL;
        len = append(out, cap, len, i == 0 ? "" : is_last ? " or " : ", ");
        len = append(out, cap, len, words[i]);
    }
}

static void word_from_text(const struct config_target *to, const char *text)
{
    const int index = config_word_index(to->option, text);
    if (index >= 0)
        put_int(to, index);
    else
        refuse_text(to, text);
}

static void word_from_json(const struct config_target *to, const cJSON *item)
{
    word_from_text(to, item->valuestring);
}

static void print_word(const struct config_option *option, const void *field, FILE *out)
{
    (void)fputs(option->words[get_int(option, field)], out);
}

const struct config_type config_type_word = {
    .is_json = cJSON_IsString,
    .none = "none",
    .describe = describe_words,
    .describe_range = describe_words,
    .from_json = word_from_json,
    .from_text = word_from_text,
    .equal = bytes_equal,
    .print = print_word,
};

/* --- strings and paths ------------------------------------------------------------------------ */

static void describe_string(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "a string");
}

static void string_done(void *field)
{
    char **text = field;
    config_free_secret(*text);
    *text = NULL;
}

static void put_string(const struct config_target *to, char *text)
{
    char **field = to->field;
    string_done(field);
    *field = text;
}

/* max_len: of this string. Reports; false = refused. */
static bool accept_string(const struct config_target *to, const char *text, size_t max_len)
{
    const struct config_option *option = to->option;
    if (strlen(text) > max_len) {
        config_error(to->loader, "%s: longer than %zu bytes", to->path, max_len);
        return false;
    }
    /* A password is bytes between its owner and the broker. */
    if ((option->flags & OPTION_SECRET) == 0 && !config_is_clean_text(text)) {
        config_error(to->loader, "%s: holds a control character, or is not saved as UTF-8",
                     to->path);
        return false;
    }
    const char *why = option->check != NULL && text[0] != '\0' ? option->check(text) : NULL;
    if (why != NULL)
        config_error(to->loader, "%s: %s", to->path, why);
    return why == NULL;
}

typedef char *(*copy_fn)(struct config_loader *loader, const char *text);

static void set_tidy_string(const struct config_target *to, const char *text, copy_fn copy)
{
    if (text[0] != '\0') {
        if (accept_string(to, text, (size_t)to->option->max))
            put_string(to, copy(to->loader, text));
    } else if (config_is_optional(to->option)) {
        put_string(to, NULL);
    } else {
        config_error(to->loader, "%s: must not be empty", to->path);
    }
}

static void set_string(const struct config_target *to, const char *text, copy_fn copy)
{
    char *tidy = to->option->tidy != NULL ? to->option->tidy(text) : NULL;
    if (to->option->tidy == NULL)
        set_tidy_string(to, text, copy);
    else if (tidy == NULL)
        to->loader->no_memory = true;
    else
        set_tidy_string(to, tidy, copy);
    free(tidy);
}

static void string_from_text(const struct config_target *to, const char *text)
{
    set_string(to, text, config_dup);
}

static void string_from_json(const struct config_target *to, const cJSON *item)
{
    set_string(to, item->valuestring, config_dup);
}

static void path_from_text(const struct config_target *to, const char *text)
{
    const char *why = config_home_problem(text), *dollar = strchr(text, '$');
    if (dollar != NULL && (dollar[1] == '{' || isalpha((unsigned char)dollar[1])))
        config_warn(to->loader, "%s: $ is taken as it stands: nothing here fills in variables",
                    to->path);
    if (why != NULL)
        config_error(to->loader, "%s: %s", to->path, why);
    else
        set_string(to, text, config_absolute);
}

static void path_from_json(const struct config_target *to, const cJSON *item)
{
    path_from_text(to, item->valuestring);
}

static bool string_equal(const struct config_option *option, const void *a, const void *b)
{
    (void)option;
    const char *const *left = a, *const *right = b;
    return *left == NULL || *right == NULL ? *left == *right : strcmp(*left, *right) == 0;
}

static void print_string(const struct config_option *option, const void *field, FILE *out)
{
    const char *const *text = field;
    const char *shown = (option->flags & OPTION_SECRET) != 0 ? "****" : *text;
    (void)fputs(*text != NULL ? shown : "none", out);
}

const struct config_type config_type_string = {
    .size = sizeof(char *),
    .is_json = cJSON_IsString,
    .none = "none",
    .describe = describe_string,
    .from_json = string_from_json,
    .from_text = string_from_text,
    .equal = string_equal,
    .print = print_string,
    .done = string_done,
};

const struct config_type config_type_path = {
    .size = sizeof(char *),
    .is_json = cJSON_IsString,
    .none = "none",
    .describe = describe_string,
    .from_json = path_from_json,
    .from_text = path_from_text,
    .equal = string_equal,
    .print = print_string,
    .done = string_done,
};

/* --- lists ------------------------------------------------------------------------------------ */

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

static void list_done(void *field)
{
    config_list_done(field);
}

static void put_list(const struct config_target *to, struct config_list list)
{
    struct config_list *field = to->field;
    config_list_done(field);
    *field = list;
}

/* The target is the item: its path, the list's row. */
static void add_item(const struct config_target *to, struct config_list *list, const char *text)
{
    const struct config_option *option = to->option;
    char *item = option->tidy != NULL ? option->tidy(text) : strdup(text);
    const bool is_empty = item != NULL && item[0] == '\0';
    const bool is_refused = is_empty || (item != NULL && !accept_string(to, item, LIST_ITEM_MAX));
    if (is_empty)
        config_error(to->loader, "%s: must not be empty", to->path);
    if (is_refused)
        free(item);
    else if (!config_list_add(list, item))
        to->loader->no_memory = true;
}

static void list_from_json(const struct config_target *to, const cJSON *array)
{
    struct config_list list = {.items = NULL};
    const int count = cJSON_GetArraySize(array);
    if (count > (int)to->option->max) {
        config_error(to->loader, "%s: %d entries, at most %.15g are possible", to->path, count,
                     to->option->max);
        return;
    }
    int index = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        char path[192];
        (void)snprintf(path, sizeof path, "%.160s[%d]", to->path, index++);
        const struct config_target at = {to->loader, to->option, NULL, path};
        if (!cJSON_IsString(item))
            config_error(to->loader, "%s: must be a string, not %s", path, config_json_name(item));
        else if (item->valuestring[0] == '\0')
            config_error(to->loader, "%s: must not be empty", path);
        else
            add_item(&at, &list, item->valuestring);
    }
    put_list(to, list);
}

/* The default, which is one item and in order. */
static void list_from_text(const struct config_target *to, const char *text)
{
    struct config_list list = {.items = NULL};
    if (!config_list_add(&list, strdup(text)))
        to->loader->no_memory = true;
    put_list(to, list);
}

static void describe_list(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "a list of strings");
}

static bool list_equal(const struct config_option *option, const void *a, const void *b)
{
    (void)option;
    const struct config_list *left = a, *right = b;
    bool is_equal = left->count == right->count;
    for (size_t i = 0; is_equal && i < left->count; i++)
        is_equal = strcmp(left->items[i], right->items[i]) == 0;
    return is_equal;
}

static void print_list(const struct config_option *option, const void *field, FILE *out)
{
    (void)option;
    const struct config_list *list = field;
    (void)fputc('[', out);
    for (size_t i = 0; i < list->count; i++)
        (void)fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", list->items[i]);
    (void)fputc(']', out);
}

const struct config_type config_type_list = {
    .size = sizeof(struct config_list),
    .is_json = cJSON_IsArray,
    .only_in_file = "a list",
    .none = "[]",
    .describe = describe_list,
    .describe_range = describe_list,
    .from_json = list_from_json,
    .from_text = list_from_text,
    .equal = list_equal,
    .print = print_list,
    .done = list_done,
};

static void describe_sources(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "a list of objects");
}

const struct config_type config_type_sources = {
    .is_json = cJSON_IsArray,
    .only_in_file = "a list",
    .none = "none",
    .describe = describe_sources,
    .describe_range = describe_sources,
};
