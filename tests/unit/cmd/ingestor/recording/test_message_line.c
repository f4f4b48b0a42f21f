/* SPDX-License-Identifier: MIT
 *
 * A recorded line and the message it stands for, both ways. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/recording/message_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char scratch[MESSAGE_LINE_MAX];

static const char *why_not(const char *line)
{
    struct ring_message message;
    const char *why = NULL;
    assert_false(message_line_parse(line, strlen(line), scratch, &message, &why));
    assert_non_null(why);
    return why;
}

static struct ring_message parse(const char *line)
{
    struct ring_message message = {0};
    const char *why = NULL;
    if (!message_line_parse(line, strlen(line), scratch, &message, &why))
        fail_msg("%s: %s", line, why);
    return message;
}

static void expect_payload(const struct ring_message *message, const char *text)
{
    assert_int_equal(message->payload_len, strlen(text));
    assert_memory_equal(message->payload, text, strlen(text));
}

static void payload_is_sent_as_it_stands(void **state)
{
    (void)state;
    const struct ring_message message =
        parse("{\"id\":\"x\",\"topic\":\"a/b\",\"payload\": {\"SNR\" : 1.50,\"n\":\"\\udc9d\"} }");
    assert_int_equal(message.topic_len, 3);
    assert_memory_equal(message.topic, "a/b", 3);
    expect_payload(&message, "{\"SNR\" : 1.50,\"n\":\"\\udc9d\"}");
    assert_int_equal(message.flags, 0);
    assert_int_equal(message.receipt, 0);
}

static void other_forms_of_a_payload(void **state)
{
    (void)state;
    struct ring_message message = parse("{\"topic\":\"t\",\"payload\":[1, 2]}");
    expect_payload(&message, "[1, 2]");
    message = parse("{\"topic\":\"t\",\"payload_text\":\"a\\n\\u00e9\"}");
    expect_payload(&message, "a\n\xc3\xa9");
    message = parse("{\"topic\":\"t\",\"payload_base64\":\"/wB4\"}");
    assert_int_equal(message.payload_len, 3);
    assert_memory_equal(message.payload, "\xff\x00x", 3);
    message = parse("{\"topic\":\"t\",\"payload_text\":\"\"}");
    assert_int_equal(message.payload_len, 0);
}

static void flags_and_receipt(void **state)
{
    (void)state;
    const struct ring_message message = parse(
        "{\"topic\":\"t\",\"payload\":{},\"retain\":true,\"qos\":1,\"receipt_us\":1774805700000001}");
    assert_int_equal(message.flags, RING_RETAIN | 1);
    assert_int_equal(message.receipt, 1774805700000001);
    assert_int_equal(parse("{\"topic\":\"t\",\"payload\":{},\"retain\":null,\"qos\":null}").flags,
                     0);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_string_equal(why_not(""), "not one JSON object");
    assert_string_equal(why_not("{\"topic\":\"t\",\"payload\":{}} x"), "not one JSON object");
    assert_string_equal(why_not("{\"payload\":{}}"), "no topic");
    assert_string_equal(why_not("{\"topic\":\"\",\"payload\":{}}"), "no topic");
    assert_string_equal(why_not("{\"topic\":7,\"payload\":{}}"), "no topic");
    static const char none_or_two[] = "not exactly one of payload, payload_text and payload_base64";
    assert_string_equal(why_not("{\"topic\":\"t\"}"), none_or_two);
    assert_string_equal(why_not("{\"topic\":\"t\",\"payload\":{},\"payload_text\":\"\"}"),
                        none_or_two);
    assert_string_equal(why_not("{\"topic\":\"t\",\"payload\":\"x\"}"),
                        "payload is a string: use payload_text");
    assert_string_equal(why_not("{\"topic\":\"t\",\"payload_text\":{}}"),
                        "payload_text is no string");
    assert_string_equal(why_not("{\"topic\":\"t\",\"payload_base64\":\"*\"}"),
                        "payload_base64 is no base64");
    static const char *const numbers[] = {"-1", "1.5", "1e3", "\"1\"", "1234567890123456789"};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "{\"topic\":\"t\",\"payload\":{},\"receipt_us\":%s}",
                       numbers[i]);
        assert_string_equal(why_not(line), "receipt_us is no whole number of microseconds");
    }
    assert_string_equal(why_not("{\"topic\":\"t\",\"payload\":{},\"qos\":3}"),
                        "qos is not 0, 1 or 2");
    assert_string_equal(why_not("{\"topic\":\"t\",\"payload\":{},\"retain\":1}"),
                        "retain is neither true nor false");
}

/* A topic longer than a ring takes is the intake's to refuse: it must still look too long. */
static void long_topics_stay_too_long(void **state)
{
    (void)state;
    char line[4096];
    (void)snprintf(line, sizeof line, "{\"topic\":\"%02000d\",\"payload\":{}}", 0);
    assert_true(parse(line).topic_len > RING_TOPIC_MAX);
}

