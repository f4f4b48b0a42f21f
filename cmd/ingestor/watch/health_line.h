/* SPDX-License-Identifier: MIT
 *
 * health_line - `ingestor --health`: the ingestor's health as monitoring plugins say it: one line
 * on stdout (word, sentence, performance data), and 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN as the
 * exit code.
 *
 * I1. The rules are those of /api/healthz (common/health); what FAILs there is CRITICAL. UNKNOWN is
 *     a file that can't be read or understood: that says nothing of the ingestor.
 * I2. One line whatever stands in the file: control characters and the separator '|' are replaced,
 *     and it has at most HEALTH_LINE_MAX bytes.
 * I3. What is not known has no performance data; so has all of a sample that is not fresh. */
#pragma once

#include "cmd/ingestor/watch/glance.h"

#define HEALTH_LINE_MAX 4096

enum nagios { NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN };

/* Pure; without a line end. */
enum nagios health_line(const struct glance *glance, char out[static HEALTH_LINE_MAX]);
/* The whole of the tool; ends the configuration. The exit code. */
NODISCARD int health_line_run(struct config *config);
