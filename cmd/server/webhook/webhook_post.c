/* SPDX-License-Identifier: MIT */
#include "cmd/server/webhook/webhook_post.h"

#include "common/base/version.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

bool webhook_post_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const atomic_bool *stop = context;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(stop);
}

/* I2. More than that ends the transfer: the status is known by then. */
static size_t on_answer(char *bytes, size_t size, size_t count, void *context)
{
    size_t *read = context;
    (void)bytes;
    *read += size * count;
    return *read <= WEBHOOK_ANSWER_MAX ? size * count : 0;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[160];
    (void)snprintf(line, sizeof line, "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

static bool make_headers(const struct webhook_letter *letter, struct curl_slist **out)
{
    char agent[80];
    (void)snprintf(agent, sizeof agent, "weir/%s", version_number());
    return add_header(out, "Content-Type", "application/json") &&
           add_header(out, "User-Agent", agent) && add_header(out, "Expect", "") &&
           add_header(out, "X-Weir-Delivery", letter->delivery) &&
           (letter->signature[0] == '\0' || add_header(out, "X-Weir-Signature", letter->signature));
}

/* What can fail here is memory alone: the first error is kept. */
#define SET(curl, rc, option, value)                                                               \
    do {                                                                                           \
        const CURLcode set_ = curl_easy_setopt((curl), option, value);                             \
        if (*(rc) == CURLE_OK)                                                                     \
            *(rc) = set_;                                                                          \
    } while (0)

static CURLcode set_options(CURL *curl, const char *url, const struct webhook_letter *letter,
                            struct curl_slist *headers, const atomic_bool *stop)
{
    CURLcode rc = CURLE_OK;
    SET(curl, &rc, CURLOPT_URL, url);
    SET(curl, &rc, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(curl, &rc, CURLOPT_POSTFIELDS, letter->body);
    SET(curl, &rc, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)letter->len);
    SET(curl, &rc, CURLOPT_HTTPHEADER, headers);
    SET(curl, &rc, CURLOPT_TIMEOUT_MS, (long)WEBHOOK_POST_MS);
    SET(curl, &rc, CURLOPT_QUICK_EXIT, 1L); /* a look-up that hangs is left behind */
    SET(curl, &rc, CURLOPT_NOSIGNAL, 1L);
    SET(curl, &rc, CURLOPT_FRESH_CONNECT, 1L);
    SET(curl, &rc, CURLOPT_FORBID_REUSE, 1L);
    SET(curl, &rc, CURLOPT_FOLLOWLOCATION, 0L);
    SET(curl, &rc, CURLOPT_PROXY, "");
    SET(curl, &rc, CURLOPT_WRITEFUNCTION, on_answer);
    SET(curl, &rc, CURLOPT_NOPROGRESS, 0L);
    SET(curl, &rc, CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(curl, &rc, CURLOPT_XFERINFODATA, stop);
    return rc;
}

static enum webhook_answer judge(long status, CURLcode rc, char text[static WEBHOOK_TEXT_MAX])
{
    if (status >= 200 && status < 300)
        return WEBHOOK_TAKEN;
    if (status == 0)
        (void)snprintf(text, WEBHOOK_TEXT_MAX, "no answer: %s", curl_easy_strerror(rc));
    else
        (void)snprintf(text, WEBHOOK_TEXT_MAX, "HTTP %ld%s", status,
                       status / 100 == 3 ? " (redirects are not followed)" : "");
    return status == 0 || status == 408 || status == 429 || status >= 500 ? WEBHOOK_AGAIN
                                                                          : WEBHOOK_REFUSED;
}

enum webhook_answer webhook_post(const char *url, const struct webhook_letter *letter,
                                 const atomic_bool *stop, char text[static WEBHOOK_TEXT_MAX])
{
    struct curl_slist *headers = NULL;
    size_t read = 0;
    long status = 0;
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    CURL *curl = curl_easy_init();
    if (curl != NULL && make_headers(letter, &headers))
        rc = set_options(curl, url, letter, headers, stop);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(curl, CURLOPT_WRITEDATA, &read);
    if (rc == CURLE_OK) {
        rc = curl_easy_perform(curl);
        IGNORE(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status), "0 then");
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return judge(status, rc, text);
}
