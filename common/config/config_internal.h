/* SPDX-License-Identifier: MIT
 *
 * config_internal - what the files of the config module share; nobody else includes it (tests may).
 *
 *   config_option.h  what a row is
 *   config_table.c   the rows; look-up by key, environment name, "did you mean"
 *   config_type.c    one row's value: from JSON, from text, its default; compare, print, free
 *   config_pairs.c   values that are names with keys: channelKeys, and the file channelKeysPath
 *   config_geo.c     the value of geo_filter
 *   config_report.c  messages, and the words in them
 *   config_text.c    reading a small file; folders
 *   config_source.c  mqttSources and mqtt: names, topics, client ids, passwords
 *   config_load.c    file -> environment -> flags
 *   config_validate.c  what only all of them together can tell
 *   config_print.c   --print-config, --help
 *   config_reload.c  what a changed configuration reaches
 *
 * A load works on a struct config_loader. Errors go to its report and never stop the load, so that all of
 * them are seen; short memory sets no_memory, which ends in STATUS_NO_MEMORY. */
#pragma once

#include "common/config/config.h"
#include "common/config/config_option.h"

#include <cjson/cJSON.h>

/* Bytes. CONFIG_CHANNELS_MAX keys, each on a line with a name of 64 bytes, take 1.5 MiB. */
#define CONFIG_FILE_MAX       (4 * 1024 * 1024)
#define CONFIG_DEPTH_MAX      32   /* nesting; CoreScope's areas and home pages stay under 10 */
#define CONFIG_SECRET_MAX     1023 /* bytes of a password or apiKey */
#define CONFIG_KEY_SHOWN_MAX  80   /* bytes of a stranger's key in a message */
#define CONFIG_INJECT_SOCKET  "/inject.sock" /* in spoolDir */
#define CONFIG_DEFAULT_SOURCE "default"

/* The structs the rows' offsets count in: the result first, then what only the load needs. */
struct config_draft {
    struct config config;
    char *mqtt_broker, *mqtt_topic;
    char *channel_keys_path;
    bool validates_signatures;
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

/* --- config_report.c --- */

void config_error(struct config_loader *loader, const char *fmt, ...) PRINTF(2, 3);
void config_warn(struct config_loader *loader, const char *fmt, ...) PRINTF(2, 3);
bool config_report_has_error(const struct config_report *report);
/* "a whole number from 0 to 10000", for messages and --help. */
void config_describe(char *out, size_t cap, const struct config_option *option);
/* "a list", "null" ... */
const char *config_type_name(const cJSON *item);

/* --- config_type.c  --- */

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
/* No control characters (C1 among them), and valid UTF-8. */
bool config_is_clean_text(const char *text);
/* Overwrite before free; accepts NULL. */
void config_free_secret(char *text);

/* --- config_pairs.c --- */

/* Each value must be a key. prefix + name is the path of a message; at most max entries. */
void config_pairs_set(struct config_loader *loader, struct config_pairs *out, size_t max,
                      const char *prefix, const cJSON *object);
bool config_pairs_equal(const struct config_pairs *a, const struct config_pairs *b);
/* Each value as ****. */
void config_pairs_print(const struct config_pairs *pairs, FILE *out);
void config_pairs_done(struct config_pairs *pairs);
/* Adds the file's keys to channelKeys, whose own stay, and checks the bound. */
void config_channels_load(struct config_loader *loader);

/* --- config_geo.c --- */

/* The whole of geo_filter, and its member polygon, which touches points and count only. */
void config_geo_set(struct config_loader *loader, struct geo_area *out, const char *path,
                    const cJSON *object);
void config_geo_set_points(struct config_loader *loader, struct geo_area *out, const char *path,
                           const cJSON *array);
bool config_geo_equal(const struct geo_area *a, const struct geo_area *b);
void config_geo_print(const struct geo_area *area, FILE *out);
void config_geo_done(struct geo_area *area);

/* --- config_text.c --- */

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

/* --- config_validate.c --- */

/* When all layers are read: derived values, and the checks that concern more than one key. */
void config_validate(struct config_loader *loader);
/* A file that everybody may read and that holds a password: a warning. */
void config_warn_readable_secret(struct config_loader *loader);
bool config_broker_has_password(const char *broker);

/* --- config_load.c --- */

/* One object of the file: each member sets the row key_prefix + name of `table` in `base`. */
struct config_object {
    const struct config_table *table;
    void *base;
    const char *path_prefix, *key_prefix;
    bool is_root; /* CoreScope's keys are accepted, and objects of the table are looked for */
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
/* The text is not JSON: says where the parser stopped, behind `what` ("" or "key: file: "). */
void config_report_bad_json(struct config_loader *loader, const char *what, const char *text,
                            size_t len);
/* "flag", "environment" or "file"; NULL = given nowhere. */
const char *config_given_in(const struct config_args *args, const struct config_option *option,
                            const cJSON *root);
