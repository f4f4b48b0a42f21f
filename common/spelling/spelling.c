/* SPDX-License-Identifier: MIT */
#include "common/spelling/spelling.h"

#include "common/base/network.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN_MAX 255

/* --- what a string must look like ------------------------------------------------------------- */

/* $share/<group>/<filter>: brokers grant the other forms, and no message ever comes. */
static const char *check_shared(const char **filter)
{
    static const char prefix[] = "$share/";
    if (strncmp(*filter, prefix, sizeof prefix - 1) != 0)
        return strcmp(*filter, "$share") == 0 ? "must be $share/<group>/<topic filter>" : NULL;
    const char *group = *filter + sizeof prefix - 1;
    const size_t len = strcspn(group, "/");
    if (len == 0 || group[len] == '\0' || group[len + 1] == '\0')
        return "must be $share/<group>/<topic filter>";
    if (strcspn(group, "+#") < len)
        return "the group behind $share/ must hold neither + nor #";
    *filter = group + len + 1;
    return NULL;
}

/* MQTT 3.1.1, section 4.7: a wildcard fills its whole level, and # is the last one. */
const char *spelling_check_topic(const char *text)
{
    const char *why = check_shared(&text);
    if (why != NULL)
        return why;
    for (const char *level = text;;) {
        const size_t len = strcspn(level, "/");
        if (len > 1 && memchr(level, '+', len) != NULL)
            return "in a topic filter + must stand alone between slashes";
        if (memchr(level, '#', len) != NULL && (len != 1 || level[1] != '\0'))
            return "in a topic filter # must stand alone at the end";
        if (level[len] == '\0')
            return NULL;
        level += len + 1;
    }
}

const char *spelling_check_file(const char *text)
{
    return text[strlen(text) - 1] == '/' ? "must name a file; this, with / at its end, is a folder"
                                         : NULL;
}

const char *spelling_check_public_key(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64
               ? NULL
               : "must be a node's public key: 64 hex digits";
}

const char *spelling_check_network(const char *text)
{
    struct network ignored;
    return network_read(text, &ignored)
               ? NULL
               : "must be an address or a network: 10.0.0.5, 10.0.0.0/8, fd00::/8";
}

/* Compared byte by byte with what a browser sends: nothing else would ever be equal to it. */
const char *spelling_check_origin(const char *text)
{
    const char *host = strstr(text, "://");
    if (strcmp(text, "*") == 0)
        return NULL;
    const bool is_whole = host != NULL && host > text && host[3] != '\0' &&
                          strcspn(host + 3, "/?#@ *") == strlen(host + 3);
    if (!is_whole)
        return "must be an origin as browsers send it, https://map.example.org, without a path or "
               "a / at its end; or * for all";
    return strlen(text) <= ORIGIN_MAX ? NULL : "longer than 255 bytes";
}

const char *spelling_check_header_value(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~')
            return "must be a line of printable ASCII";
    }
    return NULL;
}

/* What envelope.region holds: a longer one would never fit a message's. */
const char *spelling_check_iata(const char *text)
{
    return strlen(text) <= SPELLING_IATA_MAX ? NULL : "longer than 15 bytes";
}

const char *spelling_check_hashtag(const char *text)
{
    return strcmp(text, "#") == 0 ? "must have a name behind the #" : NULL;
}

const char *spelling_check_identifier(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return strchr(letters, text[0]) != NULL && strspn(text, all) == strlen(text)
               ? NULL
               : "must be a name of letters, digits and _, and begin with no digit";
}

const char *spelling_check_store_user(const char *text)
{
    return strchr(text, ':') == NULL ? NULL : "must have no colon";
}

/* --- what a string becomes -------------------------------------------------------------------- */

/* CoreScope takes spaces around these names for typing mistakes, too. */
char *spelling_trim(const char *text)
{
    text += strspn(text, " ");
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ')
        len--;
    return strndup(text, len);
}

char *spelling_tidy_public_key(const char *text)
{
    char *key = spelling_trim(text);
    for (char *c = key; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return key;
}

/* Browsers write scheme and host so. */
char *spelling_tidy_origin(const char *text)
{
    char *origin = spelling_trim(text);
    for (char *c = origin; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return origin;
}

/* As envelopes hold theirs. */
char *spelling_tidy_iata(const char *text)
{
    char *region = spelling_trim(text);
    for (char *c = region; c != NULL && *c != '\0'; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    return region;
}

static char *put_mark_in_front(const char *text, const char *marks)
{
    char *name = spelling_trim(text), *marked = NULL;
    if (name == NULL || (name[0] != '\0' && strchr(marks, name[0]) != NULL))
        return name;
    if (asprintf(&marked, "#%s", name) < 0)
        marked = NULL;
    free(name);
    return marked;
}

char *spelling_tidy_channel(const char *text)
{
    return put_mark_in_front(text, "#");
}

/* $ marks a private region, whose key does not follow from its name. */
char *spelling_tidy_region(const char *text)
{
    return put_mark_in_front(text, "#$");
}
