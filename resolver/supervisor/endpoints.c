/* SPDX-License-Identifier: Apache-2.0 */
/* One response a function; listeners follow the plan. */
#include "resolver/supervisor/endpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/opt.h"
#include "lib/base/text.h"
#include "resolver/net/sockaddr.h"

#define PAGE_FRESH_NS NS_PER_S
#define TOLD_NS       (60 * NS_PER_S)

/* UNTIL_READY: /ready is not told of failures after the start. */
enum { SERVE_METRICS = 1, SERVE_HEALTH = 2, SERVE_READY = 4, SERVE_UNTIL_READY = 8 };

static void text_response(struct http_response *rs, int status, const char *text)
{
	rs->status = status;
	rs->body = strdup(text);
	rs->len = rs->body ? strlen(text) : 0;
}

/* What workers count for themselves, added up. */
static void driver_gather(struct endpoints *e)
{
	struct metrics_driver *m = &e->p->metrics;
	m->tcp_clients = m->tcp_clients_rejected = m->tcp_clients_evicted = 0;
	m->tcp_held_bytes = m->tcp_held_up = m->tcp_resets = m->tcp_slow_readers = m->tcp_put_off = 0;
	m->udp_received = m->udp_truncated = m->udp_send_errors = m->udp_stuck = 0;
	m->up_tcp_open = m->up_tcp_connects = m->up_tls_resumed = 0;
	m->up_doh_goaway = 0;
	memset(&m->up_udp, 0, sizeof(m->up_udp));
	memset(m->up_doh_faults, 0, sizeof(m->up_doh_faults));
	m->log_lines_dropped = log_lost();
	m->dnstap_sent = m->dnstap_dropped = m->dnstap_connected = 0;
	for (unsigned i = 0; i < e->workers->n; i++) {
		const struct driver_stats *d = &e->p->shm->worker[i].driver;
		m->tcp_clients += d->tcp_open;
		m->up_tcp_open += d->up_tcp_open;
		m->up_tcp_connects += d->up_tcp_connects;
		m->up_tls_resumed += d->up_tls_resumed;
		m->up_doh_goaway += d->up_doh_goaway;
		m->up_udp.strays += d->up_udp_strays;
		m->up_udp.duplicates += d->up_udp_duplicates;
		m->up_udp.guessed += d->up_udp_guessed;
		m->up_udp.shared += d->up_udp_shared;
		m->up_udp.gave_way += d->up_udp_gave_way;
		m->up_udp.open += d->up_udp_open;
		for (unsigned k = 0; k < DOH_FAULTS; k++)
			m->up_doh_faults[k] += d->up_doh_faults[k];
		m->tcp_clients_rejected += d->tcp_refused_total + d->tcp_refused_client;
		m->tcp_clients_evicted += d->tcp_evicted;
		m->tcp_held_bytes += d->tcp_held_bytes;
		m->tcp_held_up += d->tcp_held_up;
		m->tcp_resets += d->tcp_resets;
		m->tcp_slow_readers += d->tcp_slow_readers;
		m->tcp_put_off += d->tcp_put_off;
		m->udp_received += d->udp_received;
		m->udp_send_errors += d->udp_send_errors;
		m->udp_stuck += d->udp_stuck;
		m->log_lines_dropped += d->log_lost;
		m->dnstap_sent += d->dnstap_sent;
		m->dnstap_dropped += d->dnstap_dropped;
		m->dnstap_connected += d->dnstap_connected;
	}
	m->udp_dropped = sockets_drops(e->sockets);
	m->workers = workers_alive(e->workers);
	m->worker_restarts = e->p->shm->worker_restarts;
	const struct http_counts *h = http_counted(e->http);
	m->http_open = h->open;
	m->http_evicted = h->evicted;
	m->http_refused = h->refused;
	m->http_slow = h->slow;
	m->http_deferred = h->deferred;
	m->ready = e->p->phase == PHASE_SERVING && e->p->good;
}

