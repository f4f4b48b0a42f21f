/* SPDX-License-Identifier: MIT
 *
 * Shapes, by number of segments (the first is the prefix, "meshcore" by convention; the shapes
 * are the same behind any other):
 *   2  prefix/kind                      the old flat layout: neither region nor observer
 *   3  prefix/region/kind               region only; any other third segment is an observer
 *   4  prefix/region/observer/kind      the usual one; an unknown kind keeps region and observer
 *   5+ prefix/region/observer/serial/.. only for kinds that are ignored, else a deep region: of it
 *                                      nothing is taken but a key before the kind, the observer
 * A key where a region may stand is the observer. A second segment that is a reserved word is never
 * a region; three of those, and `repeater`, have shapes of their own:
 *   prefix/message/channel|direct/..    a text of a companion bridge
 *   prefix/client/key/packets|rf        what a phone heard
 *   prefix/client/key/regions           what a repeater answered it
 *   prefix/binary/gateway               bare frames
 *   prefix/repeater/name/kind           openhop_repeater; a name that its owner may change */
#include "cmd/ingestor/envelope/topic.h"

#include "common/base/hex.h"
#include "common/mesh/meshcore.h"

#include <string.h>

#define KEY_DIGITS (2 * MESHCORE_KEY_BYTES)
/* A topic of more segments than this is looked at in its first ones and its last two. */
#define SEGMENTS_MAX 5

struct segment {
    const char *text;
    size_t len;
};

struct word {
    const char *text;
    size_t len;
    enum topic_kind kind;
};
#define WORD(text, kind)                                                                           \
    {                                                                                              \
        text, sizeof(text) - 1, kind                                                               \
    }

/* At the place of a kind, `.../{kind}`. */
static const struct word kind_words[] = {
    WORD("packets", TOPIC_PACKETS),     WORD("packet", TOPIC_PACKETS), /* openhop_repeater */
    WORD("status", TOPIC_STATUS),       WORD("raw", TOPIC_RAW),
    WORD("neighbors", TOPIC_NEIGHBORS), WORD("debug", TOPIC_IGNORED),
    WORD("decoded", TOPIC_IGNORED),     WORD("internal", TOPIC_IGNORED),
    WORD("serial", TOPIC_IGNORED),      WORD("events", TOPIC_IGNORED),
};
/* At the place of a region, `prefix/{word}/...`; what stands behind the last three has a shape
 * of its own. */
static const struct word reserved_words[] = {
    WORD("packets", TOPIC_PACKETS), WORD("status", TOPIC_STATUS),  WORD("raw", TOPIC_RAW),
    WORD("debug", TOPIC_IGNORED),   WORD("events", TOPIC_IGNORED), WORD("message", TOPIC_CHANNEL),
    WORD("client", TOPIC_CLIENT),   WORD("binary", TOPIC_BINARY),
};
/* `prefix/client/{key}/{word}` */
static const struct word client_words[] = {
    WORD("packets", TOPIC_CLIENT),
    WORD("rf", TOPIC_CLIENT_RF),
    WORD("regions", TOPIC_CLIENT_REGIONS),
};
/* `prefix/message/{word}/...` */
static const struct word companion_words[] = {
    WORD("channel", TOPIC_CHANNEL),
    WORD("direct", TOPIC_DIRECT),
};
/* The hub's own format, `prefix/{key}/event/...`: the second segment is no region there. */
static const struct word hub_words[] = {
    WORD("event", TOPIC_IGNORED),
    WORD("command", TOPIC_IGNORED),
};

/* TOPIC_OTHER when it is none of them. */
static enum topic_kind find_word(const struct word *words, size_t count, struct segment segment)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i].len == segment.len && memcmp(words[i].text, segment.text, segment.len) == 0)
            return words[i].kind;
    }
    return TOPIC_OTHER;
}
#define FIND(words, segment) find_word(words, ARRAY_LEN(words), segment)

struct segments {
    struct segment at[SEGMENTS_MAX]; /* the first ones */
    struct segment before_last, last;
    size_t count; /* of all */
};

static void split(const char *text, size_t len, struct segments *out)
{
    const char *at = text;
    const char *const end = text + len;
    while (at != NULL) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const struct segment segment = {at, (size_t)((slash != NULL ? slash : end) - at)};
        if (out->count < SEGMENTS_MAX)
            out->at[out->count] = segment;
        out->count++;
        out->before_last = out->last;
        out->last = segment;
        at = slash != NULL ? slash + 1 : NULL;
    }
}

