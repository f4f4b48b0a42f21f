/* SPDX-License-Identifier: MIT */
#include "cmd/server/nodes/facts.h"

#include "cmd/server/model/hops.h"

#include <string.h>

bool facts_begin(struct facts *f, struct asking *asking)
{
    *f = (struct facts){
        .asking = asking, .directory = asking_directory(asking), .now_ms = asking->now / US_PER_MS};
    if (f->directory == NULL)
        return false;
    if (asking->model->summary == NULL)
        return true;
    f->summary = summary_job_take(asking->model->summary);
    f->adverts = summary_job_adverts(asking->model->summary);
    f->scopes = summary_job_scopes(asking->model->summary);
    return true;
}

void facts_end(struct facts *f)
{
    summary_unref(f->summary);
    advert_set_unref(f->adverts);
    reported_scopes_unref(f->scopes);
}

/* --- relays ----------------------------------------------------------------------------------- */

static void add_scopes(struct relays *out, const struct hop_count *count)
{
    for (size_t i = 0; i < HOP_SCOPES_MAX && count->scopes[i] != 0; i++) {
        for (size_t j = 0; j < HOP_SCOPES_MAX; j++) {
            if (out->scopes[j] == 0)
                out->scopes[j] = count->scopes[i];
            if (out->scopes[j] == count->scopes[i])
                break;
        }
    }
}

size_t facts_hops(const struct facts *f, const struct node *node,
                  uint32_t out[static HOP_BYTES_MAX])
{
    const int64_t at_ms = summary_window(f->summary, 0).to_ms;
    size_t count = 0;
    for (size_t size = 1; size <= HOP_BYTES_MAX; size++)
        if (hops_node(f->directory, node->key, size, at_ms) == node)
            out[count++] = hop_pack(node->key, size);
    return count;
}

bool facts_relays(const struct facts *f, const struct node *node, struct relays *out)
{
    uint32_t hops[HOP_BYTES_MAX];
    *out = (struct relays){.last_ms = node->relayed_ms};
    if (f->summary == NULL)
        return false;
    const size_t hop_count = facts_hops(f, node, hops);
    for (size_t i = 0; i < hop_count; i++) {
        const struct hop_count *count = tally_hops_find(summary_hops(f->summary), hops[i]);
        if (count == NULL)
            continue;
        out->packets_hour += count->packets_hour;
        out->packets_day += count->packets_day;
        out->packets_unscoped += count->packets_unscoped;
        out->widest_hop = (uint8_t)hop_size(hops[i]);
        if (count->last_ms > out->last_ms)
            out->last_ms = count->last_ms;
        add_scopes(out, count);
    }
    return true;
}

double facts_traffic_share(const struct facts *f, const struct relays *relays)
{
    const uint32_t all = tally_hops_packets(summary_hops(f->summary));
    return all == 0 ? 0 : (double)relays->packets_day / all;
}

const struct observer *facts_observer(const struct facts *f, const struct node *node)
{
    for (size_t i = 0; i < f->directory->observer_count; i++) {
        const struct observer *observer = &f->directory->observers[i];
        if (observer->node == node && !observer->is_hidden)
            return observer;
    }
    return NULL;
}

const struct advert_facts *facts_adverts(const struct facts *f, const struct node *node)
{
    return f->adverts != NULL ? advert_set_find(f->adverts, node->id) : NULL;
}

/* --- scopes ----------------------------------------------------------------------------------- */

const char *facts_configured_scopes(const struct facts *f, const struct node *node,
                                    int64_t *out_as_of_ms)
{
    const char *newest = NULL;
    int64_t newest_ms = INT64_MIN;
    for (size_t len = NODE_KEY_BYTES; f->scopes != NULL && len > 0; len--) {
        const struct node *const *first;
        int64_t as_of_ms;
        if (!reported_scopes_has_len(f->scopes, len))
            continue;
        const char *scopes = reported_scopes_find(f->scopes, node->key, len, &as_of_ms);
        if (scopes == NULL || as_of_ms <= newest_ms ||
            directory_prefix(f->directory, node->key, len, &first) != 1)
            continue;
        newest = scopes;
        newest_ms = as_of_ms;
    }
    if (out_as_of_ms != NULL)
        *out_as_of_ms = newest_ms;
    return newest;
}

