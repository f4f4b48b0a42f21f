/* SPDX-License-Identifier: MIT */
#include "common/base/version.h"

const char *version_number(void)
{
    return WEIR_VERSION;
}

const char *version_commit(void)
{
    return WEIR_COMMIT;
}

const char *version_build_time(void)
{
    return WEIR_BUILD_TIME;
}
