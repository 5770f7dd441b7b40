/* SPDX-License-Identifier: Apache-2.0 */
/* The world outside as the daemon has it: host names asked at servers, addresses of interfaces, files. */
#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resolver/corefile/parse.h"
#include "resolver/corefile/setup.h"
#include "tests/fixtures/corefile_util.h"
#include "tests/fixtures/own_net.h"

/* --- a server that answers two questions as it is told --- */

struct reply {
	const char *a[3], *aaaa[3]; /* records of the answer to either question */
	uint16_t id_off, rcode;	    /* wrong id, RCODE */
	bool is_query, is_short;    /* no QR; cut in its last record */
};
struct server {
	int fd;
	unsigned n;
	const struct reply *reply;
	uint16_t qtype[4], flags[4];
	bool is_plain; /* EDNS with a size and nothing else */
	char name[4][NAME_MAX_TEXT];
};

static void *serve(void *arg)
{
	struct server *s = arg;
	struct sockaddr_in6 from;
	uint8_t q[512], out[512];

	for (; s->n < 2; s->n++) {
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(s->fd, q, sizeof(q), 0, (struct sockaddr *)&from, &from_len);
		struct dns_msg m;

		if (len < 0 || dns_msg_parse(&m, q, (size_t)len) != 0)
			break;
		name_to_text(m.q.name, s->name[s->n], NAME_MAX_TEXT);
		s->qtype[s->n] = m.q.qtype;
		s->flags[s->n] = m.h.flags;
		s->is_plain &= m.edns.present && m.edns.udp_size == 1232 && !m.edns.do_bit && !m.edns.opts_len;
		size_t n = reply_make(out, sizeof(out), s->name[s->n], m.q.qtype, s->reply->rcode,
				      m.q.qtype == DNS_A ? s->reply->a : s->reply->aaaa);

		set_be16(out, (uint16_t)(m.h.id + s->reply->id_off));
		if (s->reply->is_query)
			out[2] &= 0x7f;
		n -= s->reply->is_short;
		sendto(s->fd, out, n, 0, (struct sockaddr *)&from, from_len);
	}
	return NULL;
}

/* What is heard of h.test. from a server that answers so: addresses in a row. */
static const char *heard(const struct reply *r, size_t max, struct server *ret)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval wait = {.tv_sec = 5};
	socklen_t len = sizeof(sa);
	struct server s = {.reply = r, .is_plain = true, .fd = socket(AF_INET, SOCK_DGRAM, 0)};
	struct in6_addr at = addr_of("127.0.0.1"), got[8];
	static char text[500];
	pthread_t t;
	uint16_t port;
	size_t n;

	setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	cr_assert_eq(bind(s.fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(getsockname(s.fd, (struct sockaddr *)&sa, &len), 0);
	port = ntohs(sa.sin_port);
	cr_assert_eq(pthread_create(&t, NULL, serve, &s), 0);
	n = corefile_host_addrs(NULL, "h.test", &at, &port, 1, got, max);
	pthread_join(t, NULL);
	close(s.fd);
	cr_assert_leq(n, max);
	text[0] = 0;
	for (size_t i = 0; i < n; i++) {
		char ip[INET6_ADDRSTRLEN];

		inet_ntop(AF_INET6, &got[i], ip, sizeof(ip));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "", ip);
	}
	if (ret)
		*ret = s;
	return text;
}

