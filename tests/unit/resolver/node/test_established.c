/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of a network namespace that dies with the test, entered and read back. */
#include "resolver/node/established.h"
#include "tests/fixtures/own_net.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ATTRS 32

/* Every state of include/net/tcp_states.h: 1 entered, 2 as closing, 3 closed. */
Test(established, lines)
{
	static const char of_state[] = {0, 1, 0, 1, 2, 2, 3, 0, 2, 2, 0, 2, 0};
	struct established e;
	char line[200];

	for (unsigned state = 1; state < sizeof(of_state); state++) {
		snprintf(line, sizeof(line), "   3: 0A00600A:0035 0500F40A:C6FA %02X 00000000:00000000 00:00000000 00000000", state);
		cr_expect_eq(established_parse(line, &e), of_state[state] != 0, "state %u", state);
		if (!of_state[state])
			continue;
		cr_expect_eq(e.closing, of_state[state] == 2, "state %u", state);
		cr_expect_eq(e.closed, of_state[state] == 3, "state %u", state);
		cr_expect_eq(e.local.s6_addr32[3], inet_addr("10.96.0.10"));
		cr_expect_eq(e.client.s6_addr32[3], inet_addr("10.244.0.5"));
		cr_expect(IN6_IS_ADDR_V4MAPPED(&e.client));
		cr_expect(e.port == 53 && e.client_port == 50938);
	}
	cr_expect(established_parse("0: 000000FD960000000000000A00000000:0035 000000FD440200000500000000000000:0401 01", &e));
	cr_expect_eq(e.local.s6_addr[0], 0xfd);
	cr_expect_eq(e.client_port, 1025);
	cr_expect_not(established_parse("  sl  local_address rem_address   st tx_queue rx_queue", &e));
	cr_expect_not(established_parse("", &e));
	cr_expect_not(established_parse("0: 0A0060:0035 0500F40A:C6FA 01", &e), "half an address");
}

struct seen {
	unsigned n, state[16], odd;
};

static void entry_seen(void *ctx, const struct nlmsghdr *h)
{
	struct nl_attr a[ATTRS], info[ATTRS], tcp[ATTRS];
	struct seen *s = ctx;

	nl_parse(h, sizeof(struct nfgenmsg), a, ATTRS);
	nl_parse_nest(a[CTA_PROTOINFO], info, ATTRS);
	nl_parse_nest(info[CTA_PROTOINFO_TCP], tcp, ATTRS);
	s->n++;
	s->state[*(const uint8_t *)tcp[CTA_PROTOINFO_TCP_STATE].data & 15]++;
	uint32_t both = IPS_SEEN_REPLY | IPS_ASSURED, nat = IPS_SRC_NAT | IPS_DST_NAT;

	s->odd += (nl_be32(a[CTA_STATUS]) & (both | nat)) != both || nl_be32(a[CTA_TIMEOUT]) > 60;
}

static struct seen look(struct netlink *nl)
{
	struct seen s = {0};
	struct nl_buf b;
	struct nfgenmsg *g;

	nl_init(&b);
	g = nl_begin(&b, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, sizeof(*g));
	g->nfgen_family = AF_UNSPEC;
	cr_assert_eq(netlink_send(nl, &b, entry_seen, &s, "look", NULL), 0);
	return s;
}

static int listening(const struct flags_ip *ip, uint16_t port)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = ip->addr};
	int fd = socket(AF_INET6, SOCK_STREAM, 0), off = 0;

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(listen(fd, 100), 0);
	return fd;
}

static int asking(const struct flags_ip *ip, uint16_t port)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = ip->addr};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

