/* SPDX-License-Identifier: MIT
 *
 * Shapes, by number of segments (the first is the prefix, "meshcore" by convention, and is
 * never looked at):
 *   2  prefix/kind                      the old flat layout: neither region nor observer
 *   3  prefix/region/kind               region only; any other third segment is an observer
 *   4  prefix/region/observer/kind      the usual one; an unknown kind keeps region and observer
 *   5+ prefix/region/observer/serial/.. only for kinds that are ignored, else a deep region:
 *                                      nothing is taken
 * A second segment that is a reserved word is never a region; three of those words have shapes
 * of their own:
 *   prefix/message/channel|direct/..    a text of a companion bridge
 *   prefix/client/key/packets           what a phone heard
 *   prefix/binary/gateway               bare frames */
#include "cmd/ingestor/envelope/topic.h"

#include <string.h>

/* A topic of more segments than this is looked at in its first ones and its last. */
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
    WORD("packets", TOPIC_PACKETS),  WORD("status", TOPIC_STATUS),
    WORD("raw", TOPIC_RAW),          WORD("neighbors", TOPIC_NEIGHBORS),
    WORD("debug", TOPIC_IGNORED),    WORD("decoded", TOPIC_IGNORED),
    WORD("internal", TOPIC_IGNORED), WORD("serial", TOPIC_IGNORED),
    WORD("events", TOPIC_IGNORED),
};
/* At the place of a region, `prefix/{word}/...`; what stands behind the last three has a shape
 * of its own. */
static const struct word reserved_words[] = {
    WORD("packets", TOPIC_PACKETS), WORD("status", TOPIC_STATUS),  WORD("raw", TOPIC_RAW),
    WORD("debug", TOPIC_IGNORED),   WORD("events", TOPIC_IGNORED), WORD("message", TOPIC_CHANNEL),
    WORD("client", TOPIC_CLIENT),   WORD("binary", TOPIC_BINARY),
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

/* The first SEGMENTS_MAX segments, and the last; returns how many there are in all. */
static size_t split(const char *text, size_t len, struct segment out[static SEGMENTS_MAX],
                    struct segment *out_last)
{
    size_t count = 0;
    const char *at = text;
    const char *const end = text + len;
    for (;;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const struct segment segment = {at, (size_t)((slash != NULL ? slash : end) - at)};
        if (count < SEGMENTS_MAX)
            out[count] = segment;
        count++;
        *out_last = segment;
        if (slash == NULL)
            return count;
        at = slash + 1;
    }
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

static void parse_three(const struct segment *segments, struct topic *out)
{
    out->kind = FIND(hub_words, segments[2]);
    if (out->kind == TOPIC_IGNORED)
        return;
    take_region(out, segments[1]);
    out->kind = FIND(kind_words, segments[2]);
    if (out->kind == TOPIC_OTHER)
        take_observer(out, segments[2]);
}

static void parse_four(const struct segment *segments, struct topic *out)
{
    out->kind = FIND(hub_words, segments[2]);
    if (out->kind == TOPIC_IGNORED)
        return;
    take_region(out, segments[1]);
    take_observer(out, segments[2]);
    out->kind = FIND(kind_words, segments[3]);
}

static void parse_deep(const struct segment *segments, struct segment last, struct topic *out)
{
    if (FIND(hub_words, segments[2]) == TOPIC_IGNORED ||
        FIND(kind_words, segments[3]) == TOPIC_IGNORED)
        out->kind = TOPIC_IGNORED;
    else
        out->kind = FIND(kind_words, last);
}

/* What stands behind a word that starts a shape of its own; any other form of it is nobody's. */
static void parse_shape(enum topic_kind shape, const struct segment *segments, size_t count,
                        struct segment last, struct topic *out)
{
    out->kind = TOPIC_IGNORED;
    if (shape == TOPIC_BINARY && count == 3) {
        out->kind = TOPIC_BINARY;
        take_observer(out, segments[2]);
    } else if (shape == TOPIC_CLIENT && count == 4 &&
               FIND(kind_words, segments[3]) == TOPIC_PACKETS) {
        out->kind = TOPIC_CLIENT;
        take_observer(out, segments[2]);
    } else if (shape == TOPIC_CHANNEL && count >= 4 &&
               FIND(companion_words, segments[2]) != TOPIC_OTHER) {
        out->kind = FIND(companion_words, segments[2]);
        out->peer = last.len > 0 ? last.text : NULL;
        out->peer_len = last.len;
    }
}

void topic_parse(const char *text, size_t len, struct topic *out)
{
    *out = (struct topic){.kind = TOPIC_OTHER};
    struct segment segments[SEGMENTS_MAX] = {{0}};
    struct segment last;
    const size_t count = len > 0 ? split(text, len, segments, &last) : 0;
    if (count < 2)
        return;
    const enum topic_kind reserved = FIND(reserved_words, segments[1]);
    if (reserved == TOPIC_CHANNEL || reserved == TOPIC_CLIENT || reserved == TOPIC_BINARY)
        parse_shape(reserved, segments, count, last, out);
    else if (reserved != TOPIC_OTHER)
        out->kind = reserved;
    else if (count == 2)
        take_region(out, segments[1]);
    else if (count == 3)
        parse_three(segments, out);
    else if (count == 4)
        parse_four(segments, out);
    else
        parse_deep(segments, last, out);
}
