/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template CLASS TYPE [ZONE...] { match REGEX...; answer|authority|additional
 * RR; rcode CODE; ederror CODE [TEXT]; fallthrough [ZONE...] }. A template that
 * answers an address question with a CNAME only lets the core look up the target.
 */
#include <arpa/inet.h>
#include <string.h>

#include "resolver/core/core.h"
#include "resolver/plugins/gotext.h"
#include "resolver/plugins/message.h"
#include "resolver/plugins/plugins.h"
#include "resolver/plugins/rrtext.h"

enum { SECTIONS = 3, REGEX_MAX = 32 };

struct template
{
	struct plugin_step step;
	uint16_t qclass, qtype, rcode;
	size_t n_zones, n_fall, n_regex;
	const struct name *zone, *fall;
	const struct cf_regex *regex[REGEX_MAX]; /* n_regex 0: everything matches */
	size_t n_rr[SECTIONS];
	struct gotext *rr[SECTIONS];
	bool falls_through, is_alias, has_ede;
	uint16_t ede_code;
	const char *ede_text;
};
struct template_run { /* what a query gives the templates */
	char name[NAME_MAX_TEXT], zone[NAME_MAX_TEXT], type[16], rclass[16],
		remote[INET6_ADDRSTRLEN];
	const struct name *origin;
	struct cf_match match;
	struct gotext_values v;
};
enum fit { FIT_NONE, FIT_ZONE_ONLY, FIT_FULL };

static enum fit template_fit(const struct template *t, const struct plugin_query *q,
			     struct template_run *r)
{
	const struct name *zone = NULL;

	for (size_t i = 0; i < t->n_zones; i++)
		if (name_within(q->name.b, t->zone[i].b) && (!zone || t->zone[i].len > zone->len))
			zone = &t->zone[i];
	if (!zone ||
	    (t->qclass != DNS_CLASS_ANY && q->qclass != DNS_CLASS_ANY && q->qclass != t->qclass) ||
	    (t->qtype != DNS_ANY && q->qtype != DNS_ANY && q->qtype != t->qtype))
		return FIT_NONE;
	size_t len = name_to_text(q->name.b, r->name, sizeof(r->name));

	r->v = (struct gotext_values){
		.name = r->name, .zone = r->zone, .remote = r->remote, .match = &r->match};
	r->match = (struct cf_match){.n = 1};
	r->match.g[0].end = len;
	for (size_t i = 0; i < t->n_regex && !r->v.regex; i++)
		if (cf_regex_exec(t->regex[i], r->name, len, &r->match))
			r->v.regex = t->regex[i];
	if (t->n_regex && !r->v.regex)
		return FIT_ZONE_ONLY;
	r->origin = zone;
	name_to_text(zone->b, r->zone, sizeof(r->zone));
	r->v.type = dns_type_str(q->qtype == DNS_ANY ? t->qtype : q->qtype, r->type);
	r->v.rclass = dns_class_str(q->qclass == DNS_CLASS_ANY ? t->qclass : q->qclass, r->rclass);
	r->remote[0] = 0;
	if (q->client && IN6_IS_ADDR_V4MAPPED(&q->client->addr))
		inet_ntop(AF_INET, q->client->addr.s6_addr + 12, r->remote, sizeof(r->remote));
	else if (q->client)
		inet_ntop(AF_INET6, &q->client->addr, r->remote, sizeof(r->remote));
	return FIT_FULL;
}

static bool template_falls(const struct template *t, const struct plugin_query *q)
{
	bool hit = t->n_fall == 0;

	for (size_t i = 0; i < t->n_fall && !hit; i++)
		hit = name_within(q->name.b, t->fall[i].b);
	return t->falls_through && hit;
}

static enum plugin_verdict template_servfail(size_t *ret_len)
{
	*ret_len = DNS_SERVFAIL;
	return PLUGIN_RCODE;
}

static void template_event(struct plugin_query *q, const struct template_run *r,
			   enum stats_event_what what, const char *section, const char *text)
{
	if (q->n_events < PLUGIN_EVENTS_MAX)
		q->event[q->n_events++] = (struct plugin_event){
			.what = what, .zone = r->origin, .section = section, .text = text};
}

