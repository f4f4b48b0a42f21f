/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/recording/message_line.h"

#include "common/base/utf8.h"
#include "common/json/json_scan.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

/* --- reading ---------------------------------------------------------------------------------- */

struct line {
    struct json_value topic, payload, payload_text, payload_base64, retain, qos, receipt;
};

static void take_member(void *context, const struct json_value *key, const struct json_value *value)
{
    struct line *line = context;
    const struct {
        const char *name;
        struct json_value *to;
    } members[] = {
        {"topic", &line->topic},
        {"payload", &line->payload},
        {"payload_text", &line->payload_text},
        {"payload_base64", &line->payload_base64},
        {"retain", &line->retain},
        {"qos", &line->qos},
        {"receipt_us", &line->receipt},
    };
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (strlen(members[i].name) == key->len &&
            memcmp(members[i].name, key->text, key->len) == 0)
            *members[i].to = *value;
    }
}

/* A whole number of at most 18 digits. */
static bool read_whole(const struct json_value *value, int64_t *out)
{
    if (value->kind != JSON_NUMBER || value->len == 0 || value->len > 18)
        return false;
    int64_t number = 0;
    for (size_t i = 0; i < value->len; i++) {
        if (value->text[i] < '0' || value->text[i] > '9')
            return false;
        number = number * 10 + (value->text[i] - '0');
    }
    *out = number;
    return true;
}

static const char *read_flags(const struct line *line, struct ring_message *out)
{
    int64_t qos = 0;
    int64_t receipt = 0;
    if (line->qos.kind > JSON_NULL && (!read_whole(&line->qos, &qos) || qos > 2))
        return "qos is not 0, 1 or 2";
    if (line->receipt.kind > JSON_NULL && !read_whole(&line->receipt, &receipt))
        return "receipt_us is no whole number of microseconds";
    if (line->retain.kind > JSON_TRUE)
        return "retain is neither true nor false";
    out->flags = (uint32_t)qos | (line->retain.kind == JSON_TRUE ? RING_RETAIN : 0U);
    out->receipt = receipt;
    return NULL;
}

