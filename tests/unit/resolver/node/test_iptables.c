/* SPDX-License-Identifier: Apache-2.0 */
/* The rules' text: what is written is what iptables-save gives back, and what a removal takes. */
#include "tests/fixtures/no_memory.h"

#include "resolver/node/iptables.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define SKIP  "-m comment --comment \"NodeLocal DNS Cache: skip conntrack\""
#define ALLOW "-m comment --comment \"NodeLocal DNS Cache: allow DNS traffic\""

static struct flags_ip ip_of(const char *text)
{
	struct flags_ip ip = {.is_v4 = false};

	cr_assert_eq(flags_ip_parse(text, &ip), 0);
	return ip;
}

static enum node_gate gate; /* for plan() */

static struct ipt_plan plan(const char *saved, const char *addr, enum ipt_intent intent)
{
	struct flags_ip ip = ip_of(addr);
	struct ipt_conf c = {.ip = &ip, .n_ips = 1, .v4 = ip.is_v4, .port = 53, .health_port = 8080, .gate = gate,
		.gate_name = "live", .hold_s = 1};
	struct ipt_plan p = {0};
	struct diag d;

	cr_assert_eq(iptables_plan(saved, &c, intent, &p, &d), 0);
	return p;
}

/* What iptables-save would print once the plan was applied to nothing. */
static char *as_saved(const char *planned)
{
	char *text = strdup(planned);

	for (char *p = text; (p = strstr(p, "-I ")); p++)
		p[1] = 'A';
	return text;
}

/* The twelve rules in the order in which the original inserts them. */
static const char EXPECTED[] =
	"*raw\n"
	"-I PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 " SKIP " -j NOTRACK\n"
	"-I PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 53 " SKIP " -j NOTRACK\n"
	"-I OUTPUT -s 169.254.20.10/32 -p tcp -m tcp --sport 53 " SKIP " -j NOTRACK\n"
	"-I OUTPUT -s 169.254.20.10/32 -p udp -m udp --sport 53 " SKIP " -j NOTRACK\n"
	"-I OUTPUT -d 169.254.20.10/32 -p tcp -m tcp --dport 53 " SKIP " -j NOTRACK\n"
	"-I OUTPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 " SKIP " -j NOTRACK\n"
	"-I OUTPUT -d 169.254.20.10/32 -p tcp -m tcp --dport 8080 " SKIP " -j NOTRACK\n"
	"-I OUTPUT -s 169.254.20.10/32 -p tcp -m tcp --sport 8080 " SKIP " -j NOTRACK\n"
	"COMMIT\n"
	"*filter\n"
	"-I INPUT -d 169.254.20.10/32 -p tcp -m tcp --dport 53 " ALLOW " -j ACCEPT\n"
	"-I INPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 " ALLOW " -j ACCEPT\n"
	"-I OUTPUT -s 169.254.20.10/32 -p tcp -m tcp --sport 53 " ALLOW " -j ACCEPT\n"
	"-I OUTPUT -s 169.254.20.10/32 -p udp -m udp --sport 53 " ALLOW " -j ACCEPT\n"
	"COMMIT\n";

Test(iptables, twelve_rules_where_there_are_none)
{
	struct ipt_plan p = plan("", "169.254.20.10", IPT_ENSURE);

	cr_expect_str_eq(p.text, EXPECTED);
	cr_expect_eq(p.inserts, 12);
	cr_expect_eq(p.deletes, 0);
	free(p.text);
}

Test(iptables, nothing_to_do_when_they_stand)
{
	char *saved = as_saved(EXPECTED);
	struct ipt_plan p = plan(saved, "169.254.20.10", IPT_ENSURE);

	cr_expect_null(p.text);
	free(saved);
}

Test(iptables, only_what_is_missing_comes)
{
	char *saved = as_saved(EXPECTED);
	char *gone = strstr(saved, "-A OUTPUT -d 169.254.20.10/32 -p udp");
	struct ipt_plan p;

	memmove(gone, strchr(gone, '\n') + 1, strlen(strchr(gone, '\n')));
	p = plan(saved, "169.254.20.10", IPT_ENSURE);
	cr_assert_not_null(p.text);
	cr_expect_eq(p.inserts, 1);
	cr_expect_str_eq(p.text, "*raw\n-I OUTPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 " SKIP " -j NOTRACK\nCOMMIT\n");
	free(p.text);
	free(saved);
}

