/* SPDX-License-Identifier: MIT */
#include "cmd/server/spec/openapi.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 256

size_t openapi_tag(const char *path, const char **out_tag)
{
    if (strncmp(path, "/api/", 5) == 0)
        path += 4;
    *out_tag = path + 1;
    return strcspn(path + 1, "/");
}

bool openapi_is_json(const struct route *route)
{
    return route->answer == NULL || strchr(route->answer, '/') == NULL;
}

/* --- parameters ------------------------------------------------------------------------------- */

static void write_kind(struct json_write *w, enum http_parameter_kind kind)
{
    static const char *const types[] = {
        [HTTP_PARAMETER_FLAG] = "boolean",
        [HTTP_PARAMETER_TEXT] = "string",
        [HTTP_PARAMETER_INT] = "integer",
        [HTTP_PARAMETER_LIST] = "array",
    };
    jw_object(w, "schema");
    if (kind == HTTP_PARAMETER_TIME) {
        jw_array(w, "type"); /* RFC 3339, or unix seconds or milliseconds */
        jw_string(w, NULL, "string");
        jw_string(w, NULL, "integer");
        jw_array_end(w);
    } else {
        jw_string(w, "type", types[kind]);
    }
    if (kind == HTTP_PARAMETER_LIST) {
        jw_object(w, "items");
        jw_string(w, "type", "string");
        jw_object_end(w);
    }
    jw_object_end(w);
    if (kind == HTTP_PARAMETER_LIST) { /* a,b and not a=..&a=.. */
        jw_string(w, "style", "form");
        jw_bool(w, "explode", false);
    }
}

static void write_argument(struct json_write *w, const char *name, size_t len, const char *help)
{
    jw_object(w, NULL);
    jw_text(w, "name", name, len);
    jw_string(w, "in", "path");
    jw_bool(w, "required", true);
    if (help != NULL)
        jw_string(w, "description", help);
    write_kind(w, HTTP_PARAMETER_TEXT);
    jw_object_end(w);
}

