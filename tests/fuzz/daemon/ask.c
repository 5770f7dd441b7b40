/* SPDX-License-Identifier: Apache-2.0 */
/* Clients: what they send, and how. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/fuzz/daemon/world.h"

static const char *const names[] = {
	"a.example.",
	"b.example.",
	"c.example.",
	"d.c.example.",
	"six.example.",
	"target.example.",
	"x.y.com.",
	"com.",
	"slow.int.corp.",
	"a.int.corp.",
	"int.corp.",
	".",
	"web.default.svc.cluster.local.",
	"x.y.com.default.svc.cluster.local.",
	"x.y.com.svc.cluster.local.",
	"x.y.com.cluster.local.",
	"com.default.svc.cluster.local.",
	"default.svc.cluster.local.",
	"svc.cluster.local.",
	"cluster.local.",
	"pod-0.web.default.svc.cluster.local.",
	"db.legacy.cluster.local.",
	"_http._tcp.web.default.svc.cluster.local.",
	"a.b.cluster.local.",
	"w.alias.test.",
	"made.test.",
	"rename.test.",
	"hosts.test.",
	"1.0.0.10.in-addr.arpa.",
	"n1.test.",
	"n2.test.",
	"very.long.labels.0123456789012345678901234567890123456789012345678901234.example.",
};
static const uint16_t types[] = {DNS_A,	  DNS_AAAA, DNS_HTTPS, DNS_TXT,
				 DNS_SRV, DNS_ANY,  DNS_PTR,   DNS_SOA};

const uint8_t *pool_name(unsigned i, struct name *ret)
{
	if (name_from_text(ret, names[i % (sizeof(names) / sizeof(names[0]))]) < 0)
		abort();
	return ret->b;
}

static struct in6_addr client_addr(unsigned client, bool v6)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff, 10, 0, 1, (uint8_t)client}};

	if (v6)
		a = (struct in6_addr){.s6_addr = {0xfd, [14] = 1, [15] = (uint8_t)client}};
	return a;
}

static const struct core_listener *listener_now(unsigned which)
{
	const struct core_listener *l;
	size_t n = conf_listeners(w.reload[w.n_reloads - 1].conf, &l);

	return &l[which % n];
}

/* The next query of this client; NULL: enough. `how`: EDNS and flags. */
static struct wquery *query_new(unsigned client, const struct core_listener *l, unsigned name,
				unsigned type, unsigned how, uint8_t *msg, size_t cap,
				size_t *ret_len)
{
	static const uint16_t sizes[] = {0, 512, 1232, 4096};
	struct wquery *q = &w.query[w.n_queries];
	bool v6 = IN6_IS_ADDR_UNSPECIFIED(&l->addr) && client >= 12;
	struct name n;

	if (w.n_queries == QUERIES_MAX)
		return NULL;
	memset(q, 0, sizeof(*q));
	pool_name(name & 31, &n);
	if (name & 32)
		name_spell(n.b, 0x5a5a5a5a5a5a5a5aull);
	q->id = (uint16_t)(QUERY_ID + w.n_queries++);
	q->asked_ns = k.now_ns;
	q->addr = client_addr(client, v6);
	q->to = l->addr;
	if (IN6_IS_ADDR_UNSPECIFIED(&l->addr))
		inet_pton(AF_INET6, v6 ? "fd00::53" : "::ffff:10.0.0.53", &q->to);
	q->port = (uint16_t)(30000 + client * 16 + q->id % 4);
	q->conn = -1;
	q->qtype = types[type & 7];
	q->qclass = (how & 0x60) == 0x60 ? DNS_CH : DNS_IN;
	q->flags = (how & 4 ? 0 : DNS_RD) | (how & 8 ? DNS_CD : 0);
	q->udp_size = sizes[how & 3];
	q->do_bit = q->udp_size && (how & 16);
	memcpy(q->name, n.b, n.len);
	*ret_len = dns_query_build(msg, cap, q->id, n.b, q->qtype, q->flags, q->udp_size, q->do_bit,
				   how & 32);
	if (*ret_len && q->qclass != DNS_IN)
		set_be16(msg + DNS_HEADER_LEN + n.len + 2, q->qclass);
	return q;
}

static void datagram_send(const struct core_listener *l, const struct wquery *q, const uint8_t *msg,
			  size_t len)
{
	struct ksock *s =
		kernel_listener_find(K_UDP, &l->addr, l->port, q->addr.s6_addr[15] % QUEUES);

	if (!s)
		fault_found("nobody listens at a configured address");
	kernel_datagram(s, &q->addr, q->port, msg, len);
}

void ask_udp(unsigned client, unsigned listener, unsigned name, unsigned type, unsigned how)
{
	const struct core_listener *l = listener_now(listener);
	uint8_t msg[512];
	size_t len;
	struct wquery *q = query_new(client % CLIENTS, l, name, type, how, msg, sizeof(msg), &len);

	if (q)
		datagram_send(l, q, msg, len);
}

void ask_udp_raw(unsigned client, unsigned listener, unsigned name, unsigned at, unsigned value)
{
	const struct core_listener *l = listener_now(listener);
	uint8_t msg[512];
	size_t len;
	struct wquery *q = query_new(client % CLIENTS, l, name, at, value, msg, sizeof(msg), &len);

	if (!q)
		return;
	q->is_raw = true;
	if (value & 128) /* cut short: without its id it is nobody's */
		len = at % len;
	else
		msg[2 + at % (len - 2)] ^= (uint8_t)(value + 1);
	if (len < 2)
		q->over = true;
	datagram_send(l, q, msg, len);
}

