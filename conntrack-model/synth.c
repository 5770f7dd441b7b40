// SPDX-License-Identifier: Apache-2.0
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
#include "conntrack-model/events.h"
#include "lib/base/clock.h"
#include "lib/base/rng.h"

#define N_PODS 64
#define EPHEMERAL_LOW 32768 /* net.ipv4.ip_local_port_range */
#define EPHEMERAL_N 28232
#define FIXED_PORTS 16
#define STREAM_PACKETS 3
#define STREAM_GAP_NS 1500000000ull
#define REPLY_AFTER_NS 500000ull
#define TCP_CLIENTS 2

static const char *const kind_name[] = {
	[SYNTH_UDP_NEW] = "udp-new",
	[SYNTH_UDP_ONE_POD] = "udp-one-pod",
	[SYNTH_UDP_FIXED] = "udp-fixed",
	[SYNTH_UDP_STREAM] = "udp-stream",
	[SYNTH_TCP] = "tcp",
	[SYNTH_TCP_RST] = "tcp-rst",
	[SYNTH_TCP_ONE] = "tcp-one",
	NULL,
};

const char *ct_synth_kinds(void)
{
	return "udp-new, udp-one-pod, udp-fixed, udp-stream, tcp, tcp-rst, tcp-one";
}

int ct_synth_parse(struct ct_synth *ret, const char *text, struct diag *d)
{
	const char *colon = strchr(text, ':');
	char *end;

	for (size_t k = 0; colon && kind_name[k]; k++) {
		if (strlen(kind_name[k]) != (size_t)(colon - text) ||
		    strncmp(text, kind_name[k], (size_t)(colon - text)) != 0)
			continue;
		double rate = strtod(colon + 1, &end);
		if (end == colon + 1 || *end || !(rate > 0) || rate > 1e6)
			return diag_set(
				d, ERR_RANGE,
				"'%s': the rate is a number above 0, up to 1000000 a second", text);
		ret->kind = (enum ct_synth_kind)k;
		ret->rate_per_s = rate;
		return 0;
	}
	return diag_set(d, ERR_UNKNOWN, "'%s': expected KIND:RATE, KIND one of %s", text,
			ct_synth_kinds());
}

static struct qs_addr addr4(uint32_t ip, uint16_t port)
{
	struct qs_addr a = {.port = port};
	uint32_t be = htonl(ip);

	a.ip.s6_addr[10] = a.ip.s6_addr[11] = 0xff;
	memcpy(&a.ip.s6_addr[12], &be, 4);
	return a;
}

/* 10.96.0.10:53, and pods in 10.244.<netns>.0/24 */
static struct ct_event flow(const struct ct_synth *s, uint8_t proto, unsigned pod, uint16_t port)
{
	return (struct ct_event){
		.client = addr4(0x0af40000u + (s->netns << 8) + 2 + pod, port),
		.server = addr4(0x0a60000au, 53),
		.proto = proto,
		.netns = s->netns,
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

static uint16_t ephemeral(struct rng *r)
{
	return (uint16_t)(EPHEMERAL_LOW + rng_below(r, EPHEMERAL_N));
}

/* The i-th arrival of the stream. */
static void put_arrival(struct ct_events *e, const struct ct_synth *s, struct rng *r, uint64_t i,
			uint64_t t_ns)
{
	struct ct_event ev;

	switch (s->kind) {
	case SYNTH_UDP_NEW:
		ev = flow(s, CT_UDP, i % N_PODS, (uint16_t)(1024 + i / N_PODS % 64000));
		put_exchange(e, &ev, t_ns);
		break;
	case SYNTH_UDP_ONE_POD:
		ev = flow(s, CT_UDP, 0, ephemeral(r));
		put_exchange(e, &ev, t_ns);
		break;
	case SYNTH_UDP_FIXED:
		ev = flow(s, CT_UDP, 0, (uint16_t)(40000 + i % FIXED_PORTS));
		put_exchange(e, &ev, t_ns);
		break;
	case SYNTH_UDP_STREAM:
		ev = flow(s, CT_UDP, i % N_PODS, (uint16_t)(1024 + i / N_PODS % 64000));
		for (unsigned k = 0; k < STREAM_PACKETS; k++)
			put_exchange(e, &ev, t_ns + k * STREAM_GAP_NS);
		break;
	case SYNTH_TCP:
	case SYNTH_TCP_RST:
		ev = flow(s, CT_TCP, i % TCP_CLIENTS, ephemeral(r));
		put(e, &ev, t_ns, CTE_OPEN);
		put_exchange(e, &ev, t_ns);
		put(e, &ev, t_ns + 2 * REPLY_AFTER_NS,
		    s->kind == SYNTH_TCP ? CTE_CLOSE : CTE_RESET);
		break;
	case SYNTH_TCP_ONE:
		ev = flow(s, CT_TCP, 0, 50000);
		if (i == 0)
			put(e, &ev, t_ns, CTE_OPEN);
		put_exchange(e, &ev, t_ns);
		break;
	}
}

void ct_events_synth(struct ct_events *e, const struct ct_synth *s, uint64_t seed)
{
	struct rng r;
	uint64_t n = (uint64_t)floor((double)(s->until_ns - s->from_ns) / 1e9 * s->rate_per_s);

	rng_seed_stream(&r, seed, 0x73796e74u + s->netns);
	for (uint64_t i = 0; i < n; i++)
		put_arrival(e, s, &r, i, s->from_ns + (uint64_t)((double)i / s->rate_per_s * 1e9));
}

void ct_events_standing(struct ct_events *e, size_t n, uint64_t t_ns, uint8_t proto)
{
	for (size_t i = 0; i < n; i++) {
		struct ct_event ev = {
			.client = addr4(0x0ac80000u + (uint32_t)(i / 50000),
					(uint16_t)(1024 + i % 50000)),
			.server = addr4(0x0a60000au, 53),
			.proto = proto,
		};
		if (proto == CT_TCP) {
			put(e, &ev, t_ns, CTE_OPEN);
			continue;
		}
		put_exchange(e, &ev, t_ns);
		put_exchange(e, &ev, t_ns + 3 * NS_PER_S);
	}
}
