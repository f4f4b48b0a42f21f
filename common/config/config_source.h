/* SPDX-License-Identifier: MIT
 *
 * config_source - mqttSources and mqtt: names, topics, client ids, passwords.
 * Threads: one per loader. Ownership: the sources own all they point to. */
#pragma once

#include "common/config/config_report.h"

/* Fills draft.config.sources from the file, the draft's mqtt_* and the environment. */
void config_sources_load(struct config_loader *loader);
/* Accepts a zeroed source, and leaves one. */
void config_source_done(struct config_source *source);
