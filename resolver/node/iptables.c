/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: from what is there and what is wanted to the text of one
 * transaction. Rules that are deleted are named by the very line that
 * iptables-save printed, so that nothing else can be hit.
 */
#include "resolver/node/iptables.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

static const char *const table_name[IPT_TABLES] = {"raw", "filter"};
static const char *const chain_name[IPT_CHAINS] = {"PREROUTING", "INPUT", "OUTPUT"};

/* Has a gate above it, where there are gates. */
static bool is_gated(const struct ipt_rule *r, uint16_t port)
{
	return r->table == IPT_RAW && r->port == port && (r->tcp || !r->by_source);
}

size_t iptables_wanted(const struct ipt_conf *c, const struct flags_ip *ip,
		       struct ipt_rule ret[IPTABLES_RULES_PER_IP + IPTABLES_GATES_PER_IP])
{
	/* In the original's order; each is inserted at the head of its chain. */
	static const struct {
		uint8_t table, chain;
		bool tcp, by_source, health;
		uint8_t target;
		enum node_path path;
	} row[IPTABLES_RULES_PER_IP] = {
		{IPT_RAW, IPT_PREROUTING, true, false, false, IPT_NOTRACK, NODE_PATH_IN},
		{IPT_RAW, IPT_PREROUTING, false, false, false, IPT_NOTRACK, NODE_PATH_IN},
		{IPT_FILTER, IPT_INPUT, true, false, false, IPT_ACCEPT, NODE_PATHS},
		{IPT_FILTER, IPT_INPUT, false, false, false, IPT_ACCEPT, NODE_PATHS},
		{IPT_RAW, IPT_OUTPUT, true, true, false, IPT_NOTRACK, NODE_PATH_REPLY},
		{IPT_RAW, IPT_OUTPUT, false, true, false, IPT_NOTRACK, NODE_PATH_REPLY},
		{IPT_FILTER, IPT_OUTPUT, true, true, false, IPT_ACCEPT, NODE_PATHS},
		{IPT_FILTER, IPT_OUTPUT, false, true, false, IPT_ACCEPT, NODE_PATHS},
		{IPT_RAW, IPT_OUTPUT, true, false, false, IPT_NOTRACK, NODE_PATH_HOST},
		{IPT_RAW, IPT_OUTPUT, false, false, false, IPT_NOTRACK, NODE_PATH_HOST},
		{IPT_RAW, IPT_OUTPUT, true, false, true, IPT_NOTRACK, NODE_PATH_HEALTH},
		{IPT_RAW, IPT_OUTPUT, true, true, true, IPT_NOTRACK, NODE_PATH_HEALTH},
	};

	size_t n = IPTABLES_RULES_PER_IP;

	for (size_t i = 0; i < IPTABLES_RULES_PER_IP; i++)
		ret[i] = (struct ipt_rule){
			.table = row[i].table,
			.chain = row[i].chain,
			.target = row[i].target,
			.tcp = row[i].tcp,
			.by_source = row[i].by_source,
			.port = row[i].health ? c->health_port : c->port,
			.path = row[i].path,
			.addr = ip->addr,
		};
	/* Above what turns queries over to us: the same matches, and the gate's. */
	for (size_t i = 0; c->gate && i < IPTABLES_RULES_PER_IP; i++) {
		if (!is_gated(&ret[i], c->port))
			continue;
		ret[n] = ret[i];
		ret[n].gate = (uint8_t)c->gate;
		ret[n].hold_s = c->gate == NODE_GATE_RECENT ? c->hold_s : 0;
		ret[n].target = IPT_ACCEPT;
		ret[n++].path = NODE_PATHS;
	}
	return n;
}

static bool same_rule(const struct ipt_rule *a, const struct ipt_rule *b)
{
	return a->gate == b->gate && a->table == b->table && a->chain == b->chain && a->target == b->target && a->tcp == b->tcp &&
	       a->by_source == b->by_source && a->port == b->port && IN6_ARE_ADDR_EQUAL(&a->addr, &b->addr);
}

