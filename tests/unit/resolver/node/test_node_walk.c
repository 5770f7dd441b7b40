/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks of a node by chance, with the kernel there is and one that fails: begun, renewed, left,
 * opened anew with other addresses or in the other dialect, over a table that somebody else deletes
 * in between, each message refused or its reply lost. What came out of each walk, every message to
 * the kernel included, is known by a number (tests/golden/node/; GOLDEN_UPDATE=1 writes it anew,
 * NODE_WALK=n prints the nth), and after each step what the node says of its rules is what stands
 * there. The programs of iptables do nothing here: of that dialect it is sets, sweeping and order.
 */
#undef _FORTIFY_SOURCE /* recv is ours */

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/rng.h"
#include "resolver/node/ipset.h"
#include "resolver/node/netlink.h"
#include "resolver/node/nft_look.h"
#include "resolver/node/nft_msg.h"
#include "tests/fixtures/node_world.h"

#define WALKS 8
#define STEPS 40

static struct netlink *other; /* somebody else's */
static bool both;	      /* dialects */
static int held = -1;	      /* somebody's socket at the first address */

/* --- what came out --- */

static const uint64_t nothing = 0xcbf29ce484222325;
static uint64_t sum;
static bool is_told;

static uint64_t sum_of(uint64_t s, const void *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		s = (s ^ ((const uint8_t *)b)[i]) * 0x100000001b3;
	return s;
}

__attribute__((format(printf, 1, 2))) static void tell(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	sum = sum_of(sum, line, strlen(line));
	if (is_told)
		fprintf(stderr, "%s  %016llx\n", line, (unsigned long long)sum);
}

/* --- the kernel's failures --- */

static struct {
	bool on;
	unsigned send_at, recv_at, meddle_at; /* of the messages of a step; 0: none */
	int err;
	unsigned n_sent;
	int fd; /* the last one's */
} fails;

static void meddle(void)
{
	struct nl_buf b;

	fails.on = false;
	nl_init(&b);
	nft_batch_begin(&b, NFT_ANY_GENERATION);
	nft_table_add(&b, NFPROTO_INET, "nodelocaldns", NULL);
	nft_table_delete(&b, NFPROTO_INET, "nodelocaldns");
	nft_batch_end(&b);
	cr_assert_eq(netlink_send(other, &b, NULL, NULL, "meddling", &words), 0, "%s", words.text);
	fails.on = true;
}

/* A message as it is, but for whose it is and which commit it was decided at. The kernel's sets have no
 * order, nor have those that are written after one was read. */
