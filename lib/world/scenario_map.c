/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapping of the scenario file by its table: every key known, none twice, none
 * missing. Underneath the tables and the readers of values, so it names none.
 */
#include "lib/world/scenario_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- memory that lives as long as the scenario --- */

struct chunk {
	struct chunk *next;
	max_align_t data[];
};

void *scen_alloc(struct scenario *s, size_t size)
{
	struct chunk *c = calloc(1, sizeof(*c) + (size ? size : 1));
	if (!c)
		return NULL;
	c->next = s->arena;
	s->arena = c;
	return c->data;
}

char *scen_strdup(struct scenario *s, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = scen_alloc(s, size);
	if (copy)
		memcpy(copy, text, size);
	return copy;
}

void scenario_free(struct scenario *s)
{
	if (!s)
		return;
	for (struct chunk *c = s->arena, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(s);
}

/* --- mappings --- */

static int unknown_key(struct reading *r, struct yaml_at key, const struct field *fields)
{
	const char *words[32] = { 0 }, *text = yaml_text(key);
	char accepted[300] = "";
	for (size_t i = 0; fields[i].key && i + 1 < sizeof(words) / sizeof(words[0]); i++) {
		size_t used = strlen(accepted);
		words[i] = fields[i].key;
		snprintf(accepted + used, sizeof(accepted) - used, "%s%s", i ? ", " : "", words[i]);
	}
	if (!text)
		return yaml_err(key, r->d, ERR_SYNTAX, "a key must be one word; accepted: %s", accepted);
	const char *near = err_suggest(text, words);
	return yaml_err(key, r->d, ERR_UNKNOWN, "unknown key '%.64s'%s%s%s; accepted: %s", text,
			near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "",
			accepted);
}

int read_map(struct reading *r, struct yaml_at n, const struct field *fields, void *base)
{
	struct yaml_at key, value;
	uint64_t seen = 0;
	if (yaml_kind(n) != YAML_MAP)
		return yaml_err(n, r->d, ERR_SYNTAX, "expected 'key: value' lines, found %s",
				yaml_kind_str(yaml_kind(n)));
	for (size_t i = 0; yaml_pair(n, i, &key, &value); i++) {
		size_t k = 0;
		while (fields[k].key && (!yaml_text(key) || strcmp(fields[k].key, yaml_text(key))))
			k++;
		if (!fields[k].key)
			return unknown_key(r, key, fields);
		if (seen >> k & 1)
			return yaml_err(key, r->d, ERR_EXISTS, "key '%s' is given twice",
					fields[k].key);
		seen |= 1ull << k;
		int rc = fields[k].read(r, value, &fields[k], base);
		if (rc)
			return rc;
	}
	for (size_t k = 0; fields[k].key; k++)
		if (fields[k].required && !(seen >> k & 1))
			return yaml_err(n, r->d, ERR_MISSING, "key '%s' is missing", fields[k].key);
	return 0;
}
