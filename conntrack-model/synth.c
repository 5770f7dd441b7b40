/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made-up DNS flows: the patterns whose occupancy was measured on a kernel, so
 * that the model can be put beside the measurement, and a quick way to ask
 * "what would 2,000 queries a second do".
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack-model/ctable.h"
#include "conntrack-model/dialer.h"
#include "conntrack-model/events.h"
#include "lib/base/clock.h"
#include "lib/base/opt.h"
#include "lib/base/rng.h"

#define N_PODS 64
#define FIXED_PORTS 16
#define STREAM_PACKETS 3
#define STREAM_GAP_NS 1500000000ull
#define REPLY_AFTER_NS 500000ull
#define RATE_MAX 1e6

static const char *const kind_name[] = {
	[SYNTH_UDP_NEW] = "udp-new",
	[SYNTH_UDP_ONE_POD] = "udp-one-pod",
	[SYNTH_UDP_PODS] = "udp-pods",
	[SYNTH_UDP_FIXED] = "udp-fixed",
	[SYNTH_UDP_STREAM] = "udp-stream",
	[SYNTH_TCP] = "tcp",
	[SYNTH_TCP_RST] = "tcp-rst",
	[SYNTH_TCP_ONE] = "tcp-one",
	NULL,
};

const char *ct_synth_kinds(void)
{
	return "udp-new, udp-one-pod, udp-pods, udp-fixed, udp-stream, tcp, tcp-rst, tcp-one";
}

/* --- the words --- */

static int parse_kind(struct ct_synth *ret, const char *text, const char **ret_rest)
{
	const char *colon = strchr(text, ':');

	for (size_t k = 0; colon && kind_name[k]; k++) {
		if (strlen(kind_name[k]) != (size_t)(colon - text) ||
		    strncmp(text, kind_name[k], (size_t)(colon - text)) != 0)
			continue;
		ret->kind = (enum ct_synth_kind)k;
		*ret_rest = colon + 1;
		return 0;
	}
	return ERR_UNKNOWN;
}

int ct_synth_parse(struct ct_synth *ret, const char *text, struct diag *d)
{
	struct ct_synth s = *ret;
	const char *at;
	char *end;

	if (parse_kind(&s, text, &at) < 0)
		return diag_set(d, ERR_UNKNOWN, "'%s': expected KIND:RATE[@NETNS][%%ZONE][+START], KIND one of %s", text,
				ct_synth_kinds());
	s.rate_per_s = strtod(at, &end);
	if (end == at || !(s.rate_per_s > 0) || s.rate_per_s > RATE_MAX)
		return diag_set(d, ERR_RANGE, "'%s': the rate is a number above 0, up to 1000000 a second", text);
	if (*end == '@') {
		unsigned long netns = strtoul(end + 1, &end, 10);
		if (end[-1] == '@' || netns >= CT_NETNS_MAX)
			return diag_set(d, ERR_RANGE, "'%s': after '@' stands a namespace, 0 to %u", text,
					CT_NETNS_MAX - 1);
		s.netns = s.subnet = (uint8_t)netns;
	}
	if (*end == '%') {
		unsigned long zone = strtoul(end + 1, &end, 10);
		if (end[-1] == '%' || zone > UINT16_MAX)
			return diag_set(d, ERR_RANGE, "'%s': after '%%' stands a zone, 0 to 65535", text);
		s.zone = (uint16_t)zone;
	}
	if (*end == '+' && opt_duration(end + 1, NS_PER_S, &s.from_ns) == 0)
		end += strlen(end);
	if (*end)
		return diag_set(d, ERR_SYNTAX, "'%s': not understood from '%s' on; expected KIND:RATE[@NETNS][%%ZONE][+START]",
				text, end);
	*ret = s;
	return 0;
}

int ct_other_parse(struct ct_other *ret, const char *text, struct diag *d)
{
	char *end;
	double n = strtod(text, &end), rate = 0;

	if (end != text && *end == '@') {
		const char *at = end + 1;
		rate = strtod(at, &end);
		if (end == at || !(rate > 0) || rate > 1000)
			return diag_set(d, ERR_RANGE, "'%s': after '@' stands how often each flow asks, above 0, up to 1000 a second",
					text);
	}
	if (end == text || *end || !(n >= 0) || n > 4e6 || n != floor(n))
		return diag_set(d, ERR_RANGE, "'%s': expected N[@RATE], N a whole number up to 4000000", text);
	ret->n = (uint64_t)n;
	ret->rate_per_s = rate;
	return 0;
}

