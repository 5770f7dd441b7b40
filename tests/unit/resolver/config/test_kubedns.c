/* SPDX-License-Identifier: Apache-2.0 */
/* The kube-dns ConfigMap: what is taken of it, and what is refused. */
#include "resolver/config/kubedns.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "resolver/config/kubedns_text.h"
#include "resolver/core/limits.h"

static void kubedns_refused(const char *stub_json, const char *upstream_json, const char *words)
{
	struct kubedns_conf c = {0};
	struct diag d = {""};

	cr_assert(kubedns_parse(stub_json, upstream_json, &c, &d) < 0, "%s %s", stub_json, upstream_json);
	cr_expect(strstr(d.text, words) != NULL, "\"%s\" lacks \"%s\"", d.text, words);
	cr_expect_eq(c.n_stubs, 0);
}

Test(kubedns, valid)
{
	struct kubedns_conf c;
	struct diag d = {""};

	cr_assert_eq(kubedns_parse("{\"b.example\": [\"1.2.3.4\"], \"a.example\": [\"1.2.3.4:5353\", \"10.0.0.1\"]}",
				   "[\"8.8.8.8\", \"8.8.4.4:53\"]\n", &c, &d), 0, "%s", d.text);
	cr_assert_eq(c.n_stubs, 2);
	cr_expect_str_eq(c.stub[0].domain, "a.example");
	cr_expect_eq(c.stub[0].n_servers, 2);
	cr_expect_str_eq(c.stub[0].server[0], "1.2.3.4:5353");
	cr_expect_eq(c.n_upstreams, 2);
	kubedns_release(&c);
	cr_assert_eq(kubedns_parse(NULL, " \n", &c, &d), 0);
	cr_expect_eq(c.n_stubs + c.n_upstreams, 0);
	kubedns_release(&c);
}

/* Go's encoding/json into a map of lists. */
Test(kubedns, as_go_reads_it)
{
	struct kubedns_conf c;
	struct diag d = {""};

	cr_assert_eq(kubedns_parse("{\"a.b\": [\"192.0.2.1\", \"192.0.2.2\"], \"c.d\": [\"192.0.2.3\"], \"a.b\": [\"192.0.2.4\"]}",
				   "null", &c, &d), 0, "%s", d.text);
	cr_assert_eq(c.n_stubs, 2);
	cr_expect_str_eq(c.stub[0].domain, "a.b");
	cr_assert_eq(c.stub[0].n_servers, 1, "the last of equal keys counts, whole");
	cr_expect_str_eq(c.stub[0].server[0], "192.0.2.4");
	cr_expect_eq(c.n_upstreams, 0);
	kubedns_release(&c);
	cr_assert_eq(kubedns_parse(" null\n", "[\"192.0.2.9\"]", &c, &d), 0, "%s", d.text);
	cr_expect_eq(c.n_stubs, 0);
	cr_expect_eq(c.n_upstreams, 1, "null is an absent key, and voids no other");
	kubedns_release(&c);
	cr_assert_eq(kubedns_parse("{\"\\u0061.b\": [\"192.0.2.1\"]}", NULL, &c, &d), 0, "%s", d.text);
	cr_expect_str_eq(c.stub[0].domain, "a.b");
	kubedns_release(&c);
}

Test(kubedns, invalid)
{
	kubedns_refused("{", NULL, "stubDomains: line 1");
	kubedns_refused("[]", NULL, "stubDomains: an object");
	kubedns_refused("{\"a.b\": \"1.2.3.4\"}", NULL, "a list of servers");
	kubedns_refused("{\"a.b\": []}", NULL, "a list of servers");
	kubedns_refused("{\"a.b\": [1]}", NULL, "server 1 is no text");
	kubedns_refused("{\"A_b\": [\"1.2.3.4\"]}", NULL, "no domain name");
	kubedns_refused("{\"-a.b\": [\"1.2.3.4\"]}", NULL, "no domain name");
	kubedns_refused("{\"a..b\": [\"1.2.3.4\"]}", NULL, "no domain name");
	kubedns_refused("{\"a.b\": [\"1.2.3.4\"], \"a.b\": null}", NULL, "a list of servers");
	kubedns_refused("{\"a.b\": [\"1.2.3.4\", null]}", NULL, "server 2 is no text");
	kubedns_refused("{\"a.b\": [\"1.2.3.4\"]} {}", NULL, "stubDomains: line 1");
	kubedns_refused("{\"a.b\": [\"1.2.3.4\",]}", NULL, "stubDomains: line 1");
	kubedns_refused("{\"a.b\": [\"1.2.3.4\"]}", "[1]", "no IP"); /* one bad value: neither is taken */
	kubedns_refused(NULL, "{}", "a list of addresses");
	kubedns_refused(NULL, "[\"1.1.1.1\",\"2.2.2.2\",\"3.3.3.3\",\"4.4.4.4\"]", "at most 3");
	kubedns_refused(NULL, "[\"example.com\"]", "no IP");
	kubedns_refused(NULL, "[\"/etc/passwd\"]", "no IP");
	kubedns_refused(NULL, "\"\xff\"", "not UTF-8");
}

