/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the families, who may have which check, and what a check says of itself. */
#include "kind-e2e/check/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "kind-e2e/check/families.h"

const struct family *const families[] = {
	&family_self,  &family_load,	&family_answers,  &family_clients,  &family_loss,
	&family_path,  &family_ipvs,	&family_upstream, &family_metrics,  &family_policy,
	&family_proxy, &family_backend, &family_cache,	  &family_teardown, NULL,
};

const struct check *check_at(unsigned i)
{
	for (unsigned f = 0; families[f]; f++)
		for (const struct check *x = families[f]->check; x->id; x++)
			if (i-- == 0)
				return x;
	return NULL;
}

bool check_fits(const struct check *x, const struct cell_spec *spec, const struct scenario *s)
{
	bool cache = !spec->empty && spec->with_cache, plain = !spec->empty && !spec->with_cache;
	bool local = cache && spec->proxy == SCEN_IPVS && !spec->intercept;
	unsigned has = (cache ? NEED_CACHE | NEED_FAULTS : 0) | (plain ? NEED_PLAIN : 0) |
		       (spec->empty ? NEED_EMPTY : NEED_LOAD) | (s->loss == 0 ? NEED_LOSSLESS : 0) |
		       (s->n_backends > 1 ? NEED_BACKENDS : 0) |
		       (local ? NEED_LOCAL : NEED_VIP) |
		       (spec->ip == SCEN_DUAL ? NEED_DUAL : 0) |
		       (!spec->empty && spec->proxy == SCEN_IPVS ? NEED_IPVS : 0) |
		       (cache && !spec->original ? NEED_OURS : 0);

	/* a check that names none of the three kinds of cells is for all that have rules */
	if (!(x->needs & (NEED_CACHE | NEED_PLAIN | NEED_EMPTY)) && spec->empty)
		return false;
	return (x->needs & ~has) == 0;
}

bool check_that(struct checker *k, bool good, const char *fmt, ...)
{
	va_list ap;

	if (good || k->failed)
		return good;
	k->failed = true;
	va_start(ap, fmt);
	vsnprintf(k->words, sizeof k->words, fmt, ap);
	va_end(ap);
	return false;
}

void check_found(struct checker *k, const char *fmt, ...)
{
	va_list ap;

	if (k->failed || k->skipped)
		return;
	va_start(ap, fmt);
	vsnprintf(k->words, sizeof k->words, fmt, ap);
	va_end(ap);
}

void check_skip(struct checker *k, const char *fmt, ...)
{
	va_list ap;

	if (k->failed || k->skipped)
		return;
	k->skipped = true;
	va_start(ap, fmt);
	vsnprintf(k->words, sizeof k->words, fmt, ap);
	va_end(ap);
}

bool check_did(struct checker *k, int code, const struct diag *d)
{
	return check_that(k, code == 0, "%s", d->text);
}
