/* SPDX-License-Identifier: MIT
 *
 * connect_policy - when to connect, to subscribe, to wait and to give a connection up. Pure: the
 * clock and the randomness are parameters, so that a test can play hours in microseconds.
 *
 * Why our own: the library does not retry a failed first connect, does not look at SUBACK, and
 * can't know that a connection which answers pings has stopped delivering.
 *
 *   IDLE -> RESOLVING -> CONNECTING -> SUBSCRIBING -> LIVE <-> SILENT
 *              |             |              |  \        |
 *              +------> BACKING_OFF <-------+---+-------+      all refused: FAILED
 *
 * I1. Between two attempts lie 1 to 30 s: the wait doubles with each failure and is jittered over
 *     its upper half, so that a broker that comes back is not met by all its clients at once. A
 *     broker that ends the connection at our subscription, DENIALS_MAX times in a row, forbids it:
 *     from then on up to 300 s.
 * I2. Failures are forgotten only after STABLE_US of life: a broker that accepts and throws us out
 *     at once is not hammered. But one that was away in between, so that attempts met nobody, was
 *     started again: its answer ends what was counted, however short the lives are.
 * I3. SILENT is a report, not a fault, while nothing was ever received: a quiet mesh and a wrong
 *     topic look the same, and no reconnect helps either.
 * I4. A source that was heard before and falls silent past its threshold is reconnected. Each
 *     reconnect that brings nothing doubles the threshold (at most SILENCE_MAX_US), so that a quiet
 *     night costs a handful of reconnects and not one per minute.
 * I5. Refused topics are reported, never churned. When every topic is refused the connection stays
 *     up and the subscription is asked for again every REFUSED_RETRY_US: access rights change.
 *
 * I6. A library can be stuck inside, which only a fresh process mends: RENEW_ATTEMPTS attempts
 *     without a CONNACK after a connection was lost ask for one. Once: the fresh one has lost
 *     nothing, and goes on with the backoff of the one before (connect_policy_resume).
 * I7. A broker may send what it kept for a session before it answers the subscription, and that
 *     comes at the pace at which we store. So SUBACK_TIMEOUT_US is for how long neither an answer
 *     nor a message came, and only time in which somebody looked counts: a turn at most
 *     ANSWER_LOOK_US.
 *
 * Silence threshold: GAP_FACTOR times the longest gap between two turns with messages that was seen
 * lately (it decays, halving every GAP_HALF_LIFE_US), within [SILENCE_MIN_US, SILENCE_MAX_US];
 * before GAPS_NEEDED gaps were seen it is at least SILENCE_START_US. Retained messages are no sign
 * of life: the broker sends them by itself after each subscribe; the caller leaves them out.
 * I1, I3 and the set of states are asserted at every entry. Threads: none. Cost: a
 * few comparisons. */
#pragma once

#include "cmd/ingestor/shared/control_block.h"

#define BACKOFF_MIN_US    ((mono_us)1 * US_PER_S)
#define BACKOFF_MAX_US    ((mono_us)30 * US_PER_S)
#define BACKOFF_DENIED_US ((mono_us)300 * US_PER_S)
#define DENIALS_MAX       3
#define RENEW_ATTEMPTS    5
#define STABLE_US         ((mono_us)10 * US_PER_S)
/* A connection this short, SHORT_LIVES_MAX times in a row, was ended by somebody. */
#define SHORT_LIFE_US     ((mono_us)60 * US_PER_S)
#define SHORT_LIVES_MAX   3
#define SUBACK_TIMEOUT_US ((mono_us)15 * US_PER_S)
#define ANSWER_LOOK_US    ((mono_us)1 * US_PER_S)
/* The library has its own connect timeout; this much later we stop believing in it. */
#define CONNECT_GRACE_US ((mono_us)5 * US_PER_S)
#define REFUSED_RETRY_US ((mono_us)300 * US_PER_S)
#define SILENCE_MIN_US   ((mono_us)60 * US_PER_S)
#define SILENCE_START_US ((mono_us)300 * US_PER_S)
#define SILENCE_MAX_US   ((mono_us)3600 * US_PER_S)
#define GAP_FACTOR       8
#define GAP_HALF_LIFE_US ((mono_us)6 * 3600 * US_PER_S)
#define GAPS_NEEDED      20

/* What happened, as the feed saw it. */
enum connect_event {
    CONNECT_RESOLVED,
    CONNECT_OPENED,  /* CONNACK: accepted */
    CONNECT_GRANTED, /* SUBACK: at least one topic */
    CONNECT_REFUSED, /* SUBACK: none */
    CONNECT_FAILED,  /* an attempt failed, or a connection was lost */
};

/* What the feed has to do now. */
enum connect_action {
    CONNECT_WAIT,
    CONNECT_RESOLVE,   /* look the host up */
    CONNECT_SUBSCRIBE, /* again, on the connection there is */
    CONNECT_ABANDON,   /* throw the client away; `why` says for what */
};

enum connect_why { CONNECT_WHY_NONE, CONNECT_WHY_TIMEOUT, CONNECT_WHY_SUBACK, CONNECT_WHY_SILENCE };

struct connect_policy {
    /* constant after init */
    mono_us connect_timeout;
    mono_us silence_fixed; /* 0 = adaptive */
    /* state */
    enum source_state state;
    enum connect_why why; /* of the last abandon */
    mono_us since;        /* of the state (SILENT keeps LIVE's) */
    mono_us retry_at;     /* BACKING_OFF */
    unsigned failures;    /* since the last stable connection */
    mono_us last_receipt; /* newest one seen, 0 = never */
    /* SUBSCRIBING, I7: for how long nothing came, as of looked_at; the newest receipt seen then */
    mono_us unanswered, looked_at, heard_at;
    mono_us gap_peak, gap_peak_at;
    unsigned gaps;              /* saturates at GAPS_NEEDED */
    unsigned silent_reconnects; /* in a row that brought nothing */
    unsigned denials;           /* connections in a row that ended at our subscription */
    unsigned short_lives;       /* ... that were lost within SHORT_LIFE_US of going live */
    bool was_away;              /* the last attempt met nobody (I2) */
    bool has_lost;              /* a connection of this process ended ... */
    unsigned attempts_since;    /* ... and so many attempts since met no CONNACK */
    uint64_t random;
};

/* silence_s 0 = adaptive. `seed` may be anything. Starts in IDLE: the first turn says
 * CONNECT_RESOLVE. */
void connect_policy_init(struct connect_policy *policy, int connect_timeout_s, int silence_s,
                         uint64_t seed);
void connect_policy_event(struct connect_policy *policy, enum connect_event event, mono_us now);
/* Go on where an earlier process stopped: `failures` behind it, the next attempt not before
 * `retry_at` (0 = at once). */
void connect_policy_resume(struct connect_policy *policy, unsigned failures, mono_us retry_at,
                           mono_us now);
/* I6 */
bool connect_policy_wants_renewal(const struct connect_policy *policy);
/* Once a turn. `last_receipt` = time of the newest message that is a sign of life; 0 = never. */
enum connect_action connect_policy_turn(struct connect_policy *policy, mono_us now,
                                        mono_us last_receipt);
/* The silence that would end the present connection. */
mono_us connect_policy_silence(const struct connect_policy *policy, mono_us now);
