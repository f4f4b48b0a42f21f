/* SPDX-License-Identifier: MIT
 *
 * export_schema - the tables of CoreScope's database in their final form, its indexes, its view,
 * and the names of the migrations that have made it so (protocol.md 11). With these names there
 * CoreScope takes the file for one of its own and does none of them again.
 *
 * The order of columns is CoreScope's: it moves nodes with SELECT *. Constants. */
#pragma once

/* Before the rows: pages, tables, the unique index by which a reception is known. */
extern const char export_schema_tables[];
/* Behind them: faster than to keep them while rows come in. */
extern const char export_schema_indexes[];
extern const char export_schema_migrations[];
