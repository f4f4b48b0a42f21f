/* SPDX-License-Identifier: MIT
 *
 * config_validate - what only all layers together can tell: derived values, and the checks that
 * concern more than one key. Threads: one per loader. Ownership: borrows the loader, whose draft
 * owns what is derived. */
#pragma once

#include "common/config/config_report.h"

/* Once, when all layers are read and before the sources are. */
void config_validate(struct config_loader *loader);
/* Whether the rings fit into the addresses of this machine: once the sources are read. */
void config_validate_rings(struct config_loader *loader);
/* The most that each of so many rings may hold where an address has so many bytes; INT64_MAX = any.
 * The flusher maps all of them, and a second one of a source after a reboot, beside everything
 * else: on 32 bits they get 1 GiB of 3. */
int64_t config_ring_bytes_most(size_t address_bytes, size_t rings);
/* A file that everybody may read and that holds a password: a warning. */
void config_warn_readable_secret(struct config_loader *loader);
bool config_broker_has_password(const char *broker);
