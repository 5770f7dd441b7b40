/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the records below the folders given, and sorts them into cells. */
#include "reports/read/book.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/record/metrics_common.h"

#define ENG_LABEL(name, label, title) label,
#define ENG_TITLE(name, label, title) title,
const char *const engine_label[ENG_N] = { ENGINES(ENG_LABEL) };

const char *engine_title(enum engine e)
{
	static const char *const titles[ENG_N] = { ENGINES(ENG_TITLE) };
	return titles[e];
}

static void __attribute__((format(printf, 2, 3))) note(struct book *b, const char *fmt, ...)
{
	va_list ap;
	if (b->n_notes == BOOK_NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(b->note[b->n_notes++], sizeof(b->note[0]), fmt, ap);
	va_end(ap);
}

static bool is_record(const char *dir)
{
	char path[4096];
	return snprintf(path, sizeof(path), "%s/run.json", dir) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

static int load_one(struct book *b, const char *dir, struct diag *d)
{
	if (b->n_records == BOOK_RECORDS_MAX)
		return diag_set(d, ERR_LIMIT, "more than %d records", BOOK_RECORDS_MAX);
	int rc = record_load(&b->record[b->n_records], dir, d);
	if (!rc)
		b->n_records++;
	return rc;
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int load_below(struct book *b, const char *dir, struct diag *d)
{
	struct dirent **list;
	char path[4096];
	size_t before = b->n_records;
	int rc = 0, n = scandir(dir, &list, no_dots, alphasort);
	if (n < 0)
		return diag_errno(d, "%s", dir);
	for (int i = 0; i < n; i++) {
		bool fits = snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name) <
			    (int)sizeof(path);
		if (!rc && fits && is_record(path))
			rc = load_one(b, path, d);
		free(list[i]);
	}
	free(list);
	if (!rc && b->n_records == before)
		rc = diag_set(d, ERR_MISSING, "%s: no run.json here or in the folders below", dir);
	return rc;
}

static const char *label(const struct record *r, const char *key)
{
	const char *v = record_label(r, key);
	return v ? v : "";
}

/* Labels come from outside and end up in legends. */
static void set_title(struct cell *c, bool with_scenario)
{
	const char *name = *c->name ? c->name : "run";
	snprintf(c->title, sizeof(c->title), "%.60s%s%.60s", with_scenario ? c->scenario : "",
		 with_scenario ? " / " : "", name);
	for (char *p = c->title; *p; p++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._/+-", *p))
			*p = '_';
}

static struct cell *cell_for(struct book *b, const struct record *r)
{
	const char *scenario = label(r, LABEL_SCENARIO), *name = label(r, LABEL_CELL);
	for (size_t i = 0; i < b->n_cells; i++)
		if (!strcmp(b->cell[i].scenario, scenario) && !strcmp(b->cell[i].name, name))
			return &b->cell[i];
	if (b->n_cells == BOOK_CELLS_MAX)
		return NULL;
	const char *cache = label(r, LABEL_CACHE);
	struct cell *c = &b->cell[b->n_cells++];
	c->scenario = scenario;
	c->name = name;
	c->proxy = record_label(r, LABEL_PROXY);
	c->cache = !strcmp(cache, "on") ? 1 : !strcmp(cache, "off") ? 0 : -1;
	return c;
}

static void sort_in(struct book *b, const struct record *r)
{
	const char *engine = label(r, LABEL_ENGINE);
	size_t e = 0;
	while (e < ENG_N && strcmp(engine_label[e], engine))
		e++;
	if (e == ENG_N) {
		note(b, "%s (%s): no engine label of lab, sim or model; listed under provenance only",
		     record_dir(r), record_tool(r));
		return;
	}
	struct cell *c = cell_for(b, r);
	if (!c)
		note(b, "%s: more than %d cells; left out", record_dir(r), BOOK_CELLS_MAX);
	else if (c->run[e])
		note(b, "%s: a second %s record of cell %s; the first one is used", record_dir(r),
		     engine_title(e), c->name);
	else
		c->run[e] = r;
}

/* Rules first, then without before with the cache: pairs stand together. */
static int cell_order(const void *va, const void *vb)
{
	const struct cell *a = va, *b = vb;
	int by = strcmp(a->scenario, b->scenario);
	if (!by)
		by = strcmp(a->proxy ? a->proxy : "", b->proxy ? b->proxy : "");
	if (!by)
		by = a->cache - b->cache;
	return by ? by : strcmp(a->name, b->name);
}

/* Latency histograms in order of appearance, the sum of all first. */
static void find_loads(struct book *b)
{
	snprintf(b->load[b->n_loads++], sizeof(b->load[0]), "latency.all");
	for (size_t i = 0; i < b->n_records; i++) {
		const char *m;
		for (size_t k = 0; (m = record_metric_name(b->record[i], k)); k++) {
			size_t len = strlen(m), seen = 0;
			if (strncmp(m, "latency.", 8) || len < 11 || len > 60 ||
			    strcmp(m + len - 2, ".n"))
				continue;
			while (seen < b->n_loads && (strlen(b->load[seen]) != len - 2 ||
						     strncmp(b->load[seen], m, len - 2)))
				seen++;
			if (seen == b->n_loads && seen < BOOK_LOADS_MAX)
				snprintf(b->load[b->n_loads++], sizeof(b->load[0]), "%.*s",
					 (int)len - 2, m);
		}
	}
}

static void arrange(struct book *b)
{
	for (size_t i = 0; i < b->n_records; i++)
		sort_in(b, b->record[i]);
	qsort(b->cell, b->n_cells, sizeof(b->cell[0]), cell_order);
	bool many = false;
	for (size_t i = 1; i < b->n_cells; i++)
		many = many || strcmp(b->cell[i].scenario, b->cell[0].scenario);
	for (size_t i = 0; i < b->n_cells; i++)
		set_title(&b->cell[i], many);
	find_loads(b);
}

int book_load(struct book **ret, char **dirs, size_t n_dirs, struct diag *d)
{
	struct book *b = calloc(1, sizeof(*b));
	int rc = b ? 0 : diag_set(d, ERR_NOMEM, "no memory");
	for (size_t i = 0; !rc && i < n_dirs; i++)
		rc = is_record(dirs[i]) ? load_one(b, dirs[i], d) : load_below(b, dirs[i], d);
	if (rc) {
		book_free(b);
		return rc;
	}
	arrange(b);
	*ret = b;
	return 0;
}

void book_free(struct book *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_records; i++)
		record_free(b->record[i]);
	free(b);
}

const struct record *cell_best(const struct cell *c)
{
	for (int e = 0; e < ENG_N; e++) /* what was measured comes first */
		if (c->run[e])
			return c->run[e];
	return NULL;
}

bool cell_num(const struct cell *c, enum engine e, const char *metric, double *ret)
{
	return c->run[e] && record_num(c->run[e], metric, ret);
}

const struct cell *book_with_cache(const struct book *b, const struct cell *without)
{
	if (without->cache != 0)
		return NULL;
	for (size_t i = 0; i < b->n_cells; i++) {
		const struct cell *c = &b->cell[i];
		if (c->cache == 1 && !strcmp(c->scenario, without->scenario) &&
		    !strcmp(c->proxy ? c->proxy : "", without->proxy ? without->proxy : ""))
			return c;
	}
	return NULL;
}

bool book_has(const struct book *b, enum engine e)
{
	for (size_t i = 0; i < b->n_cells; i++)
		if (b->cell[i].run[e])
			return true;
	return false;
}
