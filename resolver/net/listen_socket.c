/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How listening sockets are opened, UDP and TCP: by the supervisor, before any
 * worker exists. Several may share one address (SO_REUSEPORT: one a worker),
 * and the address need not be there yet (free binding: a node's interface may
 * come later, or go and come back).
 */
#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wire.h"
#include "resolver/net/listen_tcp.h"
#include "resolver/net/listen_udp.h"
#include "resolver/net/sockaddr.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#define TCP_BACKLOG 512

static void option_on(int fd, int level, int name)
{
	int one = 1;
	setsockopt(fd, level, name, &one, sizeof(one));
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
	if (sa.sa.sa_family == AF_INET) {
		option_on(fd, IPPROTO_IP, IP_FREEBIND);
	} else {
		int v6only = !addr_is_any(addr);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
		option_on(fd, IPPROTO_IPV6, IPV6_FREEBIND);
	}
	if (bind(fd, &sa.sa, len) < 0) {
		int rc = diag_errno(d, "listen %s %s: bind", type == SOCK_DGRAM ? "udp" : "tcp",
				    sockaddr_text(text, addr, port));
		close(fd);
		return rc;
	}
	return fd;
}

int udp_socket_open(const struct in6_addr *addr, uint16_t port, uint32_t scope_id, struct diag *d)
{
	int size = UDP_RCVBUF_WISH;
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

/* The letters' case does not count; whatever else the mask merges does no harm. */
#define STEER_WORDS 5
#define STEER_CASE  0x20202020u
#define STEER_MIX   0x9e3779b1u

int udp_socket_steer(int fd, unsigned n_sockets)
{
	struct sock_filter prog[3 + STEER_WORDS * 9 + 4];
	unsigned n = 0, end = sizeof(prog) / sizeof(prog[0]) - 4;
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 0);
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_ST, 0);
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0);
	for (unsigned i = 0; i < STEER_WORDS; i++) {
		unsigned at = DNS_HEADER_LEN + 4 * i;
		prog[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, at + 4, 0,
						       (uint8_t)(end - n - 1));
		n++;
		prog[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_MEM, 0);
		prog[n++] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
		prog[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
		prog[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_OR | BPF_K, STEER_CASE);
		prog[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0);
		prog[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, STEER_MIX);
		prog[n++] = (struct sock_filter)BPF_STMT(BPF_ST, 0);
		prog[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0);
	}
	assert(n == end && n_sockets > 0);
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_MEM, 0);
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16);
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n_sockets);
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	struct sock_fprog p = { .len = (unsigned short)n, .filter = prog };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &p, sizeof(p)) < 0 ? ERR_SYS : 0;
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
