/* SPDX-License-Identifier: MIT */
#include "cmd/server/live/live_log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Numbers and places begin in the middle, so that the log can grow at both ends for ever. */
#define FIRST_NUMBER (UINT64_C(1) << 62)

struct live_log {
    /* constant after init */
    size_t bytes, events;
    char *text;
    struct live_event *records;
    uint64_t *places; /* of each record's text, counted without an end */
    /* the loop's thread only */
    bool is_open;
    int64_t base, last;
    uint64_t begin, end; /* numbers */
    uint64_t back;       /* place behind the newest text */
};

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

struct live_log *live_log_new(size_t bytes, size_t events)
{
    struct live_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return NULL;
    log->bytes = bytes;
    log->events = events;
    log->text = map(bytes);
    log->records = map(events * sizeof *log->records);
    log->places = map(events * sizeof *log->places);
    log->begin = log->end = FIRST_NUMBER;
    log->back = FIRST_NUMBER / bytes * bytes;
    if (log->text != NULL && log->records != NULL && log->places != NULL)
        return log;
    live_log_free(log);
    return NULL;
}

static void unmap(void *memory, size_t bytes)
{
    if (memory != NULL)
        (void)munmap(memory, bytes); /* the whole of what was mapped */
}

void live_log_free(struct live_log *log)
{
    if (log == NULL)
        return;
    unmap(log->text, log->bytes);
    unmap(log->records, log->events * sizeof *log->records);
    unmap(log->places, log->events * sizeof *log->places);
    free(log);
}

/* --- places ----------------------------------------------------------------------------------- */

static uint64_t place_of(const struct live_log *log, uint64_t number)
{
    return log->places[number % log->events];
}

/* Of the oldest text; what is empty has both ends in one place. */
static uint64_t front_of(const struct live_log *log)
{
    return log->begin == log->end ? log->back : place_of(log, log->begin);
}

static void store(struct live_log *log, uint64_t number, uint64_t place,
                  const struct live_event *event)
{
    struct live_event *record = &log->records[number % log->events];
    char *text = log->text + place % log->bytes;
    *record = *event;
    record->text = text;
    memcpy(text, event->text, event->text_len);
    log->places[number % log->events] = place;
}

static void drop_oldest(struct live_log *log)
{
    log->base = live_log_at(log, log->begin)->id;
    log->begin++;
}

/* --- the ends --------------------------------------------------------------------------------- */

void live_log_open(struct live_log *log, int64_t last)
{
    log->is_open = true;
    log->base = log->last = last;
    log->begin = ++log->end; /* nobody stands here yet: all have missed something */
}

bool live_log_is_open(const struct live_log *log)
{
    return log->is_open;
}

bool live_log_push(struct live_log *log, const struct live_event *event)
{
    assert(log->is_open && event->id > log->last);
    const size_t len = event->text_len;
    log->last = event->id;
    if (len > log->bytes)
        return false;
    uint64_t place = log->back;
    if (place % log->bytes + len > log->bytes)
        place += log->bytes - place % log->bytes;
    while (log->begin < log->end &&
           (log->end - log->begin == log->events || place + len - front_of(log) > log->bytes))
        drop_oldest(log);
    store(log, log->end++, place, event);
    log->back = place + len;
    return true;
}

bool live_log_push_front(struct live_log *log, const struct live_event *event)
{
    assert(log->is_open && event->id <= log->base);
    const size_t len = event->text_len;
    const uint64_t front = front_of(log);
    if (log->end - log->begin == log->events || len > log->bytes)
        return false;
    uint64_t place = front - len;
    if (place % log->bytes + len > log->bytes)
        place = front - front % log->bytes - len;
    if (log->back - place > log->bytes)
        return false;
    store(log, --log->begin, place, event);
    log->base = event->id - 1;
    return true;
}

void live_log_set_last(struct live_log *log, int64_t last)
{
    assert(last >= log->last);
    log->last = last;
}

void live_log_set_base(struct live_log *log, int64_t base)
{
    assert(base <= log->base);
    log->base = base;
}

/* --- questions -------------------------------------------------------------------------------- */

int64_t live_log_base(const struct live_log *log)
{
    return log->base;
}

int64_t live_log_last(const struct live_log *log)
{
    return log->last;
}

uint64_t live_log_begin(const struct live_log *log)
{
    return log->begin;
}

uint64_t live_log_end(const struct live_log *log)
{
    return log->end;
}

const struct live_event *live_log_at(const struct live_log *log, uint64_t number)
{
    assert(number >= log->begin && number < log->end);
    return &log->records[number % log->events];
}

uint64_t live_log_behind(const struct live_log *log, int64_t id)
{
    uint64_t low = log->begin;
    uint64_t high = log->end;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (live_log_at(log, middle)->id > id)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
