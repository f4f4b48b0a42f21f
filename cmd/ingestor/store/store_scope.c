/* SPDX-License-Identifier: MIT
 *
 * The scope of a reception (protocol.md 5). A match tries every configured region, so its result stays beside
 * the content hash: the other receptions of the same packet mostly carry the same code. */
#include "cmd/ingestor/store/store_internal.h"

static const struct store_sql_text sql_texts[] = {
    {SQL_SCOPE_FIND, "SELECT id FROM scopes WHERE name = ?1"},
    {SQL_SCOPE_INSERT, "INSERT INTO scopes (name) VALUES (?1)"},
    /* Equal times: the name decides, so that the order does not. */
    {SQL_SCOPE_NODE,
     "UPDATE nodes SET scope_id = ?2, scope_ms = ?3 WHERE id = ?1 AND (scope_id IS NULL OR scope_ms"
     " < ?3 OR (scope_ms = ?3 AND scope_id <> ?2 AND (SELECT name FROM scopes WHERE id = ?2) <"
     " (SELECT name FROM scopes WHERE id = nodes.scope_id)))"},
};

enum status store_scope_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

int32_t store_scope_code(const struct meshcore_frame *frame)
{
    return meshcore_is_scoped(frame) ? frame->transport[0] : STORE_NO_SCOPE;
}

static enum status resolve_name(struct store *store, const char *name, int64_t *out_id)
{
    struct store_scope *scope = &store->record.new_scope;
    for (size_t i = 0; i < STORE_SCOPES && store->scopes[i].id != 0; i++)
        if (store->scopes[i].name == name) {
            *out_id = store->scopes[i].id;
            return STATUS_OK;
        }
    const enum status status = store_name_id(store, SQL_SCOPE_FIND, SQL_SCOPE_INSERT, name, out_id);
    if (status == STATUS_OK)
        *scope = (struct store_scope){.name = name, .id = *out_id};
    return status;
}

enum status store_scope_match(struct store *store, const struct meshcore_frame *frame, int32_t code,
                              struct hash_cache_entry *entry, int64_t *out_id)
{
    *out_id = 0;
    if (code <= 0 || store->region_scopes == NULL)
        return STATUS_OK;
    if (entry->scope_code_plus_1 == (uint32_t)code + 1) {
        *out_id = entry->scope_id;
        return STATUS_OK;
    }
    const char *name = NULL;
    enum status status = STATUS_OK;
    if (region_scopes_match(store->region_scopes, (uint16_t)code, frame->type, frame->payload,
                            frame->payload_len, &name) == SCOPE_MATCHED)
        status = resolve_name(store, name, out_id);
    if (status == STATUS_OK && *out_id <= (int64_t)UINT32_MAX) {
        entry->scope_code_plus_1 = (uint32_t)code + 1;
        entry->scope_id = (uint32_t)*out_id;
    }
    return status;
}

enum status store_scope_node(struct store *store, int64_t node_id, int64_t scope_id,
                             int64_t receipt_ms)
{
    bind_int(store, SQL_SCOPE_NODE, 1, node_id);
    bind_int(store, SQL_SCOPE_NODE, 2, scope_id);
    bind_int(store, SQL_SCOPE_NODE, 3, receipt_ms);
    return store_run(store, SQL_SCOPE_NODE);
}
