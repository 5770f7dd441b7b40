/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling: what the core and the daemon get from a Corefile. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "resolver/corefile/setup.h"
#include "tests/fixtures/corefile_util.h"

static const char stock[] =
	"cluster.local:53 {\n errors\n cache {\n success 9984 30\n denial 9984 5\n }\n reload\n "
	"loop\n"
	" bind 169.254.20.10 10.96.0.10\n forward . 10.96.0.11 {\n force_tcp\n }\n prometheus "
	":9253\n"
	" health 169.254.20.10:8080\n}\n"
	"in-addr.arpa:53 {\n errors\n cache 30\n reload\n loop\n bind 169.254.20.10 10.96.0.10\n"
	" forward . 10.96.0.11 {\n force_tcp\n }\n prometheus :9253\n}\n"
	".:53 {\n errors\n cache 30\n reload\n loop\n bind 169.254.20.10 10.96.0.10\n"
	" forward . 192.0.2.53 [2001:db8::53]:5353\n prometheus :9253\n}\n";

Test(corefile_plan, stock)
{
	struct corefile_plan *p = plan_of(stock);
	const struct core_conf *c = &p->conf;

	cr_assert_eq(p->n_warnings, 0);
	cr_assert_eq(c->n_listeners, 2);
	cr_assert_str_eq(c->listener[1].label, "dns://10.96.0.10:53");
	cr_assert_eq(c->n_zones, 3);
	cr_assert_eq(c->zone[0].listeners, 3);
	cr_assert_str_eq(c->zone[0].label_zones, "cluster.local.");
	cr_assert(c->zone[0].is_cluster);
	cr_assert_not(c->zone[1].is_cluster);
	cr_assert_not(c->zone[2].is_cluster);
	cr_assert(c->zone[0].cache.enabled && c->zone[0].has_errors && c->zone[0].has_metrics &&
		  !c->zone[0].has_log);
	cr_assert_eq(c->zone[0].cache.pos_max_s, 30);
	cr_assert_eq(c->zone[0].cache.neg_max_s, 5);
	cr_assert_eq(c->zone[2].cache.neg_max_s, 30);
	cr_assert_eq(c->n_upstreams, 3);
	cr_assert_str_eq(c->upstream[2].label, "[2001:db8::53]:5353");
	cr_assert(c->zone[0].forward[0].force_tcp);
	cr_assert_eq(c->zone[0].forward[0].to[0], c->zone[1].forward[0].to[0]);
	cr_assert_eq(c->zone[2].forward[0].n_to, 2);
	cr_assert_eq(c->zone[0].bufsize, 1232);
	cr_assert(p->block[0].health.set);
	cr_assert_eq(p->block[0].health.port, 8080);
	cr_assert_not(p->block[1].health.set);
	cr_assert_eq(p->block[2].prometheus.port, 9253);
	cr_assert(p->block[0].loop);
	cr_assert_eq(p->block[0].n_plugins, 8);
	corefile_plan_free(p);
}

Test(corefile_plan, nsid_and_bufsize)
{
	struct corefile_plan *p =
		plan_of(". {\n nsid\n bufsize 1400\n}\na. {\n nsid Use The Force\n bufsize\n}\n");

	cr_assert_str_eq(p->conf.zone[0].nsid, "node-1");
	cr_assert_eq(p->conf.zone[0].bufsize, 1400);
	cr_assert_str_eq(p->conf.zone[1].nsid, "Use The Force");
	cr_assert_eq(p->conf.zone[1].bufsize, 1232);
	corefile_plan_free(p);
	assert_refused(". {\n bufsize 511\n}\n",
		       "f:2:10: 511 is out of range: expected 512 to 4096");
}

Test(corefile_plan, default_port_is_the_flag)
{
	struct corefile_env e = test_env();
	struct corefile_plan *p;
	struct corefile *c;
	struct diag d;

	e.dns_port = 1053;
	cr_assert_eq(corefile_parse_text(&c, "f", "a b:54 {\n}\n", 11, &e, &d), 0);
	cr_assert_eq(corefile_compile(&p, c, &e, &d), 0);
	corefile_free(c);
	cr_assert_eq(p->conf.n_listeners, 2);
	cr_assert_eq(p->conf.listener[0].port, 1053);
	cr_assert_str_eq(p->conf.listener[1].label, "dns://:54");
	cr_assert_eq(p->conf.zone[1].listeners, 2);
	corefile_plan_free(p);
}

