/* SPDX-License-Identifier: Apache-2.0 */
/* What a record holds of a capture besides its figures: where the time went, and the
 * names, clients and types asked most, as tables. */
#include "pcap-replay/traffic/summary_int.h"

#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/dns/name.h"
#include "lib/dns/wire.h"
#include "lib/record/heat_table.h"
#include "lib/record/qstream.h"
#include "lib/record/table.h"

#define TYPES_SHOWN 20

static void put_names(const struct summary *s, struct result *r)
{
	static const char *const columns[] = {TABLE_WHAT, "queries", "denied", NULL};
	const struct tally_row *top[TOP];
	char text[NAME_MAX_TEXT];
	struct table t;
	size_t n = tally_top(s->names, BY_ASKED, top, TOP);
	table_init(&t, columns);
	for (size_t i = 0; i < n; i++) {
		name_to_text(top[i]->key, text, sizeof(text));
		double row[] = {(double)top[i]->n[BY_ASKED], (double)top[i]->n[BY_DENIED]};
		if (table_add(&t, text, row))
			break;
	}
	result_table(r, "traffic_names", &t);
	table_release(&t);
}

static void put_clients(const struct summary *s, struct result *r)
{
	static const char *const columns[] = {TABLE_WHAT, "queries", "unanswered", "resent", NULL};
	const struct tally_row *top[TOP];
	char ip[INET6_ADDRSTRLEN];
	struct table t;
	size_t n = tally_top(s->clients, BY_ASKED, top, TOP);
	table_init(&t, columns);
	for (size_t i = 0; i < n; i++) {
		struct in6_addr a;
		memcpy(&a, top[i]->key, sizeof(a));
		double row[] = {(double)top[i]->n[BY_ASKED], (double)top[i]->n[BY_UNANSWERED], (double)top[i]->n[BY_RESENT]};
		if (table_add(&t, qs_ip_to_text(&a, ip), row))
			break;
	}
	result_table(r, "traffic_clients", &t);
	table_release(&t);
}

static void put_stubs(const struct summary *s, struct result *r)
{
	static const char *const columns[] = {TABLE_WHAT, "clients", "questions", NULL};
	struct stub_row kind[STUB_ROWS];
	struct table t;
	size_t n = summary_stubs(s, kind);
	table_init(&t, columns);
	for (size_t i = 0; i < n; i++) {
		double row[] = {(double)kind[i].clients, (double)kind[i].questions};
		if (table_add(&t, kind[i].who, row))
			break;
	}
	result_table(r, "traffic_stubs", &t);
	table_release(&t);
}

/* The type asked most among those asked less often than `below`; -1: none. */
static int next_type(const struct summary *s, uint64_t below, int after)
{
	int best = -1;
	for (int i = 0; i < 65536; i++)
		if (s->type[i] && (s->type[i] < below || (s->type[i] == below && i > after)) &&
		    (best < 0 || s->type[i] > s->type[best]))
			best = i;
	return best;
}

static void put_types(const struct summary *s, struct result *r)
{
	static const char *const columns[] = {TABLE_WHAT, "queries", NULL};
	struct table t;
	char text[16];
	int type = next_type(s, UINT64_MAX, -1);
	table_init(&t, columns);
	for (int i = 0; i < TYPES_SHOWN && type >= 0; i++) {
		double row[] = {(double)s->type[type]};
		if (table_add(&t, dns_type_str((uint16_t)type, text), row))
			break;
		type = next_type(s, s->type[type], type);
	}
	result_table(r, "traffic_types", &t);
	table_release(&t);
}

void summary_tables(const struct summary *s, struct result *r)
{
	if (s->beyond.n) {
		result_hist(r, "latency.behind_nat", &s->beyond);
		result_hist(r, "latency.on_node", &s->inside);
	}
	result_heat(r, &s->heat);
	put_names(s, r);
	put_clients(s, r);
	put_stubs(s, r);
	put_types(s, r);
}