static void rule_write(FILE *f, char op, const struct ipt_rule *r, const char *gate_name)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&r->addr);
	const char *proto = r->tcp ? "tcp" : "udp", *end = r->by_source ? "s" : "d";
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, r->addr.s6_addr + (v4 ? 12 : 0), addr, sizeof addr);
	fprintf(f, "-%c %s -%s %s/%s -p %s -m %s --%sport %u", op, chain_name[r->chain], end, addr, v4 ? "32" : "128", proto,
		proto, end, r->port);
	if (r->gate == NODE_GATE_SET)
		fprintf(f, " -m set ! --match-set %s %s", gate_name, r->by_source ? "src" : "dst");
	else if (r->gate == NODE_GATE_RECENT)
		/* Without the mask spelt out, the rule could not be deleted by what is
		 * printed for it: the default fills bytes that an IPv4 mask leaves. */
		fprintf(f, " -m recent ! --rcheck --seconds %u --name %s --mask %s --r%s", r->hold_s, gate_name,
			v4 ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", r->by_source ? "source" : "dest");
	fprintf(f, " -m comment --comment \"%s\" -j %s\n",
		r->gate ? IPTABLES_COMMENT_GATE : r->target == IPT_NOTRACK ? IPTABLES_COMMENT_SKIP : IPTABLES_COMMENT_ALLOW,
		r->target == IPT_NOTRACK ? "NOTRACK" : "ACCEPT");
}

/* --- walking iptables-save's text --- */

struct walk {
	const char *at;
	enum ipt_table table; /* IPT_TABLES: one that is none of our business */
};

/* Next rule of raw or filter; false at the end. */
static bool next_line(struct walk *w, struct ipt_line *ret)
{
	while (*w->at) {
		const char *line = w->at;
		size_t len = strcspn(line, "\n");

		w->at = line + len + (line[len] == '\n');
		if (*line == '*') {
			w->table = IPT_TABLES;
			for (int t = 0; t < IPT_TABLES; t++) {
				if (strlen(table_name[t]) == len - 1 && !memcmp(line + 1, table_name[t], len - 1))
					w->table = (enum ipt_table)t;
			}
		} else if (w->table != IPT_TABLES && iptables_line_parse(w->table, line, len, ret)) {
			return true;
		}
	}
	return false;
}

static bool is_wanted_addr(const struct ipt_line *l, const struct ipt_conf *c)
{
	for (size_t i = 0; i < c->n_ips; i++) {
		if (IN6_ARE_ADDR_EQUAL(&l->rule.addr, &c->ip[i].addr))
			return true;
	}
	return false;
}

static bool turns_over(const struct ipt_rule *r)
{
	return r->table == IPT_RAW && (r->tcp || !r->by_source);
}

/* Where somebody has a socket the rules may be a living one's; those of the instance that
 * this one takes over from go all the same, but for what its last replies need. */
static bool is_stray(const struct ipt_line *l, const struct ipt_conf *c)
{
	if (!l->exact || !l->commented)
		return false;
	if (strays_released(c->strays, &l->rule.addr) && turns_over(&l->rule))
		return true;
	return !strays_held(c->strays, &l->rule.addr);
}

/* Rules of originals before 1.22.19 bear no comment; those that skip connection
 * tracking would outlive us, and keep pods from the cluster DNS. */
bool iptables_line_doomed(const struct ipt_line *l, const struct ipt_conf *c, enum ipt_intent intent)
{
	if (intent == IPT_CLEANUP && l->commented)
		return true;
	if (intent == IPT_SWEEP && !is_wanted_addr(l, c))
		return is_stray(l, c);
	if (!l->exact || !is_wanted_addr(l, c) || (intent == IPT_SWEEP && c->keep))
		return false;
	if (l->commented)
		return true;
	return l->bare && l->table == IPT_RAW &&
	       (intent == IPT_CLEANUP || l->rule.port == c->port || l->rule.port == c->health_port);
}

struct plan_out {
	char *text[IPT_TABLES];
	size_t size[IPT_TABLES];
	FILE *f[IPT_TABLES];
	size_t inserts, deletes;
};