/* --- packets --- */

static struct qs_addr addr4(uint32_t ip, uint16_t port)
{
	struct qs_addr a = {.port = port};
	uint32_t be = htonl(ip);

	a.ip.s6_addr[10] = a.ip.s6_addr[11] = 0xff;
	memcpy(&a.ip.s6_addr[12], &be, 4);
	return a;
}

/* 10.96.0.10:53, and pods in 10.244.<subnet>.0/24 */
static struct ct_event flow(const struct ct_synth *s, uint8_t proto, unsigned pod, uint16_t port)
{
	return (struct ct_event){
		.client = addr4(0x0af40000u + ((uint32_t)s->subnet << 8) + 2 + pod, port),
		.server = addr4(0x0a60000au, 53),
		.proto = proto,
		.netns = s->netns,
		.zone = s->zone,
	};
}

static void put(struct ct_events *e, struct ct_event *ev, uint64_t t_ns, enum ct_event_kind kind)
{
	ev->t_ns = t_ns;
	ev->kind = (uint8_t)kind;
	ct_events_add(e, ev);
}

static void put_exchange(struct ct_events *e, struct ct_event *ev, uint64_t t_ns)
{
	put(e, ev, t_ns, CTE_QUERY);
	put(e, ev, t_ns + REPLY_AFTER_NS, CTE_REPLY);
}

/* bind() to port 0: any of the range (udp_lib_get_port). */
static uint16_t bind_port(struct rng *r)
{
	return (uint16_t)(EPHEMERAL_LOW + rng_below(r, EPHEMERAL_N));
}

struct synth { /* one load being made */
	const struct ct_synth *load;
	struct rng rng;
	struct dialer *counter, *own; /* TCP: the subnet's, and this namespace's */
	uint64_t i, n;
	double poisson_ns; /* of the next arrival, since from_ns */
};

static uint64_t arrival_ns(const struct synth *s)
{
	if (s->load->poisson)
		return s->load->from_ns + (uint64_t)s->poisson_ns;
	return s->load->from_ns + (uint64_t)((double)s->i / s->load->rate_per_s * 1e9);
}

static bool over(const struct synth *s)
{
	return s->load->poisson ? arrival_ns(s) >= s->load->until_ns : s->i >= s->n;
}

static void put_connection(struct ct_events *e, struct synth *s, uint64_t t_ns)
{
	uint16_t port = dialer_port(s->counter, s->own, &s->rng, t_ns);
	struct ct_event ev = flow(s->load, CT_TCP, 0, port);
	uint64_t end_ns = t_ns + 2 * REPLY_AFTER_NS;
	bool fin = s->load->kind == SYNTH_TCP;

	dialer_closed(s->own, port, end_ns, fin);
	put(e, &ev, t_ns, CTE_OPEN);
	put_exchange(e, &ev, t_ns);
	put(e, &ev, end_ns, fin ? CTE_CLOSE : CTE_RESET);
}

static void put_arrival(struct ct_events *e, struct synth *s)
{
	const struct ct_synth *l = s->load;
	uint64_t i = s->i, t_ns = arrival_ns(s);
	struct ct_event ev;

	switch (l->kind) {
	case SYNTH_UDP_NEW:
		ev = flow(l, CT_UDP, i % N_PODS, (uint16_t)(1024 + i / N_PODS % 64000));
		put_exchange(e, &ev, t_ns);
		break;
	case SYNTH_UDP_ONE_POD:
		ev = flow(l, CT_UDP, 0, bind_port(&s->rng));
		put_exchange(e, &ev, t_ns);
		break;
	case SYNTH_UDP_PODS:
		ev = flow(l, CT_UDP, (unsigned)rng_below(&s->rng, N_PODS), bind_port(&s->rng));
		put_exchange(e, &ev, t_ns);
		break;
	case SYNTH_UDP_FIXED:
		ev = flow(l, CT_UDP, 0, (uint16_t)(40000 + i % FIXED_PORTS));
		put_exchange(e, &ev, t_ns);
		break;
	case SYNTH_UDP_STREAM:
		ev = flow(l, CT_UDP, i % N_PODS, (uint16_t)(1024 + i / N_PODS % 64000));
		for (unsigned k = 0; k < STREAM_PACKETS; k++)
			put_exchange(e, &ev, t_ns + k * STREAM_GAP_NS);
		break;
	case SYNTH_TCP:
	case SYNTH_TCP_RST:
		put_connection(e, s, t_ns);
		break;
	case SYNTH_TCP_ONE:
		ev = flow(l, CT_TCP, 0, 50001); /* odd: connect() above does not give it out */
		if (i == 0)
			put(e, &ev, t_ns, CTE_OPEN);
		put_exchange(e, &ev, t_ns);
		break;
	}
}

