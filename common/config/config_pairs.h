/* SPDX-License-Identifier: MIT
 *
 * config_pairs - values that are names with keys of channels: channelKeys, and the file
 * channelKeysPath.
 *
 * I1. A value is 32 or 64 hex digits. I2. A name is there once. I3. A key is never printed or
 *     quoted, nor is a name that may be one: someone who swaps the two must not read the key
 *     in a log.
 * Threads: any. Ownership: the pairs own both texts; keys are overwritten before they are freed. */
#pragma once

#include "common/config/config_option.h"

/* struct config_pairs: an object of names and keys; the row's max counts them. */
extern const struct config_type config_type_pairs;

/* Adds the keys of channelKeysPath to channelKeys, whose own stay, and checks the bound. */
void config_channels_load(struct config_loader *loader);
