/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/net/tcp and tcp6 to entries of the connection table, and to entries that go, by conntrack netlink. */
#include "resolver/node/established.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/first.h"
#include "resolver/node/proc_net.h"

#define BATCH    32 /* each is acknowledged, and a socket has room for some hundred acknowledgements */
#define LEFT_S   60 /* until the first packet; then the kernel's own times hold */
#define LINE_MAX 512
#define LEFT_MAX 1024 /* deleted at a time */
#define LEFT_ONE 256  /* in one datagram: an entry takes more than 140 octets */

/* include/net/tcp_states.h */
enum { ESTABLISHED = 1, SYN_RECEIVED = 3, FIN_WAIT1 = 4, FIN_WAIT2 = 5, TIME_WAIT = 6, CLOSE_WAIT = 8, LAST_ACK = 9, LISTEN = 10, CLOSING = 11 };

bool established_parse(const char *line, struct established *ret)
{
	struct established e;
	char local[33], client[33];
	unsigned port, client_port, state;

	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%x %x", local, &port, client, &client_port, &state) != 5 ||
	    !proc_net_addr(local, &e.local) || !proc_net_addr(client, &e.client))
		return false;
	e.closing = e.closed = false;
	switch (state) {
	case ESTABLISHED:
	case SYN_RECEIVED:
		break;
	case FIN_WAIT1:
	case FIN_WAIT2:
	case CLOSE_WAIT:
	case LAST_ACK:
	case CLOSING:
		e.closing = true;
		break;
	case TIME_WAIT:
		e.closed = true;
		break;
	default:
		return false;
	}
	e.asked = e.local;
	e.port = (uint16_t)port;
	e.client_port = (uint16_t)client_port;
	*ret = e;
	return true;
}

static void put_tuple(struct nl_buf *b, uint16_t which, const struct in6_addr *src, uint16_t sport, const struct in6_addr *dst,
		      uint16_t dport)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(src);
	size_t skip = v4 ? 12 : 0, len = v4 ? 4 : 16, tuple = nl_nest(b, which), part = nl_nest(b, CTA_TUPLE_IP);

	nl_put(b, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, src->s6_addr + skip, len);
	nl_put(b, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, dst->s6_addr + skip, len);
	nl_end(b, part);
	part = nl_nest(b, CTA_TUPLE_PROTO);
	nl_put_u8(b, CTA_PROTO_NUM, IPPROTO_TCP);
	nl_put_be16(b, CTA_PROTO_SRC_PORT, sport);
	nl_put_be16(b, CTA_PROTO_DST_PORT, dport);
	nl_end(b, part);
	nl_end(b, tuple);
}

/* Sequence numbers were never seen, so none is called wrong. One that is closing is in TIME_WAIT, and one
 * that is reset comes to CLOSE, where a new SYN from the same port begins anew, by kube-proxy's rules: of what has
 * begun to close. Of others the kernel lets it through to us, as one more of a connection that is none, for ten seconds. */
static void put_state(struct nl_buf *b, bool closing)
{
	uint8_t bits = IP_CT_TCP_FLAG_BE_LIBERAL | IP_CT_TCP_FLAG_CLOSE_INIT;
	struct nf_ct_tcp_flags flags = {.flags = bits, .mask = bits};
	size_t info = nl_nest(b, CTA_PROTOINFO), tcp = nl_nest(b, CTA_PROTOINFO_TCP);

	nl_put_u8(b, CTA_PROTOINFO_TCP_STATE, closing ? TCP_CONNTRACK_TIME_WAIT : TCP_CONNTRACK_ESTABLISHED);
	nl_put(b, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &flags, sizeof flags);
	nl_put(b, CTA_PROTOINFO_TCP_FLAGS_REPLY, &flags, sizeof flags);
	nl_end(b, tcp);
	nl_end(b, info);
}

