/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/session/session_file.h"

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/config/config_type.h"
#include "common/ring/ring_names.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX     ".session"
#define HEADER     "weir-session 1"
#define LINE_BYTES 2048
#define LINES_MAX  (SESSION_TOPICS_MAX + 8)

/* --- a session -------------------------------------------------------------------------------- */

static bool add_topic(struct session *session, const char *topic)
{
    if (session->topics.count >= SESSION_TOPICS_MAX)
        return false;
    return session_has_topic(session, topic) || config_list_add(&session->topics, strdup(topic));
}

void session_identify(const struct config_source *source, struct session *out)
{
    struct broker_url url;
    const char *why = NULL;
    *out = (struct session){.source = ""};
    if (broker_url_parse(source->broker, &url, &why))
        (void)snprintf(out->broker, sizeof out->broker, "%s:%d", url.host, url.port);
    explicit_bzero(&url, sizeof url);
    for (char *c = out->broker; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    (void)snprintf(out->source, sizeof out->source, "%s", source->name);
    (void)snprintf(out->client_id, sizeof out->client_id, "%s", source->client_id);
}

bool session_of(const struct config_source *source, struct session *out)
{
    session_identify(source, out);
    for (size_t i = 0; i < source->topics.count; i++) {
        if (!add_topic(out, source->topics.items[i])) {
            session_done(out);
            return false;
        }
    }
    return true;
}

void session_done(struct session *session)
{
    config_list_done(&session->topics);
    *session = (struct session){.source = ""};
}

bool session_is_same(const struct session *a, const struct session *b)
{
    return a->broker[0] != '\0' && strcmp(a->broker, b->broker) == 0 &&
           strcmp(a->client_id, b->client_id) == 0;
}

static bool has_session(const struct config_source *source, const struct session *session)
{
    struct session own;
    if (source == NULL || !source->persistent_session)
        return false;
    session_identify(source, &own);
    return session_is_same(&own, session);
}

const struct config_source *session_owner(const struct config *config,
                                          const struct session *session)
{
    const struct config_source *named = config_find_source(config, session->source);
    if (has_session(named, session))
        return named;
    for (size_t i = 0; i < config->source_count; i++) {
        if (has_session(&config->sources[i], session))
            return &config->sources[i];
    }
    return NULL;
}

bool session_has_topic(const struct session *session, const char *topic)
{
    for (size_t i = 0; i < session->topics.count; i++) {
        if (strcmp(session->topics.items[i], topic) == 0)
            return true;
    }
    return false;
}

bool session_add_topics(struct session *session, const struct session *from)
{
    for (size_t i = 0; i < from->topics.count; i++) {
        if (!add_topic(session, from->topics.items[i]))
            return false;
    }
    return true;
}

/* --- its file --------------------------------------------------------------------------------- */

static bool make_path(const char *dir, const char *source, char out[static PATH_MAX])
{
    char escaped[RING_ESCAPED_MAX];
    ring_escape_source(source, escaped, sizeof escaped);
    const int len = snprintf(out, PATH_MAX, "%s/%s" SUFFIX, dir, escaped);
    return len > 0 && len < PATH_MAX;
}

static bool take(const char *line, const char *key, char *out, size_t cap)
{
    const size_t len = strlen(key);
    return strncmp(line, key, len) == 0 && line[len] == ' ' &&
           (size_t)snprintf(out, cap, "%s", line + len + 1) < cap;
}

static bool read_lines(FILE *file, struct session *out)
{
    char line[LINE_BYTES], topic[LINE_BYTES];
    for (int n = 0; n < LINES_MAX && fgets(line, sizeof line, file) != NULL; n++) {
        line[strcspn(line, "\n")] = '\0';
        if (n == 0 && strcmp(line, HEADER) != 0)
            return false;
        const bool is_known = n == 0 || take(line, "source", out->source, sizeof out->source) ||
                              take(line, "broker", out->broker, sizeof out->broker) ||
                              take(line, "client", out->client_id, sizeof out->client_id) ||
                              (take(line, "topic", topic, sizeof topic) && add_topic(out, topic));
        if (!is_known)
            return false;
    }
    return out->source[0] != '\0' && out->broker[0] != '\0' && out->client_id[0] != '\0';
}

static enum status load_path(const char *path, struct session *out)
{
    *out = (struct session){.source = ""};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        if (fd >= 0)
            IGNORE(close(fd), "nothing was read");
        return STATUS_NOT_FOUND;
    }
    const bool is_whole = read_lines(file, out);
    IGNORE(fclose(file), "read-only");
    if (!is_whole)
        session_done(out);
    return is_whole ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status session_file_load(const char *dir, const char *source, struct session *out)
{
    char path[PATH_MAX];
    *out = (struct session){.source = ""};
    return make_path(dir, source, path) ? load_path(path, out) : STATUS_NOT_FOUND;
}

static bool print_lines(FILE *out, const struct session *session)
{
    bool is_whole = fprintf(out, HEADER "\nsource %s\nbroker %s\nclient %s\n", session->source,
                            session->broker, session->client_id) > 0;
    for (size_t i = 0; i < session->topics.count; i++)
        is_whole &= fprintf(out, "topic %s\n", session->topics.items[i]) > 0;
    return (fclose(out) == 0) & is_whole;
}

enum status session_file_save(const char *dir, const struct session *session, struct err *err)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    if (!make_path(dir, session->source, path))
        return err_set(err, STATUS_INVALID, 0, dir, "spoolDir is too long");
    FILE *out = open_memstream(&text, &len);
    const enum status status = out != NULL && print_lines(out, session)
                                   ? file_replace(path, text, len, FILE_PRIVATE, true, err)
                                   : err_set(err, STATUS_NO_MEMORY, 0, path, "no memory");
    free(text);
    return status;
}

