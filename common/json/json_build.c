/* SPDX-License-Identifier: MIT */
#include "common/json/json_build.h"

#include "common/base/utf8.h"

#include <math.h>
#include <string.h>

static void check(struct json_build *b, const cJSON *item)
{
    b->is_short_of_memory |= item == NULL;
}

cJSON *jb_init(struct json_build *b)
{
    cJSON *root = cJSON_CreateObject();
    b->is_short_of_memory = root == NULL;
    return root;
}

cJSON *jb_object(struct json_build *b, cJSON *parent, const char *key)
{
    cJSON *object = cJSON_AddObjectToObject(parent, key);
    check(b, object);
    return object;
}

cJSON *jb_array(struct json_build *b, cJSON *parent, const char *key)
{
    cJSON *array = cJSON_AddArrayToObject(parent, key);
    check(b, array);
    return array;
}

cJSON *jb_row(struct json_build *b, cJSON *array)
{
    cJSON *row = cJSON_CreateObject();
    if (row != NULL && cJSON_AddItemToArray(array, row))
        return row;
    cJSON_Delete(row);
    b->is_short_of_memory = true;
    return NULL;
}

void jb_int(struct json_build *b, cJSON *parent, const char *key, int64_t value)
{
    if (value != JB_UNKNOWN)
        check(b, cJSON_AddNumberToObject(parent, key, (double)value));
}

void jb_count(struct json_build *b, cJSON *parent, const char *key, uint64_t value)
{
    if (value != JB_UNKNOWN_COUNT)
        check(b, cJSON_AddNumberToObject(parent, key, (double)value));
}

void jb_real(struct json_build *b, cJSON *parent, const char *key, double value)
{
    if (isfinite(value))
        check(b, cJSON_AddNumberToObject(parent, key, value));
}

void jb_bool(struct json_build *b, cJSON *parent, const char *key, bool value)
{
    check(b, cJSON_AddBoolToObject(parent, key, value));
}

void jb_text(struct json_build *b, cJSON *parent, const char *key, const char *value)
{
    char clean[512]; /* a text cut in the middle of a character is no JSON */
    (void)utf8_sanitize(clean, sizeof clean, (const uint8_t *)value, strlen(value));
    check(b, cJSON_AddStringToObject(parent, key, clean));
}

void jb_null(struct json_build *b, cJSON *parent, const char *key)
{
    check(b, cJSON_AddNullToObject(parent, key));
}

void jb_time(struct json_build *b, cJSON *parent, const char *key, wall_us value)
{
    char text[32] = "";
    if (value != JB_UNKNOWN) {
        (void)clock_rfc3339(value, text);
        char *fraction = strchr(text, '.');
        if (fraction != NULL && strcmp(fraction, ".000Z") == 0)
            memcpy(fraction, "Z", sizeof "Z");
    }
    check(b, cJSON_AddStringToObject(parent, key, text));
}

char *jb_print(struct json_build *b, cJSON *root)
{
    char *text = b->is_short_of_memory ? NULL : cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}
