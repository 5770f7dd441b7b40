/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is said of Corefiles with one fault: each word of good ones is left out, said twice,
 * replaced and put together with the next; each note, where it points, and what becomes of the
 * plan are compared with tests/golden/corefile/told. GOLDEN_UPDATE=1 writes that file anew; its
 * difference in git is read before it is committed: each line of it is a change that somebody meant.
 * Likewise each octet left out, or another in its place: what is said of all those of one text makes one
 * number of tests/golden/corefile/odd, and ODD=n prints what a number is of.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/hash.h"
#include "resolver/corefile/compile.h"
#include "resolver/corefile/report.h"
#include "tests/fixtures/corefile_util.h"

#define GOLDEN "tests/golden/corefile/told"
#define ODD    "tests/golden/corefile/odd"

static const char *const texts[] = {
	"(a) {\n errors\n log \"x {name}\"\n}\na.org:53 b.org, c.org:54 {\n import a\n bind 127.0.0.1 eth0\n"
	" forward . 192.0.2.9 192.0.2.2:54\n}\n10.0.0.0/14 {\n whoami\n}\n",
	". {\n acl x.org {\n block type A AAAA net 10.0.0.0/8 fd00::/8\n allow net *\n filter\n }\n acl {\n drop type TXT\n }\n"
	" cache 30 x.org {\n success 1 2 1\n denial 9 8 7\n servfail 3s\n disable denial x.org y.org\n"
	" prefetch 3 2m 20%\n serve_stale 1h verify 2s\n keepttl\n }\n}\n",
	". {\n hosts /h x.org {\n 10.0.0.9 y.org z.org\n ttl 7\n no_reverse\n reload 3s\n fallthrough x.org\n }\n}\n",
	". {\n loadbalance weighted /w\n any\n minimal\n dns64 {\n prefix 64:ff9b::/96\n translate_all\n allow_ipv4\n }\n}\n",
	". {\n loadbalance {\n prefer 10.0.0.0/8 fd00::/8\n }\n bufsize 512\n nsid x\n whoami\n cookies\n}\n",
	". {\n rewrite name exact a.org b.org\n rewrite name regex (.*)[.]a[.]org {1}.b.org answer auto\n"
	" rewrite name suffix .x.org .y.org answer name (.*)[.]y {1}.x answer value (.*)[.]y {1}.x\n rewrite ttl exact a.org 5-9\n}\n",
	". {\n rewrite cname exact a.org b.org\n rewrite continue type A AAAA\n rewrite class CH IN\n rewrite edns0 local set 65001 0x0102\n"
	" rewrite edns0 subnet set 24 56\n rewrite rcode exact a.org NXDOMAIN NOERROR\n rewrite stop {\n name prefix a b\n }\n}\n",
	". {\n template IN A x.org y.org {\n match ^a[.] ^b[.]\n answer \"{{ .Name }} 60 IN A 192.0.2.1\"\n"
	" authority \"x.org. 60 IN NS {{ .Zone }}\"\n ederror 15 \"no such\"\n rcode NOERROR\n fallthrough x.org\n }\n}\n",
	"x.org {\n dnstap tcp://192.0.2.1:6000 full 3 4 {\n identity a\n version b\n extra c\n }\n prometheus :9253\n health :8080 {\n lameduck 5s\n }\n ready :8181\n"
	" errors {\n consolidate 5m \"^a.*\" warning show_first\n }\n log x.org y.org \"{combined}\" {\n class denial error\n }\n}\n",
	". {\n forward x.org tls://192.0.2.1%a.org https://192.0.2.1:8443/q dns.example.net {\n tls /h /h /w\n"
	" except a.x.org b.x.org\n policy sequential\n health_check 1s no_rec domain a.org\n max_fails 3\n expire 9s\n max_concurrent 7\n"
	" failover SERVFAIL REFUSED\n next NXDOMAIN\n }\n}\n",
	". {\n forward . /etc/resolv.conf {\n force_tcp\n prefer_udp\n max_connect_attempts 4\n failfast_all_unhealthy_upstreams\n }\n"
	" reload 30s 5s\n loop\n timeouts {\n read 5s\n write 6s\n idle 7s\n maxtcpqueries 8\n }\n debug\n}\n",
	". {\n forward . tls://192.0.2.1 tls://fd00::1 {\n tls\n tls_servername b.org\n policy round_robin\n next NXDOMAIN SERVFAIL\n }\n cache {\n disable success\n serve_stale\n }\n"
	" log . \"{type} {>id}\" {\n sample 0.5\n }\n errors stdout {\n consolidate 10s a.b\n stacktrace\n }\n}\n",
	"b.org:5300 [fd00::7]:54 {\n bind eth0 {\n except fe80::1\n }\n ready {\n monitor continuously\n }\n health\n prometheus\n dnstap /run/x full\n loadbalance round_robin\n nsid\n cache 9\n}\n",
	"a.org,b.org c.org,10.0.0.0/15, d.org {\n forward . 192.0.2.1\n}\n",
	"# nothing\n",
	"cluster.local {\n search_path {\n cluster\n autopath\n }\n forward . 192.0.2.1\n}\n",
};

