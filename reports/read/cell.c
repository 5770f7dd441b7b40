/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of a book once it is sorted. */
#include "reports/read/book.h"

#include <string.h>

bool engine_measured(enum engine e)
{
	return e < ENG_SIM;
}

enum engine cell_measured_engine(const struct cell *c)
{
	for (int e = 0; e < ENG_N; e++)
		if (engine_measured((enum engine)e) && c->run[e])
			return (enum engine)e;
	return ENG_N;
}

enum engine cell_best_engine(const struct cell *c)
{
	int e = 0;
	while (e < ENG_N && !c->run[e])
		e++;
	return (enum engine)e;
}

const struct record *cell_best(const struct cell *c)
{
	return c->run[cell_best_engine(c)];
}

bool cell_num(const struct cell *c, enum engine e, const char *metric, double *ret)
{
	return e < ENG_N && c->run[e] && record_num(c->run[e], metric, ret);
}

bool cell_measured(const struct cell *c, const char *metric, double *ret, enum engine *ret_engine)
{
	for (int e = 0; e < ENG_N; e++)
		if (engine_measured((enum engine)e) && cell_num(c, (enum engine)e, metric, ret)) {
			if (ret_engine)
				*ret_engine = (enum engine)e;
			return true;
		}
	return false;
}

bool run_hist(const struct record *r, const char *name, struct hist *ret)
{
	double lost, ceiling_s;
	if (!record_hist(r, name, ret))
		return false;
	if ((!strcmp(name, "latency.intended") || !strcmp(name, "latency.actual")) && record_num(r, "replay.lost", &lost) &&
	    record_num(r, "replay.timeout", &ceiling_s) && lost > 0 && lost < 1e15 && ceiling_s > 0 && ceiling_s < 1e6)
		hist_record_n(ret, (uint64_t)(ceiling_s * 1e9), (uint64_t)lost);
	return true;
}

static const char *of(const struct cell *c, const char *key)
{
	const char *v = record_label(cell_best(c), key);
	return v ? v : "";
}

const struct cell *book_without_cache(const struct book *b, const struct cell *with)
{
	if (with->cache != 1)
		return NULL;
	for (size_t i = 0; i < b->n_cells; i++) {
		const struct cell *c = &b->cell[i];
		if (c->cache == 0 && !strcmp(c->scenario, with->scenario) && !strcmp(of(c, LABEL_PROXY), of(with, LABEL_PROXY)) &&
		    !strcmp(of(c, "ip"), of(with, "ip")) && !strcmp(c->point, with->point))
			return c;
	}
	return NULL;
}

const struct cell *book_same(const struct book *b, const struct cell *like)
{
	for (size_t i = 0; i < b->n_cells; i++)
		if (!strcmp(b->cell[i].scenario, like->scenario) && !strcmp(b->cell[i].name, like->name) &&
		    !strcmp(b->cell[i].point, like->point))
			return &b->cell[i];
	return NULL;
}

bool book_has(const struct book *b, enum engine e)
{
	for (size_t i = 0; i < b->n_cells; i++)
		if (b->cell[i].run[e])
			return true;
	return false;
}

bool book_has_measured(const struct book *b)
{
	bool any = false;
	for (int e = 0; e < ENG_N; e++)
		any = any || (engine_measured((enum engine)e) && book_has(b, (enum engine)e));
	return any;
}

bool book_has_predicted(const struct book *b)
{
	bool any = false;
	for (int e = 0; e < ENG_N; e++)
		any = any || (!engine_measured((enum engine)e) && book_has(b, (enum engine)e));
	return any;
}
