/* SPDX-License-Identifier: MIT
 *
 * docs_page - the route table as a page for people: what each path answers and what it takes.
 *
 * Made of the same rows as openapi.h. No script, and no style but the server's own /docs.css.
 * Pure. Threads: any. Errors: NULL = no memory. Ownership: free() the text. */
#pragma once

#include "cmd/server/spec/openapi.h"

NODISCARD char *docs_page(const struct spec_table *table, size_t *out_len);
