/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs scenario files over the core on a virtual clock and prints TAP: one
 * result a file. A file is: configuration (config.h, corefile.h), then lines `at TIME act`
 * (act.h) and `expect ...` (expect.h). Times never go back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/scenario/act.h"
#include "tests/scenario/config.h"
#include "tests/scenario/corefile.h"
#include "tests/scenario/disturb.h"
#include "tests/scenario/expect.h"
#include "tests/scenario/transcript.h"

/* Clocks do not begin with a scenario: a node has been up for a while. */
#define START_NS (1000000 * NS_PER_S)

static void line_run(struct world *w)
{
	struct script *s = &w->s;

	if (config_line(w))
		return;
	if (!w->d.core)
		world_start(w);
	if (s->failed)
		return;
	if (word_is(s, "at")) {
		uint64_t t_ns = START_NS + duration_next(s, "a time");

		if (t_ns < w->d.now_ns)
			script_fail(s, "time goes back");
		else
			world_pass(w, t_ns);
		act_line(w);
	} else if (word_is(s, "expect")) {
		if (w->disturb && !w->disturb->is_gentle)
			s->at = s->n;
		else
			expect_line(w);
	} else {
		script_fail(s, "'%s': a line starts with at, expect, or is configuration",
			    s->word[0]);
	}
	if (word_left(s))
		script_fail(s, "'%s' is too much", s->word[s->at]);
}

/* Nobody waits for ever, and nothing stays behind. */
static void drained(struct world *w)
{
	w->is_over = true;
	world_pass(w, w->d.now_ns + 60 * NS_PER_S);
	if (w->d.n_parked)
		script_fail(&w->s, "%zu queries had no reply", w->d.n_parked);
	if (w->stats->inflight || w->stats->waiters || w->stats->clients)
		script_fail(&w->s, "a minute later: %lu questions, %lu waiters, %lu clients",
			    (unsigned long)w->stats->inflight, (unsigned long)w->stats->waiters,
			    (unsigned long)w->stats->clients);
}

enum keep { COMPARED, WRITTEN, SHOWN }; /* transcripts (transcript.h) */

static void over(struct world *w, enum keep keep)
{
	if (!w->disturb || w->disturb->is_gentle)
		expect_nothing(w);
	transcript_entries(w);
	if (!w->s.failed && w->d.core)
		drained(w);
	if (w->s.failed || !w->transcript)
		return;
	transcript_counters(w);
	if (keep == WRITTEN)
		transcript_write(w);
	else if (keep == COMPARED)
		transcript_compare(w);
}

/* True when the file holds what it says; otherwise `why` has the first breach. */
static bool file_run(const char *path, uint64_t seed, enum keep keep, char *why, size_t cap)
{
	struct world *w = calloc(1, sizeof(*w));
	FILE *f = fopen(path, "r");
	bool ok;

	w->stats = calloc(1, sizeof(*w->stats));
	w->s.path = path;
	w->d.now_ns = START_NS;
	if (seed)
		disturb_start(w, seed);
	else
		transcript_start(w);
	if (!f)
		script_fail(&w->s, "cannot be read");
	while (!w->s.failed && fgets(w->s.text, sizeof(w->s.text), f)) {
		w->s.line++;
		script_split(&w->s);
		if (w->s.n == 1 && strcmp(w->s.word[0], "corefile") == 0)
			config_corefile_read(w, f);
		else if (w->s.n && !w->s.failed)
			line_run(w);
		if (w->disturb)
			disturb_line(w);
		transcript_due(w);
	}
	if (!w->s.failed)
		over(w, keep);
	if (keep == SHOWN)
		transcript_print(w);
	if (f)
		fclose(f);
	ok = !w->s.failed;
	snprintf(why, cap, "%s", w->s.why);
	world_free(w);
	return ok;
}

/* run FILE...
 * run transcripts FILE...          writes what else came out, for `run` to compare (transcript.h)
 * run show FILE...                 prints that, up to the line that fails
 * run reload FILE...               the same, reloaded gently
 * run disturb FIRST LAST FILE...   each file once a seed */
int main(int argc, char **argv)
{
	bool disturbs = argc > 3 && strcmp(argv[1], "disturb") == 0;
	bool reloads = argc > 1 && strcmp(argv[1], "reload") == 0;
	bool writes = argc > 1 && strcmp(argv[1], "transcripts") == 0;
	bool shows = argc > 1 && strcmp(argv[1], "show") == 0;
	enum keep keep = writes ? WRITTEN : shows ? SHOWN : COMPARED;
	uint64_t first = disturbs ? strtoull(argv[2], NULL, 10) : reloads ? DISTURB_GENTLY : 0;
	uint64_t last = disturbs ? strtoull(argv[3], NULL, 10) : first;
	int failed = 0, at = disturbs ? 3 : reloads || writes || shows;
	const char *how = disturbs ? " disturbed" : reloads ? " reloaded" : "";
	char why[1024];

	printf("1..%d\n", argc - 1 - at);
	for (int i = at + 1; i < argc; i++) {
		const char *name = strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i];
		uint64_t seed = first;
		bool ok = file_run(argv[i], seed, keep, why, sizeof(why));

		while (ok && seed++ < last)
			ok = file_run(argv[i], seed, keep, why, sizeof(why));
		printf("%s %d - %s%s\n", ok ? "ok" : "not ok", i - at, name, how);
		if (!ok && disturbs)
			printf("# seed %lu\n", (unsigned long)seed);
		for (char *l = ok ? NULL : strtok(why, "\n"); l; l = strtok(NULL, "\n"))
			printf("# %s\n", l);
		failed += !ok;
		fflush(stdout);
	}
	return failed > 0;
}
