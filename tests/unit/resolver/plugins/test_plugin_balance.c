/* SPDX-License-Identifier: Apache-2.0 */
/* loadbalance to the record: which one comes first, what stays where it is; acl by net. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fixtures/corefile_util.h"

/* The last octets of the answers of the question's type, in their order. */
static const char *order_of(const uint8_t *msg, size_t len)
{
	static char text[1024];
	struct dns_msg m;
	struct dns_rr rr;
	struct wire w;
	size_t n = 0;

	cr_assert_eq(dns_msg_parse(&m, msg, len), 0);
	wire_init(&w, msg, len);
	w.off = m.answer_off;
	text[0] = 0;
	for (unsigned i = 0; i < m.h.n_an; i++) {
		wire_rr(&w, &rr);
		cr_assert_eq(w.err, 0);
		if (rr.type == m.q.qtype)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%u ", msg[rr.rdata_off + rr.rdlen - 1]);
	}
	return text;
}

static const char *answered(const struct plugin_step *s, const char *name, uint16_t qtype, const char *const *rr,
			    uint64_t now_ns)
{
	static uint8_t msg[4096];
	uint8_t before[4096];
	size_t len = reply_make(msg, sizeof(msg), name, qtype, 0, rr);
	struct asked a;

	memcpy(before, msg, len);
	ask_init(&a, name, qtype, "10.0.0.1");
	a.q.now_ns = now_ns;
	cr_assert_eq(s->ops->respond(s, &a.q, msg, len, sizeof(msg)), len);
	cr_assert_eq(memcmp(msg, before, DNS_HEADER_LEN), 0);
	cr_assert_eq(msg_check(msg, len), 0);
	return order_of(msg, len);
}

static const char *const four[] = {"x.example.org. 60 A 192.0.2.1", "x.example.org. 60 A 10.0.0.2",
				   "x.example.org. 60 A 192.0.2.3", "x.example.org. 60 A 10.0.0.4", NULL};
static const char *const four6[] = {"x.example.org. 60 AAAA fd00::1", "x.example.org. 60 AAAA fd01::2",
				    "x.example.org. 60 TXT aaaa", "x.example.org. 60 AAAA fd00::3", NULL};

/* Each order of four comes as often as any other. */
Test(plugin_loadbalance, every_order_comes)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "loadbalance round_robin");
	unsigned seen[5][4] = {0};

	for (unsigned i = 0; i < 4000; i++) {
		const char *text = answered(s, "x.example.org", DNS_A, four, i * 1000);
		unsigned v[4], used = 0;

		cr_assert_eq(sscanf(text, "%u %u %u %u", &v[0], &v[1], &v[2], &v[3]), 4, "%s", text);
		for (unsigned k = 0; k < 4; k++) {
			cr_assert(v[k] >= 1 && v[k] <= 4);
			used |= 1u << v[k];
			seen[v[k]][k]++;
		}
		cr_assert_eq(used, 0x1e, "%s", text);
	}
	for (unsigned v = 1; v <= 4; v++)
		for (unsigned k = 0; k < 4; k++)
			cr_expect(seen[v][k] > 850 && seen[v][k] < 1150, "%u in place %u: %u", v, k, seen[v][k]);
	corefile_plan_free(p);
}

/* Same instant, other client: another order. */
Test(plugin_loadbalance, chance_is_each_query_s_own)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "loadbalance");
	unsigned differ[2] = {0};

	for (unsigned i = 0; i < 64; i++) {
		uint8_t msg[3][512];
		struct asked a;

		for (unsigned k = 0; k < 3; k++) {
			size_t len = reply_make(msg[k], sizeof(msg[k]), "x.example.org", DNS_A, 0, four);

			ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
			a.client.port = (uint16_t)(40000 + (k == 1 ? i + 1 : 0));
			if (k == 2)
				set_be16(msg[k], (uint16_t)i);
			s->ops->respond(s, &a.q, msg[k], len, sizeof(msg[k]));
			set_be16(msg[k], 0);
			if (k)
				differ[k - 1] += memcmp(msg[k], msg[0], len) != 0;
		}
	}
	cr_expect(differ[0] > 40, "by port: %u", differ[0]);
	cr_expect(differ[1] > 40, "by id: %u", differ[1]);
	corefile_plan_free(p);
}

