/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/tools/import.h"

#include "cmd/ingestor/envelope/rules.h"
#include "cmd/ingestor/shared/database_advice.h"
#include "cmd/ingestor/shared/outcome_text.h"
#include "cmd/ingestor/store/store.h"
#include "cmd/ingestor/store/store_tool.h"
#include "cmd/ingestor/tools/import_frame.h"
#include "cmd/ingestor/tools/import_source.h"
#include "cmd/ingestor/tools/tool.h"
#include "common/base/crypto.h"
#include "common/base/file.h"
#include "common/base/hex.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/db/schema.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Rows a transaction: what a kill costs at most, 0.1 s of work. */
#define BATCH_ROWS 2000
/* Pages of WAL before a checkpoint: 16 MiB. */
#define WAL_PAGES_MAX 4000

/* How many rows of the file's own table became how many of ours, and why not the others. */
struct tally {
    uint64_t rows, became;
    uint64_t repeated; /* the same in other capitals, or active and inactive */
    uint64_t unusable; /* no id, or no key */
    uint64_t filtered; /* by the lists of the configuration */
    uint64_t unproven; /* nodes without a verified advert */
};

struct import {
    const struct config *config;
    const char *file;
    struct rules *rules; /* limits are the store's, and not set */
    struct tool tool;
    struct import_source *source;
    char name[32];        /* of the job */
    struct store_job job; /* position: of observations; value: of transmissions without any */
    struct tool_progress progress;
    int64_t keep_from_ms; /* what is older will be pruned; 0 = nothing will */
    uint64_t rows, counts[OUTCOME_COUNT];
    uint64_t new_transmissions, new_observations, new_observers, new_metrics;
    uint64_t unnamed, old;
    struct tally nodes, observers;
};

/* --- errors ----------------------------------------------------------------------------------- */

static enum exit_code source_failed(const struct import *m, enum status status,
                                    const struct err *err)
{
    log_event(LOG_ERROR, "import",
              status == STATUS_CORRUPT
                  ? "file is damaged; import what `sqlite3 FILE .recover` makes of it"
                  : "file can't be read",
              KV(KV_STR("file", m->file), KV_STR("error", err->text)));
    return status == STATUS_INVALID     ? EXIT_BAD_DATA
           : status == STATUS_NO_MEMORY ? EXIT_NO_MEMORY
                                        : EXIT_IO;
}

static enum exit_code store_failed(const struct import *m, enum status status)
{
    const enum exit_code code =
        tool_store_failed(&m->tool, "database not writable; run the import again to go on", status);
    store_rollback(m->tool.store);
    return code;
}

/* --- the job's name --------------------------------------------------------------------------- */

static void add_part(struct crypto_part *parts, size_t *count, const void *bytes, size_t len)
{
    parts[(*count)++] = (struct crypto_part){bytes, len};
}

/* One digest for a list, so that the number of parts is fixed. */
static void digest_list(const struct config_list *list, uint8_t out[static 32])
{
    memset(out, 0, 32);
    for (size_t i = 0; i < list->count; i++) {
        const struct crypto_part parts[] = {{out, 32},
                                            {list->items[i], strlen(list->items[i]) + 1}};
        uint8_t next[32];
        crypto_sha256(parts, ARRAY_LEN(parts), next);
        memcpy(out, next, sizeof next);
    }
}

static void name_job(struct import *m)
{
    char path[PATH_MAX];
    char wal_path[PATH_MAX + 8];
    struct stat file = {0};
    struct stat wal = {0};
    if (realpath(m->file, path) == NULL)
        (void)snprintf(path, sizeof path, "%s", m->file);
    (void)snprintf(wal_path, sizeof wal_path, "%s-wal", path);
    const bool is_there = stat(path, &file) == 0;
    /* An empty WAL is made by whoever looks. */
    const bool has_wal = stat(wal_path, &wal) == 0 && wal.st_size > 0;
    const int64_t numbers[] = {
        is_there ? (int64_t)file.st_dev : 0,  is_there ? (int64_t)file.st_ino : 0,
        is_there ? (int64_t)file.st_size : 0, is_there ? file.st_mtim.tv_sec : 0,
        is_there ? file.st_mtim.tv_nsec : 0,  has_wal ? (int64_t)wal.st_size : 0,
        has_wal ? wal.st_mtim.tv_sec : 0,     has_wal ? wal.st_mtim.tv_nsec : 0,
        (int64_t)m->config->signature_mode,   m->config->drops_foreign_adverts,
        (int64_t)m->config->geo_filter.shape,
    };
    const struct config_list *lists[] = {
        &m->config->observer_blacklist, &m->config->observer_whitelist,
        &m->config->observer_iata_whitelist, &m->config->node_blacklist};
    const struct geo_area *area = &m->config->geo_filter;
    const double extent[] = {area->buffer_km, area->low.lat, area->low.lon, area->high.lat,
                             area->high.lon};
    uint8_t digests[ARRAY_LEN(lists)][32];
    struct crypto_part parts[5];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        digest_list(lists[i], digests[i]);
    add_part(parts, &count, path, strlen(path) + 1);
    add_part(parts, &count, numbers, sizeof numbers);
    add_part(parts, &count, digests, sizeof digests);
    add_part(parts, &count, extent, sizeof extent);
    add_part(parts, &count, area->points, area->count * sizeof *area->points);
    uint8_t hash[32];
    char digits[17];
    crypto_sha256(parts, count, hash);
    hex_encode_lower(hash, 8, digits);
    (void)snprintf(m->name, sizeof m->name, "import:%s", digits);
}

