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
	int n = snprintf(buf, cap, "%s, %u records", dns_rcode_str(m.rcode, rcode), m.h.n_an);
	if (m.min_ttl_s != UINT32_MAX && n > 0 && (size_t)n < cap)
		snprintf(buf + n, cap - (size_t)n, ", TTL %u", m.min_ttl_s);
}

/* "a.example. A" */
static void question(char *buf, size_t cap, struct octets asked)
{
	struct dns_msg q;
	char name[NAME_MAX_TEXT] = "?", type[16];
	dns_msg_parse(&q, asked.p, asked.n);
	if (q.q.name)
		name_to_text(q.q.name, name, sizeof(name));
	snprintf(buf, cap, "%.150s %s", name, q.q.name ? dns_type_str(q.q.qtype, type) : "");
}

static struct verdict_example *example_new(struct verdict_examples *e, size_t query)
{
	if (e->n == VERDICT_EXAMPLES)
		return NULL;
	e->of[e->n].query = query;
	return &e->of[e->n++];
}

enum criterion verdicts_add(struct verdicts *v, size_t query, struct octets asked, struct octets a, struct octets b)
{
	enum criterion c = compare_answers(asked, a, b);
	struct verdict_example *e = c == CMP_SAME ? NULL : example_new(&v->example[c], query);
	char q[176], wa[64], wb[64];
	v->pairs++;
	if (!a.p && !b.p)
		v->unanswered++;
	v->n[c]++;
	if (e) {
		question(q, sizeof(q), asked);
		side(wa, sizeof(wa), a);
		side(wb, sizeof(wb), b);
		snprintf(e->text, sizeof(e->text), "%s: %s | %s", q, wa, wb);
	}
	return c;
}

void verdicts_unstable(struct verdicts *v, size_t query, struct octets asked, enum criterion was)
{
	struct verdict_examples *shown = &v->example[was];
	struct verdict_example *e = example_new(&v->unstable_example, query);
	char q[176];
	v->n[was]--;
	v->unstable++;
	for (unsigned i = 0; i < shown->n; i++)
		if (shown->of[i].query == query) {
			memmove(&shown->of[i], &shown->of[i + 1], (shown->n - i - 1) * sizeof(shown->of[0]));
			shown->n--;
			break;
		}
	if (e) {
		question(q, sizeof(q), asked);
		snprintf(e->text, sizeof(e->text), "%s: %s", q, criteria[was].what);
	}
}

uint64_t verdicts_of(const struct verdicts *v, enum verdict_class k)
{
	uint64_t n = 0;
	for (int c = 0; c < N_CMP; c++)
		n += criteria[c].is == k ? v->n[c] : 0;
	return n;
}

static void examples_json(struct jout *j, const char *key, const struct verdict_examples *e)
{
	if (!e->n)
		return;
	jout_open(j, key, '[');
	for (unsigned i = 0; i < e->n; i++)
		jout_text(j, NULL, e->of[i].text);
	jout_close(j, ']');
}

void verdicts_json(const struct verdicts *v, struct jout *j)
{
	jout_u64(j, "pairs", v->pairs);
	for (int k = 0; k < N_CLASSES; k++)
		jout_u64(j, class_names[k], verdicts_of(v, (enum verdict_class)k));
	jout_u64(j, "unstable", v->unstable);
	jout_u64(j, "unanswered", v->unanswered);
	jout_open(j, "criteria", '{');
	for (int c = 0; c < N_CMP; c++)
		if (v->n[c])
			jout_u64(j, criteria[c].name, v->n[c]);
	jout_close(j, '}');
	jout_open(j, "examples", '{');
	for (int c = CMP_SAME + 1; c < N_CMP; c++)
		examples_json(j, criteria[c].name, &v->example[c]);
	examples_json(j, "unstable", &v->unstable_example);
	jout_close(j, '}');
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
		for (unsigned i = 0; i < v->example[c].n; i++)
			fprintf(out, "    %s\n", v->example[c].of[i].text);
	}
	if (v->unstable_example.n)
		fprintf(out, "\n  unstable\n");
	for (unsigned i = 0; i < v->unstable_example.n; i++)
		fprintf(out, "    %s\n", v->unstable_example.of[i].text);
}
