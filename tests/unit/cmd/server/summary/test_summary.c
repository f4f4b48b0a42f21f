/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/summary/summary.h"
#include "cmd/server/tally/tally_edges.h"
#include "cmd/server/tally/tally_hops.h"
#include "cmd/server/tally/tally_paths.h"
#include "cmd/server/tally/tally_senders.h"
#include "cmd/server/tally/tally_strengths.h"

#include <math.h>
#include <string.h>

#define TO_MS   INT64_C(1774798050000)
#define FROM_MS (TO_MS - SUMMARY_WINDOW_MS)

static const struct tally_window window = {FROM_MS, TO_MS};

/* Received over these hops, a minute ago, by observer 5. */
static struct reception over(int64_t transmission_id, size_t hop_bytes, const char *path)
{
    const size_t bytes = strlen(path);
    return (struct reception){.transmission_id = transmission_id,
                              .observer_id = 5,
                              .receipt_ms = TO_MS - MS_PER_MIN,
                              .type = MESHCORE_GRP_TXT,
                              .route = MESHCORE_FLOOD,
                              .is_heard = true,
                              .has_hops = true,
                              .hop_bytes = (uint8_t)hop_bytes,
                              .hop_count = (uint8_t)(bytes / hop_bytes),
                              .path = (const uint8_t *)path,
                              .path_bytes = bytes,
                              .snr = (double)NAN,
                              .rssi = (double)NAN};
}

static uint32_t hop(const char *bytes)
{
    return hop_pack((const uint8_t *)bytes, strlen(bytes));
}

static struct summary *begin(void)
{
    struct summary *summary = summary_begin(&window);
    assert_non_null(summary);
    return summary;
}

static void a_packet_counts_once_for_a_hop(void **state)
{
    (void)state;
    struct summary *s = begin();
    struct reception r = over(1, 1, "AB");
    summary_add(s, &r);
    r.observer_id = 6; /* another heard the same */
    summary_add(s, &r);
    r = over(2, 1, "BA");
    r.receipt_ms = TO_MS - 2 * MS_PER_HOUR;
    r.is_scoped = true;
    r.scope_id = 9;
    summary_add(s, &r);
    summary_end(s, 1, SUMMARY_WHOLE);
    const struct hop_count *a = tally_hops_find(summary_hops(s), hop("A"));
    assert_int_equal(a->packets_day, 2);
    assert_int_equal(a->packets_hour, 1);
    assert_int_equal(a->packets_unscoped, 1);
    assert_int_equal(a->last_ms, TO_MS - MS_PER_MIN);
    assert_int_equal(a->scopes[0], 9);
    assert_int_equal(a->scopes[1], 0);
    assert_int_equal(tally_hops_packets(summary_hops(s)), 2);
    assert_null(tally_hops_find(summary_hops(s), hop("AB"))); /* 2 bytes are another hop */
    summary_unref(s);
}

static void assert_scope(const struct summary *s, uint32_t wanted, uint32_t scope, uint32_t packets)
{
    uint32_t found = 0;
    for (size_t i = 0; i < tally_hop_scopes(summary_hops(s)); i++) {
        const struct hop_scope *entry = tally_hop_scope_at(summary_hops(s), i);
        if (entry->hop == wanted && entry->scope == scope)
            found += entry->packets;
    }
    assert_int_equal(found, packets);
}

/* Of the newest reception over the hop: of a packet that came with and without a scope, too. */
static void a_packet_counts_for_one_scope_of_a_hop(void **state)
{
    (void)state;
    struct summary *s = begin();
    struct reception r = over(1, 1, "AB");
    r.is_scoped = true;
    r.scope_id = 9;
    summary_add(s, &r);
    r.is_scoped = false;
    r.scope_id = 0;
    summary_add(s, &r);
    r = over(2, 1, "A");
    summary_add(s, &r);
    r = over(3, 1, "A");
    r.is_scoped = true; /* no name fits */
    summary_add(s, &r);
    summary_end(s, 1, SUMMARY_WHOLE);
    assert_scope(s, hop("A"), 9, 1);
    assert_scope(s, hop("A"), HOP_UNSCOPED, 1);
    assert_scope(s, hop("A"), HOP_SCOPE_UNNAMED, 1);
    assert_scope(s, hop("B"), 9, 1);
    assert_int_equal(tally_hop_scopes(summary_hops(s)), 4);
    summary_unref(s);
}

