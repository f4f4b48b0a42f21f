/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/facts/fact_known.h"

#include "common/base/crypto.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4
#define SETS (FACT_KNOWN / WAYS)
/* Of the column `has`: each value of it is a row of its own. */
#define ALL_VALUES 32 /* of fact_reception_has */

struct set {
    struct fact_known_entry entries[WAYS]; /* key 0 = empty */
    uint32_t next;                         /* to be replaced */
};

struct fact_known {
    struct set sets[SETS];
};

struct fact_known *fact_known_new(void)
{
    return calloc(1, sizeof(struct fact_known));
}

void fact_known_free(struct fact_known *known)
{
    free(known);
}

void fact_known_clear(struct fact_known *known)
{
    memset(known, 0, sizeof *known);
}

/* Whoever found two receptions with one key could hide the second: hence no cheaper sum. */
static uint64_t key_of(const struct fact_reception *reception)
{
    uint8_t digest[32];
    const struct crypto_part parts[] = {{&reception->hash, sizeof reception->hash},
                                        {&reception->observer, sizeof reception->observer},
                                        {&reception->direction, sizeof reception->direction},
                                        {&reception->path_size, sizeof reception->path_size},
                                        {reception->path, reception->path_len}};
    crypto_sha256(parts, ARRAY_LEN(parts), digest);
    const uint64_t key = fact_number_of_bytes(digest, sizeof digest);
    return key != 0 ? key : 1;
}

enum fact_news fact_known_look(const struct fact_known *known,
                               const struct fact_reception *reception, struct fact_known_entry *out)
{
    const uint8_t has = fact_reception_has(reception);
    *out = (struct fact_known_entry){
        .key = key_of(reception), .receipt_ms = reception->receipt_ms, .has = UINT64_C(1) << has};
    const struct set *set = &known->sets[out->key % SETS];
    for (size_t i = 0; i < WAYS; i++) {
        const struct fact_known_entry *entry = &set->entries[i];
        if (entry->key != out->key)
            continue;
        uint64_t told = 0; /* by any row so far */
        for (unsigned value = 0; value < ALL_VALUES; value++)
            told |= (entry->has >> value & 1) != 0 ? value : 0;
        const bool is_early = reception->receipt_ms <= entry->receipt_ms;
        const bool adds = is_early || (has & ~told) != 0;
        if (!is_early)
            out->receipt_ms = entry->receipt_ms;
        out->has |= entry->has;
        return adds ? FACT_ADDS : FACT_REPEATS;
    }
    return FACT_IS_NEW;
}

void fact_known_keep(struct fact_known *known, const struct fact_known_entry *entry)
{
    struct set *set = &known->sets[entry->key % SETS];
    for (size_t i = 0; i < WAYS; i++) {
        if (set->entries[i].key == entry->key) {
            set->entries[i] = *entry;
            return;
        }
    }
    set->entries[set->next] = *entry;
    set->next = (set->next + 1) % WAYS;
}