/* Words as they may be written, for octets. */
static const char *const written[] = {
	"(s) {\n log \"a \\\"b\\\" c\"\n}\n\n# note\na.org {\n import s # twice\n import s\n bind {$IP} {%IP%}\n forward . {$IP}:54\n nsid {$NO}x{$REF}\n}\n",
	"\xef\xbb\xbf" "a.org:53 , b.org\\\\x {\r\n\terrors\r\n template IN TXT {\n answer \"{{ .Name }} 5 IN TXT \\\"a;b\\\" c\"\r\n }\n}\n",
	"dns://c.org 10.1.2.0/23 fd00::/12 {\n hosts /h {\n fd00::1 h.org # x\n 10.0.0.1\tH.org g\n }\n template ANY ANY {\n rcode NXDOMAIN\n }\n}\n",
	"a.org {\n import x*\n template IN A {\n answer \"{{ if eq .Name \\\"x.\\\" }}x 1 IN A 1.2.3.4{{ else }}{{ printf \\\"%s\\\" .Name }} 1 IN A 1.2.3.5{{ end }}\"\n }\n}\n",
	". {\n template IN ANY {\n answer \"{{ .Name }} 1 IN SOA a. b. (1 2 3 4 5)\"\n answer \"x. 1 IN CAA 0 issue y\"\n additional \"x. 1 IN TYPE65 \\# 3 0a0B0c\"\n"
	" authority \"x. 1 IN SRV 1 2 3 a.b.\"\n additional \"x. 1 IN NAPTR 1 2 a b c .\"\n }\n}\n",
};

/* --- the machine that they are read on --- */

static int file_read(void *ctx, const char *path, bool secret, char **ret_text, size_t *ret_len, struct diag *d)
{
	static const char *const files[][2] = {
		{"/h", "10.0.0.1 a.example.org b\nfd00::1 a.example.org\n"},
		{"/w", "x.example.org\n192.0.2.1 1\n192.0.2.2 98\n"},
		{"/etc/resolv.conf", "nameserver 192.0.2.53\nnameserver fd00::53\n"},
	};

	(void)ctx, (void)secret;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(path, files[i][0]) == 0) {
			*ret_text = strdup(files[i][1]);
			*ret_len = strlen(files[i][1]);
			return 0;
		}
	return diag_set(d, ERR_SYS, "%s: No such file or directory", path);
}

static int nothing_found(void *ctx, const char *pattern, char **ret)
{
	(void)ctx, (void)pattern, (void)ret;
	return 3; /* GLOB_NOMATCH */
}

/* --- what becomes of one --- */

static void forward_tell(FILE *to, const struct core_forward *f)
{
	char from[NAME_MAX_TEXT], domain[NAME_MAX_TEXT];

	name_to_text(f->from.b, from, sizeof(from));
	name_to_text(f->health_domain.b, domain, sizeof(domain));
	fprintf(to, " forward %s", from);
	for (size_t i = 0; i < f->n_to; i++)
		fprintf(to, " %u", f->to[i]);
	for (size_t i = 0; i < f->n_except; i++) {
		name_to_text(f->except[i].b, from, sizeof(from));
		fprintf(to, " but %s", from);
	}
	fprintf(to, " %d%d %d %u %lu %d %s %lu %u %lu %lu %x %x %d%d %lu %lu %u", f->force_tcp, f->prefer_udp, (int)f->policy,
		f->max_fails, f->health_ns, f->health_no_rec, domain, f->max_concurrent, f->max_connect_attempts,
		f->read_timeout_ns, f->budget_ns, f->failover_rcodes, f->next_rcodes, f->next_on_nodata,
		f->failfast_all_unhealthy, f->max_age_ns, f->expire_ns, f->hedge_percent);
}

