/* SPDX-License-Identifier: Apache-2.0 */
/* The three state machines against schedules measured on the real resolvers. */
#include "tests/fixtures/stub_world.h"

static bool show(char what)
{
	return strchr(w.row->show, what);
}

static bool same_instant(const struct sent *a, const struct sent *b)
{
	return a->t == b->t && a->name == b->name && a->tcp == b->tcp &&
	       (w.row->lib != SCEN_MUSL || a->port == b->port);
}

static bool out_of_order(const struct sent *a, const struct sent *b)
{
	if (show('t') && a->type != b->type)
		return a->type > b->type;
	return a->server > b->server;
}

static void trace_sort(void)
{
	if (w.row->lib == SCEN_GLIBC)
		return;
	for (size_t i = 1; i < w.n_sent; i++)
		for (size_t j = i; j > 0 && same_instant(&w.sent[j - 1], &w.sent[j]) &&
				   out_of_order(&w.sent[j - 1], &w.sent[j]);
		     j--) {
			struct sent s = w.sent[j];

			w.sent[j] = w.sent[j - 1];
			w.sent[j - 1] = s;
		}
}

static void trace_print(char *text, size_t cap, bool search)
{
	FILE *f = fmemopen(text, cap, "w");

	trace_sort();
	for (size_t i = 0; i < w.n_sent; i++) {
		const struct sent *s = &w.sent[i];

		fprintf(f, "%s%.4g:", i ? " " : "", (double)(int64_t)(s->t * 1000 + 0.5) / 1000);
		if (show('s'))
			fprintf(f, "%u", s->server);
		if (show('p'))
			fprintf(f, "/%u", s->port);
		fprintf(f, "%s", s->tcp ? "+" : "");
		if (search)
			fputc(s->name, f);
		if (show('t'))
			fprintf(f, "%s", s->type == DNS_A ? "A" : "AAAA");
	}
	fclose(f);
}

static void row_run(const struct schedule *row)
{
	const char *name = strstr(row->server, "db.prod") ? "db.prod" : "www.example.com";
	char sends[4000] = "", calls[400] = "";
	struct stub_thread t = {0};
	struct stub_conf c;
	struct rng rng;

	rng_seed(&rng, 1);
	world_setup(row);
	conf_setup(&c, row);
	for (const char *p = row->calls; p; p = strchr(p + 1, ',')) {
		uint64_t start = w.now;
		struct stub_outcome out;
		size_t n = strlen(calls);

		call_run(&c, &t, &rng, name, &out);
		snprintf(calls + n, sizeof(calls) - n, "%s%.4g %s%s%s", n ? ", " : "",
			 (double)(w.now - start) / NS_PER_S, out.result == STUB_OK ? "ok" : "fail",
			 out.have_a ? " A" : "", out.have_aaaa ? " AAAA" : "");
		cr_expect_eq(out.partial, out.result == STUB_OK && out.have_a != out.have_aaaa);
	}
	trace_print(sends, sizeof(sends), c.n_search > 0);
	if (!has(row->server, "refused"))
		cr_expect_str_eq(sends, row->sends, "%d %s:\n got %s\nwant %s", row->lib,
				 row->title, sends, row->sends);
	cr_expect_str_eq(calls, row->calls, "%d %s: got %s, want %s", row->lib, row->title, calls,
			 row->calls);
}

static void lib_run(enum scen_stub lib)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(schedules) / sizeof(schedules[0]); i++) {
		if (schedules[i].lib != lib)
			continue;
		row_run(&schedules[i]);
		n++;
	}
	cr_assert_eq(n, 26);
}

Test(stub, glibc_does_as_measured)
{
	lib_run(SCEN_GLIBC);
}

Test(stub, musl_does_as_measured)
{
	lib_run(SCEN_MUSL);
}

Test(stub, go_does_as_measured)
{
	lib_run(SCEN_GO);
	/* and takes a new port for every query: the last row with sends */
	row_run(&schedules[sizeof(schedules) / sizeof(schedules[0]) - 2]);
	for (size_t i = 0; i < w.n_sent; i++)
		for (size_t j = 0; j < i; j++)
			cr_assert_neq(w.sent[i].port, w.sent[j].port);
}
