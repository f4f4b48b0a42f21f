/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_health.h"

#include "cmd/server/state/health.h"
#include "common/json/json_build.h"

#include <string.h>

char *api_health_livez(const struct answer_input *in, int *out_status)
{
    (void)in;
    (void)out_status;
    return strdup("{\"alive\":true}");
}

char *api_health_readyz(const struct answer_input *in, int *out_status)
{
    const char *reason = health_not_ready(&in->db, in->mono, in->is_draining);
    struct json_build b;
    cJSON *root = jb_init(&b);
    jb_bool(&b, root, "ready", reason == NULL);
    if (reason != NULL) {
        jb_text(&b, root, "reason", reason);
        *out_status = 503;
    }
    return jb_print(&b, root);
}

static char *render(const struct answer_input *in, bool is_strict, int *out_status)
{
    const struct health_input input = {in->stats->status, &in->stats->snapshot, &in->db, in->wall,
                                       in->mono};
    return health_render(in->health, &input, is_strict, out_status);
}

char *api_health_healthz(const struct answer_input *in, int *out_status)
{
    return render(in, false, out_status);
}

char *api_health_healthz_strict(const struct answer_input *in, int *out_status)
{
    return render(in, true, out_status);
}
