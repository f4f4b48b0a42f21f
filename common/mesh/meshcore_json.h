/* SPDX-License-Identifier: MIT
 *
 * meshcore_json - the one JSON rendering of a decoded packet: what the server lists, what POST
 * /api/decode and `ingestor --decode` answer.
 *
 *   {"header": {routeType, routeTypeName, payloadType, payloadTypeName, payloadVersion},
 *    "path": {hashSize, hashCount, hops [upper hex], hopsCompleted?},
 *    "transportCodes"?: {code1, code2, scope?, scopeAmbiguous?},
 *    "payload": {type, ...}}
 *
 * The payload's keys are those of CoreScope's `decoded_json` (protocol.md section 11).
 * Rules beyond it:
 * - What is absent has no key; zero is a value and has one (channelHash 0, tag 0, timestamp 0,
 *   SNR 0, [0,0]).
 * - path of a TRACE: hashSize, hashCount and hops come from the route in its payload, hopsCompleted
 *   counts the SNR bytes that stand in the frame's path.
 * - code1 and code2 are the two bytes each as on the wire, upper hex (wire 2A B5 = "2AB5"), as
 *   CoreScope's; scope is the name of the region, "" when no single one fits, null when code1 is 0
 *   (not scoped); scopeAmbiguous is true where several fit, and left out otherwise.
 * - lat and lon as sent, (0,0) too, which means "no fix"; left out when no place on Earth has them.
 * - name is what was sent, as valid UTF-8: control characters stay, escaped, as those of a text do.
 *   Who shows it to people leaves them out (the nodes' table has). Hex is lower except in hops,
 *   codes and channelHashHex.
 * - A body too short for its type: `error` "too_short", and `raw` = the payload. `warn` = nodes
 *   would not take it.
 * - type "CHAN" and decryptionStatus "decrypted" only for a GRP_TXT that a key opens, plausibly;
 *   otherwise "no_key" or "decryption_failed".
 * - ctrlFlags is the whole first byte of a CONTROL, ctrlLength its payload's bytes, ctrlSubtype
 *   DISCOVER_REQ, DISCOVER_RESP or OTHER (with raw), ctrlSNR in dB. firstByteTag is hex.
 *
 * Threads: pure. Errors: only "does not fit" (json_write). Cost: about 1 us and no malloc;
 * decryption and verification (47 us) come on top. */
#pragma once

#include "common/json/json_write.h"
#include "common/mesh/meshcore_payload.h"

/* Any packet fits, its texts and names escaped, and with the longest region that the configuration
 * takes (1 KiB). */
#define MESHCORE_JSON_MAX 4096

struct channel_keys;
struct region_scopes;

enum meshcore_json_signature {
    MESHCORE_JSON_NO_SIGNATURE, /* no signatureValid */
    MESHCORE_JSON_VERIFY,       /* of every advert that is no error; 47 us */
    /* Who knows the answer from a table need not pay for it again. */
    MESHCORE_JSON_SIGNATURE_GOOD,
    MESHCORE_JSON_SIGNATURE_BAD,
};

struct meshcore_json_options {
    const struct channel_keys *keys;    /* NULL: all is "no_key" */
    const struct region_scopes *scopes; /* NULL: no `scope` */
    enum meshcore_json_signature signature;
};

/* The whole object as the next value of w (a key may be given; NULL = root or element). */
void meshcore_json_packet(struct json_write *w, const char *key, const struct meshcore_frame *frame,
                          const struct meshcore_json_options *options);
/* The members of it, between jw_object and jw_object_end of the caller's, who may add some. */
void meshcore_json_members(struct json_write *w, const struct meshcore_frame *frame,
                           const struct meshcore_json_options *options);
/* The payload object alone: `decoded_json`. */
void meshcore_json_payload(struct json_write *w, const char *key,
                           const struct meshcore_frame *frame,
                           const struct meshcore_payload *payload,
                           const struct meshcore_json_options *options);
/* As a NUL-terminated text of its own. Its length, 0 when it does not fit in cap
 * (MESHCORE_JSON_MAX is enough). */
NODISCARD size_t meshcore_json_payload_text(const struct meshcore_frame *frame,
                                            const struct meshcore_json_options *options, char *out,
                                            size_t cap);
