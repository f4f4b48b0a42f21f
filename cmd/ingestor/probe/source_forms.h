/* SPDX-License-Identifier: MIT
 *
 * source_forms - what a source's way to a broker loses when this ingestor is away, or hangs while
 * its connection lives: for --check-config, where several ingestors are meant. Pure.
 *
 * Three forms serve several ingestors: all receive everything and the store merges; each has a
 * broker, or a part of the topics, of its own; they share a subscription ($share). A configuration
 * tells the last one from the first two, which for one ingestor are the same. */
#pragma once

#include "common/config/config.h"

/* Several ingestors may be meant: there is a store they could share, or a shared subscription. */
bool source_forms_matter(const struct config *config);
/* A sentence; static text. */
const char *source_form_loses(const struct config_source *source);
bool source_form_is_shared(const struct config_source *source);
/* A line for each source on stdout, where they matter. */
void source_forms_print(const struct config *config);
