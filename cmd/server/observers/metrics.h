/* SPDX-License-Identifier: MIT
 *
 * metrics - curves of what observers say of themselves (observer_metrics: one sample an observer
 * and five minutes).
 *
 * /metrics: since (a day ago), until (now), resolution (5m, 1h, 1d); points as series.h defines
 * them; reboots are the receipts of the first samples after one. At most METRICS_SLOTS times five
 * minutes, the newest: `complete` says whether that is all that was asked for.
 * /metrics/summary: of each observer that lists show and that measured something in the window:
 * the newest noise floor and battery, mean and maximum of the noise floor, and SUMMARY_MARKS means
 * over equal parts of the window (null where nothing was measured). Of windows above a day a sample
 * is looked at per step_seconds. SUMMARY_ROWS samples at most, and until it is late (asking.h), of
 * those who were heard last. Kept for SUMMARY_KEPT_S.
 * Threads: that of the asking. */
#pragma once

#include "cmd/server/http/route.h"

#define METRICS_SLOTS   50000 /* 173 days */
#define METRICS_REBOOTS 1000
#define SUMMARY_ROWS    60000
#define SUMMARY_STEPS   288 /* samples an observer: a day's */
#define SUMMARY_MARKS   48
#define SUMMARY_KEPT_S  60

void metrics_answer(struct asking *asking, const struct http_request *request,
                    struct http_reply *reply);
void metrics_summary_answer(struct asking *asking, const struct http_request *request,
                            struct http_reply *reply);
