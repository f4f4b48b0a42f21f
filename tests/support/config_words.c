/* SPDX-License-Identifier: MIT */
#include "tests/support/config_words.h"

#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static char *copy_of(const char *word)
{
    char *copy = strdup(word);
    assert_non_null(copy);
    return copy;
}

struct config_list config_words_list(const char *const *words)
{
    struct config_list list = {0};
    while (words[list.count] != NULL)
        list.count++;
    list.items = calloc(list.count + 1, sizeof *list.items);
    assert_non_null(list.items);
    for (size_t i = 0; i < list.count; i++)
        list.items[i] = copy_of(words[i]);
    return list;
}

void config_words_free_list(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
}

struct config_pairs config_words_pairs(const struct config_word_pair *pairs, size_t count)
{
    struct config_pairs copy = {calloc(count + 1, sizeof *copy.items), count};
    assert_non_null(copy.items);
    for (size_t i = 0; i < count; i++)
        copy.items[i] = (struct config_pair){copy_of(pairs[i].name), copy_of(pairs[i].value)};
    return copy;
}

void config_words_free_pairs(struct config_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
}
