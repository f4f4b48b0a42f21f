/* SPDX-License-Identifier: MIT */
#include "common/config/config.h"

#include "common/config/config_table.h"

#include <string.h>

static unsigned changes(const struct config_table *table, const void *a, const void *b)
{
    unsigned reached = RELOAD_LIVE;
    for (size_t i = 0; i < table->count; i++) {
        const struct config_option *option = &table->rows[i];
        if ((option->flags & OPTION_TRANSIENT) == 0 && !config_value_equal(option, a, b))
            reached |= option->reload;
    }
    return reached;
}

enum config_reach config_compare_source(const struct config_source *a,
                                        const struct config_source *b)
{
    const unsigned reached = changes(&config_source_options, a, b);
    if ((reached & RELOAD_FLUSHER) != 0)
        return CONFIG_RELOAD_FLUSHER;
    return (reached & RELOAD_RECEIVER) != 0 ? CONFIG_RELOAD_RECEIVER : CONFIG_SAME;
}

/* A name that does not fit whole is left out. */
static void append_key(char *keys, size_t cap, const char *key)
{
    const size_t len = strlen(keys);
    const char *comma = len > 0 ? ", " : "";
    if (len + strlen(comma) + strlen(key) < cap)
        (void)snprintf(keys + len, cap - len, "%s%s", comma, key);
}

enum config_reach config_compare_global(const struct config *old, const struct config *new,
                                        bool *out_receivers_too, char *keys, size_t keys_cap)
{
    const unsigned reached = changes(&config_options, old, new);
    if (keys_cap > 0)
        keys[0] = '\0';
    for (size_t i = 0; keys_cap > 0 && i < config_options.count; i++) {
        const struct config_option *option = &config_options.rows[i];
        if ((option->reload & RELOAD_RESTART) != 0 && (option->flags & OPTION_TRANSIENT) == 0 &&
            !config_value_equal(option, old, new))
            append_key(keys, keys_cap, option->key);
    }
    *out_receivers_too = (reached & RELOAD_RECEIVER) != 0;
    if ((reached & RELOAD_FLUSHER) != 0)
        return CONFIG_RELOAD_FLUSHER;
    if ((reached & RELOAD_RECEIVER) != 0)
        return CONFIG_RELOAD_RECEIVER;
    return (reached & RELOAD_RESTART) != 0 ? CONFIG_NEEDS_RESTART : CONFIG_SAME;
}

void config_keep_fixed(struct config *old, struct config *new)
{
    for (size_t i = 0; i < config_options.count; i++) {
        const struct config_option *option = &config_options.rows[i];
        if ((option->reload & RELOAD_RESTART) != 0 && (option->flags & OPTION_TRANSIENT) == 0)
            config_value_swap(option, old, new);
    }
}
