/* SPDX-License-Identifier: MIT
 *
 * config_origin - which layer a value came from.
 *
 * That is not kept while loading: the arguments, the environment and the file's text are all still
 * there, and one more look at them is cheaper than a field per key. Results are constant texts:
 * "flag", "environment", "file", "default". Threads: reads the environment, so none that changes it
 * meanwhile. Ownership: borrows. */
#pragma once

#include "common/config/config.h"
#include "common/config/config_option.h"

/* The environment's value of a row: the regular name, then the aliases; NULL = unset or empty.
 * out_name is the variable that was looked at last. */
const char *config_env_value(const struct config_option *option,
                             char out_name[static CONFIG_ENV_NAME_MAX]);
/* The value of the variable of CoreScope's that stands for this key; NULL = there is none, or it is
 * unset, or one that it needs beside it is. Whether it counts is another question: it is weaker
 * than all of our layers. */
const char *config_corescope_value(const char *key);
/* NULL = given nowhere of ours, also where only the key behind it (fallback_key) is. root is the
 * file, NULL = none. */
const char *config_given_in(const struct config_args *args, const struct config_option *option,
                            const cJSON *root);

/* A load that is over, for the functions below. */
struct config_layers {
    const struct config_args *args;
    const cJSON *root; /* the file, NULL = none */
};
const char *config_origin_global(const struct config_layers *layers,
                                 const struct config_option *option);
/* entry: the source's in mqttSources; NULL = it is the one made of mqtt.broker and mqtt.topic. */
const char *config_origin_source(const struct config_layers *layers,
                                 const struct config_source *source, const cJSON *entry,
                                 const struct config_option *option);
