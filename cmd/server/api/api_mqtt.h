/* SPDX-License-Identifier: MIT
 *
 * api_mqtt - /api/mqtt/status. A stale sample proves nothing about a connection: then `stale` is true,
 * `connected` false and `state` unknown. Passwords were masked when the file was parsed (stats_file.h).
 * Pure: an answer_render function (answers.h). */
#pragma once

#include "cmd/server/cache/answers.h"

char *api_mqtt_status(const struct answer_input *in, int *out_status);
