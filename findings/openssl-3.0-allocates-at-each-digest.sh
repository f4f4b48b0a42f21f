#!/bin/bash
# SPDX-License-Identifier: MIT
# OpenSSL 3.0 (Debian 12) allocates memory for each digest, though context and algorithm are kept.
#
# EVP_MD_CTX_new and EVP_MD_fetch once, then EVP_DigestInit_ex2, Update and Final_ex for each
# message is how OpenSSL's manual has it for speed (EVP_DigestInit(3), crypto(7) on fetching). Yet
# in 3.0 each EVP_DigestInit_ex2 makes a new state of the provider's: one allocation a message, with
# the algorithm as with NULL, which stands for the one that is set. The deprecated SHA256_Init on a
# struct of one's own needs none.
#
# Compiles a small program against Debian's packages, unpacked in a temporary folder; allocations
# are counted with CRYPTO_set_mem_functions. Exit status: 0 as described, 1 it has changed, 2 the
# packages can't be fetched.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

openssl=$(apt-cache madison libssl3 | awk '$3 ~ /^3\.0\..*deb12u/ {print $3; exit}')
[ -n "$openssl" ] || { echo 'no libssl3 3.0 of Debian 12'; exit 2; }
for package in "libssl3=$openssl" "libssl-dev=$openssl"; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
library=$(find . -name 'libcrypto.so.3' | head -n 1)

cat >digest.c <<'C'
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGESTS 1000

static long allocations;

static void *counted_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    allocations++;
    return malloc(n);
}

static void *counted_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    allocations++;
    return realloc(p, n);
}

static void counted_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    free(p);
}

static double each(EVP_MD_CTX *context, const EVP_MD *algorithm)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    const long before = allocations;
    for (int i = 0; i < DIGESTS; i++) {
        EVP_DigestInit_ex2(context, algorithm, NULL);
        EVP_DigestUpdate(context, "message", 7);
        EVP_DigestFinal_ex(context, out, NULL);
    }
    return (double)(allocations - before) / DIGESTS;
}

int main(void)
{
    CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_MD *algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    unsigned char out[SHA256_DIGEST_LENGTH];
    SHA256_CTX own;
    each(context, algorithm); /* whatever is made once */
    printf("with the algorithm: %g a digest\n", each(context, algorithm));
    printf("with NULL: %g a digest\n", each(context, NULL));
    const long before = allocations;
    for (int i = 0; i < DIGESTS; i++) {
        SHA256_Init(&own);
        SHA256_Update(&own, "message", 7);
        SHA256_Final(out, &own);
    }
    printf("SHA256_Init: %g a digest\n", (double)(allocations - before) / DIGESTS);
    EVP_MD_free(algorithm);
    EVP_MD_CTX_free(context);
    return 0;
}
C
cc -std=c11 -Iusr/include "-Iusr/include/$(cc -print-multiarch)" digest.c -o digest -L"$(dirname "$library")" -l:libcrypto.so.3
echo "libssl3 $openssl"
output=$(LD_LIBRARY_PATH=$(dirname "$library") ./digest)
echo "$output"
expected='with the algorithm: 1 a digest
with NULL: 1 a digest
SHA256_Init: 0 a digest'
[ "$output" = "$expected" ] || exit 1
echo 'as described'
