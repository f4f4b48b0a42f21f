/* SPDX-License-Identifier: MIT */
#include "common/config/config_report.h"

#include "common/json/json_fault.h"

#include <stdarg.h>
#include <string.h>

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

void config_report_bad_json(struct config_loader *loader, const char *what, const char *text,
                            size_t len)
{
    struct json_fault fault;
    if (json_find_fault(text, len, CONFIG_DEPTH_MAX, &fault))
        config_error(loader, "%sline %zu, column %zu: %s", what, fault.line, fault.column,
                     fault.why);
    else /* sound, but beyond the parser: a number of more than 60 digits, short memory */
        config_error(loader, "%scan't be parsed as JSON", what);
}

const char *config_json_name(const cJSON *item)
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