/* By the tuple that a client's segments have. */
static void put_head(struct nl_buf *b, const struct established *e, uint16_t type, uint16_t flags)
{
	struct nfgenmsg *g = nl_begin(b, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), flags, sizeof *g);

	if (g)
		g->nfgen_family = IN6_IS_ADDR_V4MAPPED(&e->client) ? AF_INET : AF_INET6;
	put_tuple(b, CTA_TUPLE_ORIG, &e->client, e->client_port, &e->asked, e->port);
}

void established_put_end(struct nl_buf *b, const struct established *e)
{
	put_head(b, e, IPCTNL_MSG_CT_DELETE, 0);
}

void established_put(struct nl_buf *b, const struct established *e)
{
	put_head(b, e, IPCTNL_MSG_CT_NEW, NLM_F_CREATE);
	put_tuple(b, CTA_TUPLE_REPLY, &e->asked, e->port, &e->client, e->client_port);
	/* Seen both ways: nobody looks for a translation of it any more. */
	nl_put_be32(b, CTA_STATUS, IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED);
	nl_put_be32(b, CTA_TIMEOUT, LEFT_S);
	put_state(b, e->closing);
}

static const struct in6_addr *asked_of(const struct established_with *us, size_t i)
{
	return us->asked ? &us->asked[i].addr : &us->ip[i].addr;
}

/* A connection's own end, and what its client asked. */
static bool is_ours(struct established *e, const struct established_with *us)
{
	bool ours = false;

	for (size_t i = 0; i < us->n_ips && !ours; i++) {
		ours = e->port == us->port && IN6_ARE_ADDR_EQUAL(&e->local, &us->ip[i].addr);
		if (ours)
			e->asked = *asked_of(us, i);
	}
	return ours;
}

struct walk {
	struct netlink *nl;
	const struct established_with *us;
	void (*put)(struct nl_buf *b, const struct established *e);
	bool not_rewritten; /* others are passed over */
	const char *what;
};

/* Nothing there to delete is as it should be. */
static int batch_send(const struct walk *w, struct nl_buf *b, struct diag *d)
{
	struct diag words = {""};
	int err = netlink_send(w->nl, b, NULL, NULL, w->what, &words);

	nl_init(b);
	if (!err || netlink_errno(w->nl) == ENOENT)
		return 0;
	return diag_set(d, err, "%s", words.text);
}

bool established_walking(const struct established_walk *at)
{
	return at->f || at->file;
}

void established_walk_end(struct established_walk *at)
{
	if (at->f)
		fclose(at->f);
	*at = (struct established_walk){0};
}

/* The next of ours within so many lines. Where the kernel has not one family's file there is nothing to do. */
static bool walk_next(const struct walk *w, struct established_walk *at, unsigned *lines, struct established *ret)
{
	static const char *const file[] = {"/proc/net/tcp", "/proc/net/tcp6"};
	char line[LINE_MAX];

	while (*lines && at->file < 2) {
		if (!at->f)
			at->f = fopen(file[at->file], "re");
		if (at->f && fgets(line, sizeof line, at->f)) {
			--*lines;
			if (established_parse(line, ret) && is_ours(ret, w->us))
				return true;
			continue;
		}
		if (at->f)
			fclose(at->f);
		at->f = NULL;
		at->file++;
	}
	if (at->file == 2)
		established_walk_end(at);
	return false;
}

static int walk_part(const struct walk *w, struct established_walk *at, struct diag *d)
{
	struct nl_buf b;
	struct established e;
	unsigned n = 0, lines = ESTABLISHED_LINES;
	int first = 0, err;

	nl_init(&b);
	while (walk_next(w, at, &lines, &e)) {
		if (e.closed || (w->not_rewritten && !IN6_ARE_ADDR_EQUAL(&e.asked, &e.local)))
			continue;
		w->put(&b, &e);
		if (++n % BATCH)
			continue;
		err = batch_send(w, &b, diag_first(first, d));
		first = err_first(first, err);
	}
	err = n % BATCH ? batch_send(w, &b, diag_first(first, d)) : 0;
	return err_first(first, err);
}

