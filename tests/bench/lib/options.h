/* SPDX-License-Identifier: MIT
 *
 * options - `--name value` pairs of the bench programs, one table each. */
#pragma once

#include "common/base/base.h"

struct option_row {
    const char *name, *help;
    enum { OPTION_NUMBER, OPTION_TEXT } kind;
    void *value; /* double * or const char **; holds the default */
};

/* False after it has told on stderr what is wrong, or what there is (--help). */
NODISCARD bool options_parse(int argc, char **argv, const struct option_row *rows, size_t count);
