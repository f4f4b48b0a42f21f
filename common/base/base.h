/* SPDX-License-Identifier: MIT
 *
 * base - the few words every module uses: attributes, the one list of status codes, small helpers.
 * Threads: all pure. Ownership: none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODISCARD    __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define NORETURN     __attribute__((noreturn))
#define ASSERT_ONLY  __attribute__((unused)) /* called in assert() only: by nobody with NDEBUG */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CACHE_LINE   64

/* gcc 12 warns about an ignored NODISCARD even through a (void) cast; this says who
 * decided and why. */
#define IGNORE(expr, why)                                                                          \
    do {                                                                                           \
        __extension__ __auto_type ignored_ = (expr);                                               \
        (void)ignored_;                                                                            \
        (void)sizeof("" why);                                                                      \
    } while (0)

/* Every fallible function returns one of these. The text is for people, so it can stand in
 * a log line. */
#define STATUS_LIST(X)                                                                             \
    X(OK, "ok")                                                                                    \
    X(INVALID, "invalid argument or value")                                                        \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "exists already")                                                                    \
    X(TOO_LARGE, "too large")                                                                      \
    X(AGAIN, "not now, try again")                                                                 \
    X(BUSY, "held by another process")                                                             \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(NO_SPACE, "no space left")                                                                   \
    X(IO, "input/output error")                                                                    \
    X(CORRUPT, "damaged or foreign data")                                                          \
    X(FOREIGN, "not ours")                                                                         \
    X(NEWER, "made by a newer version")                                                            \
    X(OLDER, "made by an older version")                                                           \
    X(REPLACED, "another file stands under its name")                                              \
    X(CONSTRAINT, "constraint failed")                                                             \
    X(CONFIG, "configuration error")

enum status {
#define X(name, text) STATUS_##name,
    STATUS_LIST(X)
#undef X
};

/* sysexits.h numbers, named by what they mean to an operator (README, "Exit codes"). */
enum exit_code {
    EXIT_CLEAN = 0,
    EXIT_USAGE = 64,
    EXIT_BAD_DATA = 65,
    EXIT_GAVE_UP = 70,
    EXIT_NO_MEMORY = 71,
    EXIT_IO = 74,
    EXIT_LOCKED = 75, /* another process holds the lock; also a receiver that wants a new start */
    EXIT_CONFIG = 78,
};

/* A TERM or INT so soon after the first is no second wish: timeout(1) sends one to its child and
 * one to the group. */
#define SECOND_SIGNAL_MS 500

/* Four bytes as a number, the high one first. */
static inline uint32_t be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}
