/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_asking.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/shards/sql.h"

bool shard_asking_ask(struct asking *asking, struct sql *sql)
{
    struct shard_question *question = asking->shards->question;
    if (sql->is_cut)
        shard_question_fail(question);
    const bool is_asked = !sql->is_cut && shard_ask(question, sql->text);
    sql_done(sql);
    return is_asked;
}
