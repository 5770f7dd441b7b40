/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: of each replica, and of the server pods ask, name by name of every sort. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kind-e2e/doctor/judge.h"
#include "kind-e2e/doctor/questions.h"

#define SLOW_US 100000 /* a name of the cluster's own is in the server's memory */
#define OPEN_TCP                                                                                                       \
	"port 53 over TCP must be open: dns-tcp in the Service, protocol TCP in each NetworkPolicy that allows 53/UDP"
#define LOOK_COREDNS "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50"

static void replicas(const struct patient *p, struct verdict *v)
{
	const struct facts *f = p->f;
	unsigned asked = 0, bad = 0;
	char first[200] = "", text[ADDR_TEXT];

	if (lacks(v, f->dns.why))
		return;
	for (unsigned i = 0; i < f->dns.n; i++) {
		const struct asked *a = &f->dns.q[i];

		if (strncmp(a->key, "replica.", 8) != 0)
			continue;
		asked++;
		if (a->answered && !strcmp(a->result, "NOERROR"))
			continue;
		if (!bad++)
			snprintf(first, sizeof first, "%s over %s: %s", addr_str(&a->server, text),
				 a->how, a->result);
	}
	if (!asked)
		return say(v, STATUS_SKIP,
			   "no endpoint is known: neither the API nor kube-proxy's rules name one");
	if (!bad)
		return say(v, STATUS_OK, "all %u answer, over UDP and TCP", asked / 2);
	say(v, STATUS_FAIL, "%s%s", first, bad > 1 ? ", and others" : "");
	remedy(v, "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide; delete the pod of "
		  "that address, and if its "
		  "node's other pods are out of reach too, look at the CNI there");
}

/* Nobody is behind the Service, by the API: a cache that has not the answer says SERVFAIL for them. */
static bool endless(const struct patient *p, const char *result)
{
	const struct api_facts *a = &p->f->api;

	return !strcmp(result, "SERVFAIL") && a->n_vips && !a->slices_why[0] && !a->n_ready;
}

/* It is there, and of no use to anybody. */
static void refuses(const struct patient *p, struct verdict *v, const char *server)
{
	static const struct {
		const char *result, *remedy;
	} rows[] = {
		{"REFUSED", "it serves no zone for this name or not this client: server blocks, acl and view in its "
			    "Corefile (kubectl -n kube-system get configmap coredns -o yaml), or it is not the cluster's DNS"},
		{"SERVFAIL", LOOK_COREDNS ": does it reach the API, and is the plugin kubernetes ready? A cache says this when "
					  "none of its upstreams answers"},
		{"NOERROR", "a template, rewrite or hosts without fallthrough answers before the cluster's zone does: kubectl -n "
			    "kube-system get configmap coredns -o yaml"},
	};
	size_t i = 0;

	say(v, STATUS_FAIL, "%s (%s) answers %s%s, whatever is asked", server, p->f->server_why, p->helpless,
	    !strcmp(p->helpless, "NOERROR") ? " without a record" : "");
	while (i < sizeof rows / sizeof rows[0] && strcmp(rows[i].result, p->helpless) != 0)
		i++;
	remedy(v, "%s", i < sizeof rows / sizeof rows[0] ? rows[i].remedy : LOOK_COREDNS);
}

