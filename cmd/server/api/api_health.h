/* SPDX-License-Identifier: MIT
 *
 * api_health - /api/livez, /api/readyz, /api/healthz. Pure: answer_render functions (answers.h). */
#pragma once

#include "cmd/server/cache/answers.h"

char *api_health_livez(const struct answer_input *in, int *out_status);
char *api_health_readyz(const struct answer_input *in, int *out_status);
char *api_health_healthz(const struct answer_input *in, int *out_status);
char *api_health_healthz_strict(const struct answer_input *in, int *out_status);