Test(established, entered)
{
	struct flags_ip ip[2] = {{.is_v4 = true}, {.is_v4 = false}};
	struct netlink *nl;
	struct diag d = {""};

	own_net(NULL);
	cr_assert_eq(netlink_open(&nl, NETLINK_NETFILTER, &d), 0, "%s", d.text);
	if (established_enter(nl, &(struct established_with){ip, NULL, 0, 53}, &d) || system("conntrack -L >/dev/null 2>&1"))
		cr_skip_test("no conntrack netlink");
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &ip[0].addr);
	inet_pton(AF_INET6, "::1", &ip[1].addr);
	int server[2], elsewhere = listening(&ip[0], 54);

	for (int f = 0; f < 2; f++) {
		server[f] = listening(&ip[f], 53);
		for (int i = 0; i < 40; i++) /* more than one message full, all still to be accepted */
			asking(&ip[f], 53);
		asking(&ip[f], 53);
	}
	shutdown(accept(server[0], NULL, NULL), SHUT_WR);
	asking(&ip[0], 54);
	cr_assert_eq(established_enter(nl, &(struct established_with){ip, NULL, 2, 53}, &d), 0, "%s", d.text);
	struct seen s = look(nl);

	cr_expect_eq(s.n, 82, "got %u", s.n);
	cr_expect_eq(s.state[TCP_CONNTRACK_ESTABLISHED], 81);
	cr_expect_eq(s.state[TCP_CONNTRACK_TIME_WAIT], 1);
	cr_expect_eq(s.odd, 0);
	shutdown(accept(server[1], NULL, NULL), SHUT_WR);
	cr_assert_eq(established_enter(nl, &(struct established_with){ip, NULL, 2, 53}, &d), 0, "again: %s", d.text);
	s = look(nl);
	cr_expect_eq(s.n, 82, "got %u", s.n);
	cr_expect_eq(s.state[TCP_CONNTRACK_TIME_WAIT], 2, "brought up to date");
	cr_assert_eq(established_clear(nl, &(struct established_with){&ip[0], NULL, 1, 53}, NULL, &d), 0, "%s", d.text);
	cr_expect_eq(look(nl).n, 41, "the other family's are left");
	cr_assert_eq(established_clear(nl, &(struct established_with){&ip[0], NULL, 1, 53}, NULL, &d), 0, "none is none: %s", d.text);
	close(elsewhere);
	netlink_close(nl);
}

/* From the client's port it had a connection that was translated. */
Test(established, instead_of_what_was_left)
{
	struct flags_ip ip = {.is_v4 = true};
	struct sockaddr_in6 from;
	struct netlink *nl;
	struct diag d = {""};
	socklen_t len = sizeof(from);
	char left[200];

	own_net(NULL);
	cr_assert_eq(netlink_open(&nl, NETLINK_NETFILTER, &d), 0, "%s", d.text);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &ip.addr);
	listening(&ip, 53);
	cr_assert_eq(getsockname(asking(&ip, 53), (struct sockaddr *)&from, &len), 0);
	snprintf(left, sizeof(left), "conntrack -I -p tcp -s 127.0.0.1 -d 127.0.0.1 --sport %u --dport 53 --dst-nat 127.0.0.2 -t 9 "
		 "--state TIME_WAIT >/dev/null 2>&1", ntohs(from.sin6_port));
	if (system(left))
		cr_skip_test("no conntrack, or no translation");
	cr_expect_eq(look(nl).odd, 1);
	cr_assert_eq(established_enter(nl, &(struct established_with){&ip, NULL, 1, 53}, &d), 0, "%s", d.text);
	struct seen s = look(nl);

	cr_expect_eq(s.n, 1);
	cr_expect_eq(s.state[TCP_CONNTRACK_ESTABLISHED], 1);
	cr_expect_eq(s.odd, 0, "it is not translated any more");
	netlink_close(nl);
}

/* In how many parts. */
static unsigned sweep_all(struct netlink *nl, const struct flags_ip *ip, size_t n_ips)
{
	struct established_sweep at = {0};
	struct diag d = {""};
	unsigned n = 0;
	int rc;

	do {
		rc = established_sweep(nl, &(struct established_with){ip, NULL, n_ips, 53}, &at, &d);
		n++;
	} while (rc > 0);
	cr_expect_eq(rc, 0, "%s", d.text);
	cr_expect(!at.nl && !at.which, "from the beginning the next time");
	return n;
}

/* All that is left of connections to port 53 and from it, of these addresses and no others, whoever holds it. */
Test(established, swept)
{
	struct flags_ip ip[2] = {{.is_v4 = true}, {.is_v4 = false}};
	struct netlink *nl;
	struct diag d = {""};

	own_net(NULL);
	cr_assert_eq(netlink_open(&nl, NETLINK_NETFILTER, &d), 0, "%s", d.text);
	if (system("{ for i in $(seq 520); do"
		   " echo -I -p tcp -s 10.244.0.5 -d 10.96.0.10 --sport $((9999 + i)) --dport 53 --dst-nat 192.0.2.9 -t 99 --state ESTABLISHED; done;"
		   " echo -I -p tcp -s 10.96.0.10 -d 10.244.0.5 --sport 53 --dport 9999 -t 99 --state ESTABLISHED;"
		   " echo -I -p tcp -s fd00:244::5 -d fd00:96::a --sport 9999 --dport 53 --dst-nat fd00::9 -t 99 --state TIME_WAIT; } >/tmp/nodens-swept.$PPID;"
		   " conntrack -R /tmp/nodens-swept.$PPID >/dev/null 2>&1; rc=$?; rm /tmp/nodens-swept.$PPID;"
		   " conntrack -I -p tcp -s 10.244.0.5 -d 10.96.0.10 --sport 1 --dport 54 -t 99 --state ESTABLISHED >/dev/null 2>&1 &&"
		   " conntrack -I -p udp -s 10.244.0.5 -d 10.96.0.10 --sport 1 --dport 53 -t 99 >/dev/null 2>&1 &&"
		   " conntrack -I -p tcp -s 10.244.0.5 -d 10.96.0.11 --sport 1 --dport 53 -t 99 --state ESTABLISHED >/dev/null 2>&1 && exit $rc"))
		cr_skip_test("no conntrack, or no translation");
	inet_pton(AF_INET6, "::ffff:10.96.0.10", &ip[0].addr);
	inet_pton(AF_INET6, "fd00:96::a", &ip[1].addr);
	cr_expect_eq(sweep_all(nl, ip, 0), 4, "none of them");
	cr_expect_geq(sweep_all(nl, ip, 2), 4);
	cr_expect_eq(system("[ $({ conntrack -L -f ipv4; conntrack -L -f ipv6; } 2>/dev/null | wc -l) = 3 ]"), 0);
	netlink_close(nl);
}