static void names_tell(FILE *to, const char *what, const struct name *name, size_t n)
{
	char text[NAME_MAX_TEXT];

	for (size_t i = 0; i < n; i++) {
		name_to_text(name[i].b, text, sizeof(text));
		fprintf(to, " %s %s", what, text);
	}
}

static void zone_tell(FILE *to, const struct core_zone *z)
{
	const struct core_cache_conf *c = &z->cache;

	names_tell(to, "zone", &z->origin, 1);
	fprintf(to, " %lx %u %s %d%d%d%d%d%d%d%d %s %u %lx %zu", z->listeners, z->block, z->label_zones, z->has_metrics, z->has_errors,
		z->has_log, z->is_cluster, z->shield_off, z->shield_trusts, z->autopath, z->cookies, z->nsid ? z->nsid : "-",
		z->bufsize, z->answers_digest, z->n_steps);
	fprintf(to, " cache %d %u %u %u %u %d%d %u %u %u %lu %u %d%d %lu %lu %u %lu %lu %d%d%d", c->enabled, c->pos_max_s, c->pos_min_s,
		c->neg_max_s, c->neg_min_s, c->pos_min_set, c->neg_min_set, c->pos_capacity, c->neg_capacity, c->prefetch_hits,
		c->prefetch_window_ns, c->prefetch_percent, c->stale_enabled, c->stale_verify, c->stale_ns,
		c->stale_verify_timeout_ns, c->stale_ttl_s, c->stale_recheck_ns, c->servfail_ns, c->keepttl, c->pos_disabled,
		c->neg_disabled);
	names_tell(to, "only", c->only, c->n_only);
	names_tell(to, "no-pos", c->no_pos, c->n_no_pos);
	names_tell(to, "no-neg", c->no_neg, c->n_no_neg);
	for (size_t i = 0; i < z->n_forward; i++)
		forward_tell(to, &z->forward[i]);
	fprintf(to, "\n");
}

static void addr_tell(FILE *to, const struct corefile_addr *a)
{
	if (a->set)
		fprintf(to, " %s %u", a->text, a->port);
}

static void block_tell(FILE *to, const struct corefile_block *b)
{
	fprintf(to, "block %s %s:%u %lx", b->label, b->file, b->line, b->listeners);
	addr_tell(to, &b->health);
	addr_tell(to, &b->ready);
	addr_tell(to, &b->prometheus);
	fprintf(to, " %lu %d%d%d%d %lu %lu %lu %ld", b->lameduck_ns, b->ready_continuously, b->has_errors, b->loop, b->debug,
		b->tcp_read_ns, b->tcp_write_ns, b->tcp_idle_ns, b->tcp_max_queries);
	for (size_t i = 0; i < b->n_consolidate; i++)
		fprintf(to, " consolidate %lu %s %d %d", b->consolidate[i].period_ns, b->consolidate[i].pattern,
			(int)b->consolidate[i].level, b->consolidate[i].show_first);
	for (size_t i = 0; i < b->n_logs; i++) {
		fprintf(to, " log %s %u %g", b->log[i].format, b->log[i].classes, b->log[i].sample);
		names_tell(to, "of", b->log[i].name, b->log[i].n_names);
	}
	if (b->dnstap.target)
		fprintf(to, " dnstap %s %d%d %s %s %s", b->dnstap.target, b->dnstap.is_tcp, b->dnstap.full, b->dnstap.identity,
			b->dnstap.version, b->dnstap.extra);
	for (size_t i = 0; i < b->n_plugins; i++)
		fprintf(to, " %s", b->plugin[i]);
	fprintf(to, "\n");
}

