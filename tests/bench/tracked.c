/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to look at open connections and at the connection table when rules come and go (resolver/node/established.h),
 * in a network namespace that dies with this program: tracked CONNECTIONS OTHERS
 *
 * So many connections with port 53 of an address of ours (both ends are here, so there are twice as many lines to read), and
 * so many entries of others' with port 53 elsewhere. Prints processor time in milliseconds.
 */
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "resolver/node/established.h"

#define HOLDS     4000 /* by one process */
#define PER_BATCH 32

static struct flags_ip ip[2] = {{.is_v4 = true}, {.is_v4 = false}};
static struct netlink *nl, *diag;

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static double worked_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void hold(int server, unsigned from, unsigned n)
{
	struct sockaddr_in to;
	socklen_t len = sizeof to;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	check(getsockname(server, (struct sockaddr *)&to, &len) == 0, "getsockname");
	for (unsigned i = 0; i < n; i++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001 + (from + i) % 250)};
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		check(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
		      accept(server, NULL, NULL) >= 0, "a connection");
	}
}

static void connections(unsigned n)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f4d0001)};
	struct rlimit r;
	int server = socket(AF_INET, SOCK_STREAM, 0), done[2];
	char c;

	check(getrlimit(RLIMIT_NOFILE, &r) == 0, "limits");
	r.rlim_cur = r.rlim_max;
	check(setrlimit(RLIMIT_NOFILE, &r) == 0 && bind(server, (struct sockaddr *)&at, sizeof at) == 0 && listen(server, 100) == 0 &&
	      pipe(done) == 0, "a server");
	for (unsigned i = 0; i < n; i += HOLDS) {
		if (fork() == 0) {
			hold(server, i, n - i < HOLDS ? n - i : HOLDS);
			check(write(done[1], "", 1) == 1, "write");
			pause();
		}
		check(read(done[0], &c, 1) == 1, "read");
	}
}

static void others(unsigned n)
{
	struct established e = {.port = 53};
	struct diag d;
	struct nl_buf b;

	inet_pton(AF_INET6, "::ffff:192.0.2.1", &e.asked);
	nl_init(&b);
	for (unsigned i = 0; i < n; i++) {
		inet_pton(AF_INET6, "::ffff:10.244.0.0", &e.client);
		e.client.s6_addr[14] = (uint8_t)(i / 60000);
		e.client_port = (uint16_t)(1024 + i % 60000);
		established_put(&b, &e);
		if (i % PER_BATCH != PER_BATCH - 1 && i + 1 != n)
			continue;
		check(netlink_send(nl, &b, NULL, NULL, "others", &d) == 0, "an entry");
		nl_init(&b);
	}
}

struct tally {
	double sum, most;
	unsigned parts;
};

static void add(struct tally *t, double since)
{
	double ms = worked_ms() - since;

	t->sum += ms;
	t->most = ms > t->most ? ms : t->most;
	t->parts++;
}

static void say(const char *what, const struct tally *t)
{
	printf("%-6s %4u parts, %6.1f ms, a part %5.1f ms at most\n", what, t->parts, t->sum, t->most);
}

int main(int argc, char **argv)
{
	struct established_walk walk = {0};
	struct established_sweep sweep = {0};
	struct tally end = {0}, clear = {0}, swept = {0};
	struct diag d = {""};
	double t;
	int rc;

	if (argc != 3) {
		fputs("tracked CONNECTIONS OTHERS\n", stderr);
		return 2;
	}
	check(unshare(CLONE_NEWNET) == 0 && system("ip link set lo up") == 0, "a network namespace");
	check(netlink_open(&nl, NETLINK_NETFILTER, &d) == 0 && netlink_open(&diag, NETLINK_SOCK_DIAG, &d) == 0, "netlink");
	inet_pton(AF_INET6, "::ffff:127.77.0.1", &ip[0].addr);
	inet_pton(AF_INET6, "fd00::a", &ip[1].addr);
	connections((unsigned)atoi(argv[1]));
	others((unsigned)atoi(argv[2]));
	do {
		t = worked_ms();
		check(established_end(nl, diag, &(struct established_with){ip, NULL, 2, 53}, &walk, &d) == 0, d.text);
		add(&end, t);
	} while (established_walking(&walk));
	say("end", &end);
	do {
		t = worked_ms();
		check(established_clear(nl, &(struct established_with){ip, NULL, 2, 53}, &walk, &d) == 0, d.text);
		add(&clear, t);
	} while (established_walking(&walk));
	say("clear", &clear);
	do {
		t = worked_ms();
		rc = established_sweep(nl, &(struct established_with){ip, NULL, 2, 53}, &sweep, &d);
		check(rc >= 0, d.text);
		add(&swept, t);
	} while (rc);
	say("sweep", &swept);
	return 0;
}
