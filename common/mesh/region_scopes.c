/* SPDX-License-Identifier: MIT */
#include "common/mesh/region_scopes.h"

#include "common/base/crypto.h"

#include <stdlib.h>
#include <string.h>

#define REGION_KEY_BYTES 16
#define KEYS_PER_NAME    3

struct region_scope {
    struct crypto_hmac_key key;
    const char *name; /* one of names; those of one region share it */
};

struct region_scopes {
    char **names;
    size_t name_count;
    size_t count;
    struct region_scope items[];
};

static bool is_known(const struct region_scopes *scopes, const char *name)
{
    for (size_t i = 0; i < scopes->name_count; i++) {
        if (strcmp(scopes->names[i], name) == 0)
            return true;
    }
    return false;
}

static char *with_hash(const char *name)
{
    const size_t len = strlen(name);
    const size_t at = name[0] == '#' ? 0 : 1;
    char *copy = malloc(at + len + 1);
    if (copy == NULL)
        return NULL;
    copy[0] = '#';
    memcpy(copy + at, name, len + 1);
    return copy;
}

static void add_key(struct region_scopes *scopes, const char *name, size_t len)
{
    uint8_t digest[32];
    struct region_scope *scope = &scopes->items[scopes->count++];
    crypto_sha256(&(struct crypto_part){name, len}, 1, digest);
    crypto_hmac_prepare(digest, REGION_KEY_BYTES, &scope->key);
    scope->name = name;
}

/* A node keeps CONFIG_REGION_NODE_BYTES of the name as it was typed, and makes the key of
 * those: of a longer name it has one of two others, for typed with '#' and without. */
static void add_keys(struct region_scopes *scopes, const char *name)
{
    const size_t len = strlen(name);
    add_key(scopes, name, len);
    if (len > CONFIG_REGION_NODE_BYTES)
        add_key(scopes, name, CONFIG_REGION_NODE_BYTES);
    if (len > CONFIG_REGION_NODE_BYTES + 1)
        add_key(scopes, name, CONFIG_REGION_NODE_BYTES + 1);
}

/* False: out of memory. A name given twice counts once. */
static bool add(struct region_scopes *scopes, const char *configured)
{
    char *name = with_hash(configured);
    if (name == NULL)
        return false;
    if (is_known(scopes, name)) {
        free(name);
        return true;
    }
    scopes->names[scopes->name_count++] = name;
    add_keys(scopes, name);
    return true;
}

struct region_scopes *region_scopes_new(const struct config_list *names)
{
    struct region_scopes *scopes =
        calloc(1, sizeof *scopes + KEYS_PER_NAME * names->count * sizeof scopes->items[0]);
    if (scopes == NULL)
        return NULL;
    scopes->names = calloc(names->count + 1, sizeof scopes->names[0]);
    if (scopes->names == NULL) {
        region_scopes_free(scopes);
        return NULL;
    }
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        if (name[0] == '$' || name[0] == '\0')
            continue;
        if (!add(scopes, name)) {
            region_scopes_free(scopes);
            return NULL;
        }
    }
    return scopes;
}

void region_scopes_free(struct region_scopes *scopes)
{
    if (scopes == NULL)
        return;
    for (size_t i = 0; i < scopes->name_count; i++)
        free(scopes->names[i]);
    free((void *)scopes->names);
    free(scopes);
}

/* 0 and 0xFFFF are reserved: they move to their neighbours. */
static uint16_t code_of(const struct region_scope *scope, const struct crypto_part parts[static 2])
{
    uint8_t digest[32];
    crypto_hmac_sha256(&scope->key, parts, 2, digest);
    const uint16_t code = (uint16_t)(digest[0] | digest[1] << 8);
    if (code == 0)
        return 1;
    return code == 0xffff ? 0xfffe : code;
}

enum scope_result region_scopes_match(const struct region_scopes *scopes, uint16_t code,
                                      uint8_t type, const uint8_t *payload, size_t len,
                                      const char **out_name)
{
    if (code == 0)
        return SCOPE_NONE;
    const struct crypto_part parts[] = {{&type, 1}, {payload, len}};
    const struct region_scope *found = NULL;
    for (size_t i = 0; i < scopes->count; i++) {
        if (code_of(&scopes->items[i], parts) != code)
            continue;
        if (found != NULL && found->name != scopes->items[i].name)
            return SCOPE_AMBIGUOUS;
        found = &scopes->items[i];
    }
    if (found == NULL)
        return SCOPE_UNKNOWN;
    *out_name = found->name;
    return SCOPE_MATCHED;
}