Test(corefile_env, host_names_asked_at_a_server, .timeout = 60)
{
	static const struct {
		struct reply r;
		size_t max;
		const char *want;
	} cases[] = {
		{{.a = {"h.test. 5 A 192.0.2.1", "h.test. 5 A 192.0.2.2"}, .aaaa = {"h.test. 5 AAAA 2001:db8::1"}}, 8,
		 "::ffff:192.0.2.1 ::ffff:192.0.2.2 2001:db8::1"},
		{{.a = {"h.test. 5 A 192.0.2.1", "h.test. 5 A 192.0.2.2"}, .aaaa = {"h.test. 5 AAAA 2001:db8::1"}}, 2,
		 "::ffff:192.0.2.1 ::ffff:192.0.2.2"},
		{{.a = {"h.test. 5 A 192.0.2.1", "h.test. 5 A 192.0.2.2"}}, 1, "::ffff:192.0.2.1"},
		{{.a = {"h.test. 5 CNAME i.test.", "i.test. 5 A 192.0.2.1"}, .aaaa = {"h.test. 5 CNAME i.test."}}, 8, "::ffff:192.0.2.1"},
		{{.a = {"h.test. 5 AAAA 2001:db8::2", "h.test. 5 A 192.0.2.3"}, .aaaa = {"h.test. 5 A 192.0.2.4"}}, 8, "::ffff:192.0.2.3"},
		{{.aaaa = {"h.test. 5 AAAA 2001:db8::1", "h.test. 5 AAAA 2001:db8::2"}}, 8, "2001:db8::1 2001:db8::2"},
		{{.a = {"h.test. 5 A 192.0.2.1"}, .id_off = 1}, 8, ""},
		{{.a = {"h.test. 5 A 192.0.2.1"}, .rcode = DNS_SERVFAIL}, 8, ""},
		{{.a = {"h.test. 5 A 192.0.2.1"}, .is_query = true}, 8, ""},
		{{.a = {"h.test. 5 A 192.0.2.1", "h.test. 5 A 192.0.2.2"}, .is_short = true}, 8, ""},
		{{.rcode = 0}, 8, ""},
		{{.a = {"h.test. 5 TYPE65280 \\# 4 01020304", "h.test. 5 A 192.0.2.1"}, .aaaa = {"h.test. 5 TYPE65280 \\# 16 000102030405060708090a0b0c0d0e0f"}}, 8,
		 "::ffff:192.0.2.1"},
		{{.a = {"h.test. 5 AAAA 2001:db8::1", "h.test. 5 A 192.0.2.1"}, .aaaa = {"h.test. 5 A 192.0.2.2", "h.test. 5 AAAA 2001:db8::2"}}, 8,
		 "::ffff:192.0.2.1 2001:db8::2"},
	};
	struct server s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = heard(&cases[i].r, cases[i].max, &s);

		cr_expect_str_eq(got, cases[i].want, "case %zu", i);
		cr_expect(s.n == 2 && s.qtype[0] == DNS_A && s.qtype[1] == DNS_AAAA && s.flags[0] == DNS_RD && s.is_plain, "case %zu", i);
		cr_expect_str_eq(s.name[0], "h.test.");
	}
}

/* The first that knows any is believed, and nobody else asked. */
Test(corefile_env, servers_are_asked_in_turn, .timeout = 60)
{
	struct in6_addr at[2] = {addr_of("127.0.0.1"), addr_of("127.0.0.1")}, got[4];
	const uint16_t port[2] = {1, 1};
	int free_fd = dup(0);

	close(free_fd);
	cr_expect_eq(corefile_host_addrs(NULL, "h.test", at, port, 2, got, 4), 0, "nobody there");
	cr_expect_eq(dup(0), free_fd, "nothing stays open");
	close(free_fd);
	cr_expect_eq(corefile_host_addrs(NULL, "h..test", at, port, 2, got, 4), 0, "no name");
	cr_assert_eq(corefile_host_addrs(NULL, "localhost", NULL, NULL, 0, got, 1), 1);
	cr_expect(IN6_IS_ADDR_LOOPBACK(&got[0]) || (IN6_IS_ADDR_V4MAPPED(&got[0]) && got[0].s6_addr[12] == 127));
	cr_assert_eq(corefile_host_addrs(NULL, "192.0.2.77", NULL, NULL, 0, got, 4), 1);
	struct in6_addr want = addr_of("192.0.2.77");

	cr_expect_arr_eq(&got[0], &want, sizeof(want));
	cr_expect_eq(corefile_host_addrs(NULL, "2001:db8::77", NULL, NULL, 0, got, 4), 1);
	want = addr_of("2001:db8::77");
	cr_expect_arr_eq(&got[0], &want, sizeof(want));
}

