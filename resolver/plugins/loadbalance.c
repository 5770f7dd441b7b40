/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loadbalance [round_robin | weighted FILE] { reload D; prefer CIDR... }: the
 * order of addresses in an answer. Only RDATA of equal records changes places,
 * so nothing in the message moves and a cache hit pays next to nothing.
 * Chance comes from the query (time, id, port), because hooks keep no state.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "resolver/core/core.h"
#include "resolver/plugins/plugins.h"

enum { RECORDS_MAX = 128 };

struct lb_weight {
	struct in6_addr addr;
	uint32_t weight; /* 1..255 */
};
struct lb_name {
	struct name name;
	size_t n;
	struct lb_weight *weight;
};
struct lb_net {
	struct in6_addr net;
	unsigned bits;
};
struct loadbalance {
	struct plugin_step step;
	bool weighted;
	size_t n_names, n_prefer;
	struct lb_name *name;
	struct lb_net *prefer;
};

/* Where the addresses of the question's type stand in the message. */
static unsigned records_find(uint8_t *msg, size_t len, uint16_t qtype, uint8_t **rdata)
{
	struct dns_question q;
	struct dns_header h;
	struct dns_rr rr;
	struct wire w;
	unsigned n = 0;

	wire_init(&w, msg, len);
	wire_header(&w, &h);
	if (h.n_qd != 1 || h.n_an < 2)
		return 0;
	wire_question(&w, &q);
	for (unsigned i = 0; i < h.n_an && n < RECORDS_MAX; i++) {
		wire_rr(&w, &rr);
		if (w.err)
			return 0;
		if (rr.type == qtype && rr.rdlen == (qtype == DNS_A ? 4 : 16))
			rdata[n++] = msg + rr.rdata_off;
	}
	return n;
}

static void rdata_swap(uint8_t *a, uint8_t *b, size_t len)
{
	uint8_t t[16];

	memcpy(t, a, len);
	memcpy(a, b, len);
	memcpy(b, t, len);
}

static struct in6_addr rdata_addr(const uint8_t *rdata, size_t len)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(a.s6_addr + 16 - len, rdata, len);
	return a;
}

static void records_shuffle(uint8_t **rdata, unsigned n, size_t len, struct rng *r)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned k = (unsigned)rng_below(r, i);

		if (k != i - 1)
			rdata_swap(rdata[k], rdata[i - 1], len);
	}
}

/* One address comes first, by its weight; the others keep their order. */
static void records_weigh(const struct loadbalance *l, const struct plugin_query *q,
			  uint8_t **rdata, unsigned n, size_t len, struct rng *r)
{
	const struct lb_name *entry = NULL;
	uint32_t weight[RECORDS_MAX], total = 0;
	unsigned pick = 0;

	for (size_t i = 0; i < l->n_names && !entry; i++)
		if (name_eq(l->name[i].name.b, q->name.b))
			entry = &l->name[i];
	if (!entry)
		return;
	for (unsigned i = 0; i < n; i++) {
		struct in6_addr a = rdata_addr(rdata[i], len);

		weight[i] = 1;
		for (size_t k = 0; k < entry->n; k++)
			if (memcmp(&entry->weight[k].addr, &a, sizeof(a)) == 0)
				weight[i] = entry->weight[k].weight;
		total += weight[i];
	}
	uint32_t x = (uint32_t)rng_below(r, total);

	while (x >= weight[pick])
		x -= weight[pick++];
	for (; pick; pick--)
		rdata_swap(rdata[pick], rdata[pick - 1], len);
}

static void records_prefer(const struct loadbalance *l, uint8_t **rdata, unsigned n, size_t len)
{
	unsigned front = 0;

	for (unsigned i = 0; i < n; i++) {
		struct in6_addr a = rdata_addr(rdata[i], len);
		bool hit = false;

		for (size_t k = 0; k < l->n_prefer && !hit; k++)
			hit = cf_cidr_match(&l->prefer[k].net, l->prefer[k].bits, &a);
		if (!hit)
			continue;
		for (unsigned k = i; k > front; k--)
			rdata_swap(rdata[k], rdata[k - 1], len);
		front++;
	}
}

static size_t loadbalance_respond(const struct plugin_step *s, const struct plugin_query *q,
				  uint8_t *msg, size_t len, size_t cap)
{
	const struct loadbalance *l = (const struct loadbalance *)s;
	size_t width = q->qtype == DNS_A ? 4 : 16;
	uint8_t *rdata[RECORDS_MAX];
	struct rng r;

	(void)cap;
	if (q->qtype != DNS_A && q->qtype != DNS_AAAA)
		return len;
	unsigned n = records_find(msg, len, q->qtype, rdata);

	if (n < 2)
		return len;
	rng_seed_stream(&r, q->now_ns,
			(uint64_t)get_be16(msg) << 16 | (q->client ? q->client->port : 0));
	if (l->weighted)
		records_weigh(l, q, rdata, n, width, &r);
	else
		records_shuffle(rdata, n, width, &r);
	if (l->n_prefer)
		records_prefer(l, rdata, n, width);
	return len;
}

static const struct plugin_ops ops = {.name = "loadbalance", .respond = loadbalance_respond};

