/* SPDX-License-Identifier: MIT */
#include "common/why/why.h"

#include "common/base/clock.h"
#include "common/base/hex.h"
#include "common/base/utf8.h"
#include "common/ring/refusal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- the question ----------------------------------------------------------------------------- */

bool why_ask_hash(struct why_query *query, const char *text)
{
    size_t len = 0;
    uint8_t hash[WHY_HASH_BYTES];
    if (!hex_decode(text, strlen(text), hash, sizeof hash, &len) || len != sizeof hash)
        return false;
    memcpy(query->hash, hash, sizeof hash);
    query->has_hash = true;
    return true;
}

bool why_ask_observer(struct why_query *query, const char *text)
{
    const size_t len = strlen(text);
    if (len == 0 || len > WHY_OBSERVER_MAX)
        return false;
    utf8_clean(query->observer, sizeof query->observer, (const uint8_t *)text, len);
    query->has_observer = true;
    return true;
}

bool why_ask_node(struct why_query *query, const char *text)
{
    size_t len = 0;
    uint8_t key[WHY_KEY_BYTES];
    if (!hex_decode(text, strlen(text), key, sizeof key, &len) || len == 0)
        return false;
    memcpy(query->node, key, len);
    query->node_len = len;
    return true;
}

static bool asks_anything(const struct why_query *query)
{
    return query->has_hash || query->has_observer || query->node_len > 0;
}

/* --- the answer ------------------------------------------------------------------------------- */

struct answer {
    struct json_write *w;
    const struct why_query *query;
    const struct why_source *source;
    int64_t now_ms;
    /* for the verdict */
    int64_t observations;         /* of the packet; 0 = it is not stored */
    int64_t observer_ms, node_ms; /* last heard; INT64_MIN = not known */
    int64_t rows;
    bool is_truncated;
    enum refusal newest; /* of the rows */
    char newest_rule[OUTCOME_NAME_BYTES], newest_key[64];
    bool is_dropped; /* its signature */
    struct why_bounds bounds;
    int64_t messages, noted;
    bool is_whole, is_complete;
};

static void write_ms(struct json_write *w, const char *key, int64_t ms)
{
    if (ms == WHY_UNKNOWN)
        jw_null(w, key);
    else
        jw_time(w, key, ms * US_PER_MS);
}

static void write_int(struct json_write *w, const char *key, int64_t value)
{
    if (value == WHY_UNKNOWN)
        jw_null(w, key);
    else
        jw_int(w, key, value);
}

static void write_hex(struct json_write *w, const char *key, const uint8_t *bytes, size_t len)
{
    if (bytes == NULL || len == 0)
        jw_null(w, key);
    else
        jw_hex_lower(w, key, bytes, len);
}

static void write_query(struct json_write *w, const struct why_query *query)
{
    jw_object(w, "query");
    if (query->has_hash)
        jw_hex_lower(w, "hash", query->hash, sizeof query->hash);
    if (query->has_observer)
        jw_string(w, "observer", query->observer);
    if (query->node_len > 0)
        jw_hex_lower(w, "node", query->node, query->node_len);
    jw_object_end(w);
}

/* --- is it stored after all? ------------------------------------------------------------------ */

static void find_packet(struct answer *a)
{
    struct why_packet packet;
    if (!a->source->packet(a->source->context, a->query->hash, &packet)) {
        jw_null(a->w, "packet");
        return;
    }
    a->observations = packet.observations;
    jw_object(a->w, "packet");
    jw_int(a->w, "id", packet.id);
    jw_hex_lower(a->w, "hash", a->query->hash, sizeof a->query->hash);
    jw_int(a->w, "observationCount", packet.observations);
    write_ms(a->w, "firstSeen", packet.first_ms);
    write_ms(a->w, "lastSeen", packet.last_ms);
    jw_object_end(a->w);
}

static void find_observer(struct answer *a)
{
    struct why_observer observer;
    if (!a->source->observer(a->source->context, a->query->observer, &observer)) {
        jw_null(a->w, "observer");
        return;
    }
    a->observer_ms = observer.last_ms != WHY_UNKNOWN ? observer.last_ms : observer.first_ms;
    jw_object(a->w, "observer");
    jw_string(a->w, "id", observer.identity);
    jw_string_or_null(a->w, "name", observer.name);
    write_ms(a->w, "firstSeen", observer.first_ms);
    write_ms(a->w, "lastSeen", observer.last_ms);
    write_int(a->w, "packetCount", observer.packets);
    jw_object_end(a->w);
}

