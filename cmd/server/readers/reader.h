/* SPDX-License-Identifier: MIT
 *
 * reader - one read-only connection, and the one question that it answers at a time.
 *
 * A question is everything between reader_begin and reader_end: one transaction, so that all rows
 * are of one moment and no look-up takes the lock of the WAL index anew (that alone costs more than
 * the look-up), and one deadline, after which SQLite gives up by itself.
 * I1. Nothing read is an answer before reader_end says READER_ANSWERED: an error or the deadline in
 *     the middle of a list looks like the list's end to who reads it.
 * I2. The connection is of the file that stands under its name when the question begins. One whose
 *     file was exchanged, or that failed, is opened anew by the next question; the server may start
 *     before there is a database and outlive any number of them.
 *     SQLite shares one mapping of the log's index among the connections that a process has to one
 *     file, and a new one gets the old index as long as one of them is open, though its file was
 *     deleted. So a file that was exchanged is let go by all readers of the process before one
 *     opens it anew; until the last question under way has ended, begin says STATUS_AGAIN.
 * I3. A question never waits for the writer, and holds its log back for its budget at most.
 * Threads: one at a time; idle readers are closed by others, under a lock of the process that is a
 * leaf. Errors: begin says why in *err, end by its result. Ownership: statements are the reader's;
 * one is good until reader_end. Cost: begin and end about 10 us with the looks at the files, the
 * first statement of a kind 20 us for being prepared. */
#pragma once

#include "common/base/clock.h"
#include "common/db/db_files.h"
#include "common/db/statement.h"

/* A request may take so long, a slice of a background job the other. */
#define READER_REQUEST_US ((mono_us)250 * US_PER_MS)
#define READER_SLICE_US   ((mono_us)5 * US_PER_S)
#define READER_CACHE_KIB  2048
/* Kept prepared; a question may use as many. */
#define READER_STATEMENTS 128

struct reader;

enum reader_result {
    READER_ANSWERED,
    READER_LATE,   /* the deadline came first */
    READER_FAILED, /* SQLite's error was logged */
    READER_OLDER,  /* an engine's alone: its tables are of an older version */
};

/* path is copied; nothing is opened yet. NULL = no memory. */
NODISCARD struct reader *reader_new(const char *path);
void reader_free(struct reader *reader); /* accepts NULL */
/* Before the first question: what it may keep of the file in memory, for one that reads little. */
void reader_set_cache(struct reader *reader, int kib);

/* STATUS_OK, or: NOT_FOUND (no database yet), AGAIN, BUSY, OLDER, NEWER, FOREIGN, IO ...; then
 * there is no question to end. The schema is looked at in each question: it may be migrated
 * meanwhile, and what a newer program asks of an older schema fails in the middle, or lacks what is
 * not there. */
NODISCARD enum status reader_begin(struct reader *reader, mono_us budget, struct err *err);
NODISCARD enum reader_result reader_end(struct reader *reader);
/* A part of the question has its own budget, from now; a deadline that is over is forgotten: what
 * was cut by it must not be told. */
void reader_allow(struct reader *reader, mono_us budget);
/* Makes the statements of a question that runs give up soon. From any thread. */
void reader_interrupt(struct reader *reader);
/* `meta.commits` as this question sees it: grows with every transaction that was committed. */
int64_t reader_commits(const struct reader *reader);
/* That its statements gave, of all questions: what a job looks at. */
uint64_t reader_rows(const struct reader *reader);
/* Grows when the file was opened. */
uint64_t reader_opened(const struct reader *reader);
/* Grows when its file was exchanged. */
uint64_t reader_losses(const struct reader *reader);
/* Of the file that was opened last, also of one that was refused; 0 = none was. */
int64_t reader_schema_version(const struct reader *reader);
/* For statements that are no constants, in a question. */
struct connection *reader_connection(struct reader *reader);
/* The names of the files; made at the first begin. */
const struct db_files *reader_files(const struct reader *reader);

/* What is bound to ?1, ?2 and so on. */
struct reader_keys {
    const int64_t *all; /* borrowed */
    size_t count;
};
#define KEYS(...)                                                                                  \
    ((struct reader_keys){(const int64_t[]){__VA_ARGS__},                                          \
                          sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)})

/* Prepared and without bindings. The text is one statement and need not live on; the same text
 * twice in a question is the same statement. NULL = it can't be prepared: the question has failed,
 * and who asked has nothing more to do than to return. */
NODISCARD struct statement *reader_statement(struct reader *reader, const char *sql);
/* The first column of the first row; `otherwise` when there is none, or on an error. */
int64_t reader_number(struct reader *reader, const char *sql, int64_t otherwise);
/* The same of a statement that has KEYS(...). */
int64_t reader_number_of(struct reader *reader, const char *sql, struct reader_keys keys,
                         int64_t otherwise);
