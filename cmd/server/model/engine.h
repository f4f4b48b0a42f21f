/* SPDX-License-Identifier: MIT
 *
 * engine - a store of another kind in the place of our SQLite database, and the seam to it.
 *
 * Who reads rows for routes (packet_read, packets/walk, channels/channel_list ...) has statements
 * of its own for SQLite, and asks this table instead where the model has one. So what stands above
 * those modules, the code that renders, does not know which engine there is; nor does an engine
 * know what is rendered. A route whose row says is_engined asks through this table alone; the
 * others are refused before they are called (api.c), since asking->reader is NULL then.
 *
 * What holds of any engine:
 * I1. As reader.h I1: nothing that was read counts before `end` says READER_ANSWERED.
 * I2. Ids are positive, of 53 bits at most, and say the same thing in every question; they need not
 *     rise with time.
 * I3. What is unknown is said to be unknown; a part that is missing (asking->missing) makes the
 *     answer partial, and never a figure wrong that says it is whole.
 * I4. What the background counts of it (summary_source.h) has the packet's hash as its number, and
 *     the directory's ids of nodes, observers and scopes, which fit 32 bits.
 * Threads: those of the askings. Ownership: constant. */
#pragma once

#include "cmd/server/model/engine_told.h"
#include "cmd/server/readers/reader.h"
#include "cmd/server/summary/summary_source.h"

struct asking;
struct config;
struct directory;
struct filter;
struct walk;
struct walk_order;

typedef void (*packet_each)(void *context, const struct packet_observation *seen);

/* What was told of so far: of one thread, over its questions. */
struct engine_follower;
/* False = there is no room: this one comes again, and no other now. */
typedef bool (*engine_arrived)(void *context, const struct engine_arrival *arrival);

enum engine_follow {
    ENGINE_FOLLOWS,
    ENGINE_LOST /* something may be missing, or it is too much: begin anew, and say so */
};

struct engine {
    /* What the background counts from; its context is the model. */
    const struct summary_source *summary;
    /* STATUS_OK, or there is no question to end. */
    enum status (*begin)(struct asking *asking, mono_us budget, struct err *err);
    /* Says which parts did not answer: asking->missing. */
    enum reader_result (*end)(struct asking *asking);
    /* directories.h */
    struct directory *(*directory)(void *asking, const struct config *config);

    /* packet_read.h; observation 0 = the one that is shown for it. */
    bool (*packet)(struct asking *asking, int64_t id, int64_t observation, struct packet *out,
                   struct packet_observation *out_shown);
    int64_t (*find_hash)(struct asking *asking, const uint8_t *hash);
    /* Packets that will be asked for by hash: an engine far away reads them together. */
    void (*prefetch)(struct asking *asking, const uint8_t *hashes, size_t count);
    /* In the order of receipt, PACKET_OBSERVATIONS_MAX at most. */
    size_t (*observations)(struct asking *asking, const struct packet *packet, packet_each each,
                           void *context);
    /* packets/walk.h, totals.h */
    bool (*walk)(struct asking *asking, struct walk *walk, const struct filter *filter,
                 const struct walk_order *order);
    int64_t (*count_packets)(struct asking *asking, const struct filter *filter);

    /* packets/lists.h: first receipts after a moment, the newest `max`, in any order. */
    size_t (*first_receipts)(struct asking *asking, int64_t since_ms, size_t max, int64_t *out);

    /* packets/buckets.h: the newest packets, newest first. */
    bool (*newest)(struct asking *asking, size_t max,
                   void (*each)(void *context, const struct engine_newest *packet), void *context);
    /* packets/lists.h: the newest drops, newest first. */
    bool (*drops)(struct asking *asking, const struct engine_drops *wanted,
                  void (*each)(void *context, const struct engine_drop *drop), void *context);
    /* api/api_why.c */
    bool (*refusals)(struct asking *asking, const struct engine_refusals *wanted,
                     void (*each)(void *context, const struct engine_refusal *refusal),
                     void *context);
    /* From an hour on. *out_whole: nothing is lacking of them, nor of what was asked before. */
    bool (*refused)(struct asking *asking, int64_t from_hour,
                    void (*each)(void *context, const struct engine_refused *refused),
                    void *context, bool *out_whole);
    /* From when on every ingestor tells of all it refuses; INT64_MIN = none has told. */
    bool (*refused_from)(struct asking *asking, int64_t *out_ms);
    /* Receptions, the newest first. */
    bool (*receptions)(struct asking *asking, const struct engine_receptions *wanted,
                       void (*each)(void *context, const struct engine_reception *reception),
                       void *context);

