/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists of a scenario: search path, loads, names asked for, zone records,
 * and the services that are only counted. Sizes are bounded before anything is
 * allocated for them.
 */
#include "lib/world/scenario_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RATE_MAX 1e6

static int no_memory(struct reading *r, struct yaml_at n)
{
	return yaml_err(n, r->d, ERR_NOMEM, "no memory");
}

/* A list with 1 to `max` items; its length. */
static int list_len(struct reading *r, struct yaml_at n, const struct field *f, size_t max,
		    size_t *ret)
{
	size_t len = yaml_len(n);
	if (yaml_kind(n) != YAML_LIST)
		return yaml_err(n, r->d, ERR_SYNTAX, "%s: expected a list, found %s", f->key,
				yaml_kind_str(yaml_kind(n)));
	if (len > max)
		return yaml_err(n, r->d, ERR_LIMIT, "%s has %zu items; %zu are accepted", f->key, len,
				max);
	*ret = len;
	return 0;
}

int read_search(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	static const struct field item = { .key = "search", .off = 0 };
	size_t len;
	struct yaml_at at;
	(void)base;
	int rc = list_len(r, n, f, SCEN_SEARCH_MAX, &len);
	r->has_search = true;
	for (size_t i = 0; !rc && yaml_item(n, i, &at); i++) {
		rc = read_name(r, at, &item, &r->s->search[i]);
		if (!rc)
			r->s->n_search = i + 1;
	}
	return rc;
}

int default_search(struct reading *r)
{
	static const char *const head[] = { "default.svc.", "svc.", "" };
	char text[NAME_MAX_TEXT + 16];
	for (size_t i = 0; !r->has_search && i < 3; i++) {
		snprintf(text, sizeof(text), "%s%s", head[i], r->s->domain);
		r->s->search[i] = scen_strdup(r->s, text);
		if (!r->s->search[i])
			return diag_set(r->d, ERR_NOMEM, "no memory");
		r->s->n_search = i + 1;
	}
	return 0;
}

/* A load's name becomes part of file and metric names. */
static int read_load_name(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	const char *text;
	int rc = read_scalar(r, n, "a name", &text);
	if (rc)
		return rc;
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
	if (text[len] || len > 32 || !strcmp(text, "all") || !strncmp(text, "path_", 5))
		return yaml_err(n, r->d, ERR_SYNTAX,
				"load name '%s': up to 32 of a-z, 0-9 and _, and not 'all' nor 'path_...'", text);
	for (size_t i = 0; i < r->s->n_loads; i++)
		if (!strcmp(r->s->load[i].name, text))
			return yaml_err(n, r->d, ERR_EXISTS, "load '%s' is given twice", text);
	return read_text(r, n, f, base);
}

static const struct choice transports[] = {
	{ "new-port", SCEN_NEW_PORT },
	{ "same-socket", SCEN_SAME_SOCKET },
	{ "tcp", SCEN_TCP },
	{ 0 },
};
static const struct choice arrivals[] = { { "poisson", SCEN_POISSON }, { "even", SCEN_EVEN }, { 0 } };
static const struct choice families[] = {
	{ "a+aaaa", SCEN_A_AAAA },
	{ "a", SCEN_A },
	{ "aaaa", SCEN_AAAA },
	{ 0 },
};
#define OFF(m) offsetof(struct scen_load, m)
static const struct field load_fields[] = {
	{ "name", read_load_name, OFF(name), .required = true },
	{ "transport", read_choice, OFF(transport), .required = true, .choices = transports },
	{ "rate", read_rate, OFF(rate_per_s), 1e-6, RATE_MAX, .required = true },
	{ "arrivals", read_choice, OFF(arrivals), .choices = arrivals },
	{ "family", read_choice, OFF(family), .choices = families },
	{ "ask", read_name, OFF(ask) },
	{ 0 },
};
#undef OFF

int read_loads(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	size_t len;
	struct yaml_at at;
	(void)base;
	int rc = list_len(r, n, f, SCEN_LOADS_MAX, &len);
	if (!rc && !len)
		return yaml_err(n, r->d, ERR_MISSING, "%s is an empty list", f->key);
	for (size_t i = 0; !rc && yaml_item(n, i, &at); i++) {
		struct scen_load load = { .arrivals = SCEN_POISSON, .family = SCEN_A_AAAA };
		rc = read_map(r, at, load_fields, &load);
		if (!rc)
			r->s->load[r->s->n_loads++] = load;
	}
	return rc;
}

#define OFF(m) offsetof(struct scen_ask, m)
static const struct field ask_fields[] = {
	{ "name", read_name, OFF(name), .required = true },
	{ "weight", read_number, OFF(weight), 0, 1e9 },
	{ 0 },
};
#undef OFF

/* "web", or {name: web, weight: 3}. */
static int read_ask(struct reading *r, struct yaml_at n, struct scen_ask *ret)
{
	struct scen_ask ask = { NULL, 1 };
	int rc = yaml_kind(n) == YAML_SCALAR ? read_name(r, n, &ask_fields[0], &ask)
					     : read_map(r, n, ask_fields, &ask);
	if (!rc)
		*ret = ask;
	return rc;
}

