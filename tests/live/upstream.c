/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An authoritative server that misbehaves on request: the labels of the name
 * asked say how. It stands in for cluster DNS in the live tests.
 *
 *   upstream [-n NAME] ADDRESS PORT
 *
 * Labels (anywhere in the name; several combine):
 *   delay-MS     answer so much later          ttl-S        TTL of the records
 *   held[-TYPE]  (this type, by number) answer when this program is let go (below)
 *   drop[-N]     no answer (to the first N)    tc           TC over UDP, whole over TCP
 *   wrongid[-N]  another id first              wrongq[-N]   another question
 *   rst[-N] fin[-N]  TCP: reset, close instead of answering
 *   deny-TYPE denynosoa-TYPE  this type does not exist: NXDOMAIN, by number
 *   empty-TYPE   for this type nothing at all, by number
 *   nx nxnosoa nodata  negative answers        rcode-R[-N]  only this rcode
 *   soa-TTL-MIN  of the SOA in negatives       big-N        N records
 *   cname        CNAME to a name elsewhere     ede-N        with an EDE option
 *   fat          too large for UDP, sent anyway
 *   dup          over UDP: the answer twice
 *   guess[-N]    over UDP: twenty replies with other ids instead (to the first N)
 *   torn[-N]     over UDP: the last N octets lack (default 5); torntcp over TCP as well
 *
 * A TXT question is answered with who answered and how:
 *   "by=NAME proto=tcp conn=3 n=1 port=0"   n: how often this name and type were asked;
 *                                           port: whence over UDP
 * The question stats. TXT is answered with totals since the start:
 *   "udp=4 tcp=9 conns=2 open=1 peak=5 ports=4 wrong=0"
 *   (peak: unanswered at once on one connection; ports: distinct UDP source ports)
 *
 * SIGUSR2 holds back what has the label held, until SIGUSR1 lets it go: for what must come
 * between a question and its answer, however long that takes on a busy machine.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/dns/wire.h"
#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_udp.h"
#include "resolver/net/sockaddr.h"
#include "resolver/net/stream.h"

struct conn {
	struct conn *next;
	struct loop_fd watch;
	struct stream stream;
	unsigned number, n_waiting;
	bool dead;
};
struct reply { /* waits for its time */
	struct loop_timer timer;
	struct conn *conn; /* NULL: UDP */
	unsigned conn_number;
	union sockaddr_any to;
	bool held;
	size_t len;
	uint8_t b[];
};
struct seen {
	struct seen *next;
	uint64_t hash;
	unsigned n;
};
struct orders { /* what the labels said */
	unsigned delay_ms, ttl_s, drop, wrongid, wrongq, rst, fin, rcode, rcode_n, big, ede, soa_ttl, soa_min, deny, denynosoa, torn, guess, empty, held;
	bool tc, nx, nxnosoa, nodata, cname, fat, dup, torntcp;
};

static struct loop loop;
static struct loop_fd udp, tcp;
static struct stream_scratch scratch;
static struct conn *conns;
static struct seen *seen[1024];
static uint8_t port_seen[65536];
static const char *name_of_this = "upstream";
static volatile sig_atomic_t holds;
static unsigned n_conns, n_open, n_udp, n_tcp, n_peak, n_ports;

/* --- what is wanted --- */

static unsigned number(const char *s, unsigned otherwise)
{
	return *s == '-' ? (unsigned)strtoul(s + 1, NULL, 10) : otherwise;
}

static void order_read(struct orders *o, const char *label)
{
	size_t n = strcspn(label, "-");
	const char *arg = label + n, *arg2 = *arg ? arg + 1 + strcspn(arg + 1, "-") : arg;
	struct {
		const char *word;
		unsigned *value, otherwise;
	} numbers[] = {
		{ "delay", &o->delay_ms, 0 }, { "ttl", &o->ttl_s, 0 },	 { "drop", &o->drop, ~0u },
		{ "wrongid", &o->wrongid, ~0u }, { "wrongq", &o->wrongq, ~0u }, { "rst", &o->rst, ~0u },
		{ "fin", &o->fin, ~0u },      { "rcode", &o->rcode, 0 }, { "big", &o->big, 0 },
		{ "torn", &o->torn, 5 },		{ "guess", &o->guess, ~0u },
		{ "ede", &o->ede, 0 },	      { "soa", &o->soa_ttl, 0 },
		{ "deny", &o->deny, 0 },	      { "empty", &o->empty, 0 },
		{ "denynosoa", &o->denynosoa, 0 }, { "held", &o->held, ~0u },
	};
	struct {
		const char *word;
		bool *value;
	} flags[] = { { "tc", &o->tc }, { "nx", &o->nx }, { "nxnosoa", &o->nxnosoa },
		      { "nodata", &o->nodata }, { "cname", &o->cname }, { "fat", &o->fat },
		      { "dup", &o->dup },
		      { "torntcp", &o->torntcp } };
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strlen(numbers[i].word) == n && strncmp(numbers[i].word, label, n) == 0)
			*numbers[i].value = number(arg, numbers[i].otherwise);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(flags[i].word, label) == 0)
			*flags[i].value = true;
	if (strncmp(label, "soa-", 4) == 0)
		o->soa_min = number(arg2, o->soa_ttl);
	if (strncmp(label, "rcode-", 6) == 0)
		o->rcode_n = number(arg2, ~0u);
}

