/* SPDX-License-Identifier: MIT
 *
 * The whole server but main(), on real sockets: no database, then a stats file, then an
 * ingestor's socket. */
#include "tests/support/cmocka_all.h"
#include "tests/support/http_client.h"

#include "cmd/server/api/api.h"
#include "cmd/server/api/api_packets.h"
#include "cmd/server/api/routes.h"
#include "cmd/server/http/rules.h"
#include "cmd/server/loop/http.h"
#include "cmd/server/state/watcher.h"
#include "cmd/server/traffic/traffic.h"
#include "common/base/crypto.h"
#include "common/stats/stats_file.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define IDLE 64
#define KEY  "tR5kQ9zLw2Vb8nXy7Hj4"

struct rig {
    char dir[32];
    char db[64], stats_file[64], spool[64];
    char key[32];
    struct config config;
    struct api api;
    struct shared_slot in_force;
    struct model model; /* in_force alone: there is no database */
    struct io_rates io;
    struct stats_cache *stats;
    struct db_poller *poller;
    struct health_watch *health;
    struct cache *cache;
    struct route_family families[API_FAMILY_COUNT];
    struct watcher *watcher;
    struct http_counts counts;
    struct traffic *traffic;
    struct own_process process;
    struct http_rules rules;
    struct http *http;
    int port, health_port;
    int inject;  /* the listening end of the fake ingestor, -1 = none */
    char answer; /* what it answers */
    char received[4096];
};

/* Between finding two free ports and listening on them another program may take one:
 * then two others. */
static void start_on_free_ports(struct rig *r)
{
    struct err err;
    r->rules.keys = &r->api.keys;
    const struct http_service service = {.families = r->families,
                                         .family_count = API_FAMILY_COUNT,
                                         .answer = api_answer,
                                         .context = &r->api,
                                         .counts = &r->counts,
                                         .traffic = r->traffic,

                                         .rules = &r->rules};
    for (int attempt = 0; r->http == NULL && attempt < 20; attempt++) {
        const int main_fd = http_client_bind(&r->port);
        const int health_fd = http_client_bind(&r->health_port);
        assert_int_equal(close(main_fd), 0);
        assert_int_equal(close(health_fd), 0);
        r->http = http_start(&service, &(struct http_place){"127.0.0.1", r->port},
                             &(struct http_place){"127.0.0.1", r->health_port}, &err);
    }
    assert_non_null(r->http);
}

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_true(crypto_init());
    strcpy(r->dir, "/tmp/test_http.XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->db, sizeof r->db, "%s/weir.db", r->dir);
    (void)snprintf(r->stats_file, sizeof r->stats_file, "%s/stats.json", r->dir);
    strcpy(r->key, KEY);
    r->config.api_key = r->key;
    r->config.spool_dir = r->dir;
    r->inject = -1;
    r->stats = stats_cache_new(r->stats_file);
    r->poller = db_poller_start(r->db);
    r->health = health_watch_new();
    r->cache = cache_new((size_t)1 << 20, routes_join(r->families, false));
    r->traffic = traffic_new(r->families, API_FAMILY_COUNT);
    const struct moments moments = {.stats = r->stats,
                                    .db = r->poller,
                                    .io = &r->io,
                                    .health = r->health,
                                    .http = &r->counts,
                                    .traffic = r->traffic,
                                    .process = &r->process,
                                    .families = r->families,
                                    .family_count = API_FAMILY_COUNT};
    struct in_force *in_force = in_force_of(&r->config);
    assert_non_null(in_force);
    shared_slot_init(&r->in_force);
    shared_put(&r->in_force, &in_force->shared);
    r->model.in_force = &r->in_force;
    api_init(&r->api, &r->config, r->cache, &moments, &r->model);
    r->watcher = watcher_start(r->stats, &r->io, api_every_second, &r->api);
    start_on_free_ports(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    http_stop(r->http);
    watcher_stop(r->watcher);
    cache_free(r->cache);
    health_watch_free(r->health);
    db_poller_stop(r->poller);
    stats_cache_free(r->stats);
    traffic_free(r->traffic);
    shared_slot_done(&r->in_force);
    (void)unlink(r->stats_file);
    (void)unlink(r->api.inject_socket);
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
    return 0;
}

static void test_probes_without_a_database(void **state)
{
    struct rig *r = *state;
    char text[8192];
    for (int i = 0; i < 2; i++) {
        const int port = i == 0 ? r->port : r->health_port;
        assert_int_equal(
            http_client_ask(port, "GET /api/livez HTTP/1.0\r\n\r\n", text, sizeof text), 200);
        assert_int_equal(
            http_client_ask(port, "GET /api/readyz HTTP/1.0\r\n\r\n", text, sizeof text), 503);
        assert_non_null(strstr(text, "Retry-After: 1\r\n"));
        assert_int_equal(
            http_client_ask(port, "GET /api/healthz HTTP/1.0\r\n\r\n", text, sizeof text), 503);
        assert_non_null(strstr(text, "\"reason\":\"loading\""));
        assert_non_null(strstr(text, "Cache-Control: no-store\r\n"));
        assert_int_equal(
            http_client_ask(port, "OPTIONS /api/healthz HTTP/1.0\r\n\r\n", text, sizeof text), 503);
        assert_int_equal(
            http_client_ask(port, "HEAD /api/livez HTTP/1.0\r\n\r\n", text, sizeof text), 200);
        assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
        assert_int_equal(http_client_ask(port, "GET /metrics HTTP/1.0\r\n\r\n", text, sizeof text),
                         200);
    }
    assert_int_equal(
        http_client_ask(r->port, "GET /api/live%7A?x=%zz HTTP/1.0\r\n\r\n", text, sizeof text),
        200);
    assert_int_equal(
        http_client_ask(r->port, "OPTIONS /api/decode HTTP/1.0\r\n\r\n", text, sizeof text), 204);
    assert_non_null(strstr(text, "Allow: POST, OPTIONS\r\n"));
    assert_int_equal(
        http_client_ask(r->port, "GET /api/perf/sqlite HTTP/1.0\r\n\r\n", text, sizeof text), 200);
    assert_non_null(strstr(text, "\r\n\r\n{}"));
    assert_int_equal(
        http_client_ask(r->port, "GET /api/perf/write-sources HTTP/1.0\r\n\r\n", text, sizeof text),
        200);
    assert_non_null(strstr(text, "{\"sources\":{},\"sampleAt\":\"\"}"));
}

static void test_refusals_are_json(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /api/nope HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"GET /api/stats%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /api%2Fstats HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /api/%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /api/healthz?strict=%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"DELETE /api/stats HTTP/1.1\r\nHost: x\r\n\r\n", 405},
        {"GET /api/decode HTTP/1.1\r\nHost: x\r\n\r\n", 405},
        {"GET /api/stats HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxx", 400},
        {"POST /api/packets HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: "
         "2\r\n\r\n{}",
         400},
        {"POST /api/packets HTTP/1.1\r\nHost: x\r\n\r\n", 411},
        {"POST /api/packets HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", 413},
        {"POST /api/packets HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 401},
    };
    char text[8192];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const int status = http_client_ask(r->port, cases[i].request, text, sizeof text);
        if (status != cases[i].status)
            fail_msg("%s -> %d instead of %d", cases[i].request, status, cases[i].status);
        assert_non_null(strstr(text, "{\"error\":\""));
        assert_non_null(strstr(text, "Content-Type: application/json\r\n"));
        if (status == 405)
            assert_non_null(strstr(text, "Allow: "));
    }
}

