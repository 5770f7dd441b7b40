/* SPDX-License-Identifier: Apache-2.0 */
/* The questions in their order, each through kind-e2e/load/ask.h, and the lines about them. */
#include "kind-e2e/doctor/questions.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind-e2e/doctor/rdata.h"
#include "kind-e2e/load/ask.h"
#include "kind-e2e/doctor/cachekind.h"
#include "kind-e2e/doctor/fetch.h"
#include "kind-e2e/measure/prom.h"
#include "lib/base/clock.h"

#define CANDIDATES_MAX 8
#define EDNS_SIZE 1232
#define NEAR_TIMEOUT (300 * NS_PER_MS)

struct asker {
	const struct facts *f;
	uint64_t timeout_ns;
	FILE *out;
	struct answer a; /* the last one */
	bool silent;	 /* the server answered nothing */
};

enum { PLAIN, EDNS, TCP };
static const char *const how_word[] = {"udp", "udp+edns", "tcp"};

static const char *result_word(const struct answer *a, char buf[24])
{
	char word[16];

	snprintf(buf, 24, "%s",
		 !a->error		    ? dns_rcode_str(a->rcode, word)
		 : a->error == ETIMEDOUT    ? "timeout"
		 : a->error == ECONNREFUSED ? "refused"
		 : a->error == EBADMSG	    ? "garbled"
		 : a->error == ENETUNREACH || a->error == EHOSTUNREACH ? "unreachable"
								       : strerrorname_np(a->error));
	return buf;
}

/* As every stub resolver does with an answer that was cut: the same over TCP, and that counts. */
static void ask_whole(struct asker *k, const struct question *cut)
{
	struct question q = *cut;
	uint64_t took_ns = k->a.took_ns;
	struct diag d = {""};

	q.tcp = true;
	if (ask(&q, &k->a, &d))
		k->a.error = EINVAL;
	k->a.took_ns += took_ns;
	k->a.truncated = true;
}

/* Asks until there is an answer or the tries are used up; true when there is one. */
static bool put(struct asker *k, const char *key, const struct addr *server, const char *name,
		uint16_t qtype, uint16_t qclass, int how, unsigned tries)
{
	struct question q = {.server = *server,
			     .name = name,
			     .qtype = qtype,
			     .qclass = qclass,
			     .tcp = how == TCP,
			     .udp_size = how == EDNS ? EDNS_SIZE : 0,
			     .timeout_ns = k->timeout_ns};
	char to[ADDR_TEXT], type[16], word[24], data[FACT_TEXT];
	struct diag d = {""};
	unsigned tried = 0;
	uint32_t ttl = 0;

	do {
		if (ask(&q, &k->a, &d))
			k->a.error = EINVAL; /* a name that is none: said as such */
	} while (k->a.error && ++tried < tries);
	tried += !k->a.error;
	if (!k->a.error && k->a.truncated && !q.tcp && strncmp(key, "edns.", 5) != 0)
		ask_whole(k, &q);
	data[0] = '\0';
	if (!k->a.error)
		rdata_text(k->a.msg, k->a.len, data, sizeof data, &ttl);
	fprintf(k->out, "%s\t%s\t%s\t%s\t%s\t%u\t%s\t%" PRIu64 "\t%u\t%u\t%zu\t%s%s\t%s\t%s\n", key,
		addr_str(server, to), name, dns_type_str(qtype, type), how_word[how], tried,
		result_word(&k->a, word), k->a.took_ns / NS_PER_US, k->a.error ? 0 : k->a.n_answers,
		ttl, k->a.error ? 0 : k->a.len, k->a.truncated ? "T" : "-",
		k->a.edns && !k->a.error ? "E" : "-", k->a.error || !k->a.by[0] ? "-" : k->a.by,
		data[0] ? data : "-");
	return !k->a.error;
}

/* The pods' server, unless it is silent. */
static bool ask_server(struct asker *k, const char *key, const char *name, uint16_t qtype, int how)
{
	return !k->silent && put(k, key, &k->f->server, name, qtype, 0, how, DOCTOR_TRIES);
}

static const char *below(const struct facts *f, const char *leaf, char buf[FACT_TEXT])
{
	snprintf(buf, FACT_TEXT, "%.100s.%.140s.", leaf, f->domain);
	return buf;
}

static void replicas(struct asker *k)
{
	const struct facts *f = k->f;
	unsigned n = f->api.n_endpoints ? f->api.n_endpoints : f->rules.n_targets;
	char key[ASKED_KEY], name[FACT_TEXT];

	for (unsigned i = 0; i < n; i++) {
		const struct addr *to =
			f->api.n_endpoints ? &f->api.endpoint[i].addr : &f->rules.target[i];

		snprintf(key, sizeof key, "replica.%u.udp", i);
		put(k, key, to, below(f, "kubernetes.default.svc", name), DNS_A, 0, PLAIN, 2);
		snprintf(key, sizeof key, "replica.%u.tcp", i);
		put(k, key, to, name, DNS_A, 0, TCP, 2);
	}
}

