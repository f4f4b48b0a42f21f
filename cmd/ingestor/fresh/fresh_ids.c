/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/fresh/fresh_ids.h"

#define WAITING_MAX 65536 /* more than any table here holds */
#define NEWEST_ID   (INT64_MAX - WAITING_MAX)

enum status fresh_ids_next(struct statement *newest, int64_t *first_id, size_t waiting,
                           int64_t *out)
{
    if (*first_id == FRESH_NO_ID) {
        int64_t id = 0;
        const enum status status = statement_number(newest, &id);
        if (status != STATUS_OK)
            return status;
        if (id > NEWEST_ID) /* no program of ours comes so far */
            return STATUS_CORRUPT;
        *first_id = id + 1;
    }
    *out = *first_id + (int64_t)waiting;
    return STATUS_OK;
}
