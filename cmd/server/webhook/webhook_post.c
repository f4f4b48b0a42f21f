/* SPDX-License-Identifier: MIT */
#include "cmd/server/webhook/webhook_post.h"

#include "common/base/version.h"
#include "common/transfer/transfer.h"

#include <stdio.h>
#include <string.h>

bool webhook_post_init(void)
{
    return transfer_init();
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
    return transfer_add_header(list, line);
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

static CURLcode set_options(CURL *curl, const char *url, const struct webhook_letter *letter,
                            struct curl_slist *headers, const atomic_bool *stop)
{
    CURLcode rc = CURLE_OK;
    transfer_set_habits(curl, stop, &rc);
    transfer_set_http(curl, &rc);
    TRANSFER_SET(curl, &rc, CURLOPT_URL, url);
    TRANSFER_SET(curl, &rc, CURLOPT_POSTFIELDS, letter->body);
    TRANSFER_SET(curl, &rc, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)letter->len);
    TRANSFER_SET(curl, &rc, CURLOPT_HTTPHEADER, headers);
    TRANSFER_SET(curl, &rc, CURLOPT_TIMEOUT_MS, (long)WEBHOOK_POST_MS);
    TRANSFER_SET(curl, &rc, CURLOPT_FRESH_CONNECT, 1L);
    TRANSFER_SET(curl, &rc, CURLOPT_FORBID_REUSE, 1L);
    TRANSFER_SET(curl, &rc, CURLOPT_WRITEFUNCTION, on_answer);
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
