/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/recording/replay_source.h"

#include "cmd/ingestor/recording/message_line.h"
#include "common/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Short enough for the loop's reports and beats. */
#define TURN_US       (50 * (mono_us)US_PER_MS)
#define LONGEST_MS    100
#define FULL_MS       1
#define WARNINGS_MAX  20
#define MESSAGES_LOOK 64   /* messages between two looks at the clock */
#define SKIPPED_MAX   1000 /* lines without a message in one go */

struct replay_source {
    /* constant after open */
    struct replay_params params;
    FILE *file;
    char *line, *scratch;
    /* reading */
    uint64_t line_number;
    bool is_at_end;
    struct replay_counts counts;
    /* the message in hand */
    bool has_message;
    struct ring_message message;
    /* pace: the first message with a receipt sets the zero of both clocks */
    bool has_pace;
    wall_us first_receipt;
    mono_us first_at;
};

enum status replay_source_open(const struct replay_params *params,
                               struct replay_source **out_source, struct err *err)
{
    struct replay_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, params->path, "no memory for the replay");
    source->params = *params;
    source->line = malloc(MESSAGE_LINE_MAX);
    source->scratch = malloc(MESSAGE_LINE_MAX);
    enum status status = STATUS_OK;
    if (source->line == NULL || source->scratch == NULL)
        status = err_set(err, STATUS_NO_MEMORY, 0, params->path, "no memory for the replay");
    if (status == STATUS_OK) {
        source->file = fopen(params->path, "re");
        if (source->file == NULL)
            status = err_set(err, STATUS_IO, errno, params->path, "%s", strerror(errno));
    }
    if (status != STATUS_OK) {
        replay_source_close(source);
        return status;
    }
    *out_source = source;
    return STATUS_OK;
}

void replay_source_close(struct replay_source *source)
{
    if (source == NULL)
        return;
    if (source->file != NULL)
        IGNORE(fclose(source->file), "read-only");
    free(source->line);
    free(source->scratch);
    free(source);
}

static void count_malformed(struct replay_source *source, const char *why)
{
    if (++source->counts.malformed > WARNINGS_MAX)
        return;
    log_event(LOG_WARN, "replay",
              source->counts.malformed == WARNINGS_MAX
                  ? "line skipped; further ones are only counted"
                  : "line skipped",
              KV(KV_STR("file", source->params.path), KV_INT("line", source->line_number),
                 KV_STR("reason", why)));
}

/* The next line without its end. False: there is none. *out_is_whole false: too long, the
 * rest is skipped. */
static bool read_line(struct replay_source *source, size_t *out_len, bool *out_is_whole)
{
    size_t len = 0;
    int c;
    while ((c = getc_unlocked(source->file)) != EOF && c != '\n') {
        if (len < MESSAGE_LINE_MAX)
            source->line[len] = (char)c;
        len++;
    }
    if (ferror(source->file)) {
        log_event(LOG_ERROR, "replay", "file can't be read further",
                  KV(KV_STR("file", source->params.path), KV_INT("line", source->line_number + 1),
                     KV_STR("error", strerror(errno))));
        source->counts.has_failed = true;
        return false;
    }
    if (c == EOF && len == 0)
        return false;
    source->line_number++;
    *out_is_whole = len <= MESSAGE_LINE_MAX;
    *out_len = len;
    return true;
}

static bool is_blank(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    }
    return true;
}

/* The next message to hand over; false at the end of the file, or after many lines
 * that hold none. */
static bool read_message(struct replay_source *source)
{
    size_t len = 0;
    bool is_whole = false;
    for (int skipped = 0; skipped < SKIPPED_MAX; skipped++) {
        const char *why = "longer than 2 MiB";
        if (!read_line(source, &len, &is_whole)) {
            source->is_at_end = true;
            return false;
        }
        if (!is_whole) {
            count_malformed(source, why);
            continue;
        }
        if (is_blank(source->line, len))
            continue;
        if (message_line_parse(source->line, len, source->scratch, &source->message, &why)) {
            source->has_message = true;
            return true;
        }
        count_malformed(source, why);
    }
    return false;
}

/* Microseconds until the message in hand is due. */
static mono_us time_until_due(struct replay_source *source, mono_us now)
{
    const wall_us receipt = source->message.receipt;
    if (source->params.speed <= 0 || receipt == 0)
        return 0;
    if (!source->has_pace) {
        source->has_pace = true;
        source->first_receipt = receipt;
        source->first_at = now;
        return 0;
    }
    const double offset = (double)(receipt - source->first_receipt) / source->params.speed;
    const double wait = offset - (double)(now - source->first_at);
    /* Further than a day is the same as a day: the turn ends after 100 ms anyway. */
    return wait <= 0 ? 0 : wait > 86400e6 ? (mono_us)86400 * US_PER_S : (mono_us)wait;
}

static int wait_ms(mono_us wait)
{
    const mono_us ms = (wait + US_PER_MS - 1) / US_PER_MS;
    return ms > LONGEST_MS ? LONGEST_MS : (int)ms;
}

int replay_source_turn(struct replay_source *source, mono_us now)
{
    const struct replay_params *params = &source->params;
    const mono_us end = now + TURN_US;
    for (unsigned n = 1;; n++) {
        if (!source->has_message && (source->is_at_end || !read_message(source)))
            return source->is_at_end ? LONGEST_MS : 0;
        const mono_us wait = time_until_due(source, now);
        if (wait > 0)
            return wait_ms(wait);
        if (!params->has_room(params->context, &source->message))
            return FULL_MS;
        params->on_message(params->context, &source->message);
        source->counts.messages++;
        source->has_message = false;
        if (n % MESSAGES_LOOK == 0)
            now = clock_mono();
        if (now >= end)
            return 0;
    }
}

bool replay_source_is_done(const struct replay_source *source)
{
    return source->is_at_end && !source->has_message;
}

void replay_source_counts(const struct replay_source *source, struct replay_counts *out)
{
    *out = source->counts;
}
