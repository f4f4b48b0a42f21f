/* SPDX-License-Identifier: MIT
 *
 * One scan of the payload puts each known key's value into its slot; everything after that reads
 * slots. (A look-up per field would walk the members a dozen times for a packet.) A key that is
 * there twice counts in its last place, as for most JSON readers. Nothing is allocated, so nothing
 * fails for lack of memory. */
#include "cmd/ingestor/envelope/envelope_fields.h"

#include "cmd/ingestor/envelope/envelope_number.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *text;
    size_t len;
} key_names[KEY_COUNT] = {
#define X(id, text) [KEY_##id] = {text, sizeof(text) - 1},
    ENVELOPE_PACKET_KEYS(X) ENVELOPE_OTHER_KEYS(X)
#undef X
};

/* A key that needed escapes is as good as one that did not; none of ours comes near this length. */
#define KEY_TEXT_MAX 32

static void take_member(void *context, const struct json_value *key, const struct json_value *value)
{
    struct envelope_fields *f = context;
    const char *text = key->text;
    size_t len = key->len;
    char plain[KEY_TEXT_MAX];
    if (key->has_escapes) {
        len = json_unescape(key, plain, sizeof plain);
        text = plain;
    }
    /* Nearly every comparison ends at the length or the first character: no call for those. */
    for (size_t i = 0; i < f->known; i++) {
        if (key_names[i].len == len && key_names[i].text[0] == text[0] &&
            memcmp(key_names[i].text, text, len) == 0) {
            f->at[i] = *value;
            return;
        }
    }
}

bool envelope_scan(const char *text, size_t len, size_t known, struct envelope_fields *out)
{
    out->known = known;
    memset(out->at, 0, known * sizeof out->at[0]);
    return json_scan_object(text, len, ENVELOPE_DEPTH_MAX, take_member, out);
}

void envelope_scan_inner(const struct json_value *object, struct envelope_fields *out)
{
    if (object->kind != JSON_OBJECT)
        memset(out, 0, sizeof *out);
    else
        IGNORE(envelope_scan(object->text, object->len, KEY_COUNT, out),
               "checked as a part of the payload");
}

/* --- values ----------------------------------------------------------------------------------- */

struct envelope_span envelope_text_of(const struct json_value *value,
                                      char scratch[static ENVELOPE_SCRATCH])
{
    if (value->kind != JSON_STRING)
        return (struct envelope_span){NULL, 0};
    if (!value->has_escapes)
        return (struct envelope_span){value->text, value->len};
    return (struct envelope_span){scratch, json_unescape(value, scratch, ENVELOPE_SCRATCH)};
}

bool envelope_span_is(struct envelope_span span, const char *word)
{
    return span.text != NULL && span.len == strlen(word) &&
           strncasecmp(span.text, word, span.len) == 0;
}

struct envelope_span envelope_span_trim(struct envelope_span span)
{
    while (span.len > 0 && *span.text == ' ') {
        span.text++;
        span.len--;
    }
    while (span.len > 0 && span.text[span.len - 1] == ' ')
        span.len--;
    return span;
}

double envelope_number_of(const struct json_value *value)
{
    if (value->kind == JSON_NUMBER)
        return envelope_number_parse(value->text, value->len);
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span span = envelope_text_of(value, scratch);
    return span.text != NULL ? envelope_number_parse(span.text, span.len) : (double)NAN;
}

int envelope_truth_of(const struct json_value *value)
{
    if (value->kind == JSON_TRUE || value->kind == JSON_FALSE)
        return value->kind == JSON_TRUE;
    static const char *const yes[] = {"on", "true", "yes"};
    static const char *const no[] = {"off", "false", "no"};
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span span = envelope_text_of(value, scratch);
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (envelope_span_is(span, yes[i]))
            return 1;
        if (envelope_span_is(span, no[i]))
            return 0;
    }
    const double number = envelope_number_of(value);
    return isnan(number) ? -1 : number != 0;
}

bool envelope_copy_text(struct envelope_span span, char *out, size_t cap)
{
    (void)utf8_sanitize(out, cap, (const uint8_t *)span.text, span.len);
    return out[0] != '\0';
}

bool envelope_take_text(const struct json_value *value, char *out, size_t cap)
{
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span span = envelope_text_of(value, scratch);
    return span.text != NULL && !envelope_span_is(span, "unknown") &&
           envelope_copy_text(span, out, cap);
}

bool envelope_take_list(const struct json_value *value, char *out, size_t cap)
{
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span span = envelope_text_of(value, scratch);
    if (span.text == NULL || !envelope_copy_text(span, out, cap))
        return false;
    /* Cut at a character, it may be three bytes short. */
    char *const comma = strlen(out) + 4 >= cap ? strrchr(out, ',') : NULL;
    if (comma != NULL)
        *comma = '\0';
    return true;
}