static const char *zone_text(const struct corefile_plan *p, size_t i)
{
	static char text[NAME_MAX_TEXT];

	name_to_text(p->conf.zone[i].origin.b, text, sizeof(text));
	return text;
}

Test(corefile_plan, keys)
{
	static const struct {
		const char *key, *first, *last;
		size_t n;
	} cases[] = {
		{"dns://Example.ORG:5300", "example.org.", "example.org.", 1},
		{":53", ".", ".", 1},
		{"10.0.0.0/8", "10.in-addr.arpa.", "10.in-addr.arpa.", 1},
		{"10.0.0.0/24:54", "0.0.10.in-addr.arpa.", "0.0.10.in-addr.arpa.", 1},
		{"172.16.0.0/12", "16.172.in-addr.arpa.", "31.172.in-addr.arpa.", 16},
		{"10.1.2.128/25", "128.2.1.10.in-addr.arpa.", "255.2.1.10.in-addr.arpa.", 128},
		{"fd00::/8", "d.f.ip6.arpa.", "d.f.ip6.arpa.", 1},
		{"2001:db8::/31", "8.b.d.0.1.0.0.2.ip6.arpa.", "9.b.d.0.1.0.0.2.ip6.arpa.", 2},
		{"fe80::/10", "8.e.f.ip6.arpa.", "b.e.f.ip6.arpa.", 4},
		{"2001:db8::c000:200/120", "2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
		 "2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", 1},
		{"::ffff:0:0/95", "e.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
		 "f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", 2},
	};
	char text[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "%s {\n}\n", cases[i].key);
		struct corefile_plan *p = plan_of(text);

		cr_assert_eq(p->conf.n_zones, cases[i].n, "%s gives %zu", cases[i].key,
			     p->conf.n_zones);
		cr_assert_str_eq(zone_text(p, 0), cases[i].first);
		cr_assert_str_eq(zone_text(p, cases[i].n - 1), cases[i].last);
		corefile_plan_free(p);
	}
	struct corefile_plan *two = plan_of("a.org b.org {\n}\n");

	cr_assert_str_eq(two->conf.zone[1].label_zones, "a.org.,b.org.");
	corefile_plan_free(two);
	assert_refused("tls://. {\n}\n", "only dns:// is served here");
	assert_refused("foo://a {\n}\n", "unknown scheme in 'foo://a'");
	assert_refused("foo://a:53 {\n}\n", "unknown scheme");
	assert_refused("a: {\n}\n", "expecting data after last colon");
	assert_refused("a:b {\n}\n", "is not a port");
	assert_refused("a:5x {\n}\n", "is not a port");
	assert_refused("a:x5 {\n}\n", "is not a port");
	assert_refused("a:-5 {\n}\n", "is not a port");
	assert_refused("\"\" {\n}\n", "expected a zone before it");
	assert_refused("a:70000 {\n}\n", "out of range");
	assert_refused("a..b {\n}\n", "not a valid domain name");
}

Test(corefile_plan, bind)
{
	struct corefile_plan *p =
		plan_of(". {\n bind eth0 127.0.0.1\n bind ::1 {\n except 127.0.0.1\n }\n}\n");

	cr_assert_eq(p->conf.n_listeners, 3);
	cr_assert_str_eq(p->conf.listener[1].label, "dns://[fe80::1]:53");
	cr_assert_eq(p->listener_scope[1], 3);
	cr_assert_str_eq(p->conf.listener[2].label, "dns://[::1]:53");
	corefile_plan_free(p);
	assert_refused(". {\n bind eth9\n}\n",
		       "not a valid IP address or existing interface name: 'eth9'");
	assert_refused(". {\n bind ::1 {\n except ::1\n }\n}\n", "leaves no address");
}

Test(corefile_plan, cannot_serve_twice)
{
	assert_refused(". {\n}\n. {\n}\n",
		       "f:3:1: cannot serve dns://.:53 - it is already defined");
	assert_refused("a b a {\n}\n", "cannot serve dns://a.:53 - it is already defined");
	assert_refused("a {\n bind ::1\n}\na {\n bind 127.0.0.1 ::1\n}\n",
		       "cannot serve dns://a.:53 on [::1] - it is already defined");
	assert_refused("a {\n bind ::1\n}\na {\n}\n", "zone overlap listener capacity");
	assert_refused("a {\n bind ::1 192.0.2.1\n}\na:54 {\n}\na {\n}\n",
		       "f:6:1: cannot serve dns://a.:53 - zone overlap listener capacity with dns://a.:53 on [::1] (line 1)");
	assert_refused("a {\n}\nb {\n bind 192.0.2.1\n}\na {\n bind 192.0.2.1\n}\n",
		       "f:6:1: cannot serve dns://a.:53 on 192.0.2.1 - zone overlap listener capacity with dns://a.:53 (line 1)");
	corefile_plan_free(
		plan_of("a {\n bind ::1\n}\na {\n bind 127.0.0.1\n}\na:54 {\n}\nb {\n}\n"));
}