/* Record `i` of section `sec` as text; false: it cannot be made of this question. */
static bool template_record(const struct template *t, int sec, size_t i, struct plugin_query *q,
			    const struct template_run *r, struct wire_out *out)
{
	static const char *const section[SECTIONS] = {"answer", "authority", "additional"};
	const struct gotext *g = &t->rr[sec][i];
	char text[RRTEXT_MAX];

	if (!gotext_run(g, &r->v, text, sizeof(text))) {
		template_event(q, r, STATS_TEMPLATE_FAILURE, section[sec], g->source);
		return false;
	}
	if (rrtext_put(out, text))
		return true;
	template_event(q, r, STATS_TEMPLATE_RR_FAILURE, section[sec], g->source);
	return false;
}

static enum plugin_verdict template_ask(const struct plugin_step *s, struct plugin_query *q,
					struct wire_out *out, size_t *ret_len)
{
	const struct template *t = (const struct template *)s;
	struct template_run r;
	uint16_t n[SECTIONS] = {0};
	enum fit fit = template_fit(t, q, &r);

	if (fit == FIT_NONE || (fit == FIT_ZONE_ONLY && template_falls(t, q)))
		return PLUGIN_NEXT;
	q->has_ede = fit == FIT_FULL && t->has_ede;
	q->ede_code = t->ede_code;
	q->ede_text = t->ede_text;
	if (fit == FIT_FULL)
		template_event(q, &r, STATS_TEMPLATE_MATCH, NULL, NULL);
	if (fit == FIT_ZONE_ONLY || t->rcode == DNS_SERVFAIL)
		return template_servfail(ret_len);
	if (t->is_alias && (q->qtype == DNS_A || q->qtype == DNS_AAAA))
		q->follow_rr = 1;
	reply_begin(out, q);
	for (int sec = 0; sec < SECTIONS; sec++)
		for (size_t i = 0; i < t->n_rr[sec]; i++, n[sec]++)
			if (!template_record(t, sec, i, q, &r, out))
				return template_servfail(ret_len);
	return reply_end(out, t->rcode, true, n, ret_len);
}

static const struct plugin_ops ops = {.name = "template", .ask = template_ask};

static int template_match(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct template *t = to;

	for (size_t i = 1; i < n->n; i++) {
		if (t->n_regex >= REGEX_MAX)
			return cf_error(s, &n->tok[i], "more than %d regular expressions",
					REGEX_MAX);
		const struct cf_regex *r = cf_regex(s, &n->tok[i], n->tok[i].text);

		if (!r)
			return ERR_SYNTAX;
		t->regex[t->n_regex++] = r;
	}
	return 0;
}

/* With "1" for whatever a query decides, the text must be a record of a type we
 * can make; its RDATA is only known when asked. */
static uint16_t template_type(const struct gotext *g)
{
	struct gotext_values v = {.name = "1.",
				  .zone = "1.",
				  .type = "A",
				  .rclass = "IN",
				  .remote = "1.1.1.1",
				  .trial = true};
	char text[RRTEXT_MAX];

	return gotext_run(g, &v, text, sizeof(text)) ? rrtext_type(text) : 0;
}

/* A record of which a query decides its names at most, and which is none all the
 * same: each such question would be SERVFAIL. */
static bool template_never(const struct gotext *g)
{
	struct gotext_values v = {.name = "a.", .zone = "a."};
	uint8_t msg[RRTEXT_MAX];
	char text[RRTEXT_MAX];
	struct wire_out o;

	if (!gotext_is_fixed(g))
		return false;
	wire_out_init(&o, msg, sizeof(msg));
	return !gotext_run(g, &v, text, sizeof(text)) || !rrtext_put(&o, text) || o.err;
}

