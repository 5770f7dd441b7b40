/* SPDX-License-Identifier: Apache-2.0 */
/* Building, sending and reading netlink messages over libmnl. */
#include "resolver/node/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define DATAGRAM 32768 /* what the kernel packs into one of a dump at most */

struct netlink {
	struct mnl_socket *s;
	uint32_t seq, first_seq; /* of the last attempt */
	int last_errno;
};

int netlink_open(struct netlink **ret, int bus, struct diag *d)
{
	/* Only a guard: replies are queued when the send returns. */
	struct timeval limit = {.tv_sec = 2};
	struct netlink *nl = calloc(1, sizeof *nl);

	if (!nl)
		return diag_set(d, ERR_NOMEM, "netlink: out of memory");
	nl->s = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->s || mnl_socket_bind(nl->s, 0, MNL_SOCKET_AUTOPID) ||
	    setsockopt(mnl_socket_get_fd(nl->s), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit)) {
		diag_errno(d, "netlink");
		netlink_close(nl);
		return ERR_SYS;
	}
	*ret = nl;
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (!nl)
		return;
	if (nl->s)
		mnl_socket_close(nl->s);
	free(nl);
}

void nl_init(struct nl_buf *b)
{
	b->h = NULL;
	b->len = 0;
	b->seq = 0;
	b->full = false;
}

/* The message being built becomes part of the batch. */
static void close_message(struct nl_buf *b)
{
	if (b->h && !b->full)
		b->len = (size_t)((char *)b->h - b->mem) + MNL_ALIGN(b->h->nlmsg_len);
	b->h = NULL;
}

void *nl_begin(struct nl_buf *b, uint16_t type, uint16_t flags, size_t family_header_len)
{
	close_message(b);
	if (b->full || b->len + MNL_NLMSG_HDRLEN + MNL_ALIGN(family_header_len) > sizeof b->mem) {
		b->full = true;
		return NULL;
	}
	b->h = mnl_nlmsg_put_header(b->mem + b->len);
	b->h->nlmsg_type = type;
	b->h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	b->h->nlmsg_seq = b->seq++; /* made unique when sent */
	return mnl_nlmsg_put_extra_header(b->h, family_header_len);
}

static size_t room(const struct nl_buf *b)
{
	return sizeof b->mem - (size_t)((const char *)b->h - b->mem);
}

void nl_put(struct nl_buf *b, uint16_t attr, const void *data, size_t len)
{
	if (b->full || !b->h || !mnl_attr_put_check(b->h, room(b), attr, len, data)) {
		b->full = true;
		return;
	}
	/* What the library leaves between two of them as it was is our stack's. */
	memset((char *)mnl_nlmsg_get_payload_tail(b->h) - (MNL_ALIGN(len) - len), 0, MNL_ALIGN(len) - len);
}

void nl_put_text(struct nl_buf *b, uint16_t attr, const char *text)
{
	nl_put(b, attr, text, strlen(text) + 1);
}

void nl_put_u8(struct nl_buf *b, uint16_t attr, uint8_t v)
{
	nl_put(b, attr, &v, sizeof v);
}

void nl_put_u32(struct nl_buf *b, uint16_t attr, uint32_t v)
{
	nl_put(b, attr, &v, sizeof v);
}

void nl_put_be16(struct nl_buf *b, uint16_t attr, uint16_t v)
{
	v = htons(v);
	nl_put(b, attr, &v, sizeof v);
}

void nl_put_be32(struct nl_buf *b, uint16_t attr, uint32_t v)
{
	v = htonl(v);
	nl_put(b, attr, &v, sizeof v);
}

void nl_put_be64(struct nl_buf *b, uint16_t attr, uint64_t v)
{
	v = htobe64(v);
	nl_put(b, attr, &v, sizeof v);
}

size_t nl_nest(struct nl_buf *b, uint16_t attr)
{
	struct nlattr *a = b->full || !b->h ? NULL : mnl_attr_nest_start_check(b->h, room(b), attr);

	if (!a)
		b->full = true;
	return a ? (size_t)((char *)a - b->mem) : 0;
}

void nl_end(struct nl_buf *b, size_t nest)
{
	if (!b->full)
		mnl_attr_nest_end(b->h, (struct nlattr *)(void *)(b->mem + nest));
}

