/* SPDX-License-Identifier: MIT
 *
 * emulated - do the tests run under qemu-user (scripts/cross arm64 --test)? There the kernel's
 * answers about ourselves are the emulator's, and a processor is ten times slower: a loop over all
 * faults takes every so many-th.
 * Threads: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static inline bool is_emulated(void)
{
    return getenv("WEIR_EMULATED") != NULL; /* tests/CMakeLists.txt */
}

/* How far a loop over faults goes on at once. */
static inline uint64_t fault_step(uint64_t natively, uint64_t emulated)
{
    return is_emulated() ? emulated : natively;
}
