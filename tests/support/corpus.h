/* SPDX-License-Identifier: MIT
 *
 * corpus - the second run of a test program: over the recordings beside the tree, which
 * may be absent.
 *
 * ctest starts a program whose source says corpus_is_asked twice: alone, which needs nothing but
 * tests/fixtures, and as `<test> corpus` (its name there: <test>_on_corpus). Where there is no
 * corpus that one ends with CORPUS_SKIPPED, and ctest reports it as skipped, not as passed. */
#pragma once

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define CORPUS_SKIPPED 77 /* tests/CMakeLists.txt: SKIP_RETURN_CODE */

static inline bool corpus_is_asked(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "corpus") == 0;
}

static inline bool corpus_is_there(void)
{
    return access(CORPUS_DIR "/packets.jsonl", R_OK) == 0;
}