bool session_file_note(const char *dir, const struct session *session)
{
    struct err err = {0};
    if (session_file_save(dir, session, &err) == STATUS_OK)
        return true;
    log_event(
        LOG_ERROR, "mqtt",
        "session not written down: a topic that is taken out may stay subscribed",
        KV(KV_STR("source", session->source), KV_STR("path", err.what), KV_STR("error", err.text)));
    return false;
}

void session_file_remove(const char *dir, const char *source)
{
    char path[PATH_MAX];
    if (make_path(dir, source, path))
        IGNORE(unlink(path), "there may be none");
}

void session_file_remove_of(const char *dir, const char *source, const struct session *session)
{
    struct session there;
    if (session_file_load(dir, source, &there) != STATUS_OK)
        return;
    if (session_is_same(&there, session))
        session_file_remove(dir, source);
    session_done(&there);
}

/* The folder's next file that can be read; its topics are the caller's. */
static bool next_file(DIR *folder, const char *dir, struct session *out)
{
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const size_t len = strlen(entry->d_name), tail = sizeof SUFFIX - 1;
        char path[PATH_MAX];
        if (len > tail && strcmp(entry->d_name + len - tail, SUFFIX) == 0 &&
            ring_path(dir, entry->d_name, path, sizeof path) && load_path(path, out) == STATUS_OK)
            return true;
    }
    return false;
}

/* --- a session that has another source now ---------------------------------------------------- */

/* What the new source's own file says: more topics of this session, or another session that this
 * one takes the place of. */
static void join(const struct config *config, const char *heir, struct session *session)
{
    struct session there;
    if (session_file_load(config->spool_dir, heir, &there) != STATUS_OK)
        return;
    if (!session_is_same(&there, session)) {
        if (session_owner(config, &there) == NULL)
            session_warn_left(config->spool_dir, &there);
    } else if (!session_add_topics(session, &there)) {
        log_event(LOG_WARN, "mqtt", "too many old topics to take back: some stay subscribed",
                  KV(KV_STR("source", heir)));
    }
    session_done(&there);
}

/* The new file first: a crash in between leaves two, which the next start joins. */
static void hand_over(const struct config *config, const char *heir, struct session *session)
{
    char from[sizeof session->source];
    memcpy(from, session->source, sizeof from);
    join(config, heir, session);
    (void)snprintf(session->source, sizeof session->source, "%s", heir);
    if (!session_file_note(config->spool_dir, session))
        return;
    session_file_remove_of(config->spool_dir, from, session);
    log_event(LOG_INFO, "mqtt", "session at the broker goes over to another source",
              KV(KV_STR("from", from), KV_STR("to", heir), KV_STR("broker", session->broker),
                 KV_STR("clientId", session->client_id)));
}

/* All are read before one is written: two sources may have exchanged their sessions. */
static void settle(const struct config *config)
{
    struct session moved[CONFIG_SOURCES_MAX];
    const char *heirs[CONFIG_SOURCES_MAX];
    size_t count = 0;
    DIR *folder = opendir(config->spool_dir);
    if (folder == NULL)
        return;
    while (count < CONFIG_SOURCES_MAX && next_file(folder, config->spool_dir, &moved[count])) {
        const struct config_source *owner = session_owner(config, &moved[count]);
        if (owner != NULL && strcmp(owner->name, moved[count].source) != 0)
            heirs[count++] = owner->name;
        else
            session_done(&moved[count]);
    }
    IGNORE(closedir(folder), "was only read");
    for (size_t i = 0; i < count; i++) {
        hand_over(config, heirs[i], &moved[i]);
        session_done(&moved[i]);
    }
}

void session_file_claim(const struct config *config, const struct config_source *source)
{
    struct session there;
    if (!source->persistent_session)
        return;
    const bool is_there = session_file_load(config->spool_dir, source->name, &there) == STATUS_OK;
    const bool is_ours = is_there && has_session(source, &there);
    session_done(&there);
    if (!is_ours)
        settle(config);
}

/* --- what nobody cares for any more ----------------------------------------------------------- */

void session_warn_left(const char *dir, const struct session *session)
{
    char path[PATH_MAX];
    if (!make_path(dir, session->source, path))
        path[0] = '\0';
    log_event(LOG_WARN, "mqtt",
              "a session is left at a broker, which queues for it: connect once with this clientId "
              "and a clean session",
              KV(KV_STR("source", session->source), KV_STR("broker", session->broker),
                 KV_STR("clientId", session->client_id), KV_STR("file", path)));
}

void session_file_warn_orphans(const struct config *config)
{
    struct session session;
    settle(config);
    DIR *folder = opendir(config->spool_dir);
    if (folder == NULL)
        return; /* nothing is left there */
    while (next_file(folder, config->spool_dir, &session)) {
        if (config_find_source(config, session.source) == NULL &&
            session_owner(config, &session) == NULL)
            session_warn_left(config->spool_dir, &session);
        session_done(&session);
    }
    IGNORE(closedir(folder), "was only read");
}
