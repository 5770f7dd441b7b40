/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines from a table. Options are taken out of argv as they are met and
 * operands moved to its front, so main sees only what it must name itself.
 */
#include "lib/base/opt.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

#ifndef NODENS_VERSION
#error "the Makefile sets NODENS_VERSION"
#endif

const char *opt_version(void)
{
	return NODENS_VERSION;
}

/* --- durations --- */

static uint64_t unit_ns(const char *t, size_t len)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} units[] = {
		{"ns", 1},
		{"us", NS_PER_US},
		{"\u00b5s", NS_PER_US},
		{"\u03bcs", NS_PER_US},
		{"ms", NS_PER_MS},
		{"s", NS_PER_S},
		{"m", 60 * NS_PER_S},
		{"h", 3600 * NS_PER_S},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].text) == len && memcmp(units[i].text, t, len) == 0)
			return units[i].ns;
	return 0;
}

/* Digits with an optional fraction, as a whole part and a fraction of 1. */
static const char *number_scan(const char *t, uint64_t *ret_whole, double *ret_fraction, int *err)
{
	double scale = 0.1;
	const char *start = t;

	*ret_whole = 0;
	*ret_fraction = 0;
	for (; isdigit((unsigned char)*t); t++)
		if (__builtin_mul_overflow(*ret_whole, 10u, ret_whole) ||
		    __builtin_add_overflow(*ret_whole, (unsigned)(*t - '0'), ret_whole))
			*err = ERR_RANGE;
	if (*t == '.' && (t > start || isdigit((unsigned char)t[1])))
		for (t++; isdigit((unsigned char)*t); t++, scale /= 10)
			*ret_fraction += scale * (*t - '0');
	if (t == start)
		*err = ERR_SYNTAX;
	return t;
}

int opt_duration(const char *text, uint64_t bare_unit_ns, uint64_t *ret_ns)
{
	uint64_t total = 0;
	const char *t = text;

	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	do {
		uint64_t whole, unit, part;
		double fraction;
		size_t n = 0;
		int err = 0;
		const char *num = t;

		t = number_scan(t, &whole, &fraction, &err);
		if (err == ERR_SYNTAX)
			return err;
		while (t[n] && t[n] != '.' && !isdigit((unsigned char)t[n]))
			n++;
		unit = n ? unit_ns(t, n) : num == text ? bare_unit_ns : 0;
		if (!unit)
			return ERR_SYNTAX;
		if (err || __builtin_mul_overflow(whole, unit, &part) ||
		    __builtin_add_overflow(total, part, &total) ||
		    __builtin_add_overflow(total, (uint64_t)(fraction * (double)unit + 0.5),
					   &total))
			return ERR_RANGE;
		t += n;
	} while (*t);
	*ret_ns = total;
	return 0;
}

/* --- values --- */

static int u64_parse(const struct opt_def *o, const char *text, struct diag *d)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end)
		return diag_set(d, ERR_SYNTAX, "'%s' is not a whole number", text);
	if (o->max > 0 && (errno || v < o->min || v > o->max))
		return diag_set(d, ERR_RANGE, "'%s' is not within %" PRIu64 "..%" PRIu64, text,
				o->min, o->max);
	if (errno)
		return diag_set(d, ERR_RANGE, "'%s' is too large", text);
	*(uint64_t *)o->value = v;
	return 0;
}

static int f64_parse(const struct opt_def *o, const char *text, struct diag *d)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || isspace((unsigned char)text[0]) || !isfinite(v))
		return diag_set(d, ERR_SYNTAX, "'%s' is not a number", text);
	*(double *)o->value = v;
	return 0;
}

static int duration_parse(const struct opt_def *o, const char *text, struct diag *d)
{
	int err = opt_duration(text, NS_PER_S, o->value);

	if (err)
		return diag_set(d, err, "'%s' is not a duration like 250ms, 5s or 1m30s", text);
	return 0;
}

static int list_parse(const struct opt_def *o, const char *text, struct diag *d)
{
	struct opt_list *l = o->value;

	if (l->n == OPT_LIST_MAX)
		return diag_set(d, ERR_LIMIT, "given more than %d times", OPT_LIST_MAX);
	l->item[l->n++] = text;
	return 0;
}

/* The spellings Go's strconv.ParseBool accepts. */
static int bool_parse(const struct opt_def *o, const char *text, struct diag *d)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True", NULL};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False", NULL};

	for (int i = 0; yes[i]; i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*(bool *)o->value = strcmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return diag_set(d, ERR_SYNTAX, "'%s' is neither true nor false", text);
}

static int value_set(const struct opt_def *o, const char *text, struct diag *d)
{
	switch (o->type) {
	case OPT_BOOL:
		return bool_parse(o, text, d);
	case OPT_TEXT:
		*(const char **)o->value = text;
		return 0;
	case OPT_U64:
		return u64_parse(o, text, d);
	case OPT_F64:
		return f64_parse(o, text, d);
	case OPT_DURATION:
		return duration_parse(o, text, d);
	case OPT_LIST:
		return list_parse(o, text, d);
	case OPT_CUSTOM:
		return o->parse(o->value, text, d);
	}
	return ERR_UNKNOWN;
}

/* --- one command line --- */

struct scan {
	const struct opt_prog *prog;
	int argc, next; /* argv[next] is looked at next */
	char **argv;
	char special;
	struct diag *d;
};

