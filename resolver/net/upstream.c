/* SPDX-License-Identifier: Apache-2.0 */
/* The set of upstreams, and how an ask finds its transport. */
#include "resolver/net/upstream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/base/checked.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/rng.h"
#include "resolver/net/sockaddr.h"
#include "resolver/net/upool_conn.h"
#include "resolver/net/upool_tcp.h"
#include "resolver/net/upstream_udp.h"

#define UDP_SINGLES_MAX 1024 /* ports for one question each, of all upstreams */
#define FAIL_ROUNDS 8 /* failures of failures before the loop gets its turn */

/* --- asking --- */

static void ask_dispatch(struct upstream *up, struct ask *a, const struct core_ask *what)
{
	if (what->proto == CORE_UDP)
		upstream_udp_ask(up, a, what);
	else if (what->proto == CORE_TCP)
		upool_ask(&up->tcp, a, what);
	else if (up->tls_ctx)
		upool_ask(&up->tls, a, what);
	else
		upstream_fail_later(up->all, a, CORE_FAIL_TLS);
}

void upstreams_ask(struct upstreams *u, const struct core_ask *what)
{
	struct ask *a = asks_new(&u->asks, what->id);
	if (!a) {
		u->stats->up_no_socket++;
		u->events.fail(u->events.ctx, what->id, CORE_FAIL_NOSOCKET);
		return;
	}
	assert(what->upstream < u->n && what->len >= 12);
	a->up = u->up[what->upstream];
	a->sent_ns = u->loop->now_ns;
	ask_dispatch(a->up, a, what);
}

void upstreams_cancel(struct upstreams *u, uint32_t ask_id)
{
	struct ask *a = asks_find(&u->asks, ask_id);
	if (!a)
		return;
	switch (a->place) {
	case ASK_UDP:
		upstream_udp_cancel(a);
		break;
	case ASK_TCP:
		upool_cancel(a);
		break;
	case ASK_FAILED: /* in the list: told to nobody when its turn comes */
		a->why = UINT8_MAX;
		break;
	}
}

bool upstreams_seen(const struct upstreams *u, uint32_t ask_id, struct upstream_seen *ret)
{
	const struct ask *a = asks_find(&u->asks, ask_id);
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	uint32_t scope;
	int fd = -1;
	bool connected = true;
	if (a && a->place == ASK_UDP)
		fd = upstream_udp_fd(a->sock);
	else if (a && a->place == ASK_TCP && a->conn)
		fd = upool_conn_fd(a->conn, &connected);
	if (fd < 0 || getsockname(fd, &sa.sa, &len) < 0)
		return false;
	sockaddr_split(&sa, &ret->local, &ret->local_port, &scope);
	ret->dns_id = a->up->conf.doh_path ? 0 : a->dns_id;
	ret->connected = connected;
	return true;
}

static void failures_tell(struct upstreams *u)
{
	struct ask *a = u->failed;
	u->failed = NULL;
	u->failed_end = &u->failed;
	while (a) {
		struct ask *next = a->list_next;
		if (a->why == UINT8_MAX)
			asks_free(&u->asks, a);
		else
			upstream_ask_failed(u, a, a->why);
		a = next;
	}
}

/* --- the set --- */

static bool text_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool conf_eq(const struct upstream_conf *a, const struct upstream_conf *b)
{
	return memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0 && a->port == b->port && a->tls == b->tls &&
	       a->scope_id == b->scope_id && a->has_source == b->has_source &&
	       (!a->has_source || memcmp(&a->source, &b->source, sizeof(a->source)) == 0) &&
	       text_eq(a->tls_name, b->tls_name) && text_eq(a->tls_ca, b->tls_ca) &&
	       text_eq(a->tls_cert, b->tls_cert) && text_eq(a->tls_key, b->tls_key) &&
	       text_eq(a->doh_path, b->doh_path) && a->doh_get == b->doh_get;
}

static char *text_dup(const char *s)
{
	return s ? strdup(s) : NULL;
}

