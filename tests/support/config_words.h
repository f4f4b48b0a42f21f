/* SPDX-License-Identifier: MIT
 *
 * config_words - lists and pairs as the configuration would own them, copied from constants. Freed
 * by the test as soon as a module took what it needs, so that a module which borrows them is caught
 * by a sanitizer. */
#pragma once

#include "common/config/config.h"

struct config_word_pair {
    const char *name, *value;
};

/* The words end with NULL. */
struct config_list config_words_list(const char *const *words);
void config_words_free_list(struct config_list *list);
struct config_pairs config_words_pairs(const struct config_word_pair *pairs, size_t count);
void config_words_free_pairs(struct config_pairs *pairs);
