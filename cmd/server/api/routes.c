/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/routes.h"

#include "cmd/server/channels/channels_routes.h"
#include "cmd/server/nodes/nodes_routes.h"
#include "cmd/server/observers/observers_routes.h"
#include "cmd/server/page/page_routes.h"
#include "cmd/server/paths/paths_routes.h"
#include "cmd/server/radio/radio_routes.h"
#include "cmd/server/scopes/scopes_routes.h"
#include "cmd/server/settings/settings_routes.h"

size_t routes_join(struct route_family out[static API_FAMILY_COUNT], bool has_folder)
{
    const struct route_family *const families[] = {
#define X(name) &api_##name##_routes,
        API_FAMILY_LIST(X)
#undef X
#define X(room) &room##_routes,
            ROOM_FAMILY_LIST(X)
#undef X
    };
    size_t rows = 0;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        out[i] = *families[i];
        if (i == (has_folder ? API_FAMILY_page : API_FAMILY_folder))
            out[i].count = 0;
        rows += out[i].count;
    }
    return rows;
}
