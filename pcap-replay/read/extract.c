/* SPDX-License-Identifier: Apache-2.0 */
/* Frames to messages, messages in order; what each frame was is counted on the way. */
#include "pcap-replay/read/extract.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "pcap-replay/read/decode.h"
#include "pcap-replay/read/layers.h"
#include "pcap-replay/read/reorder.h"

#define DOT_PORT  853
/* Longer than a hole in a TCP stream or a datagram's missing fragment is waited for. */
#define WINDOW_NS (1250 * NS_PER_MS)

struct extract {
	struct extract_ports ports;
	struct extract_counts counts;
	struct frames *frames;
	struct decoder *dec;
	struct tcpstreams *ts;
	struct reorder *order;
	uint64_t newest_ns;
	bool ended;
	int rc; /* of the end */
	struct diag diag;
};

static bool is_dns_port(const struct extract_ports *p, uint16_t port)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->port[i] == port)
			return true;
	return false;
}

static void put(struct extract *x, const struct dmessage *m)
{
	if (reorder_put(x->order, m))
		x->counts.no_memory++;
}

static void message(struct extract *x, const struct packet *pk, char proto, const uint8_t *bytes, size_t len)
{
	struct dmessage m = {.pk = *pk, .proto = proto, .cut = proto == 'u' && pk->cut, .bytes = bytes, .len = len};
	m.kind = len >= 4 && (get_be16(bytes + 2) & DNS_QR) ? MSG_REPLY : MSG_QUESTION;
	m.pk.payload = NULL;
	x->counts.messages++;
	*(proto == 'u' ? &x->counts.udp : &x->counts.tcp) += 1;
	put(x, &m);
}

static void tcp_message(void *ctx, const struct packet *pk, const uint8_t *msg, size_t len)
{
	message(ctx, pk, 't', msg, len);
}

static void tcp_event(struct extract *x, const struct packet *pk, char kind)
{
	struct dmessage m = {.pk = *pk, .kind = kind, .proto = 't'};
	m.pk.payload = NULL;
	put(x, &m);
}

static void tcp_open(void *ctx, const struct packet *pk)
{
	tcp_event(ctx, pk, MSG_OPEN);
}

static void tcp_close(void *ctx, const struct packet *pk)
{
	tcp_event(ctx, pk, MSG_CLOSE);
}

static void one_packet(struct extract *x, const struct packet *pk)
{
	struct extract_counts *c = &x->counts;
	c->tunnelled += pk->tunnels > 0;
	if (!is_dns_port(&x->ports, pk->sport) && !is_dns_port(&x->ports, pk->dport)) {
		bool tls = pk->sport == DOT_PORT || pk->dport == DOT_PORT;
		*(tls ? &c->tls : &c->other_ports) += 1;
		c->looks_vxlan += !tls && pk->proto == IPPROTO_UDP && layer_looks_vxlan(pk->payload, pk->len);
		return;
	}
	if (pk->proto == IPPROTO_TCP)
		tcpstreams_packet(x->ts, pk);
	else
		message(x, pk, 'u', pk->payload, pk->len);
}

static void give_up(struct extract *x, uint64_t now_ns)
{
	struct packet pk;
	while (decode_given_up(x->dec, now_ns, &pk)) {
		x->counts.first_fragments += pk.proto == IPPROTO_UDP &&
					     (is_dns_port(&x->ports, pk.sport) || is_dns_port(&x->ports, pk.dport));
		one_packet(x, &pk);
	}
	tcpstreams_tick(x->ts, now_ns);
}

static void one_frame(struct extract *x, const struct frame *f, uint16_t lane)
{
	struct packet pk;
	if (f->t_ns > x->newest_ns)
		x->newest_ns = f->t_ns;
	give_up(x, x->newest_ns);
	enum decode_verdict v = decode_frame(x->dec, f, lane, &pk);
	if (v == SKIP_LINK && x->counts.decode[SKIP_LINK] == 0)
		x->counts.unknown_link = f->link;
	x->counts.decode[v]++;
	if (v == DECODED)
		one_packet(x, &pk);
}

int extract_open(struct extract **ret, const struct extract_conf *c, struct diag *d)
{
	struct extract *x = calloc(1, sizeof(*x));
	if (!x)
		return diag_set(d, ERR_NOMEM, "out of memory");
	struct tcp_sink sink = {x, tcp_message, tcp_open, tcp_close};
	x->ports = c->ports;
	if (x->ports.n == 0)
		x->ports = (struct extract_ports){1, {DNS_PORT}};
	x->dec = decoder_new(c->budget);
	x->ts = tcpstreams_new(c->budget, &sink);
	x->order = reorder_new(c->budget, WINDOW_NS);
	int rc = x->dec && x->ts && x->order ? frames_open(&x->frames, c->paths, c->n_paths, d)
					     : diag_set(d, ERR_NOMEM, "out of memory");
	if (rc) {
		extract_close(x);
		return rc;
	}
	*ret = x;
	return 0;
}

static void the_end(struct extract *x, int rc)
{
	x->ended = true;
	x->rc = rc;
	give_up(x, T_NEVER);
	tcpstreams_finish(x->ts);
	if (rc == 0 && x->counts.decode[SKIP_LINK])
		x->rc = diag_set(&x->diag, ERR_UNSUPPORTED, "%s: %llu frames of link type %u, which is not read here; expected "
				 "Ethernet, SLL, SLL2, raw IP, loopback, NFLOG or PPP", frames_path(x->frames, 0),
				 (unsigned long long)x->counts.decode[SKIP_LINK], x->counts.unknown_link);
}

static const struct dmessage *counted(struct extract *x, const struct dmessage *m)
{
	if (m->cut)
		x->counts.cut++;
	else if (m->err)
		x->counts.malformed++;
	return m;
}

int extract_next(struct extract *x, const struct dmessage **ret, struct diag *d)
{
	struct frame f;
	uint16_t lane;
	for (;;) {
		const struct dmessage *m = reorder_take(x->order, x->ended ? T_NEVER : x->newest_ns);
		if (m) {
			*ret = counted(x, m);
			return 1;
		}
		if (x->ended) {
			if (x->rc && d)
				*d = x->diag;
			return x->rc;
		}
		int rc = frames_next(x->frames, &f, &lane, &x->diag);
		if (rc > 0)
			one_frame(x, &f, lane);
		else
			the_end(x, rc);
	}
}

const struct dmessage *extract_ahead(struct extract *x)
{
	return reorder_ahead(x->order);
}

const struct extract_counts *extract_counts(struct extract *x)
{
	x->counts.frames = *frames_counts(x->frames);
	x->counts.streams = *tcpstreams_counts(x->ts);
	x->counts.late = reorder_late(x->order);
	x->counts.early = reorder_early(x->order);
	return &x->counts;
}

void extract_close(struct extract *x)
{
	if (!x)
		return;
	frames_close(x->frames);
	decoder_free(x->dec);
	tcpstreams_free(x->ts);
	reorder_free(x->order);
	free(x);
}