/* Where in a weight file, and what is wrong there. */
struct lb_place {
	const char *path;
	unsigned line;
	struct diag why;
};

static int weight_bad(struct lb_place *p, const char *word, const char *rest, const char *expected)
{
	return diag_set(&p->why, ERR_SYNTAX, "%s:%u: '%.64s%s%.64s': expected %s", p->path, p->line, word,
			*rest ? " " : "", rest, expected);
}

static int weight_line(struct cf_setup *s, struct lb_place *p, struct loadbalance *l, const char *word,
		       const char *rest)
{
	struct lb_weight w;
	struct name name;
	unsigned long v = strtoul(rest, NULL, 10);

	if (rest[0] == 0) { /* a name begins its list */
		if (name_from_text(&name, word) != 0)
			return weight_bad(p, word, rest, "a domain name, or 'IP weight'");
		struct lb_name *slot = arena_push(s->arena, &l->name, &l->n_names, sizeof(*slot));

		if (!slot)
			return cf_nomem(s);
		slot->name = name;
		name_lower(slot->name.b, slot->name.b);
		return 0;
	}
	if (!cf_parse_ip(word, &w.addr, NULL) || l->n_names == 0)
		return weight_bad(p, word, rest, "a domain name, then lines of 'IP weight'");
	if (v < 1 || v > 255)
		return weight_bad(p, word, rest, "a weight of 1 to 255");
	struct lb_name *of = &l->name[l->n_names - 1];
	struct lb_weight *slot = arena_push(s->arena, &of->weight, &of->n, sizeof(*slot));

	if (!slot)
		return cf_nomem(s);
	w.weight = (uint32_t)v;
	*slot = w;
	return 0;
}

/* ERR_SYNTAX: p->why says what and where. */
static int weights_parse(struct cf_setup *s, struct lb_place *p, struct loadbalance *l, const char *text)
{
	char *line = arena_str(s->arena, text);
	int err = line ? 0 : cf_nomem(s);

	l->name = NULL;
	l->n_names = 0;
	for (p->line = 1; line && err == 0; p->line++) {
		char *next = strchr(line, '\n');

		if (next)
			*next++ = 0;
		char *word = line + strspn(line, " \t\r");
		size_t n = strcspn(word, " \t\r");
		char *rest = word + n + strspn(word + n, " \t\r");

		line = next;
		if (*word == 0 || *word == '#')
			continue;
		rest[strcspn(rest, " \t\r#")] = 0;
		word[n] = 0;
		err = weight_line(s, p, l, word, rest);
	}
	return err;
}

/* A file that is no good costs its weights, or leaves those that were; not the Corefile. */
static int weights_read(struct cf_setup *s, const struct cf_token *at, struct loadbalance *l)
{
	const char *text = cf_read(s, at, at->text, COREFILE_FILE_WEIGHTS);
	struct lb_place p = {.path = at->text};
	int err = text ? weights_parse(s, &p, l, text) : 0;

	if (err != ERR_SYNTAX)
		return err;
	text = cf_refuse(s, at->text, p.why.text);
	if (!text)
		return cf_error(s, at, "%s", p.why.text);
	return weights_parse(s, &p, l, text);
}

/* A change is seen at once: nobody waits for that long. */
static int lb_reload(struct cf_setup *s, const struct cf_node *n, void *to)
{
	uint64_t ns;

	(void)to;
	return cf_duration(s, &n->tok[1], 0, 0, 86400 * NS_PER_S, &ns);
}

static int lb_prefer(struct cf_setup *s, const struct cf_node *n, void *to)
{
	struct loadbalance *l = to;

	for (size_t i = 1; i < n->n; i++) {
		struct lb_net net;

		if (!cf_parse_cidr(n->tok[i].text, &net.net, &net.bits))
			return cf_error(s, &n->tok[i],
					"'%s' is not a net: expected one like 10.0.0.0/8",
					n->tok[i].text);
		struct lb_net *slot = arena_push(s->arena, &l->prefer, &l->n_prefer, sizeof(*slot));

		if (!slot)
			return cf_nomem(s);
		*slot = net;
	}
	return 0;
}

static const struct cf_option options[] = {
	{"reload", 1, 1, "DURATION", lb_reload},
	{"prefer", 1, CF_MANY, "CIDR...", lb_prefer},
	{0},
};

int setup_loadbalance(struct cf_setup *s, const struct cf_node *n)
{
	static const char *const policies[] = {"round_robin", "weighted", NULL};
	int err = cf_args(s, n, 0, 2, "[round_robin | weighted FILE]");
	int policy = err == 0 && n->n > 1 ? cf_choice(s, &n->tok[1], "policy", policies) : 0;

	if (err || policy < 0)
		return ERR_SYNTAX;
	if ((policy == 1) != (n->n == 3))
		return cf_error(s, &n->tok[n->n - 1],
				policy ? "'weighted' needs a weight file" : "unexpected '%s'",
				n->tok[n->n - 1].text);
	struct loadbalance *l = cf_step_new(s, &ops, sizeof(*l));

	if (!l)
		return ERR_NOMEM;
	l->weighted = policy == 1;
	err = cf_options(s, n, options, l);
	if (err == 0 && l->weighted)
		err = weights_read(s, &n->tok[2], l);
	return err;
}