static struct http_page *metrics_page(struct endpoints *e)
{
	const struct core_stats *stats[SHM_WORKERS_MAX];
	int pid[SHM_WORKERS_MAX];
	struct node_counters counters;
	struct metrics_input in = { .plan = e->p->plan, .n_stats = e->workers->n, .stats = stats,
				    .loops = &e->p->shm->loops, .driver = &e->p->metrics, .setup_errors = node_errors(e->p->node),
				    .version = opt_version(), .pid = pid, .start_s = e->p->start_real_s };
	char *text = NULL;
	size_t len = 0;
	driver_gather(e);
	for (unsigned i = 0; i < e->workers->n; i++) {
		stats[i] = &e->p->shm->worker[i].core;
		if (e->workers->slot[i].pid)
			pid[in.n_pids++] = e->workers->slot[i].pid;
	}
	if (rules_counters(e->rules, &counters))
		in.counters = &counters;
	e->p->metrics.rules_active = rules_active(e->rules, in.counters);
	FILE *f = text_open(&text, &len);
	if (!f)
		return NULL;
	int rc = metrics_write(&in, f);
	if (fclose(f) == 0 && rc == 0)
		return http_page_new(text, len);
	free(text);
	return NULL;
}

/* Strangers share a page a second, however many ask and however often; processes
 * of the node always get their own. */
static bool page_serves(const struct endpoints *e, const struct http_request *rq)
{
	return e->page && !rq->from_node && e->p->loop.now_ns < e->page_ns + PAGE_FRESH_NS;
}

static void metrics_response(struct endpoints *e, const struct http_request *rq, struct http_response *rs)
{
	if (page_serves(e, rq)) {
		e->p->metrics.metrics_reused++;
	} else {
		if (!rules_count(e->rules)) {
			rs->later = true;
			return;
		}
		http_page_unref(e->page);
		e->page = metrics_page(e);
		e->page_ns = e->p->loop.now_ns;
	}
	rs->status = e->page ? 200 : 500;
	rs->page = e->page ? http_page_ref(e->page) : NULL;
	rs->type = METRICS_CONTENT_TYPE;
	e->p->metrics.scrapes[rs->status == 200 ? 0 : 1]++;
}

/* /health is the original's constant OK; /health?self tells what the last trip
 * through the data path said. */
static void health_response(struct endpoints *e, const struct http_request *rq,
			    struct http_response *rs)
{
	if (strcmp(rq->query, "self") == 0 && !e->p->good)
		text_response(rs, 503, "self-test failed");
	else
		text_response(rs, 200, "OK");
}

/* Once told to stop this is 503, and the connection ends with it: a prober that
 * kept it open would go on believing the old answer. */
static void ready_response(struct endpoints *e, const struct http_request *rq,
			   struct http_response *rs)
{
	/* PHASE_SERVING begins with the first self-test that passes. */
	bool good = e->p->good || rq->mask & SERVE_UNTIL_READY;
	if (e->p->phase == PHASE_SERVING && good) {
		text_response(rs, 200, "OK");
		return;
	}
	text_response(rs, 503, e->p->phase == PHASE_STARTING  ? "starting"
			       : e->p->phase == PHASE_SERVING ? "self-test failed"
							   : "stopping");
	rs->close = true;
}

/* Names and addresses of who asks are nobody's business but the node's, unless
 * the operator says so: pods reach this port too. */
static void top_response(struct endpoints *e, const struct http_request *rq, struct http_response *rs)
{
	const struct top *board[SHM_WORKERS_MAX];
	unsigned n = TOP_SHOWN;
	if (e->p->flags->debug_top == DEBUG_TOP_NODE && !rq->from_node) {
		text_response(rs, 403, "only for processes of this node: see -debug-top");
		return;
	}
	if (sscanf(rq->query, "n=%3u", &n) == 1 && n > TOPK_SLOTS)
		n = TOPK_SLOTS;
	for (unsigned i = 0; i < e->workers->n; i++)
		board[i] = &e->p->shm->worker[i].top;
	FILE *f = text_open(&rs->body, &rs->len);
	if (!f) {
		rs->status = 500;
		return;
	}
	top_write(board, e->workers->n, e->p->loop.now_ns, n, f);
	rs->status = fclose(f) == 0 ? 200 : 500;
	rs->type = "application/json";
}

static void handle(void *ctx, const struct http_request *rq, struct http_response *rs)
{
	struct endpoints *e = ctx;
	if (strcmp(rq->path, "/metrics") == 0 && rq->mask & SERVE_METRICS)
		metrics_response(e, rq, rs);
	else if (strcmp(rq->path, "/debug/top") == 0 && rq->mask & SERVE_METRICS &&
		 e->p->flags->debug_top != DEBUG_TOP_OFF)
		top_response(e, rq, rs);
	else if (strcmp(rq->path, "/health") == 0 && rq->mask & SERVE_HEALTH)
		health_response(e, rq, rs);
	else if (strcmp(rq->path, "/ready") == 0 && rq->mask & (SERVE_READY | SERVE_HEALTH))
		ready_response(e, rq, rs);
}