/* A request that drips must not hold its thread: it is cut by our own deadline, not per read. */
static void test_a_slow_body_is_cut(void **state)
{
    struct rig *r = *state;
    char text[4096];
    const int fd = http_client_connect(r->port);
    const mono_us start = clock_mono();
    assert_int_equal(http_client_exchange(fd,
                                          "POST /api/packets HTTP/1.1\r\nHost: x\r\nX-API-Key: " KEY
                                          "\r\nContent-Length: 100\r\n\r\n{",
                                          text, sizeof text),
                     408);
    assert_true(clock_mono() - start < 8 * US_PER_S);
    assert_int_equal(close(fd), 0);
}

static void test_idle_and_silent_connections_do_not_delay_probes(void **state)
{
    struct rig *r = *state;
    int fds[2 * IDLE];
    char text[8192];
    for (int i = 0; i < IDLE; i++) {
        fds[i] = http_client_connect(r->port);
        assert_int_equal(http_client_exchange(fds[i], "GET /api/livez HTTP/1.1\r\nHost: x\r\n\r\n",
                                              text, sizeof text),
                         200);
        fds[IDLE + i] = http_client_connect(r->port);
    }
    mono_us start = clock_mono();
    (void)http_client_ask(r->health_port, "GET /api/healthz HTTP/1.1\r\nHost: x\r\n\r\n", text,
                          sizeof text);
    const mono_us on_health = clock_mono() - start;
    start = clock_mono();
    (void)http_client_ask(r->port, "GET /api/healthz HTTP/1.1\r\nHost: x\r\n\r\n", text,
                          sizeof text);
    const mono_us on_main = clock_mono() - start;
    print_message("health port %lld us, main port %lld us\n", (long long)on_health,
                  (long long)on_main);
    /* Behind a silent connection a probe would wait for that one's timeout, a second or more. */
    assert_true(on_health < US_PER_S);
    assert_true(on_main < US_PER_S);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        assert_int_equal(close(fds[i]), 0);
}

static void test_keep_alive_is_kept_and_said(void **state)
{
    struct rig *r = *state;
    char text[4096];
    const int fd = http_client_connect(r->port);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(http_client_exchange(fd, "GET /api/livez HTTP/1.1\r\nHost: x\r\n\r\n",
                                              text, sizeof text),
                         200);
        assert_non_null(strstr(text, "Connection: keep-alive\r\n"));
    }
    assert_int_equal(
        http_client_exchange(fd, "GET /api/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                             text, sizeof text),
        200);
    assert_non_null(strstr(text, "Connection: close\r\n"));
    assert_int_equal(recv(fd, text, 1, 0), 0);
    assert_int_equal(close(fd), 0);
}