const char *facts_scopes_next(const char **at, size_t *out_len)
{
    const char *name = *at + strspn(*at, ", ");
    size_t len = strcspn(name, ",");
    *at = name + len;
    while (len > 0 && name[len - 1] == ' ')
        len--;
    *out_len = len;
    return len > 0 ? name : NULL;
}

bool facts_scopes_any(const char *scopes)
{
    const char *name;
    size_t len;
    while ((name = facts_scopes_next(&scopes, &len)) != NULL) {
        if (len != 1 || *name != '*')
            return true;
    }
    return false;
}

bool facts_scopes_have(const char *scopes, const char *wanted)
{
    const char *name;
    size_t len;
    wanted += *wanted == '#';
    while ((name = facts_scopes_next(&scopes, &len)) != NULL) {
        const size_t mark = *name == '#';
        if (len - mark == strlen(wanted) && memcmp(name + mark, wanted, len - mark) == 0)
            return true;
    }
    return false;
}

/* --- JSON ------------------------------------------------------------------------------------- */

void node_time(struct json_write *w, const char *key, int64_t ms)
{
    if (ms == DIRECTORY_NEVER)
        jw_null(w, key);
    else
        jw_time(w, key, ms * US_PER_MS);
}

void node_role(struct json_write *w, const char *key, const struct node *node)
{
    char name[16];
    if (node->role < 0)
        jw_null(w, key);
    else
        jw_string(w, key, meshcore_role_name((unsigned)node->role, name));
}

static void write_configured_scopes(struct json_write *w, const struct facts *f,
                                    const struct node *node)
{
    const char *at = facts_configured_scopes(f, node, NULL);
    const char *name;
    size_t len;
    if (at == NULL)
        return;
    jw_array(w, "configured_scope");
    while ((name = facts_scopes_next(&at, &len)) != NULL)
        jw_text(w, NULL, name, len);
    jw_array_end(w);
}

void node_hash_sizes(struct json_write *w, const struct advert_facts *adverts)
{
    if (adverts == NULL || adverts->hash_size == 0) {
        jw_null(w, "hash_size");
        jw_bool(w, "hash_size_inconsistent", false);
        return;
    }
    jw_uint(w, "hash_size", adverts->hash_size);
    jw_bool(w, "hash_size_inconsistent", adverts->is_inconsistent);
    if ((adverts->sizes & (adverts->sizes - 1)) == 0)
        return;
    jw_array(w, "hash_sizes_seen");
    for (unsigned size = 1; size <= HOP_BYTES_MAX; size++)
        if ((adverts->sizes >> size & 1) != 0)
            jw_uint(w, NULL, size);
    jw_array_end(w);
}

struct multi_byte facts_multi_byte(const struct advert_facts *adverts, const struct relays *relays)
{
    unsigned advertised = 0;
    for (unsigned size = 2; adverts != NULL && size <= HOP_BYTES_MAX; size++)
        if ((adverts->sizes >> size & 1) != 0)
            advertised = size;
    if (advertised > 0)
        return (struct multi_byte){"confirmed", "advert", advertised};
    if (relays->widest_hop >= 2)
        return (struct multi_byte){"suspected", "path", relays->widest_hop};
    return (struct multi_byte){.status = NULL};
}

static void write_multi_byte(struct json_write *w, const struct advert_facts *adverts,
                             const struct relays *relays)
{
    const struct multi_byte multi = facts_multi_byte(adverts, relays);
    if (multi.status == NULL)
        return;
    jw_string(w, "multi_byte_status", multi.status);
    jw_string(w, "multi_byte_evidence", multi.evidence);
    jw_uint(w, "multi_byte_max_hash_size", multi.max_bytes);
}

