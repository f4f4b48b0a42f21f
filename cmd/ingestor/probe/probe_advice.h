/* SPDX-License-Identifier: MIT
 *
 * probe_advice - what an operator can do about a step that failed. Pure.
 *
 * The failure's text is ours (resolver, relay, mqtt_source): a row matches when its words stand in
 * it, and the last row of a step matches always. */
#pragma once

#include "common/base/base.h"

enum probe_step { PROBE_NAME, PROBE_TCP, PROBE_TLS, PROBE_WEBSOCKET, PROBE_CONNACK, PROBE_SUBACK };

const char *probe_step_text(enum probe_step step);
/* Static text, never NULL. */
const char *probe_advice(enum probe_step step, const char *failure);
