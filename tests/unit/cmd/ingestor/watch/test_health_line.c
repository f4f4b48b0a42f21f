/* SPDX-License-Identifier: MIT
 *
 * health_line: the word, the sentence and the figures that a monitor reads. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/watch/health_line.h"
#include "common/health/health_ingestor.h"
#include "common/stats/worker_state.h"

#include <stdlib.h>
#include <string.h>

static struct glance *well(void)
{
    struct glance *g = glance_new("/nowhere/ingestor-stats.json");
    assert_non_null(g);
    g->status = STATUS_OK;
    g->stats.schema = 1;
    g->stats.sampled_at = clock_wall();
    g->stats.sampled_mono = STATS_UNKNOWN;
    g->stats.commit.last_unix = clock_wall() / US_PER_S;
    g->stats.commit.ms_p99 = 8.21;
    g->stats.has_ledger = true;
    g->stats.ledger_total.received = 120;
    g->stats.ledger_total.outcomes[OUTCOME_COMMITTED] = 100;
    g->stats.ledger_total.outcomes[OUTCOME_DEAD] = 2;
    g->stats.source_count = g->stats.mqtt_count = 1;
    strcpy(g->stats.sources[0].name, "eu");
    g->stats.sources[0].records = 7;
    g->stats.sources[0].capacity = 50000;
    strcpy(g->stats.mqtt[0].name, "eu");
    strcpy(g->stats.mqtt[0].state, "live");
    g->stats.mqtt[0].link.connected = 1;
    strcpy(g->stats.status, "Ingesting from 1 of 1 sources");
    return g;
}

static enum nagios say(struct glance *g, char out[static HEALTH_LINE_MAX])
{
    glance_judge(g);
    const enum nagios word = health_line(g, out);
    assert_null(strchr(out, '\n'));
    return word;
}

static void test_well(void **state)
{
    (void)state;
    char out[HEALTH_LINE_MAX];
    struct glance *g = well();
    assert_int_equal(say(g, out), NAGIOS_OK);
    assert_memory_equal(out, "WEIR OK - Ingesting from 1 of 1 sources | age=0.", 48);
    assert_non_null(strstr(out, "s;4 connected=1;;;0;1 queue=7;;;0;50000 received=120c "
                                "committed=100c lost=2c unaccounted=0;0:0 commit_p99=0.0082s"));
    glance_free(g);
}

static void test_a_source_warns_and_a_loss_is_critical(void **state)
{
    (void)state;
    char out[HEALTH_LINE_MAX];
    struct glance *g = well();
    strcpy(g->stats.mqtt[0].state, "backing_off");
    g->stats.mqtt[0].link.connected = 0;
    strcpy(g->stats.mqtt[0].link.last_error, "can't connect: |refused|\x1b[2J\nagain");
    assert_int_equal(say(g, out), NAGIOS_WARNING);
    assert_memory_equal(out, "WEIR WARNING - source:eu: backing off: can't connect: /refused/", 63);
    assert_null(strchr(out, '\x1b'));
    assert_ptr_equal(strchr(out, '|'), strrchr(out, '|'));
    g->stats.metrics[METRIC_LAST_LOSS] = clock_wall() / US_PER_S;
    assert_int_equal(say(g, out), NAGIOS_CRITICAL);
    assert_memory_equal(out, "WEIR CRITICAL - loss: 2 messages lost", 37); /* the worst first */
    assert_non_null(strstr(out, "; source:eu: "));
    glance_free(g);
}

static void test_what_is_stopped_and_who_does_not_answer_are_named(void **state)
{
    (void)state;
    char out[HEALTH_LINE_MAX];
    struct glance *g = well();
    g->stats.worker_count = 1;
    strcpy(g->stats.workers[0].name, "flusher");
    strcpy(g->stats.workers[0].state, WORKER_SUSPENDED);
    g->stats.workers[0].heartbeat_age_ms = 1100;
    g->stats.outbox_count = 1;
    g->stats.outbox[0] = (struct stats_outbox){.shard = 0, .away_s = 1, .rows = 7};
    strcpy(g->stats.outbox[0].server, "http://a1:8123");
    assert_int_equal(say(g, out), NAGIOS_WARNING);
    assert_non_null(strstr(out, "worker:flusher: suspended for 1 s: stopped by a signal, a debugger"
                                " or a freezer"));
    assert_non_null(strstr(out, "shard:0: http://a1:8123 has not answered for 1 s; 7 rows wait"));
    g->stats.outbox[0].away_s = HEALTH_SHARD_FAIL_S;
    assert_int_equal(say(g, out), NAGIOS_CRITICAL);
    glance_free(g);
}

static void test_what_keeps_the_writer_is_said_with_what_waits(void **state)
{
    (void)state;
    char out[HEALTH_LINE_MAX];
    struct glance *g = well();
    strcpy(g->stats.commit.error, "the disk is full");
    g->stats.source_count = 1;
    g->stats.sources[0].records = 7;
    assert_int_equal(say(g, out), NAGIOS_CRITICAL);
    assert_non_null(
        strstr(out, "commit: the disk is full; 7 messages wait in the buffers, none is lost yet"));
    g->stats.metrics[METRIC_LAST_LOSS] = clock_wall() / US_PER_S;
    assert_int_equal(say(g, out), NAGIOS_CRITICAL);
    assert_non_null(strstr(out, "7 messages wait in the buffers"));
    assert_null(strstr(out, "none is lost"));
    glance_free(g);
}

static void test_no_ingestor_is_critical_and_no_knowledge_unknown(void **state)
{
    (void)state;
    char out[HEALTH_LINE_MAX];
    struct glance *g = well();
    g->stats.sampled_at -= 60 * US_PER_S;
    assert_int_equal(say(g, out), NAGIOS_CRITICAL);
    assert_non_null(strstr(out, "ingestor: stale: the ingestor's last statistics are"));
    assert_null(strchr(out, '|')); /* figures of then are none of now */
    g->status = STATUS_NOT_FOUND;
    assert_int_equal(say(g, out), NAGIOS_CRITICAL);
    assert_non_null(strstr(out, "(/nowhere/ingestor-stats.json)"));
    g->status = STATUS_IO;
    g->error = 13; /* EACCES */
    assert_int_equal(say(g, out), NAGIOS_UNKNOWN);
    assert_non_null(strstr(out, "Permission denied"));
    g->status = STATUS_CORRUPT;
    g->error = 0;
    assert_int_equal(say(g, out), NAGIOS_UNKNOWN);
    glance_free(g);
}

static void test_many_findings_stay_one_line(void **state)
{
    (void)state;
    char out[HEALTH_LINE_MAX];
    struct glance *g = well();
    g->stats.mqtt_count = CONFIG_SOURCES_MAX;
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++) {
        memset(g->stats.mqtt[i].name, 'n', 64);
        memset(g->stats.mqtt[i].link.last_error, 'e', 255);
        g->stats.mqtt[i].link.connected = 0;
    }
    assert_int_equal(say(g, out), NAGIOS_WARNING);
    assert_non_null(strstr(out, " | age="));
    assert_true(strlen(out) < 2000);
    glance_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well),
        cmocka_unit_test(test_a_source_warns_and_a_loss_is_critical),
        cmocka_unit_test(test_what_is_stopped_and_who_does_not_answer_are_named),
        cmocka_unit_test(test_what_keeps_the_writer_is_said_with_what_waits),
        cmocka_unit_test(test_no_ingestor_is_critical_and_no_knowledge_unknown),
        cmocka_unit_test(test_many_findings_stay_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