static int template_rr(struct cf_setup *s, const struct cf_node *n, struct template *t, int section)
{
	for (size_t i = 1; i < n->n; i++) {
		struct gotext g;
		int err = gotext_compile(s, &n->tok[i], &g);

		if (err)
			return err;
		g.source = arena_str(s->arena, n->tok[i].text);
		uint16_t type = template_type(&g);

		if (!type)
			return cf_error(s, &n->tok[i],
					"'%s' is not a record we can make: expected 'name [ttl] IN "
					"type data'",
					n->tok[i].text);
		if (template_never(&g))
			cf_warn(s, &n->tok[i],
				"'%s' never makes a record: its data does not fit its type",
				n->tok[i].text);
		if (section == 0)
			t->is_alias = type == DNS_CNAME && t->n_rr[0] == 0;
		struct gotext *slot =
			arena_push(s->arena, &t->rr[section], &t->n_rr[section], sizeof(*slot));

		if (!slot)
			return cf_nomem(s);
		*slot = g;
	}
	return 0;
}

static int template_answer(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return template_rr(s, n, to, 0);
}

static int template_authority(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return template_rr(s, n, to, 1);
}

static int template_additional(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return template_rr(s, n, to, 2);
}

static int template_rcode(struct cf_setup *s, const struct cf_node *n, void *to)
{
	return cf_rcode(s, &n->tok[1], &((struct template *)to)->rcode);
}

static int template_ede(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct template *t = to;
	uint64_t code = 0;
	int err = cf_number(s, &n->tok[1], 0, 65535, &code);

	t->has_ede = err == 0;
	t->ede_code = (uint16_t)code;
	t->ede_text = n->n > 2 ? arena_str(s->arena, n->tok[2].text) : NULL;
	return err;
}

static int template_fallthrough(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct template *t = to;
	struct name *list = NULL;
	int err = cf_zones(s, n->tok + 1, n->n - 1, &list, &t->n_fall);

	t->falls_through = true;
	t->fall = list;
	return err;
}

static int template_expr(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)to;
	return cf_error(
		s, &n->tok[0],
		"'%s' of template is not supported: expected match with a regular expression",
		n->tok[0].text);
}

static int template_upstream(struct cf_setup *s, const struct cf_node *n, void *to)
{
	(void)to;
	cf_warn(s, &n->tok[0], "'upstream' is not needed: a CNAME's target is always looked up");
	return 0;
}

static const struct cf_option options[] = {
	{"match", 1, REGEX_MAX, "REGEX...", template_match},
	{"answer", 1, CF_MANY, "RR...", template_answer},
	{"authority", 1, CF_MANY, "RR...", template_authority},
	{"additional", 1, CF_MANY, "RR...", template_additional},
	{"rcode", 1, 1, "RCODE", template_rcode},
	{"ederror", 1, 2, "CODE [TEXT]", template_ede},
	{"fallthrough", 0, CF_MANY, "[ZONE...]", template_fallthrough},
	{"upstream", 0, CF_MANY, "", template_upstream},
	{"var", 2, CF_MANY, "NAME EXPRESSION", template_expr},
	{"expr", 1, CF_MANY, "EXPRESSION", template_expr},
	{0},
};

int setup_template(struct cf_setup *s, const struct cf_node *n)
{
	static const char *const classes[] = {"IN", "CH", "HS", "ANY", NULL};
	static const uint16_t class_value[] = {DNS_IN, DNS_CH, DNS_HS, DNS_CLASS_ANY};
	int err = cf_args(s, n, 2, CF_MANY, "CLASS TYPE [ZONE...]");
	int k = err ? -1 : cf_choice(s, &n->tok[1], "class", classes);
	struct name *zones = NULL;

	if (k < 0)
		return ERR_SYNTAX;
	struct template *t = cf_step_new(s, &ops, sizeof(*t));

	if (!t)
		return ERR_NOMEM;
	t->qclass = class_value[k];
	err = cf_type(s, &n->tok[2], &t->qtype);
	if (err == 0)
		err = cf_zones(s, n->tok + 3, n->n - 3, &zones, &t->n_zones);
	t->zone = t->n_zones ? zones : s->b->name;
	t->n_zones = t->n_zones ? t->n_zones : s->b->n_names;
	int more = cf_options(s, n, options, t);

	if (t->n_rr[0] != 1)
		t->is_alias = false;
	t->step.follows = t->is_alias;
	return err ? err : more;
}