static void sent(const char *mem, size_t len)
{
	char copy[NL_BUF_SIZE];
	uint64_t elements = 0;
	int left = (int)len;

	memcpy(copy, mem, len);
	for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)copy; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		h->nlmsg_seq = h->nlmsg_pid = 0;
		if (nft_type(h) == NFT_MSG_NEWSETELEM)
			elements += sum_of(nothing, h, h->nlmsg_len);
		else
			sum = sum_of(sum, h, h->nlmsg_type == NFNL_MSG_BATCH_BEGIN ? sizeof(*h) : h->nlmsg_len);
	}
	sum = sum_of(sum, &elements, sizeof(elements));
	tell("    %zu octets", len);
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s, const void *b, size_t len)
{
	static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	if (fails.on) {
		sent(b, len);
		fails.fd = mnl_socket_get_fd(s);
		fails.n_sent++;
		if (fails.n_sent == fails.meddle_at)
			meddle();
		if (fails.n_sent == fails.send_at) {
			errno = fails.err;
			return -1;
		}
	}
	return sendto(mnl_socket_get_fd(s), b, len, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
}

/* The reply to a message is lost: the kernel had no room for it. Or somebody's signal came first. */
ssize_t recv(int fd, void *b, size_t len, int how)
{
	if (fails.on && fd == fails.fd && fails.n_sent && fails.n_sent == fails.recv_at) {
		fails.recv_at = 0;
		errno = fails.err;
		return -1;
	}
	return recvfrom(fd, b, len, how, NULL, NULL);
}

ssize_t __recv_chk(int fd, void *b, size_t len, size_t room, int how);
ssize_t __recv_chk(int fd, void *b, size_t len, size_t room, int how)
{
	cr_assert_leq(len, room);
	return recv(fd, b, len, how);
}

/* --- a walk --- */

enum { DO_ENSURE, DO_REFRESH, DO_LAPSE, DO_WITHDRAW, DO_REMOVE, DO_IDLE, DO_RELEASED, DO_ANEW, DO_MEDDLE, DO_COUNT, DO_HOLD };
static const char *const names[] = {"ensure", "refresh", "lapse", "withdraw", "remove", "idle", "released", "anew", "meddle", "count", "hold"};

/* Some of three addresses; two of a family are there for what is rewritten. */
static void flags_draw(struct rng *r)
{
	unsigned which = 1 + (unsigned)rng_below(r, 7), n = 0;

	flags_fill(both && rng_below(r, 2) ? RULES_IPTABLES : RULES_NFTABLES);
	flags.setup_interface = false;
	flags.failopen_ns = rng_below(r, 4) ? 120 * NS_PER_S + NS_PER_S / 2 : 0;
	for (unsigned i = 0; i < 3; i++)
		if (which >> i & 1)
			flags.localip[n++] = flags.localip[i];
	flags.n_localips = n;
	if ((which & 5) == 5 && flags.rules == RULES_NFTABLES && rng_below(r, 2)) {
		flags.intercept = INTERCEPT_REWRITE;
		flags.n_intercept_vips = 1;
		cr_assert_eq(flags_ip_parse("10.96.0.99", &flags.intercept_vip[0]), 0);
	}
	tell("  kind %d, addresses %u, for %llu ns, vips %zu", flags.rules, which, (unsigned long long)flags.failopen_ns, flags.n_intercept_vips);
}

/* Or not any more. */
static void hold(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
	int yes = 1;

	if (held >= 0) {
		close(held);
		held = -1;
		return;
	}
	inet_pton(AF_INET, "169.254.20.10", &at.sin_addr);
	held = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert_eq(setsockopt(held, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes)), 0);
	cr_assert_eq(bind(held, (struct sockaddr *)&at, sizeof(at)), 0);
}

/* We take over from another, or look as if we did. */
static void released(struct rng *r, bool handed_over)
{
	struct node_released from = {.handed_over = handed_over, .n = 1};

	from.addr[0] = flags.localip[rng_below(r, flags.n_localips)].addr;
	node_released_set(node, &from);
}

static void opened(struct rng *r)
{
	node_close(node);
	node = NULL;
	flags_draw(r);
	cr_assert_eq(node_open(&node, &flags, &words), 0, "%s", words.text);
	if (rng_below(r, 2))
		released(r, true);
}

/* Of one step in three something fails. */
static void fails_draw(struct rng *r)
{
	static const int errs[] = {EPERM, EBUSY, ENOBUFS, ENOMEM, EINTR, ERESTART};
	unsigned at = 1 + (unsigned)rng_below(r, 1 + rng_below(r, 24)), how = (unsigned)rng_below(r, 9);

	memset(&fails, 0, sizeof(fails));
	fails.err = errs[rng_below(r, sizeof(errs) / sizeof(errs[0]))];
	*(how == 0 ? &fails.send_at : how == 1 ? &fails.recv_at : how == 2 ? &fails.meddle_at : &at) = at;
}

static int step(unsigned what, struct rng *r, bool *ret_changed)
{
	struct node_counters c = {0};
	int err = 0;

	switch (what) {
	case DO_ENSURE:
		return node_rules_ensure(node, ret_changed, &words);
	case DO_REFRESH:
		return node_rules_refresh(node, &words);
	case DO_LAPSE:
		return node_rules_lapse(node, &words);
	case DO_WITHDRAW:
		return node_rules_withdraw(node, &words);
	case DO_REMOVE:
		return node_rules_remove(node, &words);
	case DO_IDLE:
		node_idle_set(node, rng_below(r, 8));
		break;
	case DO_RELEASED:
		released(r, rng_below(r, 2));
		break;
	case DO_ANEW:
		opened(r);
		break;
	case DO_MEDDLE:
		meddle();
		break;
	case DO_HOLD:
		hold();
		break;
	case DO_COUNT:
		err = node_counters_read(node, &c, &words);
		if (!err)
			tell("  stand: %d", c.stand);
		break;
	}
	return err;
}