/* Others' connections to port 53 are read, too, a part at a time however many they are, and stay. */
Test(established, swept_among_many)
{
	enum { OTHERS = 20000, PER_DATAGRAM = 256 };
	struct flags_ip ip = {.is_v4 = true};
	struct established e = {.port = 53};
	struct netlink *nl;
	struct diag d = {""};
	struct nl_buf b;

	own_net(NULL);
	cr_assert_eq(netlink_open(&nl, NETLINK_NETFILTER, &d), 0, "%s", d.text);
	inet_pton(AF_INET6, "::ffff:10.96.0.10", &ip.addr);
	inet_pton(AF_INET6, "::ffff:10.244.0.5", &e.client);
	nl_init(&b);
	for (unsigned i = 0; i < OTHERS; i++) {
		inet_pton(AF_INET6, i % 100 ? "::ffff:10.96.0.11" : "::ffff:10.96.0.10", &e.asked);
		e.client_port = (uint16_t)(1024 + i);
		established_put(&b, &e);
		if (i % 32 == 31 && netlink_send(nl, &b, NULL, NULL, "others", &d))
			cr_skip_test("no conntrack netlink: %s", d.text);
		if (i % 32 == 31)
			nl_init(&b);
	}
	cr_expect_geq(sweep_all(nl, &ip, 1), OTHERS / (PER_DATAGRAM * ESTABLISHED_DATAGRAMS) + 4);
	cr_expect_eq(look(nl).n, OTHERS - OTHERS / 100);
	netlink_close(nl);
}

/* So are connections. */
Test(established, cleared_a_part_at_a_time)
{
	enum { N = 600 };
	struct flags_ip ip = {.is_v4 = true};
	struct established_walk at = {0};
	struct netlink *nl;
	struct diag d = {""};
	unsigned n = 0;

	own_net(NULL);
	cr_assert_eq(netlink_open(&nl, NETLINK_NETFILTER, &d), 0, "%s", d.text);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &ip.addr);
	int server = listening(&ip, 53);

	for (int i = 0; i < N; i++) { /* each is two lines, its client's and ours */
		asking(&ip, 53);
		cr_assert_geq(accept(server, NULL, NULL), 0);
	}
	if (established_enter(nl, &(struct established_with){&ip, NULL, 1, 53}, &d) || look(nl).n == 0)
		cr_skip_test("no conntrack netlink: %s", d.text);
	cr_expect_eq(look(nl).n, N, "all at once");
	do {
		cr_assert_eq(established_clear(nl, &(struct established_with){&ip, NULL, 1, 53}, &at, &d), 0, "%s", d.text);
		n++;
		cr_expect_leq(N - look(nl).n, n * ESTABLISHED_LINES);
	} while (established_walking(&at));
	cr_expect_eq(n, (2 * N + ESTABLISHED_LINES) / ESTABLISHED_LINES);
	cr_expect_eq(look(nl).n, 0);
	cr_assert_eq(established_clear(nl, &(struct established_with){&ip, NULL, 1, 53}, &at, &d), 0);
	established_walk_end(&at);
	cr_expect_not(established_walking(&at), "given up");
	netlink_close(nl);
}

