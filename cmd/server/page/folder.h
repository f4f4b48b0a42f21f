/* SPDX-License-Identifier: MIT
 *
 * folder - a file below one folder, by a path that anybody may have written.
 *
 * I1. What is opened lies in the folder, whatever the path spells: it is walked name by name from
 *     the folder's descriptor and no link is followed, so that neither `..` nor a link nor a
 *     rename in between leads out. The folder itself may be a link: it is looked up at each
 *     request, and can be exchanged as a whole.
 * I2. A name that begins with a dot is none: `..`, and what editors, git and operators hide. Nor is
 *     one with a control character or a backslash, or an empty one, but for the last: it means
 *     index.html.
 * I3. Only plain files are given out: no folder is listed, and a pipe or device is opened without
 *     waiting for it and closed again.
 * Threads: any; the disk may make them wait. Ownership: fd is the caller's. */
#pragma once

#include "common/base/base.h"

#include <sys/types.h>

#define FOLDER_INDEX        "index.html"
#define FOLDER_IDENTITY_MAX 160

struct err;

enum folder_found {
    FOLDER_FILE,
    FOLDER_ABSENT,  /* there is no such file */
    FOLDER_REFUSED, /* no name of ours, or a link */
    FOLDER_FAILED,  /* errno says why */
};

struct folder_file {
    int fd;
    off_t size;
    const char *type; /* static */
    /* The same = the same bytes and the same type, once it is settled: what was written within the
     * last seconds may have the same times as what is written next. */
    char identity[FOLDER_IDENTITY_MAX];
    bool is_settled;
};

/* path: decoded, without its first slash. Fills *out for FOLDER_FILE alone. */
enum folder_found folder_find(const char *root, const char *path, struct folder_file *out);
/* At most `size` bytes, less when it was cut meanwhile; NULL = errno says why. */
NODISCARD char *folder_read(const struct folder_file *file, size_t *out_len);
/* Could a page be served from there? */
NODISCARD enum status folder_check(const char *root, struct err *err);
