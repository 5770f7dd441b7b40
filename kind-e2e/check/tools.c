/* SPDX-License-Identifier: Apache-2.0 */
/* Questions, volleys and streams as checks use them, with the words for what went wrong. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kind-e2e/check/check.h"
#include "lib/base/clock.h"

#define PATIENCE_NS (5 * NS_PER_S) /* a stub resolver's: what takes longer is lost to a pod */
#define PACE_NS (2 * NS_PER_MS)

unsigned check_ways(const struct checker *k, struct way ret[WAYS_MAX])
{
	unsigned n = 0;

	for (int f = 0; f < TOPO_FAMILIES; f++)
		for (int tcp = 0; tcp < 2 && k->c->topo.has[f]; tcp++)
			ret[n++] = (struct way){(enum topo_family)f, tcp, false};
	return n;
}

const char *way_str(const struct way *w)
{
	static const char *const words[2][TOPO_FAMILIES] = {{"UDP", "UDP over IPv6"},
							    {"TCP", "TCP over IPv6"}};

	return words[w->tcp][w->f];
}

const char *check_server(const struct checker *k)
{
	return k->c->spec.original ? "" : k->c->spec.with_cache ? CACHE_ID : "backend-";
}

struct question check_question(const struct checker *k, const struct way *w, const char *ns,
			       const char *name, uint16_t qtype)
{
	return (struct question){.ns = ns,
				 .server = cell_server(k->c, w->f),
				 .name = name,
				 .qtype = qtype,
				 .tcp = w->tcp,
				 .udp_size = 1232,
				 .timeout_ns = PATIENCE_NS};
}

bool check_ask(struct checker *k, const struct way *w, const char *ns, const char *leaf,
	       uint16_t qtype, struct answer *ret)
{
	char name[NAME_MAX_TEXT], type[16];
	struct question q =
		check_question(k, w, ns, fixture_name(k->c->lab->s, leaf, name), qtype);
	struct diag d = {""};
	const char *why;

	if (!check_did(k, ask(&q, ret, &d), &d))
		return false;
	dns_type_str(qtype, type);
	if (!check_that(k, !ret->error, "%s: %s %s by %s: %s", ns, name, dns_type_str(qtype, type),
			way_str(w), strerror(ret->error)))
		return false;
	why = zone_check(k->c->lab->zone, ret->msg, ret->len);
	if (!check_that(k, !why, "%s: %s %s by %s: %s", ns, name, dns_type_str(qtype, type),
			way_str(w), why ? why : ""))
		return false;
	return check_that(k, !strncmp(ret->by, check_server(k), strlen(check_server(k))),
			  "%s: %s %s by %s: made by '%s', not by %s", ns, name,
			  dns_type_str(qtype, type), way_str(w), ret->by, check_server(k));
}

struct volley_conf check_volley_conf(const struct checker *k, const struct way *w, unsigned n,
				     const char *leaf, char name[NAME_MAX_TEXT])
{
	return (struct volley_conf){.server = cell_server(k->c, w->f),
				    .zone = k->c->lab->zone,
				    .name = fixture_name(k->c->lab->s, leaf, name),
				    .qtype = DNS_A,
				    .tcp = w->tcp,
				    .one_socket = w->one_socket,
				    .n = n,
				    .window = 16,
				    .timeout_ns = PATIENCE_NS};
}

bool check_volley_good(struct checker *k, const char *what, const struct volley *v,
		       const char *by)
{
	check_that(k, v->sent && v->answered == v->sent,
		   "%s: %llu of %llu lost, %llu refused", what, (unsigned long long)v->lost,
		   (unsigned long long)v->sent, (unsigned long long)v->refused);
	check_that(k, !v->wrong, "%s: %llu wrong: %s", what, (unsigned long long)v->wrong,
		   v->why_wrong);
	check_that(k, !v->servfail, "%s: %llu SERVFAIL", what, (unsigned long long)v->servfail);
	return check_that(k, volley_by(v, by) == v->answered,
			  "%s: %llu of %llu made by '%s', the others not", what,
			  (unsigned long long)volley_by(v, by), (unsigned long long)v->answered,
			  by) &&
	       !k->failed;
}

bool check_volley(struct checker *k, const char *what, const char *ns,
		  const struct volley_conf *conf, const char *by, struct volley *ret)
{
	struct diag d = {""};

	return check_did(k, volley_run(ns, conf, ret, &d), &d) &&
	       check_volley_good(k, what, ret, by);
}

/* --- streams ------------------------------------------------------------------------- */

bool stream_start(struct checker *k, struct stream *s, const struct way *w, const char *leaf,
		  uint64_t lost_ns)
{
	struct diag d = {""};
	char ns[32];

	*s = (struct stream){.v = mmap(NULL, sizeof *s->v, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
	if (s->v == MAP_FAILED) {
		s->v = NULL;
		return check_that(k, false, "no memory for a stream");
	}
	s->conf = check_volley_conf(k, w, 0, leaf, s->name);
	s->conf.window = VOLLEY_WINDOW_MAX;
	s->conf.interval_ns = PACE_NS;
	s->conf.timeout_ns = lost_ns;
	topo_pod_ns(ns, 0);
	s->pid = volley_start(ns, &s->conf, s->v, &d);
	if (!check_did(k, s->pid < 0 ? ERR_SYS : 0, &d)) {
		s->pid = 0;
		return false;
	}
	return check_that(k, stream_until(s, &s->v->answered, 20, PATIENCE_NS),
			  "no answers before anything was done");
}

static uint64_t by_now(const struct stream *s, const char *prefix, const uint64_t *counter)
{
	return prefix ? volley_by(s->v, prefix) : __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static bool grows(struct stream *s, const char *prefix, const uint64_t *counter, uint64_t n,
		  uint64_t limit_ns)
{
	uint64_t begin = by_now(s, prefix, counter), until = clock_mono_ns() + limit_ns;

	while (by_now(s, prefix, counter) < begin + n) {
		if (clock_mono_ns() > until)
			return false;
		poll(NULL, 0, 2);
	}
	return true;
}

bool stream_until(struct stream *s, const uint64_t *counter, uint64_t n, uint64_t limit_ns)
{
	return grows(s, NULL, counter, n, limit_ns);
}

bool stream_until_by(struct stream *s, const char *prefix, uint64_t n, uint64_t limit_ns)
{
	return grows(s, prefix, NULL, n, limit_ns);
}

bool stream_end(struct checker *k, struct stream *s)
{
	struct diag d = {""};

	if (!s->pid)
		return false;
	return check_did(k, volley_finish(s->pid, s->v, &d), &d);
}

const char *check_fresh(char buf[64])
{
	static unsigned n;

	snprintf(buf, 64, "fresh-%d-%u", (int)getpid(), n++);
	return buf;
}

uint64_t check_served(const struct cell *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < c->topo.n_backends; i++)
		n += c->served[i].udp + c->served[i].tcp;
	return n;
}
