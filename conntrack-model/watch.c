/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch itself. Events are fetched every few milliseconds rather than one by one: each
 * waking costs more than the event it brings, and the kernel keeps them meanwhile.
 */
#include "conntrack-model/watch.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/kernel/ct_netlink.h"

#define FETCH_NS (20 * NS_PER_MS)
#define STAT "/proc/net/stat/nf_conntrack"
#define COUNT "/proc/sys/net/netfilter/nf_conntrack_count"

struct watcher {
	struct watch *w;
	const struct watch_conf *c;
	struct ctnl *ct; /* NULL: no events */
	uint64_t begin_ns, now_ns;
	uint64_t within; /* events of this fetch, a nanosecond apart: they stay in order */
	struct watch_counters before, sum;
};

/* --- events --- */

static struct qs_addr addr_of(const struct addr *a, uint16_t port)
{
	return (struct qs_addr){.ip = addr_mapped(a), .port = port};
}

static void on_event(enum ctnl_what what, const struct ctnl_entry *e, void *arg)
{
	struct watcher *x = arg;
	struct watch *w = x->w;

	w->n_events++;
	if (e->proto != CT_UDP && e->proto != CT_TCP) {
		w->n_other_protocols += what == CTNL_NEW;
		return;
	}
	if (w->n_seen >= w->seen_max) {
		w->overfull = true;
		return;
	}
	if (w->n_seen == w->cap_seen) {
		size_t cap = w->cap_seen ? w->cap_seen * 2 : 4096;
		struct watch_seen *p = realloc(w->seen, cap * sizeof(*p));
		if (!p) {
			w->err = ERR_NOMEM;
			return;
		}
		w->seen = p;
		w->cap_seen = cap;
	}
	w->seen[w->n_seen++] = (struct watch_seen){
		.t_ns = x->now_ns - x->begin_ns + x->within++,
		.client = addr_of(&e->src, e->sport),
		.server = addr_of(&e->dst, e->dport),
		.zone = e->zone,
		.what = (uint8_t)what,
		.proto = e->proto,
		.tcp_state = e->has_tcp_state && e->tcp_state < CT_TCP_STATES ? e->tcp_state : CT_NONE,
		.replied = e->status & IPS_SEEN_REPLY,
		.assured = e->status & IPS_ASSURED,
	};
}

static int fetch(struct watcher *x, struct diag *d)
{
	if (!x->ct)
		return 0;
	x->now_ns = clock_mono_ns();
	x->within = 0;
	int rc = ctnl_read(x->ct, on_event, x, &x->w->n_lost_reads, d);
	if (rc == 0 && x->w->err)
		rc = diag_set(d, x->w->err, "out of memory for events");
	if (x->w->overfull) { /* the kernel need not make events that nobody keeps */
		ctnl_close(x->ct);
		x->ct = NULL;
	}
	return rc;
}

/* --- counters --- */

static int counters_read(struct watch_counters *ret, struct diag *d)
{
	char *text;
	size_t len;
	int rc;

	if (access(STAT, R_OK) < 0) { /* CONFIG_NF_CONNTRACK_PROCFS is not in every kernel */
		memset(ret, 0, sizeof(*ret));
		return 0;
	}
	rc = file_read(STAT, 1u << 20, &text, &len, d);
	if (rc < 0)
		return rc;
	rc = watch_counters_parse(ret, text, d);
	free(text);
	return rc;
}

static int count_read(uint64_t *ret, struct diag *d)
{
	char *text, *end;
	size_t len;
	int rc = file_read(COUNT, 4096, &text, &len, d);

	if (rc < 0)
		return rc;
	*ret = strtoull(text, &end, 10);
	rc = end == text ? diag_set(d, ERR_SYNTAX, COUNT ": '%.20s' is no number", text) : 0;
	free(text);
	return rc;
}

static int sample(struct watcher *x, struct diag *d)
{
	struct watch *w = x->w;
	struct watch_counters c;
	uint64_t count = 0;

	if (w->n_samples == w->cap_samples) {
		size_t cap = w->cap_samples ? w->cap_samples * 2 : 256;
		struct watch_sample *p = realloc(w->sample, cap * sizeof(*p));
		if (!p)
			return diag_set(d, ERR_NOMEM, "out of memory for samples");
		w->sample = p;
		w->cap_samples = cap;
	}
	int rc = counters_read(&c, d);
	rc = rc ? rc : count_read(&count, d);
	if (rc < 0)
		return rc;
	if (w->n_samples)
		watch_counters_add(&x->sum, &x->before, &c);
	x->before = c;
	w->sample[w->n_samples++] = (struct watch_sample){
		.t_s = (double)(clock_mono_ns() - x->begin_ns) / 1e9,
		.count = count,
		.c = x->sum,
	};
	return 0;
}

/* --- the watch --- */

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static bool stopped(const struct watcher *x)
{
	return x->c->stop && *x->c->stop;
}

