/* SPDX-License-Identifier: Apache-2.0 */
/* NOTRACK rules for DNS: both directions, for somebody who is there, and written once. */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/judge.h"

static bool unseen(const struct patient *p, struct verdict *v)
{
	const struct rules_facts *r = &p->f->rules;

	if (p->f->at != AT_NODE) {
		say(v, STATUS_SKIP, "the node's rules can only be seen on the node");
		return true;
	}
	/* either text will do; where there is neither, nothing was looked at */
	return r->iptables_why[0] && r->nft_why[0] && lacks(v, r->iptables_why);
}

/* The addresses that questions are sent to past kube-proxy, each once. An instance that is gone or
 * asleep may have left the rules for its replies, which send nobody anywhere. */
static unsigned addresses(const struct rules_facts *r, struct addr ret[16])
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_notrack; i++) {
		unsigned k = 0;

		while (k < n && !addr_eq(&ret[k], &r->notrack[i].addr))
			k++;
		if (k == n && n < 16 && r->notrack[i].addr.family && !r->notrack[i].from)
			ret[n++] = r->notrack[i].addr;
	}
	return n;
}

static bool wild(const struct rules_facts *r)
{
	for (unsigned i = 0; i < r->n_notrack; i++)
		if (!r->notrack[i].addr.family)
			return true;
	return false;
}

static void add(char *list, size_t size, const char *word)
{
	size_t used = strlen(list);

	snprintf(list + used, size - used, "%s%s", used ? ", " : "", word);
}

/* In by PREROUTING, from the host by OUTPUT, replies by OUTPUT; UDP and TCP. */
static void missing(const struct rules_facts *r, const struct addr *a, char *list, size_t size,
		    bool *ret_reply)
{
	static const struct {
		bool output, from;
		const char *words;
	} ways[] = {{false, false, "questions of pods"},
		    {true, false, "questions of the host"},
		    {true, true, "replies"}};
	char word[64];

	for (unsigned i = 0; i < 3; i++)
		for (int tcp = 0; tcp < 2; tcp++) {
			if (cache_notrack(r, a, ways[i].output, ways[i].from, tcp))
				continue;
			snprintf(word, sizeof word, "%s over %s", ways[i].words,
				 tcp ? "TCP" : "UDP");
			add(list, size, word);
			*ret_reply |= ways[i].from;
		}
}

static bool here(const struct patient *p, const struct addr *a)
{
	for (unsigned i = 0; i < p->f->dns.n; i++)
		if (addr_eq(&p->f->dns.q[i].server, a) && p->f->dns.q[i].answered)
			return true;
	return facts_is_local(&p->f->host, a, NULL);
}

static void both_ways(const struct patient *p, struct verdict *v)
{
	const struct rules_facts *r = &p->f->rules;
	char list[300] = "", text[ADDR_TEXT];
	bool reply = false;
	struct addr a[16];
	unsigned n = addresses(r, a);

	if (unseen(p, v))
		return;
	if (!n && wild(r))
		return say(v, STATUS_NOTE, "NOTRACK rules for DNS name no address");
	if (!n && r->n_notrack)
		return say(v, STATUS_NOTE,
			   "only replies are untracked: a cache is asleep, and questions go to "
			   "kube-proxy");
	if (!n)
		return say(v, STATUS_OK, "there is no NOTRACK rule for DNS");
	for (unsigned i = 0; i < n; i++) {
		if (!here(p, &a[i]))
			return say(v, STATUS_SKIP, "%s is nobody's: see rules.leaked",
				   addr_str(&a[i], text));
		missing(r, &a[i], list, sizeof list, &reply);
		if (!list[0])
			continue;
		addr_str(&a[i], text);
		say(v, STATUS_FAIL, "%s has NOTRACK rules, but not for: %s. %s", text, list,
		    reply ? "A reply that is tracked makes an entry of its own, and may be "
			    "translated"
			  : "A question that is tracked goes where kube-proxy leads it");
		return remedy(v,
			      "what put the rules there puts them back: kubectl -n kube-system "
			      "delete pod -l k8s-app=node-local-dns "
			      "--field-selector spec.nodeName=THIS_NODE; by hand: iptables -t raw "
			      "-A OUTPUT -s %s -p udp --sport 53 -j NOTRACK",
			      text);
	}
	say(v, STATUS_OK, "both directions, UDP and TCP, for %u address%s", n, n > 1 ? "es" : "");
}

