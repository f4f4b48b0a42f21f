/* SPDX-License-Identifier: MIT
 *
 * How many nodes are active, by when they were last heard. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/nodes/facts.h"
#include "common/json/json.h"

#include <string.h>

/* CoreScope's limits, in hours: what stands on a roof speaks seldom, but is missed. */
struct limits {
    double infra_degraded, infra_silent, node_degraded, node_silent;
};

#define DEPTH_MAX 4

static void read_limit(const cJSON *object, const char *key, double *out)
{
    double hours;
    if (json_number(object, key, &hours) && hours > 0)
        *out = hours;
}

/* As configured in healthThresholds, which the page goes by, too. */
static struct limits read_limits(const struct config *config)
{
    struct limits limits = {24, 72, 1, 24};
    const char *text = config->page.health_thresholds;
    cJSON *object = text != NULL ? json_parse(text, strlen(text), DEPTH_MAX) : NULL;
    if (object == NULL)
        return limits;
    read_limit(object, "infraDegradedHours", &limits.infra_degraded);
    read_limit(object, "infraSilentHours", &limits.infra_silent);
    read_limit(object, "nodeDegradedHours", &limits.node_degraded);
    read_limit(object, "nodeSilentHours", &limits.node_silent);
    cJSON_Delete(object);
    return limits;
}

enum state { ACTIVE, DEGRADED, SILENT, STATES };

static enum state state_of(const struct node *node, const struct limits *limits, int64_t now_ms)
{
    const bool is_infra = node_may_relay(node);
    if (node->heard_ms == DIRECTORY_NEVER)
        return SILENT;
    const double age = (double)(now_ms - node->heard_ms) / (double)MS_PER_HOUR;
    return age < (is_infra ? limits->infra_degraded : limits->node_degraded) ? ACTIVE
           : age < (is_infra ? limits->infra_silent : limits->node_silent)   ? DEGRADED
                                                                             : SILENT;
}

void nodes_ask_network_status(struct asking *asking, const struct http_request *request,
                              struct http_reply *reply)
{
    const struct directory *directory = asking_directory(asking);
    int64_t states[STATES] = {0};
    int64_t roles[16] = {0};
    int64_t unknown = 0;
    struct json_write w;
    (void)request;
    if (directory == NULL)
        return;
    const struct limits limits = read_limits(asking->config);
    for (size_t i = 0; i < directory->node_count; i++) {
        const struct node *node = &directory->nodes[i];
        if (node->is_hidden)
            continue;
        states[state_of(node, &limits, asking->now / US_PER_MS)]++;
        if (node->role >= 0 && node->role < (int)ARRAY_LEN(roles))
            roles[node->role]++;
        else
            unknown++;
    }
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_int(&w, "total", states[ACTIVE] + states[DEGRADED] + states[SILENT]);
    jw_int(&w, "active", states[ACTIVE]);
    jw_int(&w, "degraded", states[DEGRADED]);
    jw_int(&w, "silent", states[SILENT]);
    jw_object(&w, "roleCounts");
    for (unsigned role = 0; role < ARRAY_LEN(roles); role++) {
        char name[16];
        if (roles[role] > 0)
            jw_int(&w, meshcore_role_name(role, name), roles[role]);
    }
    if (unknown > 0)
        jw_int(&w, "unknown", unknown);
    jw_object_end(&w);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}
