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

/* What comes back. */
struct reception {
    struct clickhouse_seen seen;
    char *body;
    size_t len, cap, max;
    bool is_too_long, has_no_memory;
};

struct flight {
    struct reception got;
    uint8_t *packed; /* the statement */
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

static int on_wait(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct clickhouse_call *call = context;
    (void)a, (void)b, (void)c, (void)d;
    return (call->stop != NULL && atomic_load(call->stop)) || !call->goes_on(call->context);
}

static CURLcode set_wait(CURL *curl, const struct clickhouse_call *call, CURLcode rc)
{
    if (call->goes_on == NULL)
        return rc;
    TRANSFER_SET(curl, &rc, CURLOPT_XFERINFOFUNCTION, on_wait);
    TRANSFER_SET(curl, &rc, CURLOPT_XFERINFODATA, call);
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

/* The handle is ready to be performed. False: it is not, *out says why, and nothing is to land. */
static bool take_off(struct clickhouse_client *client, const struct clickhouse_server *server,
                     const struct clickhouse_call *call, struct flight *flight,
                     struct clickhouse_answer *out)
{
    struct url url;
    size_t packed_len = call->rows_len;
    CURL *curl = client->curl;
    *out = (struct clickhouse_answer){.body = NULL};
    *flight = (struct flight){.got = {.seen.asked_rows = call->asks_rows,
                                      .max = max_size(call->answer_max, REFUSAL_MAX)}};
    if (!make_url(&url, server, call))
        return refuse(out, CLICKHOUSE_PERMANENT, "the statement does not fit into a request");
    if (call->rows == NULL &&
        !gzip_body(call->statement, strlen(call->statement), &flight->packed, &packed_len))
        return refuse(out, CLICKHOUSE_TEMPORARY, "no memory for the request");
    client->library[0] = '\0';
    curl_easy_reset(curl);
    CURLcode rc = set_body(curl, flight->packed != NULL ? flight->packed : call->rows, packed_len);
    rc = set_call(curl, server, call, &flight->got, set_client(client, rc));
    rc = set_wait(curl, call, rc);
    TRANSFER_SET(curl, &rc, CURLOPT_URL, url.text); /* copied */
    if (rc == CURLE_OK)
        return true;
    free(flight->packed);
    return refuse(out, CLICKHOUSE_TEMPORARY, "no memory for the request");
}

/* Once for each that took off, whatever became of it. */
static void land(struct clickhouse_client *client, struct flight *flight, CURLcode rc,
                 struct clickhouse_answer *out)
{
    long status = 0;
    struct reception *got = &flight->got;
    IGNORE(curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status), "0 then");
    got->seen.transfer = how_it_ended(client->curl, got, rc);
    got->seen.status = (int)status;
    got->seen.library = client->library[0] != '\0' ? client->library : curl_easy_strerror(rc);
    got->seen.body = got->body != NULL ? got->body : "";
    got->seen.len = got->len;
    free(flight->packed);
    clickhouse_judge(&got->seen, &out->is);
    out->body = got->body;
    out->len = got->len;
    if (got->has_no_memory)
        IGNORE(refuse(out, CLICKHOUSE_TEMPORARY, "no memory for the answer"), "it says so");
}

bool clickhouse_ask(struct clickhouse_client *client, const struct clickhouse_server *server,
                    const struct clickhouse_call *call, struct clickhouse_answer *out)
{
    struct flight flight;
    if (!take_off(client, server, call, &flight, out))
        return false;
    land(client, &flight, curl_easy_perform(client->curl), out);
    return out->is.verdict == CLICKHOUSE_DONE;
}

/* --- several at once -------------------------------------------------------------------------- */

#define POLL_MS 200 /* between two looks at limits and `stop` */

struct seat {
    struct clickhouse_client *client;
    struct flight flight;
    bool has_begun, is_in_air;
    CURLcode rc;
};

struct clickhouse_many {
    CURLM *multi;
    size_t count;
    struct seat seats[];
};

struct clickhouse_many *clickhouse_many_new(size_t count)
{
    struct clickhouse_many *many = calloc(1, sizeof *many + count * sizeof many->seats[0]);
    if (many == NULL)
        return NULL;
    many->multi = curl_multi_init();
    bool is_good = many->multi != NULL;
    for (; is_good && many->count < count; many->count++) {
        struct seat *seat = &many->seats[many->count];
        seat->client = clickhouse_client_new();
        is_good = seat->client != NULL;
    }
    if (is_good)
        return many;
    clickhouse_many_free(many);
    return NULL;
}

void clickhouse_many_free(struct clickhouse_many *many)
{
    if (many == NULL)
        return;
    for (size_t i = 0; i < many->count; i++)
        clickhouse_client_free(many->seats[i].client);
    (void)curl_multi_cleanup(many->multi); /* NULL is refused, no more */
    free(many);
}

static bool begin(struct clickhouse_many *many, struct seat *seat, struct clickhouse_errand *errand)
{
    if (!take_off(seat->client, errand->server, errand->call, &seat->flight, &errand->answer))
        return false;
    seat->rc = curl_easy_setopt(seat->client->curl, CURLOPT_PRIVATE, seat);
    if (seat->rc == CURLE_OK && curl_multi_add_handle(many->multi, seat->client->curl) == CURLM_OK)
        return true;
    land(seat->client, &seat->flight, CURLE_OUT_OF_MEMORY, &errand->answer);
    return false;
}

/* How those ended that have; how many. */
static size_t collect(struct clickhouse_many *many)
{
    int left;
    size_t count = 0;
    for (CURLMsg *said; (said = curl_multi_info_read(many->multi, &left)) != NULL;) {
        struct seat *seat = NULL;
        if (said->msg != CURLMSG_DONE ||
            curl_easy_getinfo(said->easy_handle, CURLINFO_PRIVATE, &seat) != CURLE_OK ||
            seat == NULL)
            continue;
        seat->rc = said->data.result;
        seat->is_in_air = false;
        (void)curl_multi_remove_handle(many->multi, seat->client->curl);
        count++;
    }
    return count;
}

/* An error of the set itself ends all that are under way. */
static void perform(struct clickhouse_many *many, size_t flying)
{
    CURLMcode rc = CURLM_OK;
    while (flying > 0 && rc == CURLM_OK) {
        int running;
        rc = curl_multi_perform(many->multi, &running);
        flying -= collect(many);
        if (flying > 0 && rc == CURLM_OK)
            rc = curl_multi_poll(many->multi, NULL, 0, POLL_MS, NULL);
    }
    for (size_t i = 0; flying > 0 && i < many->count; i++) {
        if (many->seats[i].is_in_air)
            (void)curl_multi_remove_handle(many->multi, many->seats[i].client->curl);
    }
}

static mono_us time_of(const struct seat *seat)
{
    curl_off_t us = 0;
    IGNORE(curl_easy_getinfo(seat->client->curl, CURLINFO_TOTAL_TIME_T, &us), "0 then");
    return us;
}

void clickhouse_many_ask(struct clickhouse_many *many, struct clickhouse_errand *errands,
                         size_t count)
{
    size_t flying = 0;
    count = min_size(count, many->count);
    for (size_t i = 0; i < count; i++) {
        struct seat *seat = &many->seats[i];
        seat->has_begun = errands[i].call != NULL && begin(many, seat, &errands[i]);
        seat->is_in_air = seat->has_begun;
        seat->rc = CURLE_ABORTED_BY_CALLBACK;
        flying += seat->has_begun;
    }
    perform(many, flying);
    for (size_t i = 0; i < count; i++) {
        struct seat *seat = &many->seats[i];
        if (!seat->has_begun)
            continue;
        errands[i].took_us = time_of(seat);
        land(seat->client, &seat->flight, seat->rc, &errands[i].answer);
    }
}

void clickhouse_answer_done(struct clickhouse_answer *answer)
{
    free(answer->body);
    answer->body = NULL;
    answer->len = 0;
}
