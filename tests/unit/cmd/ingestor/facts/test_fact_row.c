/* SPDX-License-Identifier: MIT
 *
 * fact_row and fact_table: what a row becomes, which of two stays, where it goes; the SQL. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/facts/fact_row.h"
#include "common/base/crypto.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define KEY "\x01\x02\x03\x04\x05\x06\x07\x08-the-rest-of-32-bytes..."

static struct rowbinary_writer w;

static int setup(void **state)
{
    (void)state;
    rowbinary_init(&w, 4096);
    return crypto_init() ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    rowbinary_done(&w);
    return 0;
}

/* Its ver. */
static uint64_t advert(struct fact_row *row, int64_t day, uint64_t hash, int64_t first_ms)
{
    struct rowbinary_reader r;
    fact_row_begin(row, &fact_tables[FACT_ADVERTS], &w);
    fact_row_int(row, day);
    fact_row_bytes(row, KEY, 32);
    fact_row_u64(row, hash);
    fact_row_int(row, first_ms);
    assert_true(fact_row_end(row, 0));
    rowbinary_read(&r, w.bytes, w.len);
    assert_int_equal(rowbinary_read_u16(&r), day);
    assert_memory_equal(rowbinary_read_bytes(&r, 32).bytes, KEY, 32);
    assert_int_equal(rowbinary_read_u64(&r), hash);
    assert_int_equal(rowbinary_read_i64(&r), first_ms);
    const uint64_t ver = rowbinary_read_u64(&r);
    assert_true(rowbinary_is_end(&r));
    return ver;
}

static void test_the_earliest_wins_and_one_time_is_decided_by_content(void **state)
{
    struct fact_row row;
    (void)state;
    const uint64_t early = advert(&row, 20000, 7, 1000);
    const uint64_t late = advert(&row, 20000, 7, 1001);
    assert_true(early > late);
    assert_true(advert(&row, 20000, 7, 1000) == early);
    assert_true(advert(&row, 20000, 8, 1000) != early);
    assert_true(advert(&row, 20000, 7, INT64_MAX) < late);
    assert_true(advert(&row, 20000, 7, -5) >= early);
}

static uint64_t answer_of(int64_t as_of_ms, const char *regions)
{
    struct fact_row row;
    struct rowbinary_reader r;
    fact_row_begin(&row, &fact_tables[FACT_REGION_ANSWERS], &w);
    fact_row_bytes(&row, KEY, 32);
    fact_row_int(&row, as_of_ms);
    fact_row_int(&row, 0);
    fact_row_bytes(&row, regions, strlen(regions));
    fact_row_null(&row);
    assert_true(fact_row_end(&row, 0));
    rowbinary_read(&r, w.bytes + w.len - 8, 8);
    return rowbinary_read_u64(&r);
}

static void test_the_newest_wins_where_the_table_says_so(void **state)
{
    (void)state;
    assert_true(answer_of(1001, "a") > answer_of(1000, "b"));
}

static void test_a_row_knows_its_shard_and_partition(void **state)
{
    struct fact_row row;
    (void)state;
    IGNORE(advert(&row, 20000, 7, 1000), "its place is asked");
    assert_true(row.shard_key == 0x0102030405060708U);
    assert_int_equal(fact_row_shard(&row, 3), 0x0102030405060708U % 3);
    assert_int_equal(fact_row_partition(&row), 20003 / 28); /* as its PARTITION BY says */
    IGNORE(answer_of(1, ""), "a table without partitions");
}

static void test_what_is_too_large_becomes_the_nearest(void **state)
{
    struct fact_row row;
    struct rowbinary_reader r;
    (void)state;
    fact_row_begin(&row, &fact_tables[FACT_OBS], &w);
    fact_row_int(&row, 70000);           /* day */
    fact_row_int(&row, -1);              /* hour */
    fact_row_int(&row, -2);              /* receipt_ms */
    fact_row_u64(&row, UINT64_MAX);      /* hash */
    fact_row_u64(&row, 1);               /* observer */
    fact_row_int(&row, 256);             /* direction */
    fact_row_null(&row);                 /* path_size */
    fact_row_bytes(&row, "\x00\x01", 2); /* path */
    fact_row_int(&row, 3);               /* has */
    fact_row_null(&row);                 /* source */
    fact_row_int(&row, 5);               /* type */
    fact_row_int(&row, 1);               /* route */
    fact_row_int(&row, INT64_MIN);       /* scope_code */
    fact_row_bytes(&row, "#x", 2);       /* scope */
    fact_row_null(&row);                 /* envelope_diff */
    fact_row_real(&row, -4.25);          /* snr */
    fact_row_real(&row, (double)NAN);    /* rssi */
    fact_row_null(&row);                 /* score */
    assert_true(fact_row_end(&row, 0));
    rowbinary_read(&r, w.bytes, w.len);
    assert_int_equal(rowbinary_read_u16(&r), 65535);
    assert_int_equal(rowbinary_read_u32(&r), 0);
    assert_int_equal(rowbinary_read_i64(&r), -2);
    assert_true(rowbinary_read_u64(&r) == UINT64_MAX);
    assert_int_equal(rowbinary_read_u64(&r), 1);
    assert_int_equal(rowbinary_read_u8(&r), 255);
    assert_int_equal(rowbinary_read_u8(&r), 0);
    assert_int_equal(rowbinary_read_string(&r).len, 2);
    assert_int_equal(rowbinary_read_u8(&r), 3);
    assert_int_equal(rowbinary_read_string(&r).len, 0);
    assert_int_equal(rowbinary_read_u16(&r), 5 + 256 * 1);
    assert_int_equal(rowbinary_read_i32(&r), INT32_MIN);
    assert_int_equal(rowbinary_read_string(&r).len, 2);
    assert_true(rowbinary_read_is_null(&r));
    assert_false(rowbinary_read_is_null(&r));
    assert_true(fabsf(rowbinary_read_f32(&r) + 4.25F) < 0.001F);
    assert_true(rowbinary_read_is_null(&r));
    assert_true(rowbinary_read_is_null(&r));
    (void)rowbinary_read_u64(&r);
    assert_true(rowbinary_is_end(&r));
}

