/* SPDX-License-Identifier: Apache-2.0 */
/* Checks one by one, the load's together on one measurement; tries, and the verdict of them. */
#include "kind-e2e/check/judge.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "kind-e2e/check/sabotage.h"

/* The cache may serve a page of metrics again while it is younger than a second. */
#define PAGE_AGE_MS 1100

const char *verdict_str(enum verdict v)
{
	static const char *const words[] = {"proved", "flaky", "FAILED", "known", "skipped"};

	return words[v];
}

unsigned findings_count(const struct findings *f, enum verdict v)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->n; i++)
		n += f->f[i].verdict == v;
	return n;
}

enum verdict findings_verdict(const struct findings *f)
{
	if (f->skipped[0])
		return VERDICT_SKIPPED;
	if (f->broke[0] || !f->done || findings_count(f, VERDICT_FAILED))
		return VERDICT_FAILED;
	if (findings_count(f, VERDICT_FLAKY))
		return VERDICT_FLAKY;
	return findings_count(f, VERDICT_PROVED) ? VERDICT_PROVED : VERDICT_SKIPPED;
}

/* --- one check ----------------------------------------------------------------------- */

struct court {
	struct cell *c;
	const struct judge_conf *conf;
	struct findings *ret;
	struct totals totals;
};

/* What it needs stands before it is timed or sabotaged. Not for the load's: that is measured. */
static int prepare(struct court *j, const struct check *x, struct diag *d)
{
	struct cell *c = j->c;
	uint64_t failopen = x->needs & NEED_FAULTS ? CACHE_FAILOPEN_FAULTS : CACHE_FAILOPEN_LOAD;

	if (!c->spec.with_cache || x->needs & NEED_LOAD)
		return 0;
	/* what only looks is content with any cache that serves */
	if (!(x->needs & NEED_FAULTS) && c->cache > 0 && c->cache_failopen_ns)
		failopen = c->cache_failopen_ns;
	return cache_want(c, failopen, d);
}

static bool sabotaged(const struct court *j, const struct check *x)
{
	return j->conf->sabotage_id && !strcmp(j->conf->sabotage_id, x->id);
}

/* One try; true when it passed. */
static bool try_once(struct court *j, struct finding *f)
{
	struct checker k = {.c = j->c, .t = &j->totals};
	uint64_t begin = clock_mono_ns();
	struct diag d = {""};

	if (check_did(&k, prepare(j, f->check, &d), &d)) {
		if (sabotaged(j, f->check) && !(f->check->needs & NEED_LOAD))
			check_did(&k, sabotage(j->c, j->conf->sabotage, &d), &d);
		if (!k.failed)
			f->check->run(&k);
	}
	f->took_s += (double)(clock_mono_ns() - begin) / 1e9;
	f->tries++;
	f->passed += !k.failed;
	if (f->tries == 1) /* the first failure's words stay, whatever later tries find */
		snprintf(f->words, sizeof f->words, "%s", k.words);
	if (k.skipped)
		f->verdict = VERDICT_SKIPPED;
	return !k.failed;
}

/* Why a failure of it is none of ours, or NULL. */
static const char *excuse(const struct court *j, const struct check *x)
{
	if (j->c->spec.original)
		return "the original's, and not ours to mend";
	return j->c->spec.with_cache ? x->known : NULL;
}

static void settle(struct court *j, struct finding *f)
{
	char first[sizeof f->words];

	if (f->verdict == VERDICT_SKIPPED)
		return;
	f->verdict = f->passed == f->tries ? VERDICT_PROVED
		     : f->passed	   ? VERDICT_FLAKY
		     : excuse(j, f->check) ? VERDICT_KNOWN
					   : VERDICT_FAILED;
	if (f->verdict == VERDICT_FLAKY || f->verdict == VERDICT_KNOWN) {
		strcpy(first, f->words);
		if (f->verdict == VERDICT_FLAKY)
			snprintf(f->words, sizeof f->words, "passed %u of %u: %.350s", f->passed,
				 f->tries, first);
		else
			snprintf(f->words, sizeof f->words, "%.150s; %.240s", first,
				 excuse(j, f->check));
	}
	if (j->conf->found)
		j->conf->found(f, j->conf->arg);
}

static struct finding *begin(struct court *j, const struct check *x)
{
	struct finding *f = &j->ret->f[j->ret->n];

	if (j->ret->n == FINDINGS_MAX || !check_fits(x, &j->c->spec, j->c->lab->s) ||
	    !j->conf->wanted(x, j->conf->arg))
		return NULL;
	j->ret->n++;
	*f = (struct finding){.check = x};
	return f;
}

/* --- the load's checks ------------------------------------------------------------------ */

static int measure(struct court *j, struct diag *d)
{
	int code = cell_load(j->c, d);

	if (!code)
		totals_make(j->c, &j->totals);
	return code;
}

/* All of them look at one load, so a failure of any is a reason to measure once more, and then
 * those that failed look again. */
static int judge_load(struct court *j, struct diag *d)
{
	unsigned first = j->ret->n, tries;
	const struct check *x;
	bool sabotage_now = false, again[FINDINGS_MAX] = {false};
	int code = 0;

	for (unsigned i = 0; (x = check_at(i)); i++)
		if (x->needs & NEED_LOAD && begin(j, x))
			sabotage_now = sabotage_now || sabotaged(j, x);
	if (j->ret->n == first)
		return 0;
	if (sabotage_now)
		code = sabotage(j->c, j->conf->sabotage, d);
	code = code ? code : measure(j, d);
	if (!code && j->conf->measured)
		j->conf->measured(j->c, &j->totals, j->conf->arg);
	for (tries = 0; !code && tries < j->conf->tries; tries++) {
		bool failed = false;

		for (unsigned i = first; i < j->ret->n; i++)
			if (!tries || again[i])
				failed = (again[i] = !try_once(j, &j->ret->f[i]) || again[i]) ||
					 failed;
		if (!failed || tries + 1 == j->conf->tries)
			break;
		poll(NULL, 0, PAGE_AGE_MS);
		code = measure(j, d);
	}
	if (code) /* none of them has anything to say */
		j->ret->n = first;
	for (unsigned i = first; i < j->ret->n; i++)
		settle(j, &j->ret->f[i]);
	return code;
}

/* --- all ------------------------------------------------------------------------------ */

static void judge_one(struct court *j, const struct check *x)
{
	struct finding *f = begin(j, x);
	/* what is known is not tried again: it would be the same */
	unsigned tries = x->known && j->c->spec.with_cache ? 1 : j->conf->tries;

	if (!f)
		return;
	while (!try_once(j, f) && f->tries < tries)
		;
	/* failed and then passed: is it one in two or one in many? */
	while (f->passed && f->passed < f->tries && f->tries < tries)
		try_once(j, f);
	settle(j, f);
}

void judge(struct cell *c, const struct judge_conf *conf, struct findings *ret)
{
	static struct court j;
	struct diag d = {""};
	const struct check *x;

	j = (struct court){.c = c, .conf = conf, .ret = ret};
	if (judge_load(&j, &d)) {
		snprintf(ret->broke, sizeof ret->broke, "%s", d.text);
		return;
	}
	for (unsigned i = 0; (x = check_at(i)); i++)
		if (!(x->needs & NEED_LOAD))
			judge_one(&j, x);
}