static void orders_read(struct orders *o, const uint8_t *name)
{
	uint8_t lower[NAME_MAX_WIRE];
	*o = (struct orders){ .ttl_s = 30, .big = 1, .soa_ttl = 5, .soa_min = 5 };
	name_lower(lower, name); /* it may come in any spelling */
	for (name = lower; *name; name += *name + 1) {
		char label[64];
		memcpy(label, name + 1, *name);
		label[*name] = 0;
		order_read(o, label);
	}
}

static unsigned count(const uint8_t *name, uint16_t type)
{
	uint8_t key[NAME_MAX_WIRE + 2];
	static const struct hash_key k;
	size_t len = name_lower(key, name);
	set_be16(key + len, type);
	uint64_t h = hash_sip13(&k, key, len + 2);
	struct seen **at = &seen[h % 1024];
	while (*at && (*at)->hash != h)
		at = &(*at)->next;
	if (!*at && !(*at = calloc(1, sizeof(**at))))
		abort();
	(*at)->hash = h;
	return ++(*at)->n;
}

/* --- messages --- */

static void put_text(struct wire_out *w, const char *text)
{
	wire_put_u8(w, (uint8_t)strlen(text));
	wire_put_bytes(w, text, strlen(text));
}

static void put_soa(struct wire_out *w, const struct orders *o)
{
	static const uint8_t zone[] = "\4test", mname[] = "\2ns\4test";
	size_t mark = wire_rr_begin(w, zone, DNS_SOA, DNS_IN, o->soa_ttl);
	wire_put_name(w, mname);
	wire_put_name(w, mname);
	for (int i = 0; i < 4; i++)
		wire_put_u32(w, 3600);
	wire_put_u32(w, o->soa_min);
	wire_rr_end(w, mark);
}

static void put_record(struct wire_out *w, const uint8_t *owner, uint16_t type, const struct orders *o,
		       unsigned i, const char *text)
{
	static const uint8_t target[] = "\2ns\4test";
	const uint8_t v6[16] = { 0xfd, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)(i + 1) };
	size_t mark = wire_rr_begin(w, owner, type, DNS_IN, o->ttl_s);
	if (type == DNS_A)
		wire_put_u32(w, 0x0a010001u + i);
	else if (type == DNS_AAAA)
		wire_put_bytes(w, v6, 16);
	else if (type == DNS_TXT)
		put_text(w, text);
	else
		wire_put_name(w, target);
	wire_rr_end(w, mark);
}

struct context {
	const struct orders *o;
	const struct dns_question *q;
	const struct dns_msg *m;
	const char *text;
	unsigned rcode;
	bool is_udp;
};

static void put_answers(struct wire_out *w, const struct context *c, struct dns_header *h)
{
	static const uint8_t elsewhere[] = "\7nowhere\4test";
	if (c->o->empty == c->q->qtype)
		return;
	if (c->rcode || c->o->nx || c->o->nxnosoa || c->o->nodata) {
		if (!c->rcode && !c->o->nxnosoa) {
			put_soa(w, c->o);
			h->n_ns = 1;
		}
	} else if (c->o->cname) {
		size_t mark = wire_rr_begin(w, c->q->name, DNS_CNAME, DNS_IN, c->o->ttl_s);
		wire_put_name(w, elsewhere);
		wire_rr_end(w, mark);
		h->n_an = 1;
	} else if (c->q->qtype == DNS_A || c->q->qtype == DNS_AAAA || c->q->qtype == DNS_TXT ||
		   c->q->qtype == DNS_PTR || c->q->qtype == DNS_NS) {
		for (unsigned i = 0; i < c->o->big; i++)
			put_record(w, c->q->name, c->q->qtype, c->o, i, c->text);
		h->n_an = (uint16_t)c->o->big;
	} else {
		put_soa(w, c->o);
		h->n_ns = 1;
	}
}