/* --- listeners --- */

/* Blocks usually share an address, and each sync tries again: the same complaint
 * is made once a sync interval. */
static void complain(struct endpoints *e, uint32_t mask, const struct diag *d)
{
	if (e->p->loop.now_ns < e->said_ns + e->p->flags->sync_interval_ns && !strcmp(d->text, e->said.text))
		return;
	log_error("%s: %s", mask == SERVE_METRICS ? "metrics" : mask == SERVE_HEALTH ? "health" : "ready", d->text);
	e->said = *d;
	e->said_ns = e->p->loop.now_ns;
}

static void serve(struct endpoints *e, const struct corefile_addr *a, uint32_t mask)
{
	struct diag d;
	if (a->set && http_listen(e->http, &a->addr, a->port, a->scope_id, mask, &d) < 0)
		complain(e, mask, &d);
}

static void serve_flag(struct endpoints *e)
{
	struct corefile_addr a = { .set = true };
	const char *text = e->p->flags->metrics_listen;
	if (!*text)
		return;
	if (sockaddr_parse(text, 9353, &a.addr, &a.port) < 0) {
		log_error("-metrics-listen-address: '%s' is no address", text);
		return;
	}
	serve(e, &a, SERVE_METRICS);
}

/* Where blocks share an address, the stricter of them decides. */
static uint32_t ready_mask(const struct corefile_plan *p, const struct corefile_addr *a)
{
	for (size_t i = 0; i < p->n_blocks; i++) {
		const struct corefile_block *b = &p->block[i];
		if (b->ready.set && b->ready_continuously && b->ready.port == a->port &&
		    memcmp(&b->ready.addr, &a->addr, sizeof(a->addr)) == 0)
			return SERVE_READY;
	}
	return SERVE_READY | SERVE_UNTIL_READY;
}

void endpoints_sync(struct endpoints *e)
{
	const struct corefile_plan *p = e->p->plan;
	if (handover_waiting(e->p->handover)) /* the addresses are still in use */
		return;
	http_mark(e->http);
	serve_flag(e);
	for (size_t i = 0; p && i < p->n_blocks; i++) {
		serve(e, &p->block[i].prometheus, SERVE_METRICS);
		serve(e, &p->block[i].health, SERVE_HEALTH);
		serve(e, &p->block[i].ready, ready_mask(p, &p->block[i].ready));
	}
	http_sweep(e->http);
}

void endpoints_look(struct endpoints *e)
{
	const struct http_counts *now = http_counted(e->http), *told = &e->told;
	char who[SOCKADDR_TEXT];
	if (now->evicted == told->evicted && now->refused == told->refused)
		return;
	if (e->told_ns && e->p->loop.now_ns < e->told_ns + TOLD_NS)
		return;
	sockaddr_text(who, &now->evicted_last, 0);
	*strrchr(who, ':') = 0;
	log_warn("HTTP: %llu connections closed to make room for others, the last of %s, and %llu refused",
		 (unsigned long long)(now->evicted - told->evicted), who,
		 (unsigned long long)(now->refused - told->refused));
	e->told = *now;
	e->told_ns = e->p->loop.now_ns;
}

void endpoints_resume(struct endpoints *e)
{
	if (e->http)
		http_resume(e->http);
}

void endpoints_shut(struct endpoints *e)
{
	http_mark(e->http);
	http_sweep(e->http);
}

void endpoints_release(struct endpoints *e)
{
	http_free(e->http);
	e->http = NULL;
	http_page_unref(e->page);
	e->page = NULL;
}

int endpoints_start(struct endpoints *e, struct process *p, struct rules *rules, const struct sockets *sockets,
		    const struct workers *workers, struct diag *d)
{
	*e = (struct endpoints){ .p = p, .rules = rules, .sockets = sockets, .workers = workers };
	e->http = http_new(&p->loop, NULL, handle, e);
	if (!e->http)
		return diag_set(d, ERR_NOMEM, "no memory for HTTP");
	endpoints_sync(e);
	return 0;
}
