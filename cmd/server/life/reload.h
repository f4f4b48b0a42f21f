/* SPDX-License-Identifier: MIT
 *
 * reload - what a changed configuration means for a server that runs (SIGHUP).
 *
 * The file is validated as at the start; on an error everything stays as it is. What the table
 * marks OPTION_SERVER_LIVE is put into force; the other keys whose values differ from those at the
 * start are named in one warning, at every reload until the restart. A server is there again
 * within a second, so only what one wants to turn while looking on is live.
 * I1. The configuration of the start is never changed: threads read it without a lock.
 * Threads: reload_now from one; the values are read by any. Ownership: args and started_with are
 * borrowed; what was read last is ours. */
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
    struct config last; /* zeroed = there was no reload */
    bool has_last;
};

void reload_init(struct reload *reload, const struct config_args *args,
                 const struct config *started_with);
void reload_done(struct reload *reload);
/* False = the file is refused, and was as it is. */
bool reload_now(struct reload *reload);
