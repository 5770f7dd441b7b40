/* SPDX-License-Identifier: Apache-2.0 */
/* Sorts records into cells, and repeats of one cell in the order of their dates. */
#include "reports/read/book.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const char *label(const struct record *r, const char *key)
{
	const char *v = record_label(r, key);
	return v ? v : "";
}

/* What readers see of a letter that is none of ASCII's: letters of all scripts, but no controls, no
 * marks of direction, nothing without width. */
static bool is_letter(uint32_t c)
{
	static const struct {
		uint32_t from, to;
	} not[] = { { 0, 0xa0 }, { 0xad, 0xad }, { 0x2000, 0x200f }, { 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x3000, 0x3000 },
		    { 0xd800, 0xf8ff }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xfff0, 0xffff }, { 0xe0000, UINT32_MAX } };
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		if (c >= not[i].from && c <= not[i].to)
			return false;
	return true;
}

/* Octets of the UTF-8 sequence at `p`, 1 for ASCII; 0 when it is none, as where text was cut. */
static size_t utf8_take(const char *p, uint32_t *ret)
{
	const uint8_t *b = (const uint8_t *)p;
	size_t n = b[0] < 0x80 ? 1 : b[0] >= 0xc2 && b[0] < 0xe0 ? 2 : (b[0] & 0xf0) == 0xe0 ? 3 : b[0] >= 0xf0 && b[0] < 0xf5 ? 4 : 0;
	*ret = n < 2 ? b[0] : b[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		*ret = *ret << 6 | (b[i] & 0x3f);
	}
	return n;
}

/* Each octet or letter that legends may not hold becomes one '_'. */
static void make_plain(char *s)
{
	char *to = s;
	for (const char *p = s; *p;) {
		uint32_t c;
		size_t n = utf8_take(p, &c);
		bool good = n > 1 ? is_letter(c) :
				    n && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._/+=-", *p);
		if (good)
			memmove(to, p, n);
		else
			*to = '_';
		to += good ? n : 1;
		p += n ? n : 1;
	}
	*to = '\0';
}

/* Labels come from outside and end up in legends. */
static void set_title(struct cell *c, bool with_scenario)
{
	const char *name = *c->name ? c->name : "run";
	snprintf(c->title, sizeof(c->title), "%.40s%s%.48s%s%.24s", with_scenario && *c->scenario ? c->scenario : "",
		 with_scenario && *c->scenario ? " / " : "", name, *c->point ? " " : "", c->point);
	make_plain(c->title);
}

/* Two cells that look alike once their titles are cut and plain are numbered, from the last back. */
static void tell_apart(struct book *b)
{
	for (size_t i = b->n_cells; i-- > 1;) {
		char *title = b->cell[i].title;
		size_t before = 0, len = strlen(title);
		for (size_t k = 0; k < i; k++)
			before += !strcmp(b->cell[k].title, title);
		if (before)
			snprintf(title + len, sizeof(b->cell[i].title) - len, " (%zu)", before + 1);
	}
}

static enum engine engine_of(const struct record *r)
{
	const char *engine = label(r, LABEL_ENGINE);
	size_t e = 0;
	while (e < ENG_N && strcmp(engine_label[e], engine))
		e++;
	return (enum engine)e;
}

/* Its label, or else the folder that it lies in. */
static const char *cell_name(const struct record *r)
{
	const char *name = record_label(r, LABEL_CELL), *slash = strrchr(record_dir(r), '/');
	return name ? name : slash && slash[1] ? slash + 1 : record_dir(r);
}

static struct cell *cell_for(struct book *b, const struct record *r)
{
	const char *scenario = label(r, LABEL_SCENARIO), *name = cell_name(r), *point = label(r, "point");
	for (size_t i = 0; i < b->n_cells; i++)
		if (!strcmp(b->cell[i].scenario, scenario) && !strcmp(b->cell[i].name, name) && !strcmp(b->cell[i].point, point))
			return &b->cell[i];
	if (b->n_cells == BOOK_CELLS_MAX)
		return NULL;
	const char *cache = label(r, LABEL_CACHE);
	struct cell *c = &b->cell[b->n_cells++];
	c->scenario = scenario;
	c->name = name;
	c->point = point;
	c->proxy = record_label(r, LABEL_PROXY);
	c->cache = !strcmp(cache, "on") ? 1 : !strcmp(cache, "off") ? 0 : -1;
	return c;
}