/* Only addresses are mixed, whatever else is as long as one. */
Test(plugin_loadbalance, other_records_are_no_addresses)
{
	static const char *const texts[] = {"x.example.org. 60 TXT 123456789012345", "x.example.org. 60 TXT abcdefghijklmno",
					    "x.example.org. 60 TXT ABCDEFGHIJKLMNO", NULL};
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "loadbalance");
	uint8_t whole[512], msg[512];
	size_t len = reply_make(whole, sizeof(whole), "x.example.org", DNS_TXT, 0, texts);

	for (unsigned i = 0; i < 32; i++) {
		struct asked a;

		memcpy(msg, whole, len);
		ask_init(&a, "x.example.org", DNS_TXT, "10.0.0.1");
		a.q.now_ns = i;
		cr_expect_eq(s->ops->respond(s, &a.q, msg, len, sizeof(msg)), len);
		cr_expect_eq(memcmp(msg, whole, len), 0);
	}
	corefile_plan_free(p);
}

/* One whose records end before their number is nobody's to mix, wherever it is cut. */
Test(plugin_loadbalance, cut_ones_are_left_alone)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "loadbalance");
	uint8_t whole[512], msg[512];
	size_t len = reply_make(whole, sizeof(whole), "x.example.org", DNS_A, 0, four);
	unsigned n_mixed = 0;

	for (size_t n = DNS_HEADER_LEN; n <= len; n++)
		for (unsigned i = 0; i < 8; i++) {
			struct asked a;

			memcpy(msg, whole, len);
			ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
			a.q.now_ns = i;
			cr_expect_eq(s->ops->respond(s, &a.q, msg, n, sizeof(msg)), n);
			if (n < len)
				cr_expect_eq(memcmp(msg, whole, len), 0, "cut at %zu of %zu", n, len);
			n_mixed += memcmp(msg, whole, len) != 0;
		}
	cr_expect_gt(n_mixed, 4);
	for (unsigned i = 0; i < 64; i++) { /* nor one without a question, or with two */
		struct asked a;

		memcpy(msg, whole, len);
		set_be16(msg + 4, i & 2);
		ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
		a.q.now_ns = i;
		s->ops->respond(s, &a.q, msg, len, sizeof(msg));
		cr_expect_eq(memcmp(msg + 6, whole + 6, len - 6), 0, "%u questions", i & 2);
	}
	corefile_plan_free(p);
}

Test(plugin_loadbalance, what_is_left_alone)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "loadbalance");
	static const char *const texts[] = {"x.example.org. 60 TXT a", "x.example.org. 60 TXT b", NULL};
	static const char *const mixed[] = {"x.example.org. 60 A 192.0.2.1", "x.example.org. 60 AAAA fd00::1", NULL};
	uint8_t msg[512], before[512];

	for (unsigned i = 0; i < 64; i++) {
		struct asked a;
		size_t len = reply_make(msg, sizeof(msg), "x.example.org", DNS_TXT, 0, texts);

		ask_init(&a, "x.example.org", DNS_TXT, "10.0.0.1");
		a.q.now_ns = i;
		memcpy(before, msg, len);
		s->ops->respond(s, &a.q, msg, len, sizeof(msg));
		cr_assert_eq(memcmp(msg, before, len), 0);
		len = reply_make(msg, sizeof(msg), "x.example.org", DNS_A, 0, mixed);
		ask_init(&a, "x.example.org", DNS_A, "10.0.0.1");
		a.q.now_ns = i;
		memcpy(before, msg, len);
		s->ops->respond(s, &a.q, msg, len, sizeof(msg));
		cr_assert_eq(memcmp(msg, before, len), 0);
		/* cut off behind the header's promise */
		len = reply_make(msg, sizeof(msg), "x.example.org", DNS_A, 0, four) - 2;
		memcpy(before, msg, len);
		s->ops->respond(s, &a.q, msg, len, sizeof(msg));
		cr_assert_eq(memcmp(msg, before, len), 0);
		/* no client: a renewal of our own */
		len = reply_make(msg, sizeof(msg), "x.example.org", DNS_A, 0, four);
		a.q.client = NULL;
		cr_assert_eq(s->ops->respond(s, &a.q, msg, len, sizeof(msg)), len);
	}
	corefile_plan_free(p);
}

