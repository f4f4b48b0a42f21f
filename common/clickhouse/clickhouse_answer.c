/* SPDX-License-Identifier: MIT */
#include "common/clickhouse/clickhouse_answer.h"

#include "common/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_MARK      "Code: "
#define EXCEPTION_MARK "__exception__" /* newer servers, in front of an error behind rows */
#define CODE_MAX       100000
#define HTTP_OK        200

/* Not the statement's fault: the same may succeed later. */
static bool is_temporary_code(int code)
{
    static const int codes[] = {
        159, /* timeout exceeded */
        160, /* too slow */
        202, /* too many simultaneous queries */
        209, /* socket timeout */
        210, /* network error */
        225, /* no ZooKeeper */
        241, /* memory limit */
        242, /* table is read only (its ZooKeeper session) */
        252, /* too many parts */
        285, /* too few live replicas */
        286, /* unsatisfied quorum for a previous write */
        319, /* unknown status of insert */
        354, /* body can't be inflated: it was cut on its way */
        425, /* system error */
        999, /* Keeper */
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}

static bool is_temporary_status(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

/* I3. One line of printable UTF-8. */
static void add_clean(char *out, size_t cap, const char *bytes, size_t len)
{
    size_t n = strlen(out);
    for (size_t i = 0; i < len;) {
        const size_t run = utf8_sequence_len((const uint8_t *)bytes + i, len - i);
        const bool is_control =
            run == 0 || (run == 1 && (unsigned char)bytes[i] < ' ') || bytes[i] == 0x7f ||
            (run == 2 && (uint8_t)bytes[i] == 0xc2 && (uint8_t)bytes[i + 1] < 0xa0);
        if (n + max_size(run, 1) >= cap)
            break;
        if (is_control) {
            if (n > 0 && out[n - 1] != ' ')
                out[n++] = ' ';
        } else {
            memcpy(out + n, bytes + i, run);
            n += run;
        }
        i += max_size(run, 1);
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

/* "Code: 60, e.displayText() = ..." (18), "Code: 60. DB::Exception: ..." (newer); 0 = no such. */
static int read_code(const char *text, size_t len)
{
    char digits[8] = "";
    if (len <= sizeof CODE_MARK - 1 || memcmp(text, CODE_MARK, sizeof CODE_MARK - 1) != 0)
        return 0;
    text += sizeof CODE_MARK - 1;
    len -= sizeof CODE_MARK - 1;
    memcpy(digits, text, min_size(len, sizeof digits - 1));
    const long code = strtol(digits, NULL, 10);
    return code > 0 && code < CODE_MAX ? (int)code : 0;
}

static void say(struct clickhouse_judgement *out, enum clickhouse_verdict verdict, const char *what)
{
    out->verdict = verdict;
    (void)snprintf(out->text, sizeof out->text, "%s", what);
}

static void judge_unfinished(const struct clickhouse_seen *seen, struct clickhouse_judgement *out)
{
    static const struct {
        enum clickhouse_verdict verdict;
        const char *text;
    } ends[] = {
        [CLICKHOUSE_NO_CONNECTION] = {CLICKHOUSE_TEMPORARY, "can't be reached"},
        [CLICKHOUSE_CUT] = {CLICKHOUSE_UNKNOWN, "the connection ended before the answer"},
        [CLICKHOUSE_LATE] = {CLICKHOUSE_UNKNOWN, "no answer in time"},
        [CLICKHOUSE_TOO_LONG] = {CLICKHOUSE_PERMANENT, "the answer is longer than expected"},
        [CLICKHOUSE_STOPPED] = {CLICKHOUSE_UNKNOWN, "stopped"},
    };
    say(out, ends[seen->transfer].verdict, ends[seen->transfer].text);
    if (seen->library != NULL && seen->library[0] != '\0') {
        const size_t n = strlen(out->text);
        (void)snprintf(out->text + n, sizeof out->text - n, ": ");
        add_clean(out->text, sizeof out->text, seen->library, strlen(seen->library));
    }
}

/* The server has said that it did not do it. */
static void judge_refusal(const struct clickhouse_seen *seen, struct clickhouse_judgement *out)
{
    const int said = read_code(seen->body, seen->len);
    out->code = said != 0 ? said : seen->header_code;
    if (out->code != 0)
        out->verdict = is_temporary_code(out->code) ? CLICKHOUSE_TEMPORARY : CLICKHOUSE_PERMANENT;
    else
        out->verdict =
            is_temporary_status(seen->status) ? CLICKHOUSE_TEMPORARY : CLICKHOUSE_PERMANENT;
    if (said == 0)
        (void)snprintf(out->text, sizeof out->text, "HTTP %d%s", seen->status,
                       seen->status / 100 == 3 ? " (redirects are not followed)" : "");
    if (said == 0 && seen->len > 0)
        (void)strncat(out->text, ": ", sizeof out->text - strlen(out->text) - 1);
    add_clean(out->text, sizeof out->text, seen->body, seen->len);
    if (out->code != 0 && said == 0) {
        const size_t n = strlen(out->text);
        (void)snprintf(out->text + n, sizeof out->text - n, " (code %d)", out->code);
    }
}

static bool tells_exception(const struct clickhouse_seen *seen)
{
    return seen->header_code != 0 || (!seen->asked_rows && seen->len > 0) ||
           (seen->len > 0 &&
            memmem(seen->body, seen->len, EXCEPTION_MARK, sizeof EXCEPTION_MARK - 1) != NULL);
}

/* I1. An error behind a 200: of an insert some part may be stored, so that it is no refusal. */
static void judge_success(const struct clickhouse_seen *seen, struct clickhouse_judgement *out)
{
    if (!tells_exception(seen)) {
        out->verdict = CLICKHOUSE_DONE;
        return;
    }
    judge_refusal(seen, out);
    if (out->verdict == CLICKHOUSE_TEMPORARY || out->code == 0)
        out->verdict = CLICKHOUSE_UNKNOWN;
}

void clickhouse_judge(const struct clickhouse_seen *seen, struct clickhouse_judgement *out)
{
    *out = (struct clickhouse_judgement){.code = 0};
    if (seen->transfer != CLICKHOUSE_WHOLE)
        judge_unfinished(seen, out);
    else if (!seen->is_head_whole || seen->status == 0)
        say(out, CLICKHOUSE_UNKNOWN, "the answer was cut in its head");
    else if (seen->status == HTTP_OK)
        judge_success(seen, out);
    else
        judge_refusal(seen, out);
}
