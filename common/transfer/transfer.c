/* SPDX-License-Identifier: MIT */
#include "common/transfer/transfer.h"

bool transfer_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const atomic_bool *stop = context;
    (void)a, (void)b, (void)c, (void)d;
    return stop != NULL && atomic_load(stop);
}

void transfer_set_habits(CURL *curl, const atomic_bool *stop, CURLcode *rc)
{
    TRANSFER_SET(curl, rc, CURLOPT_NOSIGNAL, 1L);
    TRANSFER_SET(curl, rc, CURLOPT_QUICK_EXIT, 1L); /* a look-up that hangs is left behind */
    TRANSFER_SET(curl, rc, CURLOPT_NOPROGRESS, 0L);
    TRANSFER_SET(curl, rc, CURLOPT_XFERINFOFUNCTION, on_progress);
    TRANSFER_SET(curl, rc, CURLOPT_XFERINFODATA, stop);
}

void transfer_set_http(CURL *curl, CURLcode *rc)
{
    TRANSFER_SET(curl, rc, CURLOPT_PROTOCOLS_STR, "http,https");
    TRANSFER_SET(curl, rc, CURLOPT_FOLLOWLOCATION, 0L);
    TRANSFER_SET(curl, rc, CURLOPT_PROXY, "");
    TRANSFER_SET(curl, rc, CURLOPT_NOPROXY, "");
}

bool transfer_add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}
