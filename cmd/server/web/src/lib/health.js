/* SPDX-License-Identifier: MIT
 *
 * health - api/healthz, asked once for all of the page: the frame's verdict and the ops page show
 * the same answer. */
import { Poll, SOON_MS } from "./api.js";

export const health = new Poll("api/healthz", { every: 2000, accepts: [503], backoff: 1000, canPause: false, patience: SOON_MS });
