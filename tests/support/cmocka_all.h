/* SPDX-License-Identifier: MIT
 *
 * cmocka_all - cmocka needs these headers before it, in this order. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
