/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "conntrack-model/callers.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack-model/dialer.h"
#include "lib/base/clock.h"

#define SYN_RETRIES 6
#define SYN_LINEAR  4 /* net.ipv4.tcp_syn_linear_timeouts, since 6.5 */
#define TAKES_NS    NS_PER_MS /* from SYN to the last ACK */

int callers_parse(struct callers_conf *ret, const char *text, struct diag *d)
{
	char *end;
	double n = strtod(text, &end), rate = 0;

	if (end != text && *end == '@')
		rate = strtod(end + 1, &end);
	if (*end || !(n >= 1) || n > 10000 || n != floor(n) || !(rate > 0) || rate > 1000)
		return diag_set(d, ERR_RANGE, "'%s': expected N@RATE, N clients (1 to 10000) of RATE connections a second each (up to 1000)",
				text);
	ret->n = (unsigned)n;
	ret->rate_per_s = rate;
	return 0;
}

struct caller {
	uint64_t due_ns, planned_ns;
	unsigned tries; /* 0: idle, or open and about to be closed */
	bool open;
	uint16_t port;
};

struct callers {
	struct callers_conf conf;
	struct rng rng;
	struct caller *caller;
	struct dialer dialer; /* processes of one pod: one address, one counter of ports */
	struct callers_told told;
};

struct callers *callers_new(const struct callers_conf *conf, uint64_t seed)
{
	struct callers *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->conf = *conf;
	rng_seed_stream(&c->rng, seed, 0x63616c6c);
	c->caller = calloc((size_t)conf->n + 1, sizeof(*c->caller));
	for (unsigned i = 0; c->caller && i < conf->n; i++)
		c->caller[i].due_ns = c->caller[i].planned_ns = conf->from_ns + (uint64_t)(1e9 / conf->rate_per_s * i / conf->n);
	if (c->caller)
		return c;
	callers_free(c);
	return NULL;
}

void callers_free(struct callers *c)
{
	if (!c)
		return;
	free(c->caller);
	free(c);
}

static unsigned earliest(const struct callers *c)
{
	unsigned first = 0;

	for (unsigned i = 1; i < c->conf.n; i++)
		if (c->caller[i].due_ns < c->caller[first].due_ns)
			first = i;
	return first;
}

uint64_t callers_next_ns(const struct callers *c)
{
	return c->conf.n ? c->caller[earliest(c)].due_ns : T_NEVER;
}

/* 10.245.0.2: none of the other made-up clients. */
static struct ct_tuple tuple_of(const struct callers *c, unsigned i)
{
	struct ct_tuple t = {.sport = c->caller[i].port, .dport = 53, .proto = CT_TCP, .netns = c->conf.netns};
	uint32_t src = htonl(0x0af50002u), dst = htonl(0x0a60000au);

	t.src.s6_addr[10] = t.src.s6_addr[11] = t.dst.s6_addr[10] = t.dst.s6_addr[11] = 0xff;
	memcpy(&t.src.s6_addr[12], &src, 4);
	memcpy(&t.dst.s6_addr[12], &dst, 4);
	return t;
}

static enum ct_verdict say(struct ctable *t, struct endpoints *e, uint64_t t_ns, const struct ct_tuple *orig, uint8_t flags,
			    uint8_t answer)
{
	struct ct_tuple reply, back;
	struct ct_packet p = {.tuple = *orig, .tcp_flags = flags, .reply = &reply};

	if (!endpoints_pick(e, orig, &reply))
		ct_tuple_invert(&reply, orig);
	enum ct_verdict v = ctable_packet(t, t_ns, &p, &back);
	if (ct_verdict_dropped(v) || v == CT_INVALID || !answer || !endpoints_answer(e, &back))
		return v;
	ctable_packet(t, t_ns, &(struct ct_packet){.tuple = back, .tcp_flags = answer}, NULL);
	return v;
}

static void next_turn(const struct callers *c, struct caller *x)
{
	uint64_t every_ns = (uint64_t)(1e9 / c->conf.rate_per_s), due_ns = x->planned_ns += every_ns;

	x->tries = 0;
	x->open = false;
	x->due_ns = due_ns > x->due_ns ? due_ns : x->due_ns;
	if (x->due_ns >= c->conf.until_ns)
		x->due_ns = T_NEVER;
}

void callers_step(struct callers *c, struct ctable *t, struct endpoints *e)
{
	unsigned i = earliest(c);
	struct caller *x = &c->caller[i];
	uint64_t now_ns = x->due_ns;

	if (!x->open && x->tries == 0) {
		x->port = dialer_port(&c->dialer, &c->dialer, &c->rng, now_ns);
	}
	struct ct_tuple o = tuple_of(c, i);
	if (x->open) {
		say(t, e, now_ns, &o, CT_FIN | CT_ACK, CT_FIN | CT_ACK);
		say(t, e, now_ns, &o, CT_ACK, 0);
		dialer_closed(&c->dialer, x->port, now_ns, true);
		c->told.n_made++;
		next_turn(c, x);
		return;
	}
	if (ct_verdict_dropped(say(t, e, now_ns, &o, CT_SYN, CT_SYN | CT_ACK))) {
		c->told.n_dropped++;
		x->due_ns += NS_PER_S << (x->tries > SYN_LINEAR ? x->tries - SYN_LINEAR : 0);
		if (x->tries++ == SYN_RETRIES)
			next_turn(c, x);
		return;
	}
	say(t, e, now_ns, &o, CT_ACK, 0);
	x->open = true;
	x->due_ns += TAKES_NS;
}

const struct callers_told *callers_told(const struct callers *c)
{
	return &c->told;
}
