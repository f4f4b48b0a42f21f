/* SPDX-License-Identifier: MIT
 *
 * fuzz_config - any text as configuration file: it loads or is refused with a reason, and what
 * loaded prints and compares equal to itself. */
#include "tests/fuzz/require.h"

#include "common/config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_mesh(const struct config *config)
{
    require(config->channel_keys.count + config->hash_channels.count <= CONFIG_CHANNELS_MAX);
    require(config->hash_regions.count <= CONFIG_REGIONS_MAX);
    for (size_t i = 0; i < config->channel_keys.count; i++) {
        const size_t len = strlen(config->channel_keys.items[i].value);
        require(len == 32 || len == 64);
        require(config->channel_keys.items[i].name[0] != '\0');
    }
    for (size_t i = 0; i < config->hash_channels.count; i++)
        require(config->hash_channels.items[i][0] == '#');
    for (size_t i = 0; i < config->node_blacklist.count; i++)
        require(strlen(config->node_blacklist.items[i]) == 64);

    const struct geo_area *area = &config->geo_filter;
    require((area->points != NULL) == (area->shape == GEO_POLYGON));
    require(area->count <= GEO_POINTS_MAX && (area->shape != GEO_POLYGON || area->count >= 3));
    require(area->low.lat <= area->high.lat && area->low.lon <= area->high.lon);
    require(config->retention.rollup_days == 0 ||
            (config->retention.packet_days != 0 &&
             config->retention.rollup_days >= config->retention.packet_days));
}

static void use(const struct config_args *args, const struct config *config)
{
    static FILE *sink;
    bool receivers_too = true;
    char keys[256];
    if (sink == NULL)
        sink = fopen("/dev/null", "w");
    require(sink != NULL);
    config_print(args, config, sink);
    require(config_compare_global(config, config, &receivers_too, keys, sizeof keys) ==
            CONFIG_SAME);
    require(!receivers_too && keys[0] == '\0');
    require(config->ingest_buffer_size >= 1 &&
            config->ingest_buffer_size <= CONFIG_RING_RECORDS_MAX);
    require(config->source_count <= CONFIG_SOURCES_MAX);
    check_mesh(config);
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        require(config_compare_source(source, source) == CONFIG_SAME);
        require(source->name != NULL && strlen(source->name) <= CONFIG_SOURCE_NAME_MAX);
        require(source->broker != NULL && source->broker_masked != NULL &&
                source->client_id != NULL);
        require(source->topics.count >= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config_args args = {.file = NULL};
    struct config config;
    struct config_report *report = calloc(1, sizeof *report);
    char *text = malloc(size + 1);
    require(report != NULL && text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';

    const struct config_input input = {
        .folder = "/nonexistent", .text = text, .len = size, .mode = 0644};
    const enum status status = config_load_input(&args, &input, &config, report);
    require(status == STATUS_OK || (status == STATUS_CONFIG && report->count > 0));
    if (status == STATUS_OK)
        use(&args, &config);
    config_done(&config);
    free(text);
    free(report);
    return 0;
}
