/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a topic: region, observer and peer must lie within it and hold no slash. */
#include "cmd/ingestor/envelope/topic.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const char *part, size_t part_len, const char *topic, size_t len)
{
    if (part == NULL)
        return;
    if (part < topic || part + part_len > topic + len || part_len == 0 ||
        memchr(part, '/', part_len) != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct topic topic;
    topic_parse(text, size, &topic);
    check_part(topic.region, topic.region_len, text, size);
    check_part(topic.observer, topic.observer_len, text, size);
    check_part(topic.peer, topic.peer_len, text, size);
    if ((unsigned)topic.kind >= TOPIC_KINDS)
        abort();
    return 0;
}
