/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One answer changed at a time. Variants run on a smaller share of the world than the plan itself, so
 * each is compared with the plan's answers on the share that it had.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/plan/findings.h"

#define WARM_TIMES 3 /* both sides of a comparison are as warm */

struct varying {
	const struct plan_work *w;
	struct plan_found *p;
	double lookups;
	struct plan_share last; /* the share that `base` was had on */
	double base[PF_COUNT];
};

static int simulate(const struct varying *v, const struct plan_input *in, const struct plan_share *s, double ret[PF_COUNT],
		    struct diag *d)
{
	int rc = plan_scenario(v->w, in, s, "vary", d);
	rc = rc ? rc : plan_simulate(v->w, in, s, "vary", "vary", false, ret, d);
	plan_remove(v->w, "vary");
	plan_remove(v->w, "vary.yaml");
	return rc;
}

static int add(struct varying *v, const struct plan_input *in, const char *what, double value, struct diag *d)
{
	struct plan_variant *x = &v->p->variant[v->p->n_variants];
	struct plan_share s;
	int rc = 0;
	if (v->p->n_variants == PLAN_VARIANTS_MAX)
		return 0;
	plan_share(in, v->lookups, WARM_TIMES * v->lookups, &s);
	/* the base sees as much time, and as many nodes where it has them */
	if (memcmp(&s, &v->last, sizeof(s)) != 0) {
		struct plan_share b = s;
		if (b.nodes > v->p->in.number[PN_NODES])
			b.nodes = (unsigned)v->p->in.number[PN_NODES];
		rc = simulate(v, &v->p->in, &b, v->base, d);
		v->last = s;
	}
	rc = rc ? rc : simulate(v, in, &s, x->f, d);
	if (rc)
		return rc;
	snprintf(x->what, sizeof(x->what), "%s", what);
	x->value = value;
	memcpy(x->base, v->base, sizeof(x->base));
	v->p->n_variants++;
	return 0;
}

static int vary_number(struct varying *v, int i, struct diag *d)
{
	const struct plan_number_def *q = &plan_numbers[i];
	int rc = 0;
	for (int up = 0; up < 2 && !rc && q->vary != VARY_NOT; up++) {
		struct plan_input in = v->p->in;
		double is = in.number[i], to = q->vary == VARY_TIMES ? (up ? is * q->by : is / q->by) : up ? is + q->by : is - q->by;
		to = fmax(q->low, fmin(q->high, to));
		if (q->low == 1) /* things that are counted */
			to = ceil(to);
		if (i == PN_NDOTS && !up)
			to = fmin(to, 2); /* what people set */
		if (i == PN_DELAY && to > in.number[PN_TAIL])
			in.number[PN_TAIL] = to;
		if (to == is || (i == PN_TAIL && to < in.number[PN_DELAY]))
			continue;
		in.number[i] = to;
		rc = add(v, &in, q->words, to, d);
	}
	return rc;
}

static int vary_word(struct varying *v, int i, struct diag *d)
{
	const struct plan_word_def *q = &plan_words[i];
	char list[64], *word, *rest = list;
	int rc = 0;
	snprintf(list, sizeof(list), "%s %s", q->usual, q->others);
	while (*q->others && !rc && (word = strsep(&rest, " "))) {
		struct plan_input in = v->p->in;
		char what[96];
		if (!strcmp(word, in.word[i]))
			continue;
		in.word[i] = word;
		snprintf(what, sizeof(what), "%s: %s", q->words, word);
		rc = add(v, &in, what, NAN, d);
	}
	return rc;
}

int plan_vary(const struct plan_work *w, struct plan_found *p, double lookups, struct diag *d)
{
	struct varying v = { .w = w, .p = p, .lookups = lookups };
	int rc = 0;
	p->n_variants = 0;
	for (int i = 0; i < PN_COUNT && !rc; i++)
		rc = vary_number(&v, i, d);
	for (int i = 0; i < PW_COUNT && !rc; i++)
		rc = vary_word(&v, i, d);
	return rc;
}