/* A record under no rules is a lab's proof of itself: its checks count, it is no cell. */
static bool is_proof(const struct record *r)
{
	return !strcmp(label(r, LABEL_PROXY), "none");
}

static void sort_in(struct book *b, const struct record *r)
{
	enum engine e = engine_of(r);
	if (is_proof(r))
		return;
	if (e == ENG_N) {
		note(b, "%s (%s): no engine label of those known; listed under provenance only", record_dir(r),
		     record_tool(r));
		return;
	}
	struct cell *c = cell_for(b, r);
	if (!c)
		note(b, "%s: more than %d cells; left out", record_dir(r), BOOK_CELLS_MAX);
	else if (c->all[e].n == BOOK_RUNS_MAX)
		note(b, "%s: more than %d records of cell %s; left out", record_dir(r), BOOK_RUNS_MAX, c->name);
	else
		c->all[e].run[c->all[e].n++] = r;
}

/* --- repeats --- */

static const char *fact(const struct record *r, const char *key)
{
	const char *v = record_fact(r, key);
	return v ? v : "";
}

static int date_order(const void *va, const void *vb)
{
	const struct record *a = *(const struct record *const *)va, *b = *(const struct record *const *)vb;
	int by = strcmp(fact(a, "start"), fact(b, "start"));
	return by ? by : strcmp(record_dir(a), record_dir(b));
}

static bool alike(const struct record *a, const struct record *b)
{
	return !strcmp(fact(a, "version"), fact(b, "version")) && !strcmp(fact(a, "input_sha256"), fact(b, "input_sha256"));
}

static double slowness(const struct record *r)
{
	double v = 0;
	record_num(r, "latency.all.p99", &v);
	return v;
}

static int slowness_order(const void *va, const void *vb)
{
	double a = slowness(*(const struct record *const *)va), b = slowness(*(const struct record *const *)vb);
	return (a > b) - (a < b);
}

/* In order of dates; the middle one of the newest kind stands for them all. */
static const struct record *settle(struct runs *all)
{
	const struct record *by_p99[BOOK_RUNS_MAX];
	if (!all->n)
		return NULL;
	qsort(all->run, all->n, sizeof(all->run[0]), date_order);
	const struct record *newest = all->run[all->n - 1];
	while (all->n_alike < all->n && alike(all->run[all->n - 1 - all->n_alike], newest))
		all->n_alike++;
	memcpy(by_p99, &all->run[all->n - all->n_alike], all->n_alike * sizeof(by_p99[0]));
	qsort(by_p99, all->n_alike, sizeof(by_p99[0]), slowness_order);
	return by_p99[(all->n_alike - 1) / 2];
}

/* Rules first, then without before with the cache: pairs stand together. */
static int cell_order(const void *va, const void *vb)
{
	const struct cell *a = va, *b = vb;
	int by = !*a->scenario - !*b->scenario; /* captures and their like come last */
	if (!by)
		by = strcmp(a->scenario, b->scenario);
	if (!by)
		by = strcmp(a->proxy ? a->proxy : "", b->proxy ? b->proxy : "");
	if (!by)
		by = strcmp(a->point, b->point);
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

void book_arrange(struct book *b)
{
	for (size_t i = 0; i < b->n_records; i++)
		sort_in(b, b->record[i]);
	for (size_t i = 0; i < b->n_cells; i++)
		for (int e = 0; e < ENG_N; e++)
			b->cell[i].run[e] = settle(&b->cell[i].all[e]);
	qsort(b->cell, b->n_cells, sizeof(b->cell[0]), cell_order);
	bool many = false;
	for (size_t i = 1; i < b->n_cells; i++)
		many = many || (*b->cell[i].scenario && strcmp(b->cell[i].scenario, b->cell[0].scenario));
	for (size_t i = 0; i < b->n_cells; i++)
		set_title(&b->cell[i], many);
	tell_apart(b);
	find_loads(b);
}

void book_free(struct book *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_records; i++)
		record_free(b->record[i]);
	free(b);
}
