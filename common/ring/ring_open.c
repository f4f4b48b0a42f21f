/* SPDX-License-Identifier: MIT */
#include "common/ring/ring_open.h"

#include "common/base/clock.h"
#include "common/ring/ring_files.h"
#include "common/ring/ring_names.h"
#include "common/ring/ring_standing.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

/* Of one name, one after the other: of a circle each ring needs one. */
#define EXCHANGES_MAX 256

struct opening {
    const struct ring_params *params;
    struct ring_open_report report;
    struct ring_map newest; /* the unsealed ring created last; header NULL = none */
    char boot_id[CLOCK_BOOT_ID_BYTES];
    char escaped[RING_ESCAPED_MAX]; /* the source, as file names have it */
};

/* An entry of the folder. */
typedef enum status consider_fn(struct opening *opening, const char *name, struct err *err);

/* --- one old ring ----------------------------------------------------------------------------- */

/* In the boot that wrote them the page cache makes head and data exact: of the file that its writer
 * wrote to. A copy is of some earlier moment, or of several. */
static bool can_trust_head(const struct opening *opening, const struct ring_map *map,
                           struct ring_head *out_head)
{
    return clock_is_same_boot(opening->boot_id, map->fixed.boot_id) && ring_map_is_in_place(map) &&
           ring_head_read(map, out_head);
}

static bool can_be_used_on(const struct opening *opening, const struct ring_map *map,
                           const struct ring_head *head)
{
    struct ring_cursor tail;
    return map->fixed.capacity_records == opening->params->capacity_records &&
           map->fixed.capacity_bytes == opening->params->capacity_bytes &&
           ring_tail_read(map, &tail) && tail.offset <= head->write_off &&
           tail.number <= head->next_no &&
           head->write_off - tail.offset <= map->fixed.capacity_bytes &&
           head->next_no - tail.number <= map->fixed.capacity_records;
}

/* The last head of a ring that is about to be sealed, written into it: the reader, and a later
 * opening if this one is killed, find the same. */
static void finalize_head(struct opening *opening, struct ring_map *map, struct ring_head *out_head)
{
    if (can_trust_head(opening, map, out_head))
        return;
    opening->report.recovered_records += ring_head_recover(map, out_head);
    ring_head_write(map->header, out_head);
}

static enum status seal(struct opening *opening, struct ring_map *map, struct err *err)
{
    /* Release: behind the last head; pairs with ring_is_sealed. */
    atomic_store_explicit(&map->header->sealed, RING_SEALED, memory_order_release);
    opening->report.sealed++;
    if (msync(map->header, RING_HEADER_BYTES, MS_SYNC) != 0)
        return err_set(err, STATUS_IO, errno, map->fixed.source, "can't sync a sealed ring: %s",
                       strerror(errno));
    return STATUS_OK;
}

/* --- all old rings of the source -------------------------------------------------------------- */

/* Keep the newer of two unsealed rings, seal the other. Takes `map`. */
static enum status keep_newer(struct opening *opening, struct ring_map *map, struct err *err)
{
    if (opening->newest.header == NULL) {
        opening->newest = *map;
        return STATUS_OK;
    }
    struct ring_map older = *map;
    if (map->fixed.created > opening->newest.fixed.created) {
        older = opening->newest;
        opening->newest = *map;
    }
    struct ring_head head;
    finalize_head(opening, &older, &head);
    const enum status status = seal(opening, &older, err);
    ring_map_close(&older);
    return status;
}

static enum status consider_ring(struct opening *opening, const char *path, struct err *err)
{
    struct ring_map map;
    enum status status = ring_map_open(path, &map, err);
    if (status == STATUS_CORRUPT) {
        opening->report.left++;
        (void)snprintf(opening->report.left_why, sizeof opening->report.left_why, "%.100s",
                       err->text);
        return STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK; /* a drained one that the flusher deleted just now */
    if (status != STATUS_OK)
        return status;
    if (!ring_is_sealed(&map))
        return keep_newer(opening, &map, err);
    ring_map_close(&map);
    return STATUS_OK;
}

static enum status consider_entry(struct opening *opening, const char *name, struct err *err)
{
    const bool is_temporary = ring_name_is_temporary_of(name, opening->escaped);
    if (!is_temporary && !ring_name_is_of(name, opening->escaped))
        return STATUS_OK;
    char path[PATH_MAX];
    if (!ring_path(opening->params->dir, name, path, sizeof path))
        return err_set(err, STATUS_INVALID, 0, opening->params->dir, "path too long");
    if (!is_temporary)
        return consider_ring(opening, path, err);
    if (unlink(path) != 0 && errno != ENOENT)
        return err_set(err, STATUS_IO, errno, path, "can't remove half a ring: %s",
                       strerror(errno));
    return STATUS_OK;
}

/* A ring of ours under a name that is not its own, and then what it was exchanged with. One that
 * can't be put right stays: the flusher says so. */
static enum status put_right_entry(struct opening *opening, const char *name, struct err *err)
{
    char path[PATH_MAX];
    bool is_exchanged = true;
    if (!ring_name_is_any(name) || !ring_path(opening->params->dir, name, path, sizeof path))
        return STATUS_OK;
    for (int i = 0; is_exchanged && i < EXCHANGES_MAX; i++) {
        struct ring_place_of place;
        if (ring_standing_look(path, &place) != RING_STANDS_WRONG ||
            strcmp(place.source, opening->params->source) != 0 ||
            ring_put_right(path, &place, &is_exchanged, err) != STATUS_OK)
            break;
        opening->report.put_right++;
    }
    return STATUS_OK;
}

static enum status walk(struct opening *opening, consider_fn *consider, struct err *err)
{
    DIR *const dir = opendir(opening->params->dir);
    if (dir == NULL)
        return err_set(err, STATUS_IO, errno, opening->params->dir,
                       "can't read the spool folder: %s", strerror(errno));
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        errno = 0;
        const struct dirent *const entry = readdir(dir);
        if (entry == NULL && errno != 0)
            status = err_set(err, STATUS_IO, errno, opening->params->dir,
                             "can't read the spool folder: %s", strerror(errno));
        if (entry == NULL)
            break;
        status = consider(opening, entry->d_name, err);
    }
    IGNORE(closedir(dir), "read-only descriptor");
    return status;
}