static int watch_on(struct watcher *x, struct diag *d)
{
	uint64_t end_ns = x->begin_ns + x->c->duration_ns, next_ns = x->begin_ns + x->c->interval_ns, now_ns;
	int rc = 0;

	while (rc == 0 && !stopped(x) && (now_ns = clock_mono_ns()) < end_ns) {
		uint64_t until_ns = x->ct ? now_ns + FETCH_NS : next_ns;
		until_ns = until_ns < next_ns ? until_ns : next_ns;
		clock_sleep_until(until_ns < end_ns ? until_ns : end_ns);
		rc = fetch(x, d);
		if (rc == 0 && clock_mono_ns() >= next_ns) {
			rc = sample(x, d);
			next_ns += x->c->interval_ns;
		}
	}
	return rc;
}

static void on_live(const struct ctnl_entry *e, void *arg)
{
	struct watch_live *l = arg;

	l->n++;
	l->assured += (e->status & IPS_ASSURED) != 0;
	l->dns += e->dport == 53 && (e->proto == CT_UDP || e->proto == CT_TCP);
}

static int dump(struct watch *w, struct diag *d)
{
	struct ctnl *ct;
	int rc = ctnl_open(&ct, d);

	if (rc < 0)
		return rc;
	double before_s = cpu_s();
	rc = ctnl_dump(ct, on_live, &w->live, d);
	w->live.cpu_s = cpu_s() - before_s;
	ctnl_close(ct);
	return rc;
}

static int listen_to(struct watcher *x, struct diag *d)
{
	struct ctnl_stats stats;
	size_t room;
	int rc;

	if (x->w->node.tells == 0)
		return diag_set(d, ERR_UNSUPPORTED,
				"net.netfilter.nf_conntrack_events is 0: the kernel tells of no entry (--counters does without)");
	rc = ctnl_open(&x->ct, d);
	rc = rc ? rc : ctnl_listen(x->ct, x->c->room_bytes, &room, d);
	if (rc < 0 && (errno == EPERM || errno == EACCES))
		return diag_set(d, ERR_UNSUPPORTED,
				"the kernel tells of entries only who has CAP_NET_ADMIN (--counters does without)");
	if (rc < 0)
		return rc;
	struct ctnl *ask = NULL;
	rc = ctnl_open(&ask, d);
	rc = rc ? rc : ctnl_stats(ask, &stats, NULL);
	ctnl_close(ask);
	if (rc < 0)
		return diag_set(d, ERR_UNSUPPORTED,
				"the kernel has no conntrack netlink (module nf_conntrack_netlink; --counters does without)");
	x->w->heard = true;
	return 0;
}

static bool same_table(const struct ct_conf *a, const struct ct_conf *b)
{
	return a->max == b->max && a->buckets == b->buckets && a->udp_s == b->udp_s && a->udp_stream_s == b->udp_stream_s &&
	       memcmp(a->tcp_s, b->tcp_s, sizeof(a->tcp_s)) == 0;
}

/* Somebody, or kube-proxy at its start, may set the table anew meanwhile. */
static int look_again(struct watch *w, struct diag *d)
{
	struct watch_node n;
	int rc = watch_node_read(&n, d);

	if (rc < 0)
		return rc;
	w->changed = !same_table(&n.table, &w->node.table);
	w->node = n;
	return 0;
}

int watch_span(struct watch *ret, const struct watch_conf *c, struct diag *d)
{
	struct watcher x = {.w = ret, .c = c};

	*ret = (struct watch){.seen_max = c->flows_max, .live.cpu_s = -1};
	int rc = watch_node_read(&ret->node, d);
	if (rc == 0 && !c->counters_only)
		rc = listen_to(&x, d);
	double cpu_before_s = cpu_s();
	x.begin_ns = clock_mono_ns();
	rc = rc ? rc : sample(&x, d);
	rc = rc ? rc : watch_on(&x, d);
	ret->interrupted = stopped(&x);
	rc = rc ? rc : fetch(&x, d);
	rc = rc ? rc : sample(&x, d);
	ret->span_s = (double)(clock_mono_ns() - x.begin_ns) / 1e9;
	ret->cpu_s = cpu_s() - cpu_before_s;
	ctnl_close(x.ct);
	if (rc == 0)
		rc = look_again(ret, d);
	if (rc == 0 && c->dump)
		rc = dump(ret, d);
	if (rc < 0)
		watch_span_release(ret);
	return rc;
}

void watch_span_release(struct watch *w)
{
	free(w->sample);
	free(w->seen);
	w->sample = NULL;
	w->seen = NULL;
	w->n_samples = w->n_seen = 0;
}

uint64_t watch_count_peak(const struct watch *w)
{
	uint64_t most = 0;

	for (size_t i = 0; i < w->n_samples; i++)
		most = w->sample[i].count > most ? w->sample[i].count : most;
	return most;
}

/* A packet that lost a race for a tuple is in both counters. */
uint64_t watch_turned_away(const struct watch *w)
{
	const struct watch_counters *c = &w->sample[w->n_samples - 1].c;

	return c->drop > c->insert_failed ? c->drop - c->insert_failed : 0;
}

bool watch_was_full(const struct watch *w)
{
	uint64_t max = w->node.table.max;

	/* looks are seldom */
	return max && w->n_samples && (w->sample[w->n_samples - 1].c.early_drop || (watch_turned_away(w) && watch_count_peak(w) >= max - max / 20));
}
