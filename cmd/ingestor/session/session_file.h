/* SPDX-License-Identifier: MIT
 *
 * session_file - what a broker keeps for a source that is away, written beside its ring.
 *
 * Why: a persistent session outlives us. A topic that was taken out of the configuration stays
 * subscribed, a source that was removed is queued for until its session expires (with 3.1.1:
 * never), and a session that the broker has lost looks like one that never was. Only who wrote down
 * what there must be can tell.
 *
 * `<spoolDir>/<source-escaped>.session`: lines of text (none of the values may hold a line's end).
 * I1. A topic is in the file before it is asked for, and leaves it after the broker has let it go.
 * I2. Replaced by rename, after a sync (file_replace): there is never half a file. What can't be
 *     read is as good as none: then nothing is expected.
 * I3. A session goes with its broker and clientId, not with its source's name: where another source
 *     has it now, its file is handed over to that one, with its topics.
 *
 * Threads: none of its own; one writer per source, who holds the ring's lock; the supervisor while
 * neither of the two sources has a process (workers.h, I2). */
#pragma once

#include "common/base/err.h"
#include "common/config/broker_url.h"
#include "common/config/config.h"

#define SESSION_TOPICS_MAX (4 * CONFIG_TOPICS_MAX)

struct session {
    char source[CONFIG_SOURCE_NAME_MAX + 1];
    char broker[BROKER_HOST_MAX + 16]; /* host:port */
    char client_id[257];
    struct config_list topics; /* owned */
};

/* The session that the source's connection makes, without topics: nothing to free. */
void session_identify(const struct config_source *source, struct session *out);
/* With its topics. False = no memory. */
NODISCARD bool session_of(const struct config_source *source, struct session *out);
void session_done(struct session *session);
bool session_is_same(const struct session *a, const struct session *b);
/* Who has this session in the configuration: the source of its name, else another; NULL = none. */
const struct config_source *session_owner(const struct config *config,
                                          const struct session *session);
bool session_has_topic(const struct session *session, const char *topic);
/* Those of `from`, too. False = no memory, or more than SESSION_TOPICS_MAX. */
NODISCARD bool session_add_topics(struct session *session, const struct session *from);

/* STATUS_NOT_FOUND: none, or none that can be read. */
NODISCARD enum status session_file_load(const char *dir, const char *source, struct session *out);
NODISCARD enum status session_file_save(const char *dir, const struct session *session,
                                        struct err *err);
/* The same; where it can't be done, a line says so. */
bool session_file_note(const char *dir, const struct session *session);
void session_file_remove(const char *dir, const char *source);
/* Only if it is this session's. */
void session_file_remove_of(const char *dir, const char *source, const struct session *session);
/* Before the source's receiver starts: what another source has left of its session (I3). */
void session_file_claim(const struct config *config, const struct config_source *source);
/* Before the first start: I3 for all, and a line for each file whose session no source has any
 * more; the broker queues for it. */
void session_file_warn_orphans(const struct config *config);
/* The line itself. */
void session_warn_left(const char *dir, const struct session *session);