static const char *read_payload(const struct line *line, char *scratch, size_t cap,
                                struct ring_message *out)
{
    const bool has_json = line->payload.kind != JSON_ABSENT;
    const bool has_text = line->payload_text.kind != JSON_ABSENT;
    const bool has_base64 = line->payload_base64.kind != JSON_ABSENT;
    if (has_json + has_text + has_base64 != 1)
        return "not exactly one of payload, payload_text and payload_base64";
    if (has_json && line->payload.kind == JSON_STRING)
        return "payload is a string: use payload_text";
    if (has_text && line->payload_text.kind != JSON_STRING)
        return "payload_text is no string";
    if (has_base64 && line->payload_base64.kind != JSON_STRING)
        return "payload_base64 is no string";
    size_t len = line->payload.len;
    out->payload = (const uint8_t *)line->payload.text;
    if (has_text)
        len = json_unescape(&line->payload_text, scratch, cap);
    else if (has_base64 && sodium_base642bin((unsigned char *)scratch, cap,
                                             line->payload_base64.text, line->payload_base64.len,
                                             NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return "payload_base64 is no base64";
    if (!has_json)
        out->payload = (const uint8_t *)scratch;
    out->payload_len = (uint32_t)len;
    return NULL;
}

bool message_line_parse(const char *line, size_t len, char *scratch, struct ring_message *out,
                        const char **out_why)
{
    struct line members = {.topic = {.kind = JSON_ABSENT}};
    *out_why = NULL;
    if (!json_scan_object(line, len, DEPTH_MAX, take_member, &members)) {
        *out_why = "not one JSON object";
        return false;
    }
    if (members.topic.kind != JSON_STRING || members.topic.len == 0) {
        *out_why = "no topic";
        return false;
    }
    struct ring_message message = {.topic = scratch};
    /* One byte beyond what a ring takes, so that a topic that is too long is still seen to be. */
    const size_t topic_len = json_unescape(&members.topic, scratch, RING_TOPIC_MAX + 2);
    message.topic_len = (uint32_t)topic_len;
    *out_why = read_flags(&members, &message);
    if (*out_why == NULL)
        *out_why = read_payload(&members, scratch + topic_len + 1, MESSAGE_LINE_MAX - topic_len - 1,
                                &message);
    if (*out_why != NULL)
        return false;
    *out = message;
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool make_room(struct message_text *text, size_t more)
{
    if (text->cap - text->len >= more)
        return true;
    size_t cap = text->cap != 0 ? text->cap : 4096;
    while (cap - text->len < more)
        cap *= 2;
    char *bytes = realloc(text->bytes, cap);
    if (bytes == NULL)
        return false;
    text->bytes = bytes;
    text->cap = cap;
    return true;
}

/* Room was made. */
static void put(struct message_text *text, const char *bytes, size_t len)
{
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
}

static void put_literal(struct message_text *text, const char *literal)
{
    put(text, literal, strlen(literal));
}

/* What is no UTF-8 becomes U+FFFD (3 bytes for 1); a control character takes 6. */
static void put_string(struct message_text *text, const char *bytes, size_t len)
{
    put_literal(text, "\"");
    for (size_t i = 0; i < len;) {
        const uint8_t c = (uint8_t)bytes[i];
        const size_t n = utf8_sequence_len((const uint8_t *)bytes + i, len - i);
        char escape[8];
        if (c < 0x20 || c == '"' || c == '\\') {
            (void)snprintf(escape, sizeof escape, c < 0x20 ? "\\u%04x" : "\\%c", c);
            put_literal(text, escape);
        } else if (n == 0) {
            put_literal(text, "\xef\xbf\xbd");
        } else {
            put(text, bytes + i, n);
        }
        i += n != 0 ? n : 1;
    }
    put_literal(text, "\"");
}

static bool is_utf8_text(const char *bytes, size_t len, bool *out_is_one_line)
{
    *out_is_one_line = true;
    for (size_t i = 0; i < len;) {
        const size_t n = utf8_sequence_len((const uint8_t *)bytes + i, len - i);
        if (n == 0 || bytes[i] == '\0')
            return false;
        if ((uint8_t)bytes[i] < 0x20)
            *out_is_one_line = false;
        i += n;
    }
    return true;
}

static void ignore_member(void *context, const struct json_value *key,
                          const struct json_value *value)
{
    (void)context;
    (void)key;
    (void)value;
}

static void put_payload(struct message_text *text, const char *bytes, size_t len)
{
    bool is_one_line = false;
    const bool is_text = is_utf8_text(bytes, len, &is_one_line);
    if (is_text && is_one_line && len >= 2 && bytes[0] == '{' && bytes[len - 1] == '}' &&
        json_scan_object(bytes, len, DEPTH_MAX - 1, ignore_member, NULL)) {
        put_literal(text, ",\"payload\":");
        put(text, bytes, len);
    } else if (is_text) {
        put_literal(text, ",\"payload_text\":");
        put_string(text, bytes, len);
    } else {
        put_literal(text, ",\"payload_base64\":\"");
        /* Room was made for what this length asks for; the NUL is written over. */
        (void)sodium_bin2base64(text->bytes + text->len, text->cap - text->len,
                                (const unsigned char *)bytes, len, sodium_base64_VARIANT_ORIGINAL);
        text->len += sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL) - 1;
        put_literal(text, "\"");
    }
    put_literal(text, "}\n");
}

bool message_line_append(struct message_text *text, const char *source,
                         const struct ring_message *message)
{
    /* Six bytes for one is the most that escaping takes; 160 for keys, numbers and punctuation. */
    const size_t source_len = strlen(source);
    const size_t most = 6 * (source_len + message->topic_len + message->payload_len) + 160;
    if (!make_room(text, most))
        return false;
    char numbers[64];
    put_literal(text, "{\"source\":");
    put_string(text, source, source_len);
    (void)snprintf(numbers, sizeof numbers,
                   ",\"receipt_us\":%" PRId64 ",\"topic\":", message->receipt);
    put_literal(text, numbers);
    put_string(text, message->topic, message->topic_len);
    if ((message->flags & RING_QOS_MASK) != 0) {
        (void)snprintf(numbers, sizeof numbers, ",\"qos\":%u", message->flags & RING_QOS_MASK);
        put_literal(text, numbers);
    }
    if ((message->flags & RING_RETAIN) != 0)
        put_literal(text, ",\"retain\":true");
    put_payload(text, (const char *)message->payload, message->payload_len);
    return true;
}
