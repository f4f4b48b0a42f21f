/* SPDX-License-Identifier: MIT */
#include "common/config/config_object.h"

#include "common/config/config_report.h"
#include "common/corescope/corescope.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define PATH_TEXT_MAX 160

/* --- did you mean ----------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many letters to insert, remove, replace or swap with their neighbour; capitals ignored. */
static size_t distance(const char *a, const char *b)
{
    const size_t a_len = strlen(a), b_len = strlen(b);
    size_t rows[3][CONFIG_GUESS_LEN_MAX + 1] = {{0}};
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            const int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x == y ? 0 : 1));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                row[j] = least(row[j], two_above[j - 2] + 1, row[j]);
        }
    }
    return rows[a_len % 3][b_len];
}

bool config_guess_offer(struct config_guess *guess, const char *key, const char *candidate)
{
    const size_t len = strnlen(key, CONFIG_GUESS_LEN_MAX + 1);
    if (len > CONFIG_GUESS_LEN_MAX || strlen(candidate) > CONFIG_GUESS_LEN_MAX)
        return false;
    /* One mistake in three letters, at most four: beyond that a guess confuses more
     * than it helps. */
    const size_t allowed = len / 3 < 4 ? len / 3 : 4;
    const size_t d = distance(key, candidate);
    if (d > allowed || (guess->best[0] != '\0' && d >= guess->distance))
        return false;
    (void)snprintf(guess->best, sizeof guess->best, "%s", candidate);
    guess->distance = d;
    return true;
}

/* The keys of the rows. */
static void guess_table(struct config_guess *guess, const char *key,
                        const struct config_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        config_guess_offer(guess, key, table->rows[i].key);
}

static void guess_groups(struct config_guess *guess, const char *key,
                         const struct config_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *dot = strchr(table->rows[i].key, '.');
        char name[CONFIG_GUESS_LEN_MAX + 1];
        if (dot == NULL)
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)(dot - table->rows[i].key),
                       table->rows[i].key);
        config_guess_offer(guess, key, name);
    }
}

/* The keys of CoreScope's that nothing reads, then the objects. */
static void guess_top_level(struct config_guess *guess, const char *key,
                            const struct config_table *table)
{
    for (size_t i = 0; i < corescope_key_count; i++) {
        if (corescope_keys[i].fate == CORESCOPE_IGNORED)
            config_guess_offer(guess, key, corescope_keys[i].key);
    }
    guess_groups(guess, key, table);
}

/* "nodeDays" for retention.nodeDays: NULL = no object has such a member. */
static const struct config_option *find_member(const struct config_table *table, const char *key)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *dot = strchr(table->rows[i].key, '.');
        if (dot != NULL && strcmp(dot + 1, key) == 0)
            return &table->rows[i];
    }
    return NULL;
}

static void unknown_at_top(struct config_loader *loader, const struct config_object *root,
                           const char *path, const char *key)
{
    const struct config_table *table = root->table;
    struct config_guess guess = {.distance = 0};
    const struct config_option *member = find_member(table, key);
    if (config_find(table, key) != NULL) {
        config_error(loader, "%s: unknown key; in the file it is \"%.*s\": {\"%s\": ...}", path,
                     (int)strcspn(key, "."), key, strchr(key, '.') + 1);
        return;
    }
    guess_table(&guess, key, table);
    guess_top_level(&guess, key, table);
    if (guess.best[0] != '\0')
        config_error(loader, "%s: unknown key; did you mean '%s'?", path, guess.best);
    else if (config_find(root->sources, key) != NULL)
        config_error(loader, "%s: unknown key here; it belongs into an entry of mqttSources", path);
    else if (member != NULL)
        config_error(loader, "%s: unknown key here; it belongs into the object %.*s", path,
                     (int)strcspn(member->key, "."), member->key);
    else
        config_error(loader, "%s: unknown key; --help lists those there are", path);
}

/* The objects are CoreScope's, too, whose next release brings more members: a warning. */
static void unknown_member(struct config_loader *loader, const struct config_object *object,
                           const char *path, const char *key)
{
    struct config_guess guess = {.distance = 0};
    guess_table(&guess, key, object->table);
    for (const struct config_meant *m = object->table->meant; m != NULL && m->word != NULL; m++) {
        if (strcasecmp(m->word, key) == 0)
            (void)snprintf(guess.best, sizeof guess.best, "%s", m->key);
    }
    if (guess.best[0] != '\0')
        config_warn(loader, "%s: unknown key, ignored; did you mean '%s'?", path, guess.best);
    else
        config_warn(loader, "%s: unknown key, ignored", path);
}