Test(iptables, duplicates_are_pruned_to_one)
{
	char *saved = as_saved(EXPECTED), *twice;
	struct ipt_plan p;

	cr_assert_geq(asprintf(&twice, "*raw\n:PREROUTING ACCEPT [3:4]\n"
			       "[7:9] -A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 " SKIP " -j CT --notrack\n"
			       "COMMIT\n%s", saved), 0);
	p = plan(twice, "169.254.20.10", IPT_ENSURE);
	cr_assert_not_null(p.text);
	cr_expect_eq(p.deletes, 1);
	cr_expect_eq(p.inserts, 0);
	free(p.text);
	free(twice);
	free(saved);
}

Test(iptables, other_rules_are_left_alone)
{
	static const char saved[] =
		"*nat\n-A PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 53 -j KUBE-SERVICES\nCOMMIT\n"
		"*raw\n"
		"-A PREROUTING -d 169.254.20.11/32 -p tcp -m tcp --dport 53 " SKIP " -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 5353 -j NOTRACK\n"
		"-A PREROUTING ! -d 169.254.20.10/32 -p tcp -m tcp --dport 53 " SKIP " -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.10/32 -i eth0 -p tcp -m tcp --dport 53 " SKIP " -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.0/24 -p tcp -m tcp --dport 53 " SKIP " -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -m comment --comment \"mine\" -j NOTRACK\n"
		"COMMIT\n";
	struct ipt_plan p = plan(saved, "169.254.20.10", IPT_REMOVE);

	cr_expect_null(p.text, "%s", p.text);
}

/* An original before 1.22.19 left it; pods' questions would go nowhere after us. */
Test(iptables, bare_notracks_of_our_addresses_and_ports_go)
{
	static const char bare[] = "-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -j NOTRACK\n";
	char saved[256], want[256];

	snprintf(saved, sizeof saved, "*raw\n%sCOMMIT\n", bare);
	snprintf(want, sizeof want, "*raw\n-D %sCOMMIT\n", bare + 3);
	struct ipt_plan p = plan(saved, "169.254.20.10", IPT_REMOVE);

	cr_assert_not_null(p.text);
	cr_expect_str_eq(p.text, want);
	free(p.text);
	p = plan(saved, "169.254.20.10", IPT_ENSURE);
	cr_assert_not_null(p.text);
	cr_expect_eq(p.deletes, 1);
	cr_expect_eq(p.inserts, 12);
	free(p.text);
}

Test(iptables, cleanup_takes_ours_of_any_address_and_bare_notracks)
{
	static const char saved[] =
		"*raw\n"
		"-A PREROUTING -d 169.254.20.11/32 -p tcp -m tcp --dport 53 " SKIP " -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -j NOTRACK\n"
		"-A PREROUTING -d 169.254.20.12/32 -p tcp -m tcp --dport 53 -j NOTRACK\n"
		"-A OUTPUT -m mark --mark 0x1 " SKIP " -j NOTRACK\n"
		"COMMIT\n*filter\n"
		"-A INPUT -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -j ACCEPT\n"
		"COMMIT\n";
	struct ipt_plan p = plan(saved, "169.254.20.10", IPT_CLEANUP);

	cr_assert_not_null(p.text);
	cr_expect_str_eq(p.text, "*raw\n"
			 "-D PREROUTING -d 169.254.20.11/32 -p tcp -m tcp --dport 53 " SKIP " -j NOTRACK\n"
			 "-D PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -j NOTRACK\n"
			 "-D OUTPUT -m mark --mark 0x1 " SKIP " -j NOTRACK\n"
			 "COMMIT\n");
	free(p.text);
}

Test(iptables, removal_names_each_rule_as_saved)
{
	char *saved = as_saved(EXPECTED);
	struct ipt_plan p = plan(saved, "169.254.20.10", IPT_REMOVE);

	cr_expect_eq(p.deletes, 12);
	cr_expect_eq(p.inserts, 0);
	free(p.text);
	free(saved);
}

