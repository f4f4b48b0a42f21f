/* SPDX-License-Identifier: MIT
 *
 * glance - how is the ingestor, for who looks from outside of it: its statistics file, read when it
 * has changed, and the judgement over it (common/health).
 *
 * I1. Nothing is asked of the ingestor and nothing is written: it may hang, or not be there.
 * Threads: one caller. Errors: no file, or a bad one, is an answer: `status`, and the report says
 * it. Ownership: heap; what is read lives until the next look. */
#pragma once

#include "common/health/health_ingestor.h"
#include "common/stats/stats_file.h"

struct glance {
    const char *path; /* borrowed */
    char boot_id[CLOCK_BOOT_ID_BYTES];
    struct stats_file_stamp stamp;
    enum status status;          /* of the file: OK, NOT_FOUND, CORRUPT, TOO_LARGE, IO, NO_MEMORY */
    int error;                   /* errno where it is IO */
    struct stats_snapshot stats; /* valid where status is OK */
    bool is_fresh;
    wall_us now; /* the ingestor's clock at the look */
    struct health_report report;
};

/* NULL = no memory. */
NODISCARD struct glance *glance_new(const char *path);
void glance_free(struct glance *glance); /* accepts NULL */
/* True when the file was another one than at the look before. */
bool glance_look(struct glance *glance);
/* The half of a look behind the reading: now, is_fresh and report out of status and stats. */
void glance_judge(struct glance *glance);
