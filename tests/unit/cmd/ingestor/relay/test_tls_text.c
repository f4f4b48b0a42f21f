/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/tls_text.h"
#include "tests/support/cmocka_all.h"

#include <openssl/x509_vfy.h>
#include <string.h>

static void assert_says(const char *text, const char *piece)
{
    if (strstr(text, piece) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, piece);
}

static void test_certificate(void **state)
{
    (void)state;
    static const struct {
        int verify;
        bool has_ca_file;
        const char *library, *text;
    } cases[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, true, "SSL certificate problem: x", "refused: expired"},
        {X509_V_ERR_CERT_NOT_YET_VALID, false, "", "not yet valid"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, false, "", "as caFile"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, true, "", "caFile is of another one"},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, false, "", "self-signed (give it as caFile)"},
        {X509_V_ERR_CERT_REVOKED, true, "", "refused: certificate revoked"},
        {X509_V_ERR_UNSPECIFIED, true, "SSL: no alternative certificate subject name matches",
         "for another host than h.example"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[200];
        tls_text_certificate(text, sizeof text, "h.example", cases[i].has_ca_file, cases[i].verify,
                             cases[i].library);
        assert_says(text, cases[i].text);
    }
}

static void test_alerts(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0",
         "wants a client certificate"},
        {"error:0A00010B:SSL routines::wrong version number", "speaks no TLS"},
        {"error:0A000418:SSL routines::tlsv1 alert unknown ca", "does not know its CA"},
        {"error:0A000999:SSL routines::a new reason", "connection failed: a new reason"},
        {"SSL routines:", "connection failed: SSL routines:"},
        {"", "connection failed: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[200];
        tls_text_alert(text, sizeof text, cases[i][0]);
        assert_says(text, cases[i][1]);
        assert_null(strstr(text, "error:"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_alerts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
