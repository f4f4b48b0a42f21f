/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/model/asking.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char ROWS[] =
    "INSERT INTO nodes (id, public_key, name, role, lat, lon, first_ms, last_ms, advert_time) VALUES"
    " (1, x'ab01"
    "000000000000000000000000000000000000000000000000000000000000', 'Hill', 2, 1.5, -2,"
    "  10, 20, 5),"
    " (2, x'ab02"
    "000000000000000000000000000000000000000000000000000000000000', '!secret', NULL,"
    "  NULL, NULL, 10, NULL, 5),"
    " (7, x'0102"
    "000000000000000000000000000000000000000000000000000000000000', '', 1, NULL, NULL,"
    "  10, 20, 5);"
    "UPDATE nodes SET last_relayed_ms = 30 WHERE id = 1;"
    "INSERT INTO observers (id, identity, name, first_ms) VALUES"
    " (3, 'AB01"
    "000000000000000000000000000000000000000000000000000000000000', 'Tower', 1),"
    " (9, 'gate', '', 1);"
    "INSERT INTO scopes (id, name) VALUES (4, '#north');"
    "UPDATE meta SET commits = commits + 1;";

struct rig {
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    struct config config;
    struct model model;
};

static void execute(const struct rig *rig, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(db_open_writer(rig->path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(schema_migrate(db, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, sql, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void rig_init(struct rig *rig)
{
    static char mark[] = "!";
    static char name[] = "GATE";
    static char *hidden[] = {mark};
    static char *blocked[] = {name};
    memset(rig, 0, sizeof *rig);
    temp_dir_make(rig->dir);
    temp_dir_path(rig->dir, "weir.db", rig->path);
    execute(rig, ROWS);
    rig->config.db_path = rig->path;
    rig->config.hidden_name_prefixes = (struct config_list){hidden, 1};
    rig->config.observer_blacklist = (struct config_list){blocked, 1};
    assert_true(model_init(&rig->model, &rig->config, 2, NULL, NULL));
}

static void rig_done(struct rig *rig)
{
    model_free(&rig->model);
    temp_dir_remove(rig->dir);
}

/* Where the names alone take longer than an answer may, an answer has its own time behind them. */
static void test_names_take_no_time_of_an_answer(void **state)
{
    (void)state;
    struct rig rig;
    struct asking asking;
    rig_init(&rig);
    assert_int_equal(asking_begin(&asking, &rig.model, NULL), STATUS_OK);
    asking.late_at = 0;
    reader_allow(asking.reader, -1);
    assert_non_null(asking_directory(&asking));
    assert_false(asking_is_late(&asking));
    assert_int_equal(asking_end(&asking), READER_ANSWERED);
    rig_done(&rig);
}

static void test_rows(void **state)
{
    (void)state;
    struct rig rig;
    struct asking asking;
    rig_init(&rig);
    assert_int_equal(asking_begin(&asking, &rig.model, NULL), STATUS_OK);
    const struct directory *d = asking_directory(&asking);
    assert_non_null(d);
    assert_int_equal(d->node_count, 3);
    const struct node *hill = directory_node(d, 1);
    assert_string_equal(hill->name, "Hill");
    assert_int_equal(hill->role, 2);
    assert_true(hill->lat == 1.5 && hill->lon == -2);
    assert_true(hill->advert_ms == 20 && hill->relayed_ms == 30 && hill->heard_ms == 30);
    assert_false(hill->is_hidden);
    const struct node *secret = directory_node(d, 2);
    assert_true(secret->is_hidden && secret->role == -1 && isnan(secret->lat));
    assert_true(secret->advert_ms == DIRECTORY_NEVER && secret->heard_ms == DIRECTORY_NEVER);
    assert_null(directory_node(d, 3));
    assert_ptr_equal(directory_observer(d, 3)->node, hill);
    const struct observer *gate = directory_find_observer(d, "Gate");
    assert_true(gate->is_hidden && gate->node == NULL && gate->can_relay == -1);
    assert_string_equal(directory_scope(d, 4), "#north");
    assert_null(directory_scope(d, 5));
    assert_int_equal(asking_end(&asking), READER_ANSWERED);
    rig_done(&rig);
}

static void test_prefixes(void **state)
{
    (void)state;
    struct rig rig;
    struct asking asking;
    const struct node *const *first;
    rig_init(&rig);
    assert_int_equal(asking_begin(&asking, &rig.model, NULL), STATUS_OK);
    const struct directory *d = asking_directory(&asking);
    assert_int_equal(directory_prefix(d, (const uint8_t *)"\xab", 1, &first), 2);
    assert_true(first[0]->id == 1 && first[1]->id == 2);
    assert_int_equal(directory_prefix(d, (const uint8_t *)"\xab\x02", 2, &first), 1);
    assert_int_equal(first[0]->id, 2);
    assert_int_equal(directory_prefix(d, (const uint8_t *)"\xff", 1, &first), 0);
    assert_int_equal(directory_prefix(d, (const uint8_t *)"", 0, &first), 3);
    assert_int_equal(first[0]->id, 7);
    assert_int_equal(asking_end(&asking), READER_ANSWERED);
    rig_done(&rig);
}

/* A packet of this very commit may name a node that nobody has read yet. */
static void test_a_new_row_is_found(void **state)
{
    (void)state;
    struct rig rig;
    struct asking asking;
    rig_init(&rig);
    assert_int_equal(asking_begin(&asking, &rig.model, NULL), STATUS_OK);
    const struct directory *before = asking_directory(&asking);
    assert_int_equal(asking_end(&asking), READER_ANSWERED);
    execute(&rig, "INSERT INTO observers (id, identity, first_ms) VALUES (10, 'new', 1);"
                  "UPDATE meta SET commits = commits + 1");
    assert_int_equal(asking_begin(&asking, &rig.model, NULL), STATUS_OK);
    assert_ptr_equal(asking_directory(&asking), before); /* young enough */
    assert_string_equal(asking_observer(&asking, 10)->identity, "new");
    assert_null(asking_observer(&asking, 11));
    assert_int_equal(asking_directory(&asking)->observer_count, 3);
    assert_int_equal(asking_end(&asking), READER_ANSWERED);
    rig_done(&rig);
}

/* Who asks by the new configuration sees nobody whom it hides, however young the directory is; who
 * began before goes on by the one it began with. */
static void test_a_reload_counts_for_who_asks_after_it(void **state)
{
    (void)state;
    struct rig rig;
    struct asking before, after;
    static char hill[] = "Hi";
    static char *hidden[] = {hill};
    rig_init(&rig);
    assert_int_equal(asking_begin(&before, &rig.model, NULL), STATUS_OK);
    assert_false(directory_node(asking_directory(&before), 1)->is_hidden);
    const struct config fresh = {.db_path = rig.path, .hidden_name_prefixes = {hidden, 1}};
    struct in_force *in_force = in_force_of(&fresh);
    assert_non_null(in_force);
    shared_put(rig.model.in_force, &in_force->shared);
    assert_int_equal(asking_begin(&after, &rig.model, NULL), STATUS_OK);
    assert_ptr_equal(after.config, &fresh);
    assert_true(directory_node(asking_directory(&after), 1)->is_hidden);
    assert_false(directory_node(asking_directory(&after), 2)->is_hidden);
    assert_ptr_equal(before.config, &rig.config);
    assert_false(directory_node(asking_directory(&before), 1)->is_hidden);
    assert_int_equal(asking_end(&before), READER_ANSWERED);
    assert_int_equal(asking_end(&after), READER_ANSWERED);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_take_no_time_of_an_answer),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_a_new_row_is_found),
        cmocka_unit_test(test_a_reload_counts_for_who_asks_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