static void places_count_from_the_sender(void **state)
{
    (void)state;
    struct summary *s = begin();
    struct reception r = over(1, 2, "AABBCC");
    summary_add(s, &r);
    summary_add(s, &r);
    summary_end(s, 1, SUMMARY_WHOLE);
    size_t found = 0;
    for (size_t i = 0; i < tally_hop_places(summary_hops(s)); i++) {
        const struct hop_place *place = tally_hop_place_at(summary_hops(s), i);
        if (place->hop != hop("CC"))
            continue;
        found++;
        assert_int_equal(place->place, 2);
        assert_int_equal(place->type, MESHCORE_GRP_TXT);
        assert_int_equal(place->packets, 1);
    }
    assert_int_equal(found, 1);
    summary_unref(s);
}

static void what_is_no_reception_of_the_window_does_not_count(void **state)
{
    (void)state;
    struct summary *s = begin();
    struct reception r = over(1, 1, "A");
    r.receipt_ms = FROM_MS - 1;
    summary_add(s, &r);
    r.receipt_ms = TO_MS + 1;
    summary_add(s, &r);
    r.receipt_ms = TO_MS;
    r.is_heard = false;
    summary_add(s, &r);
    r.is_heard = true;
    r.has_hops = false; /* a direct one: what lies ahead */
    r.hop_count = 0;
    summary_add(s, &r);
    summary_end(s, 7, SUMMARY_CUT_ROWS);
    assert_int_equal(tally_hops_count(summary_hops(s)), 0);
    assert_int_equal(tally_edges_count(summary_edges(s)), 0);
    const struct summary_window w = summary_window(s, 1u << TALLY_hops);
    assert_int_equal(w.observations, 1);
    assert_int_equal(w.from_ms, TO_MS); /* no older one was counted */
    assert_int_equal(w.origin_ms, FROM_MS);
    assert_false(w.is_complete);
    assert_int_equal(summary_number(s), 7);
    summary_unref(s);
}

static void paths_are_counted_by_reception(void **state)
{
    (void)state;
    struct summary *s = begin();
    struct reception r = over(1, 1, "ABCD");
    summary_add(s, &r);
    r.transmission_id = 2;
    r.receipt_ms = TO_MS;
    summary_add(s, &r);
    r = over(3, 2, "ABCD"); /* the same bytes, two hops */
    summary_add(s, &r);
    summary_end(s, 1, SUMMARY_WHOLE);
    const struct tally_paths *paths = summary_paths(s);
    assert_int_equal(tally_paths_count(paths), 2);
    const struct path_count *path = tally_paths_at(paths, 0);
    assert_int_equal(path->receptions, 2);
    assert_int_equal(path->hop_count, 4);
    assert_int_equal(path->sample_id, 2);
    assert_int_equal(path->last_ms, TO_MS);
    assert_memory_equal(tally_path_bytes(paths, path), "ABCD", 4);
    assert_true(tally_path_has(paths, path, hop("C")));
    assert_false(tally_path_has(paths, path, hop("BC")));
    assert_false(tally_path_has(paths, tally_paths_at(paths, 1), hop("BC")));
    assert_true(tally_path_has(paths, tally_paths_at(paths, 1), hop("CD")));
    summary_unref(s);
}

static const struct path_heard *heard(const struct summary *s, uint32_t observer, uint32_t sender)
{
    for (size_t i = 0; i < tally_paths_heard_count(summary_paths(s)); i++) {
        const struct path_heard *h = tally_paths_heard_at(summary_paths(s), i);
        if (h->observer == observer && h->sender == sender)
            return h;
    }
    return NULL;
}