static void server(const struct patient *p, struct verdict *v)
{
	const struct facts *f = p->f;
	const struct asked *a = asked_find(f, "name.fqdn");
	char text[ADDR_TEXT];
	const char *link;

	if (lacks(v, f->dns.why))
		return;
	if (!a)
		return say(v, STATUS_SKIP, "it was not asked");
	addr_str(&f->server, text);
	if (p->helpless && endless(p, p->helpless))
		return say(v, STATUS_SKIP, "%s answers SERVFAIL, whatever is asked: see service.endpoints", text);
	if (p->helpless)
		return refuses(p, v, text);
	if (!p->silent)
		return say(v, STATUS_OK, "%s answers (%s)", text, f->server_why);
	if (f->rules.rejects_vip) {
		say(v, STATUS_SKIP, "%s is refused by kube-proxy's rules: see proxy.endpoints",
		    text);
		return;
	}
	if (patient_holds_server(p, &link))
		return say(v, STATUS_SKIP, "this node holds %s itself: see cache.alive", text);
	if (cache_notrack(&f->rules, &f->server, false, false, false))
		return say(v, STATUS_SKIP, "%s is sent past kube-proxy to nobody: see rules.leaked",
			   text);
	say(v, STATUS_FAIL, "%s (%s) %s: %s, %u tries", text, f->server_why,
	    !strcmp(a->result, "garbled") ? "sends what is no answer to the question" : "answers nothing", a->result, a->tries);
	remedy(v,
	       "on a node: kubectl -n kube-system get endpointslices -l "
	       "kubernetes.io/service-name=kube-dns, then ask an endpoint itself: "
	       "dig @ENDPOINT kubernetes.default.svc.%s; if that answers, kube-proxy or a policy "
	       "is between",
	       f->domain);
}

/* Why an answer cannot be judged, said; false when there is one. */
static bool unanswered(const struct patient *p, struct verdict *v, const struct asked *a,
		       const char *not_asked)
{
	if (lacks(v, p->f->dns.why))
		return true;
	if (p->silent) {
		say(v, STATUS_SKIP, "the server answers nothing: see dns.server");
		return true;
	}
	if (p->helpless) {
		say(v, STATUS_SKIP, "the server answers %s to everything: see dns.server", p->helpless);
		return true;
	}
	if (!a) {
		say(v, STATUS_SKIP, "%s", not_asked);
		return true;
	}
	if (a->answered && endless(p, a->result)) {
		say(v, STATUS_SKIP, "%s: SERVFAIL, and no endpoint is ready: see service.endpoints", a->name);
		return true;
	}
	if (a->answered)
		return false;
	if (p->dead) {
		say(v, STATUS_SKIP,
		    "%s was lost (%s) on the way to a dead replica: see dns.replicas", a->name,
		    a->result);
		return true;
	}
	if (a->truncated) { /* which takes every client to TCP */
		say(v, STATUS_SKIP, "%s %s is cut over UDP, and over TCP nothing comes (%s): see dns.tcp", a->name, a->type,
		    a->result);
		return true;
	}
	say(v, STATUS_FAIL, "%s %s over %s: %s after %u tries", a->name, a->type, a->how, a->result,
	    a->tries);
	remedy(v, !strcmp(a->how, "tcp") ? OPEN_TCP : LOOK_COREDNS);
	return true;
}

static void expect_answer(const struct patient *p, struct verdict *v, const char *key,
			  const char *not_asked)
{
	const struct asked *a = asked_find(p->f, key);

	if (unanswered(p, v, a, not_asked))
		return;
	if (!strcmp(a->result, "NOERROR") && a->n_answers)
		return say(v, STATUS_OK, "%s %s: %.120s, %.1f ms", a->name, a->type, a->data,
			   (double)a->took_us / 1000);
	say(v, STATUS_FAIL, "%s %s: %s, %u answers", a->name, a->type, a->result, a->n_answers);
	remedy(v, LOOK_COREDNS "; the cluster's domain is taken to be %s (--domain)", p->f->domain);
}

static void fqdn(const struct patient *p, struct verdict *v)
{
	const struct asked *a = asked_find(p->f, "name.fqdn"),
			   *six = asked_find(p->f, "name.fqdn6");

	expect_answer(p, v,
		      a && a->answered && !a->n_answers && six && six->n_answers ? "name.fqdn6"
										 : "name.fqdn",
		      "it was not asked");
}

