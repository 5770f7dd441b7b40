/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of one lookup for the tests of the stub: a virtual clock, a server
 * with faults, and what was sent. A lossy server answers at once or not at all.
 */
#ifndef NODENS_TEST_STUB_WORLD_H
#define NODENS_TEST_STUB_WORLD_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/stub.h"
#include "lib/wire.h"
#include "tests/unit/stub_schedules.h"

#define SENDS_MAX 64
#define REPLIES_MAX 32

struct sent {
	double t;
	unsigned server, port;
	bool tcp;
	char name;
	uint16_t type;
};

struct reply {
	unsigned slot, port;
	bool refused;
	size_t len;
	uint8_t msg[512];
};

/* The world of one row: clock, the server's faults, what was sent. */
static struct {
	const struct schedule *row;
	uint64_t now;
	struct sent sent[SENDS_MAX];
	size_t n_sent;
	struct reply reply[REPLIES_MAX];
	size_t n_replies, next_reply;
	unsigned slot_port[STUB_SLOTS_MAX], n_ports;
	bool slot_open[STUB_SLOTS_MAX], slot_tcp[STUB_SLOTS_MAX];
	unsigned to_lose;
	uint16_t lose_type; /* 0: any */
	struct name exists; /* len 0: all names do */
	struct name names[8];
	size_t n_names;
} w;

static inline bool has(const char *text, const char *word)
{
	const char *p = strstr(text, word);

	return p && (p == text || p[-1] == ' ') &&
	       (p[strlen(word)] == 0 || p[strlen(word)] == ' ' || word[strlen(word) - 1] == ':');
}

static inline void world_setup(const struct schedule *row)
{
	const char *first = strstr(row->server, "first:"), *exists = strstr(row->server, "exists:");
	char name[64];

	memset(&w, 0, sizeof(w));
	w.row = row;
	if (first) {
		w.to_lose = (unsigned)atoi(first + 6);
		w.lose_type = strstr(first, ":AAAA") ? DNS_AAAA : 0;
	}
	if (exists) {
		sscanf(exists + 7, "%63s", name);
		cr_assert_eq(name_from_text(&w.exists, name), 0);
	}
}

static inline char name_letter(const uint8_t *name)
{
	size_t i = 0;

	while (i < w.n_names && !name_eq(w.names[i].b, name))
		i++;
	if (i == w.n_names)
		name_copy(&w.names[w.n_names++], name);
	return (char)('a' + i);
}

static inline bool lost(unsigned server, bool tcp, uint16_t type)
{
	const char *s = w.row->server;

	if (has(s, "all") || (has(s, "udp") && !tcp) || (has(s, "ip:1") && server == 0))
		return true;
	if ((has(s, "type:A") && type == DNS_A) || (has(s, "type:AAAA") && type == DNS_AAAA))
		return true;
	if (w.to_lose == 0 || (w.lose_type && w.lose_type != type))
		return false;
	w.to_lose--;
	return true;
}

static inline void reply_write(struct reply *r, const struct dns_msg *q, bool tcp)
{
	struct dns_header h = {.id = q->h.id, .flags = DNS_QR | DNS_RD | DNS_RA, .n_qd = 1};
	bool exists = w.exists.len == 0 || name_eq(q->q.name, w.exists.b);
	bool good = false;
	struct wire_out o;

	if (has(w.row->server, "servfail"))
		h.flags |= DNS_SERVFAIL;
	else if (has(w.row->server, "tc") && !tcp)
		h.flags |= DNS_TC;
	else if (!exists)
		h.flags |= DNS_NXDOMAIN;
	else
		good = true;
	h.n_an = good;
	wire_out_init(&o, r->msg, sizeof(r->msg));
	wire_put_header(&o, &h);
	wire_put_question(&o, q->q.name, q->q.qtype, DNS_IN);
	if (good) {
		size_t mark = wire_rr_begin(&o, q->q.name, q->q.qtype, DNS_IN, 30);

		wire_put_bytes(&o, "0123456789abcdef", q->q.qtype == DNS_A ? 4 : 16);
		wire_rr_end(&o, mark);
	}
	cr_assert_eq(o.err, 0);
	r->len = o.len;
}

