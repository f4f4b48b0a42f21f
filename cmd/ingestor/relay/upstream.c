/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/relay/upstream.h"

#include "cmd/ingestor/relay/tls_files.h"
#include "cmd/ingestor/relay/tls_text.h"
#include "common/transfer/transfer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_CAP 320 /* scheme, host, port */

struct upstream {
    CURL *curl;
    struct curl_slist *resolved;
    int fd;
    char library[CURL_ERROR_SIZE]; /* the library's words of its last error */
    char error[UPSTREAM_TEXT_MAX];
};

bool upstream_init(void)
{
    return transfer_init();
}

/* --- opening ---------------------------------------------------------------------------------- */

static void print_url(char out[static URL_CAP], const char *scheme, const char *host, bool is_ipv6,
                      int port)
{
    (void)snprintf(out, URL_CAP, "%s://%s%s%s:%d/", scheme, is_ipv6 ? "[" : "", host,
                   is_ipv6 ? "]" : "", port);
}

static void set_tls(struct upstream *upstream, const struct upstream_params *params, CURLcode *rc)
{
    TRANSFER_SET(upstream->curl, rc, CURLOPT_SSL_ENABLE_ALPN, 0L);
    TRANSFER_SET(upstream->curl, rc, CURLOPT_SSL_VERIFYPEER, params->is_verified ? 1L : 0L);
    TRANSFER_SET(upstream->curl, rc, CURLOPT_SSL_VERIFYHOST, params->is_verified ? 2L : 0L);
    if (params->ca_file != NULL) {
        TRANSFER_SET(upstream->curl, rc, CURLOPT_CAINFO, params->ca_file);
        TRANSFER_SET(upstream->curl, rc, CURLOPT_CAPATH, NULL); /* it would add the system's */
    }
    if (params->cert_file != NULL) {
        TRANSFER_SET(upstream->curl, rc, CURLOPT_SSLCERT, params->cert_file);
        TRANSFER_SET(upstream->curl, rc, CURLOPT_SSLKEY,
                     params->key_file != NULL ? params->key_file : params->cert_file);
    }
}

/* An address without a proxy is reached without one, whatever the environment says (I2). */
static void set_proxy(struct upstream *upstream, const struct broker_url *proxy, CURLcode *rc)
{
    TRANSFER_SET(upstream->curl, rc, CURLOPT_NOPROXY, "");
    if (proxy == NULL) {
        TRANSFER_SET(upstream->curl, rc, CURLOPT_PROXY, "");
        return;
    }
    char url[URL_CAP];
    print_url(url, "http", proxy->host, proxy->host_is_ipv6, proxy->port);
    TRANSFER_SET(upstream->curl, rc, CURLOPT_PROXY, url);
    TRANSFER_SET(upstream->curl, rc, CURLOPT_HTTPPROXYTUNNEL, 1L);
    if (proxy->has_user)
        TRANSFER_SET(upstream->curl, rc, CURLOPT_PROXYUSERNAME, proxy->user);
    if (proxy->has_password)
        TRANSFER_SET(upstream->curl, rc, CURLOPT_PROXYPASSWORD, proxy->password);
}

static CURLcode set_options(struct upstream *upstream, const struct upstream_params *params)
{
    CURLcode rc = CURLE_OK;
    char url[URL_CAP];
    print_url(url, params->is_tls ? "https" : "http", params->host, params->host_is_ipv6,
              params->port);
    transfer_set_habits(upstream->curl, params->stop, &rc);
    TRANSFER_SET(upstream->curl, &rc, CURLOPT_ERRORBUFFER, upstream->library);
    TRANSFER_SET(upstream->curl, &rc, CURLOPT_URL, url);
    TRANSFER_SET(upstream->curl, &rc, CURLOPT_CONNECT_ONLY, 1L);
    TRANSFER_SET(upstream->curl, &rc, CURLOPT_CONNECTTIMEOUT_MS, (long)(params->limit / US_PER_MS));
    if (params->resolved[0] != '\0') {
        upstream->resolved = curl_slist_append(NULL, params->resolved);
        if (upstream->resolved == NULL)
            return CURLE_OUT_OF_MEMORY;
        TRANSFER_SET(upstream->curl, &rc, CURLOPT_RESOLVE, upstream->resolved);
    }
    set_proxy(upstream, params->proxy, &rc);
    set_tls(upstream, params, &rc);
    return rc;
}

static CURLcode open_socket(struct upstream *upstream)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    const CURLcode rc = curl_easy_getinfo(upstream->curl, CURLINFO_ACTIVESOCKET, &fd);
    upstream->fd = fd;
    return rc == CURLE_OK && fd == CURL_SOCKET_BAD ? CURLE_COULDNT_CONNECT : rc;
}

/* --- why not ---------------------------------------------------------------------------------- */

/* Whom we talk to first: failures of the first steps are its. */
static const char *first_hop(const struct upstream_params *params, int *out_port)
{
    *out_port = params->proxy != NULL ? params->proxy->port : params->port;
    return params->proxy != NULL ? params->proxy->host : params->host;
}

static void describe_connect(struct upstream *upstream, const struct upstream_params *params,
                             char *text)
{
    long number = 0;
    int port;
    const char *host = first_hop(params, &port);
    IGNORE(curl_easy_getinfo(upstream->curl, CURLINFO_OS_ERRNO, &number), "0 then");
    (void)snprintf(text, UPSTREAM_TEXT_MAX, "can't connect to %s%s port %d: %s",
                   params->proxy != NULL ? "the proxy " : "", host, port,
                   number != 0 ? strerror((int)number) : "refused or unreachable");
}

