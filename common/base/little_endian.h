/* SPDX-License-Identifier: MIT
 *
 * little_endian - numbers as MeshCore has them on air, from any address. Signed ones are two's
 * complement, read without relying on how a too large value converts. */
#pragma once

#include "common/base/base.h"

#include <string.h>

static inline uint16_t read_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)read_u16(p) | (uint32_t)read_u16(p + 2) << 16;
}

static inline int8_t read_i8(const uint8_t *p)
{
    int8_t out;
    memcpy(&out, p, sizeof out);
    return out;
}

static inline int16_t read_i16(const uint8_t *p)
{
    const uint16_t value = read_u16(p);
    int16_t out;
    memcpy(&out, &value, sizeof out);
    return out;
}

static inline int32_t read_i32(const uint8_t *p)
{
    const uint32_t value = read_u32(p);
    int32_t out;
    memcpy(&out, &value, sizeof out);
    return out;
}
