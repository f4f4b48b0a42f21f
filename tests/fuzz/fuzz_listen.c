/* SPDX-License-Identifier: MIT
 *
 * Any bytes as what a client of the live feed says: frames mean the same however they are cut, and
 * nothing of them is kept but a control frame; any bytes as Last-Event-ID are an id or none. The
 * first byte says how the frames are cut. */
#include "cmd/server/live/live_sse.h"
#include "cmd/server/live/live_ws.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    size_t controls;
    uint64_t hash; /* of all of them */
    unsigned code;
};

static void add(struct outcome *out, const struct live_ws_reader *reader)
{
    require(reader->control_len <= LIVE_WS_CONTROL_MAX);
    require(reader->opcode >= LIVE_WS_CLOSE && reader->opcode <= LIVE_WS_PONG);
    out->controls++;
    out->hash = (out->hash ^ reader->opcode) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < reader->control_len; i++)
        out->hash = (out->hash ^ reader->control[i]) * UINT64_C(0x100000001b3);
}

static struct outcome read_all(const uint8_t *data, size_t size, size_t piece)
{
    struct live_ws_reader reader = {0};
    struct outcome out = {.hash = 1};
    for (size_t at = 0; at < size;) {
        const size_t n = min_size(piece, size - at);
        size_t used = 0;
        const enum live_ws_step step = live_ws_read(&reader, data + at, n, &used);
        require(used <= n && (used > 0 || step == LIVE_WS_BROKEN));
        require(reader.message_len <= LIVE_WS_MESSAGE_MAX);
        at += used;
        if (step == LIVE_WS_CONTROL)
            add(&out, &reader);
        if (step == LIVE_WS_BROKEN) {
            out.code = reader.code;
            require(out.code == LIVE_WS_PROTOCOL_ERROR || out.code == LIVE_WS_TOO_BIG);
            break;
        }
    }
    return out;
}

static void read_id(const uint8_t *data, size_t size)
{
    int64_t id = LIVE_NO_ID;
    const bool is_id = live_sse_read_id((const char *)data, size, &id);
    require(is_id == (id != LIVE_NO_ID) && id >= LIVE_NO_ID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    read_id(data + 1, size - 1);
    const struct outcome whole = read_all(data + 1, size - 1, SIZE_MAX);
    const struct outcome cut = read_all(data + 1, size - 1, (size_t)data[0] + 1);
    require(whole.controls == cut.controls && whole.hash == cut.hash && whole.code == cut.code);
    return 0;
}
