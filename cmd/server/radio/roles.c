/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/roles.h"

#include "cmd/server/analytics/places.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROLES      17 /* -1 (nobody told it) to 15 */
#define SEVERITIES ARRAY_LEN(severities)

static const struct {
    const char *severity, *member;
} severities[] = {{"ok", "okCount"},
                  {"warning", "warningCount"},
                  {"critical", "criticalCount"},
                  {"absurd", "absurdCount"},
                  {"no_clock", "noClockCount"}};

struct role {
    int number;
    size_t nodes, with_skew;
    double *skews; /* borrowed; with_skew of them */
    size_t by_severity[SEVERITIES];
};

static struct role *role_of(struct role *roles, const struct node *node)
{
    return &roles[node->role >= 0 && node->role < ROLES - 1 ? node->role + 1 : 0];
}

static void add_skew(struct role *role, const struct skew *skew)
{
    role->skews[role->with_skew++] = fabs(skew->recent_median_s);
    for (size_t i = 0; i < SEVERITIES; i++)
        role->by_severity[i] += strcmp(severities[i].severity, skew->severity) == 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_nodes(const void *a, const void *b)
{
    const struct role *x = a, *y = b;
    return x->nodes != y->nodes ? (x->nodes < y->nodes ? 1 : -1) : x->number - y->number;
}

static double mean(const struct role *role)
{
    double sum = 0;
    for (size_t i = 0; i < role->with_skew; i++)
        sum += role->skews[i];
    return role->with_skew > 0 ? sum / (double)role->with_skew : 0;
}

static double median(const struct role *role)
{
    const size_t n = role->with_skew;
    if (n == 0)
        return 0;
    qsort(role->skews, n, sizeof *role->skews, by_value);
    return (role->skews[(n - 1) / 2] + role->skews[n / 2]) / 2;
}

static void write_role(struct json_write *w, const struct role *role)
{
    char name[16];
    jw_object(w, NULL);
    jw_string(w, "role",
              role->number < 0 ? "unknown" : meshcore_role_name((unsigned)role->number, name));
    jw_uint(w, "nodeCount", role->nodes);
    jw_uint(w, "withSkew", role->with_skew);
    jw_rounded(w, "meanAbsSkewSec", mean(role), 3);
    jw_rounded(w, "medianAbsSkewSec", median(role), 3);
    for (size_t i = 0; i < SEVERITIES; i++)
        jw_uint(w, severities[i].member, role->by_severity[i]);
    jw_object_end(w);
}

static void count(const struct analytics_turn *turn, struct role *roles,
                  const struct node *const *nodes, size_t node_count, double *room)
{
    for (size_t i = 0; i < node_count; i++)
        role_of(roles, nodes[i])->nodes++;
    for (size_t i = 0; i < ROLES; room += roles[i++].nodes) {
        roles[i].number = (int)i - 1;
        roles[i].skews = room;
    }
    for (size_t i = 0; i < node_count; i++) {
        const struct advert_facts *adverts = facts_adverts(&turn->facts, nodes[i]);
        if (adverts != NULL)
            add_skew(role_of(roles, nodes[i]), &adverts->skew);
    }
}

static void write(struct json_write *w, struct role *roles, size_t node_count)
{
    qsort(roles, ROLES, sizeof *roles, by_nodes);
    jw_uint(w, "totalNodes", node_count);
    jw_array(w, "roles");
    for (size_t i = 0; i < ROLES && roles[i].nodes > 0; i++)
        write_role(w, &roles[i]);
    jw_array_end(w);
}

static bool compute(struct analytics_turn *turn, struct json_write *w)
{
    struct role roles[ROLES] = {0};
    size_t node_count = 0;
    turn->from_ms = JW_UNKNOWN;
    if (turn->facts.adverts == NULL)
        return false;
    const struct node **nodes = places_nodes(turn, &node_count);
    double *room = nodes != NULL ? calloc(node_count + 1, sizeof *room) : NULL;
    if (room != NULL) {
        count(turn, roles, nodes, node_count, room);
        write(w, roles, node_count);
    }
    free(nodes);
    free(room);
    return room != NULL;
}

const struct http_parameter roles_parameters[] = {ANALYTICS_AREA, ANALYTICS_REGION, {0}};
const struct analysis analysis_roles = {
    .name = "roles", .compute = compute, .parameters = roles_parameters, .is_of_memory = true};
