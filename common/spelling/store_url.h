/* SPDX-License-Identifier: MIT
 *
 * store_url - the address of one shard of a ClickHouse store: its replicas, separated by commas,
 * each http://host:port or https://host:port (8123 and 8443 where no port is given).
 *
 * I1. An address has no user, password, path or parameter: the first two have keys of their own,
 *     so that no secret stands in an address, which is printed.
 * Threads: pure. Errors: store_url_check's words, behind the key's name. Ownership: the caller's
 * buffers. */
#pragma once

#include "common/base/base.h"

#define STORE_URL_REPLICAS_MAX 8
#define STORE_URL_MAX          280 /* bytes of one replica's, with scheme and port */

/* NULL = fine. */
const char *store_url_check(const char *shard);
/* The replicas of a shard that was checked, each with its port and nothing behind: their number. */
size_t store_url_split(const char *shard, char out[static STORE_URL_REPLICAS_MAX][STORE_URL_MAX]);
