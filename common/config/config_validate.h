/* SPDX-License-Identifier: MIT
 *
 * config_validate - what only all layers together can tell: derived values, and the checks that
 * concern more than one key. Threads: one per loader. Ownership: borrows the loader, whose draft
 * owns what is derived. */
#pragma once

#include "common/config/config_report.h"

/* Once, when all layers are read and before the sources are. */
void config_validate(struct config_loader *loader);
/* A file that everybody may read and that holds a password: a warning. */
void config_warn_readable_secret(struct config_loader *loader);
bool config_broker_has_password(const char *broker);
