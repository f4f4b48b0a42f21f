/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the value of a header field whose meaning is ours to find: bounded, within its
 * bytes, and one list whether it comes in one line or in two. The first byte says where the line
 * is cut. */
#include "cmd/server/fields/access.h"
#include "cmd/server/fields/forwarded.h"
#include "cmd/server/fields/negotiate.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_codings(const char *text, size_t len, size_t comma)
{
    struct http_codings whole = HTTP_CODINGS_NONE;
    http_codings_read(&whole, text, len);
    const int weights[] = {whole.gzip, whole.identity, whole.any};
    for (size_t i = 0; i < ARRAY_LEN(weights); i++)
        require(weights[i] >= -1 && weights[i] <= 1000);
    require(!http_codings_take_gzip(&whole) || whole.gzip > 0 || whole.any > 0);
    if (comma == len)
        return;
    struct http_codings cut = HTTP_CODINGS_NONE;
    http_codings_read(&cut, text, comma);
    http_codings_read(&cut, text + comma + 1, len - comma - 1);
    require(cut.gzip == whole.gzip && cut.identity == whole.identity && cut.any == whole.any);
}

static void check_tags(const char *text, size_t len)
{
    static const char tag[] = "\"0123456789abcdef\"";
    const bool is_there = memmem(text, len, tag, sizeof tag - 1) != NULL;
    require(!http_etag_is_listed(text, len, tag) || is_there || memchr(text, '*', len) != NULL);
}

static void require_within(struct http_text found, const char *text, size_t len)
{
    if (found.text != NULL)
        require(found.text >= text && found.len <= len && found.text + found.len <= text + len);
}

/* What nobody signed opens nothing, whatever stands where. */
static void check_credentials(const char *text, size_t len)
{
    static struct http_keys keys;
    const char *why = NULL;
    if (!keys.read.is_set) {
        require(crypto_init());
        http_keys_init(&keys, "tR5kQ9zLw2Vb8nXy7Hj1", false, NULL, false);
    }
    const struct http_credentials given = {http_bearer_find(text, len),
                                           http_cookie_find(text, len, HTTP_LOGIN_COOKIE)};
    require_within(given.key, text, len);
    require_within(given.login, text, len);
    const int refused = http_access_check(&keys, HTTP_READ, &given, 1, &why);
    require(refused == 401 && why != NULL);
}

static void check_hops(const char *text, size_t len)
{
    static const struct network none[1];
    struct forwarded list = {0};
    struct forwarded elements = {0};
    uint8_t address[NETWORK_ADDRESS_BYTES];
    forwarded_read_list(&list, text, len);
    forwarded_read_elements(&elements, text, len);
    require(list.count <= FORWARDED_HOPS && elements.count <= FORWARDED_HOPS);
    require(list.count > 0 && elements.count > 0);
    IGNORE(forwarded_client(&list, none, 0, address), "any answer is one");
    IGNORE(forwarded_client(&elements, none, 1, address), "any answer is one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    /* Of its own and without a NUL, so that a step too far is seen. */
    const size_t len = size - 1;
    char *text = malloc(len);
    require(text != NULL);
    memcpy(text, data + 1, len);
    size_t comma = data[0];
    while (comma < len && text[comma] != ',')
        comma++;
    check_codings(text, len, min_size(comma, len));
    check_tags(text, len);
    check_credentials(text, len);
    check_hops(text, len);
    free(text);
    return 0;
}
