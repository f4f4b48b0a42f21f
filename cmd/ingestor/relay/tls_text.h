/* SPDX-License-Identifier: MIT
 *
 * tls_text - what the TLS libraries say of a failure, in words that name the file or the reason and
 * what to do. Pure. `library` is a text of libcurl's or OpenSSL's; it may hold anything. */
#pragma once

#include "common/base/base.h"

struct tls_text_files {
    const char *host;
    const char *ca_file, *cert_file, *key_file; /* NULL = none */
};

/* The broker's certificate was refused. verify = OpenSSL's X509_V_ERR_...; 0 = the host name. */
void tls_text_certificate(char *out, size_t cap, const struct tls_text_files *files, int verify);
/* Our own certificate or key can't be used. */
void tls_text_client_files(char *out, size_t cap, const struct tls_text_files *files,
                           const char *library);
/* Anything else, alerts of the peer first of all. */
void tls_text_alert(char *out, size_t cap, const char *library);
