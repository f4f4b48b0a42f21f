/* SPDX-License-Identifier: MIT
 *
 * settings - the configuration as CoreScope's page asks for it.
 *
 * What the operator has not given is null or {}, as api.md says: the page then goes by what it
 * thinks itself. Nothing secret is among it. Threads: pure. Errors: the writer's. */
#pragma once

#include "common/config/config.h"
#include "common/json/json_write.h"

void settings_cache(struct json_write *w, const struct config *config);
void settings_client(struct json_write *w, const struct config *config);
void settings_map(struct json_write *w, const struct config *config);
void settings_theme(struct json_write *w, const struct config *config);
/* A box is told as the polygon that it is, too. */
void settings_geo_filter(struct json_write *w, const struct config *config);
void settings_areas(struct json_write *w, const struct config *config);
void settings_polygons(struct json_write *w, const struct config *config);
/* The names given, and of the codes those that have none: each is its own name. NULL in codes ends
 * them; each is there once. */
void settings_regions(struct json_write *w, const struct config *config, const char *const *codes);
