/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of iptables-save: which are rules of ours, word by word, and which of them go when. */
#include "resolver/node/iptables.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/node/strays.h"

#define SKIP  "-m comment --comment \"NodeLocal DNS Cache: skip conntrack\""
#define ALLOW "-m comment --comment \"NodeLocal DNS Cache: allow DNS traffic\""

static struct flags_ip ip_of(const char *text)
{
	struct flags_ip ip = {.is_v4 = false};

	cr_assert_eq(flags_ip_parse(text, &ip), 0);
	return ip;
}

static bool is_exact(const char *line)
{
	struct ipt_line l = {.exact = false};

	return iptables_line_parse(IPT_RAW, line, strlen(line), &l) && l.exact;
}

/* Somebody's rules that use the same match. */
Test(iptables_parse, other_uses_of_recent_are_left_alone)
{
	static const char *const not_ours[] = {
		"--rcheck --seconds 1 --name live --mask 255.255.255.255 --rdest",
		"! --update --seconds 1 --name live --mask 255.255.255.255 --rdest",
		"! --rcheck --seconds 1x --name live --mask 255.255.255.255 --rdest",
		"! --rcheck --seconds 0 --name live --mask 255.255.255.255 --rdest",
		"! --rcheck --seconds 4294967296 --name live --mask 255.255.255.255 --rdest",
		"! --rcheck --seconds x --name live --mask 255.255.255.255 --rdest",
		"! --rcheck --seconds 1 --hitcount 3 --name live --mask 255.255.255.255 --rdest",
		"! --rcheck --seconds 1 --name live --mask 255.255.255.255 --rsource",
		"! --rcheck --seconds 1 --name live --mask",
		"! --rcheck --seconds",
		"! --rcheck",
		"!",
	};

	for (size_t i = 0; i < sizeof not_ours / sizeof *not_ours; i++) {
		char line[512];
		struct ipt_line l = {.exact = true};

		snprintf(line, sizeof line, "-A OUTPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 -j ACCEPT -m recent %s", not_ours[i]);
		cr_assert(iptables_line_parse(IPT_RAW, line, strlen(line), &l));
		cr_expect(!l.exact, "%s", line);
	}
}

/* Whatever comes last: without its last word the line is no rule of ours. */
Test(iptables_parse, in_any_order)
{
#define ALL "-j NOTRACK -d 169.254.20.10/32 -p tcp --dport 53"
	static const char *const whole[] = {
		"-A OUTPUT -j NOTRACK -p tcp -d 169.254.20.10/32 --dport 53",
		"-A OUTPUT -j NOTRACK --dport 53 -d 169.254.20.10/32 -p tcp",
		"-A OUTPUT -j NOTRACK --dport 53 -p tcp -d 169.254.20.10/32",
		"-A OUTPUT -d 169.254.20.10/32 --dport 53 -p tcp -j NOTRACK",
		"-A OUTPUT -d 169.254.20.10/32 --dport 53 -p tcp -j CT --notrack",
		"-A OUTPUT " ALL " -m comment --comment x",
		"-A OUTPUT " ALL " -m tcp",
		"-A OUTPUT " ALL " -m set ! --match-set live dst",
		"-A OUTPUT " ALL " -m set ! --match-set live",
		"-A OUTPUT " ALL " -m set ! --match-set",
		"-A OUTPUT " ALL " -m recent ! --rcheck --seconds 1 --name x --mask y --rdest",
		"-A OUTPUT " ALL " -m recent ! --rcheck --seconds 1",
		"-A OUTPUT " ALL " -m recent ! --rcheck",
	};

	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
		char line[200];

		cr_expect_eq(is_exact(whole[i]), (i < 8 || i == 10), "%s", whole[i]);
		snprintf(line, sizeof line, "%.*s", (int)(strrchr(whole[i], ' ') - whole[i]), whole[i]);
		cr_expect_not(is_exact(line), "%s", line);
	}
}

