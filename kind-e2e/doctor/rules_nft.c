/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `nft list ruleset` prints, line by line: NOTRACK for DNS by address or by a set, what
 * forbids DNS, and kube-proxy's maps and chains of kube-dns in both of its forms.
 */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/rules.h"
#include "kind-e2e/doctor/rules_dialects.h"

#define SETS_MAX 32
#define SET_ADDRS_MAX 32

struct set {
	char name[64];
	struct addr addr[SET_ADDRS_MAX];
	unsigned n;
};
struct reader {
	struct rules_facts *r;
	char table[96], chain[300], hook[24];
	struct set set[SETS_MAX]; /* of this table */
	unsigned n_sets;
	bool in_set, elements; /* within a set or map; within its elements' braces */
	char map[64];
};

/* All addresses among the words of a text, up to `max`. */
static unsigned addresses(const char *at, struct addr *ret, unsigned max)
{
	char word[64];
	unsigned n = 0;

	while (n < max) {
		size_t len;

		at += strspn(at, " \t{},=");
		if (!*at)
			break;
		len = strcspn(at, " \t{},=");
		if (len < sizeof word) {
			memcpy(word, at, len);
			word[len] = '\0';
			n += facts_addr(word, &ret[n]);
		}
		at += len;
	}
	return n;
}

/* --- sets and maps ----------------------------------------------------------------------- */

static void set_elements(struct reader *p, const char *line)
{
	struct set *s = p->n_sets ? &p->set[p->n_sets - 1] : NULL;

	if (s)
		s->n += addresses(line, s->addr + s->n, SET_ADDRS_MAX - s->n);
}

/* "10.96.0.10 . udp . 53 : goto service-NWBZK7IH-kube-system/kube-dns/udp/dns" */
static void map_elements(struct reader *p, const char *line)
{
	const char *at = strstr(line, " . udp . 53");
	const char *begin = at;
	struct addr a;

	if (!at)
		return;
	while (begin > line && !strchr(" \t{", begin[-1]))
		begin--;
	if (addresses(begin, &a, 1) != 1)
		return;
	if (strstr(at, "-kube-system/kube-dns/udp/dns"))
		rules_set_vip(p->r, &a);
	if (!strcmp(p->map, "no-endpoint-services") && strstr(at, "kube-system/kube-dns:dns\"")) {
		rules_set_vip(p->r, &a);
		p->r->rejects_vip = true;
	}
}

static void set_line(struct reader *p, const char *line)
{
	if (strstr(line, "elements = {"))
		p->elements = true;
	if (p->elements) {
		if (p->map[0])
			map_elements(p, line);
		else
			set_elements(p, line);
		if (strchr(line, '}'))
			p->elements = false;
	} else if (!strcmp(line + strspn(line, "\t "), "}")) {
		p->in_set = false;
	}
}

/* --- rules ------------------------------------------------------------------------------- */

static void add_one(struct reader *p, const struct notrack_rule *like, const struct addr *a)
{
	struct notrack_rule n = *like;

	n.addr = *a;
	rules_add_notrack(p->r, &n);
}

static bool proto(const char *line, bool tcp)
{
	char word[16];

	snprintf(word, sizeof word, "%s ", tcp ? "tcp" : "udp");
	return strstr(line, word) || strstr(line, "th dport") || strstr(line, "th sport") ||
	       (strstr(line, "l4proto {") && strstr(line, tcp ? "tcp" : "udp"));
}

/* "ip daddr @v4 udp dport 53 ... notrack", "ip daddr 10.96.0.10 ...", "ip daddr { a, b } ..." */
static void notrack(struct reader *p, const char *line)
{
	struct notrack_rule n = {.dialect = DIALECT_NFT,
				 .output = !strcmp(p->hook, "output"),
				 .from = strstr(line, "sport 53") != NULL};
	const char *at = strstr(line, n.from ? "saddr " : "daddr ");
	struct addr a[SET_ADDRS_MAX] = {{0}};
	unsigned count = 0;
	char name[64], list[600];

	snprintf(n.owner, sizeof n.owner, "table %.57s", p->table);
	if (at && sscanf(at + 6, "@%63s", name) == 1) {
		for (unsigned i = 0; i < p->n_sets; i++)
			if (!strcmp(p->set[i].name, name)) {
				count = p->set[i].n;
				memcpy(a, p->set[i].addr, sizeof a);
			}
		if (!count)
			return; /* an empty set: the rule is asleep */
	} else if (at) {
		at += 6;
		snprintf(list, sizeof list, "%.*s",
			 (int)(*at == '{' ? strcspn(at, "}") : strcspn(at, " ")), at);
		count = addresses(list, a, SET_ADDRS_MAX);
	}
	for (int tcp = 0; tcp < 2; tcp++) {
		n.tcp = tcp;
		for (unsigned i = 0; proto(line, tcp) && i < (count ? count : 1); i++)
			add_one(p, &n, &a[i]);
	}
}

