/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/envelope_regions.h"

#include "common/base/hex.h"

#include <string.h>

/* Room for one character more than a name may have: so one that is too long is seen to be. */
#define NAME_BYTES ((ENVELOPE_REGION_NAME_MAX + 1) * 4 + 1)

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0U) != 0x80U;
    return count;
}

/* False: it can't be kept. The list is kept with commas, so a name with one would become two. */
static bool take_name(const struct json_value *item, char out[static NAME_BYTES])
{
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span span = envelope_span_trim(envelope_text_of(item, scratch));
    return span.text != NULL && span.len > 0 && envelope_copy_text(span, out, NAME_BYTES) &&
           strchr(out, ',') == NULL && count_characters(out) <= ENVELOPE_REGION_NAME_MAX;
}

/* out NULL: only look. Returns whether all names could be kept. */
static bool walk(const struct envelope_regions *regions, char *out)
{
    bool is_whole = true;
    size_t kept = 0;
    size_t len = 0;
    size_t at = 0;
    struct json_value item;
    while (json_scan_element(regions->list, regions->list_len, ENVELOPE_DEPTH_MAX, &at, &item)) {
        char name[NAME_BYTES];
        if (kept == ENVELOPE_REGIONS_MAX)
            return false;
        if (!take_name(&item, name)) {
            is_whole = false;
            continue;
        }
        kept++;
        if (out == NULL)
            continue;
        if (len > 0)
            out[len++] = ',';
        memcpy(out + len, name, strlen(name));
        len += strlen(name);
    }
    if (out != NULL)
        out[len] = '\0';
    return is_whole;
}

void envelope_regions_join(const struct envelope_regions *regions,
                           char out[static ENVELOPE_REGIONS_BYTES])
{
    IGNORE(walk(regions, out), "is_truncated says it");
}

enum outcome envelope_parse_regions(const struct topic *topic, const struct envelope_fields *f,
                                    struct envelope *out)
{
    struct envelope_regions *regions = &out->regions;
    const struct json_value *list = &f->at[KEY_REGIONS];
    char key[MESHCORE_KEY_BYTES * 2 + 1];
    char scratch[ENVELOPE_SCRATCH];
    size_t len = 0;
    /* Of what is no list nobody knows whether it was an answer. */
    if (list->kind != JSON_ARRAY ||
        !envelope_take_key((struct envelope_span){topic->observer, topic->observer_len},
                           regions->client) ||
        !envelope_take_key(envelope_text_of(&f->at[KEY_TARGET], scratch), key) ||
        !hex_decode(key, strlen(key), regions->target, sizeof regions->target, &len) ||
        len != MESHCORE_KEY_BYTES || !envelope_take_common(topic, f, out))
        return OUTCOME_REJECTED_ENVELOPE;
    regions->list = list->text + 1;
    regions->list_len = list->len - 2;
    regions->is_truncated = envelope_truth_of(&f->at[KEY_TRUNCATED]) == 1 || !walk(regions, NULL);
    memcpy(out->observer, regions->client, sizeof regions->client);
    out->kind = ENVELOPE_REGIONS;
    return OUTCOME_NONE;
}
