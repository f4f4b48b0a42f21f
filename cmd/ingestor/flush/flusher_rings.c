/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/flusher_rings.h"

#include "cmd/ingestor/flush/flusher_database.h"
#include "cmd/ingestor/flush/flusher_publish.h"
#include "cmd/ingestor/shared/lock_file.h"
#include "common/base/log.h"
#include "common/ring/ring_standing.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define RING_RETRY_US (30 * (mono_us)US_PER_S)

static bool is_attached(const struct flusher *f, const char *path)
{
    for (size_t i = 0; i < f->ring_count; i++) {
        if (strcmp(f->rings[i].path, path) == 0)
            return true;
    }
    return false;
}

static bool is_oldest_of_chain(const struct flusher *f, const struct flusher_ring *ring)
{
    for (size_t i = 0; i < f->ring_count; i++) {
        const struct flusher_ring *other = &f->rings[i];
        if (other != ring && memcmp(other->info.chain, ring->info.chain, RING_UUID_BYTES) == 0 &&
            other->info.created < ring->info.created)
            return false;
    }
    return true;
}

static bool is_newest_of_chain(const struct flusher *f, const struct flusher_ring *ring)
{
    for (size_t i = 0; i < f->ring_count; i++) {
        const struct flusher_ring *other = &f->rings[i];
        if (memcmp(other->info.chain, ring->info.chain, RING_UUID_BYTES) == 0 &&
            other->info.created > ring->info.created)
            return false;
    }
    return true;
}

void flusher_rings_detach(struct flusher *f, size_t index)
{
    ring_reader_close(f->rings[index].reader);
    f->rings[index] = f->rings[--f->ring_count];
}

/* It can't be opened now: no descriptor, no memory, a newer format. */
static void try_later(struct flusher *f, const char *path, const char *why)
{
    ring_troubles_note(&f->troubles, RING_TROUBLE_UNREADABLE, path, why, clock_mono());
}

/* The writer's lock, which nobody may hold while its ring is deleted: a source that is configured
 * again at this moment would write into a file without a name, and nobody would ever read it; nor
 * while it is renamed. -1 = a receiver holds it (it may still be ending), or it can't be had. */
static int lock_writer(const struct flusher *f, const char *source)
{
    char path[PATH_MAX];
    if (!ring_lock_path(f->config->spool_dir, source, path, sizeof path))
        return -1;
    int fd = -1;
    if (lock_file_try(path, &fd) == STATUS_OK)
        return fd;
    if (fd >= 0)
        IGNORE(close(fd), "holds nothing");
    return -1;
}

/* For flusher_lost: the chain of the ring whose name it has, and the counts that its head says. */
static void keep_counts(struct flusher *f, const char *path, const struct ring_place_of *place)
{
    struct store_ring row;
    uint8_t uuid[RING_UUID_BYTES];
    if (!place->is_counted || !ring_name_read_uuid(path, uuid) ||
        store_cursor_load(f->store, uuid, &row) != STATUS_OK ||
        f->aside_count == FLUSHER_ASIDES_MAX)
        return;
    struct flusher_aside *aside = &f->asides[f->aside_count++];
    *aside = (struct flusher_aside){.last = {.tuple = place->tuple,
                                             .capacity_records = 1,
                                             .chain_created_unix_us = row.created_ms * US_PER_MS}};
    memcpy(aside->last.chain, row.chain, sizeof row.chain);
    (void)snprintf(aside->source, sizeof aside->source, "%s", row.source);
}

static void move_aside(struct flusher *f, const char *path, const struct ring_place_of *place,
                       struct err *err)
{
    char waiting[24] = "unknown";
    if (place->is_counted)
        (void)snprintf(waiting, sizeof waiting, "%" PRIu64, place->waiting);
    log_event(LOG_ERROR, "flusher",
              "ring file is damaged or foreign: moved aside (.damaged-<time>), what waited in it is"
              " not stored",
              KV(KV_STR("ring", path), KV_STR("error", err->text), KV_STR("waiting", waiting)));
    (void)snprintf(f->aside_text, sizeof f->aside_text,
                   "%.100s: %.60s; moved aside, waiting in it: %s", strrchr(path, '/') + 1,
                   err->text, waiting);
    f->aside_until = clock_mono() + FLUSHER_ASIDE_SAID_US;
    if (ring_move_aside(path, err) != STATUS_OK)
        try_later(f, path, err->text);
}

