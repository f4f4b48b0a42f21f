/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/envelope_time.h"

#include "common/base/clock.h"

#define DAYS_PER_ERA 146097 /* the Gregorian calendar repeats every 400 years */

/* What is left of the text; each take_ function eats from its front or fails. */
struct cursor {
    const char *at, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_char(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* Exactly `count` digits, with a value in [low, high]. */
static bool take_number(struct cursor *c, int count, int low, int high, int *out)
{
    if (c->end - c->at < count)
        return false;
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!is_digit(c->at[i]))
            return false;
        value = value * 10 + (c->at[i] - '0');
    }
    c->at += count;
    *out = value;
    return value >= low && value <= high;
}

/* Days since 1970-01-01 of a proleptic Gregorian date. The year starts in March here, so that the
 * leap day is its last and the lengths of the months before follow one linear formula. */
static int64_t days_from_civil(int year, int month, int day)
{
    const int y = month <= 2 ? year - 1 : year;
    const int era = (y >= 0 ? y : y - 399) / 400;
    const int year_of_era = y - era * 400;
    const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * DAYS_PER_ERA + day_of_era - 719468; /* 0000-03-01 to 1970-01-01 */
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool take_date(struct cursor *c, int64_t *out_ms)
{
    int year;
    int month;
    int day;
    if (!take_number(c, 4, 0, 9999, &year) || !take_char(c, '-') ||
        !take_number(c, 2, 1, 12, &month) || !take_char(c, '-') ||
        !take_number(c, 2, 1, days_in_month(year, month), &day))
        return false;
    *out_ms = days_from_civil(year, month, day) * MS_PER_DAY;
    return true;
}

/* ".103404": at least one digit after the point. No point is no fraction. */
static bool take_fraction(struct cursor *c, int *out_ms)
{
    *out_ms = 0;
    if (!take_char(c, '.'))
        return true;
    if (c->at == c->end || !is_digit(*c->at))
        return false;
    for (int unit = 100; c->at < c->end && is_digit(*c->at); c->at++, unit /= 10)
        *out_ms += (*c->at - '0') * unit;
    return true;
}

static bool take_time(struct cursor *c, int64_t *out_ms)
{
    int hour;
    int minute;
    int second;
    int fraction_ms;
    if (!take_number(c, 2, 0, 23, &hour) || !take_char(c, ':') ||
        !take_number(c, 2, 0, 59, &minute) || !take_char(c, ':') ||
        !take_number(c, 2, 0, 59, &second) || !take_fraction(c, &fraction_ms))
        return false;
    *out_ms = (int64_t)hour * MS_PER_HOUR + (int64_t)minute * MS_PER_MIN +
              (int64_t)second * MS_PER_S + fraction_ms;
    return true;
}

/* "Z", "+hh:mm", "-hh:mm" or nothing; *out_ms is what the local time is ahead of UTC. */
static bool take_zone(struct cursor *c, int64_t *out_ms, bool *out_is_naive)
{
    *out_ms = 0;
    *out_is_naive = c->at == c->end;
    if (*out_is_naive || take_char(c, 'Z'))
        return true;
    const bool is_behind = take_char(c, '-');
    int hour;
    int minute;
    if ((!is_behind && !take_char(c, '+')) || !take_number(c, 2, 0, 23, &hour) ||
        !take_char(c, ':') || !take_number(c, 2, 0, 59, &minute))
        return false;
    const int64_t offset_ms = (int64_t)hour * MS_PER_HOUR + (int64_t)minute * MS_PER_MIN;
    *out_ms = is_behind ? -offset_ms : offset_ms;
    return true;
}

bool envelope_time_parse(const char *text, size_t len, int64_t *out_ms, bool *out_is_naive)
{
    struct cursor c = {text, text + len};
    int64_t date_ms;
    int64_t time_ms;
    int64_t zone_ms;
    bool is_naive;
    if (!take_date(&c, &date_ms) || !take_char(&c, 'T') || !take_time(&c, &time_ms) ||
        !take_zone(&c, &zone_ms, &is_naive) || c.at != c.end)
        return false;
    *out_ms = date_ms + time_ms - zone_ms;
    *out_is_naive = is_naive;
    return true;
}
