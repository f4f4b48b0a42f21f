/* SPDX-License-Identifier: MIT */
#include "tests/bench/lib/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool usage(const char *program, const struct option_row *rows, size_t count)
{
    IGNORE(fprintf(stderr, "usage: %s [--option value]...\n", program), "stderr");
    for (size_t i = 0; i < count; i++)
        IGNORE(fprintf(stderr, "  --%-14s %s\n", rows[i].name, rows[i].help), "stderr");
    return false;
}

static bool set(const struct option_row *row, const char *text)
{
    if (row->kind == OPTION_TEXT) {
        *(const char **)row->value = text;
        return true;
    }
    char *end;
    *(double *)row->value = strtod(text, &end);
    return end != text && *end == 0;
}

bool options_parse(int argc, char **argv, const struct option_row *rows, size_t count)
{
    for (int i = 1; i < argc; i += 2) {
        size_t at = 0;
        while (at < count &&
               (strncmp(argv[i], "--", 2) != 0 || strcmp(argv[i] + 2, rows[at].name) != 0))
            at++;
        if (at == count || i + 1 == argc || !set(&rows[at], argv[i + 1]))
            return usage(argv[0], rows, count);
    }
    return true;
}
