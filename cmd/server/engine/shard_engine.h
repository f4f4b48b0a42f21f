/* SPDX-License-Identifier: MIT
 *
 * shard_engine - ClickHouse as the engine of the model (engine.h). Constant data. */
#pragma once

#include "cmd/server/model/engine.h"

extern const struct engine shard_engine;
