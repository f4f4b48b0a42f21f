/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/tools/redecode.h"

#include "cmd/ingestor/store/store_tool.h"
#include "cmd/ingestor/tools/tool.h"

#include <inttypes.h>
#include <stdio.h>

static void show(void *context, int64_t done, int64_t total)
{
    struct tool_progress *progress = context;
    progress->total = (uint64_t)total;
    tool_progress_show(progress, (uint64_t)done);
}

static enum exit_code rebuild(struct tool *tool)
{
    struct store_derived before;
    struct store_derived after;
    enum status status = store_derived_counts(tool->store, &before);
    if (status != STATUS_OK)
        return tool_store_failed(tool, "channels can't be counted", status);
    struct tool_progress progress;
    tool_progress_begin(&progress, "redecode", 0);
    const struct store_rebuild_progress report = {.report = show, .context = &progress};
    status = store_rebuild(tool->store, &report);
    const double seconds = tool_progress_end(&progress);
    if (status == STATUS_OK)
        status = store_derived_counts(tool->store, &after);
    if (status != STATUS_OK)
        return tool_store_failed(tool, "rows can't be derived anew: nothing was changed", status);
    const int n =
        printf("redecode: channels %" PRId64 " -> %" PRId64 " (readable %" PRId64 " -> %" PRId64
               "), readable messages %" PRId64 " -> %" PRId64 " of %" PRId64 ", %.1f s\n",
               before.channels, after.channels, before.readable_channels, after.readable_channels,
               before.readable_messages, after.readable_messages, after.messages, seconds);
    return n > 0 && fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_IO;
}

int redecode_run(struct config *config)
{
    struct tool tool;
    enum exit_code code = tool_open(&tool, config, "weir-redecode");
    if (code == EXIT_CLEAN)
        code = rebuild(&tool);
    tool_close(&tool);
    config_done(config);
    return (int)code;
}
