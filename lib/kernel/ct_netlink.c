/* SPDX-License-Identifier: Apache-2.0 */
/* Entries, counters and dumps of the connection table, as conntrack netlink words them. */
#include "lib/kernel/ct_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct ctnl {
	struct mnl_socket *sock;
	unsigned seq;
	char buf[1 << 16];
};

int ctnl_open(struct ctnl **ret, struct diag *d)
{
	struct ctnl *c = calloc(1, sizeof *c);

	if (!c)
		return diag_set(d, ERR_NOMEM, "conntrack netlink: no memory");
	c->sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!c->sock || mnl_socket_bind(c->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		diag_errno(d, "conntrack netlink");
		ctnl_close(c);
		return ERR_SYS;
	}
	*ret = c;
	return 0;
}

void ctnl_close(struct ctnl *c)
{
	if (!c)
		return;
	if (c->sock)
		mnl_socket_close(c->sock);
	free(c);
}

static struct nlmsghdr *begin(struct ctnl *c, unsigned type, unsigned flags, uint8_t family)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(c->buf);
	struct nfgenmsg *g;

	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++c->seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof *g);
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	g->res_id = 0;
	return h;
}

/* Sends what `begin` began and reads all replies; 0 or an errno. */
static int talk(struct ctnl *c, const struct nlmsghdr *h, bool dump, mnl_cb_t cb, void *arg)
{
	unsigned port = mnl_socket_get_portid(c->sock);
	ssize_t n;
	int rc = MNL_CB_OK;

	if (mnl_socket_sendto(c->sock, h, h->nlmsg_len) < 0)
		return errno;
	do {
		n = mnl_socket_recvfrom(c->sock, c->buf, sizeof c->buf);
		if (n < 0)
			return errno;
		rc = mnl_cb_run(c->buf, (size_t)n, c->seq, port, cb, arg);
	} while (rc == MNL_CB_OK && dump);
	return rc < 0 ? errno : 0;
}

/* One request, all its replies. */
static int ask(struct ctnl *c, unsigned type, unsigned flags, mnl_cb_t cb, void *arg,
	       struct diag *d)
{
	const struct nlmsghdr *h = begin(c, type, flags, AF_UNSPEC); /* both families */

	errno = talk(c, h, (flags & NLM_F_DUMP) == NLM_F_DUMP, cb, arg);
	return errno ? diag_errno(d, "conntrack netlink") : 0;
}

/* --- numbers ------------------------------------------------------------------- */

static int on_global(const struct nlmsghdr *h, void *arg)
{
	struct ctnl_stats *s = arg;
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_validate(a, MNL_TYPE_U32) < 0)
			continue;
		if (mnl_attr_get_type(a) == CTA_STATS_GLOBAL_ENTRIES)
			s->entries = ntohl(mnl_attr_get_u32(a));
		else if (mnl_attr_get_type(a) == CTA_STATS_GLOBAL_MAX_ENTRIES)
			s->max = ntohl(mnl_attr_get_u32(a));
	}
	return MNL_CB_OK;
}

static uint64_t *counter_of(struct ctnl_stats *s, unsigned type)
{
	switch (type) {
	case CTA_STATS_INSERT_FAILED:
		return &s->insert_failed;
	case CTA_STATS_DROP:
		return &s->drop;
	case CTA_STATS_EARLY_DROP:
		return &s->early_drop;
	case CTA_STATS_CLASH_RESOLVE:
		return &s->clash_resolve;
	case CTA_STATS_INVALID:
		return &s->invalid;
	case CTA_STATS_CHAIN_TOOLONG:
		return &s->chain_too_long;
	default:
		return NULL;
	}
}

static int on_cpu(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		uint64_t *to = counter_of(arg, mnl_attr_get_type(a));

		if (to && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
			*to += ntohl(mnl_attr_get_u32(a));
	}
	return MNL_CB_OK;
}