/* Those preferred come first, and keep the order they have among themselves. */
Test(plugin_loadbalance, preferred_in_both_families)
{
	struct corefile_plan *p;
	const struct plugin_step *s = step_of(&p, "loadbalance {\n prefer 172.16.0.0/12 10.0.0.0/8\n prefer fd00::/16\n}");
	unsigned seen[2][2] = {0};

	for (unsigned i = 0; i < 200; i++) {
		unsigned v[4];

		cr_assert_eq(sscanf(answered(s, "x.example.org", DNS_A, four, i * 77), "%u %u %u %u", &v[0], &v[1], &v[2], &v[3]), 4);
		cr_assert((v[0] == 2 && v[1] == 4) || (v[0] == 4 && v[1] == 2), "%u %u", v[0], v[1]);
		cr_assert((v[2] == 1 && v[3] == 3) || (v[2] == 3 && v[3] == 1), "%u %u", v[2], v[3]);
		seen[0][v[0] == 2]++;
		seen[1][v[2] == 1]++;
		cr_assert_eq(sscanf(answered(s, "x.example.org", DNS_AAAA, four6, i * 77), "%u %u %u", &v[0], &v[1], &v[2]), 3);
		cr_assert(v[2] == 2 && v[0] + v[1] == 4, "%u %u %u", v[0], v[1], v[2]);
	}
	for (int k = 0; k < 4; k++)
		cr_expect_gt(seen[k / 2][k % 2], 60);
	corefile_plan_free(p);
}

static const struct plugin_step *weighted(struct corefile_plan **p, const char *weights, char *path)
{
	char directive[200];
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, weights, strlen(weights)), (ssize_t)strlen(weights));
	close(fd);
	snprintf(directive, sizeof(directive), "loadbalance weighted %s", path);
	const struct plugin_step *s = step_of(p, directive);

	unlink(path);
	return s;
}

/* The first by its weight, the others as they came; who is not named weighs 1. */
Test(plugin_loadbalance, weights_to_the_tenth)
{
	char path[] = "/tmp/corefile-balance-XXXXXX";
	struct corefile_plan *p;
	const struct plugin_step *s = weighted(&p,
					       "Y.example.org.\n 192.0.2.1 200\nX.Example.org\n192.0.2.1\t6\r\n10.0.0.4 2 # c\n"
					       "192.0.2.3  1\n \tfd01::2 7\n",
					       path);
	unsigned seen[5] = {0}, seen6[4] = {0};

	for (unsigned i = 0; i < 10000; i++) {
		static const char *const orders[] = {"", "1 2 3 4 ", "2 1 3 4 ", "3 1 2 4 ", "4 1 2 3 "};
		const char *text = answered(s, "x.example.org", DNS_A, four, i * 1009);
		unsigned first = (unsigned)(text[0] - '0');

		cr_assert(first >= 1 && first <= 4);
		cr_assert_str_eq(text, orders[first]);
		seen[first]++;
		text = answered(s, "x.example.org", DNS_AAAA, four6, i * 1009);
		first = (unsigned)(text[0] - '0');
		cr_assert(first >= 1 && first <= 3);
		seen6[first]++;
	}
	cr_expect(seen[1] > 5700 && seen[1] < 6300, "%u", seen[1]);
	cr_expect(seen[2] > 850 && seen[2] < 1150, "%u", seen[2]);
	cr_expect(seen[3] > 850 && seen[3] < 1150, "%u", seen[3]);
	cr_expect(seen[4] > 1800 && seen[4] < 2200, "%u", seen[4]);
	cr_expect(seen6[2] > 7500 && seen6[2] < 8100, "%u of 7/9", seen6[2]);
	/* a name without weights stays as it is */
	for (unsigned i = 0; i < 50; i++)
		cr_assert_str_eq(answered(s, "z.example.org", DNS_A, four, i), "1 2 3 4 ");
	corefile_plan_free(p);
}

