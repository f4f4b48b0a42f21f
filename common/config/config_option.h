/* SPDX-License-Identifier: MIT
 *
 * config_option - what one row of the config module's tables says, and how rows are found; for the files of
 * the module only, see config_internal.h. */
#pragma once

#include "common/base/base.h"

#define CONFIG_ENV_NAME_MAX 128
#define CONFIG_ENV_PREFIX   "WEIR_"

enum config_kind {
    KIND_INT,  /* field of 4 or 8 bytes */
    KIND_REAL, /* double */
    KIND_BOOL,
    KIND_WORD,   /* the index of a word, into a bool or an enum */
    KIND_STRING, /* min and max count bytes; with no default NULL = none */
    KIND_PATH,   /* made absolute */
    KIND_LIST,   /* struct config_list of strings; max counts items */
    KIND_SOURCES,
    KIND_PAIRS,  /* struct config_pairs: an object of names and keys; max counts them */
    KIND_GEO,    /* struct geo_area */
    KIND_POINTS, /* points and count of a struct geo_area; in geo_filter only */
};

enum config_flag {
    OPTION_SECRET = 1,  /* masked, never quoted, refused on the command line */
    OPTION_CLAMPED = 2, /* out of range is a warning and the nearest limit */
    OPTION_LENIENT =
        4, /* CoreScope has this key with words of its own: those are ignored with a warning */
    OPTION_TRANSIENT = 8,  /* the field is in the draft only: not printed, compared or kept */
    OPTION_BESIDE_DB = 16, /* the default is a name in dbPath's folder */
    OPTION_REQUIRED = 32,
    OPTION_ZERO_TOO = 64, /* 0 is allowed below min: no limit */
};

/* What must be started again to bring a change into force; 0 = the supervisor (or server) just reads it. */
enum config_reload { RELOAD_LIVE = 0, RELOAD_RECEIVER = 1, RELOAD_FLUSHER = 2, RELOAD_RESTART = 4 };

struct config_option {
    const char *key;
    enum config_kind kind;
    unsigned flags, reload;
    size_t offset, size; /* of the field in struct config_draft or struct config_source_draft */
    double min, max;
    const char *fallback;           /* the default as text; NULL = none */
    const char *const *words;       /* ends with NULL */
    const char *const *env_aliases; /* ends with NULL; weaker than the regular name */
    /* NULL = fine, else why a string is refused; never quotes it. */
    const char *(*check)(const char *);
    /* What a string becomes before it is checked and kept; the caller frees it, NULL = no memory. */
    char *(*tidy)(const char *);
    /* The value may also come as an object with these members, which write to the same base. */
    const struct config_table *members;
    const char *deputy; /* the key that speaks for this one where it is not given */
    const char *reason; /* why the range is as it is, for the refusal */
    const char *help;
};

struct config_table {
    const struct config_option *rows;
    size_t count;
};

extern const struct config_table config_options;        /* global */
extern const struct config_table config_source_options; /* of one entry in mqttSources */

/* The rows "retention.nodeDays" ... are the members of the object `retention`: the first of them, NULL = there is
 * no such object. */
const struct config_option *config_find_group(const struct config_table *table, const char *name);
/* NULL when there is none. */
const struct config_option *config_find(const struct config_table *table, const char *key);
/* Index in the list of CoreScope's keys that are not implemented, -1 = not one of them. */
int config_ignored_index(const char *key);
#define CONFIG_IGNORED_MAX 128 /* at least the length of that list */
#define CONFIG_OPTIONS_MAX 96  /* at least the rows of each table */
bool config_is_comment(const char *key);
/* groupCommitMs -> WEIR_GROUP_COMMIT_MS. */
void config_env_name(char out[static CONFIG_ENV_NAME_MAX], const char *key);
bool config_is_scalar(const struct config_option *option);

#define CONFIG_GUESS_LEN_MAX 48 /* longer keys are nobody's typing mistake; bounds the cost, too */

/* The nearest of the candidates offered; best stays empty when none is near enough to be meant. */
struct config_guess {
    char best[CONFIG_GUESS_LEN_MAX + 1];
    size_t distance;
};
/* True = it is the nearest now. */
bool config_guess_offer(struct config_guess *guess, const char *key, const char *candidate);
void config_guess_table(struct config_guess *guess, const char *key,
                        const struct config_table *table);
/* The objects of that table. */
void config_guess_groups(struct config_guess *guess, const char *key,
                         const struct config_table *table);
void config_guess_ignored(struct config_guess *guess, const char *key);
