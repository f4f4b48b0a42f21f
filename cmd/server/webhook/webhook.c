/* SPDX-License-Identifier: MIT */
#include "cmd/server/webhook/webhook.h"

#include "cmd/server/webhook/webhook_changes.h"
#include "cmd/server/webhook/webhook_post.h"
#include "cmd/server/webhook/webhook_told.h"
#include "common/base/crypto.h"
#include "common/base/file.h"
#include "common/base/hex.h"
#include "common/base/log.h"
#include "common/json/json_write.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_FIRST_US ((mono_us)US_PER_S)
#define WAIT_MAX_US   ((mono_us)60 * US_PER_S)
#define HOST_BYTES    80

struct letter {
    char *body; /* owned */
    size_t len;
    char *told; /* owned: what is known to be told when it was taken; NULL = not kept */
    uint64_t number;
    mono_us made_at;
};

struct webhook {
    /* constant after start */
    char *url;
    char *told_path; /* NULL = what was told is not kept */
    char host[HOST_BYTES];
    int64_t began_unix;
    pthread_t thread;
    /* who looks, only */
    struct webhook_changes known;
    struct webhook_change changes[HEALTH_CHECKS_MAX];
    uint64_t made;
    /* atomic */
    atomic_bool is_stopping;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct crypto_hmac_key key;
    bool has_key;
    struct letter queue[WEBHOOK_QUEUE]; /* the oldest first */
    size_t count;
    uint64_t missed; /* letters that made room, since the last that was made */
    bool is_sending; /* the first one is being sent: it stays */
};

/* --- a letter --------------------------------------------------------------------------------- */

