/* SPDX-License-Identifier: MIT */
#include "cmd/server/page/media_type.h"

#include <string.h>
#include <strings.h>

struct row {
    const char *end, *type;
};

static const struct row rows[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    /* pages above, parts of them below (PAGES) */
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"geojson", "application/geo+json"},
    {"webmanifest", "application/manifest+json"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"xml", "application/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/x-icon"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"wasm", "application/wasm"},
    {"pdf", "application/pdf"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
};
#define PAGES 2

static const struct row *find(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash != NULL ? slash : path, '.');
    for (size_t i = 0; dot != NULL && i < ARRAY_LEN(rows); i++) {
        if (strcasecmp(dot + 1, rows[i].end) == 0)
            return &rows[i];
    }
    return NULL;
}

const char *media_type(const char *path)
{
    const struct row *row = find(path);
    return row != NULL ? row->type : "application/octet-stream";
}

bool media_type_is_part(const char *path)
{
    const struct row *row = find(path);
    return row != NULL && row >= rows + PAGES;
}