Test(corefile_env, interfaces_and_variables)
{
	struct in6_addr a[8], lo = addr_of("127.0.0.1");
	struct corefile_env e;
	uint32_t scope[8];
	char host[256];
	size_t n;

	corefile_env_defaults(&e);
	cr_expect_eq(e.dns_port, 53);
	cr_assert_eq(gethostname(host, sizeof(host)), 0);
	cr_expect_str_eq(e.hostname, host);
	n = e.if_addrs(e.ctx, "lo", a, scope, 8);
	cr_assert_gt(n, 0);
	cr_expect_eq(memcmp(&a[0], &lo, sizeof(lo)), 0);
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(scope[i], 0);
	FILE *f = fopen("/proc/net/if_inet6", "re");
	char line[200];
	size_t n_v6 = 0, got_v6 = 0;

	while (f && fgets(line, sizeof(line), f))
		n_v6 += strstr(line, " lo\n") != NULL;
	if (f)
		fclose(f);
	for (size_t i = 0; i < n; i++)
		got_v6 += !IN6_IS_ADDR_V4MAPPED(&a[i]);
	cr_expect_eq(got_v6, n_v6, "both families");
	memset(a, 0x5a, sizeof(a));
	memset(scope, 0x5a, sizeof(scope));
	cr_expect_eq(e.if_addrs(e.ctx, "lo", a, scope, 1), 1);
	for (size_t i = 16; i < sizeof(a); i++)
		cr_assert_eq(((uint8_t *)a)[i], 0x5a, "nothing behind the one");
	cr_expect(scope[0] == 0 && scope[1] == 0x5a5a5a5a);
	cr_expect_eq(e.if_addrs(e.ctx, "lo", a, scope, 0), 0);
	cr_expect_eq(e.if_addrs(e.ctx, "nothing", a, scope, 8), 0);
	setenv("COREFILE_ENV_TEST", "x", 1);
	cr_expect_str_eq(e.get_var(e.ctx, "COREFILE_ENV_TEST"), "x");
	cr_expect_null(e.get_var(e.ctx, "COREFILE_ENV_TEST_NOT"));
	cr_expect(e.readable(e.ctx, "/etc/passwd"));
	cr_expect_not(e.readable(e.ctx, "/nonexistent"));
}

/* An address of a link says of which; others are the same on all. */
Test(corefile_env, addresses_of_a_link)
{
	static const struct {
		const char *addr;
		bool has_scope;
	} want[] = {{"192.0.2.7", false}, {"fd00::7", false}, {"fe80::7", true}};
	struct in6_addr a[8];
	struct corefile_env e;
	uint32_t scope[8];

	own_net("ip link add d0 type dummy && ip addr add 192.0.2.7/24 dev d0 && ip addr add fd00::7/64 dev d0 nodad && "
		"ip addr add fe80::7/64 dev d0 nodad");
	corefile_env_defaults(&e);
	size_t n = e.if_addrs(e.ctx, "d0", a, scope, 8);

	cr_assert_eq(n, 3);
	for (size_t i = 0; i < n; i++) {
		struct in6_addr w = addr_of(want[i].addr);
		size_t k = 0;

		while (k < n && memcmp(&a[k], &w, sizeof(w)) != 0)
			k++;
		cr_assert_lt(k, n, "%s", want[i].addr);
		cr_expect_eq(scope[k], want[i].has_scope ? if_nametoindex("d0") : 0, "%s", want[i].addr);
	}
}

/* Without descriptors nothing can be asked: there are no addresses, and that is all. */
Test(corefile_env, without_descriptors)
{
	struct in6_addr a[8], at = addr_of("127.0.0.1");
	uint16_t port = 53;
	struct rlimit few, all;
	struct corefile_env e;
	uint32_t scope[8];

	corefile_env_defaults(&e);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	size_t n_if = e.if_addrs(e.ctx, "lo", a, scope, 8), n_host = e.host_addrs(e.ctx, "h.test", &at, &port, 1, a, 8);

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	cr_expect_eq(n_if, 0);
	cr_expect_eq(n_host, 0);
}

/* A host without a name has one for NSID all the same. */
Test(corefile_env, without_a_host_name)
{
	struct corefile_env e;

	if (unshare(CLONE_NEWUTS) || sethostname("", 0))
		cr_skip_test("no namespace for names here");
	corefile_env_defaults(&e);
	cr_expect_str_eq(e.hostname, "localhost");
	cr_assert_eq(sethostname("n", 1), 0);
	corefile_env_defaults(&e);
	cr_expect_str_eq(e.hostname, "n");
}

static int glob_given(void *ctx, const char *pattern, char **ret)
{
	*ret = strdup(pattern);
	return *(int *)ctx;
}

static int read_given(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len, struct diag *d)
{
	(void)d;
	*ret_text = strdup(path);
	*ret_len = secret;
	return *(int *)ctx;
}

