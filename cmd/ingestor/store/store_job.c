/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_job.h"

#include "cmd/ingestor/store/store_internal.h"

static const struct store_sql_text sql_texts[] = {
    {SQL_JOB_LOAD, "SELECT position, value, done, updated_ms FROM jobs WHERE name = ?1"},
    {SQL_JOB_SAVE,
     "INSERT INTO jobs (name, position, value, done, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5) ON"
     " CONFLICT (name) DO UPDATE SET position = excluded.position, value = excluded.value, done ="
     " excluded.done, updated_ms = excluded.updated_ms"},
};

enum status store_job_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

enum status store_job_load(struct store *store, const char *name, struct store_job *out)
{
    *out = (struct store_job){0};
    bind_text(store, SQL_JOB_LOAD, 1, name);
    const enum status status = store_row(store, SQL_JOB_LOAD);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    sqlite3_stmt *stmt = store->stmts[SQL_JOB_LOAD];
    out->position = sqlite3_column_int64(stmt, 0);
    out->value = sqlite3_column_int64(stmt, 1);
    out->done = sqlite3_column_int64(stmt, 2);
    out->updated_ms = sqlite3_column_int64(stmt, 3);
    store_done(store, SQL_JOB_LOAD);
    return STATUS_OK;
}

enum status store_job_save(struct store *store, const char *name, const struct store_job *job)
{
    bind_text(store, SQL_JOB_SAVE, 1, name);
    bind_int(store, SQL_JOB_SAVE, 2, job->position);
    bind_int(store, SQL_JOB_SAVE, 3, job->value);
    bind_int(store, SQL_JOB_SAVE, 4, job->done);
    bind_int(store, SQL_JOB_SAVE, 5, job->updated_ms);
    return store_run(store, SQL_JOB_SAVE);
}