static void put_edns(struct wire_out *w, const struct context *c, struct dns_header *h)
{
	if (!c->m->edns.present)
		return;
	size_t mark = wire_opt_begin(w, 1232, 0, 0, c->m->edns.do_bit);
	if (c->o->ede) {
		wire_put_u16(w, EDNS_EDE);
		wire_put_u16(w, 2);
		wire_put_u16(w, (uint16_t)c->o->ede);
	}
	wire_opt_end(w, mark);
	h->n_ar = 1;
}

static size_t build(uint8_t *b, size_t cap, const struct context *c)
{
	struct wire_out w;
	unsigned rcode = c->o->nx || c->o->nxnosoa ? DNS_NXDOMAIN : c->rcode;
	struct dns_header h = { .id = c->m->h.id, .n_qd = 1,
				.flags = (uint16_t)(DNS_QR | DNS_AA | DNS_RA | (c->m->h.flags & DNS_RD) | rcode) };
	wire_out_init(&w, b, cap);
	if (c->is_udp && c->o->tc)
		h.flags |= DNS_TC;
	wire_put_header(&w, &h);
	wire_put_question(&w, c->q->name, c->q->qtype, c->q->qclass);
	if (!(h.flags & DNS_TC))
		put_answers(&w, c, &h);
	put_edns(&w, c, &h);
	size_t limit = c->m->edns.present ? c->m->edns.udp_size : 512;
	if (c->is_udp && !c->o->fat && w.len > limit) { /* as a real one: cut and say so */
		struct orders cut = *c->o;
		struct context again = *c;
		cut.tc = true;
		again.o = &cut;
		return build(b, cap, &again);
	}
	size_t len = w.len;
	wire_out_init(&w, b, cap);
	wire_put_header(&w, &h);
	return len;
}

/* --- sending --- */

static void conn_close(struct conn *c, bool reset)
{
	struct linger l = { 1, 0 };
	struct conn **at = &conns;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (reset)
		setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	loop_del(&loop, &c->watch);
	close(c->watch.fd);
	stream_release(&c->stream);
	n_open--;
	free(c);
}

static void reply_due(struct loop_timer *t)
{
	struct reply *r = container_of(t, struct reply, timer);
	struct conn *c = conns;
	if (r->held && holds) {
		loop_timer_set(&loop, t, loop.now_ns + 5 * NS_PER_MS);
		return;
	}
	if (!r->conn_number) {
		socklen_t len = r->to.sa.sa_family == AF_INET ? sizeof(r->to.v4) : sizeof(r->to.v6);
		sendto(udp.fd, r->b, r->len, 0, &r->to.sa, len);
	} else {
		while (c && c->number != r->conn_number)
			c = c->next;
		if (c) {
			c->n_waiting--;
			stream_put(&c->stream, r->b, r->len);
			stream_flush(&c->stream);
		}
	}
	free(r);
}

static void reply_send(struct conn *c, const union sockaddr_any *to, const uint8_t *b, size_t len,
		       const struct orders *o)
{
	struct reply *r = calloc(1, sizeof(*r) + len);
	if (!r)
		abort();
	r->timer.due = reply_due;
	r->conn_number = c ? c->number : 0;
	if (to)
		r->to = *to;
	r->held = o->held;
	r->len = len;
	memcpy(r->b, b, len);
	if (c && ++c->n_waiting > n_peak)
		n_peak = c->n_waiting;
	if (o->delay_ms)
		loop_timer_set(&loop, &r->timer, loop.now_ns + o->delay_ms * NS_PER_MS);
	else
		reply_due(&r->timer);
}