static struct synth *earliest(struct synth *s, size_t n)
{
	struct synth *first = NULL;

	for (size_t i = 0; i < n; i++)
		if (!over(&s[i]) && (!first || arrival_ns(&s[i]) < arrival_ns(first)))
			first = &s[i];
	return first;
}

static int dialers_make(struct synth *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct ct_synth *l = s[i].load;
		if (l->kind != SYNTH_TCP && l->kind != SYNTH_TCP_RST)
			continue;
		for (size_t k = 0; k < i; k++) {
			const struct ct_synth *b = s[k].load;
			if (!s[k].own || b->subnet != l->subnet)
				continue;
			s[i].counter = s[k].counter;
			if (b->netns == l->netns)
				s[i].own = s[k].own;
		}
		if (!s[i].own && !(s[i].own = calloc(1, sizeof(*s[i].own))))
			return ERR_NOMEM;
		if (!s[i].counter)
			s[i].counter = s[i].own;
	}
	return 0;
}

static void dialers_free(struct synth *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct dialer *own = s[i].own;
		for (size_t k = i; k < n; k++)
			if (s[k].own == own)
				s[k].own = NULL;
		free(own);
	}
}

void ct_events_synth(struct ct_events *e, const struct ct_synth *loads, size_t n, uint64_t seed)
{
	struct synth *s = calloc(n + 1, sizeof(*s)), *next;

	if (!s) {
		e->err = ERR_NOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct ct_synth *l = &loads[i];
		s[i].load = l;
		if (l->until_ns > l->from_ns)
			s[i].n = (uint64_t)floor((double)(l->until_ns - l->from_ns) / 1e9 * l->rate_per_s);
		rng_seed_stream(&s[i].rng, seed + i, 0x73796e74u + l->netns);
	}
	if (dialers_make(s, n) < 0)
		e->err = ERR_NOMEM;
	while (!e->err && (next = earliest(s, n))) {
		put_arrival(e, next);
		next->i++;
		if (next->load->poisson)
			next->poisson_ns += rng_exp(&next->rng, 1e9 / next->load->rate_per_s);
	}
	dialers_free(s, n);
	free(s);
}

/* --- beside the load --- */

/* Clients of long-lived flows: 10.200.0.0/16 on, none of the pods above. */
static struct ct_event standing(uint64_t i, uint8_t proto, uint8_t netns)
{
	return (struct ct_event){
		.client = addr4(0x0ac80000u + (uint32_t)(i / 50000), (uint16_t)(1024 + i % 50000)),
		.server = addr4(0x0a60000au, 53),
		.proto = proto,
		.netns = netns,
	};
}

void ct_events_assured(struct ct_events *e, size_t n, uint64_t t_ns, uint8_t netns)
{
	for (size_t i = 0; i < n; i++) {
		struct ct_event ev = standing(i, CT_UDP, netns);
		put_exchange(e, &ev, t_ns);
		put_exchange(e, &ev, t_ns + 3 * NS_PER_S);
	}
}

void ct_events_other(struct ct_events *e, const struct ct_other *o)
{
	double every_ns = o->rate_per_s > 0 ? 1e9 / o->rate_per_s : 0;

	for (uint64_t i = 0; i < o->n; i++) {
		struct ct_event ev = standing(i, o->rate_per_s > 0 ? CT_UDP : CT_TCP, o->netns);
		if (o->rate_per_s > 0) {
			double at = (double)o->from_ns + every_ns * (double)i / (double)o->n;
			for (; at < (double)o->until_ns; at += every_ns)
				put_exchange(e, &ev, (uint64_t)at);
		} else {
			put(e, &ev, o->from_ns, i < o->evictable ? CTE_SYN : CTE_OPEN);
		}
	}
}
