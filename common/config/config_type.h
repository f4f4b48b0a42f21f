/* SPDX-License-Identifier: MIT
 *
 * config_type - the plain types of value; config_pairs and config_geo have one each of their own.
 *
 * Errors: reported to the target's loader under its path. Threads: no state of its own.
 * Ownership: a field owns its text or items; setting it frees the old ones. */
#pragma once

#include "common/config/config.h"
#include "common/config/config_option.h"

extern const struct config_type config_type_int;  /* a field of 4 or 8 bytes */
extern const struct config_type config_type_real; /* double */
extern const struct config_type config_type_bool; /* bool */
extern const struct config_type config_type_word; /* the index of a word, into a bool or an enum */
extern const struct config_type config_type_string; /* char *; the row's max counts bytes */
extern const struct config_type config_type_path;   /* the same, made absolute */
extern const struct config_type config_type_list;   /* struct config_list; max counts items */
/* mqttSources has no field: config_sources_load reads it when all layers are known. */
extern const struct config_type config_type_sources;

/* Takes the item over, also when it fails; false = no memory (or the item is NULL, for
 * want of it). */
NODISCARD bool config_list_add(struct config_list *list, char *item);
void config_list_done(struct config_list *list);
