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

/* Of the tables two are ours: the same words in another, before, between and behind them, are somebody else's. */
Test(iptables, other_tables_are_nobody_s)
{
	static const char *const others[] = {"nat", "mangle", "security", "ra", "raw2", "filte", "filters", ""};
	char *saved = as_saved(EXPECTED), *filter = strstr(saved, "*filter\n"), *text;
	char *raw = strndup(saved + 5, (size_t)(filter - saved - 5));
	struct ipt_plan p;

	filter += 8;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const char *o = others[i];

		cr_assert_geq(asprintf(&text, "*%s\n%s*%s\n%s*raw\nCOMMIT\n*%s\n%s*filter\nCOMMIT\n*%s\n%s", o, raw, o, filter, o, raw, o,
				       filter), 0);
		p = plan(text, "169.254.20.10", IPT_ENSURE);
		cr_expect_str_eq(p.text ? p.text : "", EXPECTED, "among '%s'", o);
		free(p.text);
		p = plan(text, "169.254.20.10", IPT_REMOVE);
		cr_expect_null(p.text, "of '%s': %s", o, p.text);
		free(text);
	}
	free(raw);
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

/* Gates that are not above what they guard, or ask at another port, are none. */
Test(iptables, gates_in_the_wrong_place)
{
	char *full, *at;
	struct ipt_plan p;

	gate = NODE_GATE_SET;
	cr_assert_geq(asprintf(&full, "*raw\n%s*raw\n" GATES("A"), strstr(EXPECTED, "-I PREROUTING")), 0);
	for (at = full; (at = strstr(at, "-I ")); at++)
		at[1] = 'A';
	p = plan(full, "169.254.20.10", IPT_ENSURE);
	cr_expect_eq(p.deletes, 5);
	cr_expect_eq(p.inserts, 5);
	free(p.text);
	free(full);
	full = gated(GATES("A"));
	at = strstr(full, "--dport 53 -m set"); /* the first gate's */
	memcpy(at, "--dport 54", 10);
	p = plan(full, "169.254.20.10", IPT_ENSURE);
	cr_expect_eq(p.deletes, 5);
	cr_expect_eq(p.inserts, 5);
	free(p.text);
	free(full);
}

/* Each address has its own rules and gates, and a family its own text. */
Test(iptables, several_addresses)
{
	struct flags_ip ip[] = {ip_of("169.254.20.10"), ip_of("fd00::a"), ip_of("10.96.0.10")};
	struct ipt_conf c = {.ip = ip, .n_ips = 3, .v4 = true, .port = 53, .health_port = 8080, .gate = NODE_GATE_SET, .gate_name = "live"};
	struct node_counters seen = {.stand = true};
	struct ipt_plan p;
	char *full, *at, *more;

	cr_assert_eq(iptables_plan("", &c, IPT_ENSURE, &p, NULL), 0);
	cr_expect_eq(p.inserts, 2 * 17);
	cr_expect_null(strstr(p.text, "fd00::a"));
	free(p.text);
	full = gated(GATES("A"));
	cr_assert_eq(iptables_plan(full, &c, IPT_ENSURE, &p, NULL), 0);
	cr_expect_eq(p.inserts, 17, "the other's");
	cr_expect_eq(p.deletes, 0);
	free(p.text);
	iptables_count(full, &c, &seen);
	cr_expect_not(seen.stand);
	c.n_ips = 2;
	seen.stand = true;
	iptables_count(full, &c, &seen);
	cr_expect(seen.stand);
	/* without a rule of filter's, or a gate, questions are turned over all the same */
	more = strdup(full);
	at = strstr(more, "-A INPUT");
	memmove(at, strchr(at, '\n') + 1, strlen(strchr(at, '\n')));
	iptables_count(more, &c, &seen);
	cr_expect(seen.stand);
	at = strstr(more, "-A OUTPUT -s 169.254.20.10/32 -p udp");
	memmove(at, strchr(at, '\n') + 1, strlen(strchr(at, '\n')));
	iptables_count(more, &c, &seen);
	cr_expect_not(seen.stand);
	c.v4 = false;
	cr_assert_eq(iptables_plan(full, &c, IPT_ENSURE, &p, NULL), 0);
	cr_expect_eq(p.inserts, 17);
	cr_expect_null(strstr(p.text, "169.254"));
	free(p.text);
	free(more);
	free(full);
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
