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
