/* SPDX-License-Identifier: MIT
 *
 * corescope - CoreScope's configuration, word by word: what Weir does with each key of its
 * config.json (as of November 2026, and of older releases) and with the variables of its container.
 *
 * I1. A key is READ exactly where a row of config_table.c has it; a test compares the two.
 * I2. The project's README has the same table; a test compares the two.
 * Threads: constants. Ownership: nothing is owned. */
#pragma once

#include "common/base/base.h"

/* Beside the configuration file; read where nothing names another file of channel keys. */
#define CORESCOPE_CHANNEL_FILE "channel-rainbow.json"

enum corescope_fate { CORESCOPE_READ, CORESCOPE_IGNORED };

struct corescope_key {
    const char *key; /* "retention.nodeDays"; members of a source: "mqttSources[].name" */
    enum corescope_fate fate;
    const char *differs; /* of a READ one: what is not as in CoreScope; NULL = nothing */
};

extern const struct corescope_key corescope_keys[];
extern const size_t corescope_key_count;

#define CORESCOPE_KEYS_MAX 128 /* at least corescope_key_count */

/* Index of a key that is IGNORED, -1 = there is no such. */
int corescope_ignored(const char *key);

/* A variable without WEIR_ in front may be another program's. So it counts only where nothing else
 * names the key: no flag, no variable of ours, and not the file. */
struct corescope_variable {
    const char *name, *key;
    const char *beside; /* counts only where this variable counts; NULL = alone */
};

extern const struct corescope_variable corescope_variables[];
extern const size_t corescope_variable_count;
