/* SPDX-License-Identifier: MIT */
#include "common/clickhouse/clickhouse_call.h"

#include "common/base/version.h"
#include "common/clickhouse/gzip_body.h"
#include "common/transfer/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXCEPTION_HEADER "X-ClickHouse-Exception-Code:"
#define ANSWER_FIRST     1024
/* Of an answer that was not asked for, an error's text: enough for its first sentences. */
#define REFUSAL_MAX 16384

struct clickhouse_client {
    CURL *curl;
    struct curl_slist *headers;
    char library[CURL_ERROR_SIZE];
};

bool clickhouse_init(void)
{
    return transfer_init();
}

struct clickhouse_client *clickhouse_client_new(void)
{
    char agent[80];
    struct clickhouse_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    (void)snprintf(agent, sizeof agent, "User-Agent: weir/%s", version_number());
    client->curl = curl_easy_init();
    /* Expect would wait a second where nobody answers it. */
    if (client->curl != NULL && transfer_add_header(&client->headers, "Content-Encoding: gzip") &&
        transfer_add_header(&client->headers, "Content-Type: application/octet-stream") &&
        transfer_add_header(&client->headers, "Expect:") &&
        transfer_add_header(&client->headers, agent))
        return client;
    clickhouse_client_free(client);
    return NULL;
}

void clickhouse_client_free(struct clickhouse_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    free(client);
}

/* --- what comes back -------------------------------------------------------------------------- */

struct reception {
    struct clickhouse_seen seen;
    char *body;
    size_t len, cap, max;
    bool is_too_long, has_no_memory;
};

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct reception *got = context;
    const size_t len = size * count;
    char digits[16] = "";
    if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) { /* a 100 may stand in front of the answer */
        got->seen.is_head_whole = false;
        got->seen.header_code = 0;
    } else if (len <= 2) {
        got->seen.is_head_whole = true;
    } else if (len > sizeof EXCEPTION_HEADER &&
               strncasecmp(bytes, EXCEPTION_HEADER, sizeof EXCEPTION_HEADER - 1) == 0) {
        memcpy(digits, bytes + sizeof EXCEPTION_HEADER - 1,
               min_size(len - (sizeof EXCEPTION_HEADER - 1), sizeof digits - 1));
        const long code = strtol(digits, NULL, 10);
        got->seen.header_code = code > 0 && code < INT32_MAX ? (int)code : -1;
    }
    return len;
}

static bool grow(struct reception *got, size_t need)
{
    const size_t cap = max_size(need, max_size(ANSWER_FIRST, 2 * got->cap));
    char *body = realloc(got->body, cap);
    got->has_no_memory = body == NULL;
    if (body == NULL)
        return false;
    got->body = body;
    got->cap = cap;
    return true;
}

/* I4. More than that ends the transfer. */
static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct reception *got = context;
    const size_t len = size * count;
    got->is_too_long = len > got->max - got->len;
    if (got->is_too_long || (got->len + len + 1 > got->cap && !grow(got, got->len + len + 1)))
        return len > 0 ? 0 : 1;
    memcpy(got->body + got->len, bytes, len);
    got->len += len;
    got->body[got->len] = '\0';
    return len;
}

/* --- the request ------------------------------------------------------------------------------ */

struct url {
    char text[CLICKHOUSE_URL_MAX];
    size_t len;
    bool is_too_long;
};

static void add_plain(struct url *url, const char *text)
{
    const size_t len = strlen(text);
    if (url->len + len >= sizeof url->text) {
        url->is_too_long = true;
        return;
    }
    memcpy(url->text + url->len, text, len + 1);
    url->len += len;
}

static void add_escaped(struct url *url, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    for (; *text != '\0'; text++) {
        char one[4] = {*text, '\0'};
        if (strchr(plain, *text) == NULL)
            (void)snprintf(one, sizeof one, "%%%02X", (unsigned)(unsigned char)*text);
        add_plain(url, one);
    }
}

static void add_parameter(struct url *url, const char *name, const char *value)
{
    add_plain(url, "&");
    add_plain(url, name);
    add_plain(url, "=");
    add_escaped(url, value);
}

static bool make_url(struct url *url, const struct clickhouse_server *server,
                     const struct clickhouse_call *call)
{
    url->len = 0;
    url->is_too_long = false;
    add_plain(url, server->url);
    add_plain(url, "/?wait_end_of_query=1");
    if (server->database != NULL)
        add_parameter(url, "database", server->database);
    for (size_t i = 0; i < CLICKHOUSE_SETTINGS_MAX && call->settings[i].name != NULL; i++)
        add_parameter(url, call->settings[i].name, call->settings[i].value);
    if (call->rows != NULL)
        add_parameter(url, "query", call->statement);
    return !url->is_too_long;
}