/* Somebody renamed it. Its name is found by the look that follows. */
static void put_right(struct flusher *f, const char *path, const struct ring_place_of *place)
{
    struct err err = {.text = "a ring under a wrong name: its source's receiver puts it right when"
                              " it starts"};
    bool is_exchanged = false;
    const int lock_fd = lock_writer(f, place->source);
    const bool is_right =
        lock_fd >= 0 && ring_put_right(path, place, &is_exchanged, &err) == STATUS_OK;
    if (lock_fd >= 0)
        IGNORE(close(lock_fd), "releases the lock");
    if (is_right)
        log_event(LOG_WARN, "flusher", "ring file stood under a wrong name: put right",
                  KV(KV_STR("source", place->source), KV_STR("ring", place->path),
                     KV_STR("stood", path)));
    try_later(f, path, is_right ? "put under its own name" : err.text);
}

/* With the folder's lock: who puts rings right in this moment changes what the name leads to. */
static void handle_corrupt(struct flusher *f, const char *path, struct err *err)
{
    struct ring_place_of place;
    const int folder_fd = ring_folder_lock(f->config->spool_dir, false);
    const enum ring_standing standing = ring_standing_look(path, &place);
    if (standing == RING_STANDS_UNKNOWN)
        try_later(f, path, err->text);
    else if (standing == RING_STANDS_RIGHT || folder_fd < 0)
        try_later(f, path, "a receiver is looking through spoolDir");
    else if (standing == RING_STANDS_WRONG)
        put_right(f, path, &place);
    else {
        if (standing == RING_STANDS_FOREIGN)
            keep_counts(f, path, &place);
        move_aside(f, path, &place, err);
    }
    if (folder_fd >= 0)
        IGNORE(close(folder_fd), "releases the lock");
}

/* Where a ring may stand when the table is full: the place of one whose turn comes later. Of a
 * chain that has rings in the table that is its newest, if it is newer than `info`; else the newest
 * of any chain that waits behind another. So of each chain the oldest are attached, and no source's
 * rings keep those of another one out. */
static struct flusher_ring *place_of_later(struct flusher *f, const struct ring_info *info)
{
    struct flusher_ring *newest_own = NULL;
    struct flusher_ring *newest = NULL;
    for (size_t i = 0; i < f->ring_count; i++) {
        struct flusher_ring *ring = &f->rings[i];
        const bool is_own = memcmp(ring->info.chain, info->chain, RING_UUID_BYTES) == 0;
        if (is_own && (newest_own == NULL || ring->info.created > newest_own->info.created))
            newest_own = ring;
        if (!ring->is_active && !is_oldest_of_chain(f, ring) &&
            (newest == NULL || ring->info.created > newest->info.created))
            newest = ring;
    }
    if (newest_own == NULL)
        return newest;
    return !newest_own->is_active && newest_own->info.created > info->created ? newest_own : NULL;
}

/* A place in the table; NULL = none, and said. */
static struct flusher_ring *place_for(struct flusher *f, const char *path,
                                      const struct ring_info *info)
{
    if (f->ring_count == FLUSHER_RINGS_MAX) {
        struct flusher_ring *later = place_of_later(f, info);
        char why[160];
        (void)snprintf(why, sizeof why, "%d rings are open already", FLUSHER_RINGS_MAX);
        ring_troubles_note(&f->troubles, RING_TROUBLE_NO_ROOM, later != NULL ? later->path : path,
                           why, clock_mono());
        if (later == NULL)
            return NULL;
        flusher_rings_detach(f, (size_t)(later - f->rings));
    }
    return &f->rings[f->ring_count++];
}

static void open_ring(struct flusher *f, const char *path)
{
    struct ring_reader *reader = NULL;
    struct ring_info info;
    struct err err = {0};
    const enum status status = ring_reader_open(path, &reader, &err);
    if (status == STATUS_CORRUPT)
        handle_corrupt(f, path, &err);
    else if (status != STATUS_OK)
        try_later(f, path, err.text[0] != '\0' ? err.text : status_text(status));
    if (status != STATUS_OK)
        return;
    ring_reader_info(reader, &info);
    struct flusher_ring *ring = place_for(f, path, &info);
    if (ring == NULL) {
        ring_reader_close(reader);
        return;
    }
    *ring = (struct flusher_ring){.reader = reader, .info = info};
    (void)snprintf(ring->path, sizeof ring->path, "%s", path);
    if (f->strike_inflight)
        ring_reader_strike_inflight(ring->reader);
    else
        ring_reader_clear_inflight(ring->reader);
    ring->source = config_find_source(f->config, ring->info.source);
    const bool is_injection =
        f->config->api_key != NULL && strcmp(ring->info.source, CONFIG_HTTP_SOURCE) == 0;
    ring->is_orphan = ring->source == NULL && !is_injection;
}

