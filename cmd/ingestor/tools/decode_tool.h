/* SPDX-License-Identifier: MIT
 *
 * decode_tool - `ingestor --decode HEX`: one frame as one JSON object on one line,
 * {hash, header, path, transportCodes?, payload} as meshcore_json names them. Keys of channels and
 * regions come from the configuration; no source, folder or database is needed and none is made.
 * What may be stored is another question, so the rules before storage do not apply.
 * Threads: main only. */
#pragma once

#include "common/config/config.h"
#include "common/mesh/meshcore_json.h"

/* An object with its hash, newline and NUL. */
#define DECODE_TOOL_MAX (MESHCORE_JSON_MAX + 64)

/* EXIT_CLEAN: out is the line. EXIT_BAD_DATA: out says in one line, without a newline, what is
 * wrong and where. EXIT_GAVE_UP: the object does not fit (a region's name of thousands of bytes);
 * out says so. */
NODISCARD enum exit_code decode_tool_answer(const char *hex,
                                            const struct meshcore_json_options *options,
                                            char out[static DECODE_TOOL_MAX]);
/* Prints the answer to stdout, or the reason to stderr. Takes ownership of *config. The exit code:
 * also EXIT_NO_MEMORY, EXIT_GAVE_UP (no cryptography), EXIT_IO. */
NODISCARD int decode_tool_run(struct config *config, const char *hex);
