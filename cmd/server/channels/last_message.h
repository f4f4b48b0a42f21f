/* SPDX-License-Identifier: MIT
 *
 * last_message - a channel's newest text.
 *
 * Threads: that of the asking. Ownership: the texts are copies; last_message_done. */
#pragma once

#include "cmd/server/model/asking.h"

struct last_message {
    char *sender, *text; /* owned; NULL = not known */
};

/* Over the air or by a companion, whichever is newer. */
void last_message_read(struct last_message *out, struct asking *asking, int64_t channel_id);
/* Of this transmission. */
void last_message_of(struct last_message *out, struct asking *asking, int64_t transmission_id);
void last_message_done(struct last_message *message);
