/* SPDX-License-Identifier: MIT
 *
 * mqtt_link - keeps one source connected: the loop around mqtt_source, and what it says of itself.
 *
 * I1. When to do what is decided by connect_policy; this module only does it. The library's own
 *     reconnect is off: it does not retry a failed first connect and never subscribes again.
 * I2. The subscription is asked for on every connect, also on a persistent session: the broker may
 *     have lost it. Every topic's SUBACK code is kept and reported.
 * I3. How the broker is reached is broker_route's: the library gets an address that answered.
 * I4. No password leaves this module: every text of the library goes through broker_mask_text.
 * I6. A connection of which nothing was read for one and a half keep-alives (socket_watch) is over,
 *     as the help of keepAliveSeconds says, and like RENEW_ATTEMPTS failed attempts after a lost
 *     one it asks for a fresh process: only that frees a library that is stuck inside.
 * I7. What a persistent session holds at the broker is written down (session_file) before it is
 *     asked for. From that follows what to take back (UNSUBSCRIBE before SUBSCRIBE), and that a
 *     broker which has no session of ours has lost one: said, counted, and a warning for a while.
 *     Worded as what the broker says: some say so at every connect.
 * I5. Each turn touches the library, so that a turn that ends proves that it is not stuck.
 *
 * Threads: the receiver's main loop. Ownership: borrows the config; lives until
 * the process ends. */
#pragma once

#include "cmd/ingestor/receive/mqtt_source.h"
#include "common/base/err.h"

struct mqtt_link;

NODISCARD enum status mqtt_link_new(const struct mqtt_source_params *params, uint64_t seed,
                                    struct mqtt_link **out_link, struct err *err);

/* Counts and the backoff go on over a restart of this process; if `earlier` says connected, its end
 * is a disconnect. */
void mqtt_link_resume(struct mqtt_link *link, const struct source_status *earlier);

/* One step. `last_receipt` = newest message that is a sign of life (0 = none). May block inside the
 * library; that is the point (I5). */
void mqtt_link_turn(struct mqtt_link *link, mono_us now, mono_us last_receipt);
/* I6: describe, and end the process; the next one goes on with the backoff. */
bool mqtt_link_wants_renewal(const struct mqtt_link *link);
/* Something is under way that wants short turns. */
bool mqtt_link_is_busy(const struct mqtt_link *link);
/* Fills all but backpressure_since_unix. */
void mqtt_link_describe(const struct mqtt_link *link, struct source_status *status);
/* Say goodbye to the broker, waiting at most `limit`. No turn afterwards. */
void mqtt_link_stop(struct mqtt_link *link, mono_us limit);
/* After stop: the session leaves the configuration. One clean connect, at most `limit` long, so
 * that the broker queues for it no more; a line says that what was queued is lost or, where that
 * fails, names the clientId. */
void mqtt_link_retire(struct mqtt_link *link, mono_us limit);
