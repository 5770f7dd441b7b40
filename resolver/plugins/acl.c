/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl [ZONES...] { allow|block|filter|drop [type QTYPE...] [net SOURCE...] }.
 * Several acl directives of a block are one list; the first policy that fits
 * decides, and an `allow` ends it.
 */
#include <string.h>

#include "resolver/core/core.h"
#include "resolver/plugins/plugins.h"

enum acl_action { ACL_ALLOW, ACL_BLOCK, ACL_FILTER, ACL_DROP };
enum { EDE_BLOCKED = 15, EDE_FILTERED = 17 };

struct acl_net {
	struct in6_addr net;
	unsigned bits;
};
struct acl_policy {
	enum acl_action action;
	size_t n_types, n_nets; /* 0: all */
	uint16_t *type;
	struct acl_net *net;
};
struct acl_rule {
	size_t n_zones, n_policies;
	struct name *zone;
	struct acl_policy *policy;
};
struct acl {
	struct plugin_step step;
	size_t n_rules;
	struct acl_rule *rule;
};

static bool policy_fits(const struct acl_policy *p, const struct plugin_query *q)
{
	bool type = p->n_types == 0, net = p->n_nets == 0;

	for (size_t i = 0; i < p->n_types && !type; i++)
		type = p->type[i] == q->qtype;
	for (size_t i = 0; i < p->n_nets && !net; i++)
		net = cf_cidr_match(&p->net[i].net, p->net[i].bits, &q->client->addr);
	return type && net;
}

static bool rule_covers(const struct acl_rule *r, const struct plugin_query *q)
{
	bool hit = r->n_zones == 0;

	for (size_t i = 0; i < r->n_zones && !hit; i++)
		hit = name_within(q->name.b, r->zone[i].b);
	return hit;
}

static enum plugin_verdict policy_act(const struct acl_policy *p, struct plugin_query *q,
				      size_t *ret_len)
{
	switch (p->action) {
	case ACL_ALLOW:
		return PLUGIN_NEXT;
	case ACL_DROP:
		return PLUGIN_DROP;
	case ACL_BLOCK:
		*ret_len = DNS_REFUSED;
		q->ede_code = EDE_BLOCKED;
		break;
	case ACL_FILTER:
		*ret_len = DNS_NOERROR;
		q->ede_code = EDE_FILTERED;
		break;
	}
	q->has_ede = true;
	return PLUGIN_RCODE;
}

static enum plugin_verdict acl_arrive(const struct plugin_step *s, struct plugin_query *q,
				      struct wire_out *out, size_t *ret_len)
{
	const struct acl *a = (const struct acl *)s;

	(void)out;
	if (!q->client)
		return PLUGIN_NEXT;
	for (size_t i = 0; i < a->n_rules; i++) {
		const struct acl_rule *r = &a->rule[i];

		if (!rule_covers(r, q))
			continue;
		for (size_t k = 0; k < r->n_policies; k++)
			if (policy_fits(&r->policy[k], q))
				return policy_act(&r->policy[k], q, ret_len);
	}
	return PLUGIN_NEXT;
}

static const struct plugin_ops ops = {.name = "acl", .arrive = acl_arrive};

static int policy_type(struct cf_setup *s, const struct cf_token *t, struct acl_policy *p,
		       bool *all)
{
	uint16_t type = 0;

	if (strcmp(t->text, "*") == 0) {
		*all = true;
		return 0;
	}
	int err = cf_type(s, t, &type);

	if (err)
		return err;
	uint16_t *slot = arena_push(s->arena, &p->type, &p->n_types, sizeof(*slot));

	if (!slot)
		return cf_nomem(s);
	*slot = type;
	return 0;
}

static int policy_net(struct cf_setup *s, const struct cf_token *t, struct acl_policy *p, bool *all)
{
	struct acl_net net;

	if (strcmp(t->text, "*") == 0) {
		*all = true;
		return 0;
	}
	if (!cf_parse_cidr(t->text, &net.net, &net.bits))
		return cf_error(
			s, t,
			"illegal CIDR notation '%s': expected an address or a net like 10.0.0.0/8",
			t->text);
	struct acl_net *slot = arena_push(s->arena, &p->net, &p->n_nets, sizeof(*slot));

	if (!slot)
		return cf_nomem(s);
	*slot = net;
	return 0;
}

static int policy_set(struct cf_setup *s, const struct cf_node *n, enum acl_action action,
		      struct acl_rule *r)
{
	static const char *const sections[] = {"type", "net", NULL};
	struct acl_policy p = {.action = action};
	bool all_types = false, all_nets = false;
	int section = -1, err = 0;

	for (size_t i = 1; i < n->n && err == 0; i++) {
		const struct cf_token *t = &n->tok[i];

		if (strcmp(t->text, "type") == 0 || strcmp(t->text, "net") == 0 || section < 0) {
			section = cf_choice(s, t, "acl section", sections);
			if (section < 0)
				return ERR_SYNTAX;
			if (i + 1 == n->n)
				return cf_error(s, t, "'%s' needs at least one value", t->text);
			continue;
		}
		err = section == 0 ? policy_type(s, t, &p, &all_types)
				   : policy_net(s, t, &p, &all_nets);
	}
	if (err)
		return err;
	p.n_types = all_types ? 0 : p.n_types;
	p.n_nets = all_nets ? 0 : p.n_nets;
	struct acl_policy *slot = arena_push(s->arena, &r->policy, &r->n_policies, sizeof(*slot));

	if (!slot)
		return cf_nomem(s);
	*slot = p;
	return 0;
}

static int acl_allow(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return policy_set(s, n, ACL_ALLOW, to);
}

static int acl_block(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return policy_set(s, n, ACL_BLOCK, to);
}

static int acl_filter(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return policy_set(s, n, ACL_FILTER, to);
}

static int acl_drop(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return policy_set(s, n, ACL_DROP, to);
}

static const struct cf_option options[] = {
	{"allow", 0, CF_MANY, "[type QTYPE...] [net SOURCE...]", acl_allow},
	{"block", 0, CF_MANY, "[type QTYPE...] [net SOURCE...]", acl_block},
	{"filter", 0, CF_MANY, "[type QTYPE...] [net SOURCE...]", acl_filter},
	{"drop", 0, CF_MANY, "[type QTYPE...] [net SOURCE...]", acl_drop},
	{0},
};

int setup_acl(struct cf_setup *s, const struct cf_node *n)
{
	struct acl *a = cf_step_find(s, &ops);
	struct acl_rule r = {0};
	int err = cf_zones(s, n->tok + 1, n->n - 1, &r.zone, &r.n_zones);
	int more = cf_options(s, n, options, &r);

	if (!a)
		a = cf_step_new(s, &ops, sizeof(*a));
	struct acl_rule *slot =
		a ? arena_push(s->arena, &a->rule, &a->n_rules, sizeof(*slot)) : NULL;

	if (!slot)
		return cf_nomem(s);
	*slot = r;
	return err ? err : more;
}
