/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/tls_text.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

static const char *hint_of(int verify, bool has_ca_file)
{
    switch (verify) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return has_ca_file ? ": unknown CA, caFile is of another one"
                           : ": unknown CA (give its certificate as caFile)";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return has_ca_file ? ": self-signed, and not the one in caFile"
                           : ": self-signed (give it as caFile)";
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return ": expired (or this machine's clock is wrong)";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return ": not yet valid (or this machine's clock is wrong)";
    default:
        return NULL;
    }
}

void tls_text_certificate(char *out, size_t cap, const char *host, bool has_ca_file, int verify,
                          const char *library)
{
    if (strstr(library, "subject name") != NULL) {
        (void)snprintf(out, cap, "broker's certificate is for another host than %s", host);
        return;
    }
    const char *hint = hint_of(verify, has_ca_file);
    (void)snprintf(out, cap, "broker's certificate is refused%s%s", hint != NULL ? "" : ": ",
                   hint != NULL ? hint : X509_verify_cert_error_string(verify));
}

/* A piece of the library's text -> ours. The first that is found counts. */
static const struct {
    const char *piece, *text;
} alerts[] = {
    {"certificate required", "broker wants a client certificate (certFile, keyFile)"},
    {"wrong version number", "what answers speaks no TLS there (mqtts or wss to a plain port?)"},
    {"alert unknown ca", "broker does not accept our client certificate: it does not know its CA"},
    {"alert certificate expired", "broker does not accept our client certificate: expired"},
    {"alert bad certificate", "broker does not accept our client certificate"},
    {"alert unsupported certificate", "broker does not accept our client certificate"},
    {"alert handshake failure",
     "broker ends the TLS handshake (does it want a client certificate: certFile, keyFile?)"},
    {"alert protocol version", "broker and we have no TLS version in common"},
    {"unsupported protocol", "broker and we have no TLS version in common"},
    {"alert unrecognized name", "broker has no certificate for this host name"},
    {"alert internal error", "broker ends the TLS handshake: internal error"},
    {"unexpected eof", "connection ended without a goodbye"},
    {"getpeername() failed",
     "connection ended with the TLS handshake (a client certificate that is missing or refused?)"},
    {"SSL_ERROR_SYSCALL", "connection ended during the TLS handshake"},
    {"Connection reset", "connection reset by the broker"},
};

/* OpenSSL writes error:0A000086:SSL routines::the reason */
static const char *reason_of(const char *library)
{
    const char *routines = strstr(library, "routines:");
    const char *colon = routines != NULL ? strrchr(routines, ':') : NULL;
    return colon != NULL && colon[1] != '\0' ? colon + 1 : library;
}

void tls_text_alert(char *out, size_t cap, const char *library)
{
    for (size_t i = 0; i < ARRAY_LEN(alerts); i++) {
        if (strstr(library, alerts[i].piece) != NULL) {
            (void)snprintf(out, cap, "%s", alerts[i].text);
            return;
        }
    }
    (void)snprintf(out, cap, "connection failed: %.200s", reason_of(library));
}