static char *make_body(const struct webhook *webhook, size_t count, enum health_level before,
                       uint64_t missed, size_t *out_len)
{
    struct json_write w;
    jw_grow(&w, WEBHOOK_BODY_MAX);
    jw_object(&w, NULL);
    jw_string(&w, "event", "health");
    jw_int(&w, "atUnix", clock_wall() / US_PER_S);
    jw_string(&w, "status", health_level_word(webhook->known.told));
    jw_string(&w, "before", health_level_word(before));
    jw_array(&w, "changes");
    for (size_t i = 0; i < count; i++) {
        const struct webhook_change *change = &webhook->changes[i];
        jw_object(&w, NULL);
        jw_string(&w, "check", change->name);
        jw_string(&w, "from", health_level_word(change->from));
        jw_string(&w, "to", health_level_word(change->to));
        jw_string(&w, "output", change->output);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_uint(&w, "missed", missed);
    jw_object_end(&w);
    return jw_take(&w, out_len);
}

static void free_letter(struct letter *letter)
{
    free(letter->body);
    free(letter->told);
}

/* I1. Takes both texts. */
static void post_letter(struct webhook *webhook, char *body, size_t len, char *told)
{
    struct letter dropped = {.body = NULL};
    (void)pthread_mutex_lock(&webhook->lock);
    if (webhook->count == WEBHOOK_QUEUE) {
        const size_t oldest = webhook->is_sending ? 1 : 0;
        dropped = webhook->queue[oldest];
        memmove(&webhook->queue[oldest], &webhook->queue[oldest + 1],
                (WEBHOOK_QUEUE - oldest - 1) * sizeof webhook->queue[0]);
        webhook->count--;
        webhook->missed++;
    }
    webhook->queue[webhook->count++] =
        (struct letter){body, len, told, webhook->made++, clock_mono()};
    (void)pthread_cond_signal(&webhook->cond);
    (void)pthread_mutex_unlock(&webhook->lock);
    if (dropped.body != NULL)
        log_event(LOG_WARN, "webhook", "the oldest letter made room for a new one",
                  KV(KV_STR("host", webhook->host), KV_INT("limit", WEBHOOK_QUEUE)));
    free_letter(&dropped);
}

void webhook_look(struct webhook *webhook, const struct health_report *report)
{
    if (webhook == NULL || report == NULL)
        return;
    const enum health_level before = webhook->known.told;
    const size_t count =
        webhook_changes_look(&webhook->known, report, clock_mono(), webhook->changes);
    if (count == 0)
        return;
    (void)pthread_mutex_lock(&webhook->lock);
    const uint64_t missed = webhook->missed;
    webhook->missed = 0;
    (void)pthread_mutex_unlock(&webhook->lock);
    size_t len = 0;
    char *body = make_body(webhook, count, before, missed, &len);
    char *told =
        webhook->told_path != NULL ? webhook_told_text(&webhook->known, webhook->url) : NULL;
    if (body != NULL)
        post_letter(webhook, body, len, told);
    else
        log_event(LOG_WARN, "webhook", "no memory for a letter", NULL);
    if (body == NULL)
        free(told);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* False = stop. */
static bool wait_for_letter(struct webhook *webhook, struct letter *out)
{
    (void)pthread_mutex_lock(&webhook->lock);
    while (!atomic_load(&webhook->is_stopping) && webhook->count == 0)
        (void)pthread_cond_wait(&webhook->cond, &webhook->lock); /* the loop looks */
    const bool goes_on = !atomic_load(&webhook->is_stopping);
    if (goes_on) {
        *out = webhook->queue[0];
        webhook->is_sending = true;
    }
    (void)pthread_mutex_unlock(&webhook->lock);
    return goes_on;
}

/* The same. */
static bool wait_until(struct webhook *webhook, mono_us until)
{
    const struct timespec at = clock_timespec(until);
    (void)pthread_mutex_lock(&webhook->lock);
    while (!atomic_load(&webhook->is_stopping) && clock_mono() < until)
        IGNORE(pthread_cond_timedwait(&webhook->cond, &webhook->lock, &at), "the loop looks");
    const bool goes_on = !atomic_load(&webhook->is_stopping);
    (void)pthread_mutex_unlock(&webhook->lock);
    return goes_on;
}

/* I3. */
static void sign(struct webhook *webhook, const struct letter *letter, char out[static 72])
{
    uint8_t mac[32];
    const struct crypto_part part = {letter->body, letter->len};
    char digits[2 * sizeof mac + 1];
    (void)pthread_mutex_lock(&webhook->lock);
    struct crypto_hmac_key key = webhook->key;
    const bool has_key = webhook->has_key;
    (void)pthread_mutex_unlock(&webhook->lock);
    out[0] = '\0';
    if (!has_key)
        return;
    crypto_hmac_sha256(&key, &part, 1, mac);
    explicit_bzero(&key, sizeof key);
    hex_encode_lower(mac, sizeof mac, digits);
    (void)snprintf(out, 72, "sha256=%s", digits);
}

static void say_trouble(const struct webhook *webhook, const char *what, const char *why)
{
    log_event(LOG_WARN, "webhook", what, KV(KV_STR("host", webhook->host), KV_STR("cause", why)));
}

/* I5. */
static void keep_told(const struct webhook *webhook, const struct letter *letter)
{
    struct err err = {0};
    if (letter->told != NULL && file_replace(webhook->told_path, letter->told, strlen(letter->told),
                                             FILE_PRIVATE, false, &err) != STATUS_OK)
        log_event(LOG_WARN, "webhook",
                  "what was told can't be kept: a new start will tell it again",
                  KV(KV_STR("file", webhook->told_path), KV_STR("error", err.text)));
}

/* Until it is taken, refused, too old, or we stop. False = stop. */
static bool send_letter(struct webhook *webhook, const struct letter *letter)
{
    struct webhook_letter sent = {.body = letter->body, .len = letter->len};
    char text[WEBHOOK_TEXT_MAX] = "";
    mono_us wait = WAIT_FIRST_US;
    (void)snprintf(sent.delivery, sizeof sent.delivery, "%" PRId64 "-%" PRIu64, webhook->began_unix,
                   letter->number);
    for (unsigned tries = 1;; tries++) {
        sign(webhook, letter, sent.signature);
        const enum webhook_answer answer =
            webhook_post(webhook->url, &sent, &webhook->is_stopping, text);
        const mono_us now = clock_mono();
        if (answer == WEBHOOK_TAKEN) {
            keep_told(webhook, letter);
            if (tries > 1)
                log_event(LOG_INFO, "webhook", "told, after some tries",
                          KV(KV_STR("host", webhook->host), KV_INT("tries", tries)));
            return true;
        }
        if (atomic_load(&webhook->is_stopping))
            return false;
        if (answer == WEBHOOK_REFUSED ||
            now - letter->made_at > WEBHOOK_PATIENCE_S * (mono_us)US_PER_S) {
            say_trouble(webhook, "not told: given up", text);
            return true;
        }
        if (tries == 1)
            say_trouble(webhook, "not told yet: trying again", text);
        if (!wait_until(webhook, now + wait))
            return false;
        wait = wait * 2 < WAIT_MAX_US ? wait * 2 : WAIT_MAX_US;
    }
}

static void drop_first(struct webhook *webhook)
{
    (void)pthread_mutex_lock(&webhook->lock);
    free_letter(&webhook->queue[0]);
    memmove(&webhook->queue[0], &webhook->queue[1], (WEBHOOK_QUEUE - 1) * sizeof webhook->queue[0]);
    webhook->count--;
    webhook->is_sending = false;
    (void)pthread_mutex_unlock(&webhook->lock);
}

static void *run(void *arg)
{
    struct webhook *webhook = arg;
    struct letter letter;
    while (wait_for_letter(webhook, &letter) && send_letter(webhook, &letter))
        drop_first(webhook);
    return NULL;
}

/* --- the secret ------------------------------------------------------------------------------- */

/* False = there is none; then *key is zero. */
static bool prepare_key(const char *secret, struct crypto_hmac_key *key)
{
    const bool has_key = secret != NULL && secret[0] != '\0';
    memset(key, 0, sizeof *key);
    if (has_key)
        crypto_hmac_prepare((const uint8_t *)secret, strlen(secret), key);
    return has_key;
}

bool webhook_is_to(const struct webhook *webhook, const char *url)
{
    return webhook != NULL && url != NULL && strcmp(webhook->url, url) == 0;
}

void webhook_sign_with(struct webhook *webhook, const char *secret)
{
    struct crypto_hmac_key key;
    const bool has_key = prepare_key(secret, &key);
    (void)pthread_mutex_lock(&webhook->lock);
    const bool is_new = has_key != webhook->has_key || memcmp(&key, &webhook->key, sizeof key) != 0;
    webhook->key = key;
    webhook->has_key = has_key;
    (void)pthread_mutex_unlock(&webhook->lock);
    explicit_bzero(&key, sizeof key);
    if (is_new)
        log_event(LOG_INFO, "webhook", "letters are signed with another secret from now on",
                  KV(KV_STR("host", webhook->host), KV_STR("signed", has_key ? "yes" : "no")));
}

/* --- start and stop --------------------------------------------------------------------------- */

/* I4. user:password@ is no host either. */
static void host_of(const char *url, char out[static HOST_BYTES])
{
    const char *at = strstr(url, "://");
    const char *host = at != NULL ? at + 3 : url;
    size_t len = strcspn(host, "/?#");
    for (size_t i = 0; i < len; i++) {
        if (host[i] == '@') {
            host += i + 1;
            len -= i + 1;
            i = (size_t)-1;
        }
    }
    (void)snprintf(out, HOST_BYTES, "%.*s", (int)min_size(len, HOST_BYTES - 1), host);
}

static void free_webhook(struct webhook *webhook)
{
    for (size_t i = 0; i < webhook->count; i++)
        free_letter(&webhook->queue[i]);
    (void)pthread_cond_destroy(&webhook->cond);
    (void)pthread_mutex_destroy(&webhook->lock);
    explicit_bzero(&webhook->key, sizeof webhook->key);
    free(webhook->url);
    free(webhook->told_path);
    free(webhook);
}

/* False = no memory. */
static bool recall(struct webhook *webhook, const char *told_path)
{
    if (told_path == NULL)
        return true;
    webhook->told_path = strdup(told_path);
    if (webhook->told_path == NULL)
        return false;
    webhook_told_recall(webhook->told_path, webhook->url, clock_mono(), &webhook->known);
    return true;
}

struct webhook *webhook_start(const char *url, const char *secret, const char *told_path)
{
    struct webhook *webhook = calloc(1, sizeof *webhook);
    if (webhook == NULL)
        return NULL;
    (void)pthread_mutex_init(&webhook->lock, NULL); /* can't fail on Linux without attributes */
    clock_cond_init(&webhook->cond);
    webhook->began_unix = clock_wall() / US_PER_S;
    webhook->url = strdup(url);
    webhook->has_key = prepare_key(secret, &webhook->key);
    host_of(url, webhook->host);
    if (webhook->url != NULL && recall(webhook, told_path) && webhook_post_init() &&
        pthread_create(&webhook->thread, NULL, run, webhook) == 0) {
        (void)pthread_setname_np(webhook->thread, "weir-webhook");
        return webhook;
    }
    free_webhook(webhook);
    return NULL;
}

void webhook_stop(struct webhook *webhook)
{
    if (webhook == NULL)
        return;
    (void)pthread_mutex_lock(&webhook->lock);
    atomic_store(&webhook->is_stopping, true);
    (void)pthread_cond_signal(&webhook->cond);
    (void)pthread_mutex_unlock(&webhook->lock);
    (void)pthread_join(webhook->thread, NULL);
    if (webhook->count > 0)
        log_event(LOG_WARN, "webhook", "stopping: changes of the health were not told",
                  KV(KV_STR("host", webhook->host), KV_INT("letters", webhook->count)));
    free_webhook(webhook);
}