/* What has its own place in a zone is there where it is written, and only there. */
Test(corefile_plan, what_a_zone_has)
{
	struct corefile_plan *p = plan_of("a {\n log\n}\nb {\n errors\n}\nc {\n prometheus\n}\nd {\n}\n");

	for (size_t i = 0; i < 4; i++) {
		cr_expect_eq(p->conf.zone[i].has_log, i == 0);
		cr_expect_eq(p->conf.zone[i].has_errors, i == 1);
		cr_expect_eq(p->conf.zone[i].has_metrics, i == 2);
	}
	corefile_plan_free(p);
}

Test(corefile_plan, cache_options)
{
	struct corefile_plan *p =
		plan_of("a b.c {\n cache 300 b.c {\n success 5000 60 7\n denial 3000 10\n prefetch "
			"5 2m 20%\n servfail 1s\n keepttl\n"
			" serve_stale 2h verify 100ms 15s 45s\n serve_stale_policy "
			"prefer_positive\n disable denial x.b.c\n disable success\n }\n}\n");
	const struct core_cache_conf *c = &p->conf.zone[0].cache;

	cr_assert_eq(c->pos_capacity, 5000);
	cr_assert_eq(c->pos_max_s, 60);
	cr_assert_eq(c->pos_min_s, 7);
	cr_assert(c->pos_min_set && !c->neg_min_set);
	cr_assert_eq(c->neg_capacity, 3000);
	cr_assert_eq(c->neg_max_s, 10);
	cr_assert_eq(c->prefetch_hits, 5);
	cr_assert_eq(c->prefetch_window_ns, 120 * NS_PER_S);
	cr_assert_eq(c->prefetch_percent, 20);
	cr_assert_eq(c->servfail_ns, NS_PER_S);
	cr_assert(c->stale_enabled && c->stale_verify && c->keepttl);
	cr_assert_eq(c->stale_ns, 7200 * NS_PER_S);
	cr_assert_eq(c->stale_verify_timeout_ns, 100 * NS_PER_MS);
	cr_assert_eq(c->stale_ttl_s, 15);
	cr_assert_eq(c->stale_recheck_ns, 45 * NS_PER_S);
	cr_assert(c->pos_disabled && !c->neg_disabled);
	cr_assert_eq(c->n_no_neg, 1);
	cr_assert_eq(c->n_only, 1);
	corefile_plan_free(p);
	p = plan_of(". {\n cache {\n serve_stale 2h verify\n serve_stale off\n }\n}\n");
	cr_assert_not(p->conf.zone[0].cache.stale_enabled);
	corefile_plan_free(p);
	p = plan_of(". {\n cache a.org b.org\n}\n");
	cr_assert_eq(p->conf.zone[0].cache.n_only, 2);
	cr_assert_eq(p->conf.zone[0].cache.pos_max_s, 3600);
	corefile_plan_free(p);
	p = plan_of(". {\n cache 7 b.org\n}\n");
	cr_assert_eq(p->conf.zone[0].cache.n_only, 1);
	cr_assert_eq(p->conf.zone[0].cache.pos_max_s, 7);
	corefile_plan_free(p);
	p = plan_of(". {\n cache 3600s {\n serve_stale 3600s immediate\n }\n}\n");
	cr_assert_eq(p->conf.zone[0].cache.pos_max_s, 3600);
	cr_assert(p->conf.zone[0].cache.stale_enabled && !p->conf.zone[0].cache.stale_verify);
	assert_warned(p, "'3600s' is taken as the TTL");
	corefile_plan_free(p);
}