/* Nothing less than a whole rule is one, and nothing more. */
Test(iptables_parse, each_word_counts)
{
	static const char *const whole[] = {
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -m comment --comment \"x y\" -j CT --notrack",
		"-A OUTPUT -s fd00::a/128 -p udp -m udp --sport 53 -j NOTRACK",
		"-A INPUT -d 169.254.20.10 -p udp -m udp --dport 65535 -m comment --comment \"a \\\" -j DROP \\\"\" -j ACCEPT",
		"-A OUTPUT -d 169.254.20.10/32 -p tcp -m tcp --dport 1 -m set ! --match-set live dst -j ACCEPT",
		"-A OUTPUT -d 169.254.20.10/32 -p udp --dport 53 -m recent ! --rcheck --seconds 4294967295 --name x --mask y --rdest -j ACCEPT",
	};
	static const char *const more[] = {"-j ACCEPT", "-p udp", "-d 169.254.20.10/32", "--dport 53", "-i eth0", "x",
					   "! --match-set live dst -m set ! --match-set live dst", "-m mark", "-m"};

	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
		char line[400];
		size_t len = strlen(whole[i]);

		cr_expect(is_exact(whole[i]), "%s", whole[i]);
		for (size_t n = 1; n < len; n++) {
			if (whole[i][n] != ' ')
				continue;
			snprintf(line, sizeof line, "%.*s", (int)n, whole[i]);
			cr_expect_not(is_exact(line), "%s", line);
		}
		for (size_t k = 0; k < sizeof more / sizeof *more; k++) {
			snprintf(line, sizeof line, "%s %s", whole[i], more[k]);
			cr_expect_not(is_exact(line), "%s", line);
		}
	}
}

Test(iptables_parse, what_is_no_rule_of_ours)
{
	static const char *const not_exact[] = {
		"-A FORWARD -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -j NOTRACK",
		"-A PREROUTING -s 169.254.20.10/32 -p tcp -m tcp --dport 53 -j NOTRACK",
		"-A PREROUTING -d 169.254.20.10/31 -p tcp -m tcp --dport 53 -j NOTRACK",
		"-A PREROUTING -d 169.254.20.10/128 -p tcp -m tcp --dport 53 -j NOTRACK",
		"-A PREROUTING -d fd00::a/32 -p tcp -m tcp --dport 53 -j NOTRACK",
		"-A PREROUTING -d example/32 -p tcp -m tcp --dport 53 -j NOTRACK",
		"-A PREROUTING -d 169.254.20.10/32 -p sctp -m sctp --dport 53 -j NOTRACK",
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 0 -j NOTRACK",
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 65536 -j NOTRACK",
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53:54 -j NOTRACK",
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport \"\" -j NOTRACK",
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -j DROP",
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -j CT --zone",
		"-A OUTPUT -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -m set ! --match-set live src -j ACCEPT",
		"-A ", "-A OUTPUT",
	};
	static const char *const none[] = {"",	 "#",	 "-N X",  ":PREROUTING ACCEPT [0:0]",  "-A",
					   "[3", "[3:4", "[3:4]", "[3;4] -A PREROUTING -j ACCEPT", "[3:4]-A PREROUTING -j ACCEPT",
					   "[3:x] -A PREROUTING -j ACCEPT", "[3:4 -A PREROUTING -j ACCEPT"};
	struct ipt_line l;

	for (size_t i = 0; i < sizeof not_exact / sizeof *not_exact; i++)
		cr_expect_not(is_exact(not_exact[i]), "%s", not_exact[i]);
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		cr_expect_not(iptables_line_parse(IPT_RAW, none[i], strlen(none[i]), &l), "%s", none[i]);
	cr_expect(iptables_line_parse(IPT_FILTER, "[30:4000000000] -A INPUT -j ACCEPT", 34, &l));
	cr_expect(l.packets == 30 && l.bytes == 4000000000 && l.table == IPT_FILTER && !l.exact && l.bare && !l.commented);
}

/* A word may be longer than there is room for: the rule is understood all the same, or is none. */
Test(iptables_parse, long_words)
{
	for (int n = 250; n < 260; n++) {
		char line[800], word[300];

		memset(word, 'a', sizeof word);
		word[n] = 0;
		snprintf(line, sizeof line, "-A OUTPUT -d 169.254.20.10/32 -p tcp --dport 53 -m comment --comment %s -j NOTRACK", word);
		cr_expect(is_exact(line), "%d", n);
		snprintf(line, sizeof line, "-A OUTPUT -d 169.254.20.10/32 -p tcp --dport 53 -m comment --comment \"%s\" -j NOTRACK", word);
		cr_expect(is_exact(line), "%d", n);
		snprintf(line, sizeof line, "-A OUTPUT -d 169.254.20.10/32 -p tcp --dport 53 -j NOTRACK%s", word);
		cr_expect_not(is_exact(line), "%d", n);
	}
}

