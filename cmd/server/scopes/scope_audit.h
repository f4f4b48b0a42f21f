/* SPDX-License-Identifier: MIT
 *
 * scope_audit - /api/analytics/scope-audit?region&area: which scopes (regions) each repeater says
 * that it forwards, beside those of the packets that came over it in the last 24 hours.
 *
 * A repeater is here when it is active and not hidden; a room server when it also declares
 * something, or was seen to forward.
 *   declared       the newest of what it answered a neighbour (reported_scopes.h), answered a phone
 *                  (region_answers), or said of itself in its own report; null = none is known. `*`
 *                  are packets without a scope, as the firmware means it: no region is covered by
 *                  it. declaresUnscoped: is it among them
 *   forwarded      packets, each once, whose path names it (hops.h), by the scope that a name of
 *                  hashRegions fits; the most first. last: the newest receipt
 *   unscopedForwarded, unknownForwarded   those without a scope, and with one that no name fits
 *   notConfigured  declared names that are not in hashRegions: their packets are among the unknown
 * verdict:
 *   "forwards more"       AUDIT_LEAST packets or more of one scope, or without one, that it does
 *                         not declare. Fewer can be chance: a code of 16 bits fits a wrong name, a
 *                         hop means a node that nobody knows
 *   "declared, not seen"  else, where none came of a declared name that is configured, or of `*`
 *   "as declared"         else
 *   "unknown"             nothing is declared, or notConfigured names alone
 * The worst first, then by name. At most AUDIT_MAX of `total`: beyond, complete is false.
 * Threads: that of the turn. Cost: 10 us a repeater, 0.5 us a pair of hop and scope. */
#pragma once

#include "cmd/server/analytics/analysis.h"

#define AUDIT_LEAST 3
#define AUDIT_MAX   5000

extern const struct analysis analysis_scope_audit;
extern const struct http_parameter scope_audit_parameters[];
#define SCOPE_AUDIT_SHAPE                                                                          \
    "{window: str, total: int, repeaters: [{pubkey: hex, name: str?, role: str?, declared: "       \
    "[str]?, declaresUnscoped?: bool, declaredAt?: time, declaredBy?: "                            \
    "'neighbors'|'regions'|'self', truncated?: bool, notConfigured: [str], forwarded: "            \
    "[{name: str, count: int, last: time}], unscopedForwarded: int, unknownForwarded: int, "       \
    "verdict: 'forwards more'|'declared, not seen'|'as declared'|'unknown'}], " ANALYTICS_TAIL "}"