/* Open what is not attached. A folder that can't be listed is a trouble like any other: what is
 * attached goes on. */
static void open_new_rings(struct flusher *f)
{
    const char *folder = f->config->spool_dir;
    DIR *dir = opendir(folder);
    int error = dir == NULL ? errno : 0;
    while (dir != NULL) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            error = errno;
            break;
        }
        char path[PATH_MAX];
        if (ring_name_is_any(entry->d_name) &&
            ring_path(folder, entry->d_name, path, sizeof path) && !is_attached(f, path))
            open_ring(f, path);
    }
    if (dir != NULL)
        IGNORE(closedir(dir), "read-only");
    if (error != 0)
        ring_troubles_note(&f->troubles, RING_TROUBLE_FOLDER, folder, strerror(error),
                           clock_mono());
}

/* What the chain has consumed so far and the number to go on with must agree. A difference is
 * counted, never skipped silently: what the database lacks is lost (it was restored or deleted);
 * what the ring lacks (power loss, a restored spool) was received all the same. That is for the
 * chain's last ring to say: one that was put back beside its successor forgot nothing. */
static void reconcile(const struct flusher *f, struct flusher_ring *ring)
{
    const uint64_t reached = ring->base.consumed + ring->row.tuple.consumed - ring->base.recovered -
                             ring->row.tuple.recovered;
    const uint64_t number = ring->row.cursor.number;
    if (number > reached) {
        const uint64_t lost = number - reached;
        log_event(LOG_ERROR, "flusher",
                  "the database lacks records that the ring has freed: restored or new?",
                  KV(KV_STR("source", ring->info.source), KV_INT("records", lost)));
        ring->row.tuple.consumed += lost;
        ring->row.tuple.outcomes[OUTCOME_DROPPED_GAP] += lost;
    } else if (number < reached && is_newest_of_chain(f, ring)) {
        log_event(
            LOG_ERROR, "flusher",
            "the ring has gone back behind what the database holds (an older one was put back,"
            " or power was lost): reading on where its writer began since",
            KV(KV_STR("source", ring->info.source), KV_INT("records", reached - number),
               KV_INT("from", number), KV_STR("ring", ring->path)));
        ring->row.tuple.recovered += reached - number;
    }
}

/* Where to go on: the later of the database's cursor and what the ring has freed. */
static enum status activate(struct flusher *f, struct flusher_ring *ring)
{
    enum status status = store_cursor_load(f->store, ring->info.uuid, &ring->row);
    const bool is_known = status == STATUS_OK;
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    if (!is_known) {
        ring->row = (struct store_ring){.cursor = ring->info.tail};
        memcpy(ring->row.uuid, ring->info.uuid, RING_UUID_BYTES);
    }
    memcpy(ring->row.chain, ring->info.chain, RING_UUID_BYTES);
    (void)snprintf(ring->row.source, sizeof ring->row.source, "%s", ring->info.source);
    ring->row.created_ms = ring->info.created / US_PER_MS;
    status = store_chain_sum(f->store, ring->info.chain, ring->info.uuid, &ring->base);
    if (status != STATUS_OK)
        return status;
    ring->committed = ring->row;
    limit_log_init(&ring->limits, ring->committed.tuple.outcomes);

    uint64_t gap = 0;
    uint64_t forgotten = 0;
    ring_reader_seek(ring->reader, &ring->row.cursor, &gap, &forgotten);
    ring_reader_position(ring->reader, &ring->row.cursor);
    reconcile(f, ring);
    ring->has_changed = true; /* so that the row exists, and what was found is counted once */
    ring->durable = ring->asked = ring->info.tail;
    ring->is_active = true;
    return STATUS_OK;
}

