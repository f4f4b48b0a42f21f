/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/in_force.h"

#include <stdlib.h>

static void destroy(struct shared *shared)
{
    struct in_force *in_force = (struct in_force *)(void *)shared;
    channel_keys_free(in_force->keys);
    region_scopes_free(in_force->scopes);
    config_done(&in_force->own);
    free(in_force);
}

struct in_force *in_force_of(const struct config *config)
{
    static _Atomic uint64_t last;
    struct in_force *in_force = calloc(1, sizeof *in_force);
    if (in_force == NULL)
        return NULL;
    shared_init(&in_force->shared, destroy);
    in_force->number = atomic_fetch_add(&last, 1) + 1;
    in_force->config = config;
    in_force->keys = channel_keys_new(&config->channel_keys, &config->hash_channels);
    in_force->scopes = region_scopes_new(&config->hash_regions);
    if (in_force->keys != NULL && in_force->scopes != NULL)
        return in_force;
    shared_unref(&in_force->shared);
    return NULL;
}

struct in_force *in_force_take_over(struct config *config)
{
    struct in_force *in_force = in_force_of(config);
    if (in_force == NULL)
        return NULL;
    in_force->own = *config;
    in_force->config = &in_force->own;
    *config = (struct config){.file = NULL};
    return in_force;
}

void in_force_release(const struct in_force *in_force)
{
    /* Its count is what changes, and it was made in our heap. */
    shared_unref(in_force != NULL ? &((struct in_force *)(uintptr_t)in_force)->shared : NULL);
}
