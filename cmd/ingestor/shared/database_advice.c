/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/database_advice.h"

#include "common/base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define NEW_NAME   "weir.db"
#define OTHER_NAME "weir-new.db" /* where CoreScope's has ours */

/* A path in a line for a shell: quoted where it must be. */
static const char *quoted(const char *path, char *out, size_t cap)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+,:@%";
    const char *quote = strspn(path, plain) == strlen(path) ? "" : "'";
    (void)snprintf(out, cap, "%s%s%s", quote, path, quote);
    return out;
}

void database_advice_corescope(const struct config *config, const char *component)
{
    char line[2 * PATH_MAX + 64], file[PATH_MAX + 3], from[PATH_MAX + 3];
    const char *path = config->db_path, *slash = strrchr(path, '/');
    const char *name = slash != NULL && strcmp(slash + 1, NEW_NAME) == 0 ? OTHER_NAME : NEW_NAME;
    log_event(LOG_ERROR, component,
              "dbPath is CoreScope's database: nothing of it was changed; Weir needs a file of its "
              "own, and takes CoreScope's over",
              KV(KV_STR("path", path)));
    (void)snprintf(line, sizeof line, "1 of 2, in the configuration: set dbPath to %.*s/%s",
                   (int)(slash != NULL ? slash - path : 0), path, name);
    log_event(LOG_ERROR, component, line, NULL);
    (void)snprintf(line, sizeof line, "2 of 2, in a shell: %s --config %s --import %s",
                   program_invocation_short_name,
                   config->file != NULL ? quoted(config->file, file, sizeof file) : "FILE",
                   quoted(path, from, sizeof from));
    log_event(LOG_ERROR, component, line, NULL);
}