Test(plugin_loadbalance, weight_files_that_are_refused)
{
	static const char *const bad[][2] = {
		{"x.example.org\n192.0.2.1 0\n", "expected a weight of 1 to 255"},
		{"x.example.org\n192.0.2.1 256\n", "expected a weight of 1 to 255"},
		{"x.example.org\n192.0.2 5\n", "expected a domain name"},
		{"192.0.2.1 5\n", "expected a domain name"},
		{"x..example.org\n", "expected a domain name"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char path[] = "/tmp/corefile-balance-XXXXXX", text[200];
		int fd = mkstemp(path);

		cr_assert_eq(write(fd, bad[i][0], strlen(bad[i][0])), (ssize_t)strlen(bad[i][0]));
		close(fd);
		snprintf(text, sizeof(text), "x {\n loadbalance weighted %s\n}\n", path);
		assert_refused(text, bad[i][1]);
		unlink(path);
	}
	char path[] = "/tmp/corefile-balance-XXXXXX";
	struct corefile_plan *p;

	weighted(&p, "x.example.org\n192.0.2.1 255\n192.0.2.2 1\n\n # only words\n", path);
	corefile_plan_free(p);
}

Test(plugin_acl, nets_and_types_of_one_policy)
{
	static const struct {
		const char *client;
		uint16_t qtype;
		enum plugin_verdict verdict;
	} cases[] = {
		{"172.31.255.255", DNS_A, PLUGIN_DROP},	  {"172.32.0.0", DNS_A, PLUGIN_RCODE},
		{"172.16.0.0", DNS_AAAA, PLUGIN_DROP},	  {"172.16.0.0", DNS_TXT, PLUGIN_RCODE},
		{"2001:db8:ffff::1", DNS_A, PLUGIN_DROP}, {"2001:db8:7fff::1", DNS_A, PLUGIN_RCODE},
		{"192.0.2.9", DNS_A, PLUGIN_NEXT},	  {"192.0.2.9", DNS_MX, PLUGIN_NEXT},
		{"192.0.2.10", DNS_MX, PLUGIN_RCODE},
	};
	struct corefile_plan *p;
	const struct plugin_step *s =
		step_of(&p, "acl a.example.org example.org {\n allow net 192.0.2.9\n drop type A AAAA net 172.16.0.0/12 "
			    "2001:db8:8000::/33\n block\n}");
	struct asked a;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask_init(&a, "b.example.org", cases[i].qtype, cases[i].client);
		cr_expect_eq(s->ops->arrive(s, &a.q, &a.o, &a.len), cases[i].verdict, "case %zu", i);
	}
	ask_init(&a, "b.example.net", DNS_A, "172.31.255.255");
	cr_expect_eq(s->ops->arrive(s, &a.q, &a.o, &a.len), PLUGIN_NEXT, "another zone");
	ask_init(&a, "b.example.org", DNS_A, "172.31.255.255");
	a.q.client = NULL;
	cr_expect_eq(s->ops->arrive(s, &a.q, &a.o, &a.len), PLUGIN_NEXT, "a renewal of our own");
	corefile_plan_free(p);
}