/* What the node says, beside what the kernel says to somebody else. */
static void agrees(unsigned what, int err)
{
	struct nft_seen seen;
	struct node_counters c = {0};

	cr_assert_eq(nft_look_all(other, &seen, &words), 0, "%s", words.text);
	cr_assert_eq(node_counters_read(node, &c, &words), 0, "%s", words.text);
	tell("  gate %d, holds %llu ns, fail-open %d, table %d: %s, stands %d, swept %d, errors %u", node_gated(node), (unsigned long long)node_hold_ns(node), node_failopen(node), seen.table, seen.table ? seen.comment : "", c.stand, node_rules_swept(node), errors());
	cr_expect(seen.table || !c.stand || flags.rules != RULES_NFTABLES);
	if (err || flags.rules != RULES_NFTABLES)
		return;
	if (what == DO_ENSURE)
		cr_expect(c.stand || fails.meddle_at, "rules that are there stand");
	if (what == DO_REMOVE || what == DO_MEDDLE)
		cr_expect_not(seen.table);
	if (what == DO_REFRESH && flags.failopen_ns)
		cr_expect(c.stand || fails.meddle_at, "what is renewed stands");
}

static uint64_t walk(uint64_t number)
{
	static const uint8_t often[] = {DO_ENSURE, DO_ENSURE, DO_ENSURE, DO_ENSURE, DO_ENSURE, DO_REFRESH, DO_REFRESH, DO_LAPSE, DO_WITHDRAW, DO_REMOVE, DO_IDLE,
					DO_RELEASED, DO_RELEASED, DO_ANEW, DO_ANEW, DO_ANEW, DO_MEDDLE, DO_COUNT, DO_HOLD};
	struct rng r;

	rng_seed_stream(&r, 20, number);
	sum = nothing;
	meddle(); /* nothing is left of the walk before */
	fails.on = false;
	opened(&r);
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned what = often[rng_below(&r, sizeof(often) / sizeof(often[0]))];
		bool changed = false;
		int err;

		fails_draw(&r);
		words.text[0] = 0;
		tell("%s, fails %u %u %u: %d", names[what], fails.send_at, fails.recv_at, fails.meddle_at, fails.err);
		fails.on = true;
		err = step(what, &r, &changed);
		fails.on = false;
		tell("  %d %d %s", err, changed, words.text);
		agrees(what, err);
	}
	return sum;
}

TestSuite(node_walk, .fini = teardown, .timeout = 120);

/* Programs that succeed and do nothing. */
static void programs_make(char *dir)
{
	static const char *const all[] = {"iptables-restore", "iptables-save", "ip6tables-restore", "ip6tables-save"};
	char path[64];

	cr_assert(mkdtemp(dir));
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, all[i]);
		cr_assert_eq(symlink("/bin/true", path), 0);
	}
	cr_assert_eq(setenv("PATH", dir, 1), 0);
}

static void walks_known(const char *path)
{
	const char *one = getenv("NODE_WALK");
	char now[WALKS * 40], *known = NULL;
	size_t at = 0;

	for (unsigned i = 0; i < WALKS; i++) {
		is_told = one && (unsigned)atoi(one) == i;
		at += (size_t)snprintf(now + at, sizeof(now) - at, "%u %016llx\n", i, (unsigned long long)walk(i));
	}
	netlink_close(other);
	if (held >= 0)
		hold();
	if (getenv("GOLDEN_UPDATE"))
		cr_assert_eq(file_write_atomic(path, now, at, &words), 0, "%s", words.text);
	cr_assert_eq(file_read(path, sizeof(now), &known, NULL, &words), 0, "%s", words.text);
	cr_expect_str_eq(now, known);
	free(known);
}

static void begin(void)
{
	bool changed;

	open_as(RULES_NFTABLES);
	if (node_rules_ensure(node, &changed, &words) || netlink_open(&other, NETLINK_NETFILTER, &words))
		cr_skip_test("no such rules here");
}

Test(node_walk, native)
{
	begin();
	cr_assert_eq(setenv("PATH", "/nonexistent", 1), 0); /* no iptables, whatever this machine has */
	walks_known("tests/golden/node/walks-native");
}

Test(node_walk, both_dialects)
{
	char dir[] = "/tmp/node-walk-XXXXXX", command[64];

	begin();
	if (ipset_create(other, "walk", true, &words))
		cr_skip_test("no ipset here");
	cr_assert_eq(ipset_destroy(other, "walk", &words), 0);
	both = true;
	programs_make(dir);
	walks_known("tests/golden/node/walks-both");
	snprintf(command, sizeof(command), "/bin/rm -r %s", dir);
	cr_assert_eq(system(command), 0);
}
