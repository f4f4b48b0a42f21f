/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/model/regions.h"

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *list, *region;
        bool has, is_any;
    } cases[] = {
        {NULL, "SJC", false, true},
        {"", "SJC", false, true},
        {" , ,", "SJC", false, true},
        {"all", "SJC", false, true},
        {" ALL ,,All", "SJC", false, true},
        {"SJC", "SJC", true, false},
        {"sjc", "SJC", true, false},
        {" SJC ", "SJC", true, false},
        {"OAK, sjc ,all", "SJC", true, false},
        {"OAK,all", "SJC", false, false},
        {"SJ", "SJC", false, false},
        {"SJCX", "SJC", false, false},
        {"allx", "ALLX", true, false},
        {"SJC", "", false, false},
        {",SJC", "SJC", true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool is_any = !cases[i].is_any;
        const bool has = regions_name(cases[i].list, cases[i].region, &is_any);
        if (has != cases[i].has || is_any != cases[i].is_any)
            fail_msg("case %zu: has %d, any %d", i, has, is_any);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