/* What a name below the first, or its address, would be judged by is already wrong. */
static bool nameless(const struct patient *p, struct verdict *v)
{
	const struct asked *first = asked_find(p->f, "name.fqdn");

	if (!p->nameless || p->helpless || !first || !first->answered)
		return false;
	say(v, STATUS_SKIP, "%s itself is %s: see dns.name", first->name, first->result);
	return true;
}

static void tcp(const struct patient *p, struct verdict *v)
{
	const struct asked *a = asked_find(p->f, "name.tcp");

	if (!a || !a->answered || !nameless(p, v))
		expect_answer(p, v, "name.tcp", "it was not asked");
}

static void srv(const struct patient *p, struct verdict *v)
{
	const struct asked *a = asked_find(p->f, "name.srv");

	if (!a || !a->answered || a->n_answers || !nameless(p, v))
		expect_answer(p, v, "name.srv", "it was not asked");
}

static void ptr(const struct patient *p, struct verdict *v)
{
	expect_answer(p, v, "name.ptr", "the address of kubernetes.default is not known");
}

static void headless(const struct patient *p, struct verdict *v)
{
	const struct asked *a = asked_find(p->f, "name.headless");

	/* whether its pods are ready, only its own namespace knows */
	if (a && a->answered && !a->n_answers &&
	    (!strcmp(a->result, "NOERROR") || !strcmp(a->result, "NXDOMAIN")))
		return say(v, STATUS_NOTE, "%s has no address: none of its pods is ready", a->name);
	expect_answer(p, v, "name.headless",
		      "no headless Service is known (it takes the API to know one)");
}

static void partial(const struct patient *p, struct verdict *v)
{
	unsigned asked = 0, lost = 0;

	if (lacks(v, p->f->dns.why))
		return;
	for (unsigned i = 0; i < p->f->dns.n; i++) {
		const struct asked *a = &p->f->dns.q[i];

		if (strncmp(a->key, "name.search.", 12) != 0)
			continue;
		asked++;
		lost += !a->answered;
		if (a->answered && a->n_answers)
			return say(v, STATUS_OK, "kubernetes.default is found as %s", a->name);
	}
	if (!asked)
		return say(v, STATUS_SKIP, "%s",
			   p->silent ? "the server answers nothing: see dns.server"
				     : "resolv.conf has no search list");
	if (p->helpless)
		return say(v, STATUS_SKIP, "the server answers %s to everything: see dns.server", p->helpless);
	if (lost && p->dead)
		return say(v, STATUS_SKIP,
			   "%u of %u were lost on the way to a dead replica: see dns.replicas",
			   lost, asked);
	if (nameless(p, v))
		return;
	if (lost == asked)
		return say(v, STATUS_SKIP, "none of the %u was answered: see dns.losses", asked);
	if (p->f->at != AT_POD)
		return say(v, STATUS_NOTE,
			   "kubernetes.default is not found through this machine's search list, "
			   "which is not a pod's");
	say(v, STATUS_FAIL, "kubernetes.default is not found through the search list (%u suffixes)",
	    asked);
	remedy(v,
	       "the search list must have svc.%s: dnsPolicy ClusterFirst (ClusterFirstWithHostNet "
	       "with hostNetwork)",
	       p->f->domain);
}

static void nxdomain(const struct patient *p, struct verdict *v)
{
	const struct asked *a = asked_find(p->f, "name.nx");

	if (unanswered(p, v, a, "it was not asked"))
		return;
	if (!strcmp(a->result, "NXDOMAIN"))
		return say(v, STATUS_OK, "a name that is not there is NXDOMAIN, %.1f ms",
			   (double)a->took_us / 1000);
	say(v, STATUS_FAIL,
	    "a name that is not there is %s%s%.100s: search lists end at the wrong place",
	    a->result, a->data[0] ? ", " : "", a->data);
	remedy(v, "look for a wildcard, template or rewrite in kubectl -n kube-system get "
		  "configmap coredns -o yaml");
}

