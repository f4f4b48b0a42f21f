/* SPDX-License-Identifier: MIT
 *
 * roles - /api/analytics/roles?region&area: the nodes by role, and how wrong their clocks are.
 *
 * nodeCount: nodes that are known (of the places asked for). withSkew: those of them with a stored
 * advert of their own; of these, seconds without their sign, each node by its recent median
 * (summary/skew.h): meanAbsSkewSec, medianAbsSkewSec (0 where there are none), and by its severity
 * okCount, warningCount, criticalCount, absurdCount, noClockCount. A role that nobody told is
 * "unknown". The most frequent role first. No window: what is known now. */
#pragma once

#include "cmd/server/analytics/analysis.h"

extern const struct analysis analysis_roles;
extern const struct http_parameter roles_parameters[];
#define ROLES_SHAPE                                                                                \
    "{totalNodes: int, roles: [{role: str, nodeCount: int, withSkew: int, meanAbsSkewSec: num, "   \
    "medianAbsSkewSec: num, okCount: int, warningCount: int, criticalCount: int, absurdCount: "    \
    "int, noClockCount: int}], " ANALYTICS_TAIL "}"