/* As one number: what it is of is printed where the number is another. */
static void plan_tell(FILE *to, const struct corefile_plan *p)
{
	for (size_t i = 0; i < p->conf.n_listeners; i++)
		fprintf(to, "listener %s\n", p->conf.listener[i].label);
	for (size_t i = 0; i < p->conf.n_upstreams; i++)
		fprintf(to, "upstream %s %u %s %s %s %s\n", p->conf.upstream[i].label, p->conf.upstream[i].transport,
			p->conf.upstream[i].tls_name ? p->conf.upstream[i].tls_name : "-",
			p->upstream[i].tls_cert ? p->upstream[i].tls_cert : "-", p->upstream[i].tls_key ? p->upstream[i].tls_key : "-",
			p->upstream[i].tls_ca ? p->upstream[i].tls_ca : "-");
	for (size_t i = 0; i < p->conf.n_zones; i++)
		zone_tell(to, &p->conf.zone[i]);
	for (size_t i = 0; i < p->n_blocks; i++)
		block_tell(to, &p->block[i]);
}

static void notes_tell(FILE *to, const struct cf_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		fprintf(to, "%s%s", r->note[i].is_error ? "" : "warning: ", r->note[i].text), fputs(" | ", to);
	fprintf(to, "%zu", r->n_errors);
}

/* One line; `*ret_plan` is the plan as text. */
static char *told(const char *text, char **ret_plan)
{
	struct corefile_env e = test_env();
	struct corefile_plan *p = NULL;
	struct cf_report *compiled = NULL;
	struct corefile *c;
	struct diag d = {""};
	char *line = NULL;
	size_t len = 0, plan_len = 0;
	FILE *to = open_memstream(&line, &len), *plan = open_memstream(ret_plan, &plan_len);

	e.read_file = file_read;
	e.glob_files = nothing_found;
	e.lint = true;
	if (corefile_parse_text(&c, "f", text, strlen(text), &e, &d) != 0) {
		fprintf(to, "%s", d.text);
	} else {
		notes_tell(to, c->report);
		if (c->report->n_errors == 0)
			cf_compile_report(&p, c, &e, &compiled);
		if (compiled) {
			fputs(", ", to);
			notes_tell(to, compiled);
		}
		if (p)
			plan_tell(plan, p);
		corefile_plan_free(p);
		corefile_free(c);
	}
	fclose(plan);
	if (plan_len) {
		struct hash_key key = {1, 2};

		fprintf(to, ", plan %016lx", hash_sip13(&key, *ret_plan, plan_len));
	}
	fclose(to);
	return line;
}

/* --- faults --- */

enum { AS_IT_IS, LEFT_OUT, TWICE, ANOTHER, JOINED, A_NUMBER, BRACE, DOTS, FAULTS };
static const char *const fault_names[] = {"as it is", "without", "twice", "another for", "joined", "a number for", "a brace behind", "dots in"};

/* The word that begins at `at` is broken so. */
static void fault_make(char *to, size_t cap, const char *text, size_t at, size_t len, int fault)
{
	int n = snprintf(to, cap, "%.*s", (int)at, text);
	const char *word = text + at, *rest = word + len;

	switch (fault) {
	case LEFT_OUT:
		break;
	case TWICE:
		n += snprintf(to + n, cap - (size_t)n, "%.*s %.*s", (int)len, word, (int)len, word);
		break;
	case ANOTHER:
		n += snprintf(to + n, cap - (size_t)n, "x%.*sx", (int)len, word);
		break;
	case JOINED:
		n += snprintf(to + n, cap - (size_t)n, "%.*s,", (int)len, word);
		break;
	case A_NUMBER:
		n += snprintf(to + n, cap - (size_t)n, "-1");
		break;
	case BRACE:
		n += snprintf(to + n, cap - (size_t)n, "%.*s {\n", (int)len, word);
		break;
	case DOTS:
		n += snprintf(to + n, cap - (size_t)n, "%.*s..%.*s", (int)(len + 1) / 2, word, (int)len / 2, word + (len + 1) / 2);
		break;
	default:
		n += snprintf(to + n, cap - (size_t)n, "%.*s", (int)len, word);
	}
	n += snprintf(to + n, cap - (size_t)n, "%s", rest);
	cr_assert_lt((size_t)n, cap);
}