/* Whoever brings files of its own is asked for them, and the machine is not. */
Test(corefile_env, files_that_are_given)
{
	int answer = 7;
	struct corefile_env e = {.ctx = &answer, .glob_files = glob_given, .read_file = read_given};
	struct diag d;
	size_t len = 9;
	char *text;

	cr_expect_eq(cf_env_glob(&e, "/x*", &text), 7);
	cr_expect_str_eq(text, "/x*");
	free(text);
	cr_expect_eq(cf_env_read(&e, "/x", true, &text, &len, &d), 7);
	cr_expect_str_eq(text, "/x");
	cr_expect_eq(len, 1);
	free(text);
}

/* A file of `n` octets reads as such a file, or with these words. */
static void file_expect(const char *path, size_t n, int want, const char *words)
{
	struct corefile_env e;
	char *text = NULL;
	size_t len = 0;
	struct diag d;
	int err;

	corefile_env_defaults(&e);
	d.text[0] = 0;
	err = e.read_file(e.ctx, path, false, &text, &len, &d);
	cr_expect_eq(err, want, "%zu: %d %s", n, err, d.text);
	if (err) {
		cr_expect_null(text);
		cr_expect(strstr(d.text, words), "%s", d.text);
		return;
	}
	cr_expect(len == n && text[n] == 0);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(text[i], (char)('a' + i % 23));
	free(text);
}

Test(corefile_env, files_are_read_whole)
{
	static const size_t sizes[] = {0, 1, 8190, 8191, 8192, 8193, 16383, 16384, 100000};
	char dir[] = "/tmp/corefile-env-XXXXXX", path[100], *paths = NULL;
	struct corefile_env e;

	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/b.x", dir);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		FILE *f = fopen(path, "we");

		for (size_t k = 0; k < sizes[i]; k++)
			fputc((int)('a' + k % 23), f);
		fclose(f);
		file_expect(path, sizes[i], 0, "");
	}
	file_expect(dir, 0, ERR_SYS, ": is a directory");
	file_expect("/proc/self/mem", 0, ERR_SYS, "/proc/self/mem: Input/output error"); /* nothing lies at 0 */
	file_expect("/nonexistent/x", 0, ERR_SYS, "/nonexistent/x: No such file or directory");
	cr_assert_eq(truncate(path, 64 << 20), 0);
	file_expect(path, 0, ERR_LIMIT, "larger than ");
	cr_assert_eq(truncate(path, 1), 0);
	corefile_env_defaults(&e);
	e.ctx = NULL;
	char pattern[100], want[250];

	snprintf(pattern, sizeof(pattern), "%s/*.x", dir);
	snprintf(want, sizeof(want), "%s\n", path);
	cr_assert_eq(e.glob_files(e.ctx, pattern, &paths), 0);
	cr_expect_str_eq(paths, want);
	free(paths);
	snprintf(pattern, sizeof(pattern), "%s/*.y", dir);
	cr_expect_eq(e.glob_files(e.ctx, pattern, &paths), GLOB_NOMATCH);
	unlink(path);
	rmdir(dir);
}

/* From the file to the plan in one: the same as the two steps, and their faults. */
Test(corefile_env, a_file_becomes_a_plan)
{
	char path[] = "/tmp/corefile-env-XXXXXX";
	struct corefile_env e = test_env();
	struct corefile_plan *p = NULL;
	struct diag d;
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, ". {\n whoami\n}\n", 14), 14);
	cr_expect_eq(corefile_load(&p, path, &e, &d), 0);
	cr_assert(p);
	cr_expect_eq(p->conf.n_zones, 1);
	corefile_plan_free(p);
	p = NULL;
	cr_assert_eq(pwrite(fd, ". {\n whoamx\n}\n", 14, 0), 14);
	cr_expect_eq(corefile_load(&p, path, &e, &d), ERR_SYNTAX);
	cr_expect_null(p);
	cr_expect(strstr(d.text, "Unknown directive 'whoamx'"));
	cr_assert_eq(pwrite(fd, ". {\n whoami\n\n\n", 14, 0), 14);
	cr_expect_eq(corefile_load(&p, path, &e, &d), ERR_SYNTAX);
	cr_expect(strstr(d.text, "never closed"));
	cr_expect_eq(corefile_load(&p, "/nonexistent/x", &e, &d), ERR_SYS);
	cr_expect_null(p);
	close(fd);
	unlink(path);
}

