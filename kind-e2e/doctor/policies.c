/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NetworkPolicies that starve: of those that restrict egress for a set of pods, is there one, for
 * the same namespace and the same pods or all of them, that lets port 53 out? Policies add up, so
 * one that allows is enough. Selectors are compared as texts: "the same" or "all", which is what
 * can be said without the pods themselves.
 */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/api_json.h"

const struct jdoc *json_at(const struct jdoc *v, const char *path)
{
	char key[64];

	while (v && *path) {
		size_t n = strcspn(path, ".");

		snprintf(key, sizeof key, "%.*s", (int)n, path);
		v = jdoc_get(v, key);
		path += n + (path[n] == '.');
	}
	return v;
}

static bool restricts_egress(const struct jdoc *policy)
{
	const struct jdoc *types = json_at(policy, "spec.policyTypes");

	for (size_t i = 0; i < jdoc_count(types); i++) {
		const char *t = jdoc_text(jdoc_item(types, i));

		if (t && !strcmp(t, "Egress"))
			return true;
	}
	return jdoc_count(types) == 0 && jdoc_type(json_at(policy, "spec.egress")) == JDOC_LIST;
}

static bool port_has_53(const struct jdoc *p)
{
	const char *name = jdoc_text(jdoc_get(p, "port")),
		   *proto = jdoc_text(jdoc_get(p, "protocol"));
	double from = 0, to = 0;

	if (!proto || strcmp(proto, "UDP") != 0) /* TCP when not said */
		return false;
	if (name)
		return strstr(name, "dns") != NULL;
	if (!jdoc_number(jdoc_get(p, "port"), &from))
		return true; /* all ports */
	if (!jdoc_number(jdoc_get(p, "endPort"), &to))
		to = from;
	return from <= 53 && 53 <= to;
}

static bool allows_dns(const struct jdoc *policy)
{
	const struct jdoc *rules = json_at(policy, "spec.egress");

	for (size_t i = 0; i < jdoc_count(rules); i++) {
		const struct jdoc *ports = jdoc_get(jdoc_item(rules, i), "ports");

		for (size_t k = 0; k < jdoc_count(ports); k++)
			if (port_has_53(jdoc_item(ports, k)))
				return true;
		/* no ports: all of them, to whom the rule names; no "to": to everybody */
		if (!jdoc_count(ports))
			return true;
	}
	return false;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* Labels of one are those of the other; nothing selects all. */
static bool covers(const struct jdoc *wide, const struct jdoc *narrow)
{
	const struct jdoc *labels = json_at(wide, "spec.podSelector.matchLabels"), *value;
	const struct jdoc *others = json_at(narrow, "spec.podSelector.matchLabels");
	const char *key;

	if (jdoc_count(json_at(wide, "spec.podSelector.matchExpressions")))
		return false;
	for (size_t i = 0; jdoc_member(labels, i, &key, &value); i++)
		if (!same_text(jdoc_text(value), jdoc_text(jdoc_get(others, key))))
			return false;
	return true;
}

static bool rescued(const struct jdoc *items, const struct jdoc *policy)
{
	const char *ns = jdoc_text(json_at(policy, "metadata.namespace"));

	for (size_t i = 0; i < jdoc_count(items); i++) {
		const struct jdoc *other = jdoc_item(items, i);

		if (same_text(ns, jdoc_text(json_at(other, "metadata.namespace"))) &&
		    restricts_egress(other) && allows_dns(other) && covers(other, policy))
			return true;
	}
	return false;
}

void policies_read(struct api_facts *a, const struct jdoc *list)
{
	const struct jdoc *items = jdoc_get(list, "items");

	for (size_t i = 0; i < jdoc_count(items); i++) {
		const struct jdoc *p = jdoc_item(items, i);
		const char *name = jdoc_text(json_at(p, "metadata.name")),
			   *ns = jdoc_text(json_at(p, "metadata.namespace"));

		a->n_policies++;
		if (!name || !ns || !restricts_egress(p) || rescued(items, p))
			continue;
		if (a->n_starving < 8)
			snprintf(a->starving[a->n_starving++], FACT_TEXT, "%.100s/%.100s", ns,
				 name);
		else
			a->cut++;
	}
}
