/* SPDX-License-Identifier: Apache-2.0 */
/* The order of candidates is a table; what is worth trying, and whose fault a failure is, two functions. */
#include "resolver/config/config.h"

void config_refused_release(struct config_refused *r)
{
	config_texts_release(&r->missing);
}

/* What may be served, best first: the newest of each part, or what it was. */
struct candidate {
	bool corefile, kubedns; /* the newest */
	bool lenient;           /* what needs a file that is not there is left out */
};
static const struct candidate order[] = {
	{ .corefile = true, .kubedns = true },
	{ .corefile = true },
	{ .corefile = true, .kubedns = true, .lenient = true },
	{ .corefile = true, .lenient = true },
	{ .kubedns = true },
	{ 0 },
};

struct choice {
	const struct config_source *source;
	const struct config_newest *newest;
	const struct config *last;
	bool keep_corefile;
	int rc;                    /* of the last attempt */
	struct diag corefile, kubedns; /* why the newest is refused, as far as it is known */
};

static const struct kubedns_text *kubedns_last(const struct choice *c)
{
	static const struct kubedns_text none;
	return c->last ? &c->last->kubedns : &none;
}

static bool worth_trying(const struct choice *c, const struct candidate *k)
{
	const struct config_newest *n = c->newest;
	if (k->kubedns && n->kubedns_rc < 0)
		return false;
	if (!k->corefile)
		return c->last != NULL;
	if (c->keep_corefile || n->corefile_rc < 0)
		return false;
	if (k->lenient && (c->rc == ERR_NOMEM || (c->last && !c->last->lenient)))
		return false;
	/* with the ConfigMap as it was: it has just been tried when it is what it is now */
	return k->kubedns || n->kubedns_rc < 0 || !kubedns_text_same(&n->kubedns, kubedns_last(c));
}

static int candidate_try(struct choice *c, const struct candidate *k, struct config *ret, struct config_refused *why,
			 struct diag *d)
{
	struct config_attempt a = {
		.source = c->source, .last = c->last, .name = c->newest->name, .rendered = c->newest->rendered,
		.corefile = k->corefile ? c->newest->corefile : c->last->source,
		.kubedns = k->kubedns ? &c->newest->kubedns : kubedns_last(c),
		.lenient = k->corefile ? k->lenient : c->last->lenient,
	};
	c->rc = config_attempt(&a, ret, &why->missing, &why->part[CONFIG_FILES], d);
	if (c->rc < 0 && k->kubedns)
		c->kubedns = *d;
	if (c->rc < 0 && k->corefile && !k->lenient)
		c->corefile = *d;
	return c->rc;
}

int config_choose(const struct config_source *s, const struct config_newest *n, const struct config *last,
		  bool keep_corefile, struct config *ret, struct config_refused *why, struct diag *d)
{
	struct choice c = { .source = s, .newest = n, .last = last, .keep_corefile = keep_corefile,
			    .rc = n->corefile_rc, .corefile = n->corefile_why, .kubedns = n->kubedns_why };
	const struct candidate *k = order, *end = order + sizeof(order) / sizeof(order[0]);
	*why = (struct config_refused){ .unread = n->corefile_rc < 0 };
	for (; k < end; k++)
		if (worth_trying(&c, k) && candidate_try(&c, k, ret, why, d) == 0)
			break;
	if (k == end && !last) {
		*d = c.corefile;
		return c.rc;
	}
	if (k == end || !k->kubedns)
		why->part[CONFIG_KUBEDNS] = c.kubedns;
	if ((k == end || !k->corefile) && !keep_corefile)
		why->part[CONFIG_COREFILE] = c.corefile;
	return k == end ? c.rc : 0;
}
