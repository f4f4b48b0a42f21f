/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the answer to a WebSocket upgrade: the verdict is the same however they are cut,
 * what follows the head is handed over, and a text is one for a terminal. */
#include "cmd/ingestor/relay/upgrade.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void start(struct upgrade *upgrade)
{
    static const uint8_t nonce[UPGRADE_NONCE_BYTES] = "the sample nonce";
    char request[UPGRADE_REQUEST_MAX];
    require(upgrade_request(upgrade, "a", false, 80, false, "/", nonce, request) > 0);
}

static void check(const struct upgrade *upgrade, enum status status, size_t used, size_t size)
{
    require(used <= size && upgrade->total <= UPGRADE_HEAD_MAX + 1);
    require_text(upgrade->text, sizeof upgrade->text);
    require((status == STATUS_INVALID) == (upgrade->text[0] != '\0'));
    require(status != STATUS_AGAIN || used == size);
    require(status != STATUS_OK || upgrade->status == 101);
    for (const char *c = upgrade->text; *c != '\0'; c++)
        require(*c >= 0x20 && *c < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    static struct upgrade whole, pieces;
    size_t used = 0, at = 0;
    start(&whole);
    const enum status status = upgrade_read(&whole, bytes, size, &used);
    check(&whole, status, used, size);

    enum status cut = STATUS_AGAIN;
    start(&pieces);
    while (cut == STATUS_AGAIN && at < size) {
        size_t one = 0;
        cut = upgrade_read(&pieces, bytes + at, 1, &one);
        require(one == 1);
        at++;
    }
    require(cut == status && at == used && pieces.status == whole.status);
    return 0;
}