bool envelope_take_key(struct envelope_span span, char out[static MESHCORE_KEY_BYTES * 2 + 1])
{
    if (span.text == NULL || span.len < 2 || span.len > MESHCORE_KEY_BYTES * 2)
        return false;
    size_t n = 0;
    for (; n < span.len; n++) {
        const char c = span.text[n];
        if (c >= 'A' && c <= 'F')
            out[n] = (char)(c - 'A' + 'a');
        else if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
            out[n] = c;
        else
            return false;
    }
    out[n] = '\0';
    return true;
}

void envelope_take_signal(const struct envelope_fields *f, double *out_snr, double *out_rssi,
                          double *out_score)
{
    *out_snr = envelope_number_of(envelope_pick(f, KEY_SNR_UPPER, KEY_SNR));
    *out_rssi = envelope_number_of(envelope_pick(f, KEY_RSSI_UPPER, KEY_RSSI));
    *out_score = envelope_number_of(envelope_pick(f, KEY_SCORE_UPPER, KEY_SCORE));
}

static bool is_direction(const struct envelope_fields *f, const char *word)
{
    char scratch[ENVELOPE_SCRATCH];
    return envelope_span_is(
        envelope_text_of(envelope_pick(f, KEY_DIRECTION_UPPER, KEY_DIRECTION), scratch), word);
}

enum envelope_direction envelope_direction_of(const struct envelope_fields *f)
{
    return is_direction(f, "tx") ? DIRECTION_TX : DIRECTION_RX;
}

bool envelope_says_rx(const struct envelope_fields *f)
{
    return is_direction(f, "rx");
}

/* --- the head --------------------------------------------------------------------------------- */

/* What firmware and bridges send as long as nobody has told them where they are. */
static bool is_no_region(struct envelope_span span)
{
    return span.len == 0 || envelope_span_is(span, "XXX");
}

/* Trimmed and in upper case, as the regions of configurations are compared. */
static bool take_region(struct envelope_span untrimmed, char *out, size_t cap)
{
    const struct envelope_span span = envelope_span_trim(untrimmed);
    if (is_no_region(span) || !envelope_copy_text(span, out, cap))
        return false;
    for (; *out != '\0'; out++) {
        if (*out >= 'a' && *out <= 'z')
            *out = (char)(*out - 'a' + 'A');
    }
    return true;
}

static void take_time(const struct json_value *value, struct envelope *out)
{
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span span = envelope_text_of(value, scratch);
    out->has_time = span.text != NULL && clock_parse_rfc3339(span.text, span.len, &out->envelope_ms,
                                                             &out->time_is_naive);
}

bool envelope_has_any(const struct envelope_fields *f, const enum envelope_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!envelope_is_absent(&f->at[keys[i]]))
            return true;
    }
    return false;
}

static bool is_whole_key(const struct json_value *value)
{
    char key[MESHCORE_KEY_BYTES * 2 + 1];
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span span = envelope_text_of(value, scratch);
    return span.len == MESHCORE_KEY_BYTES * 2 && envelope_take_key(span, key);
}

/* The broker checks a topic, nobody checks a payload: so the topic's observer goes first, unless it
 * is only a nickname. */
static bool take_observer(const struct topic *topic, const struct json_value *origin_id,
                          struct envelope *out)
{
    if (topic->observer != NULL && !(topic->is_nickname && is_whole_key(origin_id)))
        return envelope_copy_text((struct envelope_span){topic->observer, topic->observer_len},
                                  out->observer, sizeof out->observer);
    return envelope_take_text(origin_id, out->observer, sizeof out->observer);
}

bool envelope_take_common(const struct topic *topic, const struct envelope_fields *f,
                          struct envelope *out)
{
    char scratch[ENVELOPE_SCRATCH];
    const struct envelope_span topic_region = {topic->region, topic->region_len};
    if (!take_region(envelope_text_of(&f->at[KEY_REGION], scratch), out->region,
                     sizeof out->region) &&
        topic->region != NULL)
        (void)take_region(topic_region, out->region, sizeof out->region);
    if (!envelope_take_text(&f->at[KEY_ORIGIN], out->origin, sizeof out->origin))
        (void)envelope_take_text(&f->at[KEY_REPEATER], out->origin, sizeof out->origin);
    take_time(&f->at[KEY_TIMESTAMP], out);
    return take_observer(topic, &f->at[KEY_ORIGIN_ID], out);
}
