/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/api_stats.h"

#include "common/base/version.h"
#include "common/json/json_build.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* /proc/self/statm is memory, not a disk: it never waits. */
static double own_rss_mb(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return (double)NAN;
    long long size = 0;
    long long resident = 0;
    const int n = fscanf(file, "%lld %lld", &size, &resident);
    IGNORE(fclose(file), "read-only");
    return n == 2 ? (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576.0 : (double)NAN;
}

static void add_counts(struct json_build *b, cJSON *root, const struct db_state *db)
{
    cJSON *counts = jb_object(b, root, "counts");
    jb_int(b, counts, "repeaters", db->repeaters);
    jb_int(b, counts, "rooms", db->rooms);
    jb_int(b, counts, "companions", db->companions);
    jb_int(b, counts, "sensors", db->sensors);
}

char *api_stats(const struct answer_input *in, int *out_status)
{
    (void)out_status;
    const struct db_state *db = &in->db;
    struct json_build b;
    cJSON *root = jb_init(&b);
    jb_int(&b, root, "totalPackets", db->transmissions);
    jb_int(&b, root, "totalTransmissions", db->transmissions);
    jb_int(&b, root, "totalObservations", db->observations);
    jb_int(&b, root, "totalNodes", db->nodes_week);
    jb_int(&b, root, "totalNodesAllTime", db->nodes);
    jb_int(&b, root, "totalObservers", db->observers);
    jb_int(&b, root, "packetsLastHour", db->observations_hour);
    jb_int(&b, root, "packetsLast24h", db->observations_day);
    jb_text(&b, root, "engine", "weir");
    jb_text(&b, root, "version", version_number());
    jb_text(&b, root, "commit", version_commit());
    jb_text(&b, root, "buildTime", "");
    add_counts(&b, root, db);
    const int64_t sig_drops = in->stats->snapshot.metrics[METRIC_SIG_DROPS];
    if (in->stats->status == STATUS_OK && sig_drops > 0)
        jb_int(&b, root, "signatureDrops", sig_drops);
    jb_bool(&b, root, "hashMigrationComplete", true);
    jb_int(&b, root, "trackedMB", 0);
    jb_int(&b, root, "storeDataMB", 0);
    jb_real(&b, root, "processRSSMB", own_rss_mb());
    jb_int(&b, root, "goHeapInuseMB", 0);
    jb_int(&b, root, "goSysMB", 0);
    jb_int(&b, root, "neighborGraphCacheRebuildFailures", 0);
    return jb_print(&b, root);
}
