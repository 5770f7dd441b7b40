/* SPDX-License-Identifier: Apache-2.0 */
/* Headers as of RFC 791, 8200, 768 and 9293; sequence numbers of each connection in a table. */
#include "pcap-replay/traffic/pcapout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/rng.h"
#include "lib/dns/wire.h"

#define MAGIC_NS     0xa1b23c4du
#define LINKTYPE_RAW 101
#define SNAP         65535
#define SEGMENT      1400     /* octets of a message in one */
#define CONNS_MAX    (1u << 20)
#define PACKET_MAX   65536

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };

struct conn {
	struct qs_addr client, server;
	uint32_t next[2]; /* sequence numbers of client and server */
	bool used;
};

struct pcapout {
	FILE *out;
	const char *path;
	uint64_t zero_ns;
	uint16_t ident;
	struct hash_key key;
	struct conn *conn; /* open addressing, at most half full */
	size_t n_conns, n_slots;
	uint8_t packet[PACKET_MAX];
};

/* --- one packet --- */

static void put_le(FILE *out, uint32_t v)
{
	uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
	fwrite(b, 1, 4, out);
}

int pcapout_open(struct pcapout **ret, const char *path, struct diag *d)
{
	struct pcapout *p = calloc(1, sizeof(*p));
	if (!p)
		return diag_set(d, ERR_NOMEM, "out of memory");
	p->path = path;
	p->out = strcmp(path, "-") ? fopen(path, "we") : stdout;
	if (!p->out) {
		free(p);
		return diag_errno(d, "%s", path);
	}
	rng_os_bytes(&p->key, sizeof(p->key));
	put_le(p->out, MAGIC_NS);
	put_le(p->out, 2 | 4 << 16); /* version */
	put_le(p->out, 0);
	put_le(p->out, 0);
	put_le(p->out, SNAP);
	put_le(p->out, LINKTYPE_RAW);
	*ret = p;
	return 0;
}

void pcapout_zero(struct pcapout *p, uint64_t epoch_ns)
{
	p->zero_ns = epoch_ns;
}

