/* SPDX-License-Identifier: MIT
 *
 * run_options - what the command line asks of a run beside the configuration. Made before the first
 * fork, read by every process, changed by nobody. */
#pragma once

#include "common/base/base.h"

struct run_options {
    const char *replay_file; /* NULL = an ordinary run */
    double replay_speed;     /* times the recorded pace; 0 = as fast as possible */
    const char *record_file; /* NULL = none */
};