Test(iptables, ipv6)
{
	struct ipt_plan p = plan("", "fd00::a", IPT_ENSURE);

	cr_expect(strstr(p.text, "-I PREROUTING -d fd00::a/128 -p udp -m udp --dport 53") != NULL);
	cr_expect_eq(p.inserts, 12);
	free(p.text);
}

Test(iptables, counters_go_to_their_paths)
{
	static const char saved[] =
		"*raw\n"
		"[10:700] -A PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 53 " SKIP " -j NOTRACK\n"
		"[4:200] -A OUTPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 " SKIP " -j NOTRACK\n"
		"[9:900] -A OUTPUT -s 169.254.20.10/32 -p udp -m udp --sport 53 " SKIP " -j NOTRACK\n"
		"[3:30] -A OUTPUT -d 169.254.20.10/32 -p tcp -m tcp --dport 8080 " SKIP " -j NOTRACK\n"
		"[2:20] -A OUTPUT -s 169.254.20.10/32 -p tcp -m tcp --sport 8080 " SKIP " -j NOTRACK\n"
		"COMMIT\n*filter\n"
		"[99:99] -A INPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 " ALLOW " -j ACCEPT\nCOMMIT\n";
	struct flags_ip ip = ip_of("169.254.20.10");
	struct node_counters c = {0};

	iptables_count(saved, &(struct ipt_conf){.ip = &ip, .n_ips = 1, .v4 = true, .port = 53, .health_port = 8080}, &c);
	cr_expect_eq(c.packets[NODE_PATH_IN][0], 10);
	cr_expect_eq(c.bytes[NODE_PATH_IN][0], 700);
	cr_expect_eq(c.packets[NODE_PATH_HOST][0], 4);
	cr_expect_eq(c.packets[NODE_PATH_REPLY][0], 9);
	cr_expect_eq(c.packets[NODE_PATH_HEALTH][1], 5);
	cr_expect_eq(c.packets[NODE_PATH_IN][1], 0);
}

#define GATE(chain, proto) "-" chain " -d 169.254.20.10/32 -p " proto " -m " proto " --dport 53 -m set ! --match-set live dst " \
	"-m comment --comment \"NodeLocal DNS Cache: unless alive\" -j ACCEPT\n"
#define REPLY_GATE(op) "-" op " OUTPUT -s 169.254.20.10/32 -p tcp -m tcp --sport 53 -m set ! --match-set live src " \
	"-m comment --comment \"NodeLocal DNS Cache: unless alive\" -j ACCEPT\n"
/* As inserted: the last one ends up on top. */
#define GATES(op) GATE(op " PREROUTING", "tcp") GATE(op " PREROUTING", "udp") REPLY_GATE(op) GATE(op " OUTPUT", "tcp") \
	GATE(op " OUTPUT", "udp")

/* iptables-save of a host where a plan of insertions was carried out: each
 * chain's rules in reverse order. */
static char *carried_out(const char *planned)
{
	char *copy = strdup(planned), *text = strdup(""), *line, *at = copy, *next;

	while ((line = strsep(&at, "\n"))) {
		if (!strncmp(line, "-I", 2)) {
			line[1] = 'A';
			cr_assert_geq(asprintf(&next, "%s\n%s", line, text), 0);
		} else {
			continue;
		}
		free(text);
		text = next;
	}
	cr_assert_geq(asprintf(&next, "*raw\n%s", text), 0); /* filter's rules are no harm in raw */
	free(text);
	free(copy);
	return next;
}

Test(iptables, gates_stand_above_what_they_guard)
{
	struct ipt_plan p, again;
	char *saved;

	gate = NODE_GATE_SET;
	p = plan("", "169.254.20.10", IPT_ENSURE);
	cr_expect_eq(p.inserts, 17);
	cr_expect(strstr(p.text, "--sport 8080 " SKIP " -j NOTRACK\n" GATES("I") "COMMIT") != NULL, "%s", p.text);
	saved = carried_out(p.text);
	/* filter's four are missing in that text, and only they */
	again = plan(saved, "169.254.20.10", IPT_ENSURE);
	cr_expect(strstr(again.text, "*filter") != NULL);
	free(again.text);
	cr_assert_not_null(strstr(saved, "-A OUTPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 -m set"));
	free(p.text);
	free(saved);
}

