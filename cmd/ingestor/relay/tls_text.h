/* SPDX-License-Identifier: MIT
 *
 * tls_text - what the TLS libraries say of a failure, in words that name the file or the reason and
 * what to do. Pure. `library` is a text of libcurl's or OpenSSL's; it may hold anything. */
#pragma once

#include "common/base/base.h"

/* The broker's certificate was refused. verify = OpenSSL's X509_V_ERR_..., where it has one; a host
 * name that does not fit stands in `library` alone. */
void tls_text_certificate(char *out, size_t cap, const char *host, bool has_ca_file, int verify,
                          const char *library);
/* Anything else, alerts of the peer first of all. */
void tls_text_alert(char *out, size_t cap, const char *library);
