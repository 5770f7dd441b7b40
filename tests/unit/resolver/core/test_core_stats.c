/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, buckets and labels of what is counted. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/wire.h"
#include "resolver/core/stats.h"

Test(stats, durations_have_doubling_buckets)
{
	static const uint64_t first_ns = 250000; /* CoreDNS: 0.25 ms, doubled */

	for (unsigned i = 0; i < STATS_DURATION_EDGES; i++) {
		struct stats_duration d = {0};

		stats_duration_add(&d, first_ns << i); /* an edge belongs to its bucket */
		stats_duration_add(&d, (first_ns << i) + 1);
		cr_assert_eq(d.bucket[i], 1, "%u", i);
		cr_assert_eq(d.bucket[i + 1], 1, "%u", i);
		cr_assert_eq(d.n, 2);
		cr_assert_eq(d.sum_ns, 2 * (first_ns << i) + 1);
	}
}

Test(stats, sizes_have_the_original_s_buckets)
{
	static const uint64_t edges[] = {0,    100,  200,  300,	  400,	 511,	1023,
					 2047, 4095, 8291, 16000, 32000, 48000, 64000};

	for (unsigned i = 0; i < STATS_SIZE_EDGES; i++) {
		struct stats_size s = {0};

		stats_size_add(&s, edges[i]);
		stats_size_add(&s, edges[i] + 1);
		cr_assert_eq(s.bucket[i], 1, "%u", i);
		cr_assert_eq(s.bucket[i + 1], 1, "%u", i);
		cr_assert_eq(s.n, 2);
		cr_assert_eq(s.sum, 2 * edges[i] + 1);
	}
}

Test(stats, types_and_classes_have_labels)
{
	static const struct {
		uint16_t type;
		const char *label;
	} rows[] = {{DNS_A, "A"}, {DNS_AAAA, "AAAA"}, {DNS_HTTPS, "HTTPS"}, {DNS_ANY, "ANY"}, {DNS_SRV, "SRV"},
		    {DNS_PTR, "PTR"}, {99, "other"}, {0, "other"}, {UINT16_MAX, "other"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_str_eq(stats_type_label(stats_type_index(rows[i].type)), rows[i].label);
	cr_assert_str_eq(stats_type_label(STATS_TYPES), "other");
	cr_assert_str_eq(stats_type_label(STATS_TYPES + 1), "other");
	cr_assert_str_eq(stats_class_label(DNS_IN), "IN");
	cr_assert_str_eq(stats_class_label(DNS_CH), "CH");
	cr_assert_str_eq(stats_class_label(DNS_HS), "HS");
	cr_assert_str_eq(stats_class_label(DNS_CLASS_ANY), "ANY");
	cr_assert_str_eq(stats_class_label(77), "other");
}

/* Each label tells rows apart; when there is no row left, the last takes it. */
Test(stats, events_have_rows_by_their_labels)
{
	struct core_stats *s = calloc(1, sizeof(*s));
	struct stats_event e = {.what = STATS_TEMPLATE_MATCH, .server = "s", .zone = "z", .type = "A",
				.rclass = "IN", .section = "answer", .text = "t"};
	char *const label[] = {e.server, e.zone, e.type, e.rclass, e.section, e.text};

	stats_event_add(s, &e, 2);
	stats_event_add(s, &e, 3);
	cr_assert_eq(s->n_events, 1);
	cr_assert_eq(s->event[0].n, 5);
	for (unsigned i = 0; i < 6; i++) {
		char was = label[i][0];

		label[i][0] = '-';
		stats_event_add(s, &e, 1);
		label[i][0] = was;
		cr_assert_eq(s->n_events, i + 2);
	}
	e.what = STATS_DNS64;
	stats_event_add(s, &e, 1);
	cr_assert_eq(s->n_events, 8);
	for (unsigned i = 0; i < STATS_EVENTS_MAX; i++) {
		snprintf(e.text, sizeof(e.text), "text %u", i);
		stats_event_add(s, &e, 1);
	}
	cr_assert_eq(s->n_events, STATS_EVENTS_MAX);
	cr_assert_eq(s->event[STATS_EVENTS_MAX - 1].n, 9);
	cr_assert_eq(s->event[STATS_EVENTS_MAX - 2].n, 1);
	free(s);
}

Test(stats, rows_of_servers_and_upstreams_are_found_by_index)
{
	struct core_stats *s = calloc(1, sizeof(*s));

	for (unsigned i = 0; i < CORE_LISTENERS_MAX; i++)
		for (unsigned z = 0; z <= CORE_ZONES_MAX; z++)
			s->server_row[i][z] = (uint16_t)((i * 7 + z) % STATS_SERVERS_MAX);
	for (unsigned u = 0; u < CORE_UPSTREAMS_MAX; u++)
		s->upstream_row[u] = (uint16_t)(CORE_UPSTREAMS_MAX - 1 - u);
	cr_assert_eq(stats_server_of(s, 1, 2), &s->server[9]);
	cr_assert_eq(stats_server_of(s, 1, UINT16_MAX), &s->server[(7 + CORE_ZONES_MAX) % STATS_SERVERS_MAX]);
	cr_assert_eq(stats_server_of(s, CORE_LISTENERS_MAX, 2), &s->server[2]);
	for (unsigned u = 0; u < CORE_UPSTREAMS_MAX; u++)
		cr_assert_eq(stats_upstream_of(s, u), &s->upstream[CORE_UPSTREAMS_MAX - 1 - u]);
	cr_assert_eq(stats_upstream_of(s, UINT16_MAX), &s->upstream[CORE_UPSTREAMS_MAX - 1]);
	free(s);
}