static void delete_line(struct plan_out *o, const struct ipt_line *l)
{
	fprintf(o->f[l->table], "-D %.*s\n", (int)l->len, l->spec);
	o->deletes++;
}

/* All copies of a rule but the first that bears our comment go, and when there is
 * none it comes. */
static void ensure_rule(struct plan_out *o, const char *saved, const struct ipt_rule *rule)
{
	struct walk w = {saved, IPT_TABLES};
	struct ipt_line l;
	size_t copies = 0;

	while (next_line(&w, &l)) {
		if (!l.exact || !same_rule(&l.rule, rule))
			continue;
		if (l.commented ? copies++ != 0 : l.bare && l.table == IPT_RAW)
			delete_line(o, &l);
	}
	if (!copies) {
		rule_write(o->f[rule->table], 'I', rule, NULL);
		o->inserts++;
	}
}

static bool same_gate(const struct ipt_rule *r, const struct ipt_conf *c)
{
	return r->gate == c->gate && (r->gate != NODE_GATE_RECENT || r->hold_s == c->hold_s);
}

/* All gates of an address are there, once, and above its NOTRACK rules. */
static bool gates_stand(const char *saved, const struct ipt_conf *c, const struct flags_ip *ip)
{
	struct walk w = {saved, IPT_TABLES};
	struct ipt_line l;
	size_t gates = 0;
	bool below[IPT_CHAINS] = {false};

	while (next_line(&w, &l)) {
		if (!l.exact || !l.commented || l.table != IPT_RAW || !IN6_ARE_ADDR_EQUAL(&l.rule.addr, &ip->addr))
			continue;
		if (!l.rule.gate && is_gated(&l.rule, c->port))
			below[l.rule.chain] = true;
		else if (l.rule.gate && (below[l.rule.chain] || l.rule.port != c->port || !same_gate(&l.rule, c)))
			return false;
		gates += l.rule.gate != NODE_GATE_NONE;
	}
	return gates == (c->gate ? IPTABLES_GATES_PER_IP : 0);
}

static void ensure_address(struct plan_out *o, const char *saved, const struct ipt_conf *c, const struct flags_ip *ip)
{
	struct ipt_rule wanted[IPTABLES_RULES_PER_IP + IPTABLES_GATES_PER_IP];
	size_t n = iptables_wanted(c, ip, wanted), before = o->inserts;
	struct walk w = {saved, IPT_TABLES};
	struct ipt_line l;

	for (size_t i = 0; i < IPTABLES_RULES_PER_IP; i++)
		ensure_rule(o, saved, &wanted[i]);
	/* What was just inserted stands above the gates: they come anew. */
	if (gates_stand(saved, c, ip) && (!c->gate || o->inserts == before))
		return;
	while (next_line(&w, &l)) {
		if (l.exact && l.commented && l.rule.gate && IN6_ARE_ADDR_EQUAL(&l.rule.addr, &ip->addr))
			delete_line(o, &l);
	}
	for (size_t i = IPTABLES_RULES_PER_IP; i < n; i++, o->inserts++)
		rule_write(o->f[wanted[i].table], 'I', &wanted[i], c->gate_name);
}

static void fill(struct plan_out *o, const char *saved, const struct ipt_conf *c, enum ipt_intent intent)
{
	struct walk w = {saved, IPT_TABLES};
	struct ipt_line l;

	while (intent != IPT_ENSURE && next_line(&w, &l)) {
		if (iptables_line_doomed(&l, c, intent))
			delete_line(o, &l);
	}
	for (size_t i = 0; intent == IPT_ENSURE && i < c->n_ips; i++) {
		if (c->ip[i].is_v4 == c->v4)
			ensure_address(o, saved, c, &c->ip[i]);
	}
}