Test(kubedns, directory_as_kubelet_mounts_it)
{
	char dir[64], path[100];
	struct kubedns_text t = {0}, copy = {0};
	struct diag d = {""};

	snprintf(dir, sizeof dir, "/tmp/kubedns.%d", (int)getpid());
	cr_assert_eq(mkdir(dir, 0700), 0);
	cr_expect_eq(kubedns_text_read("/no/such/directory", &t, &d), 0, "%s", d.text);
	cr_expect_null(t.stubs);
	snprintf(path, sizeof path, "%s/..data", dir);
	cr_assert_eq(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/..data/stubDomains", dir);
	cr_assert_eq(file_write_atomic(path, "{\"acme.local\":[\"1.2.3.4\"]}", 26, &d), 0);
	snprintf(path, sizeof path, "%s/stubDomains", dir);
	cr_assert_eq(symlink("..data/stubDomains", path), 0);
	snprintf(path, sizeof path, "%s/federations", dir);
	cr_assert_eq(file_write_atomic(path, "a=b", 3, &d), 0);
	cr_assert_eq(kubedns_text_read(dir, &t, &d), 0, "%s", d.text);
	cr_assert_eq(kubedns_text_copy(&t, &copy), 0);
	cr_expect_str_eq(copy.stubs, "{\"acme.local\":[\"1.2.3.4\"]}");
	cr_expect_null(copy.upstreams);
	kubedns_text_release(&t);
	kubedns_text_release(&copy);
	snprintf(path, sizeof path, "rm -r %s", dir);
	cr_expect_eq(system(path), 0);
}

Test(kubedns, files_are_replaced_whole)
{
	char path[64], *text;
	struct diag d = {""};
	size_t len;

	snprintf(path, sizeof path, "/tmp/corefile.%d", (int)getpid());
	cr_assert_eq(file_write_atomic(path, "one", 3, &d), 0);
	cr_assert_eq(file_write_atomic(path, "second", 6, &d), 0);
	cr_assert_eq(file_read(path, 100, &text, &len, &d), 0);
	cr_expect_str_eq(text, "second");
	cr_expect_eq(len, 6);
	free(text);
	cr_expect_eq(file_read(path, 5, &text, &len, &d), ERR_LIMIT);
	unlink(path);
	cr_expect(file_read(path, 5, &text, &len, &d) < 0);
	cr_expect(file_write_atomic("/no/such/dir/x", "x", 1, &d) < 0);
}

static bool domain_taken(const char *domain)
{
	char json[600];
	struct kubedns_conf c;
	struct diag d;

	snprintf(json, sizeof json, "{\"%s\": [\"192.0.2.1\"]}", domain);
	if (kubedns_parse(json, NULL, &c, &d) < 0) {
		cr_expect(strstr(d.text, "no domain name") || strstr(d.text, "UTF-8"), "%s: %s", domain, d.text);
		return false;
	}
	cr_expect(c.n_stubs == 1 && strcmp(c.stub[0].domain, domain) == 0);
	kubedns_release(&c);
	return true;
}

/* 63 octets a label, 253 in all; letters, digits, and hyphens within. */
Test(kubedns, domains)
{
	char label[64], name[600];

	memset(label, 'a', 63);
	label[63] = 0;
	cr_expect(domain_taken(label));
	snprintf(name, sizeof name, "%s.%s.%s.%.61s", label, label, label, label);
	cr_expect_eq(strlen(name), 253);
	cr_expect(domain_taken(name));
	snprintf(name, sizeof name, "%s.%s.%s.%.62s", label, label, label, label);
	cr_expect_not(domain_taken(name));
	snprintf(name, sizeof name, "%sa", label);
	cr_expect_not(domain_taken(name));
	snprintf(name, sizeof name, "%sa.b", label);
	cr_expect_not(domain_taken(name));
	for (const char *const *t = (const char *const[]){"a", "0", "a-b", "a--b", "1.2", "a.b-c.d", NULL}; *t; t++)
		cr_expect(domain_taken(*t), "%s", *t);
	for (const char *const *t = (const char *const[]){"", ".", "a.", ".a", "a..b", "-", "-a", "a-", "a-.b", "a.-b", "a.b-", "A", "a_b", "a b",
	     "\xc3\xa4", NULL}; *t; t++)
		cr_expect_not(domain_taken(*t), "%s", *t);
}

/* Texts of any language may stand in what is ignored, if they are UTF-8. */
Test(kubedns, encodings)
{
	static const char *const good[] = {"\xc2\x80", "\xdf\xbf", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x80\x80\x80"};
	static const char *const bad[] = {"\x80", "\xc1\xbf", "\xc2", "\xc2""a", "\xe2\x82", "\xe2\x82""a", "\xf0\x9f\x98", "\xf5\x80\x80\x80", "\xff"};
	char json[200];
	struct kubedns_conf c = {0};
	struct diag d;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		snprintf(json, sizeof json, "[\"%s\"]", good[i]);
		cr_expect_lt(kubedns_parse(NULL, json, &c, &d), 0);
		cr_expect(strstr(d.text, "no IP"), "%zu: %s", i, d.text);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(json, sizeof json, "[\"%s\"]", bad[i]);
		cr_expect_lt(kubedns_parse(NULL, json, &c, &d), 0);
		cr_expect(strstr(d.text, "upstreamNameservers: not UTF-8"), "%zu: %s", i, d.text);
	}
	kubedns_refused("\"\xff\"", NULL, "stubDomains: not UTF-8");
}

/* As many domains as there may be zones, in order, each with its servers. */
Test(kubedns, many)
{
	char *json = malloc(64 * (CORE_ZONES_MAX + 2));
	struct kubedns_conf c;
	struct diag d = {""};

	for (int n = CORE_ZONES_MAX; n <= CORE_ZONES_MAX + 1; n++) {
		char *at = json + sprintf(json, "{");

		for (int i = 0; i < n; i++)
			at += sprintf(at, "%s\"z%05d.test\": [\"192.0.2.1\", \"192.0.2.2:%d\"]", i ? "," : "", n - i, i + 1);
		sprintf(at, "}");
		int rc = kubedns_parse(json, "[\"192.0.2.3\", \"192.0.2.4:54\", \"fd00::1\"]", &c, &d);

		if (n > CORE_ZONES_MAX) {
			cr_expect_eq(rc, ERR_LIMIT);
			cr_expect(strstr(d.text, "more than"), "%s", d.text);
			break;
		}
		cr_assert_eq(rc, 0, "%s", d.text);
		cr_assert_eq(c.n_stubs, (size_t)n);
		for (int i = 0; i < n; i++) {
			char name[32];

			snprintf(name, sizeof name, "z%05d.test", i + 1);
			cr_expect_str_eq(c.stub[i].domain, name);
			cr_assert_eq(c.stub[i].n_servers, 2);
		}
		cr_assert_eq(c.n_upstreams, KUBEDNS_UPSTREAMS_MAX);
		cr_expect_str_eq(c.upstream[0], "192.0.2.3");
		cr_expect_str_eq(c.upstream[2], "fd00::1");
		kubedns_release(&c);
	}
	free(json);
}

/* What is the same is not taken for a change. */
Test(kubedns, texts_that_are_the_same)
{
	char *a = (char[]){"a"}, *a2 = (char[]){"a"}, *b = (char[]){"b"};
	struct kubedns_text none = {0}, x = {a, b}, same = {a2, b}, y = {b, b}, z = {a, a}, half = {a, NULL}, other = {NULL, b};

	cr_expect(kubedns_text_same(&none, &none) && kubedns_text_same(&x, &x) && kubedns_text_same(&x, &same));
	cr_expect(!kubedns_text_same(&x, &y) && !kubedns_text_same(&x, &z) && !kubedns_text_same(&x, &half) &&
		  !kubedns_text_same(&half, &x) && !kubedns_text_same(&other, &x) && !kubedns_text_same(&none, &x));
}

/* A value that cannot be read refuses both; a path too long is said. */
Test(kubedns, values_that_cannot_be_read)
{
	char dir[64], path[120], *large = calloc(1, 5000);
	struct kubedns_text t = {0};
	struct diag d = {""};

	snprintf(dir, sizeof dir, "/tmp/kubedns.%d", (int)getpid());
	cr_assert_eq(mkdir(dir, 0700), 0);
	snprintf(path, sizeof path, "%s/stubDomains", dir);
	cr_assert_eq(file_write_atomic(path, "{}", 2, &d), 0);
	snprintf(path, sizeof path, "%s/upstreamNameservers", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_expect_lt(kubedns_text_read(dir, &t, &d), 0);
	cr_expect_null(t.stubs, "half of a change is one that nobody wrote");
	rmdir(path);
	cr_assert_eq(file_write_atomic(path, "[]", 2, &d), 0);
	cr_assert_eq(kubedns_text_read(dir, &t, &d), 0, "%s", d.text);
	cr_expect(strcmp(t.stubs, "{}") == 0 && strcmp(t.upstreams, "[]") == 0);
	kubedns_text_release(&t);
	cr_expect_null(t.stubs);
	cr_expect_eq(kubedns_text_read(path, &t, &d), 0, "a file in place of the directory: no keys: %s", d.text);
	memset(large, 'x', 4999);
	cr_expect_eq(kubedns_text_read(large, &t, &d), ERR_LIMIT);
	snprintf(path, sizeof path, "rm -r %s", dir);
	cr_expect_eq(system(path), 0);
	free(large);
}
