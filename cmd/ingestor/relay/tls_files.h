/* SPDX-License-Identifier: MIT
 *
 * tls_files - are a source's caFile, certFile and keyFile what they should be? For --check-config,
 * and for the words when the TLS library refused one of them.
 *
 * I1. A text names the key, the file, and what is wrong with it: not there, not readable, no
 *     certificate, no key, a key with a pass phrase, the key of another certificate.
 * I2. Nothing is asked on a terminal: a key with a pass phrase can't be used by a service.
 *
 * Threads: any. Ownership: all borrowed. Cost: three small files are read. */
#pragma once

#include "common/base/base.h"

#define TLS_FILES_TEXT_MAX 512

/* NULL = none given; without key_file the key stands in cert_file. False = the reason in text. */
NODISCARD bool tls_files_check(const char *ca_file, const char *cert_file, const char *key_file,
                               char text[static TLS_FILES_TEXT_MAX]);
