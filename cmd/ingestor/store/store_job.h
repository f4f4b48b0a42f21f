/* SPDX-License-Identifier: MIT
 *
 * store_job - where a job in slices is: one row of `jobs`, read and written inside the transaction of what the
 * job has done, so that the two never disagree. Errors and threads as store.h. */
#pragma once

#include "cmd/ingestor/store/store.h"

struct store_job {
    int64_t position, value, done; /* the job's own meaning */
    int64_t updated_ms;
};
/* A job that has never run: zeros. */
NODISCARD enum status store_job_load(struct store *store, const char *name, struct store_job *out);
NODISCARD enum status store_job_save(struct store *store, const char *name,
                                     const struct store_job *job);
