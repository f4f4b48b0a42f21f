/* SPDX-License-Identifier: MIT
 *
 * why_file - what our SQLite database knows of a packet that is missing: the source of why.h's
 * answer in `ingestor --why` and in a server that reads dbPath.
 *
 * Threads: the one of the statements. Errors: the statements'; then what is told is worth nothing.
 * Ownership: all borrowed. Cost: one walk over at most 10,000 rows of refusals, 2 ms, and a look-up
 * for each thing asked for. */
#pragma once

#include "common/db/statement.h"
#include "common/why/why.h"

/* Where the statements come from, and whom nobody shall see (NULL = nobody). */
struct why_file {
    void *context;
    /* Prepared, without bindings, and good until the answer is made; NULL = it can't be. */
    struct statement *(*statement)(void *context, const char *sql);
    bool (*is_hidden_observer)(void *context, const char *identity);
    bool (*is_hidden_node)(void *context, const uint8_t key[static WHY_KEY_BYTES]);
};
/* Good for as long as the file is. */
struct why_source why_file_source(struct why_file *file);