Test(iptables, a_missing_rule_brings_the_gates_above_it_again)
{
	char *full, *gone;
	struct ipt_plan p;

	gate = NODE_GATE_SET;
	cr_assert_geq(asprintf(&full, "*raw\n" GATES("A") "%s", strstr(EXPECTED, "-I PREROUTING")), 0);
	for (char *c = full; (c = strstr(c, "-I ")); c++)
		c[1] = 'A';
	p = plan(full, "169.254.20.10", IPT_ENSURE);
	cr_expect_null(p.text, "%s", p.text);
	gone = strstr(full, "-A PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 53 -m comment");
	memmove(gone, strchr(gone, '\n') + 1, strlen(strchr(gone, '\n')));
	p = plan(full, "169.254.20.10", IPT_ENSURE);
	cr_expect_eq(p.inserts, 6);
	cr_expect_eq(p.deletes, 5);
	free(p.text);
	free(full);
}

Test(iptables, gates_go_when_not_wanted)
{
	char *full;
	struct ipt_plan p;

	cr_assert_geq(asprintf(&full, "*raw\n" GATES("A") "%s", strstr(EXPECTED, "-I PREROUTING")), 0);
	for (char *c = full; (c = strstr(c, "-I ")); c++)
		c[1] = 'A';
	p = plan(full, "169.254.20.10", IPT_ENSURE);
	cr_expect_eq(p.inserts, 0);
	cr_expect_eq(p.deletes, 5);
	free(p.text);
	p = plan(full, "169.254.20.10", IPT_REMOVE);
	cr_expect_eq(p.deletes, 17);
	free(p.text);
	free(full);
}

#define RECENT(chain, proto, seconds) "-A " chain " -d 169.254.20.10/32 -p " proto " -m " proto \
	" --dport 53 -m recent ! --rcheck --seconds " seconds " --name live --mask 255.255.255.255 --rdest " \
	"-m comment --comment \"NodeLocal DNS Cache: unless alive\" -j ACCEPT\n"
#define RECENTS(seconds) RECENT("PREROUTING", "tcp", seconds) RECENT("PREROUTING", "udp", seconds) \
	"-A OUTPUT -s 169.254.20.10/32 -p tcp -m tcp --sport 53 -m recent ! --rcheck --seconds " seconds \
	" --name live --mask 255.255.255.255 --rsource -m comment --comment \"NodeLocal DNS Cache: unless alive\" -j ACCEPT\n" \
	RECENT("OUTPUT", "tcp", seconds) RECENT("OUTPUT", "udp", seconds)

/* What a host holds: these gates above the twelve. */
static char *gated(const char *gates)
{
	char *full;

	cr_assert_geq(asprintf(&full, "*raw\n%s%s", gates, strstr(EXPECTED, "-I PREROUTING")), 0);
	for (char *c = full; (c = strstr(c, "-I ")); c++)
		c[1] = 'A';
	return full;
}

Test(iptables, gates_may_ask_when_an_address_was_last_seen)
{
	char *full;
	struct ipt_plan p;

	gate = NODE_GATE_RECENT;
	p = plan("", "169.254.20.10", IPT_ENSURE);
	cr_expect_eq(p.inserts, 17);
	cr_expect(strstr(p.text, " -m recent ! --rcheck --seconds 1 --name live --mask 255.255.255.255 --rdest -m comment") != NULL, "%s", p.text);
	free(p.text);
	full = gated(RECENTS("1"));
	p = plan(full, "169.254.20.10", IPT_ENSURE);
	cr_expect_null(p.text, "%s", p.text);
	p = plan(full, "169.254.20.10", IPT_REMOVE);
	cr_expect_eq(p.deletes, 17);
	free(p.text);
	free(full);
}

Test(iptables, gates_of_another_kind_or_time_are_replaced)
{
	static const char *const other[] = {RECENTS("2"), GATES("A"), RECENT("PREROUTING", "tcp", "1")};
	static const size_t deletes[] = {5, 5, 1};

	gate = NODE_GATE_RECENT;
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		char *full = gated(other[i]);
		struct ipt_plan p = plan(full, "169.254.20.10", IPT_ENSURE);

		cr_expect_eq(p.deletes, deletes[i], "%zu: %s", i, p.text);
		cr_expect_eq(p.inserts, 5, "%zu: %s", i, p.text);
		free(p.text);
		free(full);
	}
}