enum status flusher_rings_attach(struct flusher *f)
{
    assert(f->state == FLUSHER_OPENING || f->state == FLUSHER_IDLE);
    /* Before the scan, hence acquire: a ring made during it is found by the next one. */
    f->seen_generation = atomic_load_explicit(&f->cb->rings_generation, memory_order_acquire);
    ring_troubles_begin(&f->troubles);
    open_new_rings(f);
    ring_troubles_end(&f->troubles, clock_mono());
    f->has_unjudged_chains = true;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < f->ring_count; i++) {
        if (!f->rings[i].is_active && is_oldest_of_chain(f, &f->rings[i]) &&
            !ring_troubles_hold(&f->troubles, f->rings[i].path))
            status = activate(f, &f->rings[i]);
    }
    return status;
}

void flusher_rings_close(struct flusher *f)
{
    while (f->ring_count > 0)
        flusher_rings_detach(f, f->ring_count - 1);
}

uint64_t flusher_rings_waiting(const struct flusher *f)
{
    uint64_t waiting = 0;
    for (size_t i = 0; i < f->ring_count; i++) {
        uint64_t records = 0;
        uint64_t bytes = 0;
        if (f->rings[i].is_active)
            ring_reader_backlog(f->rings[i].reader, &records, &bytes);
        waiting += records;
    }
    return waiting;
}

bool flusher_rings_have_changed(const struct flusher *f)
{
    for (size_t i = 0; i < f->ring_count; i++) {
        if (f->rings[i].has_changed)
            return true;
    }
    return false;
}

/* With the receiver's half as it is now: it is all that is left of it when the file is gone. */
static enum status save_ring(struct flusher *f, struct flusher_ring *ring)
{
    struct receiver_tuple tuple;
    ring_reader_receiver_tuple(ring->reader, &tuple);
    ring->row.appended = tuple.appended;
    enum status status = store_cursor_save(f->store, &ring->row);
    if (status == STATUS_OK)
        status = refusal_writer_gap(&f->refused, ring->info.source,
                                    ring->row.tuple.outcomes[OUTCOME_DROPPED_GAP] -
                                        ring->committed.tuple.outcomes[OUTCOME_DROPPED_GAP]);
    if (status == STATUS_OK && !ring->is_noted)
        status = store_chain_reopen(f->store, ring->info.chain);
    if (status == STATUS_OK &&
        memcmp(tuple.outcomes, ring->noted.outcomes, sizeof tuple.outcomes) != 0)
        status = store_chain_note(f->store, ring->info.chain, &tuple, &ring->noted);
    ring->noted = tuple;
    ring->is_noted = true;
    if (store_outbox(f->store) != NULL)
        outbox_note(store_outbox(f->store), ring->info.chain, &ring->committed.tuple,
                    &ring->row.tuple);
    return status;
}