static int walk_all(const struct walk *w, struct diag *d)
{
	struct established_walk at = {0};
	int first = 0;

	do {
		int err = walk_part(w, &at, diag_first(first, d));

		first = err_first(first, err);
	} while (established_walking(&at));
	return first;
}

int established_clear(struct netlink *nl, const struct established_with *us, struct established_walk *at, struct diag *d)
{
	struct walk w = {.nl = nl, .us = us, .put = established_put_end, .what = "conntrack: deleting what others left"};

	return at ? walk_part(&w, at, d) : walk_all(&w, d);
}

/* --- what no connection is behind --- */

/* net/netfilter/nf_conntrack_netlink.c; a kernel that knows no filters tells of all. By IPv6 addresses kernels choose
 * all others, so addresses are looked at here. */
enum { FILTER_PROTO = 1 << 3, FILTER_SPORT = 1 << 4, FILTER_DPORT = 1 << 5 };

#define LOOKING "conntrack: looking for what others left"

struct left {
	const struct established_with *us;
	bool v4;
	bool from_us; /* entries that our segments made, else those that clients' did */
	size_t n;
	struct established one[LEFT_MAX];
};

static bool take_end(struct nl_attr addr, struct nl_attr port, bool v4, struct in6_addr *ret, uint16_t *ret_port)
{
	size_t len = v4 ? 4 : 16;

	if (addr.len != len || port.len != 2)
		return false;
	*ret = (struct in6_addr){0};
	if (v4)
		ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	memcpy(ret->s6_addr + 16 - len, addr.data, len);
	*ret_port = (uint16_t)(((const uint8_t *)port.data)[0] << 8 | ((const uint8_t *)port.data)[1]);
	return true;
}

/* The client's end is the tuple's source. */
static bool tuple_parse(struct nl_attr nest, bool v4, struct established *ret)
{
	struct nl_attr tuple[CTA_TUPLE_PROTO + 1], ip[CTA_IP_V6_DST + 1], proto[CTA_PROTO_DST_PORT + 1];

	nl_parse_nest(nest, tuple, CTA_TUPLE_PROTO + 1);
	nl_parse_nest(tuple[CTA_TUPLE_IP], ip, CTA_IP_V6_DST + 1);
	nl_parse_nest(tuple[CTA_TUPLE_PROTO], proto, CTA_PROTO_DST_PORT + 1);
	return proto[CTA_PROTO_NUM].len == 1 && *(const uint8_t *)proto[CTA_PROTO_NUM].data == IPPROTO_TCP &&
	       take_end(ip[v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC], proto[CTA_PROTO_SRC_PORT], v4, &ret->client, &ret->client_port) &&
	       take_end(ip[v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST], proto[CTA_PROTO_DST_PORT], v4, &ret->asked, &ret->port);
}

/* By either of its addresses: it is no connection of ours that an entry here tells of. */
static bool is_left(const struct left *l, const struct established *e)
{
	bool left = false;

	for (size_t i = 0; i < l->us->n_ips; i++)
		left |= e->port == l->us->port &&
			(IN6_ARE_ADDR_EQUAL(&e->asked, &l->us->ip[i].addr) || IN6_ARE_ADDR_EQUAL(&e->asked, asked_of(l->us, i)));
	return left;
}

static void entry_seen(void *ctx, const struct nlmsghdr *h)
{
	struct nl_attr a[CTA_TUPLE_ORIG + 1];
	struct left *l = ctx;
	struct established t = {0}, e;

	nl_parse(h, sizeof(struct nfgenmsg), a, CTA_TUPLE_ORIG + 1);
	if (!tuple_parse(a[CTA_TUPLE_ORIG], l->v4, &t))
		return;
	e = t;
	if (l->from_us)
		e = (struct established){.asked = t.client, .port = t.client_port, .client = t.asked, .client_port = t.port};
	if (l->n < LEFT_MAX && is_left(l, &e))
		l->one[l->n++] = e;
}

