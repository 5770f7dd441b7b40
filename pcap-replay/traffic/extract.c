/* SPDX-License-Identifier: Apache-2.0 */
/* Frames to messages: decode, put together, and tell what comes out in the file's order. */
#include "pcap-replay/traffic/extract.h"

#include <stdio.h>
#include <string.h>

#include "lib/record/qstream.h"
#include "pcap-replay/read/capfile.h"

#define DOT_PORT 853

struct extract {
	const struct extract_ports *ports;
	const struct extract_sink *sink;
	struct extract_counts *counts;
};

static bool is_dns_port(const struct extract_ports *p, uint16_t port)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->port[i] == port)
			return true;
	return false;
}

static void hand_on(struct extract *x, const struct packet *pk, char proto, const uint8_t *bytes, size_t len)
{
	struct dmessage m = {.pk = pk, .proto = proto, .cut = proto == QS_UDP && pk->cut, .bytes = bytes, .len = len};
	m.err = dns_msg_parse(&m.m, bytes, len);
	bool reply = len >= 4 && (get_be16(bytes + 2) & DNS_QR);
	m.kind = reply ? QS_REPLY : QS_QUESTION;
	x->counts->messages++;
	*(proto == QS_UDP ? &x->counts->udp : &x->counts->tcp) += 1;
	if (m.cut)
		x->counts->cut++;
	else if (m.err)
		x->counts->malformed++;
	x->sink->message(x->sink->ctx, &m);
}

static void tcp_message(void *ctx, const struct packet *pk, const uint8_t *msg, size_t len)
{
	hand_on(ctx, pk, QS_TCP, msg, len);
}

static void tcp_event(struct extract *x, const struct packet *pk, char kind)
{
	struct dmessage m = {.pk = pk, .kind = kind, .proto = QS_TCP};
	x->sink->message(x->sink->ctx, &m);
}

static void tcp_open(void *ctx, const struct packet *pk)
{
	tcp_event(ctx, pk, QS_OPEN);
}

static void tcp_close(void *ctx, const struct packet *pk)
{
	tcp_event(ctx, pk, QS_CLOSE);
}

static void one_frame(struct extract *x, struct decoder *dec, struct tcpstreams *ts, const struct frame *f)
{
	struct extract_counts *c = x->counts;
	struct packet pk;
	if (c->frames == 0)
		c->first_ns = f->t_ns;
	if (f->t_ns < c->last_ns)
		c->out_of_order++;
	else
		c->last_ns = f->t_ns;
	c->frames++;
	enum decode_verdict v = decode_frame(dec, f, &pk);
	if (v == SKIP_LINK && c->decode[SKIP_LINK] == 0)
		c->unknown_link = f->link;
	c->decode[v]++;
	if (v != DECODED)
		return;
	if (!is_dns_port(x->ports, pk.sport) && !is_dns_port(x->ports, pk.dport)) {
		*(pk.sport == DOT_PORT || pk.dport == DOT_PORT ? &c->tls : &c->other_ports) += 1;
		return;
	}
	if (pk.proto == IPPROTO_TCP)
		tcpstreams_packet(ts, &pk);
	else
		hand_on(x, &pk, QS_UDP, pk.payload, pk.len);
}

int extract_file(const char *path, const struct extract_ports *ports, const struct extract_sink *sink,
		 struct extract_counts *ret, struct diag *d)
{
	struct extract x = {ports, sink, ret};
	struct tcp_sink tsink = {&x, tcp_message, tcp_open, tcp_close};
	struct capfile *file = NULL;
	struct decoder *dec = decoder_new();
	struct tcpstreams *ts = tcpstreams_new(&tsink);
	struct frame f;
	memset(ret, 0, sizeof(*ret));
	int rc = dec && ts ? capfile_open(&file, path, d) : diag_set(d, ERR_NOMEM, "%s: out of memory", path);
	if (rc == 0) {
		snprintf(ret->format, sizeof(ret->format), "%s", capfile_format(file));
		while ((rc = capfile_next(file, &f, d)) > 0)
			one_frame(&x, dec, ts, &f);
		tcpstreams_finish(ts);
		ret->streams = *tcpstreams_counts(ts);
	}
	if (rc == 0 && ret->decode[SKIP_LINK])
		rc = diag_set(d, ERR_UNSUPPORTED, "%s: %llu frames of link type %u, which is not read here; "
			      "expected Ethernet, SLL, SLL2, raw IP or loopback", path,
			      (unsigned long long)ret->decode[SKIP_LINK], ret->unknown_link);
	capfile_close(file);
	decoder_free(dec);
	tcpstreams_free(ts);
	return rc;
}
