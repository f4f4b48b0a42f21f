/* SPDX-License-Identifier: MIT */
#include "cmd/server/fields/forwarded.h"

#include <strings.h>

/* "a.b.c.d", "a.b.c.d:port", "[v6]", "[v6]:port", "v6". */
static bool read_node(const char *text, size_t len, uint8_t out[static NETWORK_ADDRESS_BYTES])
{
    if (len > 0 && *text == '[') {
        const char *end = memchr(text, ']', len);
        return end != NULL && network_read_address(text + 1, (size_t)(end - text) - 1, out);
    }
    const char *colon = memchr(text, ':', len);
    const bool has_port =
        colon != NULL && memchr(colon + 1, ':', len - (size_t)(colon + 1 - text)) == NULL;
    return network_read_address(text, has_port ? (size_t)(colon - text) : len, out);
}

static void add(struct forwarded *f, const char *text, size_t len)
{
    while (len > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (f->count == FORWARDED_HOPS) {
        memmove(f->hops, f->hops + 1, sizeof f->hops - sizeof f->hops[0]);
        f->count--;
    }
    f->hops[f->count].is_known = read_node(text, len, f->hops[f->count].address);
    f->count++;
}

void forwarded_read_list(struct forwarded *forwarded, const char *text, size_t len)
{
    const char *const end = text + len;
    while (text <= end) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma != NULL ? comma : end;
        add(forwarded, text, (size_t)(stop - text));
        text = stop + 1;
    }
}

/* The end of what stands up to one of these bytes, quoted ones not counted. */
static const char *find_end(const char *text, const char *end, const char *stops)
{
    bool is_quoted = false;
    for (; text < end; text++) {
        if (*text == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && memchr(stops, *text, strlen(stops)) != NULL)
            break;
    }
    return text;
}

/* `for=node` or `for="node"`. False = it is another pair. */
static bool add_for(struct forwarded *f, const char *text, const char *end)
{
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    if (end - text < 4 || strncasecmp(text, "for=", 4) != 0)
        return false;
    text += 4;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    const bool is_quoted = end - text >= 2 && *text == '"' && end[-1] == '"';
    add(f, text + is_quoted, (size_t)(end - text) - 2 * (size_t)is_quoted);
    return true;
}

void forwarded_read_elements(struct forwarded *forwarded, const char *text, size_t len)
{
    const char *const end = text + len;
    while (text <= end) {
        const char *element_end = find_end(text, end, ",");
        bool has_for = false;
        while (text <= element_end && !has_for) {
            const char *pair_end = find_end(text, element_end, ";");
            has_for = add_for(forwarded, text, pair_end);
            text = pair_end + 1;
        }
        if (!has_for)
            add(forwarded, "", 0); /* a hop that says nothing */
        text = element_end + 1;
    }
}

bool forwarded_is_proxy(const uint8_t address[static NETWORK_ADDRESS_BYTES],
                        const struct network *proxies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (network_holds(&proxies[i], address))
            return true;
    }
    return false;
}

bool forwarded_client(const struct forwarded *forwarded, const struct network *proxies,
                      size_t count, uint8_t out[static NETWORK_ADDRESS_BYTES])
{
    for (size_t i = forwarded->count; i > 0; i--) {
        if (!forwarded->hops[i - 1].is_known)
            return false;
        memcpy(out, forwarded->hops[i - 1].address, NETWORK_ADDRESS_BYTES);
        if (!forwarded_is_proxy(out, proxies, count))
            return true;
    }
    return forwarded->count > 0;
}
