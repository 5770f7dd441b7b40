/* SPDX-License-Identifier: Apache-2.0 */
/* Upstreams that lead back to us, and those that do not: the test is them, and the worker that sees the questions. */
#include "resolver/supervisor/loopcheck.h"

#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "resolver/net/sockaddr.h"
#include "tests/fixtures/corefile_util.h"
#include "tests/fixtures/own_net.h"

static struct loop loop;
static struct loopcheck_shared shared;
static struct loopcheck *check;
static unsigned n_changed;
static char addr[32];
static int up[2]; /* upstreams at 5301 and 5302 */

static void changed(void *ctx)
{
	cr_assert_eq(ctx, &shared);
	n_changed++;
}

static void setup(void)
{
	struct diag d;

	cr_assert_eq(loop_init(&loop, &d), 0);
	check = loopcheck_new(&loop, &shared, changed, &shared);
	snprintf(addr, sizeof(addr), "127.%u.%u.1", 80 + (unsigned)getpid() / 256 % 128, (unsigned)getpid() % 256);
	for (unsigned i = 0; i < 2; i++) {
		struct in6_addr a = addr_of(addr);
		union sockaddr_any sa;
		socklen_t len = sockaddr_from(&sa, &a, (uint16_t)(5301 + i), 0);

		up[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		cr_assert_eq(bind(up[i], &sa.sa, len), 0);
	}
}

static void teardown(void)
{
	loopcheck_free(check);
	loop_release(&loop);
}

TestSuite(loopcheck, .init = setup, .fini = teardown, .timeout = 60);

static struct corefile_plan *plan(const char *more)
{
	char text[600];

	snprintf(text, sizeof(text), "example.org:5300 example.net:5300 {\n bind %s\n loop\n forward . %s:5301 %s:5302\n%s}\n", addr, addr,
		 addr, more);
	return plan_of(text);
}

/* What an upstream was asked; false: nothing. */
static bool heard(unsigned i, uint8_t *b, size_t *n, union sockaddr_any *from, socklen_t *len)
{
	*len = sizeof(*from);
	ssize_t got = recvfrom(up[i], b, 512, 0, &from->sa, len);

	*n = got > 0 ? (size_t)got : 0;
	return got > 0;
}

/* The probe of a question: the worker knows it by its name. */
static struct core_probe *probe_of(const uint8_t *b)
{
	for (unsigned i = 0; i < CORE_PROBES_MAX; i++)
		if (memcmp(shared.probes.probe[i].labels, b + 12, sizeof(shared.probes.probe[i].labels)) == 0)
			return &shared.probes.probe[i];
	return NULL;
}

static void step(void)
{
	cr_assert_eq(loop_step(&loop, loop.now_ns + 2 * NS_PER_MS), 0);
}

enum how { HONEST, LOOPS, SILENT, LOOPS_SILENTLY };

static unsigned asked[2];

/* Until neither is waited for. */
static void play(enum how one, enum how two, bool (*until)(void))
{
	enum how how[2] = {one, two};

	while (!until()) {
		for (unsigned i = 0; i < 2; i++) {
			uint8_t b[512];
			union sockaddr_any from;
			socklen_t len;
			size_t n;

			if (!heard(i, b, &n, &from, &len))
				continue;
			asked[i]++;
			struct core_probe *p = probe_of(b);

			cr_assert(p, "a worker can know it");
			cr_expect_eq(get_be16(b + n - 4), DNS_HINFO);
			cr_expect_eq(get_be16(b + n - 2), DNS_IN);
			cr_expect_eq(b[12], 16, "digits");
			cr_expect_eq(b[29], 16);
			if (how[i] == LOOPS || how[i] == LOOPS_SILENTLY)
				__atomic_store_n(&p->seen, 1, __ATOMIC_RELEASE);
			if (how[i] == SILENT || how[i] == LOOPS_SILENTLY)
				continue;
			b[2] |= 0x80;
			b[0] ^= 0xff; /* another's id is no answer, nor is a question, nor what is cut short */
			sendto(up[i], b, n, 0, &from.sa, len);
			b[0] ^= 0xff;
			sendto(up[i], b, 11, 0, &from.sa, len);
			b[2] &= 0x7f;
			sendto(up[i], b, n, 0, &from.sa, len);
			for (int k = 0; k < 20; k++)
				step();
			b[2] |= 0x80;
			sendto(up[i], b, n, 0, &from.sa, len);
		}
		step();
	}
}

/* No question is open: what workers are to look for is gone. */
static bool over(void)
{
	static const struct core_probes none;

	return memcmp(&shared.probes, &none, sizeof(none)) == 0;
}
static bool found(void)
{
	return shared.n_found > 0;
}

Test(loopcheck, none)
{
	struct corefile_plan *p = plan("");

	loopcheck_run(check, p);
	cr_expect_not(over());
	play(HONEST, HONEST, over);
	cr_expect_eq(asked[0], 1);
	cr_expect_eq(asked[1], 1);
	cr_expect_eq(n_changed, 0);
	cr_expect_eq(shared.n_found, 0);
	corefile_plan_free(p);
}

Test(loopcheck, one_of_two)
{
	struct corefile_plan *p = plan("");
	struct in6_addr a = addr_of(addr);

	loopcheck_run(check, p);
	play(HONEST, LOOPS, over);
	cr_expect_eq(n_changed, 1);
	cr_assert_eq(shared.n_found, 1);
	cr_expect_eq(shared.found[0].port, 5302);
	cr_expect(IN6_ARE_ADDR_EQUAL(&shared.found[0].addr, &a));
	cr_expect_str_eq(shared.found[0].zone, "example.org.", "the first zone stands for the block");
	/* asked again, once for what was found and what stands in the plan: it still does */
	loopcheck_run(check, p);
	play(HONEST, LOOPS, over);
	cr_expect_eq(asked[1], 2);
	cr_expect_eq(shared.n_found, 1);
	cr_expect_eq(n_changed, 1, "nothing new");
	/* and no longer */
	loopcheck_run(check, p);
	play(HONEST, HONEST, over);
	cr_expect_eq(shared.n_found, 0);
	cr_expect_eq(n_changed, 2);
	corefile_plan_free(p);
}

/* Silence says nothing, and what is seen loops without an answer. */
Test(loopcheck, silence)
{
	struct corefile_plan *p = plan("");

	loopcheck_run(check, p);
	play(LOOPS_SILENTLY, SILENT, found);
	cr_expect_eq(shared.found[0].port, 5301);
	play(SILENT, SILENT, over);
	cr_expect_eq(n_changed, 1, "the others that loop have shown it by then");
	cr_expect_eq(shared.n_found, 1);
	loopcheck_run(check, p);
	cr_expect_not(over());
	uint64_t begin = clock_mono_ns();

	play(SILENT, SILENT, over);
	cr_expect_geq(clock_mono_ns() - begin, 4500 * NS_PER_MS);
	cr_expect_geq(asked[1], 4, "asked again and again");
	cr_expect_eq(shared.n_found, 1, "it is left as it was");
	cr_expect_eq(n_changed, 1);
	corefile_plan_free(p);
}

/* Who speaks TLS is not asked, nor are blocks without `loop`. */
Test(loopcheck, who_is_not_asked)
{
	char text[600];

	snprintf(text, sizeof(text),
		 "a.org:5300 {\n bind %s\n forward . %s:5301\n}\n"
		 "b.org:5300 {\n bind %s\n loop\n forward . tls://%s:5302 {\n tls_servername x\n }\n}\n",
		 addr, addr, addr, addr);
	struct corefile_plan *p = plan_of(text);

	loopcheck_run(check, p);
	cr_expect(over(), "it has ended");
	for (int i = 0; i < 20; i++)
		step();
	cr_expect(recv(up[0], text, 1, 0) < 0 && recv(up[1], text, 1, 0) < 0);
	cr_expect_eq(n_changed, 0);
	corefile_plan_free(p);
}

/* There is room for so many: others are left in. */
Test(loopcheck, no_room)
{
	struct corefile_plan *p = plan("");

	for (shared.n_found = 0; shared.n_found < LOOPS_MAX; shared.n_found++) {
		shared.found[shared.n_found] = (struct corefile_loop){.addr = addr_of("192.0.2.9"), .port = (uint16_t)(shared.n_found + 1)};
		strcpy(shared.found[shared.n_found].zone, ".");
	}
	loopcheck_run(check, p);
	play(LOOPS, HONEST, over);
	cr_expect_eq(shared.n_found, LOOPS_MAX);
	cr_expect_eq(n_changed, 0);
	corefile_plan_free(p);
}

Test(loopcheck, ended_in_the_middle)
{
	struct corefile_plan *p = plan("");

	loopcheck_run(check, p);
	loopcheck_free(check);
	check = NULL;
	loopcheck_free(NULL);
	for (int i = 0; i < 5; i++)
		step();
	corefile_plan_free(p);
}

/* An upstream at a link-local address is one of its interface, also when it is asked again. */
Test(loopcheck, link_local)
{
	struct in6_addr a = addr_of("fe80::1");
	union sockaddr_any sa;
	char text[200];

	own_net("ip addr add fe80::1/64 dev lo nodad");
	socklen_t len = sockaddr_from(&sa, &a, 5301, if_nametoindex("lo"));

	close(up[0]);
	up[0] = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	while (bind(up[0], &sa.sa, len) < 0) /* the kernel takes a moment to know it */
		poll(NULL, 0, 5);
	for (char c; recv(up[0], &c, 1, 0) < 0; poll(NULL, 0, 5)) { /* and another to lead there */
		int s = socket(AF_INET6, SOCK_DGRAM, 0);

		cr_assert_leq(sendto(s, "", 1, 0, &sa.sa, len), 1);
		close(s);
	}
	while (recv(up[0], text, 1, 0) >= 0)
		;
	snprintf(text, sizeof(text), "example.org:5300 {\n bind %s\n loop\n forward . [fe80::1%%lo]:5301\n}\n", addr);
	struct corefile_plan *p = plan_of(text);

	loopcheck_run(check, p);
	play(LOOPS, SILENT, over);
	cr_assert_eq(shared.n_found, 1);
	cr_expect_eq(shared.found[0].scope_id, if_nametoindex("lo"));
	corefile_plan_free(p);
	/* the plan without it: only what was found is asked, and it leads here no longer */
	snprintf(text, sizeof(text), "example.org:5300 {\n bind %s\n loop\n}\n", addr);
	p = plan_of(text);
	loopcheck_run(check, p);
	cr_expect_not(over(), "it is asked");
	play(HONEST, SILENT, over);
	cr_expect_eq(asked[0], 2);
	cr_expect_eq(shared.n_found, 0);
	corefile_plan_free(p);
}