/* One datagram of replies. Returns false when nothing more will come. */
static bool take_replies(struct netlink *nl, char *mem, size_t size, bool dump, netlink_seen *seen, void *ctx)
{
	ssize_t n = recv(mnl_socket_get_fd(nl->s), mem, size, dump ? 0 : MSG_DONTWAIT);
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)mem;
	int len = (int)n;

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0) {
		if ((dump || errno != EAGAIN) && !nl->last_errno)
			nl->last_errno = errno == EAGAIN ? ETIMEDOUT : errno;
		return false;
	}
	for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
		if (h->nlmsg_seq < nl->first_seq)
			continue; /* left over from an attempt given up */
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= MNL_NLMSG_HDRLEN + sizeof(struct nlmsgerr)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (e->error && !nl->last_errno)
				nl->last_errno = -e->error;
			if (dump)
				return false;
		} else if (h->nlmsg_type == NLMSG_DONE) {
			return false;
		} else if (h->nlmsg_type >= NLMSG_MIN_TYPE && seen) {
			seen(ctx, h);
		}
	}
	return true;
}

static int verdict(const struct netlink *nl, const char *what, struct diag *d)
{
	if (!nl->last_errno)
		return 0;
	errno = nl->last_errno;
	return diag_errno(d, "%s", what);
}

static int put_out(struct netlink *nl, struct nl_buf *b, bool *ret_dump, const char *what, struct diag *d)
{
	close_message(b);
	if (b->full)
		return diag_set(d, ERR_LIMIT, "%s: request too long", what);
	*ret_dump = false;
	nl->first_seq = nl->seq + 1;
	for (size_t at = 0; at < b->len;) {
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)(b->mem + at);

		h->nlmsg_seq = ++nl->seq;
		*ret_dump |= (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
		at += MNL_ALIGN(h->nlmsg_len);
	}
	nl->last_errno = mnl_socket_sendto(nl->s, b->mem, b->len) < 0 ? errno : 0;
	return 0;
}

int netlink_send(struct netlink *nl, struct nl_buf *b, netlink_seen *seen, void *ctx, const char *what,
		 struct diag *d)
{
	char mem[DATAGRAM];
	bool dump;
	int err = put_out(nl, b, &dump, what, d);

	if (err)
		return err;
	if (!nl->last_errno)
		while (take_replies(nl, mem, sizeof mem, dump, seen, ctx))
			;
	return verdict(nl, what, d);
}

int netlink_dump(struct netlink *nl, struct nl_buf *b, const char *what, struct diag *d)
{
	bool dump;
	int err = put_out(nl, b, &dump, what, d);

	return err ? err : verdict(nl, what, d);
}

int netlink_more(struct netlink *nl, netlink_seen *seen, void *ctx, const char *what, struct diag *d)
{
	char mem[DATAGRAM];
	bool more = take_replies(nl, mem, sizeof mem, true, seen, ctx);

	return nl->last_errno ? verdict(nl, what, d) : more;
}

int netlink_errno(const struct netlink *nl)
{
	return nl->last_errno;
}

static void take_attr(const struct nlattr *a, struct nl_attr *ret, size_t max)
{
	uint16_t type = mnl_attr_get_type(a);

	if (type < max) {
		ret[type].data = mnl_attr_get_payload(a);
		ret[type].len = mnl_attr_get_payload_len(a);
	}
}

void nl_parse(const struct nlmsghdr *h, size_t family_header_len, struct nl_attr *ret, size_t max)
{
	const struct nlattr *a;

	memset(ret, 0, max * sizeof *ret);
	if (mnl_nlmsg_get_payload_len(h) < family_header_len)
		return;
	mnl_attr_for_each(a, h, family_header_len)
		take_attr(a, ret, max);
}

void nl_parse_nest(struct nl_attr nest, struct nl_attr *ret, size_t max)
{
	const struct nlattr *a;

	memset(ret, 0, max * sizeof *ret);
	if (!nest.data)
		return;
	for (a = nest.data; mnl_attr_ok(a, (int)((const char *)nest.data + nest.len - (const char *)a)); a = mnl_attr_next(a))
		take_attr(a, ret, max);
}

const void *nl_each(struct nl_attr nest, const void *at, struct nl_attr *ret)
{
	const struct nlattr *a = at ? mnl_attr_next(at) : nest.data;

	if (!a || !mnl_attr_ok(a, (int)((const char *)nest.data + nest.len - (const char *)a)))
		return NULL;
	ret->data = mnl_attr_get_payload(a);
	ret->len = mnl_attr_get_payload_len(a);
	return a;
}

const char *nl_text(struct nl_attr a)
{
	return a.data && a.len && !((const char *)a.data)[a.len - 1] ? a.data : "";
}

uint32_t nl_be32(struct nl_attr a)
{
	uint32_t v;

	if (!a.data || a.len < sizeof v)
		return 0;
	memcpy(&v, a.data, sizeof v);
	return ntohl(v);
}

uint64_t nl_be64(struct nl_attr a)
{
	uint64_t v;

	if (!a.data || a.len < sizeof v)
		return 0;
	memcpy(&v, a.data, sizeof v);
	return be64toh(v);
}
