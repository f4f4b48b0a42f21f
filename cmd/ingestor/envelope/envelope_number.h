/* SPDX-License-Identifier: MIT
 *
 * envelope_number - numbers that publishers write as text (protocol.md section 7.1): "11", " -9.25
 * ", "-110dBm". Pure; needs the C locale, which a program has that never calls setlocale. */
#pragma once

#include "common/base/base.h"

/* White space around is dropped, then one unit (dBm, dB, mW, km, mi, m, any case), then what is
 * left must be one decimal number. NaN where it is not: also for "nan", "inf", hexadecimal and what
 * overflows (1e400). */
double envelope_number_parse(const char *text, size_t len);
