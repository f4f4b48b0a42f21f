/* SPDX-License-Identifier: MIT
 *
 * channel_name - what a channel is called where people read it: its name, or, of one that no key
 * opens (enc_3A), "Encrypted (0x3A)". Pure. */
#pragma once

#include "common/json/json_write.h"

void channel_name_write(struct json_write *w, const char *key, const char *name, bool is_encrypted);
