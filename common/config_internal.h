/* SPDX-License-Identifier: MIT
 *
 * config_internal - what the files of the config module share; nobody else includes it (tests may).
 *
 *   config_table.c   the rows; look-up by key, environment name, "did you mean"
 *   config_value.c   one row's value: from JSON, from text, its default; compare, print, free
 *   config_report.c  messages
 *   config_file.c    reading a small file; folders
 *   config_source.c  mqttSources and mqtt: names, topics, client ids, passwords
 *   config_load.c    file -> environment -> flags -> what only all of them together can tell
 *   config_print.c   --print-config, --help
 *   config_reload.c  what a changed configuration reaches
 *
 * A load works on a struct config_loader. Errors go to its report and never stop the load, so that all of
 * them are seen; short memory sets no_memory, which ends in STATUS_NO_MEMORY. */
#pragma once

#include "common/config.h"

#include <cjson/cJSON.h>

#define CONFIG_FILE_MAX       (1024 * 1024) /* bytes */
#define CONFIG_DEPTH_MAX      32   /* nesting; CoreScope's areas and home pages stay under 10 */
#define CONFIG_SECRET_MAX     1023 /* bytes of a password or apiKey */
#define CONFIG_KEY_SHOWN_MAX  80   /* bytes of a stranger's key in a message */
#define CONFIG_ENV_NAME_MAX   128
#define CONFIG_ENV_PREFIX     "WEIR_"
#define CONFIG_INJECT_SOCKET  "/inject.sock" /* in spoolDir */
#define CONFIG_DEFAULT_SOURCE "default"

enum config_kind {
    KIND_INT,  /* field of 4 or 8 bytes */
    KIND_REAL, /* double */
    KIND_BOOL,
    KIND_WORD,   /* the index of a word, into a bool or an enum */
    KIND_STRING, /* min and max count bytes; with no default NULL = none */
    KIND_PATH,   /* made absolute */
    KIND_LIST,   /* struct config_list of strings; max counts items */
    KIND_SOURCES,
};

enum config_flag {
    OPTION_SECRET = 1,  /* masked, never quoted, refused on the command line */
    OPTION_CLAMPED = 2, /* out of range is a warning and the nearest limit */
    OPTION_LENIENT =
        4, /* CoreScope has this key with words of its own: those are ignored with a warning */
    OPTION_TRANSIENT = 8,  /* the field is in the draft only: not printed, compared or kept */
    OPTION_BESIDE_DB = 16, /* the default is a name in dbPath's folder */
    OPTION_REQUIRED = 32,
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
    const char *(*check)(
        const char *);  /* NULL = fine, else why a string is refused; never quotes it */
    const char *reason; /* why the range is as it is, for the refusal */
    const char *help;
};

struct config_table {
    const struct config_option *rows;
    size_t count;
};

extern const struct config_table config_options;        /* global */
extern const struct config_table config_source_options; /* of one entry in mqttSources */

/* The structs the rows' offsets count in: the result first, then what only the load needs. */
struct config_draft {
    struct config config;
    char *mqtt_broker, *mqtt_topic;
};

struct config_source_draft {
    struct config_source source;
    char *password_file;
};

struct config_loader {
    const struct config_args *args;
    struct config_report *report;
    struct config_draft draft;
    char *folder;    /* absolute; relative paths count from here */
    cJSON *root;     /* the file; NULL = none or unusable */
    unsigned mode;   /* permission bits of the file */
    bool mqtt_given; /* some layer has mqtt.broker or mqtt.topic */
    bool no_memory;
};

/* --- config_table.c --- */

/* NULL when there is none. */
const struct config_option *config_find(const struct config_table *table, const char *key);
/* Index in the list of CoreScope's keys that are not implemented, -1 = not one of them. */
int config_ignored_index(const char *key);
#define CONFIG_IGNORED_MAX 128 /* at least the length of that list */
#define CONFIG_OPTIONS_MAX 64  /* at least the rows of each table */
bool config_is_comment(const char *key);
/* groupCommitMs -> WEIR_GROUP_COMMIT_MS. */
void config_env_name(char out[static CONFIG_ENV_NAME_MAX], const char *key);
bool config_is_scalar(const struct config_option *option);

