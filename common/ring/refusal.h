/* SPDX-License-Identifier: MIT
 *
 * refusal - why a message is not stored: the rule, the option that decides it, and a sentence.
 *
 * The one list that `ingestor --why`, /api/why, the log's "a limit is reached" and README.md speak
 * from. A rule is an outcome of the ledger as it is written everywhere, "<bucket>.<reason>"; some
 * have more than one cause, because different options lead there. X(id, outcome, option, sentence);
 * option "" = none decides it: that is what such a message is. The first of an outcome is what is
 * said where nobody knows more.
 * The receiver's stand first, as in the ledger: their places are the counters of refusal_slots.h.
 * Threads: pure. */
#pragma once

#include "common/ring/ledger.h"

#define REFUSAL_LIST(X)                                                                            \
    /* the receiver's */                                                                           \
    X(RATE, FILTERED_RATE, "observerMaxPerSecond",                                                 \
      "its observer sends more messages per second than one may")                                  \
    X(TOO_LARGE, REJECTED_TOO_LARGE, "maxMessageBytes", "the message is larger than one may be")   \
    X(LONG_TOPIC, REJECTED_TOO_LARGE, "", "its topic is longer than 1024 bytes")                   \
    X(LARGER_THAN_RING, REJECTED_TOO_LARGE, "ingestBufferBytes",                                   \
      "the message is larger than the whole ring of its source")                                   \
    X(SOFT, DROPPED_SOFT, "softThreshold",                                                         \
      "the ring was filled above the threshold, where only what is new or rare enters")            \
    X(RING_RECORDS, DROPPED_QUEUE_FULL, "ingestBufferSize",                                        \
      "the ring held as many messages as it may: the database was too slow or not writable")       \
    X(RING_BYTES, DROPPED_QUEUE_FULL, "ingestBufferBytes",                                         \
      "the ring held as many bytes as it may: the database was too slow or not writable")          \
    X(SPOOL, DROPPED_SPOOL, "spoolDir", "the ring could not be written to its disk")               \
    /* the flusher's */                                                                            \
    X(DEAD, DEAD, "", "it ended the writer twice and lies in the table dead_letter")               \
    X(GAP, DROPPED_GAP, "spoolDir",                                                                \
      "messages in the ring were damaged, deleted or overwritten before they were stored")         \
    X(TOPIC, FILTERED_TOPIC, "mqttSources[].topics", "its topic is of no kind that is stored")     \
    X(KEEPALIVE, FILTERED_KEEPALIVE, "", "it says that its sender lives, and nothing else")        \
    X(NO_FRAME, FILTERED_NO_FRAME, "", "it tells of an event or a packet, but holds no frame")     \
    X(IATA_LIST, FILTERED_IATA, "observerIATAWhitelist", "its region is not on the list")          \
    X(IATA_SOURCE, FILTERED_IATA, "mqttSources[].iataFilter",                                      \
      "its region is not on the list of its source")                                               \
    X(OBSERVER_DENIED, FILTERED_OBSERVER, "observerBlacklist", "its observer is on the list")      \
    X(OBSERVER_OTHER, FILTERED_OBSERVER, "observerWhitelist", "its observer is not on the list")   \
    X(NODE, FILTERED_NODE, "nodeBlacklist", "its node is on the list")                             \
    X(GEO, FILTERED_GEO, "geo_filter",                                                             \
      "its node lies outside the area, and foreignAdverts.mode is drop")                           \
    X(MAX_NODES, FILTERED_MAX_NODES, "maxNodes", "there are as many nodes as there may be")        \
    X(MAX_OBSERVERS, FILTERED_MAX_OBSERVERS, "maxObservers",                                       \
      "there are as many observers as there may be")                                               \
    X(NEW_OBSERVERS, FILTERED_NEW_OBSERVERS, "newObserversPerMinute",                              \
      "more new observers came in a minute than may")                                              \
    X(CLIENT_OFF, FILTERED_CLIENT, "clientRxCoverage.enabled",                                     \
      "what client apps report is not taken")                                                      \
    X(CLIENT_RF_OFF, FILTERED_CLIENT, "clientRxObservations.enabled",                              \
      "what client apps hear besides is not taken")                                                \
    X(CLIENT_EVIDENCE, FILTERED_CLIENT, "", "its frame does not say which node the app heard")     \
    X(STALE_TX, FILTERED_TX, "", "its frame is not the one that it says was sent")                 \
    X(EMPTY, FILTERED_EMPTY, "", "it is empty: it takes a retained message back")                  \
    X(JSON, REJECTED_JSON, "", "it is not one JSON object, or one nested too deeply")              \
    X(ENVELOPE, REJECTED_ENVELOPE, "", "it names no observer, or a field has a wrong form")        \
    X(HEX, REJECTED_HEX, "", "its frame is not written in hex digits")                             \
    X(FRAME, REJECTED_FRAME, "", "its frame is none of MeshCore's")                                \
    X(ADVERT, REJECTED_ADVERT, "", "its advert is shorter than an advert is")                      \
    X(SIGNATURE, REJECTED_SIGNATURE, "signatureMode", "its advert's signature is wrong")           \
    X(STORE, REJECTED_STORE, "", "the database refused its row: see the log")

enum refusal {
#define X(id, outcome, option, sentence) REFUSAL_##id,
    REFUSAL_LIST(X)
#undef X
        REFUSAL_COUNT,
    REFUSALS_OF_RECEIVER = REFUSAL_SPOOL + 1,
    REFUSAL_NONE = REFUSAL_COUNT,
};

struct refusal_info {
    enum outcome outcome;
    const char *option, *sentence;
};
const struct refusal_info *refusal_info(enum refusal refusal);
/* The first of this outcome; REFUSAL_NONE: such a message is stored, or goes on. */
enum refusal refusal_of(enum outcome outcome);
/* By rule and option as they stand in a row; the rule's first where the option is not known (NULL:
 * none), REFUSAL_NONE where the rule is not. */
enum refusal refusal_find(const char *rule, const char *option);