/* Whoever is sent past kube-proxy to an address that nobody has is lost. */
static void leaked(const struct patient *p, struct verdict *v)
{
	const struct rules_facts *r = &p->f->rules;
	char text[ADDR_TEXT];
	const char *owner = "";
	struct addr a[16];
	unsigned n = addresses(r, a);

	if (unseen(p, v) || lacks(v, p->f->host.links_why))
		return;
	for (unsigned i = 0; i < n; i++) {
		if (here(p, &a[i]))
			continue;
		for (unsigned k = 0; k < r->n_notrack; k++)
			if (addr_eq(&r->notrack[k].addr, &a[i]))
				owner = r->notrack[k].owner;
		say(v, STATUS_FAIL,
		    "rules of an earlier instance are left: NOTRACK for %s (%s), an address that "
		    "is on no interface and "
		    "answers nothing",
		    addr_str(&a[i], text), owner[0] ? owner : "no comment");
		return remedy(v,
			      "node-cache -cleanup takes ours and the original's away; or "
			      "iptables-save -t raw | grep %s, and iptables -t raw -D "
			      "each",
			      text);
	}
	say(v, STATUS_OK, "each rule's address is somebody's");
}

/* One dialect after the other on the same node: the first one's rules are a leftover. */
static void twice(const struct patient *p, struct verdict *v)
{
	const struct rules_facts *r = &p->f->rules;
	char text[ADDR_TEXT];

	if (unseen(p, v))
		return;
	for (unsigned i = 0; i < r->n_notrack; i++)
		for (unsigned k = 0; k < i; k++) {
			const struct notrack_rule *x = &r->notrack[i], *y = &r->notrack[k];

			if (!x->addr.family || !addr_eq(&x->addr, &y->addr) ||
			    x->output != y->output || x->from != y->from || x->tcp != y->tcp)
				continue;
			say(v, STATUS_WARN,
			    "NOTRACK for %s stands there twice, %s: one of them is left behind, "
			    "and stays when its owner goes",
			    addr_str(&x->addr, text),
			    x->dialect != y->dialect ? "by iptables and by nftables"
						     : "word for word");
			return remedy(v, "node-cache -cleanup, then kubectl -n kube-system delete "
					 "pod -l k8s-app=node-local-dns "
					 "--field-selector spec.nodeName=THIS_NODE");
		}
	say(v, STATUS_OK, "none stands there twice");
}

static void forbidden(const struct patient *p, struct verdict *v)
{
	const struct rules_facts *r = &p->f->rules;

	if (unseen(p, v))
		return;
	if (!r->n_forbidden)
		return say(v, STATUS_OK, "no rule drops or rejects port 53");
	say(v, STATUS_WARN, "%u rule%s or reject%s port 53: %.250s", r->n_forbidden,
	    r->n_forbidden > 1 ? "s drop" : " drops", r->n_forbidden > 1 ? "" : "s",
	    r->forbidden[0]);
	remedy(v, "iptables-save | grep 53, nft list ruleset | grep 'dport 53': if pods are meant "
		  "to resolve names, take it away");
}

const struct probe probes_rules[] = {
	{"rules.both-ways", "do NOTRACK rules for DNS stand for both directions?", both_ways},
	{"rules.leaked", "are there rules of an earlier instance?", leaked},
	{"rules.twice", "are there rules of two instances, or of two dialects?", twice},
	{"rules.forbidden", "does a rule drop DNS?", forbidden},
	{0},
};
