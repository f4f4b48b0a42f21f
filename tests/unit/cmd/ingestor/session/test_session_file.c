/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/session/session_file.h"
#include "tests/support/temp_dir.h"

#include <stdio.h>
#include <string.h>

static struct config_source make_source(char **topics, size_t count)
{
    static char name[] = "my/src", broker[] = "mqtt://u:secret@Host.example", id[] = "weir-1";
    return (struct config_source){.name = name,
                                  .broker = broker,
                                  .client_id = id,
                                  .topics = {.items = topics, .count = count}};
}

static void comes_back_as_it_was_written(void **state)
{
    const char *dir = *state;
    char *topics[] = {(char[]){"meshcore/#"}, (char[]){"a b/+"}};
    const struct config_source source = make_source(topics, 2);
    struct session written, read;
    struct err err;
    assert_int_equal(session_file_load(dir, source.name, &read), STATUS_NOT_FOUND);
    assert_true(session_of(&source, &written));
    assert_string_equal(written.broker, "host.example:1883"); /* no user, no password */
    assert_int_equal(session_file_save(dir, &written, &err), STATUS_OK);
    assert_int_equal(session_file_save(dir, &written, &err), STATUS_OK); /* replaced */
    assert_int_equal(session_file_load(dir, source.name, &read), STATUS_OK);
    assert_true(session_is_same(&written, &read));
    assert_string_equal(read.source, "my/src");
    assert_int_equal(read.topics.count, 2);
    assert_true(session_has_topic(&read, "a b/+"));
    session_done(&read);
    session_done(&written);
    session_file_remove(dir, source.name);
    assert_int_equal(session_file_load(dir, source.name, &read), STATUS_NOT_FOUND);
}

static void another_broker_or_client_is_another_session(void **state)
{
    (void)state;
    char *topics[] = {(char[]){"a"}};
    struct config_source source = make_source(topics, 1);
    struct session a, b;
    assert_true(session_of(&source, &a));
    source.client_id = (char[]){"weir-2"};
    assert_true(session_of(&source, &b));
    assert_false(session_is_same(&a, &b));
    session_done(&b);
    source.client_id = (char[]){"weir-1"};
    source.broker = (char[]){"mqtt://host.example:1884"};
    assert_true(session_of(&source, &b));
    assert_false(session_is_same(&a, &b));
    session_done(&b);
    source.broker = (char[]){"tcp://host.example:1883"};
    assert_true(session_of(&source, &b));
    assert_true(session_is_same(&a, &b));
    session_done(&b);
    session_done(&a);
}

static void topics_are_bounded_and_kept_once(void **state)
{
    (void)state;
    char *topics[] = {(char[]){"a"}, (char[]){"b"}};
    const struct config_source source = make_source(topics, 2);
    struct session session, more;
    assert_true(session_of(&source, &session));
    assert_true(session_of(&source, &more));
    assert_true(session_add_topics(&session, &more));
    assert_int_equal(session.topics.count, 2);
    session_done(&more);
    bool fits = true;
    for (int i = 0; fits && i < 2 * SESSION_TOPICS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "t%d", i);
        char *one[] = {name};
        const struct config_source next = make_source(one, 1);
        assert_true(session_of(&next, &more));
        fits = session_add_topics(&session, &more);
        session_done(&more);
    }
    assert_false(fits);
    assert_int_equal(session.topics.count, SESSION_TOPICS_MAX);
    session_done(&session);
}

static void garbage_is_as_good_as_none(void **state)
{
    static const char *const texts[] = {"", "weir-session 2\nsource s\nbroker b\nclient c\n",
                                        "weir-session 1\nsource s\n",
                                        "weir-session 1\nsource s\nbroker b\nclient c\nwhat\n"};
    const char *dir = *state;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/s.session", dir);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(texts[i], file) >= 0);
        assert_int_equal(fclose(file), 0);
        struct session session;
        assert_int_equal(session_file_load(dir, "s", &session), STATUS_NOT_FOUND);
        assert_string_equal(session.source, "");
    }
}

static void write_down(const char *dir, const char *source, const char *client, char *topic)
{
    struct session session = {.topics = {.items = &topic, .count = 1}};
    struct err err;
    (void)snprintf(session.source, sizeof session.source, "%s", source);
    (void)snprintf(session.broker, sizeof session.broker, "host.example:1883");
    (void)snprintf(session.client_id, sizeof session.client_id, "%s", client);
    assert_int_equal(session_file_save(dir, &session, &err), STATUS_OK);
}

static void check(const char *dir, const char *source, const char *client, const char *topic)
{
    struct session session;
    assert_int_equal(session_file_load(dir, source, &session), STATUS_OK);
    assert_string_equal(session.source, source);
    assert_string_equal(session.client_id, client);
    assert_true(session_has_topic(&session, topic));
    session_done(&session);
}

static void a_renamed_source_has_the_topics_of_the_old_one(void **state)
{
    char *dir = *state;
    char *topics[] = {(char[]){"a"}};
    struct config_source source = make_source(topics, 1);
    const struct config config = {.spool_dir = dir, .sources = &source, .source_count = 1};
    struct session gone;
    write_down(dir, "before", "weir-1", (char[]){"old/#"});
    session_file_claim(&config, &source); /* not persistent: the file is no business of its */
    check(dir, "before", "weir-1", "old/#");
    source.persistent_session = true;
    session_file_claim(&config, &source);
    check(dir, "my/src", "weir-1", "old/#");
    assert_int_equal(session_file_load(dir, "before", &gone), STATUS_NOT_FOUND);
    /* A crash came between the two steps: the next start joins them. */
    write_down(dir, "before", "weir-1", (char[]){"older/#"});
    session_file_warn_orphans(&config);
    check(dir, "my/src", "weir-1", "old/#");
    check(dir, "my/src", "weir-1", "older/#");
    assert_int_equal(session_file_load(dir, "before", &gone), STATUS_NOT_FOUND);
}

static void exchanged_sessions_keep_their_topics(void **state)
{
    char *dir = *state;
    struct config_source sources[] = {make_source(NULL, 0), make_source(NULL, 0)};
    const struct config config = {.spool_dir = dir, .sources = sources, .source_count = 2};
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        sources[i].persistent_session = true;
    sources[1].name = (char[]){"other"};
    sources[1].client_id = (char[]){"weir-2"};
    write_down(dir, "my/src", "weir-2", (char[]){"two"});
    write_down(dir, "other", "weir-1", (char[]){"one"});
    session_file_claim(&config, &sources[0]);
    session_file_claim(&config, &sources[1]);
    check(dir, "my/src", "weir-1", "one");
    check(dir, "other", "weir-2", "two");
}

static int set_up(void **state)
{
    static char dir[TEMP_DIR_MAX];
    temp_dir_make(dir);
    *state = dir;
    return 0;
}

static int tear_down(void **state)
{
    temp_dir_remove(*state);
    return 0;
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(comes_back_as_it_was_written),
        cmocka_unit_test(another_broker_or_client_is_another_session),
        cmocka_unit_test(topics_are_bounded_and_kept_once),
        IN_A_FOLDER(garbage_is_as_good_as_none),
        IN_A_FOLDER(a_renamed_source_has_the_topics_of_the_old_one),
        IN_A_FOLDER(exchanged_sessions_keep_their_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