int ctnl_stats(struct ctnl *c, struct ctnl_stats *ret, struct diag *d)
{
	struct ctnl_stats s = {0};
	int code = ask(c, IPCTNL_MSG_CT_GET_STATS, 0, on_global, &s, d);

	code = code ? code : ask(c, IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_DUMP, on_cpu, &s, d);
	if (!code)
		*ret = s;
	return code;
}

/* --- entries ------------------------------------------------------------------- */

struct dump {
	void (*each)(const struct ctnl_entry *e, void *arg);
	void *arg;
};

static void read_ip(const struct nlattr *nest, struct addr *src, struct addr *dst)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		unsigned type = mnl_attr_get_type(a);
		bool v6 = type == CTA_IP_V6_SRC || type == CTA_IP_V6_DST;
		struct addr *to = type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC ? src : dst;

		if (mnl_attr_get_payload_len(a) != (v6 ? 16 : 4))
			continue;
		to->family = v6 ? AF_INET6 : AF_INET;
		memcpy(to->b, mnl_attr_get_payload(a), v6 ? 16 : 4);
	}
}

static void read_proto(const struct nlattr *nest, struct ctnl_entry *e)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		switch (mnl_attr_get_type(a)) {
		case CTA_PROTO_NUM:
			e->proto = mnl_attr_get_u8(a);
			break;
		case CTA_PROTO_SRC_PORT:
			e->sport = ntohs(mnl_attr_get_u16(a));
			break;
		case CTA_PROTO_DST_PORT:
			e->dport = ntohs(mnl_attr_get_u16(a));
			break;
		default:
			break;
		}
	}
}

static void read_tuple(const struct nlattr *nest, bool orig, struct ctnl_entry *e)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == CTA_TUPLE_IP)
			read_ip(a, orig ? &e->src : &e->reply_src, orig ? &e->dst : &e->reply_dst);
		else if (orig && mnl_attr_get_type(a) == CTA_TUPLE_PROTO)
			read_proto(a, e);
	}
}

static void read_tcp_state(const struct nlattr *nest, struct ctnl_entry *e)
{
	const struct nlattr *a, *b;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) != CTA_PROTOINFO_TCP)
			continue;
		mnl_attr_for_each_nested(b, a)
		{
			if (mnl_attr_get_type(b) != CTA_PROTOINFO_TCP_STATE ||
			    mnl_attr_validate(b, MNL_TYPE_U8) < 0)
				continue;
			e->tcp_state = mnl_attr_get_u8(b);
			e->has_tcp_state = true;
		}
	}
}

static void read_entry(const struct nlmsghdr *h, struct ctnl_entry *e)
{
	const struct nlattr *a;

	memset(e, 0, sizeof *e);
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		unsigned type = mnl_attr_get_type(a);
		bool u32 = mnl_attr_validate(a, MNL_TYPE_U32) >= 0;

		if (type == CTA_TUPLE_ORIG || type == CTA_TUPLE_REPLY)
			read_tuple(a, type == CTA_TUPLE_ORIG, e);
		else if (type == CTA_PROTOINFO)
			read_tcp_state(a, e);
		else if (type == CTA_ZONE && mnl_attr_validate(a, MNL_TYPE_U16) >= 0)
			e->zone = ntohs(mnl_attr_get_u16(a));
		else if (type == CTA_TIMEOUT && u32)
			e->left_s = ntohl(mnl_attr_get_u32(a));
		else if (type == CTA_STATUS && u32) {
			e->status = ntohl(mnl_attr_get_u32(a));
			e->has_status = true;
		}
	}
}

static int on_entry(const struct nlmsghdr *h, void *arg)
{
	const struct dump *dump = arg;
	struct ctnl_entry e;

	read_entry(h, &e);
	dump->each(&e, dump->arg);
	return MNL_CB_OK;
}

int ctnl_dump(struct ctnl *c, void (*each)(const struct ctnl_entry *e, void *arg), void *arg,
	      struct diag *d)
{
	struct dump dump = {each, arg};

