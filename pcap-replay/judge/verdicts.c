/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, and words for the first of each kind. */
#include "pcap-replay/judge/verdicts.h"

#include <inttypes.h>
#include <string.h>

#include "lib/dns/wire.h"

static void side(char *buf, size_t cap, struct octets r)
{
	struct dns_msg m;
	char rcode[16];
	if (!r.p) {
		snprintf(buf, cap, "no answer");
		return;
	}
	dns_reply_parse(&m, r.p, r.n);
	snprintf(buf, cap, "%s, %u records, TTL %s%u", dns_rcode_str(m.rcode, rcode), m.h.n_an, m.min_ttl_s == UINT32_MAX ? "-" : "",
		 m.min_ttl_s == UINT32_MAX ? 0 : m.min_ttl_s);
}

static void describe(struct verdict_example *e, size_t query, struct octets asked, struct octets a, struct octets b)
{
	struct dns_msg q;
	char name[NAME_MAX_TEXT] = "?", type[16], wa[64], wb[64];
	dns_msg_parse(&q, asked.p, asked.n);
	if (q.q.name)
		name_to_text(q.q.name, name, sizeof(name));
	side(wa, sizeof(wa), a);
	side(wb, sizeof(wb), b);
	e->query = query;
	snprintf(e->text, sizeof(e->text), "%.150s %s: %s | %s", name, q.q.name ? dns_type_str(q.q.qtype, type) : "", wa, wb);
}

enum criterion verdicts_add(struct verdicts *v, size_t query, struct octets asked, struct octets a, struct octets b)
{
	enum criterion c = compare_answers(asked, a, b);
	v->pairs++;
	if (!a.p && !b.p)
		v->unanswered++;
	if (c != CMP_SAME && v->n[c] < VERDICT_EXAMPLES)
		describe(&v->example[c][v->n[c]], query, asked, a, b);
	v->n[c]++;
	return c;
}

void verdicts_unstable(struct verdicts *v, enum criterion was)
{
	v->n[was]--;
	v->unstable++;
}

uint64_t verdicts_of(const struct verdicts *v, enum verdict_class k)
{
	uint64_t n = 0;
	for (int c = 0; c < N_CMP; c++)
		n += criteria[c].is == k ? v->n[c] : 0;
	return n;
}

void verdicts_print(const struct verdicts *v, const char *a, const char *b, FILE *out)
{
	fprintf(out, "\ncompared: A is %s, B is %s\n", a, b);
	for (int k = 0; k < N_CLASSES; k++)
		fprintf(out, "  %-28s %10" PRIu64 "\n", class_names[k], verdicts_of(v, (enum verdict_class)k));
	fprintf(out, "  %-28s %10" PRIu64 "  differed once, not on a second try\n", "unstable", v->unstable);
	if (v->unanswered)
		fprintf(out, "  %-28s %10" PRIu64 "  by neither; counted as same\n", "unanswered", v->unanswered);
	for (int c = CMP_SAME + 1; c < N_CMP; c++) {
		if (!v->n[c])
			continue;
		fprintf(out, "\n  %s %s: %s: %" PRIu64 "\n", class_names[criteria[c].is], criteria[c].name, criteria[c].what, v->n[c]);
		for (uint64_t i = 0; i < v->n[c] && i < VERDICT_EXAMPLES; i++)
			fprintf(out, "    %s\n", v->example[c][i].text);
	}
}
