/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stub resolver of lib/world/stub over real sockets, one lookup after another, and what
 * it did: the truth that captures of it are held against.
 *
 *   stubs glibc|musl|go SERVER NAME...
 *
 * Prints "lookups N queries N again N ok N notfound N fail N".
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "lib/world/stub.h"

static struct stub_conf conf = {.transport = SCEN_NEW_PORT, .family = SCEN_A_AAAA, .n_servers = 1, .ndots = 5, .attempts = 3, .timeout_ns = 5 * NS_PER_S};
static struct sockaddr_in server = {.sin_family = AF_INET};
static struct { uint64_t lookups, queries, again, result[3]; } did;
static int fds[STUB_SLOTS_MAX];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void act(const struct stub_action *a)
{
	switch (a->act) {
	case STUB_OPEN:
		fds[a->slot] = socket(AF_INET, SOCK_DGRAM, 0);
		if (fds[a->slot] < 0 || connect(fds[a->slot], (const struct sockaddr *)&server, sizeof(server)))
			die("socket");
		break;
	case STUB_SEND:
		if (send(fds[a->slot], a->query, a->len, 0) < 0)
			die("send");
		did.queries++;
		break;
	case STUB_CLOSE:
		close(fds[a->slot]);
		fds[a->slot] = -1;
		break;
	default:
		break;
	}
}

/* Until something came or the deadline has passed. */
static void wait_for(struct stub *s, uint64_t deadline_ns)
{
	struct pollfd p[STUB_SLOTS_MAX];
	uint8_t msg[65536];
	uint64_t now_ns = clock_mono_ns();
	for (unsigned i = 0; i < STUB_SLOTS_MAX; i++)
		p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	int n = poll(p, STUB_SLOTS_MAX, deadline_ns > now_ns ? (int)((deadline_ns - now_ns) / NS_PER_MS + 1) : 0);
	for (unsigned i = 0; i < STUB_SLOTS_MAX; i++) {
		if (p[i].fd < 0 || !p[i].revents)
			continue;
		ssize_t got = recv(fds[i], msg, sizeof(msg), MSG_DONTWAIT);
		if (got >= 0)
			stub_receive(s, clock_mono_ns(), i, msg, (size_t)got);
		else
			stub_broken(s, clock_mono_ns(), i);
	}
	if (n <= 0)
		stub_expire(s, clock_mono_ns());
}

static void lookup(struct stub *s, struct stub_thread *t, struct rng *rng, const char *name)
{
	struct stub_action a;
	struct stub_outcome out;
	for (unsigned i = 0; i < STUB_SLOTS_MAX; i++)
		fds[i] = -1;
	if (stub_start(s, &conf, t, rng, name, clock_mono_ns()))
		die(name);
	for (;;) {
		stub_next(s, clock_mono_ns(), &a);
		if (a.act == STUB_DONE)
			break;
		if (a.act == STUB_WAIT)
			wait_for(s, a.deadline_ns);
		else
			act(&a);
	}
	for (unsigned i = 0; i < STUB_SLOTS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	stub_outcome(s, &out);
	did.lookups++;
	did.again += out.n_retries;
	did.result[out.result]++;
}

int main(int argc, char **argv)
{
	static const char *const libs[] = {[SCEN_GLIBC] = "glibc", [SCEN_MUSL] = "musl", [SCEN_GO] = "go"};
	static const char *const search[] = {"default.svc.cluster.local", "svc.cluster.local", "cluster.local"};
	struct stub_thread thread = {0};
	struct rng rng;
	int lib = -1;
	for (int i = 0; argc > 3 && i < 3; i++)
		if (!strcmp(argv[1], libs[i]))
			lib = i;
	if (lib < 0 || inet_pton(AF_INET, argv[2], &server.sin_addr) != 1) {
		fputs("usage: stubs glibc|musl|go SERVER NAME...\n", stderr);
		return 1;
	}
	server.sin_port = htons(DNS_PORT);
	conf.lib = (enum scen_stub)lib;
	conf.attempts = lib == SCEN_MUSL ? 2 : 3;
	for (size_t i = 0; i < 3; i++)
		if (name_from_text(&conf.search[conf.n_search++], search[i]))
			return 1;
	rng_seed(&rng, clock_mono_ns() ^ (uint64_t)getpid() << 32);
	struct stub *s = malloc(stub_sizeof());
	if (!s)
		return 1;
	for (int i = 3; i < argc; i++)
		lookup(s, &thread, &rng, argv[i]);
	free(s);
	printf("lookups %llu queries %llu again %llu ok %llu notfound %llu fail %llu\n", (unsigned long long)did.lookups, (unsigned long long)did.queries,
	       (unsigned long long)did.again, (unsigned long long)did.result[STUB_OK], (unsigned long long)did.result[STUB_NOTFOUND],
	       (unsigned long long)did.result[STUB_FAIL]);
	return 0;
}