/* --- one row ---------------------------------------------------------------------------------- */

static void copy_text(char *dst, size_t cap, const char *text)
{
    (void)utf8_clean(dst, cap, (const uint8_t *)text, text != NULL ? strlen(text) : 0);
}

static void fill_envelope(struct import *m, const struct import_packet *row,
                          struct envelope *envelope)
{
    memset(envelope, 0, sizeof *envelope);
    envelope->kind = ENVELOPE_PACKET;
    copy_text(envelope->observer, sizeof envelope->observer, row->observer);
    copy_text(envelope->origin, sizeof envelope->origin, row->name);
    copy_text(envelope->region, sizeof envelope->region, row->iata);
    if (envelope->observer[0] == '\0') {
        (void)snprintf(envelope->observer, sizeof envelope->observer, DB_UNKNOWN_OBSERVER);
        m->unnamed++;
    }
    envelope->packet.snr = row->snr;
    envelope->packet.rssi = row->rssi;
    envelope->packet.score = row->score;
    envelope->packet.direction = row->is_tx ? DIRECTION_TX : DIRECTION_RX;
}

static enum status apply_packet(struct import *m, const struct store_packet *packet,
                                struct store_result *result)
{
    struct store *store = m->tool.store;
    enum status status = store_savepoint(store);
    if (status == STATUS_OK)
        status = store_packet(store, packet, result);
    if (status == STATUS_OK)
        status = store_release(store, result->outcome);
    if (status != STATUS_CONSTRAINT)
        return status;
    *result = (struct store_result){.outcome = OUTCOME_REJECTED_STORE};
    return store_rollback_record(store);
}

/* Decides all that the store does not; OUTCOME_NONE = it is the store's. */
static enum status apply_frame(struct import *m, const struct import_packet *row,
                               struct envelope *envelope, struct store_result *result)
{
    struct meshcore_frame frame;
    struct meshcore_advert advert;
    uint8_t hash[MESHCORE_HASH_BYTES];
    struct store_packet packet = {.source = IMPORT_SOURCE,
                                  .envelope = envelope,
                                  .frame = &frame,
                                  .hash = hash,
                                  .receipt_ms = row->time_ms};
    result->outcome = import_frame_make(row->transmission_hex, row->own_hex, row->path_json,
                                        envelope->packet.raw, &envelope->packet.raw_len, &frame);
    if (result->outcome == OUTCOME_NONE && row->time_ms == 0)
        result->outcome = OUTCOME_REJECTED_ENVELOPE;
    if (result->outcome == OUTCOME_NONE && frame.type == MESHCORE_ADVERT) {
        packet.advert = &advert;
        result->outcome = meshcore_parse_advert(&frame, &advert)
                              ? rules_advert(m->rules, &advert, &packet.is_foreign)
                              : OUTCOME_REJECTED_ADVERT;
    }
    if (result->outcome != OUTCOME_NONE)
        return STATUS_OK;
    meshcore_content_hash(&frame, hash);
    return apply_packet(m, &packet, result);
}

/* Once, before much time is spent on rows that will not stay. */
static void note_age(struct import *m, const struct import_packet *row)
{
    if (row->time_ms >= m->keep_from_ms || row->time_ms == 0)
        return;
    if (m->old++ == 0)
        log_event(
            LOG_WARN, "import",
            "rows older than retention.packetDays are imported, and will be pruned by the next "
            "run: set it first to keep them",
            KV(KV_INT("packetDays", m->config->retention.packet_days)));
}

