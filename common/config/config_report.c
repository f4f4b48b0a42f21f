/* SPDX-License-Identifier: MIT */
#include "common/config/config_internal.h"

#include <stdarg.h>

static PRINTF(3, 0) void report_add(struct config_report *report, bool is_error, const char *fmt,
                                    va_list ap)
{
    if (report->count == ARRAY_LEN(report->messages)) {
        report->suppressed++;
        /* An error must be seen even when warnings have filled the array. */
        if (!is_error || config_report_has_error(report))
            return;
        report->count--;
    }
    struct config_message *message = &report->messages[report->count++];
    message->is_error = is_error;
    (void)vsnprintf(message->text, sizeof message->text, fmt, ap);
}

void config_error(struct config_loader *loader, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report_add(loader->report, true, fmt, ap);
    va_end(ap);
}

void config_warn(struct config_loader *loader, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report_add(loader->report, false, fmt, ap);
    va_end(ap);
}

bool config_report_has_error(const struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        if (report->messages[i].is_error)
            return true;
    }
    return false;
}

/* --- words for messages -------------------------------------------------------------------------------- */

static size_t append(char *out, size_t cap, size_t len, const char *text)
{
    const int n = len < cap ? snprintf(out + len, cap - len, "%s", text) : 0;
    return len + (n > 0 ? (size_t)n : 0);
}

static void describe_words(char *out, size_t cap, const char *const *words)
{
    size_t len = 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        const bool is_last = words[i + 1] == NULL;
        len = append(out, cap, len, i == 0 ? "" : is_last ? " or " : ", ");
        len = append(out, cap, len, words[i]);
    }
}

void config_describe(char *out, size_t cap, const struct config_option *option)
{
    const char *type = option->kind == KIND_INT ? "a whole number" : "a number";
    switch (option->kind) {
    case KIND_INT:
    case KIND_REAL:
        if ((option->flags & OPTION_ZERO_TOO) != 0)
            (void)snprintf(out, cap, "0 or %s from %.15g to %.15g", type, option->min, option->max);
        else if (option->min >= option->max)
            (void)snprintf(out, cap, "%.15g", option->min);
        else if (option->kind == KIND_INT && option->max - option->min <= 1)
            (void)snprintf(out, cap, "%.15g or %.15g", option->min, option->max);
        else
            (void)snprintf(out, cap, "%s from %.15g to %.15g", type, option->min, option->max);
        break;
    case KIND_BOOL:
        (void)snprintf(out, cap, "true or false");
        break;
    case KIND_WORD:
        describe_words(out, cap, option->words);
        break;
    case KIND_STRING:
    case KIND_PATH:
        (void)snprintf(out, cap, "a string");
        break;
    case KIND_LIST:
        (void)snprintf(out, cap, "a list of strings");
        break;
    case KIND_SOURCES:
        (void)snprintf(out, cap, "a list of objects");
        break;
    case KIND_PAIRS:
        (void)snprintf(out, cap, "an object of names and keys");
        break;
    case KIND_GEO:
        (void)snprintf(out, cap, "an object with a polygon or a box");
        break;
    case KIND_POINTS:
        (void)snprintf(out, cap, "a list of [latitude, longitude]");
        break;
    }
}

const char *config_type_name(const cJSON *item)
{
    if (cJSON_IsString(item))
        return "a string";
    if (cJSON_IsNumber(item))
        return "a number";
    if (cJSON_IsBool(item))
        return cJSON_IsTrue(item) ? "true" : "false";
    if (cJSON_IsArray(item))
        return "a list";
    return cJSON_IsObject(item) ? "an object" : "null";
}
