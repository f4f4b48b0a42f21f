/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/health.h"

#include "common/health/health_ingestor.h"

#include <string.h>

/* --- the database ----------------------------------------------------------------------------- */

static const char *database_fault(const struct db_state *db, mono_us now)
{
    if (db->last_status == STATUS_NEWER || db->last_status == STATUS_OLDER)
        return "schema";
    if (db->polled_mono == 0)
        return "loading";
    return now - db->polled_mono > HEALTH_DB_PATIENCE_US ? "database" : NULL;
}

const char *health_not_ready(const struct db_state *db, mono_us now, bool is_draining)
{
    return is_draining ? "draining" : database_fault(db, now);
}

/* Why it can't be read, for people. */
static const char *reason_of(const struct db_state *db)
{
    if (db->last_status == STATUS_OK)
        return "not asked yet";
    if (db->last_status == STATUS_AGAIN)
        return "it belongs to another user and its -wal or -shm is missing: waiting until the "
               "ingestor has opened it";
    if (db->last_status == STATUS_FOREIGN)
        return "it was not made by Weir: dbPath";
    return status_text((enum status)db->last_status);
}

static void judge_unread(const struct db_state *db, struct health_report *out)
{
    if (db->last_status == STATUS_NOT_FOUND)
        health_add(out, "database", "", HEALTH_FAIL,
                   "there is no database yet: the ingestor makes it when it first starts");
    else
        health_add(out, "database", "", HEALTH_FAIL, "the database is not readable yet (%s)",
                   reason_of(db));
}

static void judge_database(const struct health_input *in, struct health_report *out)
{
    const char *fault = database_fault(in->db, in->mono);
    if (fault == NULL) {
        health_add(out, "database", "", HEALTH_PASS, "readable, schema %lld",
                   (long long)in->db->schema_version);
        return;
    }
    out->reason = fault;
    if (in->db->last_status == STATUS_OLDER)
        health_add(
            out, "database", "", HEALTH_FAIL,
            "the database's schema %lld is older than this program: an ingestor of its version "
            "brings it up to date",
            (long long)in->db->schema_version);
    else if (strcmp(fault, "schema") == 0)
        health_add(out, "database", "", HEALTH_FAIL,
                   "the database's schema %lld is newer than this program: install the matching "
                   "version",
                   (long long)in->db->schema_version);
    else if (strcmp(fault, "loading") == 0)
        judge_unread(in->db, out);
    else
        health_add(out, "database", "", HEALTH_FAIL,
                   "the database has not been readable for %lld s (%s)",
                   (long long)((in->mono - in->db->polled_mono) / US_PER_S), reason_of(in->db));
}

/* The ingestor commits, and the file that is read here does not move: it is another one. Judged by
 * the time of the last commit, which does not depend on how often somebody asks, nor on which of
 * the two was looked at first. */
static void judge_commits(const struct health_input *in, struct health_report *out)
{
    struct health_commits *seen = &out->commits;
    const struct stats_snapshot *s = in->stats;
    const mono_us last = s->commit.last_mono_us;
    if (in->db->commits == DB_UNKNOWN) /* a store that counts none */
        return;
    if (s->sampled_mono == STATS_UNKNOWN || last <= 0 || database_fault(in->db, in->mono) != NULL)
        return;
    if (seen->moved_at == 0 || in->db->commits != seen->in_database)
        *seen = (struct health_commits){.in_database = in->db->commits, .moved_at = in->mono};
    if (last <= seen->moved_at + HEALTH_LOOKS_APART_US)
        seen->apart_at = 0;
    else if (seen->apart_at == 0)
        seen->apart_at = in->mono;
    if (seen->apart_at != 0 && in->mono - seen->apart_at > HEALTH_COMMIT_PATIENCE_S * US_PER_S)
        health_add(out, "database_commits", "", HEALTH_WARN,
                   "the ingestor commits, but not into this file: do both programs name the same "
                   "dbPath?");
}

/* The others answer, and say that it is partial; when none does, it is the
 * database that is away. */
static void judge_shards(const struct health_input *in, struct health_report *out)
{
    const struct db_state *db = in->db;
    const mono_us away = in->mono - db->shards_away_since;
    unsigned count = 0;
    unsigned first = 0;
    if (db->shards_away == 0 || database_fault(db, in->mono) != NULL || away < HEALTH_SHARD_WARN_US)
        return;
    for (unsigned i = 64; i-- > 0;) {
        if (((uint64_t)db->shards_away >> i & 1) == 0)
            continue;
        count++;
        first = i;
    }
    health_add(
        out, "shards", "", away < HEALTH_SHARD_PATIENCE_US ? HEALTH_WARN : HEALTH_FAIL,
        "%u without an answer for %lld s (the first: shard %u of storeUrl): what it holds is "
        "missing in every answer, which says partial",
        count, (long long)(away / US_PER_S), first);
}

/* The read side still serves what can be read. */
static void judge_damage(const struct health_input *in, struct health_report *out)
{
    if (in->damage != NULL && in->damage[0] != '\0')
        health_add(out, "integrity", "", HEALTH_WARN,
                   "the database is damaged (%s): restore a backup, or stop the ingestor and let "
                   "sqlite3's .recover read it",
                   in->damage);
}

static void judge_growth(const struct health_input *in, struct health_report *out)
{
    if (in->disk_full_in_s > 0 && in->disk_full_in_s < HEALTH_DISK_TIME_S)
        health_add(out, "growth", "", HEALTH_WARN,
                   "as the database has grown, its disk is full in %.1f days "
                   "(retention.maxDatabaseMB bounds what it takes)",
                   (double)in->disk_full_in_s / 86400.0);
}

/* --- the whole -------------------------------------------------------------------------------- */

void health_judge(const struct health_input *input, const struct health_report *before,
                  struct health_report *out)
{
    const struct health_sample sample = {input->stats_status, input->stats, input->wall,
                                         input->mono};
    health_begin(before, out);
    judge_database(input, out);
    judge_shards(input, out);
    const size_t own = out->count;
    const bool has_none_beside = input->expected != NULL && input->stats_status == STATUS_NOT_FOUND;
    if (!has_none_beside && health_judge_ingestor(&sample, out))
        judge_commits(input, out);
    if (input->expected != NULL && database_fault(input->db, input->mono) == NULL)
        ingestors_add_checks(input->ingestors, input->expected, input->wall, input->mono, out);
    judge_growth(input, out);
    judge_damage(input, out);
    health_cap(out, own, HEALTH_WARN);
    health_carry_since(before, input->wall / US_PER_S, out);
}
