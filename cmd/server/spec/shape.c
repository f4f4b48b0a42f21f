/* SPDX-License-Identifier: MIT */
#include "cmd/server/spec/shape.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

struct reader {
    const char *at;
    const struct shape_name *names;
    int depth;
    bool is_bad;
};

static void write_shape(struct json_write *w, const char *key, struct reader *r);

/* --- reading ---------------------------------------------------------------------------------- */

size_t shape_word(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz_");
}

const struct shape_name *shape_find(const struct shape_name *names, const char *word, size_t len)
{
    for (; names != NULL && names->name != NULL; names++) {
        if (strlen(names->name) == len && memcmp(names->name, word, len) == 0)
            return names;
    }
    return NULL;
}

static const char *bracket_end(const char *text)
{
    int open = 0;
    for (; *text != '\0'; text++) {
        open += *text == '{' || *text == '[';
        open -= *text == '}' || *text == ']';
        if (open == 0)
            return text + 1;
    }
    return text;
}

static const char *choice_end(const char *text)
{
    while (*text == '\'') {
        const char *close = strchr(text + 1, '\'');
        if (close == NULL)
            return text + strlen(text);
        text = close + 1;
        text += *text == '|';
    }
    return text;
}

const char *shape_end(const char *text)
{
    if (*text == '{' || *text == '[')
        return bracket_end(text);
    return *text == '\'' ? choice_end(text) : text + shape_word(text);
}

static void skip_blanks(struct reader *r)
{
    while (*r->at == ' ')
        r->at++;
}

/* Is c next? Then it is behind us. */
static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static void want(struct reader *r, char c)
{
    r->is_bad |= !take(r, c);
}

/* A member's name or `*`; what is too long for `out` is no name of ours. */
static void read_name(struct reader *r, char out[static SHAPE_WORD_MAX])
{
    skip_blanks(r);
    size_t len = *r->at == '*' ? 1 : strspn(r->at, NAME_BYTES);
    r->is_bad |= len == 0 || len >= SHAPE_WORD_MAX;
    len = r->is_bad ? 0 : len;
    memcpy(out, r->at, len);
    out[len] = '\0';
    r->at += len;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_type(struct json_write *w, const char *type, bool is_nullable)
{
    if (!is_nullable) {
        jw_string(w, "type", type);
        return;
    }
    jw_array(w, "type");
    jw_string(w, NULL, type);
    jw_string(w, NULL, "null");
    jw_array_end(w);
}

struct word {
    const char *word, *type;
    const char *more, *value; /* another member; NULL = none */
};

static const struct word words[] = {
    {"int", "integer", NULL, NULL},
    {"num", "number", NULL, NULL},
    {"str", "string", NULL, NULL},
    {"bool", "boolean", NULL, NULL},
    {"any", NULL, NULL, NULL},
    {"time", "string", "format", "date-time"},
    {"unix", "integer", "description", "Unix time in seconds"},
    {"hex", "string", "pattern", "^[0-9A-Fa-f]*$"},
};

static const struct word *find_word(const char *text, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strlen(words[i].word) == len && memcmp(words[i].word, text, len) == 0)
            return &words[i];
    }
    return NULL;
}

static void write_reference(struct json_write *w, const struct shape_name *name, bool is_nullable)
{
    char text[SHAPE_WORD_MAX + 32];
    (void)snprintf(text, sizeof text, "#/components/schemas/%s", name->name);
    if (!is_nullable) {
        jw_string(w, "$ref", text);
        return;
    }
    jw_array(w, "anyOf");
    jw_object(w, NULL);
    jw_string(w, "$ref", text);
    jw_object_end(w);
    jw_object(w, NULL);
    jw_string(w, "type", "null");
    jw_object_end(w);
    jw_array_end(w);
}