static void test_a_full_writer_is_said(void **state)
{
    struct rowbinary_writer small;
    struct fact_row row;
    (void)state;
    rowbinary_init(&small, 10);
    fact_row_begin(&row, &fact_tables[FACT_ADVERTS], &small);
    for (int i = 0; i < 4; i++)
        fact_row_null(&row);
    assert_false(fact_row_end(&row, 0));
    rowbinary_done(&small);
}

static void test_numbers_of_names_and_hashes(void **state)
{
    (void)state;
    /* SHA-256 of "abc" begins with ba7816bf8f01cfea */
    assert_true(fact_number_of_text("abc", 3) == 0xba7816bf8f01cfeaU);
    assert_true(fact_number_of_bytes("\x01\x02", 2) == 0x0102000000000000U);
}

/* Every key column is a column and not Nullable; a partition's is the first; the text fits. */
static void test_the_tables_hang_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < FACT_TABLES; i++) {
        const struct fact_table *table = &fact_tables[i];
        char sql[FACT_SQL_MAX], key[32];
        const struct fact_dialect dialect = {
            .database = "a_database_with_a_name_that_is_as_long_as_the_configuration_takes",
            .is_replicated = true,
            .is_modern = true};
        for (const char *at = table->order_by; *at != '\0'; at += strspn(at, ", ")) {
            size_t column = 0;
            (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(at, ","), at);
            at += strcspn(at, ",");
            while (column < table->count && strcmp(table->columns[column].name, key) != 0)
                column++;
            assert_true(column < table->count);
            assert_int_equal(table->columns[column].type & FACT_NULL, 0);
        }
        fact_table_create(table, &dialect, sql);
        assert_true(strlen(sql) < sizeof sql - 1);
        assert_non_null(strstr(sql, "fsync_after_insert = 1"));
        assert_null(strstr(sql, "non_replicated"));
        fact_table_insert(table, dialect.database, sql);
        assert_true(strlen(sql) < sizeof sql - 1);
        assert_non_null(strstr(sql, ", ver) FORMAT RowBinary"));
    }
}

static void test_the_sql_of_a_table(void **state)
{
    char sql[FACT_SQL_MAX];
    struct fact_dialect dialect = {.database = "weir"};
    (void)state;
    fact_table_create(&fact_tables[FACT_ADVERTS], &dialect, sql);
    assert_string_equal(sql, "CREATE TABLE IF NOT EXISTS weir.adverts (day UInt16, pubkey"
                             " FixedString(32), hash UInt64, first_ms Int64, ver UInt64) ENGINE ="
                             " ReplacingMergeTree(ver) PARTITION BY intDiv(day + 3, 28) ORDER BY"
                             " (pubkey, hash) SETTINGS index_granularity = 1024");
    dialect.is_replicated = true;
    fact_table_create(&fact_tables[FACT_ADVERTS], &dialect, sql);
    assert_non_null(strstr(sql,
                           "ENGINE = ReplicatedReplacingMergeTree('/weir/{cluster}/weir/{shard}"
                           "/adverts', '{replica}', ver) PARTITION BY"));
    fact_table_insert(&fact_tables[FACT_ADVERTS], "weir", sql);
    assert_string_equal(
        sql, "INSERT INTO weir.adverts (day, pubkey, hash, first_ms, ver) FORMAT RowBinary");
}

/* A row's partition ends behind the row, and the one before it does not. */
static void test_a_partition_has_an_end(void **state)
{
    (void)state;
    struct fact_row row;
    for (int64_t day = 19990; day < 20060; day++) {
        IGNORE(advert(&row, day, 1, 0), "its ver");
        const int64_t partition = (int64_t)fact_row_partition(&row);
        assert_true(fact_partition_end_ms(row.table, partition) >= (day + 1) * 86400000);
        assert_true(fact_partition_end_ms(row.table, partition - 1) <= day * 86400000);
    }
    assert_int_equal(fact_partition_end_ms(&fact_tables[FACT_OBS], 20000),
                     INT64_C(20001) * 86400000);
    assert_int_equal(fact_partition_end_ms(&fact_tables[FACT_ROLLUPS], 10),
                     INT64_C(11) * 744 * 3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_earliest_wins_and_one_time_is_decided_by_content),
        cmocka_unit_test(test_the_newest_wins_where_the_table_says_so),
        cmocka_unit_test(test_a_row_knows_its_shard_and_partition),
        cmocka_unit_test(test_what_is_too_large_becomes_the_nearest),
        cmocka_unit_test(test_a_full_writer_is_said),
        cmocka_unit_test(test_numbers_of_names_and_hashes),
        cmocka_unit_test(test_the_tables_hang_together),
        cmocka_unit_test(test_the_sql_of_a_table),
        cmocka_unit_test(test_a_partition_has_an_end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