static enum status apply_row(struct import *m, const struct import_packet *row)
{
    struct envelope envelope;
    struct store_result result = {.outcome = OUTCOME_NONE};
    enum status status = STATUS_OK;
    fill_envelope(m, row, &envelope);
    result.outcome = rules_observer(m->rules, envelope.observer, envelope.region);
    if (result.outcome == OUTCOME_NONE)
        status = apply_frame(m, row, &envelope, &result);
    if (status != STATUS_OK)
        return status;
    m->rows++;
    m->counts[result.outcome]++;
    m->new_transmissions += result.is_new_transmission;
    m->new_observations += result.is_new_observation;
    note_age(m, row);
    return STATUS_OK;
}

/* --- batches ---------------------------------------------------------------------------------- */

static enum status commit(struct import *m)
{
    struct store *store = m->tool.store;
    struct store_checkpoint done;
    m->job.updated_ms = clock_wall() / US_PER_MS;
    enum status status = store_job_save(store, m->name, &m->job);
    if (status == STATUS_OK)
        status = store_commit(store);
    if (status == STATUS_OK && store_wal_pages(store) > WAL_PAGES_MAX)
        status = store_checkpoint(store, false, &done);
    return status;
}

/* One batch; STATUS_NOT_FOUND: it was the last, and is not committed yet. */
static enum status read_batch(struct import *m, int64_t *position, struct err *err,
                              enum status *out_store)
{
    for (int n = 0; n < BATCH_ROWS; n++) {
        struct import_packet row;
        const enum status status = import_source_packet(m->source, &row, err);
        if (status != STATUS_OK)
            return status;
        *out_store = apply_row(m, &row);
        if (*out_store != STATUS_OK)
            return STATUS_OK;
        *position = row.id;
    }
    tool_progress_show(&m->progress, m->rows);
    return STATUS_OK;
}

static enum exit_code import_packets(struct import *m, enum import_kind kind, int64_t *position)
{
    struct err err = {0};
    enum status read = import_source_select(m->source, kind, *position, &err);
    while (read == STATUS_OK) {
        enum status status = store_begin(m->tool.store, false);
        if (status == STATUS_OK)
            read = read_batch(m, position, &err, &status);
        if (status == STATUS_OK && (read == STATUS_OK || read == STATUS_NOT_FOUND))
            status = commit(m);
        if (status != STATUS_OK)
            return store_failed(m, status);
    }
    if (read == STATUS_NOT_FOUND)
        return EXIT_CLEAN;
    store_rollback(m->tool.store);
    return source_failed(m, read, &err);
}

/* --- facts ------------------------------------------------------------------------------------ */

/* Each returns OK, or the store's error in *out_store, or the source's. */
static enum status take_observer(struct import *m, struct err *err, enum status *out_store)
{
    struct import_observer row;
    const enum status status = import_source_observer(m->source, &row, err);
    if (status != STATUS_OK)
        return status;
    char texts[7][ENVELOPE_TEXT_MAX];
    const char *const from[] = {row.id,       row.name,           row.iata, row.model,
                                row.firmware, row.client_version, row.radio};
    for (size_t i = 0; i < ARRAY_LEN(from); i++)
        copy_text(texts[i], sizeof texts[i], from[i]);
    /* As the store does with the names of envelopes. */
    const int max_name = m->config->max_name_bytes;
    if (max_name > 0 && (size_t)max_name < sizeof texts[1])
        copy_text(texts[1], (size_t)max_name + 1, row.name);
    copy_text(texts[2], sizeof((struct envelope *)0)->region, row.iata);
    m->observers.rows++;
    const bool has_id = texts[0][0] != '\0';
    const bool is_let_in = has_id && rules_observer(m->rules, texts[0], texts[2]) == OUTCOME_NONE;
    *(!has_id           ? &m->observers.unusable
      : !is_let_in      ? &m->observers.filtered
      : row.is_repeated ? &m->observers.repeated
                        : &m->observers.became) += 1;
    if (!is_let_in)
        return STATUS_OK;
    const struct store_observer_facts facts = {
        .identity = texts[0],
        .name = texts[1],
        .iata = texts[2],
        .model = texts[3],
        .firmware = texts[4],
        .client_version = texts[5],
        .radio = texts[6],
        .battery_mv = row.battery_mv,
        .uptime_secs = row.uptime_secs,
        .noise_floor = row.noise_floor,
        .can_relay = row.can_relay,
        .as_of_ms = row.last_ms > 0 ? row.last_ms : row.first_ms,
        .first_ms = row.first_ms,
        .last_ms = row.last_ms,
    };
    bool is_new = false;
    *out_store = store_observer_facts(m->tool.store, &facts, &is_new);
    m->new_observers += is_new;
    return STATUS_OK;
}