/* "4.3.2.1.in-addr.arpa." of what the last answer says, if that is an address. */
static bool reverse_name(const struct answer *a, char buf[FACT_TEXT])
{
	char data[FACT_TEXT], *end;
	struct addr ip;
	uint32_t ttl;
	size_t len = 0;

	rdata_text(a->msg, a->len, data, sizeof data, &ttl);
	end = strchr(data, ' ');
	if (end)
		*end = '\0';
	if (!facts_addr(data, &ip))
		return false;
	if (ip.family == AF_INET) {
		snprintf(buf, FACT_TEXT, "%u.%u.%u.%u.in-addr.arpa.", ip.b[3], ip.b[2], ip.b[1],
			 ip.b[0]);
		return true;
	}
	for (int i = 15; i >= 0; i--)
		len += (size_t)snprintf(buf + len, FACT_TEXT - len, "%x.%x.", ip.b[i] & 15,
					ip.b[i] >> 4);
	snprintf(buf + len, FACT_TEXT - len, "ip6.arpa.");
	return true;
}

static void names(struct asker *k)
{
	const struct facts *f = k->f;
	char name[FACT_TEXT], key[ASKED_KEY], leaf[FACT_TEXT];

	below(f, "kubernetes.default.svc", name);
	k->silent = !put(k, "name.fqdn", &f->server, name, DNS_A, 0, PLAIN, DOCTOR_FIRST_TRIES) && !k->a.truncated;
	if (k->silent || k->a.n_answers == 0)
		put(k, "name.fqdn6", &f->server, name, DNS_AAAA, 0, PLAIN,
		    k->silent ? 1 : DOCTOR_TRIES);
	if (!k->silent && reverse_name(&k->a, name))
		ask_server(k, "name.ptr", name, DNS_PTR, PLAIN);
	ask_server(k, "name.aaaa", below(f, "kubernetes.default.svc", name), DNS_AAAA, PLAIN);
	ask_server(k, "name.tcp", below(f, "kubernetes.default.svc", name), DNS_A, TCP);
	ask_server(k, "name.srv", below(f, "_https._tcp.kubernetes.default.svc", name), DNS_SRV,
		   PLAIN);
	ask_server(k, "name.nx", below(f, DOCTOR_NX ".default.svc", name), DNS_A, PLAIN);
	if (f->api.headless[0]) {
		snprintf(leaf, sizeof leaf, "%.200s.svc", f->api.headless);
		ask_server(k, "name.headless", below(f, leaf, name), DNS_A, PLAIN);
	}
	for (unsigned i = 0; i < f->resolv.n_search && i < 6; i++) {
		snprintf(key, sizeof key, "name.search.%u", i);
		snprintf(name, sizeof name, "kubernetes.default.%.200s.", f->resolv.search[i]);
		ask_server(k, key, name, DNS_A, PLAIN);
	}
}

static unsigned dots(const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; name[i] && name[i + 1]; i++)
		n += name[i] == '.';
	return n;
}

static void outside(struct asker *k)
{
	const struct facts *f = k->f;
	char name[FACT_TEXT], key[ASKED_KEY];

	if (!f->outside[0])
		return;
	for (unsigned i = 0; dots(f->outside) < f->resolv.ndots && i < f->resolv.n_search && i < 8;
	     i++) {
		snprintf(key, sizeof key, "cost.%u", i);
		snprintf(name, sizeof name, "%.120s.%.120s.", f->outside, f->resolv.search[i]);
		ask_server(k, key, name, DNS_A, PLAIN);
	}
	snprintf(name, sizeof name, "%.250s.", f->outside);
	ask_server(k, "name.outside", name, DNS_A, PLAIN);
}

static void repeats(struct asker *k)
{
	char name[FACT_TEXT], key[ASKED_KEY];

	below(k->f, "kubernetes.default.svc", name);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(key, sizeof key, "repeat.%u", i);
		ask_server(k, key, name, DNS_A, PLAIN);
	}
}

/* A name whose answer is longer than 512 octets: as a client without EDNS, with it, and over TCP.
 */
static void sizes(struct asker *k)
{
	const char *name = k->f->large[0] ? k->f->large : ".";
	uint16_t type = k->f->large[0] ? DNS_TXT : DNS_NS;

	ask_server(k, "edns.none", name, type, PLAIN);
	ask_server(k, "edns.whole", name, type, EDNS);
	ask_server(k, "edns.tcp", name, type, TCP);
}