static bool is_key(struct segment segment)
{
    size_t digits = 0;
    while (digits < segment.len && hex_digit(segment.text[digits]) >= 0)
        digits++;
    return digits == segment.len && digits == KEY_DIGITS;
}

static void take_region(struct topic *out, struct segment segment)
{
    out->region = segment.len > 0 ? segment.text : NULL;
    out->region_len = segment.len;
}

static void take_observer(struct topic *out, struct segment segment)
{
    out->observer = segment.len > 0 ? segment.text : NULL;
    out->observer_len = segment.len;
}

/* Of the only segment between the prefix and the kind. */
static void take_region_or_key(struct topic *out, struct segment segment)
{
    if (is_key(segment))
        take_observer(out, segment);
    else
        take_region(out, segment);
}

static void parse_three(const struct segments *s, struct topic *out)
{
    out->kind = FIND(hub_words, s->at[2]);
    if (out->kind == TOPIC_IGNORED)
        return;
    out->kind = FIND(kind_words, s->at[2]);
    take_region_or_key(out, s->at[1]);
    if (out->kind == TOPIC_OTHER && out->observer == NULL)
        take_observer(out, s->at[2]);
}

static void parse_four(const struct segments *s, struct topic *out)
{
    out->kind = FIND(hub_words, s->at[2]);
    if (out->kind == TOPIC_IGNORED)
        return;
    take_region(out, s->at[1]);
    take_observer(out, s->at[2]);
    out->kind = FIND(kind_words, s->at[3]);
}

static void parse_deep(const struct segments *s, struct topic *out)
{
    if (FIND(hub_words, s->at[2]) == TOPIC_IGNORED || FIND(kind_words, s->at[3]) == TOPIC_IGNORED)
        out->kind = TOPIC_IGNORED;
    else
        out->kind = FIND(kind_words, s->last);
    if (out->kind != TOPIC_IGNORED && is_key(s->before_last))
        take_observer(out, s->before_last);
}

/* The name may hold slashes: then only the payload says who it is. */
static void parse_repeater(const struct segments *s, struct topic *out)
{
    out->is_nickname = true;
    out->kind = FIND(kind_words, s->last);
    if (s->count == 4 || (s->count == 3 && out->kind == TOPIC_OTHER))
        take_observer(out, s->at[2]);
}

/* What stands behind a word that starts a shape of its own; any other form of it is nobody's. */
static void parse_shape(enum topic_kind shape, const struct segments *s, struct topic *out)
{
    out->kind = TOPIC_IGNORED;
    if (shape == TOPIC_BINARY && s->count == 3) {
        out->kind = TOPIC_BINARY;
        take_observer(out, s->at[2]);
    } else if (shape == TOPIC_CLIENT && s->count == 4 &&
               FIND(client_words, s->at[3]) != TOPIC_OTHER) {
        out->kind = FIND(client_words, s->at[3]);
        take_observer(out, s->at[2]);
    } else if (shape == TOPIC_CHANNEL && s->count >= 4 &&
               FIND(companion_words, s->at[2]) != TOPIC_OTHER) {
        out->kind = FIND(companion_words, s->at[2]);
        out->peer = s->last.len > 0 ? s->last.text : NULL;
        out->peer_len = s->last.len;
    }
}

static bool is_word(struct segment segment, const char *word)
{
    return segment.len == strlen(word) && memcmp(segment.text, word, segment.len) == 0;
}

void topic_parse(const char *text, size_t len, struct topic *out)
{
    *out = (struct topic){.kind = TOPIC_OTHER};
    struct segments s = {.count = 0};
    if (len > 0)
        split(text, len, &s);
    if (s.count < 2)
        return;
    out->is_meshcore = is_word(s.at[0], "meshcore");
    const enum topic_kind reserved = FIND(reserved_words, s.at[1]);
    if (reserved == TOPIC_CHANNEL || reserved == TOPIC_CLIENT || reserved == TOPIC_BINARY)
        parse_shape(reserved, &s, out);
    else if (reserved != TOPIC_OTHER)
        out->kind = reserved;
    else if (is_word(s.at[1], "repeater"))
        parse_repeater(&s, out);
    else if (s.count == 2)
        take_region_or_key(out, s.at[1]);
    else if (s.count == 3)
        parse_three(&s, out);
    else if (s.count == 4)
        parse_four(&s, out);
    else
        parse_deep(&s, out);
}
