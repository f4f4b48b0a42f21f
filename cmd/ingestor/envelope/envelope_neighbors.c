/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/envelope_neighbors.h"

#include <string.h>

/* Counts beyond are nobody's; and each is exact as a double. */
#define COUNT_MAX 1e15

static int64_t count_of(const struct json_value *value)
{
    const double number = round(envelope_number_of(value));
    return number >= 0 && number <= COUNT_MAX ? (int64_t)number : -1;
}

/* What is between the brackets, up to the line that is one too many: a report that we
 * cut says so. */
static void take_list(const struct json_value *array, struct envelope_neighbors *out)
{
    out->list = array->text + 1;
    out->list_len = array->len - 2;
    size_t at = 0;
    struct json_value line;
    for (size_t n = 0; n < ENVELOPE_NEIGHBORS_MAX; n++) {
        if (!json_scan_element(out->list, out->list_len, ENVELOPE_DEPTH_MAX, &at, &line))
            return;
    }
    out->list_len = at;
    const size_t rest = (size_t)(array->text + array->len - 1 - (out->list + at));
    at = 0;
    if (json_scan_element(out->list + out->list_len, rest, ENVELOPE_DEPTH_MAX, &at, &line))
        out->is_truncated = true;
}

enum outcome envelope_parse_neighbors(const struct topic *topic, const struct envelope_fields *f,
                                      struct envelope *out)
{
    static const enum envelope_key ours[] = {KEY_ORIGIN, KEY_ORIGIN_ID, KEY_SELF};
    const struct json_value *list = &f->at[KEY_NEIGHBORS];
    if (!topic->is_meshcore && !envelope_has_any(f, ours, ARRAY_LEN(ours)))
        return OUTCOME_FILTERED_TOPIC; /* of some other kind of network */
    if (list->kind != JSON_ARRAY || !envelope_take_common(topic, f, out))
        return OUTCOME_REJECTED_ENVELOPE;
    struct envelope_neighbors *report = &out->neighbors;
    *report = (struct envelope_neighbors){
        .total = count_of(&f->at[KEY_TOTAL_NEIGHBORS]),
        .queried = count_of(&f->at[KEY_QUERIED_NEIGHBORS]),
        .is_truncated = envelope_truth_of(&f->at[KEY_TRUNCATED]) == 1,
    };
    struct envelope_fields self;
    envelope_scan_inner(&f->at[KEY_SELF], &self);
    (void)envelope_take_list(&self.at[KEY_SCOPES], report->scopes, sizeof report->scopes);
    (void)envelope_take_text(&self.at[KEY_DEFAULT_SCOPE], report->default_scope,
                             sizeof report->default_scope);
    take_list(list, report);
    out->kind = ENVELOPE_NEIGHBORS;
    return OUTCOME_NONE;
}

/* False: nobody can say whose line it is. */
static bool take_line(const struct json_value *object, struct envelope_neighbor *out)
{
    struct envelope_fields f;
    envelope_scan_inner(object, &f);
    char scratch[ENVELOPE_SCRATCH];
    *out = (struct envelope_neighbor){0};
    if (!envelope_take_key(envelope_text_of(&f.at[KEY_PUBKEY], scratch), out->key))
        return false;
    out->snr = envelope_number_of(envelope_pick(&f, KEY_SNR_UPPER, KEY_SNR));
    out->rssi = envelope_number_of(envelope_pick(&f, KEY_RSSI_UPPER, KEY_RSSI));
    out->heard_secs_ago = envelope_number_of(&f.at[KEY_HEARD_SECS_AGO]);
    if (!(out->heard_secs_ago >= 0)) /* nobody is heard in the future */
        out->heard_secs_ago = (double)NAN;
    (void)envelope_take_text(&f.at[KEY_STATUS], out->status, sizeof out->status);
    /* A question that was not answered leaves open what the answer would have been. */
    out->has_scopes =
        envelope_span_is((struct envelope_span){out->status, strlen(out->status)}, "responded") &&
        f.at[KEY_SCOPES].kind == JSON_STRING;
    if (out->has_scopes)
        (void)envelope_take_list(&f.at[KEY_SCOPES], out->scopes, sizeof out->scopes);
    return true;
}

bool envelope_neighbor_next(const struct envelope_neighbors *neighbors, size_t *at,
                            struct envelope_neighbor *out)
{
    struct json_value line;
    while (json_scan_element(neighbors->list, neighbors->list_len, ENVELOPE_DEPTH_MAX, at, &line)) {
        if (take_line(&line, out))
            return true;
    }
    return false;
}