/* Which lines go: when we end, when all of ours of whatever address is to go, and what an instance
 * before left; that with our own addresses' rules kept or not. */
Test(iptables_parse, whose_line_goes)
{
#define TO(addr) "-A PREROUTING -d " addr "/32 -p tcp -m tcp --dport 53 "
#define OURS	 "169.254.20.10"
#define OTHER	 "169.254.20.77"
#define BY_UDP	 "-A OUTPUT -s " OTHER "/32 -p udp -m udp --sport 53 "
	enum { FREE, HELD, RELEASED, BOTH };
	static const struct {
		const char *line;
		enum ipt_table table;
		int other;
		bool goes[4]; /* IPT_REMOVE, IPT_CLEANUP, IPT_SWEEP, IPT_SWEEP with ours kept */
	} cases[] = {
		{TO(OURS) SKIP " -j NOTRACK", IPT_RAW, FREE, {true, true, true, false}},
		{TO(OURS) "-j NOTRACK", IPT_RAW, FREE, {true, true, true, false}},
		{"-A OUTPUT -d " OURS "/32 -p tcp -m tcp --dport 8080 -j NOTRACK", IPT_RAW, FREE, {true, true, true, false}},
		{"-A OUTPUT -d " OURS "/32 -p tcp -m tcp --dport 9999 -j NOTRACK", IPT_RAW, FREE, {false, true, false, false}},
		{TO(OURS) "-j ACCEPT", IPT_FILTER, FREE, {false, false, false, false}},
		{TO(OURS) "-m comment --comment mine -j NOTRACK", IPT_RAW, FREE, {false, false, false, false}},
		{TO(OURS) "-i eth0 " SKIP " -j NOTRACK", IPT_RAW, FREE, {false, true, false, false}},
		{"-A OUTPUT -m mark --mark 0x1 " SKIP " -j NOTRACK", IPT_RAW, FREE, {false, true, false, false}},
		{TO(OTHER) "-j NOTRACK", IPT_RAW, FREE, {false, false, false, false}},
		{TO(OTHER) SKIP " -j NOTRACK", IPT_RAW, FREE, {false, true, true, true}},
		{TO(OTHER) SKIP " -j NOTRACK", IPT_RAW, HELD, {false, true, false, false}},
		{TO(OTHER) SKIP " -j NOTRACK", IPT_RAW, RELEASED, {false, true, true, true}},
		{TO(OTHER) SKIP " -j NOTRACK", IPT_RAW, BOTH, {false, true, true, true}},
		{TO(OTHER) "-i eth0 " SKIP " -j NOTRACK", IPT_RAW, BOTH, {false, true, false, false}},
		{BY_UDP SKIP " -j NOTRACK", IPT_RAW, BOTH, {false, true, false, false}},
		{BY_UDP SKIP " -j NOTRACK", IPT_RAW, RELEASED, {false, true, true, true}},
		{TO(OTHER) ALLOW " -j ACCEPT", IPT_FILTER, BOTH, {false, true, false, false}},
	};
	static const enum ipt_intent intents[] = {IPT_REMOVE, IPT_CLEANUP, IPT_SWEEP, IPT_SWEEP};
	struct flags_ip ip[] = {ip_of("10.96.0.10"), ip_of(OURS)}, other = ip_of(OTHER);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct strays *strays = calloc(1, sizeof *strays);
		struct ipt_line l;

		cr_assert(iptables_line_parse(cases[i].table, cases[i].line, strlen(cases[i].line), &l));
		strays->looked = true;
		strays->n_held = cases[i].other & HELD ? 1 : 0;
		strays->held[0] = other.addr;
		strays->released.n = cases[i].other & RELEASED ? 1 : 0;
		strays->released.addr[0] = other.addr;
		for (int k = 0; k < 4; k++) {
			struct ipt_conf c = {.ip = ip, .n_ips = 2, .v4 = true, .port = 53, .health_port = 8080, .keep = k == 3, .strays = strays};

			cr_expect_eq(iptables_line_doomed(&l, &c, intents[k]), cases[i].goes[k], "intent %d: %s", k, cases[i].line);
		}
		free(strays);
	}
}
