/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lookups of one pod: each is a stub that says what it does next, and is measured
 * from when it was meant to begin.
 */
#include "kind-e2e/load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "kind-e2e/load/load_int.h"
#include "lib/base/clock.h"
#include "lib/base/worked.h"

/* --- answers -------------------------------------------------------------------- */

static void count_server(struct load_shared *out, const uint8_t *id, size_t len)
{
	char text[sizeof out->server[0].id];
	size_t n = len < sizeof text - 1 ? len : sizeof text - 1, i;

	for (i = 0; i < n; i++)
		text[i] = id[i] > ' ' && id[i] < 127 ? (char)id[i] : '?';
	text[n] = '\0';
	for (i = 0; i < out->n_servers; i++)
		if (!strcmp(out->server[i].id, text))
			break;
	if (i == LOAD_SERVERS_MAX)
		return;
	if (i == out->n_servers) {
		memcpy(out->server[i].id, text, n + 1);
		out->n_servers++;
	}
	out->server[i].n++;
}

static void judge(struct load *l, const uint8_t *msg, size_t len)
{
	struct load_shared *out = l->out;
	const char *why = zone_check(l->c->zone, msg, len);
	const uint8_t *nsid = NULL;
	uint16_t n = 0;
	struct dns_msg m;

	if (why) {
		if (!out->wrong++)
			snprintf(out->why_wrong, sizeof out->why_wrong, "%s", why);
	} else {
		out->verified++;
	}
	if (dns_msg_parse(&m, msg, len) == 0)
		nsid = dns_edns_option(&m.edns, EDNS_NSID, &n);
	count_server(out, nsid, nsid ? n : 0);
}

void load_message(struct sock *s, const uint8_t *msg, size_t len)
{
	struct load *l = s->l;
	uint64_t now = clock_mono_ns();
	struct active *a = s->owner;
	bool taken = false;

	load_log(s, QS_REPLY, msg, len);
	if (a) {
		taken = stub_receive(a->stub, now, s->slot, msg, len);
	} else {
		for (a = l->actives; a; a = a->next)
			if (a->what.load == s->stream &&
			    (taken = stub_receive(a->stub, now, 0, msg, len)))
				break;
	}
	if (taken)
		judge(l, msg, len);
	else
		l->out->unmatched++;
	if (a && !s->tcp) /* for TCP the caller asks, after the last message */
		active_pull(a, l);
}

/* --- one lookup --------------------------------------------------------------------- */

static void record(struct load *l, const struct active *a)
{
	struct load_shared *out = l->out;
	uint64_t now = clock_mono_ns(), intended = l->c->t0_ns + a->what.t_ns;
	struct stub_outcome o;

	stub_outcome(a->stub, &o);
	out->retried += o.n_retries;
	__atomic_fetch_add(&out->finished, 1, __ATOMIC_RELAXED);
	if (!a->what.counted) {
		out->warmup++;
		return;
	}
	out->total++;
	out->partial += o.partial;
	if (o.result == STUB_FAIL)
		out->lost++;
	else if (o.result == STUB_OK)
		out->ok++;
	else
		out->notfound++;
	hist_record(&out->latency[a->what.load], now - intended);
	hist_record(&out->took[a->what.load], now - a->begun_ns);
	if (!strcmp(l->c->s->load[a->what.load].name, SLI_LOAD)) {
		bool lost = o.result != STUB_OK || now - intended >= SLI_TIMEOUT_NS;
		sli_add(&out->sli, now - intended, lost);
		out->sli_lookups++;
		out->sli_lost += lost;
	}
	heat_record(&out->heat, a->what.t_ns, now - intended);
}

static void active_end(struct load *l, struct active *a)
{
	struct active **at = &l->actives;

	record(l, a);
	for (unsigned i = 0; i < STUB_SLOTS_MAX; i++)
		if (a->slot[i] && a->slot[i]->owner)
			sock_close(a->slot[i]);
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	free(a);
}

static void close_slot(struct active *a, unsigned slot)
{
	if (a->slot[slot] && a->slot[slot]->owner)
		sock_close(a->slot[slot]);
	a->slot[slot] = NULL;
}

/* A send in a slot that was never opened is the kept socket of a same-socket
 * load. */
static int send_slot(struct load *l, struct active *a, const struct stub_action *do_this)
{
	if (!a->slot[do_this->slot] && sock_open(l, a, do_this->slot, false))
		return ERR_SYS;
	return sock_send(a->slot[do_this->slot], do_this->query, do_this->len);
}

