/* SPDX-License-Identifier: MIT
 *
 * verdict - what is known of an advert's signature. */
#pragma once

enum verdict { VERDICT_UNKNOWN, VERDICT_GOOD, VERDICT_FORGED };