static void outside(const struct patient *p, struct verdict *v)
{
	const struct asked *a = asked_find(p->f, "name.outside");

	if (unanswered(p, v, a, "no outside name is asked (--outside)"))
		return;
	if (!strcmp(a->result, "NOERROR") && a->n_answers)
		return say(v, STATUS_OK, "%s: %.120s, %.1f ms", a->name, a->data,
			   (double)a->took_us / 1000);
	say(v, STATUS_WARN, "%s: %s, %u answers", a->name, a->result, a->n_answers);
	remedy(v, "forward in kubectl -n kube-system get configmap coredns -o yaml leads to the "
		  "nodes' resolvers: ask one from "
		  "a node; or give a name that exists here (--outside)");
}

/* libc asks for both families and takes the worse of the two words. */
static void family(const struct patient *p, struct verdict *v)
{
	const struct asked *a = asked_find(p->f, "name.aaaa");
	bool six = p->f->server.family == AF_INET6;

	if (lacks(v, p->f->dns.why))
		return;
	if (!a || p->silent || p->helpless || p->nameless || p->dead)
		return say(v, STATUS_SKIP, "%s", p->silent     ? "the server answers nothing: see dns.server"
						 : p->helpless ? "the server answers the same to everything: see dns.server"
						 : p->nameless ? "the name is not found at all: see dns.name"
						 : p->dead && a ? "a replica is dead: see dns.replicas"
							       : "it was not asked");
	if (a->answered && !strcmp(a->result, "NOERROR"))
		return say(v, STATUS_OK, "%s AAAA: %s", a->name, a->n_answers ? a->data : "NOERROR and no record");
	if (six && !strcmp(asked_find(p->f, "name.fqdn")->result, "NOERROR") && !asked_find(p->f, "name.fqdn")->n_answers)
		return say(v, STATUS_SKIP, "the name has only this family");
	if (a->answered && endless(p, a->result))
		return say(v, STATUS_SKIP, "%s AAAA: SERVFAIL, and no endpoint is ready: see service.endpoints", a->name);
	say(v, STATUS_FAIL, "%s has an A, and to AAAA %s%s: %s", a->name,
	    a->answered ? "the server says " : "nothing comes", a->answered ? a->result : "",
	    !a->answered			 ? "each lookup waits for it until the time is up"
	    : !strcmp(a->result, "NXDOMAIN") ? "whoever hears that first takes it for the whole name"
					     : "getaddrinfo takes that for a failure of the whole lookup");
	remedy(v, "whoever filters AAAA must answer NOERROR and nothing (in a Corefile: template ANY AAAA { rcode NOERROR }); "
		  "until then options no-aaaa in spec.dnsConfig (glibc 2.36)");
}

static bool loses(const struct patient *p);

static void pairing(const struct patient *p, struct verdict *v)
{
	const struct dns_facts *q = &p->f->dns;
	const struct asked *aaaa = asked_find(p->f, "name.aaaa");

	if (lacks(v, q->why))
		return;
	if (!q->pairs)
		return say(v, STATUS_SKIP,
			   p->silent ? "the server answers nothing: see dns.server"
				     : "no pair was answered");
	if (q->pairs_whole == q->pairs)
		return say(v, STATUS_OK,
			   "A and AAAA from one socket: %u of %u pairs came back whole",
			   q->pairs_whole, q->pairs);
	if (p->dead)
		return say(v, STATUS_SKIP,
			   "%u of %u pairs lost a half, and a replica is dead: see dns.replicas",
			   q->pairs - q->pairs_whole, q->pairs);
	if (aaaa && !aaaa->answered)
		return say(v, STATUS_SKIP, "AAAA is not answered by itself either: see dns.aaaa");
	if (loses(p))
		return say(v, STATUS_SKIP, "%u of %u pairs lost a half, and single questions are lost, too: see dns.losses",
			   q->pairs - q->pairs_whole, q->pairs);
	/* one may be a datagram that got lost as any does */
	say(v, q->pairs - q->pairs_whole > 1 ? STATUS_FAIL : STATUS_WARN,
	    "%u of %u pairs of A and AAAA from one socket lost a half: glibc waits 5 s for each",
	    q->pairs - q->pairs_whole, q->pairs);
	remedy(v, "options single-request-reopen in spec.dnsConfig, or a cache on the node, whose "
		  "questions no table tracks");
}