/* The nearest of the candidates offered; best stays NULL when none is near enough to be meant. */
struct config_guess {
    const char *best;
    size_t distance;
};
void config_guess_offer(struct config_guess *guess, const char *key, const char *candidate);
void config_guess_table(struct config_guess *guess, const char *key,
                        const struct config_table *table);
void config_guess_ignored(struct config_guess *guess, const char *key);

/* --- config_report.c --- */

void config_error(struct config_loader *loader, const char *fmt, ...) PRINTF(2, 3);
void config_warn(struct config_loader *loader, const char *fmt, ...) PRINTF(2, 3);
bool config_report_has_error(const struct config_report *report);

/* --- config_value.c --- */

/* strdup that remembers a failure in the loader. */
char *config_dup(struct config_loader *loader, const char *text);
/* Absolute form of a path, counted from the loader's folder. */
char *config_absolute(struct config_loader *loader, const char *path);

/* Each writes the field of `option` in `base` (replacing what it holds) or reports an error under `path`. */
void config_set_json(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const cJSON *item);
void config_set_text(struct config_loader *loader, const struct config_option *option, void *base,
                     const char *path, const char *text);
void config_set_default(struct config_loader *loader, const struct config_option *option,
                        void *base);
bool config_list_add(struct config_list *list, char *item);
void config_list_done(struct config_list *list);

bool config_value_equal(const struct config_option *option, const void *a, const void *b);
void config_value_swap(const struct config_option *option, void *a, void *b);
void config_value_print(const struct config_option *option, const void *base, FILE *out);
void config_value_done(const struct config_option *option, void *base);
/* "a whole number from 0 to 10000", for messages and --help. */
void config_describe(char *out, size_t cap, const struct config_option *option);
/* Overwrite before free; accepts NULL. */
void config_free_secret(char *text);

/* --- config_file.c --- */

/* The whole file with a NUL behind it (the caller frees it), at most max bytes. regular_only: a FIFO or device
 * is refused, not waited for. False with the reason in *err. */
NODISCARD bool config_read_file(const char *path, size_t max, bool regular_only, char **out_text,
                                size_t *out_len, unsigned *out_mode, struct err *err);
/* The folder a path is in; NULL = no memory. */
char *config_folder_of(const char *path);

/* --- config_source.c --- */

/* Fills draft.config.sources from the file, the draft's mqtt_* and the environment. */
void config_sources_load(struct config_loader *loader);
void config_source_done(struct config_source *source);
/* WEIR_SOURCE_<NAME>_PASSWORD: name upper-cased, every byte but letters and digits as '_'. */
void config_password_env(char out[static CONFIG_ENV_NAME_MAX], const char *source_name);

/* --- config_load.c --- */

/* One object of the file: each member sets the row key_prefix + name of `table` in `base`. */
struct config_object {
    const struct config_table *table;
    void *base;
    const char *path_prefix, *key_prefix;
    bool is_root; /* CoreScope's keys are accepted, and `mqtt` is an object of its own */
};
void config_read_object(struct config_loader *loader, const struct config_object *object,
                        const cJSON *members);

/* A configuration file in memory; text NULL = there is none. */
struct config_input {
    const char *folder; /* absolute */
    const char *text;   /* text[len] is NUL */
    size_t len;
    unsigned mode; /* permission bits */
};
NODISCARD enum status config_load_input(const struct config_args *args,
                                        const struct config_input *input, struct config *out,
                                        struct config_report *report);
/* The environment's value of a row: the regular name, then the aliases; NULL = unset or empty. */
const char *config_env_value(const struct config_option *option,
                             char out_name[static CONFIG_ENV_NAME_MAX]);
/* The value that the command line gives a key; NULL = none. */
const char *config_flag_value(const struct config_args *args, const char *key);
