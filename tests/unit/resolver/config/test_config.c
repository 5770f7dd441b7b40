/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which part of a configuration is at fault, decided over real files: each bad
 * part at start and against a running configuration, with a good other part.
 */
#include "resolver/config/beside.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

#define BASE "test:5300 {\n  bind 127.0.0.1\n  forward . 192.0.2.1\n}\n"

static char dir[64];
static struct node_flags flags;
static struct config_source source;

static void put(const char *name, const char *text)
{
	char path[128];
	struct diag d = {""};
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	cr_assert_eq(file_write_atomic(path, text, strlen(text), &d), 0, "%s", d.text);
}

static void drop(const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

static void setup(void)
{
	static char base[80], conf[80], kd[80];
	static const char *const argv[] = {"node-cache", "-localip", "127.0.0.1", "-basecorefile", base, "-conf", conf,
			"-kubednscm", kd, "-dns.port", "5300"};
	struct diag d = {""};
	snprintf(dir, sizeof(dir), "/tmp/nodens-config.%d", (int)getpid());
	snprintf(base, sizeof(base), "%s/base", dir);
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	snprintf(kd, sizeof(kd), "%s/kd", dir);
	cr_assert_eq(mkdir(dir, 0700), 0);
	cr_assert_eq(mkdir(kd, 0700), 0);
	cr_assert_eq(flags_parse(&flags, sizeof(argv) / sizeof(argv[0]), (char **)(uintptr_t)argv, &d), 0, "%s", d.text);
	config_source_init(&source, &flags);
	put("base", BASE);
}

static void teardown(void)
{
	char cmd[80];
	config_source_release(&source);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	cr_expect_eq(system(cmd), 0);
}

TestSuite(config, .init = setup, .fini = teardown);

static const char *refused(const struct config_refused *w, enum config_part p)
{
	return w->part[p].text;
}

static int take(const struct config *last, struct config *ret, struct config_refused *w, struct diag *d)
{
	struct config_newest newest;
	config_newest_read(&source, last && last->rendered, &newest);
	int rc = config_choose(&source, &newest, last, false, ret, w, d);
	config_newest_release(&newest);
	return rc;
}

static struct config start(struct config_refused *w)
{
	struct config c = {0};
	struct diag d = {""};
	cr_assert_eq(take(NULL, &c, w, &d), 0, "%s", d.text);
	return c;
}

/* Reads anew over *c, which the result replaces. */
static void again(struct config *c, struct config_refused *w)
{
	struct config next = {0};
	struct diag d = {""};
	config_refused_release(w);
	cr_assert_eq(take(c, &next, w, &d), 0, "%s", d.text);
	config_release(c);
	*c = next;
}

static bool has_zone(const struct config *c, const char *label)
{
	for (size_t i = 0; i < c->plan->n_blocks; i++)
		if (strstr(c->plan->block[i].label, label))
			return true;
	return false;
}

/* Values of stubDomains, whether each is taken; then of upstreamNameservers. */
static const struct {
	const char *stubs, *upstreams;
	bool good;
} value[] = {
	{"{\"s.x\": [\"192.0.2.5\"]}", NULL, true},
	{"{\"s.x\": [\"192.0.2.5:8600\", \"2001:db8::1\", \"[2001:db8::2]:54\"]}", NULL, true},
	{"{\"s.x\": [\"192.0.2.5\"], \"s.x\": [\"192.0.2.6\"]}", NULL, true},
	{"{\"2.0.192.in-addr.arpa\": [\"192.0.2.5\"]}", NULL, true},
	{"null", NULL, true},
	{"", NULL, true},
	{"{\"s.x\": [\"cluster.local\"]}", NULL, false},
	{"{\"s.x\": [\"unbound\"]}", NULL, false},
	{"{\"global\": [\"$(kubectl get svc)\"]}", NULL, false},
	{"{\"test\": [\"192.0.2.5\"]}", NULL, false}, /* the Corefile's block */
	{"{\"s.x\": [\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\",\"1.1.1.5\",\"1.1.1.6\",\"1.1.1.7\",\"1.1.1.8\","
	 "\"1.1.1.9\",\"1.1.1.10\",\"1.1.1.11\",\"1.1.1.12\",\"1.1.1.13\",\"1.1.1.14\",\"1.1.1.15\",\"1.1.1.16\"]}", NULL, false},
	{"{\"s.x\": []}", NULL, false},
	{"{\"s.x\": null}", NULL, false},
	{"{\"s.x\": \"192.0.2.5\"}", NULL, false},
	{"{\"s.x.\": [\"192.0.2.5\"]}", NULL, false},
	{"{\"_s.x\": [\"192.0.2.5\"]}", NULL, false},
	{"{\"S.x\": [\"192.0.2.5\"]}", NULL, false},
	{"{\"s.x\": [\"192.0.2.5\",]}", NULL, false},
	{"{\"s.x\": [\"192.0.2.5:0\"]}", NULL, false},
	{"{\"s.x\": [\"192.0.2.5:99999\"]}", NULL, false},
	{"[", NULL, false},
	{"\xff", NULL, false},
	{NULL, "[\"192.0.2.5\"]", true},
	{NULL, "null", true},
	{NULL, "[\"dns.example\"]", false},
	{NULL, "[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\"]", false},
	{NULL, "[\"/etc/resolv.conf\"]", false},
	{"{\"s.x\": [\"192.0.2.5\"]}", "[\"dns.example\"]", false},
	{"{\"s.x\": [\"unbound\"]}", "[\"192.0.2.5\"]", false},
};

static void values_put(size_t i)
{
	drop("kd/stubDomains");
	drop("kd/upstreamNameservers");
	if (value[i].stubs)
		put("kd/stubDomains", value[i].stubs);
	if (value[i].upstreams)
		put("kd/upstreamNameservers", value[i].upstreams);
}

Test(config, no_value_of_the_configmap_stops_the_start)
{
	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
		struct config_refused w;
		const char *what = value[i].stubs ? value[i].stubs : value[i].upstreams;
		values_put(i);
		struct config c = start(&w);
		cr_expect(has_zone(&c, "test"), "%s", what);
		cr_expect_eq(*refused(&w, CONFIG_KUBEDNS) == 0, value[i].good, "%s: '%s'", what, refused(&w, CONFIG_KUBEDNS));
		cr_expect_eq(*refused(&w, CONFIG_COREFILE), 0, "%s", what);
		if (!value[i].good)
			cr_expect_eq(c.plan->n_blocks, 1, "%s: half of it is served", what);
		config_release(&c);
		config_refused_release(&w);
	}
}

