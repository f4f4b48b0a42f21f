/* SPDX-License-Identifier: MIT
 *
 * reload - what a changed configuration means for a server that runs (SIGHUP).
 *
 * The file is validated as at the start; on an error everything stays as it is. What the table
 * marks OPTION_SERVER_LIVE is put into force; the other keys (what is opened or allocated at the
 * start) whose values differ from those at the start are named in one warning, at every reload
 * until the restart.
 * I1. The configuration of the start is never changed: threads read it without a lock.
 * Threads: reload_now from one; the values are read by any. Ownership: args and started_with are
 * borrowed; what was read last is whose apply took it. */
#pragma once

#include "common/config/config.h"

#include <stdatomic.h>

/* logLevel and logFormat are log's own. */
struct reload_live {
    _Atomic bool access_log;
    _Atomic int backup_bytes_per_second, shutdown_delay_s;
};

struct reload {
    const struct config_args *args;
    const struct config *started_with;
    struct reload_live live;
    const struct config *last; /* in force */
    /* Set by the caller: takes a configuration over and puts all of it into force that live is not.
     * It stays until the next one is; NULL = it can't be done: then nothing is changed, and out of
     * *fresh may be moved what was there. */
    const struct config *(*apply)(void *context, struct config *fresh);
    void *context;
};

void reload_init(struct reload *reload, const struct config_args *args,
                 const struct config *started_with);
/* False = the file is refused, and was as it is. */
bool reload_now(struct reload *reload);
