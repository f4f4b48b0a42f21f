/* SPDX-License-Identifier: MIT
 *
 * facts - the nodes of one question, with what the background has counted of them.
 *
 * The definitions of the relay figures, which are of the summary's window (24 hours, or what it
 * says), receptions by observers of floods whose path names the node (hops.h):
 *   relay_count_1h, _24h          packets that came over the node, each once
 *   unscoped_relay_count_24h      those of them without a scope
 *   traffic_share_score           relay_count_24h / the packets of the window that had a hop: 0..1
 *   transported_scopes            the scopes of packets that came over it
 *   last_relayed                  the newest receipt: of these, or of nodes.last_relayed_ms
 *   relay_active                  last_relayed lies within the last RELAY_WINDOW_HOURS
 * They are not known before the first run: null. bridge_score, coverage_score, redundancy_score and
 * usefulness_score have no definition here and are null.
 * multi_byte_status: "confirmed" by an own advert of two or three bytes a hop (evidence "advert"),
 * "suspected" where such a hop means it (evidence "path"); else left out.
 * configured_scope: the scopes of the newest neighbour's report that the node answered
 * (reported_scopes.h); left out where there is none. `*` in it: packets without a scope.
 * Threads: that of the asking. Ownership: begin takes references, end gives them back. */
#pragma once

#include "cmd/server/model/asking.h"
#include "cmd/server/summary/summary_job.h"
#include "cmd/server/tally/tally_hops.h"
#include "common/json/json_write.h"

#define RELAY_WINDOW_HOURS 24
/* An answer made of the summary, which is a minute old anyway, may be given to others so long. */
#define FACTS_KEPT_S 10

struct facts {
    struct asking *asking;
    const struct directory *directory;
    int64_t now_ms;
    /* NULL = not known yet */
    const struct summary *summary;
    const struct advert_set *adverts;
    const struct reported_scopes *scopes;
};

/* False: the question failed, return. */
NODISCARD bool facts_begin(struct facts *facts, struct asking *asking);
void facts_end(struct facts *facts);

/* The hops that mean this node, of each number of bytes. How many. summary must be there. */
size_t facts_hops(const struct facts *facts, const struct node *node,
                  uint32_t out[static HOP_BYTES_MAX]);

struct relays {
    uint32_t packets_hour, packets_day, packets_unscoped;
    uint32_t scopes[HOP_SCOPES_MAX]; /* scopes.id; 0 = none more */
    int64_t last_ms;                 /* DIRECTORY_NEVER = none */
    uint8_t widest_hop;              /* bytes of the widest hop that means it; 0 = none does */
};
/* False: not known yet. */
NODISCARD bool facts_relays(const struct facts *facts, const struct node *node, struct relays *out);
/* 0..1 */
double facts_traffic_share(const struct facts *facts, const struct relays *relays);
/* As which the node listens, too; NULL = it does not, or nobody shall see it. */
const struct observer *facts_observer(const struct facts *facts, const struct node *node);
/* NULL = none of its adverts is known. */
const struct advert_facts *facts_adverts(const struct facts *facts, const struct node *node);
/* Does it take hops of more than one byte? status NULL = nothing shows it. */
struct multi_byte {
    const char *status, *evidence; /* static */
    unsigned max_bytes;
};
/* adverts: NULL = none is known. */
struct multi_byte facts_multi_byte(const struct advert_facts *adverts, const struct relays *relays);
/* A comma list as the node sent it, and when (out_as_of_ms may be NULL); NULL = not known. */
const char *facts_configured_scopes(const struct facts *facts, const struct node *node,
                                    int64_t *out_as_of_ms);
/* The next name of such a list, without the blanks around it; NULL = there is none more. */
const char *facts_scopes_next(const char **at, size_t *out_len);
/* Is `name` (with or without its leading #) one of the list? `*` only when asked for. */
bool facts_scopes_have(const char *scopes, const char *name);
/* Does the list name a region? `*` is none: what a repeater answers where nobody configured any. */
bool facts_scopes_any(const char *scopes);

/* --- JSON ------------------------------------------------------------------------------------- */

/* A node's members between the caller's braces; the whole object. */
void node_members(struct json_write *w, const struct facts *facts, const struct node *node);
void node_write(struct json_write *w, const char *key, const struct facts *facts,
                const struct node *node);
/* null = DIRECTORY_NEVER */
void node_time(struct json_write *w, const char *key, int64_t ms);
/* null = not known */
void node_role(struct json_write *w, const char *key, const struct node *node);
/* hash_size (null = no advert says it), hash_size_inconsistent, hash_sizes_seen; NULL = no advert
 * is known */
void node_hash_sizes(struct json_write *w, const struct advert_facts *adverts);
/* window {from, to, observations, complete} of an answer made from these tallies: bits as in
 * summary_window. */
void window_write(struct json_write *w, const struct summary *summary, unsigned tallies);