enum status flusher_rings_save(struct flusher *f)
{
    assert(f->state == FLUSHER_WRITING);
    for (size_t i = 0; i < f->ring_count; i++) {
        if (!f->rings[i].has_changed)
            continue;
        const enum status status = save_ring(f, &f->rings[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Of the reasons on this side of the ring. */
static bool has_lost(const struct flusher_ring *ring)
{
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
        if (outcome_is_loss(o) && ring->row.tuple.outcomes[o] != ring->committed.tuple.outcomes[o])
            return true;
    }
    return false;
}

static void set_durable(struct flusher_ring *ring, const struct ring_cursor *to)
{
    ring->durable = *to;
    ring_reader_free(ring->reader, &ring->durable);
}

void flusher_rings_committed(struct flusher *f, bool durable)
{
    assert(f->state == FLUSHER_WRITING);
    for (size_t i = 0; i < f->ring_count; i++) {
        struct flusher_ring *ring = &f->rings[i];
        if (!ring->is_active)
            continue;
        if (ring->has_changed && ring->row.tuple.consumed != ring->committed.tuple.consumed)
            ring->last_message_unix = f->last_commit_unix;
        if (ring->has_changed && has_lost(ring))
            control_block_stamp(f->cb, METRIC_LAST_LOSS);
        if (ring->has_changed)
            ring->committed = ring->row;
        ring->has_changed = false;
        if (durable)
            ring_reader_confirm(ring->reader);
        if (durable && ring->durable.offset != ring->committed.cursor.offset)
            set_durable(ring, &ring->committed.cursor);
    }
}

void flusher_rings_sync_asked(struct flusher *f)
{
    assert(f->state == FLUSHER_IDLE);
    for (size_t i = 0; i < f->ring_count; i++) {
        if (f->rings[i].is_active)
            f->rings[i].asked = f->rings[i].committed.cursor;
    }
}

void flusher_rings_synced(struct flusher *f)
{
    assert(f->state == FLUSHER_IDLE);
    for (size_t i = 0; i < f->ring_count; i++) {
        struct flusher_ring *ring = &f->rings[i];
        /* A FULL commit meanwhile may have been further; a new ring is not in it. */
        if (!ring->is_active || ring->asked.offset <= ring->durable.offset)
            continue;
        ring_reader_confirm(ring->reader);
        set_durable(ring, &ring->asked);
    }
}

bool flusher_rings_is_finished(const struct flusher_ring *ring)
{
    uint64_t records = 0;
    uint64_t bytes = 0;
    ring_reader_backlog(ring->reader, &records, &bytes);
    return records == 0 && bytes == 0 && !ring->has_changed &&
           ring->durable.offset == ring->committed.cursor.offset;
}

/* Returns true when the ring's file was deleted. */
static bool retire_ring(struct flusher *f, size_t index)
{
    struct flusher_ring *ring = &f->rings[index];
    const enum ring_file file = ring_reader_look(ring->reader, ring->path);
    if (file == RING_FILE_NAMELESS || file == RING_FILE_REPLACED)
        return false; /* what stands there now is another file */
    if (unlink(ring->path) != 0 && errno != ENOENT) {
        log_event(LOG_WARN, "flusher", "drained ring can't be deleted, tried again later",
                  KV(KV_STR("ring", ring->path), KV_STR("error", strerror(errno))));
        ring->retire_at = clock_mono() + RING_RETRY_US;
        return false;
    }
    log_event(
        LOG_INFO, "flusher", "ring drained and deleted",
        KV(KV_STR("source", ring->info.source), KV_INT("records", ring->committed.tuple.consumed)));
    flusher_rings_detach(f, index);
    return true;
}

/* The receiver's last word on a source that is gone stays with its ledger row. */
enum status flusher_rings_close_chain(struct flusher *f, const struct flusher_ring *ring)
{
    struct receiver_tuple tuple;
    ring_reader_receiver_tuple(ring->reader, &tuple);
    enum status status = flusher_database_begin(f, true);
    if (status == STATUS_OK)
        status = store_chain_close(f->store, ring->info.chain, &tuple);
    if (status == STATUS_OK)
        status = flusher_database_commit(f, true);
    if (status != STATUS_OK)
        return status;
    flusher_enter(f, FLUSHER_IDLE);
    flusher_publish_sources(f); /* the last look at this ring's header */
    return STATUS_OK;
}

/* An orphan: the end of its chain. */
static enum status retire_orphan(struct flusher *f, size_t index, bool *out_deleted)
{
    const int lock_fd = lock_writer(f, f->rings[index].info.source);
    if (lock_fd < 0)
        return STATUS_OK;
    enum status status = STATUS_OK;
    /* Its writer could have pushed its last records before it let the lock go, or sealed it. */
    if (flusher_rings_is_finished(&f->rings[index]) &&
        !ring_reader_is_sealed(f->rings[index].reader)) {
        status = flusher_rings_close_chain(f, &f->rings[index]);
        if (status == STATUS_OK)
            *out_deleted |= retire_ring(f, index);
    }
    IGNORE(close(lock_fd), "releases the lock");
    return status;
}

enum status flusher_rings_retire(struct flusher *f, bool *out_deleted)
{
    assert(f->state == FLUSHER_IDLE);
    enum status status = STATUS_OK;
    *out_deleted = false;
    for (size_t i = f->ring_count; status == STATUS_OK && i-- > 0;) {
        const struct flusher_ring *ring = &f->rings[i];
        if (!ring->is_active || !flusher_rings_is_finished(ring) ||
            (ring->retire_at != 0 && clock_mono() < ring->retire_at))
            continue;
        /* Sealed before the look at what is in it: nothing comes after a seal. */
        const bool is_sealed = ring_reader_is_sealed(ring->reader);
        if (is_sealed && flusher_rings_is_finished(ring))
            *out_deleted |= retire_ring(f, i);
        else if (!is_sealed && ring->is_orphan)
            status = retire_orphan(f, i, out_deleted);
    }
    return status;
}
