/* SPDX-License-Identifier: Apache-2.0 */
/* What iptables-save prints: NOTRACK for DNS, what forbids it, and kube-proxy's chains of kube-dns.
 */
#include <stdio.h>
#include <string.h>

#include "kind-e2e/doctor/rules.h"
#include "kind-e2e/doctor/rules_dialects.h"
#include "kind-e2e/proxy/kproxy.h"

#define WORDS_MAX 64
#define SEPS_MAX 128

struct words {
	char buf[2048];
	char *w[WORDS_MAX];
	unsigned n;
};

/* Blanks part words, "..." is one. */
static void split(struct words *ret, const char *line)
{
	char *at = ret->buf;

	snprintf(ret->buf, sizeof ret->buf, "%s", line);
	for (ret->n = 0; ret->n < WORDS_MAX;) {
		char end = ' ';

		at += strspn(at, " ");
		if (!*at)
			return;
		if (*at == '"') {
			end = '"';
			at++;
		}
		ret->w[ret->n++] = at;
		at += strcspn(at, end == '"' ? "\"" : " ");
		if (!*at)
			return;
		*at++ = '\0';
	}
}

/* What stands behind the option, or NULL. A "!" before it makes another rule of it. */
static const char *arg(const struct words *w, const char *option)
{
	for (unsigned i = 0; i + 1 < w->n; i++)
		if (!strcmp(w->w[i], option))
			return i && !strcmp(w->w[i - 1], "!") ? NULL : w->w[i + 1];
	return NULL;
}

static bool is(const struct words *w, const char *option, const char *value)
{
	const char *v = arg(w, option);

	return v && !strcmp(v, value);
}

static bool has(const struct words *w, const char *word)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!strcmp(w->w[i], word))
			return true;
	return false;
}

/* --dport 53, or --dports with 53 among others */
static bool port_53(const struct words *w, const char *option)
{
	char many[16];
	const char *v;

	if (is(w, option, "53"))
		return true;
	snprintf(many, sizeof many, "%ss", option);
	v = arg(w, many);
	while (v && *v) {
		size_t n = strcspn(v, ",");

		if (n == 2 && !strncmp(v, "53", 2))
			return true;
		v += n + (v[n] == ',');
	}
	return false;
}

static void notrack(struct rules_facts *r, const struct words *w)
{
	struct notrack_rule n = {.dialect = DIALECT_IPTABLES,
				 .output = is(w, "-A", "OUTPUT"),
				 .tcp = is(w, "-p", "tcp"),
				 .from = port_53(w, "--sport")};
	const char *a, *comment = arg(w, "--comment");

	if (!n.from && !port_53(w, "--dport"))
		return;
	a = arg(w, n.from ? "-s" : "-d");
	if (a)
		facts_addr(a, &n.addr);
	snprintf(n.owner, sizeof n.owner, "%s", comment ? comment : "");
	rules_add_notrack(r, &n);
}

/* A drop of DNS, but not kube-proxy's own words for "no endpoints". */
static void filtered(struct rules_facts *r, const struct words *w, const char *line)
{
	const char *to = arg(w, "-j"), *chain = arg(w, "-A"), *comment = arg(w, "--comment");
	bool drop = to && (!strcmp(to, "DROP") || !strcmp(to, "REJECT"));
	struct addr a;

	if (drop && comment && strstr(comment, "has no endpoints")) {
		if (!strncmp(comment, "kube-system/kube-dns:dns ", 25) && arg(w, "-d") &&
		    facts_addr(arg(w, "-d"), &a)) {
			rules_set_vip(r, &a);
			r->rejects_vip = true;
		}
		return;
	}
	if (drop && (port_53(w, "--dport") || port_53(w, "--sport")))
		rules_forbid(r, line);
	if (drop && chain && has(w, "--ctstate") && !arg(w, "--ctstate") &&
	    strcmp(chain, "KUBE-FIREWALL") != 0)
		r->stateful_drop = true;
}

struct seps {
	char name[SEPS_MAX][KPROXY_CHAIN_MAX];
	unsigned n;
};

static void kube_nat(struct rules_facts *r, const struct words *w, const char *svc,
		     struct seps *seps)
{
	const char *chain = arg(w, "-A"), *to = arg(w, "-j"), *d = arg(w, "-d");
	struct addr a;

	if (!chain || !to)
		return;
	if (!strcmp(chain, "KUBE-SERVICES") && !strcmp(to, svc) && d && facts_addr(d, &a))
		rules_set_vip(r, &a);
	if (!strcmp(chain, svc) && !strncmp(to, "KUBE-SEP-", 9) && seps->n < SEPS_MAX)
		snprintf(seps->name[seps->n++], KPROXY_CHAIN_MAX, "%s", to);
}

static void kube_target(struct rules_facts *r, const struct words *w, const struct seps *seps)
{
	const char *chain = arg(w, "-A"), *to = arg(w, "--to-destination");
	char buf[ADDR_TEXT];
	struct addr a;

	for (unsigned i = 0; chain && to && i < seps->n; i++) {
		if (strcmp(chain, seps->name[i]) != 0)
			continue;
		to += *to == '[';
		snprintf(buf, sizeof buf, "%.*s",
			 (int)(strchr(to, ']') ? strcspn(to, "]") : strcspn(to, ":")), to);
		if (facts_addr(buf, &a))
			rules_add_target(r, &a);
		return;
	}
}

void rules_iptables(struct rules_facts *r, const char *save)
{
	char svc[KPROXY_CHAIN_MAX], line[2048], table[32] = "";
	struct seps seps = {.n = 0};

	kproxy_chain(svc, "kube-system/kube-dns", &kproxy_dns_ports[0], NULL);
	for (int pass = 0; pass < 2;
	     pass++) { /* chains of endpoints come before those that lead to them */
		for (const char *at = save; facts_line(&at, line, sizeof line);) {
			static struct words w;

			if (line[0] == '*')
				snprintf(table, sizeof table, "%.30s", line + 1);
			r->kube_iptables |= !strncmp(line, ":KUBE-SERVICES ", 15);
			r->cilium |= !strncmp(line, ":CILIUM_", 8);
			r->calico |= !strncmp(line, ":cali-", 6);
			if (strncmp(line, "-A ", 3) != 0)
				continue;
			split(&w, line);
			if (pass) {
				kube_target(r, &w, &seps);
			} else if (!strcmp(table, "raw") &&
				   (has(&w, "--notrack") || is(&w, "-j", "NOTRACK"))) {
				notrack(r, &w);
			} else if (!strcmp(table, "nat")) {
				kube_nat(r, &w, svc, &seps);
			} else {
				filtered(r, &w, line);
			}
		}
	}
}
