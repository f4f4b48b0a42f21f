/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/regions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool regions_name(const char *list, const char *region, bool *out_any)
{
    bool has = false;
    *out_any = true;
    for (const char *at = list; at != NULL && *at != '\0';) {
        const size_t part = strcspn(at, ",");
        const size_t blanks = strspn(at, " ");
        size_t len = blanks < part ? part - blanks : 0;
        const char *code = at + part - len;
        while (len > 0 && code[len - 1] == ' ')
            len--;
        if (len > 0 && !(len == 3 && strncasecmp(code, "all", 3) == 0)) {
            *out_any = false;
            has = has || (strlen(region) == len && strncasecmp(code, region, len) == 0);
        }
        at += part + (at[part] == ',');
    }
    return has;
}

bool regions_read(struct regions *regions, struct asking *asking, const struct http_query *query)
{
    const char *list = http_query_text(query, "region");
    *regions = (struct regions){.directory = asking_directory(asking)};
    (void)regions_name(list, "", &regions->is_any);
    if (regions->directory == NULL)
        return false;
    if (regions->is_any)
        return true;
    const struct directory *d = regions->directory;
    regions->has = calloc(d->observer_count + 1, sizeof *regions->has);
    for (size_t i = 0; regions->has != NULL && i < d->observer_count; i++) {
        bool is_any;
        regions->has[i] = regions_name(list, d->observers[i].iata, &is_any);
    }
    return regions->has != NULL;
}

void regions_done(struct regions *regions)
{
    free(regions->has);
    regions->has = NULL;
}

bool regions_have(const struct regions *regions, int64_t observer_id)
{
    if (regions->is_any)
        return true;
    return directory_is_marked(regions->directory, regions->has, observer_id);
}

int64_t *regions_observers(const struct regions *regions, size_t *out_count)
{
    return directory_marked(regions->directory, regions->has, out_count);
}