static void describe_timeout(struct upstream *upstream, const struct upstream_params *params,
                             char *text)
{
    int port;
    const char *host = first_hop(params, &port);
    if (strstr(upstream->library, "SSL") != NULL)
        (void)snprintf(text, UPSTREAM_TEXT_MAX, "%s port %d does not answer the TLS handshake",
                       params->host, params->port);
    else
        (void)snprintf(text, UPSTREAM_TEXT_MAX, "%s%s port %d does not answer",
                       params->proxy != NULL ? "the proxy " : "", host, port);
}

/* The library's own words are few: what is wrong with a file is found out by reading it. */
static void describe_files(const struct upstream_params *params, char *text)
{
    static_assert(UPSTREAM_TEXT_MAX >= TLS_FILES_TEXT_MAX, "the text is written by tls_files");
    if (tls_files_check(params->ca_file, params->cert_file, params->key_file, text))
        (void)snprintf(text, UPSTREAM_TEXT_MAX, "%s can't be used by the TLS library",
                       params->cert_file != NULL ? "certFile or keyFile"
                       : params->ca_file != NULL ? "caFile"
                                                 : "the system's list of CAs");
}

static bool describe_proxy(struct upstream *upstream, const struct upstream_params *params,
                           char *text)
{
    long status = 0;
    IGNORE(curl_easy_getinfo(upstream->curl, CURLINFO_HTTP_CONNECTCODE, &status), "0 then");
    if (params->proxy == NULL || status < 300)
        return false;
    (void)snprintf(text, UPSTREAM_TEXT_MAX, "the proxy refuses the way to %s port %d: HTTP %ld%s",
                   params->host, params->port, status,
                   status == 407 ? " (user name or password of the proxy)" : "");
    return true;
}

static void describe(struct upstream *upstream, const struct upstream_params *params, CURLcode rc,
                     char *text)
{
    long verify = 0;
    if (describe_proxy(upstream, params, text))
        return;
    switch (rc) {
    case CURLE_COULDNT_CONNECT:
        describe_connect(upstream, params, text);
        return;
    case CURLE_OPERATION_TIMEDOUT:
        describe_timeout(upstream, params, text);
        return;
    case CURLE_PEER_FAILED_VERIFICATION:
        IGNORE(curl_easy_getinfo(upstream->curl, CURLINFO_SSL_VERIFYRESULT, &verify), "0 then");
        tls_text_certificate(text, UPSTREAM_TEXT_MAX, params->host, params->ca_file != NULL,
                             (int)verify, upstream->library);
        return;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        describe_files(params, text);
        return;
    case CURLE_COULDNT_RESOLVE_PROXY:
        (void)snprintf(text, UPSTREAM_TEXT_MAX, "can't resolve the proxy");
        return;
    default:
        tls_text_alert(text, UPSTREAM_TEXT_MAX,
                       upstream->library[0] != '\0' ? upstream->library : curl_easy_strerror(rc));
        return;
    }
}

struct upstream *upstream_open(const struct upstream_params *params,
                               char text[static UPSTREAM_TEXT_MAX])
{
    struct upstream *upstream = calloc(1, sizeof *upstream);
    if (upstream != NULL)
        upstream->curl = curl_easy_init();
    if (upstream == NULL || upstream->curl == NULL) {
        (void)snprintf(text, UPSTREAM_TEXT_MAX, "no memory for a connection");
        free(upstream);
        return NULL;
    }
    CURLcode rc = set_options(upstream, params);
    if (rc == CURLE_OK)
        rc = curl_easy_perform(upstream->curl);
    if (rc == CURLE_OK)
        rc = open_socket(upstream);
    if (rc == CURLE_OK)
        return upstream;
    describe(upstream, params, rc, text);
    upstream_close(upstream);
    return NULL;
}

void upstream_close(struct upstream *upstream)
{
    if (upstream == NULL)
        return;
    curl_easy_cleanup(upstream->curl);
    curl_slist_free_all(upstream->resolved);
    free(upstream);
}

/* --- the stream ------------------------------------------------------------------------------- */

int upstream_fd(const struct upstream *upstream)
{
    return upstream->fd;
}

/* TLS 1.3: a client certificate that is missing or not liked is told with the first read. */
static ssize_t fail(struct upstream *upstream, CURLcode rc)
{
    if (upstream->library[0] != '\0')
        tls_text_alert(upstream->error, sizeof upstream->error, upstream->library);
    else
        (void)snprintf(upstream->error, sizeof upstream->error, "connection lost: %s",
                       curl_easy_strerror(rc));
    return -1;
}

ssize_t upstream_recv(struct upstream *upstream, void *bytes, size_t len)
{
    size_t got = 0;
    const CURLcode rc = curl_easy_recv(upstream->curl, bytes, len, &got);
    if (rc == CURLE_AGAIN)
        return 0;
    if (rc != CURLE_OK)
        return fail(upstream, rc);
    if (got > 0)
        return (ssize_t)got;
    (void)snprintf(upstream->error, sizeof upstream->error, "broker ended the connection");
    return -1;
}

ssize_t upstream_send(struct upstream *upstream, const void *bytes, size_t len)
{
    size_t sent = 0;
    const CURLcode rc = curl_easy_send(upstream->curl, bytes, len, &sent);
    if (rc == CURLE_AGAIN)
        return 0;
    return rc == CURLE_OK ? (ssize_t)sent : fail(upstream, rc);
}

const char *upstream_error(const struct upstream *upstream)
{
    return upstream->error;
}

const char *upstream_library_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}