static uint32_t sum(uint32_t s, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		s += get_be16(b + i);
	if (n % 2)
		s += (uint32_t)b[n - 1] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* The checksum of UDP or TCP, over addresses, protocol, length and what is there. */
static uint16_t checksum(const struct in6_addr *src, const struct in6_addr *dst, uint8_t proto, const uint8_t *b, size_t n)
{
	uint8_t pseudo[4] = {0, proto, (uint8_t)(n >> 8), (uint8_t)n};
	bool v4 = IN6_IS_ADDR_V4MAPPED(src) && IN6_IS_ADDR_V4MAPPED(dst);
	uint32_t s = sum(0, src->s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	s = sum(s, dst->s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	s = ~sum(sum(s, pseudo, 4), b, n) & 0xffff;
	return s || proto == IPPROTO_TCP ? (uint16_t)s : 0xffff;
}

static size_t ip_header(struct pcapout *p, const struct in6_addr *src, const struct in6_addr *dst, uint8_t proto, size_t n)
{
	uint8_t *h = p->packet;
	if (!IN6_IS_ADDR_V4MAPPED(src) || !IN6_IS_ADDR_V4MAPPED(dst)) {
		memset(h, 0, 8);
		h[0] = 0x60;
		set_be16(h + 4, (uint16_t)n);
		h[6] = proto;
		h[7] = 64;
		memcpy(h + 8, src, 16);
		memcpy(h + 24, dst, 16);
		return 40;
	}
	memset(h, 0, 20);
	h[0] = 0x45;
	set_be16(h + 2, (uint16_t)(20 + n));
	if (++p->ident == 0)
		p->ident = 1;
	set_be16(h + 4, p->ident);
	h[6] = 0x40; /* not to be fragmented */
	h[8] = 64;
	h[9] = proto;
	memcpy(h + 12, src->s6_addr + 12, 4);
	memcpy(h + 16, dst->s6_addr + 12, 4);
	set_be16(h + 10, (uint16_t)~sum(0, h, 20));
	return 20;
}

static void emit(struct pcapout *p, uint64_t t_ns, const struct qs_addr *src, const struct qs_addr *dst, uint8_t proto, const uint8_t *head,
		 size_t n_head, const uint8_t *data, size_t n)
{
	size_t at = ip_header(p, &src->ip, &dst->ip, proto, n_head + n);
	uint8_t *l4 = p->packet + at;
	memcpy(l4, head, n_head);
	if (n)
		memcpy(l4 + n_head, data, n);
	set_be16(l4 + (proto == IPPROTO_UDP ? 6 : 16), checksum(&src->ip, &dst->ip, proto, l4, n_head + n));
	t_ns += p->zero_ns;
	put_le(p->out, (uint32_t)(t_ns / NS_PER_S));
	put_le(p->out, (uint32_t)(t_ns % NS_PER_S));
	put_le(p->out, (uint32_t)(at + n_head + n));
	put_le(p->out, (uint32_t)(at + n_head + n));
	fwrite(p->packet, 1, at + n_head + n, p->out);
}

/* --- connections --- */

static size_t slot_of(const struct pcapout *p, const struct qs_addr *c, const struct qs_addr *s)
{
	uint8_t key[36];
	memcpy(key, &c->ip, 16);
	memcpy(key + 16, &s->ip, 16);
	memcpy(key + 32, &c->port, 2);
	memcpy(key + 34, &s->port, 2);
	size_t at = hash_sip13(&p->key, key, sizeof(key)) & (p->n_slots - 1);
	while (p->conn[at].used && (memcmp(&p->conn[at].client.ip, &c->ip, 16) || memcmp(&p->conn[at].server.ip, &s->ip, 16) ||
				    p->conn[at].client.port != c->port || p->conn[at].server.port != s->port))
		at = (at + 1) & (p->n_slots - 1);
	return at;
}

static bool slots(struct pcapout *p)
{
	size_t n = p->n_slots ? p->n_slots * 2 : 256, old = p->n_slots;
	if (p->n_conns * 2 < p->n_slots)
		return true;
	struct conn *before = p->conn, *bigger = n <= 2 * CONNS_MAX ? calloc(n, sizeof(*bigger)) : NULL;
	if (!bigger)
		return false;
	p->conn = bigger;
	p->n_slots = n;
	for (size_t i = 0; i < old; i++)
		if (before[i].used)
			p->conn[slot_of(p, &before[i].client, &before[i].server)] = before[i];
	free(before);
	return true;
}

static struct conn *conn_of(struct pcapout *p, const struct qrec *r)
{
	if (!slots(p))
		return NULL;
	struct conn *c = &p->conn[slot_of(p, &r->client, &r->server)];
	if (!c->used) {
		*c = (struct conn){r->client, r->server, {1000, 5000}, true};
		p->n_conns++;
	}
	return c;
}

static void segment(struct pcapout *p, struct conn *c, uint64_t t_ns, bool by_client, uint8_t flags, const uint8_t *data, size_t n)
{
	uint8_t h[20] = {0};
	const struct qs_addr *src = by_client ? &c->client : &c->server, *dst = by_client ? &c->server : &c->client;
	set_be16(h, src->port);
	set_be16(h + 2, dst->port);
	set_be32(h + 4, c->next[!by_client]);
	set_be32(h + 8, flags & ACK ? c->next[by_client] : 0);
	h[12] = 5 << 4;
	h[13] = flags;
	set_be16(h + 14, 65535);
	emit(p, t_ns, src, dst, IPPROTO_TCP, h, sizeof(h), data, n);
	c->next[!by_client] += (uint32_t)n + (flags & (SYN | FIN) ? 1 : 0);
}

static bool put_tcp(struct pcapout *p, const struct qrec *r, const uint8_t *msg, size_t len)
{
	struct conn *c = conn_of(p, r);
	uint8_t framed[65537];
	if (!c)
		return false;
	if (r->kind == QS_OPEN) {
		c->next[0] += 100000; /* another connection than the last of these ports */
		c->next[1] += 100000;
		segment(p, c, r->t_ns, true, SYN, NULL, 0);
		segment(p, c, r->t_ns, false, SYN | ACK, NULL, 0);
		segment(p, c, r->t_ns, true, ACK, NULL, 0);
		return true;
	}
	if (r->kind == QS_CLOSE) {
		segment(p, c, r->t_ns, true, FIN | ACK, NULL, 0);
		segment(p, c, r->t_ns, false, FIN | ACK, NULL, 0);
		segment(p, c, r->t_ns, true, ACK, NULL, 0);
		return true;
	}
	set_be16(framed, (uint16_t)len);
	memcpy(framed + 2, msg, len);
	for (size_t at = 0; at < len + 2; at += SEGMENT) {
		size_t n = len + 2 - at < SEGMENT ? len + 2 - at : SEGMENT;
		segment(p, c, r->t_ns, r->kind == QS_QUESTION, PSH | ACK, framed + at, n);
	}
	return true;
}

/* --- records --- */

static void address(struct qs_addr *a, const struct qs_addr *other, bool is_client, uint32_t id)
{
	bool v6 = !IN6_IS_ADDR_UNSPECIFIED(&other->ip) && !IN6_IS_ADDR_V4MAPPED(&other->ip);
	if (IN6_IS_ADDR_UNSPECIFIED(&a->ip))
		qs_ip_from_text(&a->ip, v6 ? (is_client ? "2001:db8::1" : "2001:db8::53") : is_client ? "192.0.2.1" : "192.0.2.53");
	if (!a->port)
		a->port = is_client ? (uint16_t)(1024 + id % 60000) : DNS_PORT;
}

/* The record's octets, or what can be said without them; 0: neither. */
static size_t message(const struct qrec *r, uint8_t made[512], const uint8_t **ret)
{
	*ret = r->wire;
	if (r->wire && r->wire_len)
		return r->wire_len;
	*ret = made;
	if (!r->qname.len || r->qtype < 0)
		return 0;
	uint16_t flags = r->flags < 0 ? DNS_RD : (uint16_t)r->flags;
	if (r->kind == QS_REPLY)
		flags = (uint16_t)(flags | DNS_QR | (r->rcode > 0 ? r->rcode & 15 : 0));
	return dns_query_build(made, 512, (uint16_t)(r->id < 0 ? 0 : r->id), r->qname.b, (uint16_t)r->qtype, flags, 0, false, false);
}

bool pcapout_put(struct pcapout *p, const struct qrec *given)
{
	struct qrec r = *given;
	uint8_t made[512], head[8] = {0};
	const uint8_t *msg = NULL;
	bool event = r.kind == QS_OPEN || r.kind == QS_CLOSE, asks = r.kind == QS_QUESTION;
	size_t len = event ? 0 : message(&r, made, &msg);
	if (r.proto == QS_TLS || (!event && !len) || len > 65535 - 48)
		return false;
	address(&r.client, &given->server, true, (uint32_t)(r.id < 0 ? 0 : r.id));
	address(&r.server, &r.client, false, 0);
	if (r.proto == QS_TCP)
		return put_tcp(p, &r, msg, len);
	if (event)
		return false;
	const struct qs_addr *src = asks ? &r.client : &r.server, *dst = asks ? &r.server : &r.client;
	set_be16(head, src->port);
	set_be16(head + 2, dst->port);
	set_be16(head + 4, (uint16_t)(8 + len));
	emit(p, r.t_ns, src, dst, IPPROTO_UDP, head, sizeof(head), msg, len);
	return true;
}

int pcapout_close(struct pcapout *p, struct diag *d)
{
	int rc = 0;
	if (!p)
		return 0;
	if (fflush(p->out) || ferror(p->out))
		rc = diag_errno(d, "%s", p->path);
	if (p->out != stdout && fclose(p->out) && !rc)
		rc = diag_errno(d, "%s", p->path);
	free(p->conn);
	free(p);
	return rc;
}
