/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/rules.h"

#include "common/base/hex.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One byte names 1 node of 256 at best: no evidence of who was heard. */
#define HEARD_BYTES_MIN 2

struct text_set {
    const char **items; /* sorted */
    size_t count;
};

struct rules {
    const struct config *config;
    struct text_set observers_denied, observers_allowed, regions;
    uint8_t (*nodes)[MESHCORE_KEY_BYTES]; /* sorted */
    size_t node_count;
};

static int compare_text(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_key(const void *a, const void *b)
{
    return memcmp(a, b, MESHCORE_KEY_BYTES);
}

static bool set_init(struct text_set *set, const struct config_list *list)
{
    set->items = calloc(max_size(list->count, 1), sizeof *set->items);
    if (set->items == NULL)
        return false;
    for (size_t i = 0; i < list->count; i++)
        set->items[set->count++] = list->items[i];
    qsort(set->items, set->count, sizeof *set->items, compare_text);
    return true;
}

static bool set_has(const struct text_set *set, const char *text)
{
    return set->count > 0 &&
           bsearch(&text, set->items, set->count, sizeof *set->items, compare_text) != NULL;
}

static bool take_nodes(struct rules *rules, const struct config_list *list)
{
    rules->nodes = calloc(max_size(list->count, 1), sizeof *rules->nodes);
    if (rules->nodes == NULL)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        uint8_t *key = rules->nodes[rules->node_count];
        size_t len = 0;
        /* The configuration let nothing else in. */
        if (hex_decode(list->items[i], strlen(list->items[i]), key, MESHCORE_KEY_BYTES, &len) &&
            len == MESHCORE_KEY_BYTES)
            rules->node_count++;
    }
    qsort(rules->nodes, rules->node_count, sizeof *rules->nodes, compare_key);
    return true;
}

struct rules *rules_new(const struct config *config)
{
    struct rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL)
        return NULL;
    rules->config = config;
    if (!set_init(&rules->observers_denied, &config->observer_blacklist) ||
        !set_init(&rules->observers_allowed, &config->observer_whitelist) ||
        !set_init(&rules->regions, &config->observer_iata_whitelist) ||
        !take_nodes(rules, &config->node_blacklist)) {
        rules_free(rules);
        return NULL;
    }
    return rules;
}

void rules_free(struct rules *rules)
{
    if (rules == NULL)
        return;
    free(rules->observers_denied.items);
    free(rules->observers_allowed.items);
    free(rules->regions.items);
    free(rules->nodes);
    free(rules);
}

/* Of one source: a handful of regions, in the order of the file. */
static bool list_has(const struct config_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcasecmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}

enum outcome rules_observer(const struct rules *rules, const char *observer, const char *region)
{
    if (set_has(&rules->observers_denied, observer) ||
        (rules->observers_allowed.count > 0 && !set_has(&rules->observers_allowed, observer)))
        return OUTCOME_FILTERED_OBSERVER;
    if (rules->regions.count > 0 && !set_has(&rules->regions, region))
        return OUTCOME_FILTERED_IATA;
    return OUTCOME_NONE;
}

enum outcome rules_envelope(const struct rules *rules, const struct config_source *source,
                            const struct envelope *envelope)
{
    if (envelope->kind == ENVELOPE_MESSAGE || envelope->kind == ENVELOPE_CLIENT ||
        envelope->kind == ENVELOPE_REGIONS)
        return set_has(&rules->observers_denied, envelope->observer) ? OUTCOME_FILTERED_OBSERVER
                                                                     : OUTCOME_NONE;
    const enum outcome outcome = rules_observer(rules, envelope->observer, envelope->region);
    if (outcome != OUTCOME_NONE)
        return outcome;
    if (envelope->kind == ENVELOPE_PACKET && source != NULL && source->iata_filter.count > 0 &&
        !list_has(&source->iata_filter, envelope->region))
        return OUTCOME_FILTERED_IATA;
    return OUTCOME_NONE;
}

