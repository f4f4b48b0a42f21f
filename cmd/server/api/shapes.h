/* SPDX-License-Identifier: MIT
 *
 * shapes - the named shapes of our answers (shape.h): what several rows give, or what would be too
 * long for one of them. Constant data. */
#pragma once

#include "cmd/server/spec/shape.h"

extern const struct shape_name api_shapes[];
