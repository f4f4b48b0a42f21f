/* SPDX-License-Identifier: MIT
 *
 * outbox_reader - the outbox as a sender reads it, by a connection of its own that never writes.
 *
 * I1. A block is read whole in one transaction with the outbox's epoch, and no transaction is open
 *     behind it: what is sent for half a minute holds no log up.
 * I2. STATUS_NOT_FOUND = there is no block, AGAIN = no outbox yet (no file, no tables), or another
 *     file under the name: open it anew.
 * Threads: one. Ownership: the caller closes it; a block's body is the reader's until the next
 * one. */
#pragma once

#include "common/base/err.h"
#include "common/db/statement.h"

#include <sys/types.h>

struct outbox_block {
    uint64_t epoch;
    int64_t id, rows, made_ms;
    const char *into; /* "obs (day, ...)" */
    const uint8_t *body;
    size_t len;
};

struct outbox_reader {
    struct connection connection;
    struct statement begin, epoch, next, end;
    dev_t device;
    ino_t inode;
    char *into;
    uint8_t *body;
    size_t cap;
};

NODISCARD enum status outbox_reader_open(struct outbox_reader *reader, const char *path,
                                         struct err *err);
void outbox_reader_close(struct outbox_reader *reader); /* also one that is not open */
bool outbox_reader_is_open(const struct outbox_reader *reader);
/* The name leads to another file. */
bool outbox_reader_is_stale(const struct outbox_reader *reader, const char *path);
/* The first block of the shard behind this id of this epoch, or of all where it is another one. */
NODISCARD enum status outbox_reader_next(struct outbox_reader *reader, size_t shard, uint64_t epoch,
                                         int64_t behind, struct outbox_block *out);