static void find_node(struct answer *a)
{
    struct why_node node;
    if (!a->source->node(a->source->context, a->query->node, a->query->node_len, &node)) {
        jw_null(a->w, "node");
        return;
    }
    a->node_ms = node.heard_ms != WHY_UNKNOWN ? node.heard_ms : node.first_ms;
    jw_object(a->w, "node");
    jw_hex_lower(a->w, "publicKey", node.key, sizeof node.key);
    jw_string_or_null(a->w, "name", node.name);
    write_ms(a->w, "firstSeen", node.first_ms);
    write_ms(a->w, "lastHeard", node.heard_ms);
    write_int(a->w, "advertCount", node.adverts);
    jw_object_end(a->w);
}

static void write_found(struct answer *a)
{
    jw_object(a->w, "found");
    if (a->query->has_hash)
        find_packet(a);
    if (a->query->has_observer)
        find_observer(a);
    if (a->query->node_len > 0)
        find_node(a);
    jw_object_end(a->w);
}

/* --- what is known of refusals ---------------------------------------------------------------- */

static void write_row(void *to, const struct why_row *row)
{
    struct answer *a = to;
    struct json_write *w = a->w;
    const enum refusal refusal = refusal_find(row->rule, row->option);
    a->is_truncated = a->rows >= (int64_t)a->query->rows_max;
    if (a->is_truncated)
        return;
    if (a->rows == 0) {
        a->newest = refusal;
        (void)snprintf(a->newest_rule, sizeof a->newest_rule, "%s", row->rule);
        (void)snprintf(a->newest_key, sizeof a->newest_key, "%s", row->option);
    }
    jw_object(w, NULL);
    write_ms(w, "time", row->receipt_ms);
    jw_string_or_null(w, "source", row->source);
    jw_string_or_null(w, "observer", row->observer);
    write_hex(w, "hash", row->hash, row->hash_len);
    write_hex(w, "node", row->node, row->node_len);
    jw_string(w, "rule", row->rule);
    jw_string_or_null(w, "configKey", row->option);
    jw_string_or_null(w, "reason", refusal != REFUSAL_NONE ? refusal_info(refusal)->sentence : "");
    jw_string_or_null(w, "topic", row->topic);
    write_int(w, "bytes", row->bytes);
    jw_int(w, "messages", row->messages);
    jw_object_end(w);
    a->rows++;
}

static void write_rows(struct answer *a)
{
    jw_array(a->w, "rows");
    if (asks_anything(a->query))
        a->source->rows(a->source->context, a->query, write_row, a);
    jw_array_end(a->w);
    jw_bool(a->w, "truncated", a->is_truncated);
}

static void write_dropped(void *to, const struct why_dropped *dropped)
{
    struct answer *a = to;
    if (a->is_dropped)
        return;
    a->is_dropped = true;
    jw_object(a->w, "droppedPacket");
    jw_string_or_null(a->w, "reason", dropped->reason);
    jw_string_or_null(a->w, "observer", dropped->observer);
    write_hex(a->w, "node", dropped->node, dropped->node_len);
    write_ms(a->w, "firstSeen", dropped->first_ms);
    write_ms(a->w, "lastSeen", dropped->last_ms);
    jw_object_end(a->w);
}

/* The audit of adverts whose signature is wrong is one per content, so it knows more of them. */
static void find_dropped(struct answer *a)
{
    a->source->dropped(a->source->context, a->query->hash, write_dropped, a);
    if (!a->is_dropped)
        jw_null(a->w, "droppedPacket");
}

/* --- what was looked through ------------------------------------------------------------------ */

static void write_count(void *to, const char *rule, int64_t messages, int64_t rows)
{
    struct answer *a = to;
    jw_key(a->w, rule);
    jw_object(a->w, NULL);
    jw_int(a->w, "messages", messages);
    jw_int(a->w, "rows", rows);
    jw_object_end(a->w);
    a->messages += messages;
    a->noted += rows;
}

static void read_bounds(struct answer *a)
{
    a->bounds = (struct why_bounds){.from_ms = a->now_ms};
    a->source->bounds(a->source->context, a->now_ms, &a->bounds);
    const int64_t counted_from_ms = a->now_ms - WHY_COUNT_DAYS * MS_PER_DAY;
    if (a->bounds.from_ms < counted_from_ms)
        a->bounds.from_ms = counted_from_ms;
    if (a->bounds.from_ms > a->now_ms)
        a->bounds.from_ms = a->now_ms;
}

