/* SPDX-License-Identifier: MIT */
#include "common/sums/sums_sql.h"

#include "common/base/clock.h"
#include "common/mesh/meshcore.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define NO_KIND   254 /* in a statement: of nothing */
#define DAY_HOURS 24
#define TYPE_BITS 4
#define SNR_BITS  7
#define RSSI_BITS 6

void sums_text_add(struct sums_text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text->at + text->len, SUMS_SQL_MAX - text->len, fmt, args);
    va_end(args);
    text->len = min_size(SUMS_SQL_MAX - 1, text->len + (n > 0 ? (size_t)n : 0));
}

bool sums_text_fits(const struct sums_text *text)
{
    return text->len < SUMS_SQL_MAX - 1;
}

#define add sums_text_add

static bool has(const struct sums_sql *sums, enum rollup_kind kind)
{
    return (sums->kinds & SUMS_KIND(kind)) != 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void add_table(struct sums_text *text, const struct sums_sql *sums, const char *name)
{
    const int64_t from = sums->from_hour > 0 ? sums->from_hour : 0;
    if (sums->database != NULL)
        add(text, "%s.", sums->database);
    add(text,
        "%s WHERE day >= %" PRId64 " AND day <= %" PRId64 " AND hour >= %" PRId64
        " AND hour < %" PRId64,
        name, from / DAY_HOURS, (sums->to_hour - 1) / DAY_HOURS, from, sums->to_hour);
}

static void add_having(struct sums_text *text, const struct sums_sql *sums)
{
    add(text, " HAVING f >= %" PRId64 " AND f < %" PRId64 ")", sums->from_ms, sums->to_ms);
}

static void add_receptions(struct sums_text *text, const struct sums_sql *sums)
{
    add(text, "(SELECT hash, observer, path_size, path, min(receipt_ms) AS f, any(type) AS sort,"
              " argMax(route, ver) AS way, argMax(scope_code, ver) AS code, argMax(snr, ver) AS s,"
              " argMax(rssi, ver) AS r");
    if (has(sums, ROLLUP_SCOPE)) /* what any copy knows, of several the earliest */
        add(text, ", argMax(scope, if(scope = '', toUInt64(0), ver)) AS region");
    add(text, " FROM ");
    add_table(text, sums, "obs");
    add(text, " AND direction = 0 GROUP BY hash, observer, path_size, path");
    add_having(text, sums);
}

static void add_packets(struct sums_text *text, const struct sums_sql *sums)
{
    add(text, "(SELECT hash, min(receipt_ms) AS f, any(type) AS sort, argMax(route, ver) AS way,"
              " argMax(scope_code, ver) AS code, argMax(path, ver) AS path FROM ");
    add_table(text, sums, "obs");
    add(text, " GROUP BY hash");
    add_having(text, sums);
}

/* Whose adverts they are, as the number that the node has. New servers want the two names. */
static void add_senders(struct sums_text *text, const struct sums_sql *sums)
{
    add(text, " AS seen ANY LEFT JOIN (SELECT hash, reinterpretAsUInt64(reverse(substring("
              "argMax(sender, ver), 1, 8))) AS who FROM ");
    add_table(text, sums, "tx");
    add(text, " AND length(sender) = 32 GROUP BY hash) AS told USING (hash)");
}

/* --- pairs of kind and key -------------------------------------------------------------------- */

/* meshcore_is_share_contact; a packet that is no advert has no `who`. */
#define IS_NODES                                                                                   \
    "who != 0 AND NOT (way = %d AND code < 0 AND length(path) = 0)", MESHCORE_TRANSPORT_DIRECT
#define HAS_HOPS "way <= %d AND sort != %d", MESHCORE_FLOOD, MESHCORE_TRACE
/* schema_is_invented_rf */
#define IS_INVENTED "ifNull(s, 0) = 12.5 AND ifNull(r, 0) = -65"
#define HAS_SNR     "isNotNull(s) AND NOT (" IS_INVENTED ")"
#define HAS_RSSI    "isNotNull(r) AND NOT (" IS_INVENTED ")"
#define SNR         "toInt64(least(greatest(floor(ifNull(s, 0)), -64), 63))"
#define RSSI        "toInt64(least(greatest(floor(ifNull(r, 0) / 5), -40), 0))"

/* The number of a name: the first 8 bytes of its SHA-256. */
#define SCOPE                                                                                      \
    "multiIf(way != %d AND way != %d, toUInt64(%d), code <= 0, toUInt64(%d), region = '',"         \
    " toUInt64(%d), reinterpretAsUInt64(reverse(substring(SHA256(region), 1, 8))))",               \
        MESHCORE_TRANSPORT_FLOOD, MESHCORE_TRANSPORT_DIRECT, ROLLUP_SCOPE_NONE,                    \
        ROLLUP_SCOPE_EMPTY, ROLLUP_SCOPE_UNNAMED

_Static_assert(MESHCORE_TRANSPORT_FLOOD == 0 && MESHCORE_FLOOD == 1, "floods are the lowest");

unsigned sums_key_bits(enum rollup_kind kind)
{
    return kind == ROLLUP_OBSERVER_TYPE   ? TYPE_BITS
           : kind == ROLLUP_OBSERVER_SNR  ? SNR_BITS
           : kind == ROLLUP_OBSERVER_RSSI ? RSSI_BITS
                                          : 0;
}

static void add_key(struct sums_text *text, enum rollup_kind kind, const char *key)
{
    const unsigned bits = sums_key_bits(kind);
    if (bits > 0)
        add(text, "bitOr(bitAnd(observer, toUInt64(%" PRIu64 ")), toUInt64(%s))",
            UINT64_MAX << bits, key);
    else
        add(text, "toUInt64(%s)", key);
}

/* One element, where the kind is wanted. */
static void add_pair(struct sums_text *text, const struct sums_sql *sums, enum rollup_kind kind,
                     const char *key)
{
    if (!has(sums, kind))
        return;
    add(text, ", (toUInt8(%d), ", kind);
    add_key(text, kind, key);
    add(text, ")");
}

/* The same where a condition holds, which is to be written behind this; then end_if. */
static bool begin_if(struct sums_text *text, const struct sums_sql *sums, enum rollup_kind kind)
{
    if (has(sums, kind))
        add(text, ", (if(");
    return has(sums, kind);
}

static void end_if(struct sums_text *text, enum rollup_kind kind, const char *key)
{
    add(text, ", toUInt8(%d), toUInt8(%d)), ", kind, NO_KIND);
    add_key(text, kind, key);
    add(text, ")");
}

static void add_if(struct sums_text *text, const struct sums_sql *sums, enum rollup_kind kind,
                   const char *condition, const char *key)
{
    if (!begin_if(text, sums, kind))
        return;
    add(text, "%s", condition);
    end_if(text, kind, key);
}

static void add_nodes_pair(struct sums_text *text, const struct sums_sql *sums)
{
    if (!begin_if(text, sums, ROLLUP_NODE))
        return;
    add(text, IS_NODES);
    end_if(text, ROLLUP_NODE, "who");
}

static void add_reception_pairs(struct sums_text *text, const struct sums_sql *sums)
{
    add(text, "arrayJoin([(toUInt8(%d), toUInt64(0))", NO_KIND);
    add_pair(text, sums, ROLLUP_NETWORK, "0");
    add_pair(text, sums, ROLLUP_OBSERVER, "observer");
    add_pair(text, sums, ROLLUP_TYPE, "sort");
    add_pair(text, sums, ROLLUP_OBSERVER_TYPE, "sort");
    add_nodes_pair(text, sums);
    add_if(text, sums, ROLLUP_SNR, HAS_SNR, SNR);
    add_if(text, sums, ROLLUP_RSSI, HAS_RSSI, RSSI " * 5");
    add_if(text, sums, ROLLUP_OBSERVER_SNR, HAS_SNR, SNR " + 64");
    add_if(text, sums, ROLLUP_OBSERVER_RSSI, HAS_RSSI, RSSI " + 40");
    add_if(text, sums, ROLLUP_TYPE_SNR, HAS_SNR, "sort * 128 + " SNR " + 64");
    add_if(text, sums, ROLLUP_INVENTED_RF, IS_INVENTED, "observer");
    if (begin_if(text, sums, ROLLUP_HOPS)) {
        add(text, HAS_HOPS);
        end_if(text, ROLLUP_HOPS, "intDiv(length(path), greatest(path_size, 1))");
    }
    if (has(sums, ROLLUP_SCOPE)) {
        add(text, ", (toUInt8(%d), ", ROLLUP_SCOPE);
        add(text, SCOPE);
        add(text, ")");
    }
    add(text, "])");
}

static void add_packet_pairs(struct sums_text *text, const struct sums_sql *sums)
{
    add(text, "arrayJoin([(toUInt8(%d), toUInt64(0))", NO_KIND);
    add_pair(text, sums, ROLLUP_NETWORK, "0");
    add_pair(text, sums, ROLLUP_TYPE, "sort");
    add_nodes_pair(text, sums);
    add(text, "])");
}

/* --- together --------------------------------------------------------------------------------- */

/* Each hop that a reception's path names, once. Where only a function of a lambda names a column,
 * 18.16 does not find it: hence one level, and arrayJoin outside. */
static void add_hops(struct sums_text *text, const struct sums_sql *sums)
{
    add(text,
        " UNION ALL SELECT (toUInt8(%d), arrayJoin(hops)) AS pair, f, toUInt64(1) AS o,"
        " toUInt64(0) AS t FROM (SELECT f, toUInt64(greatest(path_size, 1)) AS size,"
        " arrayDistinct(arrayMap(i -> toUInt64(reinterpretAsUInt64(reverse(substring(path, 1 + i *"
        " size, size))) + size * 16777216), range(intDiv(length(path), size)))) AS hops FROM ",
        ROLLUP_HOP);
    add_receptions(text, sums);
    add(text, " WHERE path_size >= 1 AND path_size <= 3 AND length(path) > 0 AND length(path) %%"
              " size = 0 AND ");
    add(text, HAS_HOPS);
    add(text, ")");
}

/* A packet's frame stands in its own row alone. */
static void add_sizes(struct sums_text *text, const struct sums_sql *sums)
{
    add(text,
        " UNION ALL SELECT (toUInt8(%d), toUInt64(sort * 64 + intDiv(bytes, 4))) AS pair, f,"
        " toUInt64(0) AS o, toUInt64(1) AS t FROM (SELECT hash, min(first_ms) AS f, any(type) AS"
        " sort, argMax(length(raw), ver) AS bytes FROM ",
        ROLLUP_TYPE_SIZE);
    add_table(text, sums, "tx");
    add(text, " GROUP BY hash");
    add_having(text, sums);
}

void sums_sql_add(struct sums_text *text, const struct sums_sql *sums)
{
    add(text,
        "SELECT tupleElement(pair, 1) AS what, tupleElement(pair, 2) AS whose,"
        " toUInt32(intDiv(f, %" PRId64 ")) AS h, sum(o) AS o, sum(t) AS t FROM (SELECT ",
        sums->part_ms > 0 ? sums->part_ms : MS_PER_HOUR);
    add_reception_pairs(text, sums);
    add(text, " AS pair, f, toUInt64(1) AS o, toUInt64(0) AS t FROM ");
    add_receptions(text, sums);
    if (has(sums, ROLLUP_NODE))
        add_senders(text, sums);
    add(text, " UNION ALL SELECT ");
    add_packet_pairs(text, sums);
    add(text, " AS pair, f, toUInt64(0) AS o, toUInt64(1) AS t FROM ");
    add_packets(text, sums);
    if (has(sums, ROLLUP_NODE))
        add_senders(text, sums);
    if (has(sums, ROLLUP_TYPE_SIZE))
        add_sizes(text, sums);
    if (has(sums, ROLLUP_HOP))
        add_hops(text, sums);
    add(text, ") WHERE tupleElement(pair, 1) != %d GROUP BY what, whose, h", NO_KIND);
}
