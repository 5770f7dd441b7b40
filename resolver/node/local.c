/* SPDX-License-Identifier: Apache-2.0 */
/* Binding would tell as well, but for net.ipv4.ip_nonlocal_bind. */
#include "resolver/node/local.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static void route_seen(void *ctx, const struct nlmsghdr *h)
{
	const struct rtmsg *r = NLMSG_DATA(h);
	bool *local = ctx;

	if (h->nlmsg_type == RTM_NEWROUTE)
		*local = r->rtm_type == RTN_LOCAL;
}

/* Refusals that are an answer: there is no way to it, so that it is not here either. */
static bool no_way(int e)
{
	return e == ENETUNREACH || e == EHOSTUNREACH || e == EACCES || e == EINVAL;
}

static bool absent(struct netlink *route, const struct flags_ip *ip)
{
	size_t skip = ip->is_v4 ? 12 : 0;
	bool local = true;
	struct rtmsg *r;
	struct nl_buf b;

	nl_init(&b);
	r = nl_begin(&b, RTM_GETROUTE, 0, sizeof *r);
	r->rtm_family = ip->is_v4 ? AF_INET : AF_INET6;
	r->rtm_dst_len = ip->is_v4 ? 32 : 128;
	nl_put(&b, RTA_DST, ip->addr.s6_addr + skip, 16 - skip);
	if (netlink_send(route, &b, route_seen, &local, "looking for an address", NULL))
		return no_way(netlink_errno(route));
	return !local;
}

uint64_t local_absent(struct netlink *route, const struct flags_ip *ip, size_t n)
{
	uint64_t ret = 0;

	for (size_t i = 0; i < n && i < 64; i++)
		ret |= (uint64_t)absent(route, &ip[i]) << i;
	return ret;
}
