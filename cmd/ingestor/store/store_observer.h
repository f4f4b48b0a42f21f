/* SPDX-License-Identifier: MIT
 *
 * store_observer - the rows of observers and of observer_skew, and the cache of the
 * observers heard last.
 *
 * Nearly every packet comes from an observer that is known and says what it always says; for it the
 * cache answers, and what changes (how new its words are, how often it was heard, how far off its
 * clock is) waits for the end of the batch, to be written in one statement per observer.
 * I1. store_observers_merge never meets a full cache: store_observers_make_room comes
 *     before a record.
 * I2. An entry's address holds until store_observers_make_room or _forget: the record under way
 *     may borrow it.
 * Threads, errors as store.h. Memory: 2 MB of entries. Cost: a known observer costs a hash of its
 * identity and two comparisons. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

NODISCARD enum status store_observers_open(struct store *store, struct err *err);
void store_observers_close(struct store *store); /* accepts one that was never open */
void store_observers_forget(struct store *store);

/* --- a batch ---------------------------------------------------------------------------------- */

NODISCARD enum status store_observers_make_room(struct store *store);
/* What the record says about its observer. */
void store_observers_merge(struct store *store, const struct store_record *record);
/* The pending updates: counts, names and skew in one statement each. */
NODISCARD enum status store_observers_write(struct store *store);
/* Drop the pending counts; what the cache knows stays. */
void store_observers_clear(struct store *store);

/* --- a record --------------------------------------------------------------------------------- */

/* The spelling under which this identity would be stored alone. Returns whether it is a key. */
bool store_observer_canonicalize(char dst[static STORE_IDENTITY_MAX], const char *identity);
/* The observer's id; a new one gets its row now. Name and region follow the envelope where they are
 * newer: as_of_ms is the receipt, or store_as_of where the message may be old.
 * out->observer_upserted says whether anything changed. out->outcome FILTERED_MAX_OBSERVERS or
 * _NEW_OBSERVERS: nothing was written, *out_id is 0. */
NODISCARD enum status store_observer_resolve(struct store *store, const struct envelope *envelope,
                                             int64_t receipt_ms, int64_t as_of_ms, int64_t *out_id,
                                             struct store_result *out);
/* Would store_observer_resolve refuse it? OUTCOME_NONE, or the outcome that says so. Writes
 * nothing. */
NODISCARD enum status store_observer_admit(struct store *store, const struct envelope *envelope,
                                           int64_t receipt_ms, enum outcome *out);
/* A message that is no packet came from it; is_alive = it says that the observer lives. */
NODISCARD enum status store_observer_heard(struct store *store, int64_t observer_id,
                                           int64_t receipt_ms, bool is_alive);

/* --- clocks (protocol.md section 8) ----------------------------------------------------------- */

/* How far off the clock is, seconds; ENVELOPE_NO_SKEW: it is right, or says
 * nothing about itself. */
int64_t store_skew_of(const struct envelope *envelope, int64_t receipt_ms);
/* What a live message of this record's observer says about its clock; the newest word stays. */
void store_observer_note_skew(struct store *store, int64_t receipt_ms, int64_t skew_s);
/* One message more (1) or less (-1) whose clock was off, in the hour of this receipt. */
NODISCARD enum status store_observer_count_skew(struct store *store, int64_t receipt_ms, int count);
