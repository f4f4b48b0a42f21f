/* SPDX-License-Identifier: MIT
 *
 * config_json - objects that Weir keeps as they are and passes on: what stands in them is between
 * the operator and the page.
 *
 * I1. What is kept is one JSON object in valid UTF-8, without the members that begin with _comment,
 *     so that it can be put into an answer as it stands.
 * Threads: any. Ownership: the field owns its text. */
#pragma once

#include "common/config/config_option.h"

/* char *: the object's text, NULL = not given; the row's max counts bytes. */
extern const struct config_type config_type_object;
/* The same, and each of its members is a string. */
extern const struct config_type config_type_names;
