/* SPDX-License-Identifier: MIT
 *
 * broker_url - the address of an MQTT broker: scheme://[user[:password]@]host[:port][/path].
 *
 * Why not a URL library: operators paste passwords that hold '@', '/' or ':' unescaped, and a
 * password that is read wrongly is a password in a log. Hence the two readings here never disagree:
 * I1. The user information ends at the LAST '@' of the text. A text where that reading and the
 *     usual one (the authority ends at the first '/') differ does not parse; it still masks.
 * I2. broker_url_mask and broker_mask_text mask before they cut: however malformed the text and
 *     however small the buffer, no part of the password at the password's place comes out.
 * I3. Messages of this module never quote a byte of the text.
 *
 * User and password are percent-decoded (%40 = '@'); a '%' without two hex digits stays as it is.
 * Threads: pure. Ownership: plain values of the caller's. */
#pragma once

#include "common/base/base.h"

#define BROKER_URL_MAX      2048 /* bytes of the whole text */
#define BROKER_USER_MAX     255
#define BROKER_PASSWORD_MAX 1023
#define BROKER_HOST_MAX     253 /* RFC 1035 */
#define BROKER_PATH_MAX     255

/* tcp is mqtt, ssl is mqtts. */
enum broker_scheme { BROKER_MQTT, BROKER_MQTTS, BROKER_WS, BROKER_WSS };

struct broker_url {
    enum broker_scheme scheme;
    bool is_tls, is_websocket;
    bool has_user, has_password;
    char user[BROKER_USER_MAX + 1], password[BROKER_PASSWORD_MAX + 1];
    char host[BROKER_HOST_MAX + 1]; /* an IPv6 address stands without its brackets */
    bool host_is_ipv6;
    int port;                       /* 1883, 8883, 80 and 443 where the text has none */
    char path[BROKER_PATH_MAX + 1]; /* with its first '/', query included; "" = none */
};

/* False with the reason in *out_why (static text, says what to write instead); *out is
 * then unspecified. */
NODISCARD bool broker_url_parse(const char *text, struct broker_url *out, const char **out_why);

/* The same of an HTTP proxy: http://[user[:password]@]host[:port], 3128 where it has no port. Its
 * scheme is of no meaning. */
NODISCARD bool broker_url_parse_proxy(const char *text, struct broker_url *out,
                                      const char **out_why);

/* The same URL with **** as password; works on anything. Always ends in NUL; cut to fit
 * cap (>= 1). */
void broker_url_mask(char *out, size_t cap, const char *text);

/* Copy an error text of a library with every secret replaced by ****: the password, the broker's
 * URL and the password in it (as written and decoded), and the password of any other URL in the
 * text. broker and password may be NULL. Always ends in NUL; cut to fit cap (>= 1). */
void broker_mask_text(char *out, size_t cap, const char *text, const char *broker,
                      const char *password);
