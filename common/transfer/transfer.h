/* SPDX-License-Identifier: MIT
 *
 * transfer - what all transfers by libcurl have in common.
 *
 * Threads: transfer_init before there are others; a handle belongs to one. Errors: what can fail is
 * memory alone. Ownership: handles and lists are the caller's. */
#pragma once

#include "common/base/base.h"

#include <curl/curl.h>
#include <stdatomic.h>

/* Any number of times; false = the library can't be used. */
NODISCARD bool transfer_init(void);

/* Keeps the first error in *rc. */
#define TRANSFER_SET(curl, rc, option, value)                                                      \
    do {                                                                                           \
        const CURLcode set_ = curl_easy_setopt((curl), option, value);                             \
        if (*(rc) == CURLE_OK)                                                                     \
            *(rc) = set_;                                                                          \
    } while (0)

/* No signals, no waiting for a look-up that hangs, and an end soon after *stop, which may be
 * NULL, has become true. */
void transfer_set_habits(CURL *curl, const atomic_bool *stop, CURLcode *rc);
/* For who speaks HTTP: to the very address, whatever the environment says of proxies, and to no
 * other scheme or place. */
void transfer_set_http(CURL *curl, CURLcode *rc);

/* One more line, "Name: value"; "Name:" keeps the library from sending its own. False = no memory,
 * and the list is as it was. */
NODISCARD bool transfer_add_header(struct curl_slist **list, const char *line);
