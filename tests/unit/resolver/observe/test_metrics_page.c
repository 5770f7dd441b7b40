/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole page, line by line: two workers that have counted a different number of everything,
 * blocks whose outermost plugins differ, and what the supervisor counts. Each number of the
 * page is where it belongs, or its line differs from tests/golden/metrics/page.
 * GOLDEN_UPDATE=1 writes that file anew; its difference in git is read before it is committed.
 */
#include "resolver/observe/metrics.h"

#include <stdlib.h>

#include "lib/base/file.h"
#include "tests/fixtures/corefile_util.h"

#define FWD " forward . 192.0.2.1\n prometheus\n bind 127.0.0.1\n"
static const char corefile[] =
	"balanced.test {\n loadbalance\n cache\n errors\n loop\n health\n" FWD "}\n"
	"cached.test also.test {\n cache\n rewrite name a.test b.test\n loop\n reload\n" FWD "}\n"
	"rewritten.test {\n rewrite name a.test b.test\n template IN A {\n answer \"{{ .Name }} 60 IN A 10.0.0.1\"\n }\n" FWD "}\n"
	"templated.test {\n template IN A {\n answer \"{{ .Name }} 60 IN A 10.0.0.1\"\n }\n hosts {\n 10.0.0.1 a.templated.test\n fallthrough\n }\n" FWD "}\n"
	"hosted.test {\n hosts {\n 10.0.0.1 a.hosted.test\n 10.0.0.2 b.hosted.test\n fallthrough\n }\n" FWD "}\n"
	"forwarded.test {\n log\n" FWD "}\n"
	"who.test {\n whoami\n prometheus\n bind 127.0.0.1\n}\n"
	"hidden.test {\n cache\n forward . 192.0.2.1\n bind 127.0.0.1\n}\n"
	"there.test {\n cache\n forward . 192.0.2.1\n prometheus\n bind 127.0.0.2\n}\n";
static const char *const zone[] = {"balanced.test.", "cached.test.", "also.test.", "rewritten.test.", "templated.test.",
				   "hosted.test.", "forwarded.test.", "who.test.", "hidden.test.", "dropped",
				   "of a \"former\" one\\\n", "there.test."};
enum { ROWS = sizeof(zone) / sizeof(zone[0]) };

static void count_up(void *from, const void *end, uint64_t *n)
{
	for (uint64_t *at = from; at < (const uint64_t *)end; at++)
		*at = (*n)++;
}

/* The rows in another order, for each worker has its own; the last row and upstream counted nothing. */
static struct core_stats *worker(const struct corefile_plan *p, unsigned turn, uint64_t n)
{
	struct core_stats *s = calloc(1, sizeof(*s));

	count_up(s, &s->n_servers, &n);
	s->n_servers = ROWS;
	for (uint32_t k = 0; k < ROWS; k++) {
		uint32_t i = (k + turn) % ROWS;
		struct stats_server *r = &s->server[k];

		r->key = 100 + i;
		snprintf(r->server, sizeof(r->server), "%s", p->conf.listener[i == ROWS - 1].label);
		snprintf(r->zone, sizeof(r->zone), "%s", zone[i]);
		snprintf(r->zones, sizeof(r->zones), "%s", i == 1 || i == 2 ? "cached.test.,also.test." : zone[i]);
		if (i == 9)
			r->zones[0] = 0;
		r->block = (uint16_t)i;
		s->block_entries[i][0] = n++;
		s->block_entries[i][1] = n++;
		if (i < 2 || i == 8) /* of the others what tells them apart */
			count_up(r->requests, r->cache_entries, &n);
		else if (i < ROWS - 1)
			r->responses[i] = r->requests[i & 1][i >> 1 & 1][STATS_TYPES] = r->cache_hits_success = r->cache_requests = n++;
	}
	s->n_upstreams = 3;
	for (uint32_t k = 0; k < 3; k++) {
		struct stats_upstream *u = &s->upstream[k];

		u->key = 7 + (k + turn) % 3;
		snprintf(u->to, sizeof(u->to), "192.0.2.%u:53", (unsigned)u->key);
		if (u->key < 9)
			count_up(u->asks, u + 1, &n);
		if (u->key == 7)
			count_up(&u->duration[k], &u->duration[k + 1], &n);
	}
	for (int what = STATS_TEMPLATE_MATCH; what <= STATS_DNS64; what++) {
		struct stats_event e = {.what = (uint8_t)what, .server = "dns://[fd00::a]:53", .zone = "z\"z.", .type = "A",
					.rclass = "IN", .section = "answer", .text = "\\"};

		stats_event_add(s, &e, n++);
	}
	return s;
}

static void driver_fill(struct metrics_driver *m, uint64_t n)
{
	char *hash = m->reload_hash;

	count_up(m, hash, &n);
	memset(hash, 'a', 64);
	hash[64] = 0;
	count_up(&m->worker_restarts, m + 1, &n);
}

static char *page_make(const struct metrics_input *in, size_t *len)
{
	char *page = NULL;
	FILE *f = open_memstream(&page, len);

	metrics_write(in, f);
	fclose(f);
	char *process = strstr(page, "# HELP process_");

	cr_assert(process, "those come last");
	*len = (size_t)(process - page);
	*process = 0;
	return page;
}

static void golden_compare(const char *name, char *page, size_t len)
{
	char path[200], *want;
	struct diag d;
	unsigned line = 1;

	snprintf(path, sizeof(path), "tests/golden/metrics/%s", name);
	if (getenv("GOLDEN_UPDATE"))
		cr_assert_eq(file_write_atomic(path, page, len, &d), 0, "%s", d.text);
	cr_assert_eq(file_read(path, 1 << 20, &want, NULL, &d), 0, "%s", d.text);
	for (char *a = page, *b = want; *a || *b; line++) {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

		cr_assert(n == m && memcmp(a, b, n) == 0, "%s:%u: %.*s\nis now: %.*s", path, line, (int)m, b, (int)n, a);
		a += n + (a[n] == '\n');
		b += m + (b[m] == '\n');
	}
	free(want);
}

Test(metrics_page, every_number_is_where_it_belongs)
{
	static const uint64_t errors[NODE_ERRORS] = {1, 2, 3, 4, 5};
	static struct node_counters counters;
	static struct metrics_driver driver;
	static struct loopcheck_shared loops = {.n_found = 1};
	struct corefile_plan *p = plan_of(corefile);
	struct core_stats *const stats[] = {worker(p, 0, 1), worker(p, 5, 1000000)};
	uint64_t n = 1;
	size_t len;

	cr_assert_eq(p->conf.n_listeners, 2);
	for (int path = 0; path < NODE_PATHS; path++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			counters.packets[path][tcp] = n++;
			counters.bytes[path][tcp] = n++;
		}
	}
	snprintf(loops.found[0].zone, sizeof(loops.found[0].zone), "cached.test.");
	driver_fill(&driver, 1);
	char *page = page_make(&(struct metrics_input){.plan = p, .n_stats = 2, .stats = (const struct core_stats *const *)stats,
						       .driver = &driver, .setup_errors = errors, .loops = &loops,
						       .counters = &counters, .version = "v1 \"x\""}, &len);

	golden_compare("page", page, len);
	free(page);
	free(stats[0]);
	free(stats[1]);
	corefile_plan_free(p);
}

/* Before anything is configured or counted: no series of what there is not. */
Test(metrics_page, of_nothing)
{
	size_t len;
	char *page = page_make(&(struct metrics_input){0}, &len);

	golden_compare("page-of-nothing", page, len);
	free(page);
}