static const char *dashes(const struct scan *s)
{
	return s->prog->dialect == OPT_GO ? "-" : "--";
}

static const struct opt_def *def_by_name(const struct opt_prog *p, const char *name, size_t len)
{
	for (const struct opt_def *o = p->defs; o->name; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static const struct opt_def *def_by_letter(const struct opt_prog *p, char letter)
{
	for (const struct opt_def *o = p->defs; o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* Sets a value; a complaint gets the option's name put before it. */
static int take(struct scan *s, const struct opt_def *o, const char *text)
{
	struct diag why = {""};
	int err = value_set(o, text, &why);

	if (!err)
		return 0;
	return diag_set(s->d, err, "option %s%s: %s", dashes(s), o->name,
			why.text[0] ? why.text : err_str(err));
}

static int take_next(struct scan *s, const struct opt_def *o)
{
	if (s->next >= s->argc)
		return diag_set(s->d, ERR_MISSING, "option %s%s needs a value: %s", dashes(s),
				o->name, o->arg ? o->arg : "VALUE");
	return take(s, o, s->argv[s->next++]);
}

static int unknown(struct scan *s, const char *name, size_t len)
{
	const char *list[256];
	const char *hint;
	char word[128];
	size_t n = 0;

	for (const struct opt_def *o = s->prog->defs; o->name && n < 253; o++)
		list[n++] = o->name;
	list[n++] = "help";
	list[n++] = "version";
	list[n] = NULL;
	snprintf(word, sizeof(word), "%.*s", (int)(len > 100 ? 100 : len), name);
	hint = err_suggest(word, list);
	if (hint)
		return diag_set(s->d, ERR_UNKNOWN, "unknown option %s%s (did you mean %s%s?)",
				dashes(s), word, dashes(s), hint);
	return diag_set(s->d, ERR_UNKNOWN, "unknown option %s%s; --help lists them", dashes(s),
			word);
}

/* --help and --version, unless the table has them itself. */
static char special_of(const struct scan *s, const char *name, size_t len)
{
	if (len == 4 && memcmp(name, "help", 4) == 0)
		return 'h';
	if (len == 7 && memcmp(name, "version", 7) == 0)
		return 'v';
	if (s->prog->dialect == OPT_GO && len == 1 && name[0] == 'h')
		return 'h';
	return 0;
}

/* GNU only: --no-x turns off what --x turns on. */
static const struct opt_def *def_negated(const struct scan *s, const char *name, size_t len)
{
	const struct opt_def *o;

	if (s->prog->dialect != OPT_GNU || len <= 3 || memcmp(name, "no-", 3) != 0)
		return NULL;
	o = def_by_name(s->prog, name + 3, len - 3);
	return o && o->type == OPT_BOOL ? o : NULL;
}

/* A long option without its dashes: "name", "name=value". */
static int scan_long(struct scan *s, const char *arg)
{
	size_t len = strcspn(arg, "=");
	const char *value = arg[len] ? arg + len + 1 : NULL;
	const struct opt_def *o = def_by_name(s->prog, arg, len);

	if (!o) {
		const struct opt_def *off = def_negated(s, arg, len);

		if (off && !value)
			return take(s, off, "false");
		if (!value && (s->special = special_of(s, arg, len)) != 0)
			return 0;
		return unknown(s, arg, len);
	}
	if (o->type != OPT_BOOL)
		return value ? take(s, o, value) : take_next(s, o);
	if (value && s->prog->dialect == OPT_GNU)
		return diag_set(s->d, ERR_SYNTAX, "option --%s takes no value", o->name);
	return take(s, o, value ? value : "true");
}

/* A bundle of letters, "-abc"; the first that takes a value takes the rest. */
static int scan_letters(struct scan *s, const char *arg)
{
	for (; *arg; arg++) {
		const struct opt_def *o = def_by_letter(s->prog, *arg);
		int err;

		if (!o && *arg == 'h') {
			s->special = 'h';
			return 0;
		}
		if (!o)
			return diag_set(s->d, ERR_UNKNOWN, "unknown option -%c; --help lists them",
					*arg);
		if (o->type != OPT_BOOL)
			return arg[1] ? take(s, o, arg + 1) : take_next(s, o);
		err = take(s, o, "true");
		if (err)
			return err;
	}
	return 0;
}

static int scan_option(struct scan *s, const char *arg)
{
	if (arg[1] == '-')
		return scan_long(s, arg + 2);
	return s->prog->dialect == OPT_GO ? scan_long(s, arg + 1) : scan_letters(s, arg + 1);
}

int opt_parse(const struct opt_prog *p, int argc, char **argv, char *ret_special, struct diag *d)
{
	struct scan s = {.prog = p, .argc = argc, .next = 1, .argv = argv, .d = d};
	int n = 0;

	*ret_special = 0;
	while (s.next < argc) {
		char *arg = argv[s.next++];
		int err;

		if (strcmp(arg, "--") == 0)
			break;
		if (arg[0] != '-' || !arg[1]) {
			argv[1 + n++] = arg;
			if (p->dialect == OPT_GO)
				break;
			continue;
		}
		err = scan_option(&s, arg);
		if (err)
			return err;
		if (s.special) {
			*ret_special = s.special;
			return n;
		}
	}
	while (s.next < argc)
		argv[1 + n++] = argv[s.next++];
	return n;
}
