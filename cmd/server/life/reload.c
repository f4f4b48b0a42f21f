/* SPDX-License-Identifier: MIT */
#include "cmd/server/life/reload.h"

#include "common/base/log.h"
#include "common/cli/cli.h"

#include <stdlib.h>

#define KEYS_BYTES 1024

static void put_into_force(struct reload_live *live, const struct config *config)
{
    atomic_store(&live->access_log, config->access_log);
    atomic_store(&live->backup_bytes_per_second, config->backup_bytes_per_second);
    atomic_store(&live->shutdown_delay_s, config->shutdown_delay_s);
}

void reload_init(struct reload *reload, const struct config_args *args,
                 const struct config *started_with)
{
    *reload = (struct reload){.args = args, .started_with = started_with};
    put_into_force(&reload->live, started_with);
}

void reload_done(struct reload *reload)
{
    config_done(&reload->last);
    reload->has_last = false;
}

static void say(const struct reload *reload, const struct config *fresh)
{
    char live[KEYS_BYTES], fixed[KEYS_BYTES];
    const struct config *before = reload->has_last ? &reload->last : reload->started_with;
    config_compare_server(before, fresh, true, live, sizeof live);
    config_compare_server(reload->started_with, fresh, false, fixed, sizeof fixed);
    if (fixed[0] != '\0')
        log_event(LOG_WARN, "server",
                  "changed options need a restart of the program, kept as they were",
                  KV(KV_STR("keys", fixed)));
    log_event(
        LOG_INFO, "server", "configuration reloaded",
        KV(KV_STR("file", fresh->file != NULL ? fresh->file : "none"), KV_STR("changed", live)));
}

bool reload_now(struct reload *reload)
{
    struct config fresh = {.file = NULL};
    struct config_report *report = calloc(1, sizeof *report);
    const enum status status =
        report != NULL ? config_load(reload->args, &fresh, report) : STATUS_NO_MEMORY;
    if (report != NULL)
        cli_log_report(report);
    free(report);
    if (status != STATUS_OK) {
        log_event(LOG_ERROR, "server", "configuration not reloaded: everything stays as it is",
                  KV(KV_STR("reason", status_text(status))));
        return false;
    }
    log_switch(fresh.log_level, fresh.log_format);
    put_into_force(&reload->live, &fresh);
    say(reload, &fresh);
    config_done(&reload->last);
    reload->last = fresh;
    reload->has_last = true;
    return true;
}
