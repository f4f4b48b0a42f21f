/* SPDX-License-Identifier: MIT
 *
 * config_table - the rows: the only place where an option is declared (config.h says what comes
 * from a row).
 *
 * An option more is a row in config_table.c, a field in config.h, and a line in
 * config.example.json, which a test holds to the rows. Threads and ownership: constants. */
#pragma once

#include "common/config/config_option.h"

extern const struct config_table config_options;        /* struct config_draft */
extern const struct config_table config_source_options; /* struct config_source_draft */