static void paths_know_who_heard_and_sent(void **state)
{
    (void)state;
    struct summary *s = begin();
    struct reception r = over(1, 1, "AB");
    r.snr = 3;
    summary_add(s, &r);
    r.transmission_id = 2;
    r.receipt_ms = FROM_MS;
    r.snr = -1;
    r.rssi = -90;
    summary_add(s, &r);
    r.observer_id = 6;
    summary_add(s, &r);
    r.sender = 77;
    summary_add(s, &r);
    r = over(4, 1, "");
    summary_add(s, &r); /* nobody knows who sent it */
    r.sender = 78;
    summary_add(s, &r);
    summary_end(s, 1, SUMMARY_WHOLE);
    assert_int_equal(tally_paths_count(summary_paths(s)), 1);
    assert_int_equal(tally_paths_heard_count(summary_paths(s)), 4);
    const struct path_heard *h = heard(s, 5, 0);
    assert_int_equal(h->path, 0);
    assert_int_equal(h->receptions, 2);
    assert_int_equal(h->first, 0);
    assert_int_equal(h->last, SUMMARY_WINDOW_MS - MS_PER_MIN);
    assert_int_equal(h->sample_id, 1);
    assert_int_equal(h->snr_count, 2);
    assert_int_equal(h->rssi_count, 1);
    assert_float_equal(h->snr_sum, 2.0F, 1e-6F);
    assert_float_equal(h->snr_best, 3.0F, 1e-6F);
    const int64_t last = (TO_MS - MS_PER_MIN) / MS_PER_HOUR - FROM_MS / MS_PER_HOUR;
    assert_int_equal(h->hours, 1U | 1U << last);
    assert_int_equal(heard(s, 6, 77)->receptions, 1);
    assert_int_equal(heard(s, 5, 78)->path, PATH_NONE);
    const struct path_count *path = tally_paths_at(summary_paths(s), 0);
    assert_int_equal(path->first_ms, FROM_MS);
    assert_int_equal(path->by_hour[FROM_MS / MS_PER_HOUR % 24], 4);
    assert_true(tally_paths_bytes(summary_paths(s)) >= 2);
    summary_unref(s);
}

static void strengths_are_of_the_radio_that_was_heard(void **state)
{
    (void)state;
    static const double snr[] = {-40, -3.25, -3, 7, 99};
    struct summary *s = begin();
    struct reception r = over(1, 1, "AB");
    summary_add(s, &r); /* not measured */
    for (size_t i = 0; i < ARRAY_LEN(snr); i++) {
        r.snr = snr[i];
        summary_add(s, &r);
    }
    r = over(2, 1, "");
    r.snr = 5;
    summary_add(s, &r); /* nobody knows of whom */
    r.sender = 77;
    summary_add(s, &r);
    summary_end(s, 1, SUMMARY_WHOLE);
    const struct tally_strengths *strengths = summary_strengths(s);
    assert_int_equal(tally_strengths_count(strengths), 2);
    const struct strength *b = tally_strengths_at(strengths, 0);
    assert_true(b->from == edge_end_of(EDGE_HOP, hop("B")));
    assert_int_equal(b->observer, 5);
    assert_int_equal(b->bins[0], 1);
    assert_int_equal(b->bins[STRENGTH_BINS - 1], 1);
    assert_int_equal(b->bins[-4 - STRENGTH_LOW], 1);
    assert_float_equal((float)strength_median(b->bins), -2.5F, 1e-6F);
    assert_true(tally_strengths_at(strengths, 1)->from == edge_end_of(EDGE_NODE, 77));
    static const uint32_t none[STRENGTH_BINS];
    static const uint32_t two[STRENGTH_BINS] = {1, 0, 1};
    assert_true(isnan(strength_median(none)));
    assert_float_equal((float)strength_median(two), STRENGTH_LOW + 1.5F, 1e-6F);
    summary_unref(s);
}