static void write_parameters(struct json_write *w, const struct route *route)
{
    const char *name = strstr(route->path, "/:");
    if (name == NULL && route->parameters == NULL)
        return;
    jw_array(w, "parameters");
    for (; name != NULL; name = strstr(name + 2, "/:"))
        write_argument(w, name + 2, strcspn(name + 2, "/"), route->argument);
    for (const struct http_parameter *p = route->parameters; p != NULL && p->name != NULL; p++) {
        jw_object(w, NULL);
        jw_string(w, "name", p->name);
        jw_string(w, "in", "query");
        if (p->help != NULL)
            jw_string(w, "description", p->help);
        write_kind(w, p->kind);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void write_json_content(struct json_write *w, const struct spec_table *table,
                               const char *shape)
{
    jw_object(w, "content");
    jw_object(w, "application/json");
    if (shape != NULL)
        IGNORE(shape_write(w, "schema", shape, table->shapes), "a test reads each shape");
    jw_object_end(w);
    jw_object_end(w);
}

static void write_response(struct json_write *w, const struct spec_table *table,
                           const struct route *route, const char *status, const char *text)
{
    jw_object(w, status);
    jw_string(w, "description", text);
    if (openapi_is_json(route)) {
        write_json_content(w, table, route->answer);
    } else {
        jw_object(w, "content");
        jw_key(w, route->answer);
        jw_object(w, NULL);
        jw_object_end(w);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static void write_refusal(struct json_write *w, const char *status, const char *text)
{
    jw_object(w, status);
    jw_string(w, "description", text);
    jw_object(w, "content");
    jw_object(w, "application/json");
    jw_object(w, "schema");
    jw_string(w, "$ref", "#/components/schemas/error");
    jw_object_end(w);
    jw_object_end(w);
    jw_object_end(w);
    jw_object_end(w);
}

static void write_responses(struct json_write *w, const struct spec_table *table,
                            const struct route *route)
{
    const bool is_post = strcmp(route->method, "POST") == 0;
    jw_object(w, "responses");
    write_response(w, table, route, is_post ? "2XX" : "200", "What was asked for");
    if (route_cache(route) != HTTP_NO_STORE) {
        jw_object(w, "304");
        jw_string(w, "description", "What If-None-Match names is still so");
        jw_object_end(w);
    }
    if (route->is_probe)
        write_response(w, table, route, "503", "The same, and no");
    write_refusal(w, "default", "A refusal or a failure");
    jw_object_end(w);
}

/* --- operations ------------------------------------------------------------------------------- */

/* getApiNodesKey: method and path in one word, which no two rows share. */
static void write_id(struct json_write *w, const struct route *route)
{
    char text[TEXT_MAX];
    size_t len = 0;
    bool is_up = false;
    for (const char *c = route->method; *c != '\0'; c++)
        text[len++] = (char)(*c | 0x20);
    for (const char *c = route->path; *c != '\0' && len < sizeof text; c++) {
        const bool is_letter =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (is_letter)
            text[len++] = is_up && *c >= 'a' && *c <= 'z' ? (char)(*c & ~0x20) : *c;
        is_up = !is_letter;
    }
    jw_text(w, "operationId", text, len);
}

static void write_way(struct json_write *w, const char *way)
{
    jw_object(w, NULL);
    if (way != NULL) {
        jw_array(w, way);
        jw_array_end(w);
    }
    jw_object_end(w);
}

/* Any of these will do; reading needs none where no readApiKey is configured. */
static void write_security(struct json_write *w, enum http_access access)
{
    if (access == HTTP_OPEN)
        return;
    jw_array(w, "security");
    if (access == HTTP_READ)
        write_way(w, NULL);
    write_way(w, "key");
    write_way(w, "bearer");
    if (access == HTTP_READ)
        write_way(w, "login");
    jw_array_end(w);
}

static void write_operation(struct json_write *w, const struct spec_table *table,
                            const struct route *route)
{
    const char *tag;
    const size_t tag_len = openapi_tag(route->path, &tag);
    jw_object(w, strcmp(route->method, "POST") == 0 ? "post" : "get");
    write_id(w, route);
    jw_string(w, "summary", route->summary);
    jw_array(w, "tags");
    jw_text(w, NULL, tag, tag_len);
    jw_array_end(w);
    write_parameters(w, route);
    if (route->takes != NULL) {
        jw_object(w, "requestBody");
        jw_bool(w, "required", true);
        write_json_content(w, table, route->takes);
        jw_object_end(w);
    }
    write_responses(w, table, route);
    write_security(w, route->access);
    jw_object_end(w);
}

/* /api/nodes/{key} of /api/nodes/:key */
static void write_path_key(struct json_write *w, const char *path)
{
    char text[TEXT_MAX];
    size_t len = 0;
    for (bool is_name = false; len + 2 < sizeof text; path++) {
        if (is_name && (*path == '/' || *path == '\0')) {
            text[len++] = '}';
            is_name = false;
        }
        if (*path == '\0')
            break;
        is_name |= *path == ':';
        text[len++] = (char)(*path == ':' ? '{' : *path);
    }
    text[len] = '\0';
    jw_key(w, text);
}

/* All rows with this one's path; nothing when an earlier row had it. */
static void write_path(struct json_write *w, const struct spec_table *table,
                       const struct route *first)
{
    bool is_open = false;
    for (size_t f = 0; f < table->family_count; f++) {
        for (size_t i = 0; i < table->families[f].count; i++) {
            const struct route *route = &table->families[f].rows[i];
            if (route->summary == NULL || strcmp(route->path, first->path) != 0)
                continue;
            if (!is_open && route != first)
                return;
            if (!is_open) {
                write_path_key(w, route->path);
                jw_object(w, NULL);
            }
            is_open = true;
            write_operation(w, table, route);
        }
    }
    if (is_open)
        jw_object_end(w);
}

static void write_api_key(struct json_write *w, const char *way, const char *in, const char *name)
{
    jw_object(w, way);
    jw_string(w, "type", "apiKey");
    jw_string(w, "in", in);
    jw_string(w, "name", name);
    jw_object_end(w);
}

static void write_components(struct json_write *w, const struct spec_table *table)
{
    jw_object(w, "components");
    jw_object(w, "schemas");
    for (const struct shape_name *s = table->shapes; s->name != NULL; s++) {
        jw_key(w, s->name);
        IGNORE(shape_write(w, NULL, s->text, table->shapes), "a test reads each shape");
    }
    jw_object_end(w);
    jw_object(w, "securitySchemes");
    write_api_key(w, "key", "header", "X-API-Key");
    write_api_key(w, "login", "cookie", HTTP_LOGIN_COOKIE);
    jw_object(w, "bearer");
    jw_string(w, "type", "http");
    jw_string(w, "scheme", "bearer");
    jw_object_end(w);
    jw_object_end(w);
    jw_object_end(w);
}

void openapi_write(struct json_write *w, const struct spec_table *table)
{
    jw_object(w, NULL);
    jw_string(w, "openapi", "3.1.0");
    jw_object(w, "info");
    jw_string(w, "title", "Weir");
    jw_string(w, "version", table->version);
    jw_string(
        w, "description",
        "A MeshCore mesh over HTTP. Every GET has HEAD, every path OPTIONS. What is not known "
        "is null or left out, never 0. Members may be added; those that stand here stay.");
    jw_object_end(w);
    jw_object(w, "paths");
    for (size_t f = 0; f < table->family_count; f++) {
        for (size_t i = 0; i < table->families[f].count; i++)
            write_path(w, table, &table->families[f].rows[i]);
    }
    jw_object_end(w);
    write_components(w, table);
    jw_object_end(w);
}
