/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How listening sockets are opened, UDP and TCP: by the supervisor, before any
 * worker exists. Several may share one address (SO_REUSEPORT: one a worker),
 * and the address need not be there yet (free binding: a node's interface may
 * come later, or go and come back).
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_udp.h"
#include "resolver/net/sockaddr.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

static void option_on(int fd, int level, int name)
{
	int one = true;
	setsockopt(fd, level, name, &one, sizeof(one));
}

static void free_binding(int fd, const struct in6_addr *addr, sa_family_t family)
{
	if (family == AF_INET) {
		option_on(fd, IPPROTO_IP, IP_FREEBIND);
		return;
	}
	int v6only = !addr_is_any(addr);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	option_on(fd, IPPROTO_IPV6, IPV6_FREEBIND);
}

static int bound_socket(int type, const struct in6_addr *addr, uint16_t port, uint32_t scope_id,
			struct diag *d)
{
	union sockaddr_any sa;
	char text[SOCKADDR_TEXT];
	socklen_t len = sockaddr_from(&sa, addr, port, scope_id);
	int fd = socket(sa.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return diag_errno(d, "socket");
	option_on(fd, SOL_SOCKET, SO_REUSEADDR);
	option_on(fd, SOL_SOCKET, SO_REUSEPORT);
	free_binding(fd, addr, sa.sa.sa_family);
	if (bind(fd, &sa.sa, len) < 0) {
		int rc = diag_errno(d, "listen %s %s: bind", type == SOCK_DGRAM ? "udp" : "tcp",
				    sockaddr_text(text, addr, port));
		close(fd);
		return rc;
	}
	return fd;
}

int udp_socket_open(const struct in6_addr *addr, uint16_t port, uint32_t scope_id, unsigned n_queues,
		    struct diag *d)
{
	int size = n_queues > 1 ? UDP_RCVBUF_QUEUE : UDP_RCVBUF_WISH;
	int fd = bound_socket(SOCK_DGRAM, addr, port, scope_id, d);
	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (addr_is_any(addr)) { /* the others know what was asked */
		option_on(fd, IPPROTO_IP, IP_PKTINFO);
		option_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	}
	return fd;
}

bool udp_socket_taken(const struct in6_addr *addr, uint16_t port, uint32_t scope_id)
{
	union sockaddr_any sa;
	socklen_t len = sockaddr_from(&sa, addr, port, scope_id);
	int fd = socket(sa.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	free_binding(fd, addr, sa.sa.sa_family);
	bool taken = bind(fd, &sa.sa, len) < 0 && errno == EADDRINUSE;
	close(fd);
	return taken;
}

uint64_t udp_socket_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 ||
	    len < (SK_MEMINFO_DROPS + 1) * sizeof(info[0]))
		return 0;
	return info[SK_MEMINFO_DROPS];
}

int tcp_socket_open(const struct in6_addr *addr, uint16_t port, uint32_t scope_id, struct diag *d)
{
	int fd = bound_socket(SOCK_STREAM, addr, port, scope_id, d);
	if (fd < 0)
		return fd;
	if (listen(fd, TCP_BACKLOG) < 0) {
		int rc = diag_errno(d, "listen");
		close(fd);
		return rc;
	}
	return fd;
}

void tcp_socket_deafen(int fd)
{
	enum { FLAGS = 13, SYN = 0x02 }; /* of a TCP header, which is what such a filter sees */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

void tcp_socket_hear(int fd)
{
	int none = 0;
	setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
}