static void relays_are_counted_by_type_and_length(void **state)
{
    (void)state;
    struct summary *s = begin();
    struct reception r = over(1, 1, "AB");
    r.frame_bytes = 40;
    summary_add(s, &r);
    r.observer_id = 6;
    summary_add(s, &r); /* the same packet over the same hops */
    r = over(1, 1, "AC");
    r.frame_bytes = 40;
    summary_add(s, &r);
    r = over(2, 1, "");
    r.type = MESHCORE_ACK;
    summary_add(s, &r);
    summary_end(s, 1, SUMMARY_WHOLE);
    const struct tally_hops *hops = summary_hops(s);
    assert_int_equal(tally_hops_relayed(hops, MESHCORE_GRP_TXT, 40), 3);
    assert_int_equal(tally_hops_relayed(hops, MESHCORE_GRP_TXT, 41), 0);
    assert_int_equal(tally_hops_received(hops, MESHCORE_GRP_TXT), 1);
    assert_int_equal(tally_hops_received(hops, MESHCORE_ACK), 1);
    summary_unref(s);
}

static const struct edge_count *edge(const struct summary *s, edge_end from, edge_end to)
{
    for (size_t i = 0; i < tally_edges_count(summary_edges(s)); i++) {
        const struct edge_count *e = tally_edges_at(summary_edges(s), i);
        if (e->from == from && e->to == to)
            return e;
    }
    return NULL;
}

static void each_step_of_a_path_is_an_edge(void **state)
{
    (void)state;
    struct summary *s = begin();
    const edge_end a = edge_end_of(EDGE_HOP, hop("A"));
    const edge_end b = edge_end_of(EDGE_HOP, hop("B"));
    const edge_end sender = edge_end_of(EDGE_NODE, 77);
    const edge_end observer = edge_end_of(EDGE_OBSERVER, 5);
    struct reception r = over(1, 1, "ABAB"); /* A to B twice: counts once */
    r.sender = 77;
    r.snr = -3.5;
    summary_add(s, &r);
    r = over(2, 1, "");
    r.sender = 77;
    r.snr = 2.5;
    summary_add(s, &r);
    summary_end(s, 1, SUMMARY_WHOLE);
    assert_int_equal(edge(s, a, b)->count, 1);
    assert_int_equal(edge(s, b, a)->count, 1);
    assert_int_equal(edge(s, a, b)->snr_count, 0); /* nobody measured it */
    assert_int_equal(edge(s, sender, a)->count, 1);
    assert_int_equal(edge(s, b, observer)->snr_count, 1);
    assert_int_equal(edge(s, b, observer)->by_mode[1], 1);
    assert_int_equal(edge(s, b, observer)->observers[0], 5);
    assert_int_equal(edge(s, sender, observer)->count, 1);
    assert_int_equal(edge(s, sender, observer)->by_mode[0], 1);
    assert_float_equal(edge(s, sender, observer)->snr_sum, 2.5F, 1e-6F);
    assert_int_equal(tally_edges_count(summary_edges(s)), 5);
    summary_unref(s);
}

static void adverts_are_counted_by_who_received_them(void **state)
{
    (void)state;
    struct summary *s = begin();
    struct reception r = over(1, 1, "AB");
    summary_add(s, &r); /* no advert */
    r.sender = 77;
    r.snr = 4;
    r.rssi = -80;
    summary_add(s, &r);
    r.snr = r.rssi = (double)NAN;
    r.receipt_ms = TO_MS;
    summary_add(s, &r);
    r.route = MESHCORE_TRANSPORT_DIRECT; /* somebody handed it on */
    r.has_hops = false;
    r.hop_count = 0;
    r.path_bytes = 0;
    summary_add(s, &r);
    summary_end(s, 1, SUMMARY_WHOLE);
    const struct tally_senders *senders = summary_senders(s);
    assert_int_equal(tally_senders_count(senders), 1);
    const struct sender_heard *heard = tally_senders_at(senders, 0);
    assert_int_equal(heard->node_id, 77);
    assert_int_equal(heard->observer_id, 5);
    assert_int_equal(heard->count, 2);
    assert_int_equal(heard->snr_count, 1);
    assert_float_equal(heard->rssi_sum, -80.0F, 1e-6F);
    assert_float_equal(heard->hops_sum, 4.0F, 1e-6F);
    assert_int_equal(heard->last_ms, TO_MS);
    assert_int_equal(heard->first_ms, TO_MS - MS_PER_MIN);
    summary_unref(s);
}