static void test_draining_says_not_ready(void **state)
{
    struct rig *r = *state;
    char text[4096];
    api_drain(&r->api);
    assert_int_equal(
        http_client_ask(r->port, "GET /api/readyz HTTP/1.0\r\n\r\n", text, sizeof text), 503);
    assert_non_null(strstr(text, "\"draining\""));
    assert_int_equal(http_client_ask(r->port, "GET /api/livez HTTP/1.0\r\n\r\n", text, sizeof text),
                     200);
}

/* --- POST /api/packets ------------------------------------------------------------------------ */

static void *fake_ingestor(void *arg)
{
    struct rig *r = arg;
    const int fd = accept(r->inject, NULL, NULL);
    const ssize_t n = recv(fd, r->received, sizeof r->received - 1, 0);
    r->received[n > 0 ? n : 0] = '\0';
    if (send(fd, &r->answer, 1, MSG_NOSIGNAL) != 1)
        r->received[0] = '\0';
    IGNORE(close(fd), "a test");
    return NULL;
}

static int post_packet(struct rig *r, char *text, size_t cap)
{
    /* A direct ACK: header 0x0e, no path, four bytes of checksum. */
    static const char request[] =
        "POST /api/packets HTTP/1.1\r\nHost: x\r\nX-API-Key: " KEY "\r\n"
        "Content-Length: 58\r\n\r\n"
        "{\"hex\":\"0e0001020304\",\"snr\":5.5,\"rssi\":-90,\"region\":\"SJC\"}";
    return http_client_ask(r->port, request, text, cap);
}

/* A change alone would not say so: it may be that the look before found no file. */
static bool is_sample_read(struct rig *r)
{
    const struct stats_view *view = stats_cache_take(r->stats);
    const bool is_read = view->status == STATUS_OK;
    stats_cache_release(r->stats, view);
    return is_read;
}

static void test_a_packet_goes_to_the_socket(void **state)
{
    struct rig *r = *state;
    char text[4096];
    assert_int_equal(post_packet(r, text, sizeof text), 503); /* no ingestor */
    char stamp[32];
    char stats[96];
    (void)snprintf(stats, sizeof stats, "{\"sampledAt\":\"%s\"}",
                   clock_rfc3339(clock_wall(), stamp));
    assert_int_equal(stats_file_write(r->stats_file, stats, NULL), STATUS_OK);
    while (!is_sample_read(r)) /* by the watcher's next look, within a second */
        (void)poll(NULL, 0, 10);
    assert_int_equal(post_packet(r, text, sizeof text), 503); /* no socket */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, r->api.inject_socket, sizeof address.sun_path);
    r->inject = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(bind(r->inject, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(r->inject, 4), 0);
    static const struct {
        char answer;
        int status;
    } cases[] = {{'A', 202}, {'S', 429}, {'F', 429}, {'T', 413}, {'?', 503}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        pthread_t thread;
        r->answer = cases[i].answer;
        assert_int_equal(pthread_create(&thread, NULL, fake_ingestor, r), 0);
        assert_int_equal(post_packet(r, text, sizeof text), cases[i].status);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_string_equal(r->received, "meshcore/SJC/http/packets");
        assert_non_null(strstr(r->received + strlen(r->received) + 1, "\"raw\":\"0e0001020304\""));
        assert_true((strstr(text, "Retry-After") != NULL) ==
                    (cases[i].status == 429 || cases[i].status == 503));
        assert_true((strstr(text, "{\"hash\":\"") != NULL) == (cases[i].status == 202));
    }
    assert_int_equal(close(r->inject), 0);
}

static void test_bad_packets_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"hex\":5}",
        "{\"hex\":\"0\"}",
        "{\"hex\":\"zz\"}",
        "{\"hex\":\"0e\"}",
        "{\"hex\":\"0e0001020304\",\"region\":\"a/b\"}",
        "{\"hex\":\"0e0001020304\",\"observer\":\"#\"}",
        "{\"hex\":\"0e0001020304\",\"observer\":\"\"}",
        "{\"hex\":\"0e0001020304\",\"snr\":\"5\"}",
    };
    struct api_packet packet;
    const char *why = NULL;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        why = NULL;
        assert_int_equal(api_packet_build(bad[i], strlen(bad[i]), &packet, &why), 400);
        assert_non_null(why);
    }
    static const char good[] = "{\"hex\":\"0E0001020304\",\"observer\":\"ab-1\",\"snr\":null}";
    assert_int_equal(api_packet_build(good, strlen(good), &packet, &why), 0);
    assert_string_equal(packet.topic, "meshcore/XXX/ab-1/packets");
    assert_null(strstr(packet.payload, "SNR"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_probes_without_a_database, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals_are_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_slow_body_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_and_silent_connections_do_not_delay_probes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_keep_alive_is_kept_and_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_draining_says_not_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_packet_goes_to_the_socket, setup, teardown),
        cmocka_unit_test(test_bad_packets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
