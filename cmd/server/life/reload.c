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
    *reload = (struct reload){.args = args, .started_with = started_with, .last = started_with};
    put_into_force(&reload->live, started_with);
}

/* The names of what has changed. */
struct changes {
    char live[KEYS_BYTES], fixed[KEYS_BYTES];
};

static void say(const struct changes *changes, const struct config *now)
{
    if (changes->fixed[0] != '\0')
        log_event(LOG_WARN, "server",
                  "changed options need a restart of the program, kept as they were",
                  KV(KV_STR("keys", changes->fixed)));
    log_event(LOG_INFO, "server", "configuration reloaded",
              KV(KV_STR("file", now->file != NULL ? now->file : "none"),
                 KV_STR("changed", changes->live)));
}

static void refuse(const char *reason)
{
    log_event(LOG_ERROR, "server", "configuration not reloaded: everything stays as it is",
              KV(KV_STR("reason", reason)));
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
        refuse(status_text(status));
        return false;
    }
    struct changes changes = {.live = ""};
    config_compare_server(reload->last, &fresh, true, changes.live, sizeof changes.live);
    config_compare_server(reload->started_with, &fresh, false, changes.fixed, sizeof changes.fixed);
    const struct config *now = reload->apply(reload->context, &fresh);
    if (now == NULL) {
        refuse("see above");
        config_done(&fresh);
        return false;
    }
    log_switch(now->log_level, now->log_format);
    put_into_force(&reload->live, now);
    reload->last = now;
    say(&changes, now);
    return true;
}
