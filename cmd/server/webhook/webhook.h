/* SPDX-License-Identifier: MIT
 *
 * webhook - tells an address of the operator's choice when the health changes (webhookUrl): a POST
 * of JSON for the checks that changed, and nothing while all stays as it is.
 *
 *   {"event": "health", "atUnix", "status": "pass"|"warn"|"fail", "before": the same,
 *    "changes": [{"check", "from", "to", "output"}], "missed": changes of state that were not told}
 *
 * I1. Nobody waits for it: webhook_look puts a letter into a queue of WEBHOOK_QUEUE and returns; a
 *     thread of its own sends. A full queue loses its oldest letter, which is said and counted in
 *     `missed` of the next.
 * I2. A letter is tried again after 1 s, doubling to 60 s, for WEBHOOK_PATIENCE_S; what is refused
 *     is not. Each try has the same X-Weir-Delivery: a receiver may get one twice.
 * I3. With a secret X-Weir-Signature is "sha256=" and the HMAC-SHA256 of the body. It may become
 *     another one: each try is signed with the newest, and no letter is lost for it.
 * I4. The address may hold a secret: no log line names more than its host.
 * I5. What it was told last is kept in a file (webhook_told): a new start is no change.
 * Threads: look and sign_with by one each; `weir-webhook` sends. Lock: one, held for a few copies.
 * Stop: within a second; what was not sent is said. Errors: NULL = no memory or no thread. */
#pragma once

#include "common/base/clock.h"
#include "common/health/health_report.h"

#define WEBHOOK_QUEUE      32
#define WEBHOOK_PATIENCE_S 900
#define WEBHOOK_BODY_MAX   65536

struct webhook;

/* secret NULL or "" = no signature; told_path NULL = what was told is not kept. All are copied. */
NODISCARD struct webhook *webhook_start(const char *url, const char *secret, const char *told_path);
void webhook_stop(struct webhook *webhook);                         /* accepts NULL */
bool webhook_is_to(const struct webhook *webhook, const char *url); /* NULL webhook: no */
/* NULL or "" = no signature. Says so where it is another secret than the one before. */
void webhook_sign_with(struct webhook *webhook, const char *secret);
/* Once a second, with the newest judgement. NULL webhook or report: nothing. */
void webhook_look(struct webhook *webhook, const struct health_report *report);
