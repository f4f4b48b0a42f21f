/* SPDX-License-Identifier: MIT
 *
 * schema_steps - what the versions from 3 on add to the tables of the first two. schema.c runs
 * them, each in the transaction of its migration. */
#pragma once

extern const char schema_step_3[];
extern const char schema_step_4[];
extern const char schema_step_5[];
extern const char schema_step_6[];
extern const char schema_step_7[];
extern const char schema_step_8[];
extern const char schema_step_9[];
extern const char schema_step_10[];
extern const char schema_step_11[];
extern const char schema_step_11_empty[];
extern const char schema_step_11_triggers[];