/* The kernel goes through all of its table for it, a datagram at a time. */
static int left_begin(struct established_sweep *at, const struct left *l, const struct in6_addr *one, struct diag *d)
{
	struct established us = {.asked = *one, .client = *one, .port = l->us->port, .client_port = l->us->port};
	uint32_t flags = FILTER_PROTO | (l->from_us ? FILTER_SPORT : FILTER_DPORT);
	struct nl_buf b;
	size_t nest;
	int err = netlink_open(&at->nl, NETLINK_NETFILTER, d);

	if (err)
		return err;
	nl_init(&b);
	put_head(&b, &us, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	nest = nl_nest(&b, CTA_FILTER);
	nl_put_u32(&b, CTA_FILTER_ORIG_FLAGS, flags);
	nl_put_u32(&b, CTA_FILTER_REPLY_FLAGS, 0);
	nl_end(&b, nest);
	return netlink_dump(at->nl, &b, LOOKING, d);
}

/* 1: there is more to be read. */
static int left_read(struct established_sweep *at, struct left *l, struct diag *d)
{
	int more = 1;

	for (unsigned i = 0; more > 0 && i < ESTABLISHED_DATAGRAMS && l->n + LEFT_ONE <= LEFT_MAX; i++)
		more = netlink_more(at->nl, entry_seen, l, LOOKING, d);
	return more;
}

static int left_end(struct netlink *nl, const struct left *l, struct diag *d)
{
	struct walk w = {.nl = nl, .what = "conntrack: deleting what others left"};
	struct nl_buf b;
	int err = 0;

	nl_init(&b);
	for (size_t i = 0; i < l->n && !err; i++) {
		established_put_end(&b, &l->one[i]);
		if (i % BATCH == BATCH - 1 || i + 1 == l->n)
			err = batch_send(&w, &b, d);
	}
	return err;
}

static const struct in6_addr *first_of(const struct established_with *us, bool v4)
{
	for (size_t i = 0; i < us->n_ips; i++)
		if (us->ip[i].is_v4 == v4)
			return &us->ip[i].addr;
	return NULL;
}

void established_sweep_end(struct established_sweep *at)
{
	netlink_close(at->nl);
	*at = (struct established_sweep){0};
}

/* One of the four, from where it is; 0: it is done. */
static int left_part(struct netlink *nl, struct left *l, const struct in6_addr *one, struct established_sweep *at, struct diag *d)
{
	int err = at->nl ? 0 : left_begin(at, l, one, d), more = err ? err : left_read(at, l, d);

	err = left_end(nl, l, more < 0 ? NULL : d);
	return more < 0 ? more : err ? err : more;
}

int established_sweep(struct netlink *nl, const struct established_with *us, struct established_sweep *at, struct diag *d)
{
	bool v4 = at->which / 2;
	const struct in6_addr *one = first_of(us, v4);
	struct left *l = one ? malloc(sizeof *l) : NULL;
	int rc = 0;

	if (one && !l)
		return diag_set(d, ERR_NOMEM, "conntrack: no memory to look");
	if (one) {
		*l = (struct left){.us = us, .v4 = v4, .from_us = at->which % 2};
		rc = left_part(nl, l, one, at, d);
	}
	free(l);
	if (rc == 0) {
		netlink_close(at->nl);
		at->nl = NULL;
		rc = ++at->which < 4;
	}
	if (rc <= 0)
		established_sweep_end(at);
	return rc;
}

int established_enter(struct netlink *nl, const struct established_with *us, struct diag *d)
{
	struct walk w = {nl, us, established_put, true, "conntrack: entering connections"};
	int cleared = established_clear(nl, us, NULL, d), entered = walk_all(&w, diag_first(cleared, d));

	return err_first(cleared, entered);
}

/* --- ours that are none any more --- */

struct asked {
	const struct established *e;
	bool elsewhere;
};

static void asked_seen(void *ctx, const struct nlmsghdr *h)
{
	struct nl_attr a[CTA_TUPLE_REPLY + 1];
	struct asked *q = ctx;
	struct established there = {0}, back = {0};
	bool v4 = IN6_IS_ADDR_V4MAPPED(&q->e->client);

	nl_parse(h, sizeof(struct nfgenmsg), a, CTA_TUPLE_REPLY + 1);
	if (tuple_parse(a[CTA_TUPLE_ORIG], v4, &there) && tuple_parse(a[CTA_TUPLE_REPLY], v4, &back))
		q->elsewhere = IN6_ARE_ADDR_EQUAL(&there.asked, &q->e->asked) && there.port == q->e->port &&
			       !IN6_ARE_ADDR_EQUAL(&back.client, &q->e->asked);
}

static bool is_elsewhere(struct netlink *nl, const struct established *e)
{
	struct asked q = {.e = e};
	struct nl_buf b;

	nl_init(&b);
	put_head(&b, e, IPCTNL_MSG_CT_GET, 0);
	return netlink_send(nl, &b, asked_seen, &q, "", NULL) == 0 && q.elsewhere;
}

struct found {
	bool there;
	uint32_t cookie[2];
};

static void found_seen(void *ctx, const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct found *f = ctx;

	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < NLMSG_LENGTH(sizeof *m) || m->idiag_state == LISTEN)
		return;
	memcpy(f->cookie, m->id.idiag_cookie, sizeof f->cookie);
	f->there = true;
}