/* A bad ConfigMap that stays: the last good one is served, a new Corefile is taken, and the next good one. */
Test(config, no_value_of_the_configmap_blocks_the_corefile)
{
	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
		struct config_refused w;
		if (value[i].good)
			continue;
		const char *what = value[i].stubs ? value[i].stubs : value[i].upstreams;
		put("base", BASE);
		drop("kd/upstreamNameservers");
		put("kd/stubDomains", "{\"good.x\": [\"192.0.2.9\"]}");
		struct config c = start(&w);
		cr_assert(has_zone(&c, "good.x"));
		values_put(i);
		again(&c, &w);
		cr_expect(*refused(&w, CONFIG_KUBEDNS), "%s", what);
		cr_expect(has_zone(&c, "good.x") && !has_zone(&c, "s.x"), "%s", what);
		put("base", BASE "more:5300 {\n  bind 127.0.0.1\n  forward . 192.0.2.1\n}\n");
		again(&c, &w);
		cr_expect(has_zone(&c, "more") && has_zone(&c, "good.x"), "%s: %s", what, refused(&w, CONFIG_COREFILE));
		cr_expect(*refused(&w, CONFIG_KUBEDNS) && !*refused(&w, CONFIG_COREFILE), "%s", what);
		drop("kd/upstreamNameservers");
		put("kd/stubDomains", "{\"next.x\": [\"192.0.2.9\"]}");
		again(&c, &w);
		cr_expect(has_zone(&c, "more") && has_zone(&c, "next.x") && !has_zone(&c, "good.x"), "%s", what);
		cr_expect(!*refused(&w, CONFIG_KUBEDNS), "%s", refused(&w, CONFIG_KUBEDNS));
		config_release(&c);
		config_refused_release(&w);
	}
}

