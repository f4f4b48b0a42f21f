/* SPDX-License-Identifier: MIT
 *
 * spelling - how the strings of a configuration are written.
 *
 * A check gets a string that is not empty and says why it is refused, in words that can stand
 * behind the key's name and never quote it; NULL = fine. A tidy form is what is kept of a string
 * that people write in several ways: the caller frees it, NULL = no memory.
 * Threads: pure. */
#pragma once

#include "common/base/base.h"

/* What envelope.region holds: a longer one would never fit a message's. */
#define SPELLING_IATA_MAX 15

const char *spelling_check_file(const char *text);         /* a path that names no folder */
const char *spelling_check_topic(const char *text);        /* a topic filter of MQTT */
const char *spelling_check_public_key(const char *text);   /* 64 hex digits */
const char *spelling_check_network(const char *text);      /* network_read takes it */
const char *spelling_check_origin(const char *text);       /* as browsers send it, or * */
const char *spelling_check_header_value(const char *text); /* printable ASCII */
const char *spelling_check_iata(const char *text);
const char *spelling_check_hashtag(const char *text);
const char *spelling_check_identifier(const char *text); /* a name that SQL needs no quotes for */
const char *spelling_check_store_user(const char *text); /* HTTP ends a user's name at a colon */

char *spelling_trim(const char *text);
char *spelling_tidy_public_key(const char *text);
char *spelling_tidy_origin(const char *text);
char *spelling_tidy_iata(const char *text);
char *spelling_tidy_channel(const char *text);
char *spelling_tidy_region(const char *text);