/* What would lead back to us is left out, for the blocks and the addresses it was found for. */
Test(corefile_env, loops_that_were_found)
{
	static const char text[] = "a.org:53 {\n loop\n forward . 192.0.2.1 192.0.2.1:54 192.0.2.2 tls://192.0.2.1:53\n}\n"
				   "b.org {\n loop\n forward . 192.0.2.1\n}\nc.org {\n forward . 192.0.2.1\n}\n";
	struct corefile_loop loops[2] = {{.addr = addr_of("192.0.2.1"), .port = 53, .zone = "a.org."},
					 {.addr = addr_of("192.0.2.1"), .port = 53, .zone = "c.org."}};
	struct corefile_env e = test_env();
	struct corefile_plan *p, *plain = plan_of(text);
	struct corefile *c;
	struct diag d;

	e.n_loops = 2;
	e.loop = loops;
	cr_assert_eq(corefile_parse_text(&c, "f", text, strlen(text), &e, &d), 0);
	cr_assert_eq(corefile_compile(&p, c, &e, &d), 0, "%s", d.text);
	corefile_free(c);
	cr_expect_str_neq(p->digest, plain->digest);
	cr_expect_eq(plain->conf.zone[0].forward[0].n_to, 4);
	cr_assert_eq(p->conf.zone[0].forward[0].n_to, 3);
	for (int i = 0; i < 3; i++) {
		const struct core_upstream *u = &p->conf.upstream[p->conf.zone[0].forward[0].to[i]];

		cr_expect_eq(u->port, i == 0 ? 54 : 53);
		cr_expect_eq(u->addr.s6_addr[15], i == 1 ? 2 : 1);
	}
	cr_expect_eq(p->conf.zone[1].forward[0].n_to, 1, "it was found for another zone");
	cr_expect_eq(p->conf.zone[2].forward[0].n_to, 1, "nobody looks for loops there");
	assert_warned(p, "upstream 192.0.2.1:53 leads back to us (a loop): left out");
	corefile_plan_free(p);
	corefile_plan_free(plain);
}

/* Two interfaces may have neighbours of one link-local address: one of them loops. */
Test(corefile_env, a_loop_at_a_link_local_address)
{
	static const char text[] = "a.org:53 {\n loop\n forward . [fe80::1%1]:53 [fe80::1%2]:53\n}\n";
	struct corefile_loop found = {.addr = addr_of("fe80::1"), .scope_id = 2, .port = 53, .zone = "a.org."};
	struct corefile_env e = test_env();
	struct corefile_plan *p, *plain = plan_of(text);
	struct corefile *c;
	char digest[sizeof(plain->digest)];
	struct diag d;

	cr_assert_eq(plain->conf.zone[0].forward[0].n_to, 2);
	e.n_loops = 1;
	e.loop = &found;
	for (unsigned scope = 1; scope <= 2; scope++) {
		found.scope_id = scope;
		cr_assert_eq(corefile_parse_text(&c, "f", text, strlen(text), &e, &d), 0);
		cr_assert_eq(corefile_compile(&p, c, &e, &d), 0, "%s", d.text);
		corefile_free(c);
		cr_assert_eq(p->conf.zone[0].forward[0].n_to, 1);
		cr_expect_eq(p->upstream[p->conf.zone[0].forward[0].to[0]].scope_id, 3 - scope);
		if (scope == 2)
			cr_expect_str_neq(p->digest, digest, "another is left out: another plan");
		strcpy(digest, p->digest);
		corefile_plan_free(p);
	}
	corefile_plan_free(plain);
}

