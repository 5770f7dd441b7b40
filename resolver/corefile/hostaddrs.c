/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names of `forward` targets to addresses, once, when the configuration is
 * read. The system's resolver may be ourselves and not up yet; `resolver IP`
 * names servers to ask instead, which gets a plain UDP question with a short
 * wait each.
 */
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/rng.h"
#include "lib/dns/wire.h"
#include "resolver/corefile/setup.h"

enum { ASK_WAIT_MS = 1500 };

/* getaddrinfo(3) knows two families. */
static struct in6_addr addr_from_sockaddr(const struct sockaddr *sa)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (sa->sa_family == AF_INET6)
		return ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	memcpy(a.s6_addr + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	return a;
}

static size_t addrs_of_system(const char *host, struct in6_addr *ret, size_t max)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list;
	size_t n = 0;

	if (getaddrinfo(host, NULL, &hints, &list) != 0)
		return 0;
	for (const struct addrinfo *i = list; i && n < max; i = i->ai_next)
		ret[n++] = addr_from_sockaddr(i->ai_addr);
	freeaddrinfo(list);
	return n;
}

/* Addresses of the wanted type out of a reply to our question. */
static size_t addrs_of_reply(const uint8_t *msg, size_t len, uint16_t id, uint16_t qtype,
			     struct in6_addr *ret, size_t max)
{
	struct dns_msg m;
	struct dns_rr rr;
	struct wire w;
	size_t n = 0;

	if (dns_msg_parse(&m, msg, len) != 0 || m.h.id != id || !(m.h.flags & DNS_QR) ||
	    m.rcode != DNS_NOERROR)
		return 0;
	wire_init(&w, msg, len);
	w.off = m.answer_off;
	for (unsigned i = 0; i < m.h.n_an && n < max; i++) {
		wire_rr(&w, &rr);
		if (w.err)
			break;
		if (rr.type != qtype || rr.rdlen != (qtype == DNS_A ? 4 : 16))
			continue;
		ret[n] = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(ret[n].s6_addr + (qtype == DNS_A ? 12 : 0), msg + rr.rdata_off, rr.rdlen);
		n++;
	}
	return n;
}

static size_t server_ask(const struct name *host, uint16_t qtype, const struct in6_addr *server,
			 uint16_t port, struct in6_addr *ret, size_t max)
{
	struct sockaddr_in6 to = {
		.sin6_family = AF_INET6, .sin6_addr = *server, .sin6_port = htons(port)};
	uint16_t id = rng_os_u16();
	uint8_t buf[1500];
	size_t len = dns_query_build(buf, sizeof(buf), id, host->b, qtype, DNS_RD, 1232, false,
				     false),
	       n = 0;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd < 0)
		return 0;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	    send(fd, buf, len, 0) == (ssize_t)len && poll(&p, 1, ASK_WAIT_MS) == 1) {
		ssize_t got = recv(fd, buf, sizeof(buf), 0);

		if (got > 0)
			n = addrs_of_reply(buf, (size_t)got, id, qtype, ret, max);
	}
	close(fd);
	return n;
}

size_t corefile_host_addrs(void *ctx, const char *host, const struct in6_addr *server,
			   const uint16_t *port, size_t n, struct in6_addr *ret, size_t max)
{
	struct name name;
	size_t got = 0;

	(void)ctx;
	if (n == 0)
		return addrs_of_system(host, ret, max);
	if (name_from_text(&name, host) != 0)
		return 0;
	for (size_t i = 0; i < n && got == 0; i++) {
		got = server_ask(&name, DNS_A, &server[i], port[i], ret, max);
		got += server_ask(&name, DNS_AAAA, &server[i], port[i], ret + got, max - got);
	}
	return got;
}
