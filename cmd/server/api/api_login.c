/* SPDX-License-Identifier: MIT
 *
 * /api/login, /api/logout: the key for reading against a cookie (access.h). Without script access
 * (HttpOnly) and never sent from another site's page (SameSite=Strict). A logout makes the browser
 * forget it; what was copied elsewhere ends with its time, or with a new key. */
#include "cmd/server/api/api.h"
#include "cmd/server/api/families.h"
#include "common/base/clock.h"
#include "common/json/json.h"
#include "common/json/json_write.h"

#include <stdio.h>
#include <string.h>

#define LOGIN_SECONDS ((int64_t)7 * 86400)
#define BODY_DEPTH    4

static void set_cookie(const struct http_request *request, struct http_reply *reply,
                       const char *value, int64_t seconds)
{
    char text[HTTP_LOGIN_MAX + 128];
    (void)snprintf(text, sizeof text,
                   HTTP_LOGIN_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
                   value, (long long)seconds, request->is_https ? "; Secure" : "");
    http_reply_line(reply, "Set-Cookie", text);
}

static void say(struct http_reply *reply, bool is_logged_in, int64_t until)
{
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_bool(&w, "loggedIn", is_logged_in);
    if (is_logged_in)
        jw_int(&w, "untilUnix", until);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

static void log_in(struct api *api, const struct http_request *request, struct http_reply *reply,
                   const char *key)
{
    const char *why = NULL;
    struct http_keys keys;
    api_copy_keys(api, &keys);
    const int refused = http_access_login(&keys, (struct http_text){key, strlen(key)}, &why);
    if (refused != 0) {
        http_reply_field_error(reply, refused, "key", why);
        return;
    }
    char value[HTTP_LOGIN_MAX];
    const int64_t until = clock_wall() / US_PER_S + LOGIN_SECONDS;
    http_access_sign(&keys, until, value);
    set_cookie(request, reply, value, LOGIN_SECONDS);
    say(reply, true, until);
}

static void post_login(struct api *api, const struct http_request *request,
                       struct http_reply *reply)
{
    cJSON *root = json_parse(request->body, request->body_len, BODY_DEPTH);
    const char *key = root != NULL ? json_string(root, "key") : NULL;
    if (key == NULL)
        http_reply_field_error(reply, 400, "key", "the body must be {\"key\": \"...\"}");
    else
        log_in(api, request, reply, key);
    cJSON_Delete(root);
}

static void post_logout(struct api *api, const struct http_request *request,
                        struct http_reply *reply)
{
    (void)api;
    set_cookie(request, reply, "", 0);
    say(reply, false, 0);
}

static const struct route rows[] = {
    {.method = "POST",
     .path = "/api/login",
     .handler = post_login,
     .access = HTTP_OPEN,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "10 us",
     .summary = "The key for reading (readApiKey) against a cookie that counts like it for a week",
     .takes = "{key: str}",
     .answer = "{loggedIn: bool, untilUnix: int}"},
    {.method = "POST",
     .path = "/api/logout",
     .handler = post_logout,
     .access = HTTP_OPEN,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "10 us",
     .summary = "Makes the browser forget that cookie",
     .answer = "{loggedIn: bool}"},
};
const struct route_family api_login_routes = {rows, ARRAY_LEN(rows)};