static void write_window(struct answer *a)
{
    const struct why_bounds *bounds = &a->bounds;
    jw_object(a->w, "counts");
    a->is_whole =
        a->source->counts(a->source->context, bounds->from_ms / MS_PER_HOUR, write_count, a);
    jw_object_end(a->w);
    a->is_complete = a->is_whole && a->noted >= a->messages;
    jw_object(a->w, "window");
    jw_time(a->w, "from", bounds->from_ms * US_PER_MS);
    jw_time(a->w, "to", a->now_ms * US_PER_MS);
    jw_bool(a->w, "complete", a->is_complete);
    jw_object_end(a->w);
    jw_object(a->w, "lookedThrough");
    write_int(a->w, "transmissions", bounds->transmissions);
    write_ms(a->w, "from", bounds->retained_from_ms > 0 ? bounds->retained_from_ms : WHY_UNKNOWN);
    jw_object_end(a->w);
}

/* --- the verdict ------------------------------------------------------------------------------ */

static void say_refused(const struct answer *a, char *out, size_t cap)
{
    const char *sentence = a->newest != REFUSAL_NONE ? refusal_info(a->newest)->sentence : "";
    (void)snprintf(out, cap, "not stored: %s (%s%s%s)", sentence, a->newest_rule,
                   a->newest_key[0] != '\0' ? ", decided by " : "", a->newest_key);
}

static void say_nothing_known(const struct answer *a, char *out, size_t cap)
{
    char kept[32];
    char since[32];
    char count[24] = "";
    const struct why_bounds *bounds = &a->bounds;
    const bool all_kept = bounds->retained_from_ms <= 0;
    if (bounds->transmissions != WHY_UNKNOWN)
        (void)snprintf(count, sizeof count, "%" PRId64 " ", bounds->transmissions);
    (void)snprintf(out, cap,
                   "nothing is known of it: it is none of the %spackets kept%s%s, and of"
                   " the %" PRId64 " messages refused since %s %s",
                   count, all_kept ? "" : " since ",
                   all_kept ? "" : clock_rfc3339(bounds->retained_from_ms * US_PER_MS, kept),
                   a->messages, clock_rfc3339(bounds->from_ms * US_PER_MS, since),
                   a->is_complete ? "none is it; perhaps it never came here"
                   : a->is_whole  ? "only a part left a row"
                                  : "a part can't be asked now");
}

static void say_known(const struct answer *a, char *out, size_t cap)
{
    char seen[32];
    const int64_t ms = a->observer_ms > a->node_ms ? a->observer_ms : a->node_ms;
    (void)snprintf(out, cap, "known, last heard %s%s", clock_rfc3339(ms * US_PER_MS, seen),
                   a->rows > 0 ? "; some of its messages were refused, see rows" : "");
}

static void write_verdict(const struct answer *a)
{
    char text[400];
    if (!asks_anything(a->query))
        (void)snprintf(text, sizeof text, "ask for a hash, an observer or a node");
    else if (a->observations > 0)
        (void)snprintf(text, sizeof text, "stored: heard %" PRId64 " times", a->observations);
    else if (a->observer_ms != INT64_MIN || a->node_ms != INT64_MIN)
        say_known(a, text, sizeof text);
    else if (a->rows > 0)
        say_refused(a, text, sizeof text);
    else if (a->is_dropped)
        (void)snprintf(text, sizeof text, "not stored: %s (rejected.signature, decided by %s)",
                       refusal_info(REFUSAL_SIGNATURE)->sentence,
                       refusal_info(REFUSAL_SIGNATURE)->option);
    else
        say_nothing_known(a, text, sizeof text);
    jw_string(a->w, "verdict", text);
}

void why_write(struct json_write *w, const struct why_query *query, const struct why_source *source,
               wall_us now)
{
    struct answer a = {.w = w,
                       .query = query,
                       .source = source,
                       .now_ms = now / US_PER_MS,
                       .observer_ms = INT64_MIN,
                       .node_ms = INT64_MIN,
                       .newest = REFUSAL_NONE};
    read_bounds(&a);
    jw_object(w, NULL);
    write_query(w, query);
    write_found(&a);
    write_rows(&a);
    if (query->has_hash)
        find_dropped(&a);
    write_window(&a);
    write_verdict(&a);
    jw_object_end(w);
}
