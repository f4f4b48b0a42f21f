/* SPDX-License-Identifier: MIT */
#include "common/config_internal.h"

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