void config_unknown_key(struct config_loader *loader, const struct config_object *object,
                        const char *path, const char *key)
{
    if (object->is_root)
        unknown_at_top(loader, object, path, key);
    else
        unknown_member(loader, object, path, key);
}

/* --- members ---------------------------------------------------------------------------------- */

static void describe_group(char *out, size_t cap, const struct config_table *table,
                           const char *prefix)
{
    const size_t prefix_len = strlen(prefix);
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < table->count; i++) {
        const char *key = table->rows[i].key;
        if (strncmp(key, prefix, prefix_len) != 0)
            continue;
        const int n = snprintf(out + len, cap - len, "%s%s", len > 0 ? ", " : "", key + prefix_len);
        len += n > 0 && (size_t)n < cap - len ? (size_t)n : 0;
    }
}

/* Member `name` of the file holds the rows "name.x" of the table. */
static void read_group(struct config_loader *loader, const struct config_object *root,
                       const cJSON *item)
{
    char prefix[PATH_TEXT_MAX], want[PATH_TEXT_MAX];
    (void)snprintf(prefix, sizeof prefix, "%.*s.", CONFIG_KEY_SHOWN_MAX, item->string);
    struct config_object object = *root;
    object.path_prefix = prefix;
    object.key_prefix = prefix;
    object.is_root = false;
    if (cJSON_IsObject(item)) {
        config_read_object(loader, &object, item);
    } else if (!cJSON_IsNull(item)) { /* null = the defaults */
        describe_group(want, sizeof want, root->table, prefix);
        config_error(loader, "%s: must be an object with %s, not %s", item->string, want,
                     config_json_name(item));
    }
}

/* What of an object has been met, to find keys that are given twice (cJSON keeps both). */
struct seen {
    /* Of an object of rows the first row stands for the object. */
    bool options[CONFIG_OPTIONS_MAX], theirs[CORESCOPE_KEYS_MAX];
};

static bool is_first(struct config_loader *loader, bool *seen, const char *path)
{
    if (*seen)
        config_error(loader, "%s: given twice; keep one", path);
    const bool first = !*seen;
    *seen = true;
    return first;
}

static void read_value(struct config_loader *loader, const struct config_object *object,
                       const struct config_option *option, const char *path, const cJSON *item)
{
    if (!cJSON_IsObject(item) || option->members == NULL) {
        config_set_json(loader, option, object->base, path, item);
        return;
    }
    char prefix[PATH_TEXT_MAX + 1];
    (void)snprintf(prefix, sizeof prefix, "%s.", path);
    const struct config_object members = {option->members, object->base, prefix, "", false, NULL};
    config_read_object(loader, &members, item);
}

static void read_member(struct config_loader *loader, const struct config_object *object,
                        const cJSON *item, struct seen *seen)
{
    char path[PATH_TEXT_MAX], key[PATH_TEXT_MAX];
    (void)snprintf(path, sizeof path, "%s%.*s", object->path_prefix, CONFIG_KEY_SHOWN_MAX,
                   item->string);
    (void)snprintf(key, sizeof key, "%s%.*s", object->key_prefix, CONFIG_KEY_SHOWN_MAX,
                   item->string);

    const struct config_option *option = config_find(object->table, key);
    /* "mqtt.broker" is how flags and messages write a member of `mqtt`; no key of the file. */
    if (option != NULL && object->is_root && strchr(key, '.') != NULL)
        option = NULL;
    const struct config_option *group =
        object->is_root ? config_find_group(object->table, item->string) : NULL;
    const bool may_be_theirs = object->is_root || object->key_prefix[0] != '\0';
    const int theirs = may_be_theirs ? corescope_ignored(key) : -1;
    if (option != NULL) {
        if (is_first(loader, &seen->options[option - object->table->rows], path))
            read_value(loader, object, option, path, item);
    } else if (group != NULL) {
        if (is_first(loader, &seen->options[group - object->table->rows], path))
            read_group(loader, object, item);
    } else if (theirs >= 0) {
        if (!seen->theirs[theirs])
            config_warn(loader, "%s: a key of CoreScope's that is not implemented, ignored", path);
        seen->theirs[theirs] = true;
    } else {
        config_unknown_key(loader, object, path, key);
    }
}

void config_read_object(struct config_loader *loader, const struct config_object *object,
                        const cJSON *members)
{
    struct seen seen = {.options = {false}};
    const cJSON *item;
    cJSON_ArrayForEach(item, members)
    {
        if (!config_is_comment(item->string))
            read_member(loader, object, item, &seen);
    }
}
