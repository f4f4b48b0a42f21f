/* SPDX-License-Identifier: MIT
 *
 * ring_guard - a ring that is cut short while it is mapped harms the ring, not the process.
 * Private to this room.
 *
 * Behind the end of its file a mapping answers every access with SIGBUS, in the receive callback
 * as in the flusher. The handler makes the file whole again and the access goes on: what was cut
 * off reads as zeros, which no check word and no crc of a ring takes for anything, so the reader
 * counts it as a gap and the writer, whose counts are in its own memory, publishes them anew.
 * I1. Only addresses in a guarded mapping whose file is shorter than the mapping are mended so.
 * I2. What can't be read (a bad disk) is damage to a reader, of this ring alone: it finds zeros
 *     there, in a page that is nobody's. A writer, who would write into such a page, ends by the
 *     signal, as everybody does by a SIGBUS from elsewhere.
 * The handler calls fstat, fallocate, mmap and sigaction, system calls all. Threads: add and remove
 * by the process's main thread; the handler runs in any. */
#pragma once

#include "common/base/base.h"

/* The flusher's table of rings, and some for the moment in which one takes another's place. */
#define RING_GUARD_MAX 320

/* Installs the handler where it is not. A full table leaves the mapping unguarded. */
void ring_guard_add(const void *at, size_t bytes, int fd);
/* This mapping is a reader's (I2). */
void ring_guard_set_reader(const void *at);
void ring_guard_remove(const void *at);
/* Has the handler mended this mapping, either way, since the last call? */
bool ring_guard_take_cut(const void *at);
