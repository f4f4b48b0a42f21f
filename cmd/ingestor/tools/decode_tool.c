/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/tools/decode_tool.h"

#include "common/base/crypto.h"
#include "common/base/hex.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/region_scopes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum exit_code refuse_hex(const char *hex, size_t len, char out[static DECODE_TOOL_MAX])
{
    const size_t good = strspn(hex, "0123456789abcdefABCDEF");
    if (good < len)
        (void)snprintf(out, DECODE_TOOL_MAX, "bad_hex: character %zu of %zu is no hex digit",
                       good + 1, len);
    else if (len % 2 != 0)
        (void)snprintf(out, DECODE_TOOL_MAX, "bad_hex: %zu digits, half a byte is left over", len);
    else
        (void)snprintf(out, DECODE_TOOL_MAX, "%s: %zu bytes, a frame has at most %d",
                       meshcore_frame_error_text(MESHCORE_FRAME_TOO_LONG), len / 2,
                       MESHCORE_FRAME_MAX);
    return EXIT_BAD_DATA;
}

/* Bytes are counted from 0. */
static enum exit_code refuse_frame(const uint8_t *bytes, size_t len,
                                   enum meshcore_frame_error error,
                                   char out[static DECODE_TOOL_MAX])
{
    const char *name = meshcore_frame_error_text(error);
    const unsigned route = len > 0 ? bytes[0] & 3U : MESHCORE_FLOOD;
    const size_t path_len_at = meshcore_has_transport(route) ? 5 : 1;
    switch (error) {
    case MESHCORE_FRAME_TOO_SHORT:
        (void)snprintf(out, DECODE_TOOL_MAX,
                       "%s: %zu bytes, but the path length stands in byte %zu", name, len,
                       path_len_at);
        break;
    case MESHCORE_FRAME_VERSION:
        (void)snprintf(out, DECODE_TOOL_MAX,
                       "%s: byte 0 (0x%02X) says payload version %u, only 0 is known", name,
                       bytes[0], meshcore_header_version(bytes[0]));
        break;
    case MESHCORE_FRAME_PAYLOAD_TOO_LONG:
        (void)snprintf(out, DECODE_TOOL_MAX,
                       "%s: more than %d bytes are left behind the path (byte %zu: 0x%02X)", name,
                       MESHCORE_PAYLOAD_MAX, path_len_at, bytes[path_len_at]);
        break;
    default:
        (void)snprintf(out, DECODE_TOOL_MAX, "%s: byte %zu (0x%02X) says %u hops of %u bytes", name,
                       path_len_at, bytes[path_len_at], meshcore_path_count(bytes[path_len_at]),
                       meshcore_path_hash_size(bytes[path_len_at]));
        break;
    }
    return EXIT_BAD_DATA;
}

static enum exit_code render(const struct meshcore_frame *frame,
                             const struct meshcore_json_options *options,
                             char out[static DECODE_TOOL_MAX])
{
    struct json_write w;
    uint8_t hash[MESHCORE_HASH_BYTES];
    meshcore_content_hash(frame, hash);
    jw_init(&w, out, DECODE_TOOL_MAX - 1);
    jw_object(&w, NULL);
    jw_hex_lower(&w, "hash", hash, sizeof hash);
    meshcore_json_members(&w, frame, options);
    jw_object_end(&w);
    const size_t len = jw_finish(&w);
    if (len == 0) {
        (void)snprintf(out, DECODE_TOOL_MAX, "the answer does not fit in %d bytes",
                       DECODE_TOOL_MAX);
        return EXIT_GAVE_UP;
    }
    memcpy(out + len, "\n", 2);
    return EXIT_CLEAN;
}

enum exit_code decode_tool_answer(const char *hex, const struct meshcore_json_options *options,
                                  char out[static DECODE_TOOL_MAX])
{
    uint8_t bytes[MESHCORE_FRAME_MAX];
    size_t len;
    struct meshcore_frame frame;
    const size_t digits = strlen(hex);
    if (!hex_decode(hex, digits, bytes, sizeof bytes, &len))
        return refuse_hex(hex, digits, out);
    const enum meshcore_frame_error error = meshcore_parse(bytes, len, &frame);
    if (error != MESHCORE_FRAME_OK)
        return refuse_frame(bytes, len, error, out);
    return render(&frame, options, out);
}

static void complain(const char *what)
{
    (void)fprintf(stderr, "%s: --decode: %s\n", program_invocation_short_name, what);
}

static enum exit_code print_answer(const char *hex, const struct meshcore_json_options *options)
{
    char out[DECODE_TOOL_MAX];
    const enum exit_code code = decode_tool_answer(hex, options, out);
    if (code != EXIT_CLEAN) {
        complain(out);
        return code;
    }
    /* A full disk or closed pipe must not pass for an answer. */
    const bool is_out = fputs(out, stdout) >= 0 && fflush(stdout) == 0;
    return is_out ? EXIT_CLEAN : EXIT_IO;
}

int decode_tool_run(struct config *config, const char *hex)
{
    int code = EXIT_NO_MEMORY;
    struct channel_keys *keys = NULL;
    struct region_scopes *scopes = NULL;
    if (!crypto_init()) {
        complain("the cryptographic libraries do not start");
        code = EXIT_GAVE_UP;
        goto done;
    }
    keys = channel_keys_new(&config->channel_keys, &config->hash_channels);
    scopes = region_scopes_new(&config->hash_regions);
    if (keys == NULL || scopes == NULL) {
        complain("out of memory");
        goto done;
    }
    code = (int)print_answer(
        hex, &(struct meshcore_json_options){
                 .keys = keys, .scopes = scopes, .signature = MESHCORE_JSON_VERIFY});
done:
    region_scopes_free(scopes);
    channel_keys_free(keys);
    config_done(config);
    return code;
}