static void upstream_free(struct upstream *up)
{
	upstream_udp_release(up);
	upool_release(&up->tcp);
	upool_release(&up->tls);
	tls_ctx_free(up->tls_ctx);
	free((char *)up->conf.tls_name);
	free((char *)up->conf.tls_ca);
	free((char *)up->conf.tls_cert);
	free((char *)up->conf.tls_key);
	free((char *)up->conf.doh_path);
	free(up);
}

/* Files of one upstream that are no good are no reason to serve nothing: what is
 * asked of it fails (ask_dispatch), until a configuration comes that finds them well. */
static void tls_prepare(struct upstream *up)
{
	const struct upstream_conf *c = &up->conf;
	struct tls_conf t = { .server_name = c->tls_name, .ca_file = c->tls_ca, .cert_file = c->tls_cert,
			      .key_file = c->tls_key, .alpn = c->doh_path ? "h2" : NULL };
	char text[SOCKADDR_TEXT];
	struct diag d;
	if (c->tls && !up->tls_ctx && tls_ctx_new(&up->tls_ctx, &t, &d) < 0)
		log_error("upstream %s: %s: it is not asked", sockaddr_text(text, &c->addr, c->port), d.text);
}

static int upstream_new(struct upstream **ret, struct upstreams *u, const struct upstream_conf *conf,
			struct diag *d)
{
	struct upstream *up = calloc(1, sizeof(*up));
	if (!up)
		return diag_set(d, ERR_NOMEM, "no memory for an upstream");
	up->all = u;
	up->conf = *conf;
	up->conf.tls_name = text_dup(conf->tls_name);
	up->conf.tls_ca = text_dup(conf->tls_ca);
	up->conf.tls_cert = text_dup(conf->tls_cert);
	up->conf.tls_key = text_dup(conf->tls_key);
	up->conf.doh_path = text_dup(conf->doh_path);
	upool_init(&up->tcp, up, CORE_TCP);
	upool_init(&up->tls, up, conf->doh_path ? CORE_HTTPS : CORE_TLS);
	tls_prepare(up);
	*ret = up;
	return 0;
}

static bool set_has(struct upstream *const *set, unsigned n, const struct upstream *up)
{
	for (unsigned i = 0; i < n; i++)
		if (set[i] == up)
			return true;
	return false;
}

/* One that stays and has not been given to an index of the new set yet. */
static struct upstream *old_find(struct upstreams *u, const struct upstream_conf *conf,
				 struct upstream *const *next, unsigned n_next)
{
	for (unsigned i = 0; i < u->n; i++)
		if (conf_eq(&u->up[i]->conf, conf) && !set_has(next, n_next, u->up[i]))
			return u->up[i];
	return NULL;
}

static void upstream_retire(struct upstreams *u, struct upstream *up)
{
	up->stats = NULL;
	up->next_retired = u->retired;
	u->retired = up;
	upool_retire(&up->tcp);
	upool_retire(&up->tls);
	upstream_udp_retire(up);
}

static void retired_free(struct upstreams *u)
{
	for (struct upstream **l = &u->retired; *l;) {
		struct upstream *up = *l;
		if (up->udp || up->tcp.n_conns || up->tls.n_conns) {
			l = &up->next_retired;
			continue;
		}
		*l = up->next_retired;
		upstream_free(up);
	}
}

struct upstreams_next {
	const struct upstream_conf *conf;
	unsigned n;
	struct upstream *up[CORE_UPSTREAMS_MAX];
	bool fresh[CORE_UPSTREAMS_MAX];
};

void upstreams_discard(struct upstreams_next *next)
{
	for (unsigned i = 0; next && i < next->n; i++)
		if (next->fresh[i])
			upstream_free(next->up[i]);
	free(next);
}