/* The two tables' parts become one input: one transaction. */
static int assemble(struct plan_out *o, struct ipt_plan *ret)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = text_open(&text, &size);

	if (!f)
		return ERR_NOMEM;
	for (int t = 0; t < IPT_TABLES; t++) {
		if (o->size[t])
			fprintf(f, "*%s\n%sCOMMIT\n", table_name[t], o->text[t]);
	}
	if (fclose(f)) {
		free(text);
		return ERR_NOMEM;
	}
	*ret = (struct ipt_plan){.text = text, .inserts = o->inserts, .deletes = o->deletes};
	if (!o->inserts && !o->deletes) {
		free(text);
		ret->text = NULL;
	}
	return 0;
}

static int out_open(struct plan_out *o)
{
	int err = 0;

	for (int t = 0; t < IPT_TABLES; t++) {
		o->f[t] = text_open(&o->text[t], &o->size[t]);
		if (!o->f[t])
			err = ERR_NOMEM;
	}
	return err;
}

static int out_close(struct plan_out *o, int err, struct ipt_plan *ret, struct diag *d)
{
	for (int t = 0; t < IPT_TABLES; t++) {
		if (o->f[t] && fclose(o->f[t]))
			err = ERR_NOMEM;
	}
	if (!err)
		err = assemble(o, ret);
	for (int t = 0; t < IPT_TABLES; t++)
		free(o->text[t]);
	return err ? diag_set(d, err, "iptables: out of memory") : 0;
}

int iptables_plan(const char *saved, const struct ipt_conf *c, enum ipt_intent intent, struct ipt_plan *ret,
		  struct diag *d)
{
	struct plan_out o = {.inserts = 0};
	int err = out_open(&o);

	if (!err)
		fill(&o, saved, c, intent);
	return out_close(&o, err, ret, d);
}

int iptables_plan_drop(const struct ipt_conf *c, enum ipt_part part, struct ipt_plan *ret, struct diag *d)
{
	struct ipt_rule wanted[IPTABLES_RULES_PER_IP + IPTABLES_GATES_PER_IP];
	struct plan_out o = {.inserts = 0};
	int err = out_open(&o);

	for (size_t i = 0; !err && i < c->n_ips; i++) {
		size_t n = c->ip[i].is_v4 == c->v4 ? iptables_wanted(c, &c->ip[i], wanted) : 0;

		for (size_t k = 0; k < n; k++) {
			if (part == IPT_TURNING_OVER && !turns_over(&wanted[k]))
				continue;
			rule_write(o.f[wanted[k].table], 'D', &wanted[k], c->gate_name);
			o.deletes++;
		}
	}
	return out_close(&o, err, ret, d);
}

/* Of wanted rules that count, the ones this line is: a bit each. */
static unsigned count_line(const struct ipt_line *l, const struct ipt_rule *wanted, size_t n, struct node_counters *add_to)
{
	unsigned met = 0;

	for (size_t k = 0; k < n; k++) {
		if (wanted[k].path == NODE_PATHS || !same_rule(&l->rule, &wanted[k]))
			continue;
		add_to->packets[wanted[k].path][wanted[k].tcp] += l->packets;
		add_to->bytes[wanted[k].path][wanted[k].tcp] += l->bytes;
		met |= 1u << k;
	}
	return met;
}

static void count_address(const char *saved, const struct ipt_conf *c, const struct flags_ip *ip, struct node_counters *add_to)
{
	struct ipt_rule wanted[IPTABLES_RULES_PER_IP + IPTABLES_GATES_PER_IP];
	size_t n = iptables_wanted(c, ip, wanted);
	struct walk w = {saved, IPT_TABLES};
	struct ipt_line l;
	unsigned met = 0;

	while (next_line(&w, &l)) {
		if (l.exact && l.commented)
			met |= count_line(&l, wanted, n, add_to);
	}
	for (size_t k = 0; k < n; k++)
		add_to->stand &= wanted[k].path == NODE_PATHS || met >> k & 1;
}

void iptables_count(const char *saved, const struct ipt_conf *c, struct node_counters *add_to)
{
	for (size_t i = 0; i < c->n_ips; i++) {
		if (c->ip[i].is_v4 == c->v4)
			count_address(saved, c, &c->ip[i], add_to);
	}
}