struct sample {
    const char *payload;
    size_t len;
    const char *form;
};

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"{\"a\":\"b\"}", 9, ",\"payload\":{\"a\":\"b\"}"},
        {"{\"a\":\"b\"} ", 10, ",\"payload_text\":"},
        {"{\n}", 3, ",\"payload_text\":\"{\\u000a}\""},
        {"{\"a\":", 5, ",\"payload_text\":\"{\\\"a\\\":\""},
        {"", 0, ",\"payload_text\":\"\""},
        {"\xc3\xa9", 2, ",\"payload_text\":\"\xc3\xa9\""},
        {"\xff\x00x", 3, ",\"payload_base64\":\"/wB4\""},
        {"{\"a\":\"\xff\"}", 9, ",\"payload_base64\":"},
        {"a\x00", 2, ",\"payload_base64\":\"YQA=\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct ring_message message = {.topic = "a/\"\x01",
                                             .topic_len = 4,
                                             .payload = (const uint8_t *)samples[i].payload,
                                             .payload_len = (uint32_t)samples[i].len,
                                             .flags = RING_RETAIN | RING_PRIORITY | 1,
                                             .receipt = 1774805700000001};
        struct message_text text = {.bytes = NULL};
        assert_true(message_line_append(&text, "s\"1", &message));
        assert_non_null(memmem(text.bytes, text.len, samples[i].form, strlen(samples[i].form)));
        assert_int_equal(text.bytes[text.len - 1], '\n');
        struct ring_message back;
        const char *why = NULL;
        assert_true(message_line_parse(text.bytes, text.len - 1, scratch, &back, &why));
        assert_int_equal(back.topic_len, 4);
        assert_memory_equal(back.topic, message.topic, 4);
        assert_int_equal(back.payload_len, samples[i].len);
        assert_memory_equal(back.payload, samples[i].payload, samples[i].len);
        assert_int_equal(back.flags, RING_RETAIN | 1);
        assert_int_equal(back.receipt, message.receipt);
        free(text.bytes);
    }
}

/* The worst growth that escaping can cause, at the largest size, fits the buffers of both sides. */
static void the_largest_message_fits(void **state)
{
    (void)state;
    const size_t len = 262144;
    uint8_t *payload = malloc(len);
    assert_non_null(payload);
    static const uint8_t fill[] = {0x01, '"', 0xff, 0x00};
    for (size_t i = 0; i < ARRAY_LEN(fill); i++) {
        memset(payload, fill[i], len);
        const struct ring_message message = {
            .topic = "t", .topic_len = 1, .payload = payload, .payload_len = (uint32_t)len};
        struct message_text text = {.bytes = NULL};
        assert_true(message_line_append(&text, "s", &message));
        assert_true(text.len <= MESSAGE_LINE_MAX);
        struct ring_message back;
        const char *why = NULL;
        assert_true(message_line_parse(text.bytes, text.len - 1, scratch, &back, &why));
        assert_int_equal(back.payload_len, len);
        assert_memory_equal(back.payload, payload, len);
        free(text.bytes);
    }
    free(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_is_sent_as_it_stands),
        cmocka_unit_test(other_forms_of_a_payload),
        cmocka_unit_test(flags_and_receipt),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(long_topics_stay_too_long),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(the_largest_message_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
