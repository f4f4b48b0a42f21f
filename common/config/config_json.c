/* SPDX-License-Identifier: MIT */
#include "common/config/config_json.h"

#include "common/config/config_report.h"
#include "common/config/config_text.h"

#include "common/json/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

static void done(void *field)
{
    char **text = field;
    free(*text);
    *text = NULL;
}

static void drop_comments(cJSON *object)
{
    for (cJSON *item = object->child, *next; item != NULL; item = next) {
        next = item->next;
        if (config_is_comment(item->string))
            cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
    }
}

/* Without white space and comments; NULL = no memory. */
static char *text_of(const cJSON *object)
{
    cJSON *copy = cJSON_Duplicate(object, true);
    if (copy == NULL)
        return NULL;
    drop_comments(copy);
    char *text = cJSON_PrintUnformatted(copy);
    cJSON_Delete(copy);
    return text;
}

static void from_json(const struct config_target *to, const cJSON *object)
{
    char **field = to->field, *text = text_of(object);
    if (text == NULL) {
        to->loader->no_memory = true;
    } else if (strlen(text) > (size_t)to->option->max) {
        config_error(to->loader, "%s: longer than %.15g bytes", to->path, to->option->max);
    } else if (!config_is_clean_text(text)) {
        config_error(to->loader, "%s: is not saved as UTF-8", to->path);
    } else {
        done(field);
        *field = text;
        return;
    }
    free(text);
}

static void names_from_json(const struct config_target *to, const cJSON *object)
{
    bool is_good = true;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (cJSON_IsString(item) || config_is_comment(item->string))
            continue;
        config_error(to->loader, "%s.%.*s: must be a string, not %s", to->path,
                     CONFIG_KEY_SHOWN_MAX, item->string, config_json_name(item));
        is_good = false;
    }
    if (is_good)
        from_json(to, object);
}

static bool equal(const struct config_option *option, const void *a, const void *b)
{
    (void)option;
    const char *const *left = a, *const *right = b;
    return *left == NULL || *right == NULL ? *left == *right : strcmp(*left, *right) == 0;
}

static void print(const struct config_option *option, const void *field, FILE *out)
{
    (void)option;
    const char *const *text = field;
    (void)fputs(*text != NULL ? *text : "none", out);
}

static void describe(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "an object");
}

static void describe_names(const struct config_option *option, char *out, size_t cap)
{
    (void)option;
    (void)snprintf(out, cap, "an object of strings");
}

const struct config_type config_type_object = {
    .size = sizeof(char *),
    .is_json = cJSON_IsObject,
    .only_in_file = "an object",
    .none = "none",
    .describe = describe,
    .from_json = from_json,
    .equal = equal,
    .print = print,
    .done = done,
};

const struct config_type config_type_names = {
    .size = sizeof(char *),
    .is_json = cJSON_IsObject,
    .only_in_file = "an object",
    .none = "none",
    .describe = describe_names,
    .from_json = names_from_json,
    .equal = equal,
    .print = print,
    .done = done,
};

/* --- tiles ------------------------------------------------------------------------------------ */

static bool is_tile_path(const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == '"' || *c == '\\' || (unsigned char)*c >= 127)
            return false;
    }
    return strstr(path, "{z}") != NULL && strstr(path, "{x}") != NULL &&
           (strstr(path, "{y}") != NULL || strstr(path, "{-y}") != NULL);
}

/* Letters, digits, dots, hyphens and a port: what needs no quoting anywhere. */
static bool is_plain_host(const char *text, size_t len)
{
    if (len == 0 || text[0] == '.' || text[0] == ':')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr(".-:", text[i]) == NULL)
            return false;
    }
    return true;
}

bool config_tile_host(const char *url, char out[static CONFIG_TILE_HOST_MAX + 1])
{
    static const char some[] = "{s}";
    out[0] = '\0';
    if (url[0] == '/')
        return url[1] != '/' && is_tile_path(url);
    const char *host = strstr(url, "://");
    const size_t scheme = host != NULL ? (size_t)(host - url) : 0;
    if ((scheme != 4 || memcmp(url, "http", 4) != 0) &&
        (scheme != 5 || memcmp(url, "https", 5) != 0))
        return false;
    host += 3;
    size_t len = strcspn(host, "/");
    if (!is_tile_path(host + len))
        return false;
    /* A policy has a star in place of the whole first part alone. */
    const char *star = strstr(host, some);
    const char *rest = host;
    if (star != NULL && star < host + len) {
        rest = host + strcspn(host, ".");
        if (*rest != '.' || rest < star || rest > host + len)
            return false;
        rest++;
        len -= (size_t)(rest - host);
    }
    if (!is_plain_host(rest, len))
        return false;
    const int n = snprintf(out, CONFIG_TILE_HOST_MAX + 1, "%.*s://%s%.*s", (int)scheme, url,
                           rest != host ? "*." : "", (int)len, rest);
    if (n > 0 && n <= CONFIG_TILE_HOST_MAX)
        return true;
    out[0] = '\0';
    return false;
}

/* A member of an object as it was kept, when it is an address of tiles. */
static bool take_tile_url(const cJSON *object, const char *key, char *out)
{
    char host[CONFIG_TILE_HOST_MAX + 1];
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    if (text == NULL || strlen(text) > CONFIG_TILE_URL_MAX || !config_tile_host(text, host))
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool take_from(const char *json, const char *within, const char *const keys[2], char *out)
{
    cJSON *object = json != NULL ? json_parse(json, strlen(json), DEPTH_MAX) : NULL;
    const cJSON *tiles = within != NULL ? cJSON_GetObjectItemCaseSensitive(object, within) : object;
    const bool is_found = take_tile_url(tiles, keys[0], out) || take_tile_url(tiles, keys[1], out);
    cJSON_Delete(object);
    return is_found;
}

void config_tile_url(const struct config_page *page, bool is_dark,
                     char out[static CONFIG_TILE_URL_MAX + 1])
{
    /* The other ground's are better than none. */
    static const char *const of_map[] = {"lightUrl", "darkUrl", "lightUrl"};
    static const char *const of_tiles[] = {"light", "dark", "light"};
    out[0] = '\0';
    if (page->map_tile_url != NULL)
        (void)snprintf(out, CONFIG_TILE_URL_MAX + 1, "%s", page->map_tile_url);
    else if (!take_from(page->map, "tiles", &of_map[is_dark], out))
        (void)take_from(page->tiles, NULL, &of_tiles[is_dark], out);
}
