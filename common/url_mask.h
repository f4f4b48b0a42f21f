/* SPDX-License-Identifier: MIT
 *
 * url_mask - hide the password of `scheme://user:password@host` in any text.
 *
 * The password ends at the LAST '@' of the run without white space: real passwords hold '@' and '/', and
 * hiding a piece of a path is a smaller fault than showing a piece of a password. Pure. */
#pragma once

#include "common/base.h"

/* Masks every URL of `text`, then every other occurrence of `secret` (NULL or "" = none). The result is
 * always NUL-terminated and cut at a character. Masking a masked text changes nothing. */
void url_mask(const char *text, const char *secret, char *out, size_t cap);

/* The password part of one URL (not of a text around it); false = none, or longer than cap - 1. */
NODISCARD bool url_password(const char *url, char *out, size_t cap);
