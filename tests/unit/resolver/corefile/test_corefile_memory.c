/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration for which there is not memory enough, at each place where memory is
 * taken: it is refused with words, and nothing is kept of it. The arena is the real
 * one; only how much it may hold is the test's.
 */
#include "tests/fixtures/no_memory.h"

#define arena_new arena_of_limit /* renames its declaration, too */
#define arena_free arena_end
#include "resolver/corefile/arena.c"
#undef arena_new
#undef arena_free
void arena_free(struct arena *a);
struct arena *arena_new(size_t limit_bytes);

#include <stdio.h>
#include <unistd.h>

#include "lib/base/hash.h"
#include "tests/fixtures/corefile_util.h"

static size_t room[2] = {SIZE_MAX, SIZE_MAX}; /* of the tree's arena, and of the plan's */
static size_t given[2], used[2]; /* in fact, and of that when it ended */
static struct arena *arena[2];
static int n_arenas;

struct arena *arena_new(size_t limit_bytes)
{
	int i = n_arenas++ & 1;

	given[i] = room[i] < limit_bytes ? room[i] : limit_bytes;
	return arena[i] = arena_of_limit(given[i]);
}

void arena_free(struct arena *a)
{
	for (int i = 0; a && i < 2; i++)
		if (arena[i] == a)
			used[i] = given[i] - a->left;
	arena_end(a);
}

static char hosts_path[] = "/tmp/corefile-memory-XXXXXX", weights_path[] = "/tmp/corefile-memory-XXXXXX";

static void file_make(char *path, const char *text)
{
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void setup(void)
{
	file_make(hosts_path, "10.0.0.1 a.example.org b\nfd00::1 a.example.org\n");
	file_make(weights_path, "x.example.org\n192.0.2.1 1\n192.0.2.2 98\n");
}

static void teardown(void)
{
	unlink(hosts_path);
	unlink(weights_path);
}

TestSuite(corefile_memory, .init = setup, .fini = teardown, .timeout = 120);

/* @H: a hosts file, @W: one of weights */
static const char *const texts[] = {
	"(a) {\n errors\n log \"x {name}\"\n}\na.org:53 b.org, c.org:54 {\n import a\n bind 127.0.0.1 eth0\n"
	" forward . 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5\n}\n10.0.0.0/14 {\n whoami\n}\n",
	". {\n acl x.org {\n block type A AAAA net 10.0.0.0/8 fd00::/8\n allow net *\n filter\n }\n acl {\n drop\n }\n"
	" cache 30 x.org {\n success 1 2 1\n disable denial x.org y.org\n }\n}\n",
	". {\n hosts @H x.org {\n 10.0.0.9 y.org z.org\n ttl 7\n fallthrough x.org\n }\n}\n",
	". {\n loadbalance weighted @W\n any\n minimal\n dns64 {\n prefix 64:ff9b::/96\n translate_all\n }\n}\n",
	". {\n loadbalance {\n prefer 10.0.0.0/8 fd00::/8\n }\n bufsize 512\n nsid x\n whoami\n cookies\n}\n",
	". {\n rewrite name exact a.org b.org\n rewrite name regex (.*)[.]a[.]org {1}.b.org answer auto\n"
	" rewrite name suffix .x.org .y.org answer name (.*)[.]y {1}.x answer value (.*)[.]y {1}.x\n rewrite ttl exact a.org 5\n"
	" rewrite cname exact a.org b.org\n rewrite type A AAAA\n rewrite edns0 local set 65001 0x0102\n rewrite rcode exact a.org NXDOMAIN NOERROR\n"
	" rewrite stop {\n name prefix a b\n }\n}\n",
	". {\n template IN A x.org y.org {\n match ^a[.] ^b[.]\n answer \"{{ .Name }} 60 IN A 192.0.2.1\" \"{{ .Name }} 60 IN A 192.0.2.2\"\n"
	" authority \"x.org. 60 IN NS {{ .Zone }}\"\n additional \"x.org. 60 IN A 192.0.2.3\"\n ederror 15 \"no such\"\n fallthrough x.org\n }\n}\n",
	". {\n template IN A {\n match \"^(?P<a>[0-9]+)[.]\"\n"
	" answer \"{{ $x := printf `x%s.%s` (index .Group `a`) .Name }}{{ if and (eq .Type `A`) (lt (len .Name) 90) }}{{ $x }}{{ else if .Zone }}a.{{ else }}b.{{ end }} 60 IN A 192.0.2.1\"\n }\n}\n",
	"x.org {\n dnstap tcp://192.0.2.1:6000 full 3 4 {\n identity a\n version b\n extra c\n }\n prometheus :9253\n health :8080\n ready :8181\n"
	" errors {\n consolidate 5m \"^a.*\" warning show_first\n }\n log x.org y.org \"{combined}\" {\n class denial error\n }\n}\n",
	". {\n forward x.org tls://192.0.2.1%a.org https://192.0.2.1:8443/q dns.example.net {\n tls @H @H @W\n"
	" except a.x.org b.x.org\n resolver 192.0.2.7\n source_address 192.0.2.9\n policy sequential\n health_check 1s no_rec domain a.org\n"
	" failover SERVFAIL REFUSED\n next NXDOMAIN\n }\n forward . /etc/resolv.conf\n}\n",
	". {\n reload 30s\n loop\n timeouts {\n read 5s\n }\n search_path pods.cluster.local\n debug\n}\n. {\n chaos\n}\n",
};

static int compile(const char *text, struct corefile_plan **ret, struct diag *d)
{
	struct corefile_env e = test_env();
	struct corefile *c;
	int err;

	n_arenas = 0;
	d->text[0] = 0;
	err = corefile_parse_text(&c, "f", text, strlen(text), &e, d);
	if (err)
		return err;
	err = corefile_compile(ret, c, &e, d);
	corefile_free(c);
	return err;
}

static void text_of(char *to, size_t cap, size_t i)
{
	const char *path;

	for (const char *from = texts[i]; *from; from += path ? 2 : 1) {
		path = from[0] != '@' ? NULL : from[1] == 'H' ? hosts_path : weights_path;
		int n = path ? snprintf(to, cap, "%s", path) : snprintf(to, cap, "%c", *from);

		cr_assert_lt((size_t)n, cap);
		to += n;
		cap -= (size_t)n;
	}
}

/* With so little room it is no plan; the same words each time would hide where. */
static bool fits(const char *text, bool is_good, size_t which, size_t octets)
{
	struct corefile_plan *p = NULL;
	struct diag d;
	long kept = memory_kept;
	int err;

	room[which] = octets;
	err = compile(text, &p, &d);
	room[which] = SIZE_MAX;
	if (err) {
		cr_assert_null(p);
		cr_assert_neq(d.text[0], 0, "refused without a word at %zu octets", octets);
		if (is_good)
			cr_assert(strstr(d.text, "memory"), "%zu octets: %s", octets, d.text);
	} else {
		cr_assert(p);
		corefile_plan_free(p);
	}
	cr_assert_eq(memory_kept, kept, "%ld pieces of memory are kept of\n%s", memory_kept - kept, text);
	return err == 0;
}

Test(corefile_memory, each_limit_of_the_arena)
{
	char text[2048];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct diag d;
		struct corefile_plan *p;
		size_t all[2];
		bool is_good;

		text_of(text, sizeof(text), i);
		is_good = compile(text, &p, &d) == 0;
		cr_assert_eq(is_good, i != sizeof(texts) / sizeof(texts[0]) - 1, "%zu: %s", i, d.text);
		if (is_good)
			corefile_plan_free(p);
		memcpy(all, used, sizeof(all));
		for (size_t which = 0; which < 2; which++) {
			size_t n = 0, step, before;

			/* from one piece that is the first without room to the next one */
			while (!fits(text, is_good, which, n) && n < 1u << 20) {
				before = used[which];
				for (step = 16; !fits(text, is_good, which, n + step) && used[which] == before; step *= 2)
					if (!is_good && n + step > 20000) /* one fault, and no room for its words */
						break;
				if (!is_good && n + step > 20000)
					break;
				n += step > 16 ? step / 2 : 16;
			}
			cr_assert_gt(n, 256);
			cr_assert_lt(n, 1u << 20);
			cr_expect(!is_good || used[which] == all[which], "a plan of %zu octets that takes %zu: a piece is left out of\n%s",
				  used[which], all[which], text);
		}
	}
}

