/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the simulator can do with a scenario: things that happen at a certain time (surges
 * of load, what becomes of the cluster's DNS servers), and another kernel.
 */
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/world/scenario_int.h"

#define WEEK (7 * 86400.0 * NS_PER_S)

static int list_of(struct reading *r, struct yaml_at n, const struct field *f, size_t max)
{
	if (yaml_kind(n) != YAML_LIST)
		return yaml_err(n, r->d, ERR_SYNTAX, "%s: expected a list, found %s", f->key,
				yaml_kind_str(yaml_kind(n)));
	if (yaml_len(n) > max)
		return yaml_err(n, r->d, ERR_LIMIT, "%s has %zu items; %zu are accepted", f->key,
				yaml_len(n), max);
	return 0;
}

#define OFF(m) offsetof(struct scen_surge, m)
static const struct field surge_fields[] = {
	{ "at", read_duration, OFF(at_ns), 0, WEEK, .required = true },
	{ "for", read_duration, OFF(for_ns), NS_PER_MS, WEEK, .required = true },
	{ "times", read_number, OFF(times), 0, 1e4, .required = true },
	{ 0 },
};
#undef OFF

int read_surges(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	struct yaml_at at;
	(void)base;
	int rc = list_of(r, n, f, SCEN_SURGES_MAX);
	for (size_t i = 0; !rc && yaml_item(n, i, &at); i++) {
		struct scen_surge s = { 0 };
		rc = read_map(r, at, surge_fields, &s);
		const struct scen_surge *last = i ? &r->s->surge[i - 1] : NULL;
		if (!rc && last && s.at_ns < last->at_ns + last->for_ns)
			rc = yaml_err(at, r->d, ERR_RANGE, "surges come one after the other");
		if (!rc)
			r->s->surge[r->s->n_surges++] = s;
	}
	return rc;
}

static const struct choice kinds[] = {
	{ "fail", SCEN_FAIL }, { "rollout", SCEN_ROLLOUT }, { "scale", SCEN_SCALE }, { 0 },
};
#define OFF(m) offsetof(struct scen_event, m)
static const struct field event_fields[] = {
	{ "what", read_choice, OFF(what), .choices = kinds, .required = true },
	{ "at", read_duration, OFF(at_ns), 0, WEEK, .required = true },
	{ "for", read_duration, OFF(for_ns), 0, WEEK },
	{ "unready", read_duration, OFF(unready_ns), 0, WEEK },
	{ "grace", read_duration, OFF(grace_ns), 0, WEEK },
	{ "backend", read_unsigned, OFF(backend), 1, SCEN_BACKENDS_MAX },
	{ "to", read_unsigned, OFF(to), 1, SCEN_BACKENDS_MAX },
	{ 0 },
};
#undef OFF

int read_events(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	struct yaml_at at;
	(void)base;
	int rc = list_of(r, n, f, SCEN_EVENTS_MAX);
	for (size_t i = 0; !rc && yaml_item(n, i, &at); i++) {
		/* readiness: three probes ten seconds apart; CoreDNS: lameduck 5 s */
		struct scen_event e = { .for_ns = 5 * NS_PER_S, .unready_ns = 30 * NS_PER_S,
					.grace_ns = 5 * NS_PER_S, .backend = 1 };
		rc = read_map(r, at, event_fields, &e);
		if (!rc && e.what == SCEN_SCALE && !e.to)
			rc = yaml_err(at, r->d, ERR_MISSING, "scale: key 'to' is missing");
		if (!rc)
			r->s->event[r->s->n_events++] = e;
	}
	return rc;
}

int read_kernel(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	const char *text;
	unsigned major, minor;
	int used = 0, rc = read_scalar(r, n, "a kernel such as 5.4", &text);

	if (rc)
		return rc;
	if (sscanf(text, "%1u.%3u%n", &major, &minor, &used) != 2 || text[used] || major < 4)
		return yaml_err(n, r->d, ERR_SYNTAX, "%s is '%s': expected a kernel such as 5.4, from 4.0 on", f->key, text);
	*(unsigned *)((char *)base + f->off) = major * 1000 + minor;
	return 0;
}