int upstreams_prepare(struct upstreams *u, const struct upstream_conf *conf, unsigned n,
		      struct upstreams_next **ret, struct diag *d)
{
	struct upstreams_next *next = calloc(1, sizeof(*next));
	assert(n <= CORE_UPSTREAMS_MAX);
	if (!next)
		return diag_set(d, ERR_NOMEM, "no memory for the upstreams");
	next->conf = conf;
	for (; next->n < n; next->n++) {
		unsigned i = next->n;
		next->up[i] = old_find(u, &conf[i], next->up, i);
		if (next->up[i]) {
			tls_prepare(next->up[i]);
			continue;
		}
		int rc = upstream_new(&next->up[i], u, &conf[i], d);
		if (rc < 0) {
			upstreams_discard(next);
			return rc;
		}
		next->fresh[i] = true;
	}
	*ret = next;
	return 0;
}

void upstreams_commit(struct upstreams *u, struct upstreams_next *next)
{
	for (size_t i = 0; i < u->asks.n_used; i++)
		if (u->asks.row[i].id)
			upstreams_cancel(u, u->asks.row[i].id);
	for (unsigned i = 0; i < u->n; i++)
		if (!set_has(next->up, next->n, u->up[i]))
			upstream_retire(u, u->up[i]);
	for (unsigned i = 0; i < next->n; i++) {
		struct upstream *up = next->up[i];
		up->conf.max_age_ns = next->conf[i].max_age_ns;
		up->conf.expire_ns = next->conf[i].expire_ns;
		up->conf.max_idle_conns = next->conf[i].max_idle_conns;
		up->conf.quiet_ns = next->conf[i].quiet_ns;
		upool_reconfigured(&up->tcp);
		upool_reconfigured(&up->tls);
		u->up[i] = up;
	}
	u->n = next->n;
	free(next);
}

void upstreams_set_stats(struct upstreams *u, unsigned i, struct stats_upstream *stats)
{
	u->up[i]->stats = stats;
}

static void later_due(struct loop_timer *t)
{
	(void)t; /* waking up is all: upstreams_flush runs before the loop sleeps */
}

void upstreams_flush(struct upstreams *u)
{
	for (int i = 0; (u->udp_dirty || u->dirty || u->failed) && i < FAIL_ROUNDS; i++) {
		upstream_udp_flush(u);
		upool_flush(u);
		failures_tell(u);
	}
	if (u->udp_dirty || u->dirty || u->failed)
		loop_timer_set(u->loop, &u->later, u->loop->now_ns + NS_PER_MS);
	if (u->retired)
		retired_free(u);
	IF_CHECKED(upstreams_check(u));
}

/* A quarter of the descriptors is for these; half may be clients', and what is left
 * for connections, shared sockets and all else. */
static unsigned singles_max(void)
{
	struct rlimit r;
	return getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur / 4 < UDP_SINGLES_MAX ?
		       (unsigned)(r.rlim_cur / 4) : UDP_SINGLES_MAX;
}

int upstreams_init(struct upstreams *u, struct loop *loop, const struct upstream_events *ev,
		   struct stream_scratch *scratch, struct driver_stats *stats)
{
	*u = (struct upstreams){ .loop = loop, .events = *ev, .scratch = scratch, .stats = stats };
	u->failed_end = &u->failed;
	u->later.due = later_due;
	u->udp_single_max = singles_max();
	rng_os_bytes(&u->key, sizeof(u->key));
	return asks_init(&u->asks, UPSTREAM_ASKS_MAX);
}

/* Nobody is told of anything any more. */
static void nobody_fail(void *ctx, uint32_t ask_id, enum core_fail_why why)
{
	(void)ctx;
	(void)ask_id;
	(void)why;
}

void upstreams_release(struct upstreams *u)
{
	if (!u->loop)
		return;
	u->events.fail = nobody_fail;
	for (unsigned i = 0; i < u->n; i++)
		upstream_free(u->up[i]);
	while (u->retired) {
		struct upstream *up = u->retired;
		u->retired = up->next_retired;
		upstream_free(up);
	}
	loop_timer_set(u->loop, &u->later, T_NEVER);
	free(u->udp_queue);
	asks_release(&u->asks);
	u->loop = NULL;
}