static bool is_denied_node(const struct rules *rules, const uint8_t *key)
{
    return rules->node_count > 0 &&
           bsearch(key, rules->nodes, rules->node_count, sizeof *rules->nodes, compare_key) != NULL;
}

enum outcome rules_advert(const struct rules *rules, const struct meshcore_advert *advert,
                          bool *out_is_foreign)
{
    double lat, lon;
    *out_is_foreign = false;
    if (is_denied_node(rules, advert->public_key))
        return OUTCOME_FILTERED_NODE;
    *out_is_foreign = advert->app_data_valid && meshcore_advert_position(advert, &lat, &lon) &&
                      !geo_contains(&rules->config->geo_filter, lat, lon);
    return OUTCOME_NONE;
}

enum outcome rules_answer(const struct rules *rules, const struct envelope_regions *answer)
{
    if (!rules->config->client_rx_coverage)
        return OUTCOME_FILTERED_CLIENT;
    return is_denied_node(rules, answer->target) ? OUTCOME_FILTERED_NODE : OUTCOME_NONE;
}

static enum outcome heard_author(const struct rules *rules, const struct meshcore_frame *frame,
                                 const uint8_t **out_heard, size_t *out_len)
{
    struct meshcore_advert advert;
    if (!meshcore_parse_advert(frame, &advert))
        return OUTCOME_REJECTED_ADVERT;
    if (is_denied_node(rules, advert.public_key))
        return OUTCOME_FILTERED_NODE;
    if (rules->config->signature_mode != SIGNATURE_OFF && !meshcore_advert_verify(&advert))
        return OUTCOME_REJECTED_SIGNATURE;
    *out_heard = advert.public_key;
    *out_len = MESHCORE_KEY_BYTES;
    return OUTCOME_NONE;
}

enum outcome rules_heard(const struct rules *rules, const struct envelope_client *client,
                         const struct meshcore_frame *frame, const uint8_t **out_heard,
                         size_t *out_len)
{
    const bool is_wanted =
        client->is_rf ? rules->config->client_rx_observations : rules->config->client_rx_coverage;
    if (!is_wanted || !client->says_rx || !meshcore_has_hops(frame->route, frame->type))
        return OUTCOME_FILTERED_CLIENT;
    if (frame->hop_count == 0)
        return frame->type == MESHCORE_ADVERT ? heard_author(rules, frame, out_heard, out_len)
                                              : OUTCOME_FILTERED_CLIENT;
    if (frame->hash_size < HEARD_BYTES_MIN)
        return OUTCOME_FILTERED_CLIENT;
    *out_heard = frame->path + frame->path_bytes - frame->hash_size;
    *out_len = frame->hash_size;
    return OUTCOME_NONE;
}

static enum refusal client_refusal(const struct rules *rules, const struct envelope *envelope)
{
    const bool is_rf = envelope->kind == ENVELOPE_CLIENT && envelope->client.is_rf;
    if (is_rf && !rules->config->client_rx_observations)
        return REFUSAL_CLIENT_RF_OFF;
    return is_rf || rules->config->client_rx_coverage ? REFUSAL_CLIENT_EVIDENCE
                                                      : REFUSAL_CLIENT_OFF;
}

enum refusal rules_refusal(const struct rules *rules, const struct config_source *source,
                           const struct envelope *envelope, enum outcome outcome)
{
    if (envelope == NULL)
        return refusal_of(outcome);
    switch (outcome) {
    case OUTCOME_FILTERED_OBSERVER:
        return set_has(&rules->observers_denied, envelope->observer) ? REFUSAL_OBSERVER_DENIED
                                                                     : REFUSAL_OBSERVER_OTHER;
    case OUTCOME_FILTERED_IATA:
        return source != NULL && source->iata_filter.count > 0 &&
                       (rules->regions.count == 0 || set_has(&rules->regions, envelope->region))
                   ? REFUSAL_IATA_SOURCE
                   : REFUSAL_IATA_LIST;
    case OUTCOME_FILTERED_CLIENT:
        return client_refusal(rules, envelope);
    default:
        return refusal_of(outcome);
    }
}
