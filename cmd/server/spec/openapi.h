/* SPDX-License-Identifier: MIT
 *
 * openapi - the route table as an OpenAPI 3.1 document.
 *
 * Everything in it stands in a row (route.h), beside the declaration of a parameter (query.h) or in
 * the table of named shapes: there is no second list. A row without a summary is not told of: the
 * files of the page.
 * I1. A path stands once, with each of its methods. I2. Every reference leads to a shape.
 * Pure. Threads: any. Errors: the writer's. Cost: about 1 ms for a hundred rows. */
#pragma once

#include "cmd/server/http/route.h"
#include "cmd/server/spec/shape.h"

struct spec_table {
    const struct route_family *families;
    size_t family_count;
    const struct shape_name *shapes;
    const char *version;
};

void openapi_write(struct json_write *w, const struct spec_table *table);

/* The part of a path that says what it is about: `nodes` of /api/nodes/:key; its length. */
size_t openapi_tag(const char *path, const char **out_tag);
/* Is the answer JSON, or of another media type? */
bool openapi_is_json(const struct route *route);
