/* SPDX-License-Identifier: MIT
 *
 * config_object - an object of the file: each of its members sets a row of a table.
 *
 * At the top level a key that no row has is an error with a guess at what was meant, unless it is
 * CoreScope's. In an object, to which CoreScope's next release may add, it is a warning. One given
 * twice is an error (cJSON keeps both). Keys that begin with _comment are skipped. Threads: one per
 * loader. Ownership: borrows all it is given. */
#pragma once

#include "common/config/config_option.h"

struct config_object {
    const struct config_table *table;
    void *base;                         /* the struct that the table is about */
    const char *path_prefix;            /* of its members in messages: "mqttSources[0]." */
    const char *key_prefix;             /* of its members in the table: "retention." */
    bool is_root;                       /* the table's objects are looked for */
    const struct config_table *sources; /* of the root: where a stray key may belong */
};
void config_read_object(struct config_loader *loader, const struct config_object *object,
                        const cJSON *members);
/* Reports that the object's table has no such key; path is what messages call it. For --set the
 * object is the root. */
void config_unknown_key(struct config_loader *loader, const struct config_object *object,
                        const char *path, const char *key);

/* --- did you mean ----------------------------------------------------------------------------- */

#define CONFIG_GUESS_LEN_MAX 48 /* longer keys are nobody's typing mistake; bounds the cost, too */

/* The nearest of the candidates offered; best stays empty when none is near enough to be meant. */
struct config_guess {
    char best[CONFIG_GUESS_LEN_MAX + 1];
    size_t distance;
};
/* True = it is the nearest now. */
bool config_guess_offer(struct config_guess *guess, const char *key, const char *candidate);