/* Of every call: the handle is reset between them, its connections stay. */
static CURLcode set_client(struct clickhouse_client *client, CURLcode rc)
{
    CURL *curl = client->curl;
    transfer_set_http(curl, &rc);
    TRANSFER_SET(curl, &rc, CURLOPT_ERRORBUFFER, client->library);
    TRANSFER_SET(curl, &rc, CURLOPT_HTTPHEADER, client->headers);
    TRANSFER_SET(curl, &rc, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    TRANSFER_SET(curl, &rc, CURLOPT_HEADERFUNCTION, on_header);
    TRANSFER_SET(curl, &rc, CURLOPT_WRITEFUNCTION, on_body);
    return rc;
}

static CURLcode set_call(CURL *curl, const struct clickhouse_server *server,
                         const struct clickhouse_call *call, struct reception *got, CURLcode rc)
{
    const int connect_ms = call->connect_ms > 0 ? call->connect_ms : CLICKHOUSE_CONNECT_MS;
    const int total_ms = call->total_ms > 0 ? call->total_ms : CLICKHOUSE_QUERY_MS;
    transfer_set_habits(curl, call->stop, &rc);
    TRANSFER_SET(curl, &rc, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    TRANSFER_SET(curl, &rc, CURLOPT_TIMEOUT_MS, (long)total_ms);
    TRANSFER_SET(curl, &rc, CURLOPT_HEADERDATA, got);
    TRANSFER_SET(curl, &rc, CURLOPT_WRITEDATA, got);
    if (server->user != NULL) {
        TRANSFER_SET(curl, &rc, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        TRANSFER_SET(curl, &rc, CURLOPT_USERNAME, server->user);
        TRANSFER_SET(curl, &rc, CURLOPT_PASSWORD, server->password != NULL ? server->password : "");
    }
    return rc;
}

static enum clickhouse_transfer how_it_ended(CURL *curl, const struct reception *got, CURLcode rc)
{
    long sent = 0;
    IGNORE(curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent), "0 then");
    if (rc == CURLE_OK)
        return CLICKHOUSE_WHOLE;
    if (got->is_too_long)
        return CLICKHOUSE_TOO_LONG;
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return sent > 0 ? CLICKHOUSE_LATE : CLICKHOUSE_NO_CONNECTION;
    if (rc == CURLE_ABORTED_BY_CALLBACK)
        return CLICKHOUSE_STOPPED;
    const bool is_not_begun = rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST ||
                              rc == CURLE_SSL_CONNECT_ERROR ||
                              rc == CURLE_PEER_FAILED_VERIFICATION ||
                              rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_OUT_OF_MEMORY ||
                              rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL;
    return is_not_begun ? CLICKHOUSE_NO_CONNECTION : CLICKHOUSE_CUT;
}

/* Posts the bytes and judges what came. */
static void post(struct clickhouse_client *client, const struct clickhouse_server *server,
                 const struct clickhouse_call *call, const struct url *url, struct reception *got)
{
    long status = 0;
    CURL *curl = client->curl;
    client->library[0] = '\0';
    CURLcode rc = set_call(curl, server, call, got, set_client(client, CURLE_OK));
    TRANSFER_SET(curl, &rc, CURLOPT_URL, url->text);
    if (rc == CURLE_OK)
        rc = curl_easy_perform(curl);
    IGNORE(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status), "0 then");
    got->seen.transfer = how_it_ended(curl, got, rc);
    got->seen.status = (int)status;
    got->seen.library = client->library[0] != '\0' ? client->library : curl_easy_strerror(rc);
    got->seen.body = got->body != NULL ? got->body : "";
    got->seen.len = got->len;
}

static CURLcode set_body(CURL *curl, const uint8_t *bytes, size_t len)
{
    CURLcode rc = CURLE_OK;
    TRANSFER_SET(curl, &rc, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    TRANSFER_SET(curl, &rc, CURLOPT_POSTFIELDS, (const char *)bytes);
    return rc;
}

static bool refuse(struct clickhouse_answer *out, enum clickhouse_verdict verdict, const char *text)
{
    out->is.verdict = verdict;
    (void)snprintf(out->is.text, sizeof out->is.text, "%s", text);
    return false;
}

bool clickhouse_ask(struct clickhouse_client *client, const struct clickhouse_server *server,
                    const struct clickhouse_call *call, struct clickhouse_answer *out)
{
    struct url url;
    uint8_t *packed = NULL;
    size_t packed_len = call->rows_len;
    *out = (struct clickhouse_answer){.body = NULL};
    if (!make_url(&url, server, call))
        return refuse(out, CLICKHOUSE_PERMANENT, "the statement does not fit into a request");
    if (call->rows == NULL &&
        !gzip_body(call->statement, strlen(call->statement), &packed, &packed_len))
        return refuse(out, CLICKHOUSE_TEMPORARY, "no memory for the request");
    struct reception got = {.seen.asked_rows = call->asks_rows,
                            .max = max_size(call->answer_max, REFUSAL_MAX)};
    curl_easy_reset(client->curl);
    if (set_body(client->curl, packed != NULL ? packed : call->rows, packed_len) == CURLE_OK)
        post(client, server, call, &url, &got);
    else
        got.has_no_memory = true;
    free(packed);
    clickhouse_judge(&got.seen, &out->is);
    out->body = got.body;
    out->len = got.len;
    if (got.has_no_memory)
        return refuse(out, CLICKHOUSE_TEMPORARY, "no memory for the answer");
    return out->is.verdict == CLICKHOUSE_DONE;
}

void clickhouse_answer_done(struct clickhouse_answer *answer)
{
    free(answer->body);
    answer->body = NULL;
    answer->len = 0;
}