    /* *out_whole: nothing is lacking. */
    bool (*sums)(struct asking *asking, const struct engine_sums *wanted,
                 void (*each)(void *context, const struct engine_sum *sum), void *context,
                 bool *out_whole);

    /* observers/last_hour.h */
    bool (*last_hour)(struct asking *asking, const struct directory *directory, int64_t *counts);
    /* observers/metrics.h: by observer (their ids rise), then time. False = the question failed.
     * *out_all: these are all of them. */
    bool (*samples)(struct asking *asking, const struct engine_samples *wanted,
                    void (*each)(void *context, const struct engine_sample *sample), void *context,
                    bool *out_all);
    /* observers/clocks.h: of each observer's newest `max` receptions of 24 hours how far ahead of
     * our receipt the message's time was, where it had one; those of one follow each other. */
    bool (*clocks)(struct asking *asking, size_t max,
                   void (*each)(void *context, int64_t observer_id, int64_t ahead_ms),
                   void *context);
    /* radio/heard_rows.h: from since_ms on, below (before_ms, before_id), the newest first. */
    bool (*phones)(struct asking *asking, int64_t since_ms, int64_t before_ms, int64_t before_id,
                   size_t max, void (*each)(void *context, const struct engine_phone *phone),
                   void *context);
    /* scopes/scope_audit.h: all of them. */
    bool (*declarations)(struct asking *asking,
                         void (*each)(void *context, const struct engine_declaration *declared),
                         void *context);
    /* nodes/node_adverts.h: the newest adverts. */
    size_t (*adverts)(struct asking *asking, int64_t node_id, size_t max, int64_t *out);
    /* How many adverts of these nodes were first received from a moment on; what is not known stays
     * as it is. */
    void (*adverts_since)(struct asking *asking, int64_t since_ms, const int64_t *node_ids,
                          size_t count, int64_t *out);

    /* channels: all, in any order; of `among` (NULL = of all messages) those that have one.
     * *out_whole: no observer was left out. */
    bool (*channels)(struct asking *asking, const struct engine_channels *among,
                     void (*each)(void *context, const struct engine_channel *channel),
                     void *context, bool *out_whole);
    /* Their packets can be asked for while it is told of them. */
    bool (*messages)(struct asking *asking, const struct engine_messages *wanted,
                     void (*each)(void *context, const struct engine_message *message),
                     void *context);
    /* radio/channel_traffic.h: the newest first. */
    bool (*talks)(struct asking *asking, const struct engine_talks *wanted,
                  void (*each)(void *context, const struct engine_talk *talk), void *context);
    /* -1 = the question failed. */
    int64_t (*count_messages)(struct asking *asking, const char *channel);

    /* feed: receptions as they arrive, which is not the order of their receipt. NULL = no
     * memory. */
    struct engine_follower *(*follower_new)(void);
    void (*follower_free)(struct engine_follower *follower); /* accepts NULL */
    /* From now on: what there is already is not told of. */
    void (*follow_anew)(struct asking *asking, struct engine_follower *follower);
    /* Those that were not told of, `most` at most, by receipt. */
    enum engine_follow (*follow)(struct asking *asking, struct engine_follower *follower,
                                 size_t most, engine_arrived arrived, void *context);
    /* Those that were there when it began and were received after a moment, newest first, from
     * where the last call ended. True = these were all. */
    bool (*follow_back)(struct asking *asking, struct engine_follower *follower, int64_t after_ms,
                        engine_arrived arrived, void *context);
    /* The question has ended: only of one that was answered what it told counts as told. */
    void (*followed)(struct engine_follower *follower, bool is_answered);
};
