/* SPDX-License-Identifier: MIT
 *
 * api_ask - one question to the database for an answer, and what is said where it can't be asked.
 * Threads: any that may wait. */
#pragma once

#include "cmd/server/http/request.h"
#include "cmd/server/model/asking.h"

typedef void (*api_question)(void *context, struct asking *asking, struct http_reply *reply);

/* False = the reply is a 503 that says why. Where a part of the store does not answer, the reply
 * says that it is partial (partial.h), and what was not found may be there: 503 instead of 404. */
bool api_ask(const struct model *model, api_question question, void *context,
             struct http_reply *reply);
/* The same for what can't say that it is partial: then it is a 503, too. */
bool api_ask_whole(const struct model *model, api_question question, void *context,
                   struct http_reply *reply);