static inline void server_take(const struct stub_action *a)
{
	struct reply *r = &w.reply[w.n_replies];
	struct sent *s = &w.sent[w.n_sent++];
	struct dns_msg q;

	cr_assert_leq(w.n_sent, SENDS_MAX);
	cr_assert(w.slot_open[a->slot], "sent on a closed slot");
	cr_assert_eq(dns_msg_parse(&q, a->query, a->len), 0);
	*s = (struct sent){.t = (double)w.now / NS_PER_S,
			   .server = a->server + 1,
			   .port = w.slot_port[a->slot],
			   .tcp = w.slot_tcp[a->slot],
			   .name = name_letter(q.q.name),
			   .type = q.q.qtype};
	r->refused = has(w.row->server, "refused");
	if (!r->refused && lost(a->server, s->tcp, s->type))
		return;
	r->slot = a->slot;
	r->port = w.slot_port[a->slot];
	reply_write(r, &q, s->tcp);
	cr_assert_lt(++w.n_replies, REPLIES_MAX);
}

/* Carries out one action; false at the end of the lookup. */
static inline bool action_do(struct stub *s, const struct stub_action *a)
{
	switch (a->act) {
	case STUB_OPEN:
		cr_assert_not(w.slot_open[a->slot], "opened twice");
		w.slot_open[a->slot] = true;
		w.slot_tcp[a->slot] = a->tcp;
		w.slot_port[a->slot] = ++w.n_ports;
		break;
	case STUB_CLOSE:
		cr_assert(w.slot_open[a->slot], "closed twice");
		w.slot_open[a->slot] = false;
		break;
	case STUB_SEND:
		server_take(a);
		break;
	case STUB_WAIT:
		if (w.next_reply < w.n_replies) {
			const struct reply *r = &w.reply[w.next_reply++];

			if (r->refused)
				stub_broken(s, w.now, r->slot);
			else if (w.slot_open[r->slot] && w.slot_port[r->slot] == r->port)
				stub_receive(s, w.now, r->slot, r->msg, r->len);
			break;
		}
		cr_assert_neq(a->deadline_ns, T_NEVER, "waits for ever");
		cr_assert_geq(a->deadline_ns, w.now);
		w.now = a->deadline_ns;
		stub_expire(s, w.now);
		break;
	case STUB_DONE:
		return false;
	}
	return true;
}

static inline void call_run(const struct stub_conf *c, struct stub_thread *t, struct rng *rng,
		     const char *name, struct stub_outcome *ret)
{
	struct stub *s = malloc(stub_sizeof());
	struct stub_action a;

	w.n_replies = w.next_reply = 0;
	cr_assert_eq(stub_start(s, c, t, rng, name, w.now), 0);
	for (int i = 0;; i++) {
		cr_assert_lt(i, 1000, "no end");
		stub_next(s, w.now, &a);
		if (!action_do(s, &a))
			break;
	}
	for (int i = 0; i < STUB_SLOTS_MAX; i++)
		cr_assert_not(w.slot_open[i], "slot %d left open", i);
	stub_outcome(s, ret);
	free(s);
}

static inline void conf_setup(struct stub_conf *c, const struct schedule *row)
{
	static const char *const search[] = {"default.svc.cluster.local", "svc.cluster.local",
					     "cluster.local"};
	const char *o = row->options;

	*c = (struct stub_conf){.lib = row->lib,
				.transport = has(o, "use-vc") ? SCEN_TCP : SCEN_NEW_PORT,
				.family = SCEN_A_AAAA,
				.n_servers = row->n_servers,
				.ndots = has(o, "ndots:5") ? 5 : 1,
				.attempts = has(o, "attempts:3") ? 3 : 2,
				.timeout_ns = (has(o, "timeout:1") ? 1 : 5) * NS_PER_S,
				.single_request = has(o, "single-request"),
				.single_request_reopen = has(o, "single-request-reopen"),
				.rotate = has(o, "rotate")};
	if (c->ndots == 5)
		for (c->n_search = 0; c->n_search < 3; c->n_search++)
			name_from_text(&c->search[c->n_search], search[c->n_search]);
}

#endif