Test(corefile_plan, cache_faults)
{
	static const char *const bad[][2] = {
		{"cache 0", "0 is out of range"},
		{"cache {\n success\n}", "expected 'success CAPACITY [TTL [MINTTL]]'"},
		{"cache {\n success 5 10 20\n}", "the minimum TTL 20 is above the maximum 10"},
		{"cache {\n prefetch 5 1m 20\n}",
		 "last character of percentage should be `%`, but is: '20'"},
		{"cache {\n prefetch 5 1m 95%\n}", "out of range: expected 10 to 90"},
		{"cache {\n serve_stale 1h imediate\n}", "did you mean 'immediate'?"},
		{"cache {\n serve_stale 1h immediate 1500ms\n}", "must be whole seconds"},
		{"cache {\n servfail 6m\n}", "out of range"},
		{"cache {\n disable all\n}", "expected success or denial"},
	};
	char text[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "x {\n%s\n}\n", bad[i][0]);
		assert_refused(text, bad[i][1]);
	}
}

Test(corefile_plan, daemon_options)
{
	struct corefile_plan *p = plan_of(
		". {\n errors {\n consolidate 5m \".* i/o timeout$\" warning show_first\n "
		"stacktrace\n }\n debug\n reload 10s 8s\n"
		" health {\n lameduck 5s\n }\n ready localhost:8091 {\n monitor continuously\n }\n "
		"prometheus\n"
		" log a.org b.org \"{combined} x\" {\n class denial error\n sample 1%\n }\n log\n"
		" dnstap tcp://192.0.2.1:6000 full {\n identity me\n }\n timeouts {\n read 4\n "
		"idle 1m\n maxtcpqueries 128\n }\n}\n");
	const struct corefile_block *b = &p->block[0];

	cr_assert(b->debug && b->ready_continuously &&
		  b->dnstap.full && b->dnstap.is_tcp);
	cr_assert_eq(b->n_consolidate, 1);
	cr_assert_eq(b->consolidate[0].level, COREFILE_WARNING);
	cr_assert(b->consolidate[0].show_first);
	cr_assert(corefile_regex_match(b->consolidate[0].regex, "read: i/o timeout", 17));
	cr_assert_not(corefile_regex_match(b->consolidate[0].regex, "read: i/o timeouts", 18));
	cr_assert_eq(b->health.port, 8080);
	cr_assert_eq(b->lameduck_ns, 5 * NS_PER_S);
	cr_assert_eq(b->ready.port, 8091);
	cr_assert_eq(b->prometheus.port, 9153);
	cr_assert_eq(b->n_logs, 2);
	cr_assert_eq(b->log[0].n_names, 2);
	cr_assert_eq(b->log[0].classes, COREFILE_LOG_DENIAL | COREFILE_LOG_FAILURE);
	cr_assert(strstr(b->log[0].format, "\"{>opcode}\" x"));
	cr_assert(b->log[0].sample > 0.009 && b->log[0].sample < 0.011);
	cr_assert_eq(b->log[1].classes, COREFILE_LOG_ALL);
	cr_assert_str_eq(b->dnstap.target, "192.0.2.1:6000");
	cr_assert_str_eq(b->dnstap.identity, "me");
	cr_assert_eq(b->tcp_read_ns, 4 * NS_PER_S);
	cr_assert_eq(b->tcp_write_ns, 0);
	cr_assert_eq(b->tcp_idle_ns, 60 * NS_PER_S);
	cr_assert_eq(b->tcp_max_queries, 128);
	corefile_plan_free(p);
}

Test(corefile_plan, daemon_faults)
{
	static const char *const bad[][2] = {
		{"health 169.254.20.10", "has no port: expected 169.254.20.10:8080"},
		{"health fd00::1:8080", "an IPv6 address with a port needs brackets"},
		{"health a b", "unexpected 'b'"},
		{"errors {\n consolidate 5m (\n}", "invalid regular expression '('"},
		{"errors file", "invalid log file"},
		{"timeouts {\n}", "no timeouts specified"},
		{"timeouts {\n read 0\n}", "out of range"},
		{"log {\n class sucess\n}", "did you mean 'success'?"},
		{"reload 1s", "out of range"},
		{"dnstap listen /x", "not supported"},
		{"dnstap tcp://192.0.2.1", "has no port"},
		{"dnstap tcp://:6000", "has no address"},
		{"dnstap tcp://192.0.2.1:x", "x"},
		{"bind", "expected 'bind ADDRESS|INTERFACE...'"},
		{"search_path {\n cluster\n shield maybe\n}", "expected on, off or trust"},
	};
	char text[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "x {\n%s\n}\n", bad[i][0]);
		assert_refused(text, bad[i][1]);
	}
}

static unsigned clusters_of(const char *text)
{
	struct corefile_plan *p = plan_of(text);
	unsigned mask = 0;

	for (size_t i = 0; i < p->conf.n_zones; i++)
		mask |= (unsigned)p->conf.zone[i].is_cluster << i;
	corefile_plan_free(p);
	return mask;
}