/* First to its own name what has another one, then all that have the source's. */
static enum status consider_directory(struct opening *opening, struct err *err)
{
    enum status status = STATUS_OK;
    const int lock_fd = ring_folder_lock(opening->params->dir, true);
    if (lock_fd >= 0)
        status = walk(opening, put_right_entry, err);
    if (status == STATUS_OK)
        status = walk(opening, consider_entry, err);
    if (lock_fd >= 0)
        IGNORE(close(lock_fd), "releases the lock");
    return status;
}

/* --- the ring to write ------------------------------------------------------------------------ */

static enum status random_uuid(uint8_t out[static RING_UUID_BYTES], struct err *err)
{
    /* Up to 256 bytes come whole and uninterrupted. */
    if (getrandom(out, RING_UUID_BYTES, 0) != RING_UUID_BYTES)
        return err_set(err, STATUS_IO, errno, NULL, "no random numbers: %s", strerror(errno));
    return STATUS_OK;
}

/* `before` is the ring to take over from, with its final head, or NULL for a new chain. */
static enum status make_ring(const struct opening *opening, const struct ring_static *before,
                             const struct ring_head *head, struct ring_map *out, struct err *err)
{
    const struct ring_params *const params = opening->params;
    struct ring_static fixed = {.version = RING_VERSION, .header_bytes = RING_HEADER_BYTES};
    memcpy(fixed.magic, RING_MAGIC, sizeof fixed.magic);
    const enum status status = random_uuid(fixed.uuid, err);
    if (status != STATUS_OK)
        return status;
    (void)snprintf(fixed.source, sizeof fixed.source, "%s", params->source);
    memcpy(fixed.boot_id, opening->boot_id, sizeof fixed.boot_id);
    fixed.capacity_records = params->capacity_records;
    fixed.capacity_bytes = params->capacity_bytes;
    fixed.first_number = head->next_no;
    fixed.created = clock_wall();
    fixed.chain_created = fixed.created;
    memcpy(fixed.chain, fixed.uuid, sizeof fixed.chain);
    if (before != NULL) {
        memcpy(fixed.chain, before->chain, sizeof fixed.chain);
        fixed.chain_created = before->chain_created;
        if (fixed.created <= before->created)
            fixed.created = before->created + 1;
    }
    ring_static_sign(&fixed);
    return ring_map_create(params->dir, &fixed, head, out, err);
}

static enum status take_over(struct opening *opening, struct ring_map *out_map,
                             struct ring_head *out_head, struct err *err)
{
    finalize_head(opening, &opening->newest, out_head);
    out_head->write_off = 0; /* offsets are those of one ring, numbers those of the chain */
    enum status status = make_ring(opening, &opening->newest.fixed, out_head, out_map, err);
    if (status != STATUS_OK)
        return status;
    opening->report.created = true;
    status = seal(opening, &opening->newest, err);
    if (status != STATUS_OK)
        ring_map_close(out_map);
    return status;
}

static enum status choose(struct opening *opening, struct ring_map *out_map,
                          struct ring_head *out_head, struct err *err)
{
    if (opening->newest.header == NULL) {
        *out_head = (struct ring_head){.write_off = 0};
        opening->report.created = true;
        return make_ring(opening, NULL, out_head, out_map, err);
    }
    if (can_trust_head(opening, &opening->newest, out_head) &&
        can_be_used_on(opening, &opening->newest, out_head)) {
        *out_map = opening->newest;
        ring_map_set_place(out_map);
        ring_opened_write(out_map->header, &(struct ring_cursor){.offset = out_head->write_off,
                                                                 .number = out_head->next_no});
        opening->newest = (struct ring_map){.fd = -1};
        return STATUS_OK;
    }
    return take_over(opening, out_map, out_head, err);
}

enum status ring_open_for_writing(const struct ring_params *params, struct ring_map *out_map,
                                  struct ring_head *out_head, struct ring_open_report *out_report,
                                  struct err *err)
{
    struct opening opening = {.params = params, .newest = {.fd = -1}};
    ring_escape_source(params->source, opening.escaped, sizeof opening.escaped);
    clock_boot_id(opening.boot_id);
    enum status status = consider_directory(&opening, err);
    if (status == STATUS_OK)
        status = choose(&opening, out_map, out_head, err);
    ring_map_close(&opening.newest);
    if (status == STATUS_OK)
        *out_report = opening.report;
    return status;
}
