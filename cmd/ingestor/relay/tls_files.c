/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/tls_files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool fail(char *text, const char *key, const char *path, const char *why)
{
    (void)snprintf(text, TLS_FILES_TEXT_MAX, "%s: %.300s %s", key, path, why);
    ERR_clear_error();
    return false;
}

static FILE *open_file(const char *key, const char *path, char *text)
{
    struct stat info;
    FILE *file = fopen(path, "re");
    int error = errno;
    if (file != NULL && (fstat(fileno(file), &info) != 0 || S_ISDIR(info.st_mode))) {
        IGNORE(fclose(file), "read only");
        file = NULL;
        error = EISDIR;
    }
    if (file == NULL) {
        char why[160];
        (void)snprintf(why, sizeof why, "can't be read: %s", strerror(error));
        IGNORE(fail(text, key, path, why), "always false");
    }
    return file;
}

/* The first certificate of the file. NULL = the reason in text. */
static X509 *read_certificate(const char *key, const char *path, char *text)
{
    FILE *file = open_file(key, path, text);
    if (file == NULL)
        return NULL;
    X509 *certificate = PEM_read_X509_AUX(file, NULL, NULL, NULL);
    IGNORE(fclose(file), "read only");
    if (certificate == NULL)
        IGNORE(fail(text, key, path, "is no certificate in PEM form"), "always false");
    return certificate;
}

/* I2. */
static int no_pass_phrase(char *buf, int size, int is_writing, void *context)
{
    bool *is_asked = context;
    (void)buf, (void)size, (void)is_writing;
    *is_asked = true;
    return -1;
}

static EVP_PKEY *read_key(const char *key, const char *path, char *text)
{
    bool is_asked = false;
    FILE *file = open_file(key, path, text);
    if (file == NULL)
        return NULL;
    EVP_PKEY *secret = PEM_read_PrivateKey(file, NULL, no_pass_phrase, &is_asked);
    IGNORE(fclose(file), "read only");
    if (secret == NULL)
        IGNORE(fail(text, key, path,
                    is_asked ? "has a pass phrase: give the key without one"
                             : "is no private key in PEM form"),
               "always false");
    return secret;
}

static bool check_pair(const char *cert_file, const char *key_file, char *text)
{
    X509 *certificate = read_certificate("certFile", cert_file, text);
    if (certificate == NULL)
        return false;
    EVP_PKEY *secret = key_file != NULL ? read_key("keyFile", key_file, text)
                                        : read_key("certFile", cert_file, text);
    bool is_good = secret != NULL;
    if (is_good && X509_check_private_key(certificate, secret) != 1) {
        char why[180];
        (void)snprintf(why, sizeof why, "is not the key of certFile %.150s", cert_file);
        is_good = fail(text, key_file != NULL ? "keyFile" : "certFile",
                       key_file != NULL ? key_file : cert_file, why);
    }
    EVP_PKEY_free(secret);
    X509_free(certificate);
    return is_good;
}

bool tls_files_check(const char *ca_file, const char *cert_file, const char *key_file,
                     char text[static TLS_FILES_TEXT_MAX])
{
    if (ca_file != NULL) {
        X509 *ca = read_certificate("caFile", ca_file, text);
        if (ca == NULL)
            return false;
        X509_free(ca);
    }
    return cert_file == NULL || check_pair(cert_file, key_file, text);
}
