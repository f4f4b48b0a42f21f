/* SPDX-License-Identifier: MIT
 *
 * config_report - a load in progress, and what it has to say.
 *
 * A load works on a struct config_loader, which every function that reads something is given.
 * Errors go to its report and never stop the load, so that all of them are seen (config.h,
 * I2); short memory sets no_memory, which ends in STATUS_NO_MEMORY. Ownership: the loader
 * owns its draft, folder and root; config_load frees them or moves the result out.
 * Threads: one per loader. */
#pragma once

#include "common/config/config.h"

#include <cjson/cJSON.h>

/* Bytes. CONFIG_CHANNELS_MAX keys, each on a line with a name of 64 bytes, take 1.5 MiB. */
#define CONFIG_FILE_MAX      (4 * 1024 * 1024)
#define CONFIG_DEPTH_MAX     32   /* nesting; CoreScope's areas and home pages stay under 10 */
#define CONFIG_SECRET_MAX    1023 /* bytes of a password or apiKey */
#define CONFIG_KEY_SHOWN_MAX 80   /* bytes of a stranger's key in a message */

/* The structs the rows' offsets count in: the result first, then what only the load needs. */
struct config_draft {
    struct config config;
    char *mqtt_broker, *mqtt_topic;
    bool validates_signatures;
};

struct config_source_draft {
    struct config_source source;
};

struct config_loader {
    const struct config_args *args;
    struct config_report *report;
    struct config_draft draft;
    char *folder;     /* absolute; relative paths count from here */
    const char *file; /* what messages call the file; borrowed */
    cJSON *root;      /* the file; NULL = none or unusable */
    unsigned mode;    /* permission bits of the file */
    bool mqtt_given;  /* some layer has mqtt.broker or mqtt.topic */
    bool no_memory;
};

void config_error(struct config_loader *loader, const char *fmt, ...) PRINTF(2, 3);
void config_warn(struct config_loader *loader, const char *fmt, ...) PRINTF(2, 3);
bool config_report_has_error(const struct config_report *report);
/* The text is no JSON: says where and why, behind `what` ("file: " or "key: file: "). */
void config_report_bad_json(struct config_loader *loader, const char *what, const char *text,
                            size_t len);
/* "a list", "null" ... for messages. */
const char *config_json_name(const cJSON *item);
