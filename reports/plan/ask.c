/* SPDX-License-Identifier: Apache-2.0 */
/* Options, prompts and defaults of the questions. */
#include "reports/plan/ask.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DEF(id, option, words, unit, usual, low, high, vary, by, asked) \
	{ option, words, unit, usual, low, high, VARY_##vary, by, asked },
#define WORD_DEF(id, option, words, usual, others, asked) { option, words, usual, others, asked },
const struct plan_number_def plan_numbers[PN_COUNT] = { PLAN_NUMBERS(NUMBER_DEF) };
const struct plan_word_def plan_words[PW_COUNT] = { PLAN_WORDS(WORD_DEF) };

void plan_input_init(struct plan_input *in)
{
	*in = (struct plan_input){ 0 };
	for (int i = 0; i < PN_COUNT; i++)
		in->number[i] = NAN;
}

static int check_number(int i, double v, const char *what, struct diag *d)
{
	const struct plan_number_def *q = &plan_numbers[i];
	if (!(v >= q->low && v <= q->high))
		return diag_set(d, ERR_RANGE, "%s%s: expected %g to %g, got %g", what, q->option, q->low, q->high, v);
	if (q->low == 1 && v != floor(v)) /* things that are counted */
		return diag_set(d, ERR_RANGE, "%s%s: expected a whole number of %s, got %g", what, q->option, q->unit, v);
	return 0;
}

/* Of two answers given, one forbids the other. */
static int check_together(const struct plan_input *in, const char *what, struct diag *d)
{
	double delay = in->number[PN_DELAY], tail = in->number[PN_TAIL];
	double median = isnan(delay) ? plan_numbers[PN_DELAY].usual : delay;
	if (!isnan(tail) && tail < median)
		return diag_set(d, ERR_RANGE, "%s%s: the 99th percentile, %g us, is less than the median, %g us", what, plan_numbers[PN_TAIL].option,
				tail, median);
	return 0;
}

/* As the model reads it. */
static bool is_kernel(const char *word)
{
	unsigned major, minor;
	char rest;
	return sscanf(word, "%u.%u%c", &major, &minor, &rest) == 2 && major >= 3 && major <= 99 && minor <= 255;
}

static bool one_of(const char *word, const char *list)
{
	size_t len = strlen(word);
	for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
		if (strcspn(p, " ") == len && !strncmp(p, word, len))
			return true;
	return false;
}

static int check_word(int i, const char *word, const char *what, struct diag *d)
{
	const struct plan_word_def *q = &plan_words[i];
	if (*q->others && strcmp(word, q->usual) != 0 && !one_of(word, q->others))
		return diag_set(d, ERR_UNKNOWN, "%s%s: expected one of %s %s, got %s", what, q->option, q->usual, q->others, word);
	if (strlen(word) >= 32 || word[strcspn(word, "\n\"'\\")])
		return diag_set(d, ERR_SYNTAX, "%s%s: expected a plain word", what, q->option);
	if (i == PW_KERNEL && !is_kernel(word))
		return diag_set(d, ERR_SYNTAX, "%s%s: expected a kernel's version such as 6.1, got %s", what, q->option, word);
	return 0;
}

int plan_input_check(struct plan_input *in, struct diag *d)
{
	int rc = 0;
	for (int i = 0; i < PN_COUNT && !rc; i++) {
		if (isnan(in->number[i]))
			continue;
		in->from[i] = "option";
		rc = check_number(i, in->number[i], "--", d);
	}
	for (int i = 0; i < PW_COUNT && !rc; i++) {
		if (!in->word[i])
			continue;
		in->word_from[i] = "option";
		rc = check_word(i, in->word[i], "--", d);
	}
	return rc ? rc : check_together(in, "--", d);
}

/* A line without its end, or NULL at the end of input. */
static char *read_line(char *buf, size_t size)
{
	fflush(stdout);
	if (!fgets(buf, (int)size, stdin))
		return NULL;
	buf[strcspn(buf, "\r\n")] = 0;
	return buf;
}

static int ask_number(struct plan_input *in, int i, struct diag *d)
{
	const struct plan_number_def *q = &plan_numbers[i];
	char line[64], *end;
	for (;;) {
		struct diag why = { "" };
		printf("%s [%g]: ", q->words, q->usual);
		if (!read_line(line, sizeof(line)))
			return diag_set(d, ERR_SHORT, "input ended at the question \"%s\"", q->words);
		double v = *line ? strtod(line, &end) : q->usual;
		if (*line && (end == line || *end))
			diag_set(&why, ERR_SYNTAX, "expected a number");
		else if (!check_number(i, v, "", &why)) {
			in->number[i] = v;
			in->from[i] = *line ? "asked" : "default";
			return 0;
		}
		printf("  %s\n", why.text);
	}
}

static int ask_word(struct plan_input *in, int i, struct diag *d)
{
	const struct plan_word_def *q = &plan_words[i];
	char *line = in->typed[i];
	for (;;) {
		struct diag why = { "" };
		printf("%s, one of %s %s [%s]: ", q->words, q->usual, q->others, q->usual);
		if (!read_line(line, sizeof(in->typed[i])))
			return diag_set(d, ERR_SHORT, "input ended at the question \"%s\"", q->words);
		if (!check_word(i, *line ? line : q->usual, "", &why)) {
			in->word[i] = *line ? line : q->usual;
			in->word_from[i] = *line ? "asked" : "default";
			return 0;
		}
		printf("  %s\n", why.text);
	}
}

int plan_input_ask(struct plan_input *in, struct diag *d)
{
	int rc = 0;
	for (int i = 0; i < PN_COUNT && !rc; i++)
		if (plan_numbers[i].asked && isnan(in->number[i]))
			rc = ask_number(in, i, d);
	for (int i = 0; i < PW_COUNT && !rc; i++)
		if (plan_words[i].asked && !in->word[i])
			rc = ask_word(in, i, d);
	return rc;
}

static double clamp(int i, double v)
{
	const struct plan_number_def *q = &plan_numbers[i];
	return v < q->low ? q->low : v > q->high ? q->high : v;
}

static void derive(struct plan_input *in, int i, double v, const char *from)
{
	if (!isnan(in->number[i]))
		return;
	in->number[i] = clamp(i, v);
	in->from[i] = from;
}

void plan_input_complete(struct plan_input *in)
{
	for (int i = 0; i < PN_COUNT; i++)
		if (i != PN_SERVICES && i != PN_REPLICAS)
			derive(in, i, plan_numbers[i].usual, "default");
	double nodes = in->number[PN_NODES], cores = in->number[PN_CORES];
	derive(in, PN_SERVICES, ceil(nodes * in->number[PN_PODS] / 10), "a tenth of the pods");
	/* the defaults of cluster-proportional-autoscaler's linear mode, for kube-dns */
	derive(in, PN_REPLICAS, fmax(2, fmax(ceil(nodes / 16), ceil(nodes * cores / 256))), "the DNS autoscaler's usual rule");
	if (in->number[PN_TAIL] < 2 * in->number[PN_DELAY] && !strcmp(in->from[PN_TAIL], "default")) {
		in->number[PN_TAIL] = 2 * in->number[PN_DELAY];
		in->from[PN_TAIL] = "twice the median";
	}
	if (in->number[PN_TAIL] < in->number[PN_DELAY])
		in->number[PN_TAIL] = in->number[PN_DELAY];
	for (int i = 0; i < PW_COUNT; i++)
		if (!in->word[i]) {
			in->word[i] = plan_words[i].usual;
			in->word_from[i] = "default";
		}
}