/* What a plan does, as a number: one that is taken without some piece must not do less. */
static uint64_t sum_of(const struct corefile_plan *p)
{
	struct hash_key so_far = {0, 0};

	for (size_t i = 0; i < p->n_files; i++)
		so_far.k0 = hash_sip13(&so_far, p->file[i].digest, strlen(p->file[i].digest));
	for (size_t i = 0; i < p->conf.n_zones; i++) {
		const struct core_zone *z = &p->conf.zone[i];
		uint64_t n[] = {p->conf.n_upstreams, z->answers_digest, z->n_steps, z->n_forward, z->listeners, z->has_errors,
				z->has_log, z->cache.enabled, z->cache.n_only, p->block[z->block].n_plugins, p->n_warnings};

		so_far.k0 = hash_sip13(&so_far, n, sizeof(n));
	}
	return so_far.k0;
}

/* The same for what is taken from the heap itself: all after one, and one alone. */
Test(corefile_memory, each_allocation_fails)
{
	char text[2048];

	if (!NO_MEMORY_HERE)
		cr_skip_test("the sanitizer has its own heap");
	for (size_t i = 0; i < 2 * (sizeof(texts) / sizeof(texts[0]) - 1); i++) {
		struct corefile_plan *p;
		struct diag d;
		bool is_short = true;

		text_of(text, sizeof(text), i / 2);
		cr_assert_eq(compile(text, &p, &d), 0, "%s", d.text); /* what libraries keep is kept now */
		uint64_t whole = sum_of(p);

		corefile_plan_free(p);
		for (long n = 0; is_short; n++) {
			long kept = memory_kept;
			int err;

			p = NULL;
			memory_fail(n, i & 1);
			err = compile(text, &p, &d);
			is_short = memory_back();
			cr_assert_lt(n, 5000);
			if (err)
				cr_assert(!p && strstr(d.text, "memory") && is_short, "%s", d.text);
			else
				cr_assert_eq(sum_of(p), whole, "something is missing without allocation %ld of\n%s", n, text);
			corefile_plan_free(p);
			cr_assert_eq(memory_kept, kept, "%ld pieces are kept of allocation %ld in\n%s", memory_kept - kept, n, text);
		}
	}
}
