/* SPDX-License-Identifier: Apache-2.0 */
/* Both dialects: what they accept, what they refuse and how they say it; help from the table. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/opt.h"

static bool verbose, quick;
static const char *output;
static uint64_t number, wait_ns;
static double share;
static struct opt_list only;
static int custom;

static int color_parse(void *value, const char *text, struct diag *d)
{
	if (strcmp(text, "red") != 0)
		return diag_set(d, ERR_UNKNOWN, "'%s' is no colour here; red is", text);
	*(int *)value = 1;
	return 0;
}

static const struct opt_def defs[] = {
	{"verbose", 'v', OPT_BOOL, &verbose, NULL, "say more", 0, 0, NULL},
	{"quick", 'q', OPT_BOOL, &quick, NULL, "be quick", 0, 0, NULL},
	{"output", 'o', OPT_TEXT, &output, "FILE", "where to write", 0, 0, NULL},
	{"number", 'n', OPT_U64, &number, "N", "how many", 1, 10, NULL},
	{"wait", 0, OPT_DURATION, &wait_ns, "TIME", "how long", 0, 0, NULL},
	{"share", 0, OPT_F64, &share, "X", "how much", 0, 0, NULL},
	{"only", 0, OPT_LIST, &only, "NAME", "which ones", 0, 0, NULL},
	{"colour", 0, OPT_CUSTOM, &custom, "C", "which colour", 0, 0, color_parse},
	{NULL, 0, OPT_BOOL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct opt_prog gnu = {"tool", "[options] FILE...", "Does things.", defs, OPT_GNU};
static const struct opt_prog go = {"daemon", "[options]", "Serves.", defs, OPT_GO};

#define ARGS_MAX 12
static char *args[ARGS_MAX + 2];
static struct diag d;
static char special;

/* Parses words split at blanks; operands are in args[1..]. */
static int parse(const struct opt_prog *p, const char *line)
{
	static char buf[200];
	int n = 1;

	verbose = quick = false;
	output = "-";
	number = 5;
	wait_ns = 0;
	share = 0;
	custom = 0;
	only.n = 0;
	d.text[0] = 0;
	strcpy(buf, line);
	args[0] = buf + sizeof(buf) - 1;
	for (char *w = strtok(buf, " "); w; w = strtok(NULL, " "))
		args[n++] = w;
	args[n] = NULL;
	return opt_parse(p, n, args, &special, &d);
}

Test(opt, gnu_spellings)
{
	cr_assert_eq(
		parse(&gnu, "a -vqn3 --output=x b --wait 1m30s --share -0.5 --only p --only=q -"),
		3, "%s", d.text);
	cr_assert(verbose && quick);
	cr_assert_str_eq(output, "x");
	cr_assert_eq(number, 3);
	cr_assert_eq(wait_ns, 90000000000u);
	cr_assert_float_eq(share, -0.5, 0);
	cr_assert_eq(only.n, 2);
	cr_assert_str_eq(only.item[1], "q");
	cr_assert_str_eq(args[1], "a");
	cr_assert_str_eq(args[2], "b");
	cr_assert_str_eq(args[3], "-");
}

Test(opt, gnu_double_dash_ends_options)
{
	cr_assert_eq(parse(&gnu, "-v -- --quick x"), 2);
	cr_assert(verbose && !quick);
	cr_assert_str_eq(args[1], "--quick");
}

Test(opt, gnu_values_may_be_empty_or_start_with_a_dash)
{
	cr_assert_eq(parse(&gnu, "--output= -v"), 0);
	cr_assert_str_eq(output, "");
	cr_assert_eq(parse(&gnu, "-o -v"), 0);
	cr_assert_str_eq(output, "-v");
	cr_assert_not(verbose);
}

Test(opt, gnu_negation)
{
	cr_assert_eq(parse(&gnu, "--verbose --no-verbose"), 0);
	cr_assert_not(verbose);
	cr_assert_eq(parse(&gnu, "--no-output"), ERR_UNKNOWN);
}

Test(opt, go_spellings)
{
	cr_assert_eq(parse(&go, "-verbose --quick=false -output x --number=3 -wait=250ms rest -v"),
		     2, "%s", d.text);
	cr_assert(verbose && !quick);
	cr_assert_str_eq(output, "x");
	cr_assert_eq(number, 3);
	cr_assert_eq(wait_ns, 250000000u);
	cr_assert_str_eq(args[1], "rest");
	cr_assert_str_eq(args[2], "-v", "nothing after the first operand is an option");
}

Test(opt, go_booleans_take_no_separate_value)
{
	cr_assert_eq(parse(&go, "-verbose false -quick"), 2);
	cr_assert(verbose && !quick);
	cr_assert_eq(parse(&go, "-verbose=T -quick=maybe"), ERR_SYNTAX);
	cr_assert_str_eq(d.text, "option -quick: 'maybe' is neither true nor false");
	cr_assert_eq(parse(&go, "-v"), ERR_UNKNOWN, "letters are not Go's");
	cr_assert_eq(parse(&go, "-- -verbose"), 1);
}