static void write_word(struct json_write *w, struct reader *r, bool is_nullable)
{
    const size_t len = shape_word(r->at);
    const struct word *word = find_word(r->at, len);
    const struct shape_name *name = word == NULL ? shape_find(r->names, r->at, len) : NULL;
    r->at += len;
    r->is_bad |= word == NULL && name == NULL;
    if (name != NULL)
        write_reference(w, name, is_nullable);
    if (word == NULL || word->type == NULL)
        return;
    write_type(w, word->type, is_nullable);
    if (word->more != NULL)
        jw_string(w, word->more, word->value);
}

static void write_choice(struct json_write *w, struct reader *r, bool is_nullable)
{
    const char *end = choice_end(r->at);
    jw_array(w, "enum");
    while (r->at < end) {
        const size_t len = strcspn(r->at + 1, "'");
        jw_text(w, NULL, r->at + 1, len);
        r->at += len + 1;
        r->at += *r->at == '\'';
        r->at += *r->at == '|';
    }
    if (is_nullable)
        jw_null(w, NULL);
    jw_array_end(w);
}

/* Past one member, whose shape is not written. */
static void skip_member(struct reader *r)
{
    skip_blanks(r);
    r->at = shape_end(r->at);
    (void)take(r, '?');
}

static bool is_at_end(struct reader *r)
{
    skip_blanks(r);
    return r->is_bad || *r->at == '}' || *r->at == '\0';
}

/* What is said of an object's members in three readings: those with a name, the ones that must be
 * there, and the rest. */
enum reading { PROPERTIES, REQUIRED, OTHERS };

static void read_member(struct json_write *w, struct reader *r, enum reading reading)
{
    char name[SHAPE_WORD_MAX];
    if (strncmp(r->at, "...", 3) == 0) {
        r->at += 3;
        if (reading == OTHERS)
            jw_bool(w, "additionalProperties", true);
        return;
    }
    read_name(r, name);
    const bool is_optional = take(r, '?');
    const bool is_any = strcmp(name, "*") == 0;
    want(r, ':');
    if (reading == REQUIRED && !is_any && !is_optional)
        jw_string(w, NULL, name);
    if (reading == PROPERTIES && !is_any) {
        jw_key(w, name);
        write_shape(w, NULL, r);
    } else if (reading == OTHERS && is_any) {
        write_shape(w, "additionalProperties", r);
    } else {
        skip_member(r);
    }
}

static void read_members(struct json_write *w, struct reader *r, enum reading reading)
{
    want(r, '{');
    while (!is_at_end(r)) {
        read_member(w, r, reading);
        if (!take(r, ','))
            break;
    }
    want(r, '}');
}

static void write_object(struct json_write *w, struct reader *r, bool is_nullable)
{
    const char *begin = r->at;
    write_type(w, "object", is_nullable);
    jw_object(w, "properties");
    read_members(w, r, PROPERTIES);
    jw_object_end(w);
    r->at = begin;
    jw_array(w, "required");
    read_members(w, r, REQUIRED);
    jw_array_end(w);
    r->at = begin;
    read_members(w, r, OTHERS);
}

static void write_list(struct json_write *w, struct reader *r, bool is_nullable)
{
    write_type(w, "array", is_nullable);
    want(r, '[');
    write_shape(w, "items", r);
    want(r, ']');
}

static void write_shape(struct json_write *w, const char *key, struct reader *r)
{
    skip_blanks(r);
    const bool is_nullable = *shape_end(r->at) == '?';
    jw_object(w, key);
    if (++r->depth > SHAPE_DEPTH_MAX)
        r->is_bad = true;
    else if (*r->at == '{')
        write_object(w, r, is_nullable);
    else if (*r->at == '[')
        write_list(w, r, is_nullable);
    else if (*r->at == '\'')
        write_choice(w, r, is_nullable);
    else
        write_word(w, r, is_nullable);
    r->depth--;
    jw_object_end(w);
    (void)take(r, '?');
}

bool shape_write(struct json_write *w, const char *key, const char *text,
                 const struct shape_name *names)
{
    struct reader r = {.at = text, .names = names};
    write_shape(w, key, &r);
    skip_blanks(&r);
    return !r.is_bad && *r.at == '\0';
}