/* A file that is none, and one with more faults than are told. */
Test(corefile_env, a_check_ends_with_a_count)
{
	char path[] = "/tmp/corefile-env-XXXXXX", *out = NULL, want[200];
	struct corefile_env e = test_env();
	size_t len;
	FILE *to = open_memstream(&out, &len);

	cr_expect_eq(corefile_check("/nonexistent/x", &e, to), 1);
	fclose(to);
	cr_expect_str_eq(out, "error: /nonexistent/x: No such file or directory\n/nonexistent/x: 1 error, 0 warnings\n");
	free(out);
	to = fdopen(mkstemp(path), "w");
	fprintf(to, ". {\n");
	for (int i = 0; i < 3000; i++)
		fprintf(to, "x%d\n", i);
	fprintf(to, "}\n");
	fclose(to);
	to = open_memstream(&out, &len);
	cr_expect_eq(corefile_check(path, &e, to), 1);
	fclose(to);
	snprintf(want, sizeof(want), "note: the list ends here; more was found\n%s: 3000 errors, 0 warnings\n", path);
	cr_expect(strstr(out, want), "%s", out + (len > 200 ? len - 200 : 0));
	free(out);
	/* what there is of each; with a warning, and without anything */
	for (int n = 0; n < 3; n++) {
		static const char *const texts[] = {"a b c:54 {\n forward . 192.0.2.1\n}\n", "a {\n bind ::1 ::2 ::3\n pprof\n}\n",
						    "a:1 b:2 {\n forward . 192.0.2.1 192.0.2.2 192.0.2.3\n}\n"};
		static const char *const counts[] = {"3 zones, 2 listeners, 1 upstreams; 0 warnings", "1 zones, 3 listeners, 0 upstreams; 1 warnings",
						     "2 zones, 2 listeners, 3 upstreams; 0 warnings"};

		to = fopen(path, "we");
		fputs(texts[n], to);
		fclose(to);
		to = open_memstream(&out, &len);
		cr_expect_eq(corefile_check(path, &e, to), 0);
		fclose(to);
		snprintf(want, sizeof(want), "%s: good: %s\n", path, counts[n]);
		cr_expect(n == 1 ? !strncmp(out, "warning: ", 9) && strstr(out, want) : !strcmp(out, want), "%s", out);
		free(out);
	}
	unlink(path);
}

/* --- who is told that a file is a secret --- */

static char secrets[400];

static int read_and_note(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len, struct diag *d)
{
	size_t n = strlen(secrets);

	(void)ctx;
	(void)d;
	snprintf(secrets + n, sizeof(secrets) - n, "%s %s\n", path, secret ? "secret" : "open");
	*ret_text = strdup(strstr(path, ".cf") ? "forward . /x/resolv.conf tls://192.0.2.1 {\n tls /x/cert /x/key /x/ca\n}\nhosts /x/hosts\n" :
						 "nameserver 192.0.2.1\n");
	*ret_len = strlen(*ret_text);
	return 0;
}

/* Of what a Corefile names, keys alone are not to be shown to anybody. */
Test(corefile_env, what_tls_needs_is_secret)
{
	struct corefile_env e = test_env(), real;
	struct corefile_plan *p;
	struct corefile *c;
	struct diag d;

	corefile_env_defaults(&real);
	e.read_file = read_and_note;
	e.glob_files = real.glob_files;
	char path[] = "/tmp/corefile-env-XXXXXX", file[100], import[200];

	cr_assert(mkdtemp(path));
	snprintf(file, sizeof(file), "%s/a.cf", path);
	FILE *f = fopen(file, "we");

	fclose(f);
	snprintf(import, sizeof(import), ". {\n import %s\n}\n", file);
	cr_assert_eq(corefile_parse_text(&c, "f", import, strlen(import), &e, &d), 0, "%s", d.text);
	cr_assert_eq(corefile_compile(&p, c, &e, &d), 0, "%s", d.text);
	cr_expect(strstr(secrets, "a.cf open\n"), "%s", secrets);
	cr_expect(strstr(secrets, "/x/resolv.conf open\n"), "%s", secrets);
	cr_expect(strstr(secrets, "/x/hosts open\n"), "%s", secrets);
	cr_expect(strstr(secrets, "/x/cert secret\n"), "%s", secrets);
	cr_expect(strstr(secrets, "/x/key secret\n"), "%s", secrets);
	cr_expect(strstr(secrets, "/x/ca secret\n"), "%s", secrets);
	corefile_plan_free(p);
	corefile_free(c);
	unlink(file);
	rmdir(path);
}

/* "stdin" is no file of that name. */
Test(corefile_env, a_corefile_from_standard_input)
{
	char path[] = "/tmp/corefile-env-XXXXXX";
	struct corefile_env e = test_env();
	struct corefile *c;
	struct diag d;
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, "a.org {\n whoami\n}\n", 18), 18);
	close(fd);
	cr_assert(freopen(path, "r", stdin));
	unlink(path);
	cr_assert_eq(corefile_parse_file(&c, "stdin", &e, &d), 0, "%s", d.text);
	cr_assert_eq(c->n_servers, 1);
	cr_assert_str_eq(c->server[0].key[0].text, "a.org");
	corefile_free(c);
}
