/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of a scenario's `at` lines, and what each does to the core. */
#include "tests/scenario/act.h"

#include <stdio.h>
#include <string.h>

#include "tests/scenario/config.h"
#include "tests/scenario/disturb.h"

static void act_reconfigure(struct world *w)
{
	struct diag d = {""};

	config_complete(w);
	if (driver_reconfigure(&w->d, &w->conf, &d) < 0)
		script_fail(&w->s, "reconfigure: %s", d.text);
	for (size_t i = 0; i < w->n_sent; i++)
		w->sent[i].is_done = true; /* void */
	if (w->disturb)
		disturb_learn(w);
}

/* The cache goes on in a new core, as at a hand-over. */
static void act_handover(struct world *w)
{
	struct core *old = w->d.core;
	struct core_entry e;
	size_t cursor = 0;

	world_start(w);
	while (!w->s.failed && core_entry_next(old, &cursor, &e))
		if (core_entry_put(w->d.core, w->d.now_ns, &e) < 0)
			script_fail(&w->s, "an entry was not taken over");
	core_free(old);
}

/* The words behind `times N`, so often, with % replaced by 0, 1, ... */
static void act_times(struct world *w)
{
	struct script *s = &w->s;
	uint64_t n = number_next(s, "how many");
	char *word[WORDS_MAX], text[WORDS_MAX][128];
	unsigned at = s->at;

	memcpy(word, s->word, sizeof(word));
	for (uint64_t i = 0; i < n && !s->failed; i++) {
		for (unsigned k = at; k < s->n; k++) {
			const char *percent = strchr(word[k], '%');

			if (!percent)
				continue;
			snprintf(text[k], sizeof(text[k]), "%.*s%lu%s", (int)(percent - word[k]),
				 word[k], (unsigned long)i, percent + 1);
			s->word[k] = text[k];
		}
		s->at = at;
		act_line(w);
	}
	memcpy(s->word, word, sizeof(word));
}

void act_line(struct world *w)
{
	struct script *s = &w->s;

	if (!word_left(s))
		return;
	if (word_is(s, "times")) {
		act_times(w);
		return;
	}
	if (word_is(s, "ask"))
		act_ask(w);
	else if (word_is(s, "flood"))
		act_flood(w);
	else if (word_is(s, "fill"))
		act_fill(w);
	else if (word_is(s, "raw"))
		act_raw(w);
	else if (word_is(s, "answer"))
		act_answer(w);
	else if (word_is(s, "fail"))
		act_fail(w);
	else if (word_is(s, "refuse"))
		act_refuse(w);
	else if (word_is(s, "reconfigure"))
		act_reconfigure(w);
	else if (word_is(s, "handover"))
		act_handover(w);
	else if (!word_is(s, "tick"))
		script_fail(s, "'%s' is nothing that can happen", s->word[s->at]);
	if (w->d.core)
		world_settle(w);
}
