/* SPDX-License-Identifier: MIT
 *
 * packet - a transmission and one of its receptions, in the shapes that CoreScope's clients know:
 * the packet, the group, the observation and the live event. Every route that shows packets renders
 * them here.
 *
 * - A packet is shown with one reception, the "shown" one: the longest path, of several the
 *   earliest (packet_read_best), or the one that the route is about. route_type, payload_type,
 *   raw_hex and decoded_json are those of the first reception.
 * - Texts that are empty, and what is not known, are null. Times are RFC 3339 in milliseconds, of
 *   our clock at receipt.
 * - Hex is upper as observers send it; hashes and keys are lower.
 * - path_json is a JSON text, as decoded_json is; _parsedPath is the same as a list. Of a TRACE
 *   they are the route in its payload, because its path holds SNR values.
 * - resolved_path: for each hop the key of the node, null where none or several begin with it. Left
 *   out where no hop is resolved.
 * - raw_hex of an observation is put together from the content and the reception's way; it is left
 *   out where the second transport code, which is not stored, would have to be guessed.
 * - signatureValid is what the ingestor found; left out while nothing is verified (signatureMode
 *   off).
 *
 * Threads: that of the asking. Errors: "does not fit" (json_write). Ownership: nothing is kept.
 * Cost: 2 to 6 us a packet. */
#pragma once

#include "common/json/json_write.h"
#include "common/mesh/meshcore.h"

struct directory;
struct node;
struct asking; /* knows the names, the keys and the configuration */

struct packet {
    int64_t id; /* of the transmission */
    int64_t observation_count, first_ms, last_ms;
    uint8_t hash[MESHCORE_HASH_BYTES];
    uint8_t type, route;
    bool is_forged; /* an advert whose signature is wrong */
    uint8_t raw_len;
    uint8_t raw[MESHCORE_FRAME_MAX];
};

struct packet_observation {
    int64_t id, observer_id, receipt_ms;
    double snr, rssi; /* NaN = unknown */
    bool is_tx;
    uint8_t route;
    uint8_t path_size, path_len; /* bytes a hop, bytes in all */
    int32_t scope_code;          /* -1 = not scoped (MESHCORE_NO_SCOPE_CODE) */
    int64_t scope_id;            /* the region's; 0 = none, or none that is known */
    uint8_t path[MESHCORE_PATH_MAX];
};

/* What a group says of all its receptions. */
struct packet_group {
    int64_t latest_ms, observer_count;
    const char *const *iatas; /* sorted, each once */
    size_t iata_count;
};

/* {id, raw_hex, hash, first_seen, timestamp, route_type, payload_type, decoded_json,
 * observation_count, observer_id, observer_name, observer_iata, snr, rssi, path_json, direction,
 * scope_name, _parsedPath, resolved_path?}; the members without the braces, for who adds some. */
void packet_members(struct json_write *w, struct asking *asking, const struct packet *packet,
                    const struct packet_observation *shown);
void packet_write(struct json_write *w, const char *key, struct asking *asking,
                  const struct packet *packet, const struct packet_observation *shown);
/* The same without id, timestamp and direction, with count, observer_count, latest and
 * distinct_iatas. */
void packet_group_members(struct json_write *w, struct asking *asking, const struct packet *packet,
                          const struct packet_observation *shown, const struct packet_group *group);
/* {id, transmission_id, hash, observer_id, observer_name, observer_iata, snr, rssi, path_json,
 * timestamp, direction, scope_name, _parsedPath, resolved_path?, raw_hex?} */
void packet_observation_write(struct json_write *w, const char *key, struct asking *asking,
                              const struct packet *packet,
                              const struct packet_observation *observation);
/* The live event, a text of its own: the packet's members, then observation_id and received (of
 * this very reception) and `decoded` {header {payloadTypeName}, payload, path? (of a TRACE)}. Its
 * first *out_members bytes are the brace and the packet's members: CoreScope's clients get them
 * again as `packet`, of these same bytes (live_client.h). */
void packet_live_write(struct json_write *w, struct asking *asking, const struct packet *packet,
                       const struct packet_observation *observation, size_t *out_members);

/* For those who show a part of it. */
void packet_time(struct json_write *w, const char *key, int64_t ms);
/* The path as a JSON text: path_json. */
void packet_path_text(struct json_write *w, const char *key, const struct packet *packet,
                      const struct packet_observation *observation);
/* For lines of text: hops with a comma between; decoded_json. Their lengths; 0 = none, or cap is
 * too small. */
size_t packet_path_words(const struct packet *packet, const struct packet_observation *observation,
                         char *out, size_t cap);
size_t packet_decoded_text(struct asking *asking, const struct packet *packet, char *out,
                           size_t cap);
/* The one node that a hop can be, or NULL, also where nobody shall see it. */
const struct node *packet_hop_node(const struct directory *directory, const uint8_t *hop,
                                   size_t size);
/* How many hops, how many bytes each, and where they stand: of a TRACE in its payload. */
struct packet_hops {
    size_t count, size;
    const uint8_t *bytes;
};
struct packet_hops packet_hops(const struct packet *packet,
                               const struct packet_observation *observation);
/* The frame of this reception; 0 = it would have to be guessed. */
NODISCARD size_t packet_rebuild(const struct packet *packet,
                                const struct packet_observation *observation,
                                uint8_t out[static MESHCORE_FRAME_MAX]);