Test(corefile_plan, how_far_the_shield_goes)
{
	static const struct {
		const char *word;
		bool off, trusts;
	} cases[] = {{"on", false, false}, {"off", true, false}, {"trust", false, true}};

	for (unsigned i = 0; i < 3; i++) {
		struct corefile_plan *p;
		char text[128];

		snprintf(text, sizeof(text), "k8s {\n search_path {\n cluster\n shield %s\n }\n forward . 10.0.0.1\n}\n",
			 cases[i].word);
		p = plan_of(text);
		cr_assert_eq(p->conf.zone[0].shield_off, cases[i].off);
		cr_assert_eq(p->conf.zone[0].shield_trusts, cases[i].trusts);
		corefile_plan_free(p);
	}
}

Test(corefile_plan, which_zone_is_the_clusters)
{
	/* one block with the reverse zones */
	cr_assert_eq(clusters_of("k8s.corp in-addr.arpa {\n forward . 10.0.0.10\n}\n"), 1);
	/* a stub domain with its own servers comes first and is not it */
	cr_assert_eq(clusters_of("corp {\n forward . 10.9.9.9\n}\nk8s {\n forward . 10.0.0.10\n}\n"
				 "ip6.arpa {\n forward . 10.0.0.10\n}\n"),
		     2);
	/* the default domain needs no reverse zone */
	cr_assert_eq(
		clusters_of(
			"cluster.local {\n forward . 10.0.0.10\n}\n. {\n forward . 9.9.9.9\n}\n"),
		1);
	cr_assert_eq(clusters_of("k8s {\n forward . 10.0.0.10\n}\n. {\n forward . 10.0.0.10\n}\n"),
		     0);
	/* a word in the file decides alone */
	cr_assert_eq(clusters_of("cluster.local {\n forward . 10.0.0.10\n}\nk8s {\n search_path "
				 "{\n cluster\n }\n forward . 10.0.0.1\n}\n"),
		     2);
	/* the same zone on two addresses */
	cr_assert_eq(
		clusters_of("cluster.local {\n bind ::1\n forward . 10.0.0.10\n}\ncluster.local "
			    "{\n bind 127.0.0.1\n forward . 10.0.0.11\n}\n"),
		3);
	assert_refused(". {\n search_path {\n cluster\n }\n}\n",
		       "cannot stand in a block for the root");
	assert_refused("10.in-addr.arpa {\n search_path {\n cluster\n }\n}\n", "reverse zones");
}

Test(corefile_plan, steps_run_in_coredns_order)
{
	static const char *const want[] = {"dns64", "any",     "loadbalance", "rewrite",
					   "acl",   "minimal", "template",    "template",
					   "hosts", "whoami"};
	struct corefile_plan *p = plan_of(". {\n whoami\n hosts /etc/hosts\n template IN A a {\n "
					  "rcode NXDOMAIN\n }\n acl {\n block\n }\n"
					  " template IN A b {\n rcode NXDOMAIN\n }\n rewrite name "
					  "a b\n minimal\n loadbalance\n any\n dns64\n"
					  " rewrite name c d\n}\n");

	cr_assert_eq(p->conf.zone[0].n_steps, 10);
	for (size_t i = 0; i < 10; i++)
		cr_assert_str_eq(p->conf.zone[0].step[i]->ops->name, want[i]);
	corefile_plan_free(p);
}

Test(corefile_plan, answers_digest_follows_what_shapes_answers)
{
	struct corefile_plan *a = plan_of(". {\n cache\n}\n"),
			     *b = plan_of(". {\n rewrite name a b\n}\n"),
			     *c = plan_of(". {\n rewrite   name a b\n log\n}\n"),
			     *d = plan_of(". {\n rewrite name a c\n}\n");

	cr_assert_eq(a->conf.zone[0].answers_digest, 0);
	cr_assert_neq(b->conf.zone[0].answers_digest, 0);
	cr_assert_eq(b->conf.zone[0].answers_digest, c->conf.zone[0].answers_digest);
	cr_assert_neq(b->conf.zone[0].answers_digest, d->conf.zone[0].answers_digest);
	corefile_plan_free(a);
	corefile_plan_free(b);
	corefile_plan_free(c);
	corefile_plan_free(d);
}

