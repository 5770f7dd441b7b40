/* SPDX-License-Identifier: Apache-2.0 */
/* The diagnosis as JSON (jansson): keys in a fixed order, no times, so that two runs can be
 * compared. */
#include <jansson.h>
#include <string.h>

#include "kind-e2e/doctor/print.h"

/* Octets that are no UTF-8 came from outside: '?'. */
static json_t *text(const char *s)
{
	char buf[2048];
	json_t *j = json_string(s);
	size_t i;

	if (j)
		return j;
	for (i = 0; s[i] && i + 1 < sizeof buf; i++)
		buf[i] = (unsigned char)s[i] < 128 ? s[i] : '?';
	buf[i] = '\0';
	return json_string(buf);
}

static json_t *one(const struct probe *x, const struct verdict *v)
{
	const char *dot = strchr(x->id, '.');
	json_t *j =
		json_pack("{s:s, s:s#, s:s, s:o}", "id", x->id, "layer", x->id, (int)(dot - x->id),
			  "status", status_word(v->status), "words", text(v->words));

	if (j && v->remedy[0])
		json_object_set_new(j, "remedy", text(v->remedy));
	return j;
}

static json_t *cache(const struct cache_found *c)
{
	json_t *evidence = json_array();

	for (unsigned i = 0; i < c->n_evidence; i++)
		json_array_append_new(evidence, text(c->evidence[i]));
	return json_pack("{s:s, s:s, s:b, s:o}", "kind", cache_kind_word(c->kind), "name",
			 cache_kind_name(c->kind), "in_path", c->in_path, "evidence", evidence);
}

int print_json(FILE *out, const struct diagnosis *d, const struct patient *p)
{
	static const char *const at[] = {"node", "pod", "away"};
	json_t *findings = json_array(), *counts = json_object(), *root;
	char server[ADDR_TEXT] = "";
	int rc;

	for (unsigned i = 0; i < d->n; i++)
		json_array_append_new(findings, one(d->probe[i], &d->verdict[i]));
	for (unsigned s = 0; s < N_STATUS; s++)
		json_object_set_new(counts, status_word((enum status)s), json_integer(d->count[s]));
	if (p->f->server.family)
		addr_str(&p->f->server, server);
	root = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "schema", "nodens-doctor/1", "at",
			 at[p->f->at], "server", server, "domain", p->f->domain, "cache",
			 cache(&p->cache), "counts", counts, "findings", findings);
	rc = root ? json_dumpf(root, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : -1;
	json_decref(root);
	fputc('\n', out);
	return rc ? ERR_NOMEM : 0;
}
