/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/observers/observers_routes.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <stdlib.h>
#include <string.h>

struct rig {
    char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
    struct config config;
    struct model model;
};

static void rig_init(struct rig *rig)
{
    sqlite3 *db = NULL;
    memset(rig, 0, sizeof *rig);
    temp_dir_make(rig->dir);
    temp_dir_path(rig->dir, "weir.db", rig->path);
    assert_int_equal(db_open_writer(rig->path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(schema_migrate(db, NULL), STATUS_OK);
    assert_int_equal(
        db_exec(db,
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
                " INSERT INTO observers (id, identity, name, first_ms, last_ms, status_count)"
                " SELECT i, 'obs' || i, '', 1, i, 1 FROM n;"
                "UPDATE meta SET commits = commits + 1;",
                NULL),
        STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    rig->config.db_path = rig->path;
    assert_true(model_init(&rig->model, &rig->config, 2, NULL, NULL));
}

/* The body of /api/observers; the caller frees it. */
static char *list(struct rig *rig, bool is_late)
{
    const struct http_request request = {.method = "GET"};
    struct http_reply reply;
    struct asking asking;
    http_reply_init(&reply, HTTP_REVALIDATE);
    assert_int_equal(asking_begin(&asking, &rig->model, NULL), STATUS_OK);
    assert_non_null(asking_directory(&asking)); /* an answer's time begins behind it */
    asking.late_at = is_late ? 0 : INT64_MAX;
    observers_routes.rows[0].asker(&asking, &request, &reply);
    assert_int_equal(asking_end(&asking), READER_ANSWERED);
    assert_non_null(reply.body);
    char *body = strndup(reply.body, reply.body_len);
    free(reply.body);
    assert_non_null(body);
    return body;
}

static size_t times(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static void a_list_that_takes_too_long_keeps_the_last_heard_and_says_so(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    char *all = list(&rig, false);
    assert_int_equal(times(all, "\"packet_count\""), 2000);
    assert_null(strstr(all, "\"cut\""));
    char *some = list(&rig, true);
    assert_int_equal(times(some, "\"packet_count\""), OBSERVERS_LISTED_MIN);
    assert_non_null(strstr(some, "\"total\":2000,\"cut\":true"));
    assert_non_null(strstr(some, "\"id\":\"obs2000\""));
    assert_null(strstr(some, "\"id\":\"obs1\""));
    free(all);
    free(some);
    model_free(&rig.model);
    temp_dir_remove(rig.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_takes_too_long_keeps_the_last_heard_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