/* What follows a verdict is at most a comment. */
static bool says(const char *line, const char *verdict)
{
	const char *at = strstr(line, verdict);

	return at && strchr(" \t", at[-(at != line)]) &&
	       (!at[strlen(verdict)] || at[strlen(verdict)] == ' ');
}

static bool port_53(const char *line)
{
	const char *at = strstr(line, "dport 53");

	return at && (!at[8] || at[8] == ' ');
}

static void target_words(struct reader *p, const char *line)
{
	const char *at = strstr(line, "dnat "), *end;
	char one[64];
	struct addr a[TARGETS_MAX];
	unsigned n;

	if (at) {
		at = strstr(at, "map {") ? strstr(at, "map {") + 5 : at + 5;
		n = addresses(at, a, TARGETS_MAX);
		for (unsigned i = 0; i < n; i++)
			rules_add_target(p->r, &a[i]);
		end = strstr(line, " to ");
		/* "dnat to 10.244.0.2:53", "dnat ip6 to [fd00::2]:53" */
		if (!n && end &&
		    sscanf(end + 4, end[4] == '[' ? "[%45[^]]" : "%45[0-9.]", one) == 1 &&
		    facts_addr(one, a))
			rules_add_target(p->r, a);
	}
	for (at = line; (at = strstr(at, "/kube-dns/udp/dns__")); at++) {
		if (sscanf(at + 19, "%45[0-9a-f.]", one) != 1)
			continue;
		if (!facts_addr(one, a)) /* IPv6 with dots for colons */
			for (char *c = one; *c; c++)
				*c = *c == '.' ? ':' : *c;
		if (facts_addr(one, a))
			rules_add_target(p->r, a);
	}
}

static void rule_line(struct reader *p, const char *line)
{
	const char *hook = strstr(line, " hook ");

	if (hook) {
		sscanf(hook, " hook %23s", p->hook);
		return;
	}
	if (strstr(line, " notrack") && (port_53(line) || strstr(line, "sport 53")))
		notrack(p, line);
	if (port_53(line) && (says(line, "drop") || says(line, "reject")))
		rules_forbid(p->r, line);
	if ((!strcmp(p->hook, "output") || !strcmp(p->hook, "forward") ||
	     !strcmp(p->hook, "postrouting")) &&
	    strstr(line, "ct state !=") && strstr(line, "established") && says(line, "drop"))
		p->r->stateful_drop = true;
	if (strstr(p->chain, "-kube-system/kube-dns/udp/dns"))
		target_words(p, line);
}

static void open_block(struct reader *p, const char *line)
{
	char name[300];

	if (sscanf(line, " chain %299s", name) == 1) {
		snprintf(p->chain, sizeof p->chain, "%s", name);
		p->hook[0] = '\0';
		p->r->calico |= !strncmp(name, "cali-", 5);
		p->r->cilium |= !strncmp(name, "CILIUM_", 7);
	} else if (sscanf(line, " set %63s", name) == 1 || sscanf(line, " map %63s", name) == 1) {
		bool map = strstr(line, "map ") != NULL;

		p->in_set = true;
		p->elements = false;
		snprintf(p->map, sizeof p->map, "%.63s", map ? name : "");
		if (!map && p->n_sets < SETS_MAX) {
			p->set[p->n_sets].n = 0;
			snprintf(p->set[p->n_sets++].name, sizeof p->set[0].name, "%.63s", name);
		}
	}
}

/* The tables that iptables' programs keep, and all IPv4 and IPv6 ones of such a name. */
static bool is_compat(const char *table)
{
	static const char *const names[] = {"raw", "mangle", "nat", "filter", "security"};
	const char *name = strchr(table, ' ');

	for (size_t i = 0; name && i < 5; i++)
		if (!strcmp(name + 1, names[i]) && strncmp(table, "inet", 4) != 0)
			return true;
	return false;
}

void rules_nft(struct rules_facts *r, const char *ruleset, bool compat)
{
	static struct reader p;
	char line[8192];
	bool pass = false;

	memset(&p, 0, sizeof p);
	p.r = r;
	while (facts_line(&ruleset, line, sizeof line)) {
		size_t len = strlen(line);

		if (!strncmp(line, "table ", 6)) {
			snprintf(p.table, sizeof p.table, "%.*s", (int)(len > 8 ? len - 8 : 0),
				 line + 6);
			r->kube_nft |= !strcmp(p.table, "ip kube-proxy") ||
				       !strcmp(p.table, "ip6 kube-proxy");
			pass = is_compat(p.table) && !compat;
			p.n_sets = 0;
			p.in_set = false;
			p.chain[0] = p.hook[0] = '\0';
		} else if (pass) {
			continue;
		} else if (p.in_set) {
			set_line(&p, line);
		} else if (len > 2 && line[0] == '\t' && line[1] != '\t' && line[len - 1] == '{') {
			open_block(&p, line);
		} else {
			rule_line(&p, line);
		}
	}
}