static void a_full_tally_says_so_for_its_own_answers(void **state)
{
    (void)state;
    struct summary *s = begin();
    for (uint32_t i = 0; i < PATHS_MAX + 1; i++) {
        char path[] = "\x01\x01\x01";
        path[0] = (char)(i & 0xff);
        path[1] = (char)(i >> 8 & 0xff);
        path[2] = (char)(i >> 16);
        struct reception r = over(i, 1, "");
        r.path = (const uint8_t *)path;
        r.path_bytes = r.hop_count = 3;
        summary_add(s, &r);
    }
    summary_end(s, 1, SUMMARY_WHOLE);
    assert_int_equal(tally_paths_count(summary_paths(s)), PATHS_MAX);
    assert_false(summary_window(s, 1u << TALLY_paths).is_complete);
    assert_true(summary_window(s, 1u << TALLY_hops).is_complete);
    summary_unref(s);
    summary_unref(NULL);
}

static void the_newest_replaces_the_former_for_who_comes_later(void **state)
{
    (void)state;
    struct shared_slot slot;
    shared_slot_init(&slot);
    assert_null(summary_take(&slot));
    struct summary *first = begin();
    summary_end(first, 1, SUMMARY_WHOLE);
    shared_put(&slot, summary_shared(first));
    const struct summary *held = summary_take(&slot);
    assert_ptr_equal(held, first);
    struct summary *second = begin();
    summary_end(second, 2, SUMMARY_WHOLE);
    shared_put(&slot, summary_shared(second));
    assert_int_equal(summary_number(held), 1); /* still there for who holds it */
    const struct summary *newest = summary_take(&slot);
    assert_int_equal(summary_number(newest), 2);
    summary_unref(held);
    summary_unref(newest);
    shared_slot_done(&slot);
}

static void which_bound_cut_it_has_a_name(void **state)
{
    (void)state;
    char bounds[SUMMARY_BOUNDS_MAX];
    struct summary *s = begin();
    summary_end(s, 1, SUMMARY_WHOLE);
    const size_t empty = summary_bytes(s);
    assert_false(summary_cut_by(s, bounds));
    assert_string_equal(bounds, "");
    summary_unref(s);
    s = begin();
    for (int64_t i = 0; i <= EDGES_MAX; i++) { /* the end of a path is an edge of its own */
        const uint8_t path[] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16)};
        struct reception r = over(i + 1, 3, "abc");
        r.path = path;
        summary_add(s, &r);
    }
    summary_end(s, 1, SUMMARY_CUT_ROWS);
    assert_true(summary_cut_by(s, bounds));
    assert_string_equal(bounds, "rows paths edges");
    assert_true(summary_bytes(s) > empty + (1 << 20));
    summary_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_counts_once_for_a_hop),
        cmocka_unit_test(a_packet_counts_for_one_scope_of_a_hop),
        cmocka_unit_test(places_count_from_the_sender),
        cmocka_unit_test(what_is_no_reception_of_the_window_does_not_count),
        cmocka_unit_test(paths_are_counted_by_reception),
        cmocka_unit_test(paths_know_who_heard_and_sent),
        cmocka_unit_test(strengths_are_of_the_radio_that_was_heard),
        cmocka_unit_test(relays_are_counted_by_type_and_length),
        cmocka_unit_test(each_step_of_a_path_is_an_edge),
        cmocka_unit_test(adverts_are_counted_by_who_received_them),
        cmocka_unit_test(a_full_tally_says_so_for_its_own_answers),
        cmocka_unit_test(the_newest_replaces_the_former_for_who_comes_later),
        cmocka_unit_test(which_bound_cut_it_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