Test(corefile_plan, idle_directives_warn_once)
{
	struct corefile_plan *p = plan_of(
		"a {\n pprof\n trace zipkin 1.2.3.4:9411 {\n every 100\n }\n}\nb {\n pprof\n}\n");

	cr_assert_eq(p->n_warnings, 2);
	corefile_plan_free(p);
}

static char *page_read(void)
{
	FILE *f = fopen("docs/corefile.md", "re");
	static char page[65536];

	cr_assert(f, "run from the root of the source");
	page[fread(page, 1, sizeof(page) - 1, f)] = 0;
	fclose(f);
	return page;
}

/* A refused option names all there are; each must stand in the page. */
static void options_documented(const char *directive, const char *page)
{
	char text[200], words[1024];
	struct diag d;

	snprintf(text, sizeof(text), "x {\n%s {\nzzzzzzzz\n}\n}\n", directive);
	cr_assert_null(plan_try(text, &d), "%s takes any option", directive);
	const char *list = strstr(d.text, ": expected ");

	cr_assert(list, "%s", d.text);
	snprintf(words, sizeof(words), "%s", list + 11);
	for (char *w = strtok(words, ", "); w; w = strtok(NULL, ", "))
		if (strcmp(w, "or") != 0)
			cr_assert(strstr(page, w), "docs/corefile.md does not mention '%s' of %s", w, directive);
}

Test(corefile_plan, every_directive_and_option_is_documented)
{
	static const char *const with_options[] = {
		"bind ::1", "cache", "forward . 192.0.2.1", "errors", "log", "health", "ready", "timeouts", "dnstap /x",
		"dns64", "loadbalance", "acl", "hosts /x", "template IN A", "search_path",
	};
	const char *page = page_read();

	for (const struct cf_directive *d = cf_directives; d->name; d++)
		if (!(d->flags & CF_NOT_HERE))
			cr_assert(strstr(page, d->name), "docs/corefile.md does not mention %s", d->name);
	for (size_t i = 0; i < sizeof(with_options) / sizeof(with_options[0]); i++)
		options_documented(with_options[i], page);
}

/* No directive passes over what it does not know: it says so, or that it does nothing at all. */
Test(corefile_plan, a_block_of_nonsense_is_refused)
{
	static const char *const with_words[][2] = {{"bind", "::1"}, {"forward", ". 192.0.2.1"}, {"dnstap", "/x"}, {"template", "IN A"},
						    {"bufsize", "512"}, {"reload", "5s 1s"}, {"nsid", "x"}};
	unsigned n_idle = 0;

	for (const struct cf_directive *row = cf_directives; row->name; row++) {
		const char *words = "";
		struct corefile_plan *p;
		char text[200];
		struct diag d;

		if (row->flags & CF_NOT_HERE)
			continue;
		for (size_t i = 0; i < sizeof(with_words) / sizeof(with_words[0]); i++)
			if (!strcmp(row->name, with_words[i][0]))
				words = with_words[i][1];
		snprintf(text, sizeof(text), "x {\n%s %s {\nzzzzzzzz\n}\n}\n", row->name, words);
		p = plan_try(text, &d);
		if (p)
			cr_expect(p->n_warnings == 1 && (strstr(p->warning[0], "is accepted and does nothing") || strstr(p->warning[0], "are not used")),
				  "%s\nwas taken", text);
		else
			cr_expect(strstr(d.text, "zzzzzzzz"), "%s\n%s", text, d.text);
		n_idle += p != NULL;
		corefile_plan_free(p);
	}
	cr_expect_eq(n_idle, 8, "%u", n_idle);
}

/* A block answers at all the ports of its names, and on all addresses it binds to. */
Test(corefile_plan, listeners_of_a_block)
{
	struct corefile_plan *p = plan_of("a.org:5301 b.org:5302 {\n bind 127.0.0.1 127.0.0.2\n}\nc.org:5303 {\n}\n");

	cr_assert_eq(p->n_blocks, 2);
	cr_assert_eq(p->conf.n_listeners, 5);
	cr_expect_eq(__builtin_popcountll(p->block[0].listeners), 4);
	cr_expect_eq(p->block[0].listeners & p->block[1].listeners, 0);
	cr_expect_eq(p->block[0].listeners | p->block[1].listeners, 31);
	for (size_t i = 0; i < p->conf.n_zones; i++)
		cr_expect_eq(p->conf.zone[i].listeners & ~p->block[p->conf.zone[i].block].listeners, 0);
	cr_expect_eq(__builtin_popcountll(p->conf.zone[0].listeners), 2, "a name has its own port's");
	corefile_plan_free(p);
}
