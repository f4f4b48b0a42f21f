/* SPDX-License-Identifier: MIT
 *
 * config_option - what one row of a table of options says, what a type of value can do, how rows
 * are found, and how the value of one is set, compared, printed and freed.
 *
 * I1. There is no switch over the type of a row: whatever depends on it is a member of struct
 *     config_type. A new type is one more constant, beside those in config_type, config_pairs
 *     and config_geo.
 * I2. Nothing here knows the rows themselves; they are in config_table, above all types.
 * Threads: no state of its own; a loader, and a struct that is filled, belong to one thread.
 * Ownership: rows and types are constants; what a field owns is freed by its type's `done`. */
#pragma once

#include "common/base/base.h"
#include "common/config/config_parts.h"

#include <cjson/cJSON.h>
#include <stdio.h>

struct config_loader;
struct config_option;

#define CONFIG_ENV_NAME_MAX 128
#define CONFIG_ENV_PREFIX   "WEIR_"
#define CONFIG_OPTIONS_MAX  160 /* at least the rows of each table */

/* Where one value goes, and what messages call it. All borrowed for the call. */
struct config_target {
    struct config_loader *loader;
    const struct config_option *option;
    void *field;      /* of the size and type that the row says */
    const char *path; /* "mqttSources[0].qos", "--set port" ... */
};

/* A type of value. Functions that set a field replace what it holds, or report an error and leave
 * it. Those marked so may be NULL. */
struct config_type {
    size_t size; /* of the field; 0 = the row's own: numbers and words come in several widths */
    /* The form of the value in the file. */
    cJSON_bool (*is_json)(const cJSON *item);
    /* "a list": too much for a flag or a variable, write this into the file.
     * NULL = a single value. */
    const char *only_in_file;
    const char *none; /* --help: a row without a default */
    /* "a whole number from 0 to 10000", for messages. */
    void (*describe)(const struct config_option *option, char *out, size_t cap);
    /* What --help puts in brackets behind the row's text. NULL = nothing. */
    void (*describe_range)(const struct config_option *option, char *out, size_t cap);
    /* The item is of the form above. NULL = read elsewhere. */
    void (*from_json)(const struct config_target *to, const cJSON *item);
    /* A flag's or a variable's text, and the row's default. NULL = no row of this
     * type has either. */
    void (*from_text)(const struct config_target *to, const char *text);
    /* NULL = compared elsewhere. */
    bool (*equal)(const struct config_option *option, const void *a, const void *b);
    /* Secrets as ****. NULL = printed elsewhere. */
    void (*print)(const struct config_option *option, const void *field, FILE *out);
    /* Frees what the field owns and leaves the empty value. NULL = it owns nothing. */
    void (*done)(void *field);
};

enum config_flag {
    OPTION_SECRET = 1,     /* masked, never quoted, refused on the command line */
    OPTION_CLAMPED = 2,    /* out of range is a warning and the nearest limit */
    OPTION_SERVER_TOO = 4, /* the server reads it as well as the ingestor */
    OPTION_TRANSIENT = 8,  /* the field is in the draft only: not printed, compared or kept */
    OPTION_BESIDE_DB = 16, /* the default is a name in dbPath's folder */
    OPTION_REQUIRED = 32,
    OPTION_ZERO_TOO = 64,     /* 0 is allowed below min: no limit */
    OPTION_NOT_NULL = 128,    /* null is refused; elsewhere it asks for a default of none */
    OPTION_SERVER_ONLY = 256, /* the ingestor does not read it */
    OPTION_SERVER_LIVE = 512, /* the server takes a change over while it runs */
};

/* What must be started again to bring a change into force; 0 = the supervisor (or server)
 * just reads it. */
enum config_reload { RELOAD_LIVE = 0, RELOAD_RECEIVER = 1, RELOAD_FLUSHER = 2, RELOAD_RESTART = 4 };

struct config_option {
    const char *key;
    const struct config_type *type;
    unsigned flags, reload;
    size_t offset, size; /* of the field in the struct that the table is about */
    double min, max;     /* of a number; of a string in bytes; max: entries of what holds several */
    const char *default_text;       /* NULL = none */
    const char *const *words;       /* ends with NULL */
    const char *const *env_aliases; /* ends with NULL; weaker than the regular name */
    /* NULL = fine, else why a string is refused; never quotes it. */
    const char *(*check)(const char *);
    /* What a string becomes before it is checked and kept; the caller frees it,
     * NULL = no memory. */
    char *(*tidy)(const char *);
    /* The value may also come as an object with these members, which write to the same struct. */
    const struct config_table *members;
    const char *fallback_key; /* the key whose value counts where this one is not given */
    const char *reason;       /* why the range is as it is, for the refusal */
    const char *help;
};

/* A word that people try, and the key they mean. */
struct config_meant {
    const char *word, *key;
};

struct config_table {
    const struct config_option *rows;
    size_t count;
    const struct config_meant *meant; /* ends with a NULL word; NULL = none */
};

/* --- finding ---------------------------------------------------------------------------------- */

/* NULL when there is none. */
const struct config_option *config_find(const struct config_table *table, const char *key);
/* The rows "retention.nodeDays" ... are the members of the object `retention`: the first of them,
 * NULL = there is no such object. */
const struct config_option *config_find_group(const struct config_table *table, const char *name);
bool config_is_read_by(const struct config_option *option, enum config_reader reader);
bool config_is_comment(const char *key);
/* Index in the row's words, -1 = not one of them. */
int config_word_index(const struct config_option *option, const char *word);
/* No default of its own: then "" and null mean "none". */
bool config_is_optional(const struct config_option *option);
/* groupCommitMs -> WEIR_GROUP_COMMIT_MS. */
void config_env_name(char out[static CONFIG_ENV_NAME_MAX], const char *key);
/* WEIR_SOURCE_<NAME>_PASSWORD: name upper-cased, every byte but letters and digits as '_'. */
void config_password_env(char out[static CONFIG_ENV_NAME_MAX], const char *source_name);

/* --- the value of a row ----------------------------------------------------------------------- */

/* `base` is the struct that the row's offset counts in. What can't be set is reported under `path`,
 * and the field stays as it was. */

/* From an item of the file; null is the default where that is "none". */
void config_set_json(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const cJSON *item);
/* From the text of a flag or a variable. */
void config_set_text(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const char *text);
/* A row without a default keeps its zeroed field. */
void config_set_default(struct config_loader *loader, const struct config_option *option,
                        void *base);
/* Reports "must be <what>, not <shown>: <reason>"; for the types. */
void config_refuse(const struct config_target *to, const char *shown);

bool config_value_equal(const struct config_option *option, const void *a, const void *b);
/* Exchanges the fields of two structs: nothing is allocated or freed. */
void config_value_swap(const struct config_option *option, void *a, void *b);
void config_value_print(const struct config_option *option, const void *base, FILE *out);
void config_value_done(const struct config_option *option, void *base);
