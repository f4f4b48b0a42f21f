/* SPDX-License-Identifier: MIT */
#include "cmd/server/webhook/webhook_told.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES 8
#define HEAD_BYTES 64
#define LINE_BYTES                                                                                 \
    (sizeof((struct webhook_level *)0)->name + 8) /* the longest word, and its ends */

static size_t put_head(const char *url, char out[static HEAD_BYTES])
{
    uint8_t hash[32];
    char digits[2 * HASH_BYTES + 1];
    const struct crypto_part part = {url, strlen(url)};
    crypto_sha256(&part, 1, hash);
    hex_encode_lower(hash, HASH_BYTES, digits);
    return (size_t)snprintf(out, HEAD_BYTES, "weir-webhook 1 %s\n", digits);
}

char *webhook_told_text(const struct webhook_changes *known, const char *url)
{
    const size_t cap = HEAD_BYTES + known->count * LINE_BYTES + 1;
    char *text = malloc(cap);
    if (text == NULL)
        return NULL;
    size_t len = put_head(url, text);
    for (size_t i = 0; i < known->count; i++) {
        const struct webhook_level *level = &known->levels[i];
        if (level->told != HEALTH_PASS && strchr(level->name, '\n') == NULL)
            len += (size_t)snprintf(text + len, cap - len, "%s %s\n",
                                    health_level_word(level->told), level->name);
    }
    return text;
}

/* "<level> <check>\n"; anything else is passed over. */
static void recall_line(char *line, mono_us now, struct webhook_changes *known)
{
    char *space = strchr(line, ' ');
    if (space == NULL || space[1] == '\n' || space[1] == '\0')
        return;
    *space = '\0';
    line[strcspn(space + 1, "\n") + (size_t)(space + 1 - line)] = '\0';
    for (enum health_level level = HEALTH_WARN; level <= HEALTH_FAIL; level++) {
        if (strcmp(line, health_level_word(level)) == 0)
            webhook_changes_recall(known, space + 1, level, now);
    }
}

void webhook_told_recall(const char *path, const char *url, mono_us now,
                         struct webhook_changes *known)
{
    char head[HEAD_BYTES], line[LINE_BYTES + HEAD_BYTES];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    (void)put_head(url, head);
    if (fgets(line, sizeof line, file) != NULL && strcmp(line, head) == 0) {
        while (fgets(line, sizeof line, file) != NULL)
            recall_line(line, now, known);
    }
    IGNORE(fclose(file), "it was read");
}