int read_asks(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	size_t len;
	struct yaml_at at;
	(void)base;
	int rc = list_len(r, n, f, SCEN_NAMES_MAX, &len);
	if (rc)
		return rc;
	r->s->ask = scen_alloc(r->s, len * sizeof(*r->s->ask));
	if (!r->s->ask)
		return no_memory(r, n);
	for (size_t i = 0; !rc && yaml_item(n, i, &at); i++) {
		rc = read_ask(r, at, &r->s->ask[i]);
		if (!rc)
			r->s->n_asks = i + 1;
	}
	return rc;
}

/* What a record means is checked where it is understood, in lib/world/zone, which
 * knows its line from here. */
int read_records(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	size_t len;
	struct yaml_at at;
	const char *text;
	(void)base;
	int rc = list_len(r, n, f, SCEN_RECORDS_MAX, &len);
	if (rc)
		return rc;
	r->s->record = scen_alloc(r->s, len * sizeof(*r->s->record));
	if (!r->s->record)
		return no_memory(r, n);
	for (size_t i = 0; yaml_item(n, i, &at); i++) {
		rc = read_scalar(r, at, "a record: owner, TTL, type, data", &text);
		if (rc)
			return rc;
		char *copy = scen_strdup(r->s, text);
		if (!copy)
			return no_memory(r, at);
		r->s->record[i] = (struct scen_record){ copy, yaml_line(at) };
		r->s->n_records = i + 1;
	}
	return 0;
}

/* The i-th counted service: its name as pods ask for it and its record, both
 * in `text`, one after the other. Addresses walk through 10.97.0.0/16. */
static int add_service(struct scenario *s, unsigned i, unsigned line)
{
	char ask[32], rec[NAME_MAX_TEXT + 64];
	snprintf(ask, sizeof(ask), "svc-%u", i + 1);
	snprintf(rec, sizeof(rec), "%s.default.svc.%s. %u A 10.97.%u.%u", ask, s->domain, s->ttl_s,
		 (i + 1) >> 8 & 255, (i + 1) & 255);
	char *ask_copy = scen_strdup(s, ask), *rec_copy = scen_strdup(s, rec);
	if (!ask_copy || !rec_copy)
		return ERR_NOMEM;
	s->ask[s->n_asks++] = (struct scen_ask){ ask_copy, 1 };
	s->record[s->n_records++] = (struct scen_record){ rec_copy, line };
	return 0;
}

/* The names of loads that have one of their own, behind those that are drawn. */
int expand_loads(struct reading *r)
{
	struct scenario *s = r->s;
	size_t n = s->n_asks;
	struct scen_ask *ask = scen_alloc(s, (n + s->n_loads) * sizeof(*ask));
	if (!ask)
		return diag_set(r->d, ERR_NOMEM, "no memory");
	if (n)
		memcpy(ask, s->ask, n * sizeof(*ask));
	for (size_t i = 0; i < s->n_loads; i++) {
		if (!s->load[i].ask)
			continue;
		s->load[i].ask_at = (unsigned)n;
		ask[n++] = (struct scen_ask){ s->load[i].ask, 0 };
	}
	s->ask = ask;
	return 0;
}

void scen_weights(const struct scenario *s, double *ret)
{
	double sum = 0;
	for (size_t i = 0; i < s->n_asks; i++) {
		sum += s->zipf_s > 0 ? 1 / pow((double)(i + 1), s->zipf_s) : s->ask[i].weight;
		ret[i] = sum;
	}
}

/* What every node would else work out again. */
int expand_asks(struct reading *r)
{
	struct scenario *s = r->s;
	size_t n = s->n_asks;
	for (size_t i = 0; i < s->n_loads; i++)
		n += s->load[i].ask != NULL;
	for (size_t i = 0; i < n; i++) {
		struct name wire;
		int rc = name_from_text(&wire, s->ask[i].name);
		uint8_t *copy = rc ? NULL : scen_alloc(s, wire.len);
		if (!copy)
			return diag_set(r->d, rc ? rc : ERR_NOMEM, "%s: %s", s->ask[i].name, err_str(rc ? rc : ERR_NOMEM));
		memcpy(copy, wire.b, wire.len);
		s->ask[i].wire = copy;
	}
	s->ask_upto = scen_alloc(s, s->n_asks * sizeof(*s->ask_upto));
	if (!s->ask_upto)
		return diag_set(r->d, ERR_NOMEM, "no memory");
	scen_weights(s, s->ask_upto);
	return 0;
}

int expand_services(struct reading *r, unsigned n_services, unsigned line)
{
	struct scenario *s = r->s;
	if (!n_services)
		return 0;
	struct scen_ask *ask = scen_alloc(s, (s->n_asks + n_services) * sizeof(*ask));
	struct scen_record *rec = scen_alloc(s, (s->n_records + n_services) * sizeof(*rec));
	if (!ask || !rec)
		return diag_set(r->d, ERR_NOMEM, "no memory");
	if (s->n_asks)
		memcpy(ask, s->ask, s->n_asks * sizeof(*ask));
	if (s->n_records)
		memcpy(rec, s->record, s->n_records * sizeof(*rec));
	s->ask = ask;
	s->record = rec;
	for (unsigned i = 0; i < n_services; i++)
		if (add_service(s, i, line))
			return diag_set(r->d, ERR_NOMEM, "no memory");
	return 0;
}

const char *scen_transport_str(enum scen_transport t)
{
	for (const struct choice *c = transports; c->word; c++)
		if (c->value == (int)t)
			return c->word;
	return "?";
}
