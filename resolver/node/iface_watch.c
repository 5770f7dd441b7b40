/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink(7) groups; see the header. */
#include "resolver/node/iface_watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

int iface_watch_open(int *ret_fd, struct diag *d)
{
	struct sockaddr_nl who = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return diag_errno(d, "rtnetlink");
	if (bind(fd, (struct sockaddr *)&who, sizeof who)) {
		int err = diag_errno(d, "rtnetlink: joining the groups");

		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

bool iface_watch_read(int fd)
{
	_Alignas(8) char buf[16384];
	bool gone = false;
	ssize_t len;

	while ((len = recv(fd, buf, sizeof buf, 0)) != 0) {
		size_t left = (size_t)len;

		if (len < 0 && errno == ENOBUFS) { /* messages were lost: look */
			gone = true;
			continue;
		}
		if (len < 0)
			break;
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
			gone |= h->nlmsg_type == RTM_DELADDR || h->nlmsg_type == RTM_DELLINK;
	}
	return gone;
}