Test(config, no_corefile_blocks_the_configmap)
{
	static const char *const bad[] = {
		BASE "bad {\n  nosuchplugin\n}\n", BASE "bad {\n", BASE BASE, BASE "import nothing.conf\n",
		BASE "bad:5300 {\n  forward . no.such.host.invalid\n}\n", BASE "bad:5300 {\n  forward . /no/such/file\n}\n",
		BASE "bad:5300 {\n  forward . tls://192.0.2.1 {\n  tls /no/such/ca\n }\n}\n",
		BASE "good.x:5300 {\n  bind 127.0.0.1\n  forward . 192.0.2.1\n}\n", /* repeats the stub domain that is served */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config_refused w;
		put("base", BASE);
		put("kd/stubDomains", "{\"good.x\": [\"192.0.2.9\"]}");
		struct config c = start(&w);
		put("base", bad[i]);
		again(&c, &w);
		cr_expect(*refused(&w, CONFIG_COREFILE), "%s", bad[i]);
		cr_expect(!*refused(&w, CONFIG_KUBEDNS), "%s: %s", bad[i], refused(&w, CONFIG_KUBEDNS));
		cr_expect(has_zone(&c, "test") && has_zone(&c, "good.x"), "%s", bad[i]);
		put("kd/stubDomains", "{\"good.x\": [\"192.0.2.9\"], \"next.x\": [\"192.0.2.9\"]}");
		again(&c, &w);
		cr_expect(has_zone(&c, "next.x"), "%s: %s", bad[i], refused(&w, CONFIG_KUBEDNS));
		cr_expect(*refused(&w, CONFIG_COREFILE), "%s", bad[i]);
		put("kd/stubDomains", "{\"good.x\": [\"unbound\"]}");
		again(&c, &w);
		cr_expect(has_zone(&c, "next.x") && *refused(&w, CONFIG_KUBEDNS) && *refused(&w, CONFIG_COREFILE), "both bad: %s", bad[i]);
		put("base", BASE "more:5300 {\n  bind 127.0.0.1\n  forward . 192.0.2.1\n}\n");
		again(&c, &w);
		cr_expect(has_zone(&c, "more") && has_zone(&c, "next.x") && !*refused(&w, CONFIG_COREFILE), "%s", bad[i]);
		config_release(&c);
		config_refused_release(&w);
	}
}

Test(config, a_template_that_is_gone_is_not_replaced_by_what_was_made_from_it)
{
	struct config_refused w;
	struct config c = start(&w);
	struct diag d;
	cr_assert_eq(config_rendered_write(&source, &c, &d), 0);
	drop("base");
	put("kd/stubDomains", "{\"good.x\": [\"192.0.2.9\"]}");
	again(&c, &w);
	cr_expect(w.unread && *refused(&w, CONFIG_COREFILE));
	cr_expect(c.rendered && has_zone(&c, "good.x") && has_zone(&c, "test"));
	config_release(&c);
	config_refused_release(&w);
}

/* What a block needs and is not there: at start the others are served without
 * it, and the file is waited for; later it is what it was. */
Test(config, files_that_are_missing)
{
	struct config_refused w;
	char text[512], path[100];
	const char *watched[16];
	snprintf(path, sizeof(path), "%s/resolv.conf", dir);
	snprintf(text, sizeof(text), BASE "other:5300 {\n  bind 127.0.0.1\n  forward . %s\n}\n", path);
	put("base", text);
	struct config c = start(&w);
	cr_expect(c.lenient && has_zone(&c, "test") && has_zone(&c, "other"));
	cr_expect(*refused(&w, CONFIG_FILES));
	size_t n = config_files(&source, &c, &w, watched, 16);
	bool waits = false;
	for (size_t i = 0; i < n; i++)
		waits |= strcmp(watched[i], path) == 0;
	cr_expect(waits, "the file is watched");
	strcat(text, "more:5300 {\n  bind 127.0.0.1\n  forward . 192.0.2.1\n}\n");
	put("base", text);
	again(&c, &w);
	cr_expect(has_zone(&c, "more") && !*refused(&w, CONFIG_COREFILE), "%s", refused(&w, CONFIG_COREFILE));
	size_t before = c.plan->conf.n_upstreams;
	put("resolv.conf", "nameserver 192.0.2.53\n");
	again(&c, &w);
	cr_expect(!c.lenient && !*refused(&w, CONFIG_FILES) && c.plan->conf.n_upstreams == before + 1);
	drop("resolv.conf");
	put("base", text + sizeof(BASE) - 1); /* without `test` */
	again(&c, &w);
	cr_expect(!has_zone(&c, "test"), "%s", refused(&w, CONFIG_COREFILE));
	cr_expect(strstr(refused(&w, CONFIG_FILES), "resolv.conf"), "%s", refused(&w, CONFIG_FILES));
	cr_expect_eq(c.plan->conf.n_upstreams, before + 1, "its servers are what they were");
	put("resolv.conf", "nonsense\nnameserver x\n");
	again(&c, &w);
	cr_expect(!*refused(&w, CONFIG_COREFILE) && strstr(refused(&w, CONFIG_FILES), "resolv.conf: expected a line"), "%s",
		  refused(&w, CONFIG_FILES));
	cr_expect_eq(c.plan->conf.n_upstreams, before + 1, "a file without a server leaves those that were");
	put("resolv.conf", "");
	again(&c, &w);
	cr_expect_eq(c.plan->conf.n_upstreams, before + 1, "neither does an empty one, twice");
	put("resolv.conf", "nameserver 192.0.2.54\n");
	again(&c, &w);
	cr_expect(!*refused(&w, CONFIG_FILES), "%s", refused(&w, CONFIG_FILES));
	config_release(&c);
	config_refused_release(&w);
}

/* A weight file that is no good is refused alone: it neither ends the start nor
 * stops a change elsewhere, and the weights are what they were. */