/* Somebody's rules that use the same match. */
Test(iptables, other_uses_of_recent_are_left_alone)
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

/* What is deleted unseen is what was inserted, rule by rule. */
Test(iptables, dropping_mirrors_inserting)
{
	static const enum node_gate kind[] = {NODE_GATE_NONE, NODE_GATE_SET, NODE_GATE_RECENT};

	for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
		struct flags_ip ip[] = {ip_of("169.254.20.10"), ip_of("fd00::a"), ip_of("10.96.0.10")};
		struct ipt_conf c = {.ip = ip, .n_ips = 3, .v4 = true, .port = 53, .health_port = 8080,
				     .gate = kind[i], .gate_name = "live", .hold_s = 1};
		struct ipt_plan in, out;

		cr_assert_eq(iptables_plan("", &c, IPT_ENSURE, &in, NULL), 0);
		cr_assert_eq(iptables_plan_drop(&c, IPT_ALL, &out, NULL), 0);
		cr_expect_eq(out.deletes, in.inserts);
		cr_expect_eq(out.inserts, 0);
		for (char *p = out.text; (p = strstr(p, "-D ")); p++)
			p[1] = 'I';
		cr_expect_str_eq(out.text, in.text);
		free(in.text);
		free(out.text);
	}
}

/* What is withdrawn first: all that turns questions over and the gates above it, and replies over
 * TCP, whose connections go on tracked. */
Test(iptables, replies_over_udp_outstay_the_rest)
{
	struct flags_ip ip[] = {ip_of("169.254.20.10")};
	struct ipt_conf c = {.ip = ip, .n_ips = 1, .v4 = true, .port = 53, .health_port = 8080,
			     .gate = NODE_GATE_SET, .gate_name = "live"};
	struct ipt_plan p;

	cr_assert_eq(iptables_plan_drop(&c, IPT_TURNING_OVER, &p, NULL), 0);
	cr_expect_eq(p.deletes, 7 + IPTABLES_GATES_PER_IP);
	cr_expect_null(strstr(p.text, "*filter"));
	cr_expect_null(strstr(p.text, "-s 169.254.20.10/32 -p udp"));
	cr_expect(strstr(p.text, "-s 169.254.20.10/32 -p tcp -m tcp --sport 53 "));
	free(p.text);
}

static bool is_exact(const char *line)
{
	struct ipt_line l = {.exact = false};

	return iptables_line_parse(IPT_RAW, line, strlen(line), &l) && l.exact;
}

/* Whatever comes last: without its last word the line is no rule of ours. */
Test(iptables, in_any_order)
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
Test(iptables, each_word_counts)
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

Test(iptables, what_is_no_rule_of_ours)
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

/* A plan is whole, or there is none and nothing is kept. */
Test(iptables, memory_is_short)
{
	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	struct flags_ip ip = ip_of("169.254.20.10");
	struct ipt_conf c = {.ip = &ip, .n_ips = 1, .v4 = true, .port = 53, .health_port = 8080};

	for (int gone = 0; gone < 2; gone++) {
		bool is_short = true;
		long n;

		for (n = 0; is_short; n++) {
			struct ipt_plan in = {.inserts = 77}, out = {.deletes = 77};
			struct diag d = {""};
			long kept = memory_kept;

			memory_fail(n, gone);
			int err = iptables_plan("", &c, IPT_ENSURE, &in, &d);

			is_short = memory_back();
			cr_assert(err == 0 || (is_short && err == ERR_NOMEM && strstr(d.text, "memory")), "allocation %ld: %d", n, err);
			cr_assert_eq(in.inserts, err ? 77 : 12, "untouched, or whole");
			cr_assert(err || !strcmp(in.text, EXPECTED), "%s", in.text);
			memory_fail(n, gone);
			err = iptables_plan_drop(&c, IPT_ALL, &out, &d);
			is_short |= memory_back();
			cr_assert(err == 0 || (is_short && err == ERR_NOMEM), "allocation %ld: %d", n, err);
			cr_assert_eq(out.deletes, err ? 77 : 12);
			free(in.text);
			free(out.text);
			cr_assert_leq(memory_kept, kept, "something of allocation %ld is kept", n);
		}
		cr_expect_gt(n, 3);
	}
}
