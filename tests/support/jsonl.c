/* SPDX-License-Identifier: MIT */
#include "tests/support/jsonl.h"

#include "tests/support/cmocka_all.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jsonl_pair {
    FILE *messages, *expectations;
    char *line, *expected_line;
    size_t cap, expected_cap;
    cJSON *message, *expected;
    struct jsonl_case current;
};

static FILE *open_file(const char *folder, const char *name, const char *suffix)
{
    char path[1024];
    assert_true(snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix) < (int)sizeof path);
    return fopen(path, "r");
}

struct jsonl_pair *jsonl_pair_open(const char *folder, const char *name)
{
    FILE *messages = open_file(folder, name, ".jsonl");
    if (messages == NULL)
        return NULL;
    struct jsonl_pair *pair = calloc(1, sizeof *pair);
    assert_non_null(pair);
    pair->messages = messages;
    pair->expectations = open_file(folder, name, ".expected.jsonl");
    assert_non_null(pair->expectations);
    return pair;
}

static bool is_surrogate(const char *escape, char first, char last)
{
    const char third = escape[3] >= 'a' ? (char)(escape[3] - 'a' + 'A') : escape[3];
    return strncmp(escape, "\\ud", 3) == 0 && third >= first && third <= last;
}

/* Same length, so it can be done in place. */
static void replace_lone_surrogates(char *line)
{
    for (char *at = strstr(line, "\\ud"); at != NULL; at = strstr(at, "\\ud")) {
        if (is_surrogate(at, '8', 'B') && is_surrogate(at + 6, 'C', 'F')) {
            at += 12;
        } else {
            if (is_surrogate(at, '8', 'F'))
                memcpy(at, "\\ufffd", 6);
            at += 6;
        }
    }
}

/* The object behind `"payload":`, up to its own closing brace. */
static void cut_payload(const char *line, struct jsonl_case *out)
{
    const char *at = strstr(line, "\"payload\":");
    assert_non_null(at);
    at = strchr(at, '{');
    assert_non_null(at);
    out->payload = at;
    int depth = 0;
    bool in_string = false;
    for (;; at++) {
        assert_int_not_equal(*at, '\0');
        if (in_string && *at == '\\')
            at++;
        else if (*at == '"')
            in_string = !in_string;
        else if (!in_string && *at == '{')
            depth++;
        else if (!in_string && *at == '}' && --depth == 0)
            break;
    }
    out->payload_len = (size_t)(at + 1 - out->payload);
}

/* `line` is changed by it; the payload must have been copied before. */
static cJSON *parse_line(char *line)
{
    replace_lone_surrogates(line);
    cJSON *root = cJSON_Parse(line);
    assert_non_null(root);
    return root;
}

static const char *string_member(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void drop_current(struct jsonl_pair *pair)
{
    cJSON_Delete(pair->message);
    cJSON_Delete(pair->expected);
    pair->message = NULL;
    pair->expected = NULL;
}

const struct jsonl_case *jsonl_pair_next(struct jsonl_pair *pair)
{
    drop_current(pair);
    const ssize_t len = getline(&pair->line, &pair->cap, pair->messages);
    const ssize_t expected_len =
        getline(&pair->expected_line, &pair->expected_cap, pair->expectations);
    assert_int_equal(len > 0, expected_len > 0);
    if (len <= 0)
        return NULL;
    char *copy = strdup(pair->line);
    assert_non_null(copy);
    pair->message = parse_line(copy);
    free(copy);
    pair->expected = parse_line(pair->expected_line);
    struct jsonl_case *c = &pair->current;
    c->id = string_member(pair->message, "id");
    c->topic = string_member(pair->message, "topic");
    c->message = pair->message;
    c->expected = pair->expected;
    assert_string_equal(c->id, string_member(pair->expected, "id"));
    c->payload = string_member(pair->message, "payload_text");
    if (c->payload != NULL)
        c->payload_len = strlen(c->payload);
    else
        cut_payload(pair->line, c);
    return c;
}

void jsonl_pair_close(struct jsonl_pair *pair)
{
    if (pair == NULL)
        return;
    drop_current(pair);
    assert_int_equal(fclose(pair->messages), 0);
    assert_int_equal(fclose(pair->expectations), 0);
    free(pair->line);
    free(pair->expected_line);
    free(pair);
}

size_t jsonl_check(const char *folder, const char *name, void (*check)(const struct jsonl_case *c))
{
    struct jsonl_pair *pair = jsonl_pair_open(folder, name);
    if (pair == NULL)
        return 0;
    size_t count = 0;
    for (const struct jsonl_case *c = jsonl_pair_next(pair); c != NULL; c = jsonl_pair_next(pair)) {
        check(c);
        count++;
    }
    jsonl_pair_close(pair);
    return count;
}