/* The octet at `at` is left out, or another. */
static void octet_make(char *to, const char *text, size_t at, unsigned fault)
{
	static const char others[] = "{}\\#.,:-9a{`\r(%";

	strcpy(to, text);
	switch (fault) {
	case 0:
		memmove(to + at, to + at + 1, strlen(to + at));
		break;
	case 1:
		to[at] = '"';
		break;
	case 2:
		to[at] = '\n';
		break;
	default:
		to[at] = others[at % (sizeof(others) - 1)];
	}
}
enum { OCTET_FAULTS = 4 };

/* Of all octets of a text with such a fault. */
static uint64_t odd_number(const char *text, unsigned fault, bool is_printed)
{
	char broken[4096];
	uint64_t number = 0;

	for (size_t at = 0; text[at]; at++) {
		char *plan = NULL, *line;
		struct hash_key key = {number, at};

		octet_make(broken, text, at, fault);
		line = told(broken, &plan);
		number = hash_sip13(&key, line, strlen(line));
		if (is_printed)
			fprintf(stderr, "%zu %016lx: %s\n", at, number, line);
		free(line);
		free(plan);
	}
	return number;
}

Test(corefile_told, each_octet_of_good_ones_broken, .timeout = 120)
{
	enum { N = sizeof(texts) / sizeof(texts[0]), N_WRITTEN = sizeof(written) / sizeof(written[0]) };
	const char *which = getenv("ODD");
	FILE *f = fopen(ODD, getenv("GOLDEN_UPDATE") ? "w" : "r");

	cr_assert(f, "%s", ODD);
	for (unsigned i = 0; i < (N + N_WRITTEN) * OCTET_FAULTS; i++) {
		unsigned t = i / OCTET_FAULTS, number = 0;
		unsigned long want = 0, got;

		got = odd_number(t < N ? texts[t] : written[t - N], i % OCTET_FAULTS, which && strtoul(which, NULL, 10) == i);
		if (getenv("GOLDEN_UPDATE"))
			fprintf(f, "%u %016lx\n", i, got);
		else
			cr_expect(fscanf(f, "%u %lx", &number, &want) == 2 && number == i && want == got, "text %u, fault %u (ODD=%u)", t,
				  i % OCTET_FAULTS, i);
	}
	fclose(f);
}

static FILE *golden;
static unsigned n_others;

static void compare(size_t i, size_t at, size_t len, int fault, const char *text)
{
	char *plan = NULL, *line = told(text, &plan), *got = NULL, *want = NULL;
	size_t cap = 0;
	ssize_t n;

	cr_assert_geq(asprintf(&got, "%zu %zu %s %.*s: %s", i, at, fault_names[fault], (int)len, texts[i] + at, line), 0);
	for (char *p = got; *p; p++)
		if (*p == '\n')
			*p = '~';
	if (getenv("GOLDEN_UPDATE")) {
		fprintf(golden, "%s\n", got);
	} else {
		n = getline(&want, &cap, golden);
		if (n > 0 && want[n - 1] == '\n')
			want[n - 1] = 0;
		if (n < 0 || strcmp(want, got) != 0) {
			n_others++;
			cr_log_error("told: %s\n was: %s\n plan: %s\n", got, n < 0 ? "nothing" : want, plan);
		}
	}
	free(want);
	free(got);
	free(line);
	free(plan);
}

Test(corefile_told, each_word_of_good_ones_broken, .timeout = 120)
{
	char text[4096];

	golden = fopen(GOLDEN, getenv("GOLDEN_UPDATE") ? "w" : "r");
	cr_assert(golden, "%s", GOLDEN);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && n_others < 10; i++) {
		compare(i, 0, 0, AS_IT_IS, texts[i]);
		for (size_t at = 0; texts[i][at] && n_others < 10;) {
			size_t len = strcspn(texts[i] + at, " \n");

			for (int fault = LEFT_OUT; len && fault < FAULTS; fault++) {
				fault_make(text, sizeof(text), texts[i], at, len, fault);
				compare(i, at, len, fault, text);
			}
			at += len + (texts[i][at + len] != 0);
		}
	}
	if (!getenv("GOLDEN_UPDATE"))
		cr_assert_eq(fgetc(golden), EOF, "fewer than were known");
	fclose(golden);
	cr_assert_eq(n_others, 0);
}