/* The one that was found, or whichever the kernel finds. */
static int socket_ask(struct netlink *diag, uint16_t what, const struct established *e, struct found *f, struct diag *d)
{
	struct inet_diag_req_v2 *r;
	struct nl_buf b;
	bool v4 = IN6_IS_ADDR_V4MAPPED(&e->client);

	nl_init(&b);
	r = nl_begin(&b, what, 0, sizeof *r);
	if (!r)
		return ERR_LIMIT;
	r->sdiag_family = v4 ? AF_INET : AF_INET6;
	r->sdiag_protocol = IPPROTO_TCP;
	r->idiag_states = UINT32_MAX;
	r->id.idiag_sport = htons(e->port);
	r->id.idiag_dport = htons(e->client_port);
	memcpy(r->id.idiag_src, e->local.s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	memcpy(r->id.idiag_dst, e->client.s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	memcpy(r->id.idiag_cookie, f->cookie, sizeof f->cookie);
	return netlink_send(diag, &b, f->there ? NULL : found_seen, f, "ending what is elsewhere now", d);
}

/* For one that has gone meanwhile the kernel takes who listens there, and would end that. So it is told by its cookie. */
int established_end_one(struct netlink *diag, const struct established *e, struct diag *d)
{
	struct found f = {.cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}};
	int err = socket_ask(diag, SOCK_DIAG_BY_FAMILY, e, &f, d), no = netlink_errno(diag);

	if (!err && f.there) {
		err = socket_ask(diag, SOCK_DESTROY, e, &f, d);
		no = netlink_errno(diag);
	}
	/* It has ended; or it had, and this kernel (before 6.10) makes none forget. */
	return err && (no == ENOENT || no == ESTALE || (no == EOPNOTSUPP && e->closed)) ? 0 : err;
}

int established_end(struct netlink *nl, struct netlink *diag, const struct established_with *us, struct established_walk *at,
		    struct diag *d)
{
	struct walk w = {.us = us};
	struct established e;
	unsigned lines = ESTABLISHED_LINES;
	int first = 0;

	while (walk_next(&w, at, &lines, &e)) {
		int err = is_elsewhere(nl, &e) ? established_end_one(diag, &e, diag_first(first, d)) : 0;

		first = err_first(first, err);
	}
	return first;
}
