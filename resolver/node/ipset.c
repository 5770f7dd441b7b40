/* SPDX-License-Identifier: Apache-2.0 */
/* The ipset protocol's few messages. */
#include "resolver/node/ipset.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "lib/base/clock.h"

#define PROTOCOL      6 /* spoken by every kernel since 2.6.39 */
#define MAX_ENTRIES   64
#define DESTROY_TRIES 20
#define DESTROY_STEP  (5 * NS_PER_MS)

/* The family stands in the set's own attributes; that of the head is read by nobody. */
static void begin(struct nl_buf *b, uint16_t command, uint16_t flags, const char *set)
{
	nl_begin(b, (uint16_t)(NFNL_SUBSYS_IPSET << 8 | command), flags, sizeof(struct nfgenmsg));
	nl_put_u8(b, IPSET_ATTR_PROTOCOL, PROTOCOL);
	nl_put_text(b, IPSET_ATTR_SETNAME, set);
}

int ipset_create(struct netlink *nl, const char *set, bool v4, struct diag *d)
{
	struct nl_buf b;
	size_t data;

	nl_init(&b);
	begin(&b, IPSET_CMD_CREATE, NLM_F_CREATE, set);
	nl_put_text(&b, IPSET_ATTR_TYPENAME, "hash:ip");
	nl_put_u8(&b, IPSET_ATTR_REVISION, 0);
	nl_put_u8(&b, IPSET_ATTR_FAMILY, v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	data = nl_nest(&b, IPSET_ATTR_DATA);
	nl_put_be32(&b, IPSET_ATTR_TIMEOUT | NLA_F_NET_BYTEORDER, 0);
	nl_put_be32(&b, IPSET_ATTR_MAXELEM | NLA_F_NET_BYTEORDER, MAX_ENTRIES);
	nl_end(&b, data);
	return netlink_send(nl, &b, NULL, NULL, "ipset: creating a set", d);
}

static void put_entry(struct nl_buf *b, uint16_t command, const char *set, const struct flags_ip *ip, uint32_t timeout_s)
{
	size_t data, addr;

	begin(b, command, 0, set);
	data = nl_nest(b, IPSET_ATTR_DATA);
	addr = nl_nest(b, IPSET_ATTR_IP);
	nl_put(b, (ip->is_v4 ? IPSET_ATTR_IPADDR_IPV4 : IPSET_ATTR_IPADDR_IPV6) | NLA_F_NET_BYTEORDER,
	       ip->addr.s6_addr + (ip->is_v4 ? 12 : 0), ip->is_v4 ? 4 : 16);
	nl_end(b, addr);
	if (timeout_s)
		nl_put_be32(b, IPSET_ATTR_TIMEOUT | NLA_F_NET_BYTEORDER, timeout_s);
	nl_end(b, data);
}

int ipset_put(struct netlink *nl, const char *set, const struct flags_ip *ip, size_t n, bool v4, uint32_t timeout_s,
	      struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	for (size_t i = 0; i < n; i++)
		if (ip[i].is_v4 == v4)
			put_entry(&b, IPSET_CMD_ADD, set, &ip[i], timeout_s);
	return netlink_send(nl, &b, NULL, NULL, "ipset: renewing addresses", d);
}

int ipset_take(struct netlink *nl, const char *set, const struct flags_ip *ip, size_t n, bool v4, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	for (size_t i = 0; i < n; i++)
		if (ip[i].is_v4 == v4)
			put_entry(&b, IPSET_CMD_DEL, set, &ip[i], 0);
	return netlink_send(nl, &b, NULL, NULL, "ipset: withdrawing addresses", d);
}

int ipset_flush(struct netlink *nl, const char *set, struct diag *d)
{
	struct nl_buf b;

	nl_init(&b);
	begin(&b, IPSET_CMD_FLUSH, 0, set);
	return netlink_send(nl, &b, NULL, NULL, "ipset: withdrawing addresses", d);
}

int ipset_destroy(struct netlink *nl, const char *set, struct diag *d)
{
	int err = 0;

	for (int i = 0; i < DESTROY_TRIES; i++) {
		struct nl_buf b;

		nl_init(&b);
		begin(&b, IPSET_CMD_DESTROY, 0, set);
		err = netlink_send(nl, &b, NULL, NULL, "ipset: removing a set", d);
		if (!err || netlink_errno(nl) != IPSET_ERR_BUSY)
			break;
		clock_sleep_until(clock_mono_ns() + DESTROY_STEP);
	}
	/* No such set, or a kernel without any. */
	return err && (netlink_errno(nl) == ENOENT || netlink_errno(nl) == EINVAL) ? 0 : err;
}