static enum status take_metrics(struct import *m, struct err *err, enum status *out_store)
{
    struct import_metrics row;
    const enum status status = import_source_metrics(m->source, &row, err);
    if (status != STATUS_OK)
        return status;
    char identity[ENVELOPE_TEXT_MAX];
    copy_text(identity, sizeof identity, row.observer);
    if (identity[0] == '\0' || row.slot_ms == 0)
        return STATUS_OK;
    const struct store_metrics_facts facts = {
        .identity = identity,
        .slot_ms = row.slot_ms,
        .battery_mv = row.battery_mv,
        .noise_floor = row.noise_floor,
        .tx_air_secs = row.tx_air_secs,
        .rx_air_secs = row.rx_air_secs,
        .recv_errors = row.recv_errors,
        .packets_sent = row.packets_sent,
        .packets_recv = row.packets_recv,
    };
    bool is_new = false;
    *out_store = store_metrics_facts(m->tool.store, &facts, &is_new);
    m->new_metrics += is_new;
    return STATUS_OK;
}

static enum status take_node(struct import *m, struct err *err, enum status *out_store)
{
    struct import_node row;
    const enum status status = import_source_node(m->source, &row, err);
    if (status != STATUS_OK)
        return status;
    uint8_t key[MESHCORE_KEY_BYTES];
    size_t len = 0;
    bool is_known = false;
    const bool has_key = row.key != NULL &&
                         hex_decode(row.key, strlen(row.key), key, sizeof key, &len) &&
                         len == sizeof key;
    if (has_key)
        *out_store = store_node_seen(m->tool.store, key, row.first_ms, &is_known);
    m->nodes.rows++;
    *(!has_key          ? &m->nodes.unusable
      : row.is_repeated ? &m->nodes.repeated
      : !is_known       ? &m->nodes.unproven
                        : &m->nodes.became) += 1;
    return STATUS_OK;
}

/* Few rows beside the packets, each harmless when it is said again: one transaction, with
 * the job's end. */
static enum exit_code import_facts(struct import *m)
{
    static const struct {
        enum import_kind kind;
        enum status (*take)(struct import *m, struct err *err, enum status *out_store);
    } kinds[] = {{IMPORT_OBSERVERS, take_observer},
                 {IMPORT_METRICS, take_metrics},
                 {IMPORT_NODES, take_node}};
    struct err err = {0};
    store_forget(m->tool.store);
    enum status status = store_begin(m->tool.store, true);
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_LEN(kinds); i++) {
        enum status read = import_source_select(m->source, kinds[i].kind, 0, &err);
        while (read == STATUS_OK && status == STATUS_OK)
            read = kinds[i].take(m, &err, &status);
        if (status == STATUS_OK && read != STATUS_NOT_FOUND) {
            store_rollback(m->tool.store);
            return source_failed(m, read, &err);
        }
    }
    m->job.done = 1;
    if (status == STATUS_OK)
        status = commit(m);
    return status == STATUS_OK ? EXIT_CLEAN : store_failed(m, status);
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum exit_code begin(struct import *m)
{
    struct err err = {0};
    int64_t observations = 0;
    int64_t alone = 0;
    enum status status =
        import_source_count(m->source, IMPORT_OBSERVATIONS, m->job.position, &observations, &err);
    if (status == STATUS_OK)
        status = import_source_count(m->source, IMPORT_TRANSMISSIONS, m->job.value, &alone, &err);
    if (status != STATUS_OK)
        return source_failed(m, status, &err);
    if (m->config->retention.packet_days > 0)
        m->keep_from_ms = clock_wall() / US_PER_MS - m->config->retention.packet_days * MS_PER_DAY;
    log_event(LOG_INFO, "import",
              m->job.position + m->job.value > 0 ? "going on where the last import ended"
                                                 : "importing",
              KV(KV_STR("file", m->file), KV_STR("database", m->config->db_path),
                 KV_INT("rows", observations + alone)));
    tool_progress_begin(&m->progress, "import", (uint64_t)(observations + alone));
    return EXIT_CLEAN;
}

static void say_tally(const char *what, const char *unusable, const struct tally *tally)
{
    const struct {
        uint64_t count;
        const char *why;
    } reasons[] = {
        {tally->unproven, "without a verified advert among the packets"},
        {tally->filtered, "kept out by the lists of the configuration"},
        {tally->repeated, "there twice"},
        {tally->unusable, unusable},
    };
    const char *comma = ":";
    if (tally->rows == 0)
        return;
    (void)printf("import: %" PRIu64 " %s became %" PRIu64, tally->rows, what, tally->became);
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].count == 0)
            continue;
        (void)printf("%s %" PRIu64 " %s", comma, reasons[i].count, reasons[i].why);
        comma = ",";
    }
    (void)printf("\n");
}

