/* SPDX-License-Identifier: MIT
 *
 * one - what is asked about single packets: the packet with its receptions, its traces, the
 * stations that heard it in order, the receptions of up to ONE_HASHES_MAX packets at once.
 *
 * A packet is named by its hash (16 hex digits), else by its id, else by the id of one of its
 * receptions. At most PACKET_OBSERVATIONS_MAX receptions are shown.
 * Threads: those of the askings. */
#pragma once

#include "cmd/server/http/request.h"

#define ONE_HASHES_MAX 200

struct asking;

/* GET /api/packets/:id */
void one_packet(struct asking *asking, const struct http_request *request,
                struct http_reply *reply);
/* GET /api/packets/:id/path */
void one_path(struct asking *asking, const struct http_request *request, struct http_reply *reply);
/* GET /api/traces/:hash */
void one_traces(struct asking *asking, const struct http_request *request,
                struct http_reply *reply);
/* POST /api/packets/observations */
void one_observations(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply);
