/* SPDX-License-Identifier: MIT */
#include "common/json/json.h"

#include <math.h>
#include <string.h>

/* One pass before the parser allocates anything: nesting, and NUL in a string, escaped or bare. */
static bool is_acceptable(const char *text, size_t len, int max_depth)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') {
                if (len - i >= 6 && memcmp(text + i + 1, "u0000", 5) == 0)
                    return false;
                i++;
            } else if (c == '"') {
                in_string = false;
            } else if (c == '\0') {
                return false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max_depth)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static bool is_blank(const char *from, const char *to)
{
    for (; from < to; from++) {
        if (*from != ' ' && *from != '\t' && *from != '\r' && *from != '\n' && *from != '\0')
            return false;
    }
    return true;
}

cJSON *json_parse(const char *text, size_t len, int max_depth)
{
    if (!is_acceptable(text, len, max_depth))
        return NULL;
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (root != NULL && !is_blank(end, text + len)) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

const char *json_string(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

bool json_number(const cJSON *object, const char *key, double *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble))
        return false;
    *out = item->valuedouble;
    return true;
}

bool json_int(const cJSON *object, const char *key, int64_t *out)
{
    double number;
    if (!json_number(object, key, &number) || number >= 9223372036854775808.0 ||
        number < -9223372036854775808.0)
        return false;
    *out = (int64_t)number;
    return true;
}
