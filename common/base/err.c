/* SPDX-License-Identifier: MIT */
#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *status_text(enum status s)
{
    static const char *const texts[] = {
#define X(name, text) [STATUS_##name] = text,
        STATUS_LIST(X)
#undef X
    };
    return (size_t)s < ARRAY_LEN(texts) ? texts[s] : "unknown status";
}

enum status err_set(struct err *err, enum status status, int code, const char *what,
                    const char *fmt, ...)
{
    if (err == NULL)
        return status;
    err->status = status;
    err->code = code;
    (void)snprintf(err->what, sizeof err->what, "%s", what != NULL ? what : "");
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return status;
}