struct tried {
	unsigned tries, lost, own, slow;
	uint64_t median_us; /* of those about the cluster's own names */
};

static int by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* What has a probe of its own is left to it: replicas, who is there, EDNS, and a question that no
 * try of got an answer. */
static void count_tries(const struct patient *p, struct tried *ret)
{
	uint64_t took_us[ASKED_MAX];

	*ret = (struct tried){0};
	for (unsigned i = 0; i < p->f->dns.n; i++) {
		const struct asked *a = &p->f->dns.q[i];

		if (!strncmp(a->key, "replica.", 8) || !strncmp(a->key, "id.", 3) || !strncmp(a->key, "edns.", 5) || !a->answered)
			continue;
		ret->tries += a->tries;
		ret->lost += a->tries - 1;
		if (a->tries == 1 && strcmp(a->key, "name.outside") != 0) /* whose servers may be far */
			took_us[ret->own++] = a->took_us;
	}
	qsort(took_us, ret->own, sizeof took_us[0], by_time);
	ret->median_us = ret->own ? took_us[ret->own / 2] : 0;
}

/* So many that it is not one datagram's bad luck. */
static bool loses(const struct patient *p)
{
	struct tried t;

	count_tries(p, &t);
	return t.lost >= 2 && t.lost * 20 >= t.tries;
}

/* Tries that got nothing although a later one did, and answers that took their time. */
static void losses(const struct patient *p, struct verdict *v)
{
	struct tried t;

	if (lacks(v, p->f->dns.why))
		return;
	if (p->silent)
		return say(v, STATUS_SKIP, "the server answers nothing: see dns.server");
	count_tries(p, &t);
	if (t.lost && p->dead)
		return say(v, STATUS_SKIP,
			   "%u of %u tries were lost, and a replica is dead: see dns.replicas",
			   t.lost, t.tries);
	if (t.lost) {
		say(v, loses(p) ? STATUS_FAIL : STATUS_WARN, "%u of %u tries got no answer within the time", t.lost, t.tries);
		return remedy(v, "see conntrack.* and drops in net.* for the hop; kind-e2e steady --names FILE "
				 "--server ADDRESS counts them for longer");
	}
	if (t.median_us >= SLOW_US) {
		say(v, STATUS_WARN, "half of %u answers about the cluster's own names took %.0f ms and more", t.own,
		    (double)t.median_us / 1000);
		return remedy(v, "kubectl -n kube-system top pods -l k8s-app=kube-dns: a CPU limit that throttles it, or a server "
				 "outside that is asked for names of the cluster");
	}
	say(v, STATUS_OK, "none of %u questions had to be asked twice", t.tries);
}

const struct probe probes_dns[] = {
	{"dns.replicas", "does every endpoint answer, over UDP and TCP?", replicas},
	{"dns.server", "does the server that pods ask answer?", server},
	{"dns.name", "is a full name found?", fqdn},
	{"dns.partial", "is a partial name found through the search list?", partial},
	{"dns.srv", "SRV?", srv},
	{"dns.ptr", "an address's name?", ptr},
	{"dns.headless", "a headless Service's addresses?", headless},
	{"dns.nxdomain", "is what does not exist NXDOMAIN?", nxdomain},
	{"dns.outside", "a name outside the cluster?", outside},
	{"dns.tcp", "and over TCP?", tcp},
	{"dns.aaaa", "is AAAA denied as it should be where there is only A?", family},
	{"dns.pairs", "do A and AAAA from one socket both come back?", pairing},
	{"dns.losses", "did every question get its answer at once?", losses},
	{0},
};
