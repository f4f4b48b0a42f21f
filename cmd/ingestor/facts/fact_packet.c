/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/facts/fact_packet.h"

#include "common/base/clock.h"

#include <math.h>
#include <string.h>

#define SENDER_BYTES   32
#define KIND_OF_PACKET 0

enum has { HAS_SAID = 1, HAS_SNR = 2, HAS_RSSI = 4, HAS_SCORE = 8, HAS_SCOPE = 16 };

static int64_t whole(int64_t ms, int64_t unit, int64_t max)
{
    const int64_t value = ms / unit;
    return value < 0 ? 0 : value > max ? max : value;
}

int64_t fact_hour(int64_t ms)
{
    return whole(ms, MS_PER_HOUR, UINT32_MAX);
}

static int64_t day_of(int64_t ms)
{
    return whole(ms, MS_PER_DAY, UINT16_MAX);
}

static void put_text(struct fact_row *row, const char *text)
{
    if (text == NULL)
        fact_row_null(row);
    else
        fact_row_bytes(row, text, strlen(text));
}

void fact_put_tx(struct fact_row *row, const struct fact_transmission *tx)
{
    fact_row_int(row, day_of(tx->receipt_ms));
    fact_row_u64(row, tx->hash);
    fact_row_int(row, fact_hour(tx->receipt_ms));
    fact_row_int(row, tx->receipt_ms);
    fact_row_int(row, tx->type);
    fact_row_int(row, tx->route);
    fact_row_bytes(row, tx->sender, tx->sender != NULL ? SENDER_BYTES : 0);
    fact_row_int(row, tx->is_forged);
    fact_row_bytes(row, tx->raw, tx->raw_len);
}

void fact_put_advert(struct fact_row *row, const struct fact_transmission *tx)
{
    fact_row_int(row, day_of(tx->receipt_ms));
    fact_row_bytes(row, tx->sender, SENDER_BYTES);
    fact_row_u64(row, tx->hash);
    fact_row_int(row, tx->receipt_ms);
}

uint8_t fact_reception_has(const struct fact_reception *reception)
{
    unsigned has = 0;
    has |= reception->has_said ? HAS_SAID : 0U;
    has |= isnan(reception->snr) ? 0U : HAS_SNR;
    has |= isnan(reception->rssi) ? 0U : HAS_RSSI;
    has |= isnan(reception->score) ? 0U : HAS_SCORE;
    has |= reception->scope == NULL ? 0U : HAS_SCOPE;
    return (uint8_t)has;
}

void fact_put_obs(struct fact_row *row, const struct fact_reception *reception)
{
    fact_row_int(row, day_of(reception->receipt_ms));
    fact_row_int(row, fact_hour(reception->receipt_ms));
    fact_row_int(row, reception->receipt_ms);
    fact_row_u64(row, reception->hash);
    fact_row_u64(row, reception->observer);
    fact_row_int(row, reception->direction);
    fact_row_int(row, reception->path_size);
    fact_row_bytes(row, reception->path, reception->path_len);
    fact_row_int(row, fact_reception_has(reception));
    put_text(row, reception->source);
    fact_row_int(row, reception->type);
    fact_row_int(row, reception->route);
    fact_row_int(row, reception->scope_code);
    put_text(row, reception->scope != NULL ? reception->scope : "");
    if (reception->has_said)
        fact_row_int(row, reception->said_ms - reception->receipt_ms);
    else
        fact_row_null(row);
    fact_row_real(row, reception->snr);
    fact_row_real(row, reception->rssi);
    fact_row_real(row, reception->score);
}

void fact_put_message(struct fact_row *row, const struct fact_message *message)
{
    fact_row_int(row, day_of(message->receipt_ms));
    put_text(row, message->channel);
    fact_row_u64(row, message->hash);
    fact_row_int(row, KIND_OF_PACKET);
    put_text(row, ""); /* peer and direction are a companion bridge's */
    fact_row_int(row, 0);
    fact_row_int(row, message->receipt_ms);
    put_text(row, message->sender);
    put_text(row, message->text);
    if (message->text != NULL)
        fact_row_int(row, message->sender_time);
    else
        fact_row_null(row);
    fact_row_null(row); /* snr, rssi, score: the packet's receptions have them */
    fact_row_null(row);
    fact_row_null(row);
}