static void answer(struct conn *c, const union sockaddr_any *from, const uint8_t *msg, size_t len)
{
	static const uint8_t stats[] = "\5stats";
	static uint8_t b[65535];
	struct dns_msg m;
	struct orders o;
	char text[200];
	if (dns_msg_parse(&m, msg, len) != 0 || m.h.n_qd != 1)
		return;
	orders_read(&o, m.q.name);
	o.nx |= o.deny == m.q.qtype;
	o.nxnosoa |= o.denynosoa == m.q.qtype;
	o.held = o.held == ~0u || o.held == m.q.qtype;
	unsigned n = count(m.q.name, m.q.qtype);
	snprintf(text, sizeof(text), "by=%s proto=%s conn=%u n=%u port=%u", name_of_this, c ? "tcp" : "udp",
		 c ? c->number : 0, n, c ? 0 : ntohs(from->v4.sin_port));
	if (name_eq(m.q.name, stats))
		snprintf(text, sizeof(text), "udp=%u tcp=%u conns=%u open=%u peak=%u ports=%u", n_udp, n_tcp,
			 n_conns, n_open, n_peak, n_ports);
	struct context ctx = { .o = &o, .q = &m.q, .m = &m, .text = text, .is_udp = !c,
			       .rcode = n <= o.rcode_n ? o.rcode : 0 };
	if (c && (n <= o.rst || n <= o.fin)) {
		c->dead = true;
		if (n <= o.rst) {
			struct linger l = { 1, 0 };
			setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		}
		return;
	}
	if (n <= o.drop)
		return;
	len = build(b, sizeof(b), &ctx);
	if (!c || o.torntcp)
		len -= o.torn < len ? o.torn : 0;
	for (unsigned i = 1; !c && n <= o.guess && i <= 20; i++) {
		b[1] = (uint8_t)(m.h.id + i);
		reply_send(c, from, b, len, &o);
	}
	if (!c && n <= o.guess)
		return;
	if (n <= o.wrongid) {
		b[0] ^= 0x5a;
		reply_send(c, from, b, len, &o);
		b[0] ^= 0x5a;
		if (o.wrongid == ~0u)
			return;
	}
	if (n <= o.wrongq)
		b[13] ^= 1;
	reply_send(c, from, b, len, &o);
	if (o.dup && !c)
		reply_send(c, from, b, len, &o);
}

/* --- receiving --- */

static void udp_ready(struct loop_fd *w, uint32_t events)
{
	uint8_t b[65535];
	union sockaddr_any from;
	socklen_t len = sizeof(from);
	ssize_t n;
	(void)events;
	while ((n = recvfrom(w->fd, b, sizeof(b), 0, &from.sa, &len)) >= 0) {
		uint16_t port = ntohs(from.v4.sin_port);
		n_udp++;
		n_ports += !port_seen[port];
		port_seen[port] = 1;
		answer(NULL, &from, b, (size_t)n);
		len = sizeof(from);
	}
}

static bool tcp_message(void *ctx, const uint8_t *msg, size_t len)
{
	struct conn *c = ctx;
	n_tcp++;
	answer(c, NULL, msg, len);
	return !c->dead;
}

static void conn_ready(struct loop_fd *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, watch);
	(void)events;
	enum stream_status st = stream_read(&c->stream, &scratch, tcp_message, c);
	if (c->dead || st == STREAM_CLOSED || st == STREAM_ERROR)
		conn_close(c, false);
}

static void tcp_ready(struct loop_fd *w, uint32_t events)
{
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	(void)events;
	if (fd < 0)
		return;
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	stream_init(&c->stream, fd);
	c->number = ++n_conns;
	n_open++;
	c->watch.ready = conn_ready;
	c->next = conns;
	conns = c;
	loop_add(&loop, &c->watch, fd, EPOLLIN);
}

static void told(int sig)
{
	holds = sig == SIGUSR2;
}

int main(int argc, char **argv)
{
	struct in6_addr addr;
	struct diag d = { "" };
	uint16_t port;
	int opt;
	while ((opt = getopt(argc, argv, "n:")) != -1) {
		if (opt != 'n')
			return 2;
		name_of_this = optarg;
	}
	if (argc - optind != 2 ||
	    sockaddr_parse(argv[optind], (uint16_t)atoi(argv[optind + 1]), &addr, &port) < 0) {
		fprintf(stderr, "usage: upstream [-n NAME] ADDRESS PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, told);
	signal(SIGUSR2, told);
	udp.ready = udp_ready;
	tcp.ready = tcp_ready;
	if (loop_init(&loop, &d) < 0 || (udp.fd = udp_socket_open(&addr, port, 0, 1, &d)) < 0 ||
	    (tcp.fd = tcp_socket_open(&addr, port, 0, &d)) < 0 ||
	    loop_add(&loop, &udp, udp.fd, EPOLLIN) < 0 || loop_add(&loop, &tcp, tcp.fd, EPOLLIN) < 0) {
		fprintf(stderr, "upstream: %s\n", d.text);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	return loop_run(&loop) < 0;
}