void active_pull(struct active *a, struct load *l)
{
	struct stub_action todo;

	for (;;) {
		uint64_t now = clock_mono_ns();

		stub_next(a->stub, now, &todo);
		switch (todo.act) {
		case STUB_OPEN:
			if (sock_open(l, a, todo.slot, todo.tcp))
				stub_broken(a->stub, now, todo.slot);
			break;
		case STUB_SEND:
			if (send_slot(l, a, &todo))
				stub_broken(a->stub, now, todo.slot);
			break;
		case STUB_CLOSE:
			close_slot(a, todo.slot);
			break;
		case STUB_WAIT:
			a->deadline_ns = todo.deadline_ns;
			return;
		case STUB_DONE:
			active_end(l, a);
			return;
		}
	}
}

static void start_lookup(struct load *l)
{
	const struct scenario *s = l->c->s;
	struct stream *st = &l->stream[l->next.load];
	uint64_t now = clock_mono_ns(), intended = l->c->t0_ns + l->next.t_ns;
	struct active *a = calloc(1, sizeof *a + stub_sizeof());

	__atomic_fetch_add(&l->out->begun, 1, __ATOMIC_RELAXED);
	if (!a) {
		l->out->open_failed++;
		return;
	}
	a->what = l->next;
	a->begun_ns = now;
	a->stub = (struct stub *)(a + 1);
	a->next = l->actives;
	l->actives = a;
	if (a->what.counted)
		hist_record(&l->out->late, now > intended ? now - intended : 0);
	if (stub_start(a->stub, &st->conf, &st->thread, &st->rng, s->ask[a->what.ask].name, now)) {
		l->out->open_failed++;
		l->actives = a->next;
		free(a);
		return;
	}
	active_pull(a, l);
}

/* --- the run -------------------------------------------------------------------------- */

static uint64_t next_moment(const struct load *l)
{
	uint64_t t = l->have_next ? l->c->t0_ns + l->next.t_ns : T_NEVER;

	for (const struct active *a = l->actives; a; a = a->next)
		if (a->deadline_ns < t)
			t = a->deadline_ns;
	return t;
}

static void do_due(struct load *l)
{
	uint64_t now = clock_mono_ns();
	struct active *a, *next;

	while (l->have_next && l->c->t0_ns + l->next.t_ns <= now) {
		start_lookup(l);
		l->have_next = workload_next(l->work, &l->next);
		now = clock_mono_ns();
	}
	for (a = l->actives; a; a = next) {
		next = a->next;
		if (a->deadline_ns <= now) {
			stub_expire(a->stub, now);
			active_pull(a, l);
		}
	}
}

static int set_up(struct load *l, struct diag *d)
{
	const struct scenario *s = l->c->s;
	int code;

	prctl(PR_SET_TIMERSLACK, 1);
	hist_init(&l->out->late);
	heat_init(&l->out->heat, HEAT_STEP_NS);
	for (size_t i = 0; i < s->n_loads; i++) {
		struct stream *st = &l->stream[i];

		hist_init(&l->out->latency[i]);
		hist_init(&l->out->took[i]);
		code = stub_conf_from_scenario(&st->conf, s, &s->load[i]);
		if (code)
			return diag_set(d, code, "load %s: %s", s->load[i].name, err_str(code));
		st->conf.n_servers = 1;
		st->conf.nsid = true;
		st->conf.edns_size = 1232;
		st->same_socket = s->load[i].transport == SCEN_SAME_SOCKET;
		rng_seed_stream(&st->rng, s->seed, 1000 + l->c->pod * SCEN_LOADS_MAX + i);
	}
	l->work = workload_new(s, (int)l->c->pod);
	if (!l->work)
		return diag_set(d, ERR_NOMEM, "workload: no memory");
	l->have_next = workload_next(l->work, &l->next);
	code = qs_writer_open(&l->qs, l->c->qs_path, d);
	return code ? code : evloop_open(&l->loop, d);
}

static uint64_t slept(void)
{
	struct rusage u;

	return getrusage(RUSAGE_SELF, &u) ? 0 : (uint64_t)u.ru_nvcsw;
}

int load_main(const struct load_conf *c)
{
	static struct load l;
	uint64_t cpu_ns, sleeps;
	struct diag d = {""};
	int code;

	l.c = c;
	l.out = c->shared;
	code = set_up(&l, &d);
	cpu_ns = clock_worked_ns();
	sleeps = slept();
	while (!code && (l.have_next || l.actives)) {
		evloop_turn(&l.loop, next_moment(&l));
		do_due(&l);
	}
	l.out->cpu_ns = clock_worked_ns() - cpu_ns;
	l.out->sleeps = slept() - sleeps;
	for (size_t i = 0; !code && i < c->s->n_loads; i++)
		if (l.stream[i].shared_sock)
			sock_close(l.stream[i].shared_sock);
	if (!code)
		code = qs_writer_close(l.qs, &d);
	workload_free(l.work);
	if (code)
		fprintf(stderr, "kind-e2e: load of pod %u: %s\n", c->pod + 1, d.text);
	return code ? 125 : 0;
}