	return ask(c, IPCTNL_MSG_CT_GET, NLM_F_DUMP, on_entry, &dump, d);
}

static void put_tuple(struct nlmsghdr *h, const struct ctnl_entry *e)
{
	bool v6 = e->src.family == AF_INET6;
	size_t len = v6 ? 16 : 4;
	struct nlattr *tuple = mnl_attr_nest_start(h, CTA_TUPLE_ORIG), *part;

	part = mnl_attr_nest_start(h, CTA_TUPLE_IP);
	mnl_attr_put(h, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, len, e->src.b);
	mnl_attr_put(h, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, len, e->dst.b);
	mnl_attr_nest_end(h, part);
	part = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, e->proto);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(e->sport));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(e->dport));
	mnl_attr_nest_end(h, part);
	mnl_attr_nest_end(h, tuple);
}

int ctnl_delete(struct ctnl *c, const struct ctnl_entry *e, struct diag *d)
{
	struct nlmsghdr *h = begin(c, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, (uint8_t)e->src.family);

	put_tuple(h, e);
	errno = talk(c, h, false, NULL, NULL);
	return errno && errno != ENOENT ? diag_errno(d, "conntrack netlink: delete") : 0;
}

/* --- events ---------------------------------------------------------------------- */

int ctnl_listen(struct ctnl *c, size_t room_bytes, size_t *ret_room, struct diag *d)
{
	int fd = mnl_socket_get_fd(c->sock), room = (int)room_bytes;
	socklen_t len = sizeof room;
	static const int groups[] = {NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY};

	/* FORCE goes past net.core.rmem_max; it may be denied where the rest is not */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &len) < 0)
		return diag_errno(d, "conntrack netlink: room for events");
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
		if (mnl_socket_setsockopt(c->sock, NETLINK_ADD_MEMBERSHIP, (void *)(uintptr_t)&groups[i],
					  sizeof groups[i]) < 0)
			return diag_errno(d, "conntrack netlink: events");
	*ret_room = (size_t)room;
	return 0;
}

int ctnl_fd(const struct ctnl *c)
{
	return mnl_socket_get_fd(c->sock);
}

/* mnl_nlmsg_ok takes a length above INT_MAX for a negative one, which is below every other. */
static bool message_fits(const struct nlmsghdr *h, int left)
{
	return left >= (int)MNL_NLMSG_HDRLEN && h->nlmsg_len <= (uint32_t)left && mnl_nlmsg_ok(h, left);
}

size_t ctnl_parse(const void *buf, size_t len, ctnl_event *each, void *arg)
{
	const struct nlmsghdr *h = buf;
	int left = (int)len;
	size_t n = 0;

	for (; message_fits(h, left); h = mnl_nlmsg_next(h, &left)) {
		struct ctnl_entry e;
		enum ctnl_what what;

		if (h->nlmsg_type >> 8 != NFNL_SUBSYS_CTNETLINK || h->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
			continue;
		switch (h->nlmsg_type & 0xff) {
		case IPCTNL_MSG_CT_NEW:
			what = h->nlmsg_flags & NLM_F_CREATE ? CTNL_NEW : CTNL_UPDATE;
			break;
		case IPCTNL_MSG_CT_DELETE:
			what = CTNL_DESTROY;
			break;
		default:
			continue;
		}
		read_entry(h, &e);
		each(what, &e, arg);
		n++;
	}
	return n;
}

int ctnl_read(struct ctnl *c, ctnl_event *each, void *arg, uint64_t *ret_lost, struct diag *d)
{
	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(c->sock), c->buf, sizeof c->buf, MSG_DONTWAIT);

		if (n >= 0)
			ctnl_parse(c->buf, (size_t)n, each, arg);
		else if (errno == ENOBUFS)
			++*ret_lost;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return diag_errno(d, "conntrack netlink: events");
	}
}