/* Many at once. how: 4 bits how many, then whether client, name, type change. */
void ask_burst(unsigned client, unsigned name, unsigned how)
{
	for (unsigned i = 0; i <= (how & 15); i++)
		ask_udp(client + (how & 16 ? i : 0), 0, name + (how & 32 ? i : 0),
			how & 64 ? i : name >> 6, 0);
}

/* --- streams --- */

static struct wconn *conn_of(unsigned which)
{
	struct wconn *c =
		w.n_conns ? &w.conn[(w.n_conns - 1 - which % w.n_conns) % CONNS_MAX] : NULL;

	return c && c->used && c->s ? c : NULL;
}

static void conn_end(struct wconn *c)
{
	oracle_gone((int)(c - w.conn));
	if (c->s)
		c->s->owner = NULL;
	c->s = NULL;
	c->used = false;
}

void ask_connect(unsigned client, unsigned listener, unsigned room)
{
	const struct core_listener *l = listener_now(listener);
	struct ksock *ls = kernel_listener_find(K_LISTEN, &l->addr, l->port, 0);
	struct wconn *c = &w.conn[w.n_conns % CONNS_MAX];

	if (!ls)
		fault_found("nobody listens over TCP at a configured address");
	if (c->used && c->s)
		c->s->reset = true;
	conn_end(c);
	c->n_held = c->n_in = 0;
	c->is_raw = false;
	c->addr = client_addr(client % CLIENTS,
			      IN6_IS_ADDR_UNSPECIFIED(&l->addr) && client % CLIENTS >= 12);
	c->port = (uint16_t)(40000 + w.n_conns);
	c->to = l->addr;
	c->s = kernel_connect_in(ls, &c->addr, c->port);
	if (!c->s)
		return;
	if (IN6_IS_ADDR_UNSPECIFIED(&l->addr))
		inet_pton(AF_INET6,
			  IN6_IS_ADDR_V4MAPPED(&c->addr) ? "::ffff:10.0.0.53" : "fd00::53",
			  &c->s->local);
	c->to = c->s->local;
	c->used = true;
	c->s->owner = c;
	c->s->room = room ? room * 16u : SIZE_MAX;
	w.n_conns++;
}

static void held_deliver(struct wconn *c, size_t n)
{
	n = n < c->n_held ? n : c->n_held;
	if (!c->s->eof)
		kernel_stream_in(c->s, c->held, n);
	memmove(c->held, c->held + n, c->n_held - n);
	c->n_held -= n;
}

static struct wquery *frame_hold(struct wconn *c, unsigned name, unsigned type)
{
	struct core_listener l = {.addr = c->to};
	uint8_t msg[512];
	size_t len;
	struct wquery *q;

	held_deliver(c, c->n_held);
	q = query_new(0, &l, name, type, type >> 3, msg, sizeof(msg), &len);
	if (!q)
		return NULL;
	q->conn = (int)(c - w.conn);
	q->addr = c->addr;
	q->port = c->port;
	q->is_raw = c->is_raw;
	q->over = c->s->eof;
	set_be16(c->held, (uint16_t)len);
	memcpy(c->held + 2, msg, len);
	c->n_held = 2 + len;
	return q;
}

void ask_tcp(unsigned conn, unsigned name, unsigned type)
{
	struct wconn *c = conn_of(conn);

	if (c && frame_hold(c, name, type))
		held_deliver(c, c->n_held);
}

void ask_tcp_piece(unsigned conn, unsigned name, unsigned len)
{
	struct wconn *c = conn_of(conn);

	if (c && frame_hold(c, name, len))
		held_deliver(c, len % 64);
}

/* A frame of any length: what follows is then taken for its end. */
void ask_tcp_raw(unsigned conn, unsigned len, unsigned value)
{
	struct wconn *c = conn_of(conn);
	uint8_t b[66] = {0};

	if (!c)
		return;
	held_deliver(c, c->n_held);
	c->is_raw = true;
	set_be16(b, (uint16_t)(value & 128 ? len << 8 : len & 63));
	memset(b + 2, (int)value, sizeof(b) - 2);
	if (!c->s->eof)
		kernel_stream_in(c->s, b, 2 + (len & 63));
}

void ask_tcp_end(unsigned conn, unsigned how, unsigned value)
{
	struct wconn *c = conn_of(conn);

	if (!c)
		return;
	switch (how % 4) {
	case 0: /* no more questions; answers are still read */
		held_deliver(c, c->n_held);
		c->s->eof = true;
		break;
	case 1:
		c->s->reset = true;
		conn_end(c);
		break;
	case 2: /* reads again */
		c->s->room = value ? value * 16u : SIZE_MAX;
		break;
	default: /* the rest of what was begun */
		held_deliver(c, c->n_held);
	}
}

void ask_stream(struct wconn *c, const uint8_t *b, size_t len)
{
	while (len > 0) {
		size_t need = c->n_in < 2 ? 2 : 2u + get_be16(c->in);
		size_t n = need - c->n_in < len ? need - c->n_in : len;

		memcpy(c->in + c->n_in, b, n);
		c->n_in += n;
		b += n;
		len -= n;
		if (c->n_in < 2 || c->n_in < 2u + get_be16(c->in))
			continue;
		oracle_reply(c->in + 2, c->n_in - 2, &c->to, &c->addr, c->port, (int)(c - w.conn));
		c->n_in = 0;
	}
}