Test(config, weights_that_are_no_good)
{
	struct config_refused w;
	char text[512], path[100];
	snprintf(path, sizeof(path), "%s/weights", dir);
	snprintf(text, sizeof(text), "other:5300 {\n  bind 127.0.0.1\n  loadbalance weighted %s\n  forward . 192.0.2.1\n}\n", path);
	put("base", text);
	put("weights", "w.test\n192.0.2.1 3\n\n192.0.2.2 999\n");
	struct config c = start(&w);
	cr_expect(!c.lenient && has_zone(&c, "other"), "at start without weights");
	cr_expect(strstr(refused(&w, CONFIG_FILES), "weights:4: '192.0.2.2 999': expected a weight"), "%s",
		  refused(&w, CONFIG_FILES));
	cr_expect(!*refused(&w, CONFIG_COREFILE) && !*refused(&w, CONFIG_KUBEDNS));
	put("weights", "w.test\n192.0.2.1 3\n");
	again(&c, &w);
	cr_expect(!*refused(&w, CONFIG_FILES), "%s", refused(&w, CONFIG_FILES));
	char digest[65];
	strcpy(digest, c.plan->digest);
	put("weights", "garbage line here\n\xff\xfe\n");
	again(&c, &w);
	cr_expect_str_eq(c.plan->digest, digest, "the last good content is what is served");
	const struct config_text *kept = config_texts_find(&c.files, path);
	cr_assert(kept);
	cr_expect_str_eq(kept->text, "w.test\n192.0.2.1 3\n", "the workers' too");
	cr_expect(strstr(refused(&w, CONFIG_FILES), "weights:1: 'garbage line'"), "%s", refused(&w, CONFIG_FILES));
	strcat(text, BASE);
	put("base", text);
	again(&c, &w);
	cr_expect(has_zone(&c, "test"), "a later Corefile is taken");
	cr_expect(!*refused(&w, CONFIG_COREFILE) && !*refused(&w, CONFIG_KUBEDNS) && *refused(&w, CONFIG_FILES));
	kept = config_texts_find(&c.files, path);
	cr_expect_str_eq(kept ? kept->text : "", "w.test\n192.0.2.1 3\n");
	config_release(&c);
	config_refused_release(&w);
}

Test(config, files_of_tls_that_are_no_good)
{
	struct config_refused w;
	char text[512];
	snprintf(text, sizeof(text), BASE "other:5300 {\n  bind 127.0.0.1\n  forward . tls://192.0.2.1 {\n    tls %s/ca\n  }\n}\n", dir);
	put("base", text);
	for (int i = 0; i < 2; i++) { /* missing; no certificate */
		struct config c = start(&w);
		cr_expect(c.lenient && has_zone(&c, "test"));
		cr_expect(*refused(&w, CONFIG_FILES), "%d", i);
		config_release(&c);
		config_refused_release(&w);
		put("ca", "no certificate\n");
	}
	put("base", BASE);
	struct config c = start(&w);
	put("base", text);
	again(&c, &w);
	cr_expect(*refused(&w, CONFIG_COREFILE) && !has_zone(&c, "other"), "a new forward with a file that is no good");
	config_release(&c);
	config_refused_release(&w);
}

Test(config, what_cannot_be_served_at_all_is_an_error)
{
	static const char *const bad[] = {"", "bad {\n", BASE BASE, "x:5300 {\n nosuchplugin\n}\n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config c = {0};
		struct config_refused w;
		struct diag d = {""};
		put("base", bad[i]);
		cr_expect_lt(take(NULL, &c, &w, &d), 0, "%s", bad[i]);
		cr_expect_neq(d.text[0], 0);
		config_refused_release(&w);
	}
}

Test(config, texts_are_packed_and_unpacked)
{
	struct config_texts t = {0}, u = {0};
	char *bytes;
	size_t len;
	cr_assert_eq(config_texts_put(&t, "/etc/a", "one", 3, false), 0);
	cr_assert_eq(config_texts_put(&t, "/etc/b", "", 0, true), 0);
	cr_assert_eq(config_texts_put(&t, "/etc/a", "another", 7, false), 0);
	cr_assert_eq(config_texts_pack(&t, &bytes, &len), 0);
	cr_assert_eq(config_texts_unpack(&u, bytes, len), 0);
	cr_assert_eq(u.n, 2);
	cr_expect_str_eq(config_texts_find(&u, "/etc/a")->text, "another");
	cr_expect(config_texts_find(&u, "/etc/b")->secret);
	config_texts_release(&u);
	for (size_t i = 1; i < len; i++)
		if (config_texts_unpack(&u, bytes, i) == 0) {
			cr_expect_lt(u.n, 2, "cut after %zu", i);
			config_texts_release(&u);
		}
	free(bytes);
	config_texts_release(&t);
}