static void pairs(struct asker *k)
{
	static struct answer both[2];
	char name[FACT_TEXT];
	struct question q = {.server = k->f->server,
			     .name = below(k->f, "kubernetes.default.svc", name),
			     .timeout_ns = k->timeout_ns};
	struct diag d = {""};
	unsigned whole = 0, halves = 0;

	/* each that is lost costs its time, and a few say as much as many */
	for (unsigned i = 0; !k->silent && i < DOCTOR_PAIRS && i - whole < DOCTOR_PAIRS_LOST; i++) {
		if (ask_pair(&q, both, &d))
			return;
		whole += !both[0].error && !both[1].error;
		halves += !both[0].error != !both[1].error;
	}
	/* pairs of which nothing came are lost datagrams, not halves */
	if (!k->silent)
		fprintf(k->out, "pair\t%u\t%u\n", whole + halves, whole);
}

/* --- who is there ------------------------------------------------------------------------ */

static void candidate(struct addr *list, unsigned *n, const struct addr *a)
{
	for (unsigned i = 0; i < *n; i++)
		if (addr_eq(&list[i], a))
			return;
	if (a->family && *n < CANDIDATES_MAX)
		list[(*n)++] = *a;
}

static unsigned candidates(const struct facts *f, struct addr list[CANDIDATES_MAX])
{
	static const char *const known[] = {"169.254.20.10", "169.254.10.10", "169.254.10.11"};
	unsigned n = 0;

	candidate(list, &n, &f->server);
	for (unsigned i = 0; i < f->host.n_addrs; i++)
		if (cache_address(f, &f->host.addr[i].addr))
			candidate(list, &n, &f->host.addr[i].addr);
	for (unsigned i = 0; i < f->rules.n_notrack; i++)
		candidate(list, &n, &f->rules.notrack[i].addr);
	for (unsigned i = 0; f->at == AT_POD && i < 3;
	     i++) { /* a pod cannot see the node's interfaces */
		struct addr a = addr_text(known[i]);

		candidate(list, &n, &a);
	}
	return n;
}

/* Of a page of metrics what tells whose it is. */
static void metrics_line(struct asker *k, const struct addr *a)
{
	char url[128], text[ADDR_TEXT], *page;
	struct fetch g = {url, NULL, 8u << 20, NS_PER_S};
	struct diag d = {""};
	const char *build;

	snprintf(url, sizeof url,
		 a->family == AF_INET6 ? "http://[%s]:9253/metrics" : "http://%s:9253/metrics",
		 addr_str(a, text));
	if (fetch_text(&g, &page, &d))
		return;
	build = strstr(page, "\ncoredns_build_info{");
	fprintf(k->out, "metrics\t%s\t%s%s%s %.*s\n", url,
		strstr(page, "\nnodens_") ? "nodens " : "",
		strstr(page, "\ncoredns_nodecache_setup_errors") ? "nodecache " : "",
		prom_sum(page, "coredns_nodecache_setup_errors_total", NULL) > 0 ? "setup-errors "
										 : "",
		build ? (int)strcspn(build + 1, "\n") : 0, build ? build + 1 : "");
	free(page);
}

static void who(struct asker *k)
{
	static const char *const chaos[] = {"version.bind.", "hostname.bind.", "id.server."};
	struct addr list[CANDIDATES_MAX];
	unsigned n = candidates(k->f, list);
	char key[ASKED_KEY], name[FACT_TEXT];
	uint64_t timeout_ns = k->timeout_ns;
	bool there;

	below(k->f, "kubernetes.default.svc", name);
	for (unsigned i = 0; i < n; i++) {
		bool pods = addr_eq(&list[i], &k->f->server);

		if (pods && k->silent)
			continue;
		snprintf(key, sizeof key, "id.%u.nsid", i);
		/* a cache on this node is near, or not there at all */
		k->timeout_ns = pods || timeout_ns < NEAR_TIMEOUT ? timeout_ns : NEAR_TIMEOUT;
		there = put(k, key, &list[i], name, DNS_A, 0, EDNS, pods ? DOCTOR_TRIES : 1);
		k->timeout_ns = timeout_ns;
		if (!there)
			continue;
		for (unsigned c = 0; c < 3; c++) {
			snprintf(key, sizeof key, "id.%u.%.*s", i, (int)strlen(chaos[c]) - 1,
				 chaos[c]);
			put(k, key, &list[i], chaos[c], DNS_TXT, DNS_CH, PLAIN, 1);
		}
		metrics_line(k, &list[i]);
	}
}

void questions_ask(const struct facts *f, uint64_t timeout_ns, struct texts *s)
{
	static struct asker k;
	char *body = NULL;
	size_t len = 0;

	memset(&k, 0, offsetof(struct asker, a));
	k.f = f;
	k.timeout_ns = timeout_ns;
	if (!f->server.family) {
		texts_lack(s, "dns", f->server_why);
		return;
	}
	k.out = open_memstream(&body, &len);
	if (!k.out) {
		texts_lack(s, "dns", "no memory");
		return;
	}
	replicas(&k);
	names(&k);
	outside(&k);
	sizes(&k);
	pairs(&k);
	who(&k);
	repeats(&k);
	fclose(k.out);
	texts_take(s, "dns", body);
}