/* Our end has closed, and remembers it; the client has gone elsewhere from the same port. Another, that has not, stays. */
Test(established, what_is_remembered_ends)
{
	struct flags_ip ip = {.is_v4 = true};
	struct sockaddr_in6 from;
	struct established_walk at = {0};
	struct netlink *nl, *diag;
	struct diag d = {""};
	socklen_t len = sizeof(from);
	char left[200], c;

	own_net(NULL);
	cr_assert_eq(netlink_open(&nl, NETLINK_NETFILTER, &d), 0, "%s", d.text);
	cr_assert_eq(netlink_open(&diag, NETLINK_SOCK_DIAG, &d), 0, "%s", d.text);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &ip.addr);
	int server = listening(&ip, 53);

	for (int i = 0; i < 2; i++) {
		int fd = asking(&ip, 53);

		cr_assert_eq(getsockname(fd, (struct sockaddr *)&from, &len), 0);
		close(accept(server, NULL, NULL));
		cr_assert_eq(read(fd, &c, 1), 0);
		close(fd);
	}
	cr_assert_eq(system("[ $(grep -c ':0035 .* 06 ' /proc/net/tcp6) = 2 ]"), 0);
	snprintf(left, sizeof(left), "conntrack -I -p tcp -s 127.0.0.1 -d 127.0.0.1 --sport %u --dport 53 --dst-nat 127.0.0.2 -t 99 "
		 "--state ESTABLISHED >/dev/null 2>&1", ntohs(from.sin6_port));
	if (system(left))
		cr_skip_test("no conntrack, or no translation");
	do
		cr_assert_eq(established_end(nl, diag, &(struct established_with){&ip, NULL, 1, 53}, &at, &d), 0, "%s", d.text);
	while (established_walking(&at));
	if (system("uname -r | awk -F. '{ exit $1 * 1000 + $2 < 6010 }'"))
		cr_skip_test("a kernel that makes none forget");
	cr_expect_eq(system("[ $(grep -c ':0035 .* 06 ' /proc/net/tcp6) = 1 ]"), 0);
	netlink_close(diag);
	netlink_close(nl);
}

/* Clients ask another address than ours, which is rewritten: by that one the connection table knows them. */
Test(established, rewritten)
{
	struct flags_ip ip = {.is_v4 = true}, asked = {.is_v4 = true};
	struct established_with us = {&ip, &asked, 1, 53};
	struct sockaddr_in6 from;
	struct established_sweep sweep = {0};
	struct established_walk at = {0};
	struct netlink *nl, *diag;
	struct diag d = {""};
	socklen_t len = sizeof(from);
	char left[200], c;

	own_net(NULL);
	cr_assert_eq(netlink_open(&nl, NETLINK_NETFILTER, &d), 0, "%s", d.text);
	cr_assert_eq(netlink_open(&diag, NETLINK_SOCK_DIAG, &d), 0, "%s", d.text);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &ip.addr);
	inet_pton(AF_INET6, "::ffff:10.96.0.10", &asked.addr);
	int server = listening(&ip, 53), client = asking(&ip, 53);

	cr_assert_geq(accept(server, NULL, NULL), 0);
	cr_assert_eq(getsockname(client, (struct sockaddr *)&from, &len), 0);
	snprintf(left, sizeof(left), "conntrack -I -p tcp -s 127.0.0.1 -d 10.96.0.10 --sport %u --dport 53 --dst-nat 127.0.0.2 -t 99 "
		 "--state TIME_WAIT >/dev/null 2>&1", ntohs(from.sin6_port));
	if (system(left))
		cr_skip_test("no conntrack, or no translation");
	cr_assert_eq(established_enter(nl, &us, &d), 0, "%s", d.text);
	cr_expect_eq(look(nl).n, 0, "what was left has gone, and nothing came");
	cr_assert_eq(system(left), 0);
	while (established_sweep(nl, &us, &sweep, &d) > 0)
		;
	cr_expect_eq(look(nl).n, 0, "swept");
	cr_assert_eq(established_end(nl, diag, &us, &at, &d), 0, "%s", d.text);
	cr_expect_eq(recv(client, &c, 1, MSG_DONTWAIT), -1);
	cr_expect_eq(errno, EAGAIN, "it has not gone elsewhere");
	cr_assert_eq(system(left), 0);
	cr_assert_eq(established_end(nl, diag, &us, &at, &d), 0, "%s", d.text);
	cr_expect_eq(recv(client, &c, 1, MSG_DONTWAIT), -1);
	cr_expect_eq(errno, ECONNRESET, "now it has");
	netlink_close(diag);
	netlink_close(nl);
}

/* It has gone since it was looked at: the kernel then finds who listens there by its addresses and ports. */
Test(established, who_listens_goes_on)
{
	struct flags_ip ip = {.is_v4 = true};
	struct established e = {.port = 53, .client_port = 9};
	struct netlink *diag;
	struct diag d = {""};

	own_net(NULL);
	cr_assert_eq(netlink_open(&diag, NETLINK_SOCK_DIAG, &d), 0, "%s", d.text);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &ip.addr);
	e.local = e.asked = e.client = ip.addr;
	int server = listening(&ip, 53);

	cr_expect_eq(established_end_one(diag, &e, &d), 0, "%s", d.text);
	asking(&ip, 53);
	cr_expect_geq(accept(server, NULL, NULL), 0);
	close(server);
	cr_expect_eq(established_end_one(diag, &e, &d), 0, "nobody at all: %s", d.text);
	netlink_close(diag);
}