static void write_counts(struct json_write *w, const struct facts *f, const struct relays *relays)
{
    jw_uint(w, "relay_count_1h", relays->packets_hour);
    jw_uint(w, "relay_count_24h", relays->packets_day);
    jw_uint(w, "unscoped_relay_count_24h", relays->packets_unscoped);
    if (relays->scopes[0] != 0) {
        jw_array(w, "transported_scopes");
        for (size_t i = 0; i < HOP_SCOPES_MAX && relays->scopes[i] != 0; i++) {
            const char *name = directory_scope(f->directory, relays->scopes[i]);
            if (name != NULL)
                jw_string(w, NULL, name);
        }
        jw_array_end(w);
    }
    jw_real(w, "traffic_share_score", facts_traffic_share(f, relays));
}

static void write_relays(struct json_write *w, const struct facts *f, const struct relays *relays)
{
    static const char *const unknown[] = {"relay_count_1h", "relay_count_24h",
                                          "unscoped_relay_count_24h", "traffic_share_score"};
    static const char *const undefined[] = {"bridge_score", "coverage_score", "redundancy_score",
                                            "usefulness_score"};
    if (relays->last_ms != DIRECTORY_NEVER)
        node_time(w, "last_relayed", relays->last_ms);
    jw_bool(w, "relay_active",
            relays->last_ms != DIRECTORY_NEVER &&
                relays->last_ms >= f->now_ms - RELAY_WINDOW_HOURS * MS_PER_HOUR);
    if (f->summary != NULL)
        write_counts(w, f, relays);
    for (size_t i = 0; f->summary == NULL && i < ARRAY_LEN(unknown); i++)
        jw_null(w, unknown[i]);
    for (size_t i = 0; i < ARRAY_LEN(undefined); i++)
        jw_null(w, undefined[i]);
}

static void write_identity(struct json_write *w, const struct facts *f, const struct node *node)
{
    jw_hex_lower(w, "public_key", node->key, sizeof node->key);
    jw_string_or_null(w, "name", node->name);
    node_role(w, "role", node);
    jw_real(w, "lat", node->lat);
    jw_real(w, "lon", node->lon);
    node_time(w, "last_seen", node->advert_ms);
    node_time(w, "last_advert", node->advert_ms);
    node_time(w, "last_heard", node->heard_ms);
    node_time(w, "first_seen", node->first_ms);
    if (node->advert_count != DIRECTORY_UNKNOWN)
        jw_int(w, "advert_count", node->advert_count);
    jw_bool(w, "foreign", node->is_foreign);
    if (node->battery_mv == DIRECTORY_UNKNOWN)
        jw_null(w, "battery_mv");
    else
        jw_int(w, "battery_mv", node->battery_mv);
    jw_real(w, "temperature_c", node->temperature_c);
    const char *scope = directory_scope(f->directory, node->scope_id);
    jw_string_or_null(w, "default_scope", scope != NULL ? scope : "");
}

void node_members(struct json_write *w, const struct facts *f, const struct node *node)
{
    struct relays relays;
    const struct advert_facts *adverts = facts_adverts(f, node);
    const bool is_known = facts_relays(f, node, &relays);
    write_identity(w, f, node);
    write_configured_scopes(w, f, node);
    node_hash_sizes(w, adverts);
    if (adverts != NULL || is_known)
        write_multi_byte(w, adverts, &relays);
    if (node_may_relay(node))
        write_relays(w, f, &relays);
}

void node_write(struct json_write *w, const char *key, const struct facts *f,
                const struct node *node)
{
    jw_object(w, key);
    node_members(w, f, node);
    jw_object_end(w);
}

void window_write(struct json_write *w, const struct summary *summary, unsigned tallies)
{
    const struct summary_window window = summary_window(summary, tallies);
    jw_object(w, "window");
    jw_time(w, "from", window.from_ms * US_PER_MS);
    jw_time(w, "to", window.to_ms * US_PER_MS);
    jw_int(w, "observations", window.observations);
    jw_bool(w, "complete", window.is_complete);
    jw_object_end(w);
}
