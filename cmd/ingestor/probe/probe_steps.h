/* SPDX-License-Identifier: MIT
 *
 * probe_steps - one source, from the broker's name to the answer to its subscriptions, written down
 * step by step; the first failure ends it.
 *
 * I1. Nothing of a running ingestor is touched: the clientId is another one (<clientId>-check), the
 *     session a clean one, and of a shared subscription ($share/<group>/<filter>) only the filter
 *     is asked for, so that no member loses a message to us.
 * I2. Each step has a limit: PROBE_NAME_S, the others connectTimeoutSec.
 * I3. No secret is written, and no control character.
 *
 * Uses the MQTT library: in a process of its own, after fork. Threads: the process's main one. */
#pragma once

#include "common/config/config.h"

#include <stdio.h>

#define PROBE_NAME_S 10

/* True when every topic was granted. */
bool probe_steps_run(const struct config *config, const struct config_source *source, FILE *out);
/* The longest that it can take, in seconds. */
int probe_steps_limit_s(const struct config_source *source);
