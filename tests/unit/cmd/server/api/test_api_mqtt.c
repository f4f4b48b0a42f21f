/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/moment/moment.h"
#include "cmd/server/api/routes.h"
#include "cmd/server/http/ready.h"
#include "common/base/crypto.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define NOW (INT64_C(1774798050) * US_PER_S)

static struct stats_view view;
static struct moment moment;

static int setup(void **state)
{
    (void)state;
    assert_true(crypto_init());
    memset(&view, 0, sizeof view);
    view.snapshot.sampled_at = NOW;
    view.snapshot.mqtt_count = 2;
    static const char *const names[] = {"eu", "M\xc3\xbcnchen \"1\""};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        strcpy(view.snapshot.mqtt[i].name, names[i]);
        strcpy(view.snapshot.mqtt[i].state, "live");
        view.snapshot.mqtt[i].link.connected = true;
    }
    moment = (struct moment){.stats = &view, .sample_now = NOW};
    return 0;
}

static const struct route *row(void)
{
    for (size_t i = 0; i < api_mqtt_routes.count; i++) {
        if (strcmp(api_mqtt_routes.rows[i].path, "/api/mqtt/status/:source") == 0)
            return &api_mqtt_routes.rows[i];
    }
    fail_msg("there is no such row");
    return NULL; /* not reached */
}

static struct http_ready *ask(const char *source)
{
    static const struct http_query no_query;
    const struct http_request request = {
        .route = row(), .arguments = {source}, .argument_count = 1, .query = &no_query, .body = ""};
    struct http_reply reply;
    http_reply_init(&reply, request.route->cache);
    request.route->renderer(&moment, &request, &reply);
    struct http_ready *ready = http_ready_new(&reply, NULL);
    assert_non_null(ready);
    return ready;
}

static cJSON *ask_json(const char *source, int status)
{
    struct http_ready *ready = ask(source);
    assert_int_equal(ready->status, status);
    assert_true((ready->etag[0] != '\0') == (status == 200));
    cJSON *root = cJSON_ParseWithLength(ready->body, ready->body_len);
    assert_non_null(root);
    http_ready_unref(ready);
    return root;
}

static const char *text_of(const cJSON *root, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, key));
}

static void test_one_source_by_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < view.snapshot.mqtt_count; i++) {
        cJSON *root = ask_json(view.snapshot.mqtt[i].name, 200);
        assert_string_equal(text_of(root, "name"), view.snapshot.mqtt[i].name);
        assert_string_equal(text_of(root, "state"), "live");
        assert_true(cJSON_IsTrue(cJSON_GetObjectItem(root, "connected")));
        cJSON_Delete(root);
    }
    moment.sample_now = NOW + 6 * US_PER_S;
    cJSON *root = ask_json("eu", 200);
    assert_string_equal(text_of(root, "state"), "unknown");
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(root, "connected")));
    cJSON_Delete(root);
}

static void test_an_unknown_source_is_named(void **state)
{
    (void)state;
    cJSON *root = ask_json("EU", 404);
    assert_string_equal(text_of(root, "error"), "no MQTT source is named EU");
    cJSON_Delete(root);
    char name[HTTP_PATH_MAX];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    root = ask_json(name, 404);
    assert_int_equal(strlen(text_of(root, "error")),
                     strlen("no MQTT source is named ") + strlen(name));
    cJSON_Delete(root);
    view.status = STATUS_NOT_FOUND; /* then nobody knows which there are */
    cJSON_Delete(ask_json("eu", 503));
}

static void test_the_tag_changes_with_the_bytes_only(void **state)
{
    (void)state;
    struct http_ready *first = ask("eu");
    moment.sample_now += US_PER_S;
    view.snapshot.seq++;
    struct http_ready *same = ask("eu");
    assert_string_equal(first->etag, same->etag);
    assert_string_equal(same->etag, first->etag);
    strcpy(view.snapshot.mqtt[0].state, "silent");
    struct http_ready *other = ask("eu");
    assert_string_not_equal(other->etag, first->etag);
    http_ready_unref(other);
    http_ready_unref(same);
    http_ready_unref(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_source_by_its_name, setup),
        cmocka_unit_test_setup(test_an_unknown_source_is_named, setup),
        cmocka_unit_test_setup(test_the_tag_changes_with_the_bytes_only, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