Test(opt, complaints)
{
	static const struct {
		const char *line, *want;
		int err;
	} row[] = {
		{"--nubmer 3", "unknown option --nubmer (did you mean --number?)", ERR_UNKNOWN},
		{"--zzzz", "unknown option --zzzz; --help lists them", ERR_UNKNOWN},
		{"-vx", "unknown option -x; --help lists them", ERR_UNKNOWN},
		{"--number", "option --number needs a value: N", ERR_MISSING},
		{"-vn", "option --number needs a value: N", ERR_MISSING},
		{"--number 11", "option --number: '11' is not within 1..10", ERR_RANGE},
		{"--number -1", "option --number: '-1' is not a whole number", ERR_SYNTAX},
		{"--number 99999999999999999999",
		 "option --number: '99999999999999999999' is not within 1..10", ERR_RANGE},
		{"--wait 5x", "option --wait: '5x' is not a duration like 250ms, 5s or 1m30s",
		 ERR_SYNTAX},
		{"--share 1e", "option --share: '1e' is not a number", ERR_SYNTAX},
		{"--share nan", "option --share: 'nan' is not a number", ERR_SYNTAX},
		{"--verbose=1", "option --verbose takes no value", ERR_SYNTAX},
		{"--colour blue", "option --colour: 'blue' is no colour here; red is", ERR_UNKNOWN},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		cr_expect_eq(parse(&gnu, row[i].line), row[i].err, "%s", row[i].line);
		cr_expect_str_eq(d.text, row[i].want);
	}
	cr_assert_eq(parse(&go, "-nubmer=3"), ERR_UNKNOWN);
	cr_assert_str_eq(d.text, "unknown option -nubmer (did you mean -number?)");
}

Test(opt, list_is_limited)
{
	static char word[] = "--only=x";
	char *argv[OPT_LIST_MAX + 3];

	only.n = 0;
	for (int i = 0; i < OPT_LIST_MAX + 2; i++)
		argv[i] = word;
	cr_assert_eq(opt_parse(&gnu, OPT_LIST_MAX + 2, argv, &special, &d), ERR_LIMIT);
}

Test(opt, special_options)
{
	cr_assert_geq(parse(&gnu, "-v --help --bogus"), 0);
	cr_assert_eq(special, 'h');
	cr_assert_geq(parse(&gnu, "-h"), 0);
	cr_assert_eq(special, 'h');
	cr_assert_geq(parse(&gnu, "--version"), 0);
	cr_assert_eq(special, 'v');
	cr_assert_geq(parse(&go, "-h"), 0);
	cr_assert_eq(special, 'h');
	cr_assert_geq(parse(&gnu, "x"), 0);
	cr_assert_eq(special, 0);
	cr_assert_str_neq(opt_version(), "");
}

Test(opt, help_is_aligned_and_shows_defaults)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	parse(&gnu, "");
	opt_help(&gnu, f);
	fclose(f);
	cr_assert_eq(strncmp(text, "usage: tool [options] FILE...\nDoes things.\n", 43), 0);
	cr_assert_not_null(strstr(text, "\n  -v, --verbose      say more\n"));
	cr_assert_not_null(strstr(text, "\n  -n, --number=N     how many (default 5)\n"), "%s",
			   text);
	cr_assert_not_null(strstr(text, "\n      --wait=TIME    how long\n"));
	cr_assert_not_null(strstr(text, "\n      --help         show this help and exit\n"));
	free(text);
}

Test(opt, durations)
{
	static const struct {
		const char *text;
		int err;
		uint64_t ns;
	} row[] = {
		{"5s", 0, 5000000000u},
		{"250ms", 0, 250000000u},
		{"1m30s", 0, 90000000000u},
		{"1h", 0, 3600000000000u},
		{"1.5s", 0, 1500000000u},
		{".5s", 0, 500000000u},
		{"3us", 0, 3000},
		{"30ns", 0, 30},
		{"0", 0, 0},
		{"2", 0, 2000000000u},
		{"", ERR_SYNTAX, 0},
		{"s", ERR_SYNTAX, 0},
		{"5x", ERR_SYNTAX, 0},
		{"-5s", ERR_SYNTAX, 0},
		{"5s3", ERR_SYNTAX, 0},
		{"5 s", ERR_SYNTAX, 0},
		{".s", ERR_SYNTAX, 0},
		{"99999999999999999999s", ERR_RANGE, 0},
		{"9999999h", ERR_RANGE, 0},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint64_t ns = 77;
		int err = opt_duration(row[i].text, 1000000000u, &ns);

		cr_expect_eq(err, row[i].err, "'%s': %d", row[i].text, err);
		cr_expect_eq(ns, err ? 77 : row[i].ns, "'%s': %lu", row[i].text, (unsigned long)ns);
	}
	uint64_t ns;
	cr_assert_eq(opt_duration("5", 0, &ns), ERR_SYNTAX);
}
