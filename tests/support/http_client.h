/* SPDX-License-Identifier: MIT
 *
 * http_client - what a test needs to ask a server on this machine. Every failure fails the test. */
#pragma once

#include <stddef.h>

/* A bound socket and its port: closed, the port is free (until another program takes it). */
int http_client_bind(int *out_port);
int http_client_connect(int port);
/* Sends a text and reads until the server closes or an answer with its Content-Length is
 * whole. The status. */
int http_client_exchange(int fd, const char *request, char *out, size_t cap);
/* The same on a connection of its own. */
int http_client_ask(int port, const char *request, char *out, size_t cap);