static enum exit_code say_result(const struct import *m, double seconds)
{
    char text[1024];
    (void)printf("import: %" PRIu64 " rows in %.1f s: %s\n", m->rows, seconds,
                 outcome_counts_text(m->counts, text, sizeof text));
    (void)printf("import: new: %" PRIu64 " transmissions, %" PRIu64 " observations, %" PRIu64
                 " observers without packets, %" PRIu64 " metrics\n",
                 m->new_transmissions, m->new_observations, m->new_observers, m->new_metrics);
    if (m->new_transmissions + m->new_observations + m->new_observers + m->new_metrics == 0)
        (void)printf("import: nothing added: all of it was there already\n");
    if (m->unnamed > 0)
        (void)printf("import: %" PRIu64
                     " rows name no observer and stand under \"%s\", which counts"
                     " as none\n",
                     m->unnamed, DB_UNKNOWN_OBSERVER);
    say_tally("nodes", "without a key of 64 hex digits", &m->nodes);
    say_tally("observers", "without an id", &m->observers);
    if (m->old > 0)
        (void)printf("import: %" PRIu64 " rows are older than retention.packetDays (%d) and will be"
                     " pruned by the next run\n",
                     m->old, m->config->retention.packet_days);
    return fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_IO;
}

/* Behind the facts, which say since when nodes are known. */
static enum exit_code count_late(struct import *m)
{
    const enum status status = store_tool_count_late(m->tool.store);
    return status == STATUS_OK ? EXIT_CLEAN : store_failed(m, status);
}

static enum exit_code import_all(struct import *m)
{
    enum exit_code code = begin(m);
    if (code == EXIT_CLEAN)
        code = import_packets(m, IMPORT_OBSERVATIONS, &m->job.position);
    if (code == EXIT_CLEAN)
        code = import_packets(m, IMPORT_TRANSMISSIONS, &m->job.value);
    if (code == EXIT_CLEAN)
        code = import_facts(m);
    if (code == EXIT_CLEAN)
        code = count_late(m);
    const double seconds = tool_progress_end(&m->progress);
    return code == EXIT_CLEAN ? say_result(m, seconds) : code;
}

static enum exit_code say_done(struct import *m)
{
    char when[32];
    const enum exit_code code = count_late(m); /* it may have been killed there */
    if (code != EXIT_CLEAN)
        return code;
    (void)printf("import: this file was imported before (%s): nothing added\n",
                 clock_rfc3339(m->job.updated_ms * US_PER_MS, when));
    return fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_IO;
}

/* Rows that an older program derived must not be mixed with ours. */
static enum status derive_first(const struct import *m)
{
    if (!store_needs_rebuild(m->tool.store))
        return STATUS_OK;
    log_event(LOG_INFO, "import", "deriving rows anew from the stored packets", NULL);
    return store_catch_up(m->tool.store);
}

static enum exit_code run(struct import *m)
{
    struct err err = {0};
    m->rules = rules_new(m->config);
    if (m->rules == NULL) {
        log_event(LOG_ERROR, "import", "no memory for the rules", NULL);
        return EXIT_NO_MEMORY;
    }
    enum status status = import_source_open(m->file, &m->source, &err);
    if (status != STATUS_OK)
        return source_failed(m, status, &err);
    /* A configuration of CoreScope's names CoreScope's database as dbPath. */
    if (file_id_is_same_path(m->file, m->config->db_path)) {
        database_advice_corescope(m->config, "import");
        return EXIT_CONFIG;
    }
    const enum exit_code code = tool_open(&m->tool, m->config, "weir-import");
    if (code != EXIT_CLEAN)
        return code;
    name_job(m);
    status = derive_first(m);
    if (status == STATUS_OK)
        status = store_job_load(m->tool.store, m->name, &m->job);
    if (status != STATUS_OK)
        return tool_store_failed(&m->tool, "database can't be read", status);
    return m->job.done != 0 ? say_done(m) : import_all(m);
}

int import_run(struct config *config, const char *file)
{
    struct import m = {.config = config, .file = file, .tool = {.lock_fd = -1}};
    const enum exit_code code = run(&m);
    tool_close(&m.tool);
    import_source_close(m.source);
    rules_free(m.rules);
    config_done(config);
    return (int)code;
}
