/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/summary_run.h"

#include "cmd/server/summary/window_rows.h"

#include <sys/resource.h>
#include <time.h>

#define NICE 5 /* a third of what others get */

struct counting {
    const struct summary_run *run;
    struct summary *summary;
};

void summary_step_back(void)
{
    const int now = getpriority(PRIO_PROCESS, 0); /* on Linux: of the thread */
    IGNORE(setpriority(PRIO_PROCESS, 0, now + NICE), "then it is as important as a request");
}

void summary_rest(mono_us as_long)
{
    const struct timespec pause = clock_timespec(as_long);
    (void)nanosleep(&pause, NULL); /* cut short by nothing: all signals are blocked */
}

static void add_row(void *context, const struct reception *reception)
{
    const struct counting *c = context;
    if (c->run->is_wanted == NULL || c->run->is_wanted(c->run->context, reception->observer_id))
        summary_add(c->summary, reception);
}

static enum status begin_window(const struct summary_from *from, const struct tally_window *window,
                                struct window_rows *rows)
{
    return from->source != NULL
               ? from->source->begin(from->context, window->from_ms, window->to_ms,
                                     SUMMARY_ROWS_MAX, rows)
               : window_rows_begin(from->reader, window->from_ms, SUMMARY_ROWS_MAX, rows);
}

static enum status read_slice(struct counting *c, struct window_rows *rows, bool *out_over)
{
    const struct summary_from *from = &c->run->from;
    return from->source != NULL ? from->source->slice(from->context, rows, add_row, c, out_over)
                                : window_rows_slice(from->reader, rows, add_row, c, out_over);
}

/* All slices. False = not all were read. */
static bool read_window(struct counting *c, struct window_rows *rows)
{
    bool is_over = false;
    while (!is_over && !c->run->is_stopping(c->run->context)) {
        const mono_us began = clock_mono();
        if (read_slice(c, rows, &is_over) != STATUS_OK)
            return false;
        if (!is_over)
            summary_rest(clock_mono() - began);
    }
    return is_over;
}

struct summary *summary_count(const struct summary_run *run, uint64_t number)
{
    const int64_t now_ms = clock_wall() / US_PER_MS;
    struct tally_window window = {now_ms - SUMMARY_WINDOW_MS, now_ms};
    struct window_rows rows;
    if (begin_window(&run->from, &window, &rows) != STATUS_OK)
        return NULL;
    if (rows.is_empty && !run->may_be_empty)
        return NULL;
    const bool is_kept = rows.kept_from_ms <= window.from_ms;
    if (!is_kept)
        window.from_ms = rows.kept_from_ms < now_ms ? rows.kept_from_ms : now_ms;
    struct counting counting = {.run = run, .summary = summary_begin(&window)};
    if (counting.summary == NULL)
        return NULL;
    if (!read_window(&counting, &rows)) {
        summary_unref(counting.summary);
        return NULL;
    }
    summary_end(counting.summary, number,
                rows.is_cut ? SUMMARY_CUT_ROWS
                : is_kept   ? SUMMARY_WHOLE
                            : SUMMARY_CUT_RETENTION);
    return counting.summary;
}
