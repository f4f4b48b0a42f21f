/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/admission.h"

#include "common/base/crc32c.h"
#include "common/base/hex.h"
#include "common/mesh/meshcore.h"

#include <assert.h>
#include <string.h>

#define RAW_KEY        "\"raw\""
#define STATUS_SEGMENT "/status"

struct text {
    const char *at;
    size_t len;
};

void admission_reset(struct admission *admission)
{
    memset(admission->slots, 0, sizeof admission->slots);
}

/* The byte at two digits, or -1. */
static int hex_byte(struct text hex, size_t at)
{
    if (hex.len < at + 2)
        return -1;
    const int high = hex_digit(hex.at[at]);
    const int low = hex_digit(hex.at[at + 1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static struct text skip_spaces(struct text text)
{
    while (text.len > 0 &&
           (*text.at == ' ' || *text.at == '\t' || *text.at == '\n' || *text.at == '\r')) {
        text.at++;
        text.len--;
    }
    return text;
}

/* The string value of the next "raw" key; *rest moves behind what was looked at. False: no
 * more of them. */
static bool next_raw(struct text *rest, struct text *out_hex)
{
    for (;;) {
        const char *const key = memmem(rest->at, rest->len, RAW_KEY, strlen(RAW_KEY));
        if (key == NULL)
            return false;
        rest->len -= (size_t)(key - rest->at) + strlen(RAW_KEY);
        rest->at = key + strlen(RAW_KEY);
        struct text value = skip_spaces(*rest);
        if (value.len == 0 || *value.at != ':')
            continue; /* a value "raw", not a key */
        value.at++;
        value.len--;
        value = skip_spaces(value);
        if (value.len == 0 || *value.at != '"')
            continue; /* null, a number: no frame */
        value.at++;
        value.len--;
        const char *const end = memchr(value.at, '"', value.len);
        *out_hex = (struct text){value.at, end != NULL ? (size_t)(end - value.at) : value.len};
        rest->len = value.len - out_hex->len;
        rest->at = value.at + out_hex->len;
        if (out_hex->len > 0) /* "" is a keep-alive */
            return true;
    }
}

static bool is_priority_type(unsigned type)
{
    return type == MESHCORE_ADVERT || type == MESHCORE_TXT_MSG || type == MESHCORE_GRP_TXT ||
           type == MESHCORE_TRACE;
}

/* The digits of the payload: what is the same at every hop. All digits where this is no frame, so
 * that repeated rubbish is a repetition too. */
static struct text behind_path(struct text hex, uint8_t header)
{
    const size_t codes =
        meshcore_has_transport(meshcore_header_route(header)) ? MESHCORE_TRANSPORT_BYTES : 0;
    const size_t path_at = 2 * (1 + codes);
    const int path_len = hex_byte(hex, path_at);
    if (path_len < 0)
        return hex;
    const size_t path_bytes =
        (size_t)meshcore_path_count((uint8_t)path_len) * meshcore_path_hash_size((uint8_t)path_len);
    const size_t start = path_at + 2 + 2 * path_bytes;
    return start < hex.len ? (struct text){hex.at + start, hex.len - start} : hex;
}

static struct admission_class classify_frame(const struct admission *admission, struct text hex)
{
    const int header = hex_byte(hex, 0);
    const struct text payload = header < 0 ? hex : behind_path(hex, (uint8_t)header);
    const uint32_t sighting = crc32c(0, payload.at, payload.len);
    const uint32_t last = admission->slots[sighting % ADMISSION_SLOTS];
    assert(last == 0 || last % ADMISSION_SLOTS == sighting % ADMISSION_SLOTS);
    return (struct admission_class){
        .is_priority = (header >= 0 && is_priority_type(meshcore_header_type((uint8_t)header))) ||
                       sighting == 0 || last != sighting,
        .sighting = sighting,
    };
}

struct admission_class admission_classify(const struct admission *admission,
                                          const struct ring_message *message)
{
    struct admission_class class = {.is_priority = false};
    if (message->topic_len > 0)
        class.is_priority = memmem(message->topic, message->topic_len, STATUS_SEGMENT,
                                   strlen(STATUS_SEGMENT)) != NULL;
    struct text rest = {(const char *)message->payload, message->payload_len};
    struct text hex;
    while (rest.len > 0 && !class.is_priority && next_raw(&rest, &hex)) {
        const struct admission_class frame = classify_frame(admission, hex);
        class.is_priority = frame.is_priority;
        class.sighting = frame.sighting;
    }
    return class;
}

void admission_remember(struct admission *admission, const struct admission_class *class)
{
    if (class->sighting != 0)
        admission->slots[class->sighting % ADMISSION_SLOTS] = class->sighting;
}
