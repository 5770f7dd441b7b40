/* SPDX-License-Identifier: Apache-2.0 */
/* What there is, what a pattern matches of it, and what is left. */
#include "kind-e2e/run/select.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static bool is_cell(const char *pattern, const struct cell_spec *all, unsigned n)
{
	char name[CELL_NAME_MAX];

	for (unsigned i = 0; i < n; i++)
		if (!fnmatch(pattern, cell_spec_str(&all[i], name), 0))
			return true;
	return false;
}

static bool is_check(const char *pattern)
{
	const struct check *x;

	for (unsigned i = 0; (x = check_at(i)); i++)
		if (!fnmatch(pattern, x->id, 0))
			return true;
	return false;
}

static unsigned all_cells(const struct scenario *s, bool original, struct cell_spec ret[CELLS_MAX])
{
	static const enum scen_proxy modes[] = {SCEN_PROXIES(SCEN_PROXY_NAME)};
	static const enum scen_ip ips[] = {SCEN_IP4, SCEN_IP6, SCEN_DUAL};
	unsigned n = 1;

	ret[0] = (struct cell_spec){.empty = true, .ip = SCEN_IP4};
	for (unsigned i = 0; i < 3; i++)
		for (unsigned m = 0; m < 3; m++)
			for (unsigned cache = 0; cache < 2; cache++)
				if (s->ip_families & ips[i] && s->proxy_modes & modes[m] &&
				    (cache ? s->cache_on : s->cache_off)) {
					struct cell_spec spec = {.proxy = modes[m],
								 .with_cache = cache,
								 .ip = ips[i]};

					ret[n++] = spec;
					spec.intercept = cache && modes[m] == SCEN_IPVS;
					if (spec.intercept)
						ret[n++] = spec;
					spec.intercept = false;
					spec.original = cache && original;
					if (spec.original)
						ret[n++] = spec;
				}
	return n;
}

/* Every pattern must be good for something. */
static int check_patterns(const char *option, const struct opt_list *list, bool checks_too,
			  const struct cell_spec *all, unsigned n, struct diag *d)
{
	static char names[CELLS_MAX][CELL_NAME_MAX];
	const char *known[CELLS_MAX + 1 + 96] = {NULL}, *near;
	unsigned n_known = 0;
	char words[CELLS_MAX * (CELL_NAME_MAX + 2)] = "";
	size_t len = 0;
	const struct check *x;

	for (unsigned i = 0; i < n; i++) {
		known[n_known++] = cell_spec_str(&all[i], names[i]);
		len += (size_t)snprintf(words + len, sizeof words - len, "%s%s", i ? ", " : "",
					names[i]);
	}
	for (unsigned i = 0; checks_too && i < 96 && (x = check_at(i)); i++)
		known[n_known++] = x->id;
	for (size_t i = 0; i < list->n; i++) {
		if (is_cell(list->item[i], all, n) || (checks_too && is_check(list->item[i])))
			continue;
		near = err_suggest(list->item[i], known);
		return diag_set(d, ERR_UNKNOWN,
				"%s %s: the scenario has no such cell%s%s%s; it has %s%s", option,
				list->item[i], checks_too ? ", and there is no such check" : "",
				near ? "; did you mean " : "", near ? near : "", words,
				checks_too ? "; --list-checks says which checks there are" : "");
	}
	return 0;
}

/* Does a list name this one? *ret_any: it names some of this kind. */
static bool listed(const struct opt_list *list, const char *name,
		   bool (*kind)(const char *, void *), void *arg, bool *ret_any)
{
	bool hit = false;

	for (size_t i = 0; i < list->n; i++) {
		if (!kind(list->item[i], arg))
			continue;
		*ret_any = true;
		hit = hit || !fnmatch(list->item[i], name, 0);
	}
	return hit;
}

struct cells {
	const struct cell_spec *all;
	unsigned n;
};

static bool of_cells(const char *pattern, void *arg)
{
	const struct cells *c = arg;

	return is_cell(pattern, c->all, c->n);
}

static bool of_checks(const char *pattern, void *arg)
{
	(void)arg;
	return is_check(pattern);
}

int select_cells(const struct selection *sel, const struct scenario *s,
		 struct cell_spec ret[CELLS_MAX], struct diag *d)
{
	struct cell_spec all[CELLS_MAX];
	struct cells cells = {all, all_cells(s, sel->original, all)};
	int n = 0, code;

	code = check_patterns("--cell", sel->cells, false, all, cells.n, d);
	code = code ? code : check_patterns("--include", sel->include, true, all, cells.n, d);
	code = code ? code : check_patterns("--exclude", sel->exclude, true, all, cells.n, d);
	if (code)
		return code;
	for (unsigned i = 0; i < cells.n; i++) {
		bool some = false, wanted, out = false;
		char name[CELL_NAME_MAX];

		cell_spec_str(&all[i], name);
		wanted = listed(sel->cells, name, of_cells, &cells, &some);
		wanted = listed(sel->include, name, of_cells, &cells, &some) || wanted;
		out = listed(sel->exclude, name, of_cells, &cells, &out);
		if ((wanted || !some) && !out)
			ret[n++] = all[i];
	}
	return n;
}

bool select_check(const struct selection *sel, const char *id)
{
	bool some = false, none = false;
	bool wanted = listed(sel->include, id, of_checks, NULL, &some);

	return (wanted || !some) && !listed(sel->exclude, id, of_checks, NULL, &none);
}

bool select_load(const struct selection *sel, const struct cell_spec *spec,
		 const struct scenario *s)
{
	const struct check *x;

	for (unsigned i = 0; (x = check_at(i)); i++)
		if (x->needs & NEED_LOAD && check_fits(x, spec, s) && select_check(sel, x->id))
			return true;
	return false;
}
