/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small breakages of C text, for tests/mutants/run: would any test notice?
 *
 *   mutate list SEED N FILE...     N of all possible ones, drawn by the seed, one a line:
 *                                  file, line, column, length, replacement, kind,
 *                                  the line as it is, the line as it would be (tabs between)
 *   mutate each FILE:LINE...       all of those lines, likewise
 *   mutate apply FILE LINE COLUMN LENGTH REPLACEMENT     the file, broken so, on standard output
 *
 * It knows just enough of C to stay inside function bodies and out of comments,
 * strings, preprocessor lines and assertions. What does not compile is thrown
 * away by the caller. A line is drawn, each at most once, then one of its breakages.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/rng.h"

enum { LINE_MAX_LEN = 400, PER_LINE_MAX = 24, LINES_MAX = 200000 };

struct breakage {
	unsigned col, len; /* octets of the line that are replaced */
	char with[24];
	const char *kind;
};
struct line { /* one that can be broken */
	const char *file;
	char *text;
	unsigned number, n;
	struct breakage how[PER_LINE_MAX];
};
static struct line *lines;
static size_t n_lines;

/* --- what can be broken in a line --- */

static const struct {
	const char *from, *to, *kind;
} operators[] = { /* longest first: the first that matches is taken */
	{" <= ", " < ", "border"},   {" >= ", " > ", "border"},  {" < ", " <= ", "border"},
	{" > ", " >= ", "border"},   {" == ", " != ", "equal"},  {" != ", " == ", "equal"},
	{" && ", " || ", "logic"},   {" || ", " && ", "logic"},  {" += ", " -= ", "sum"},
	{" -= ", " += ", "sum"},     {" + ", " - ", "sum"},	 {" - ", " + ", "sum"},
	{" |= ", " &= ", "bits"},    {" & ", " | ", "bits"},	 {" << ", " >> ", "bits"},
	{" >> ", " << ", "bits"},    {" * ", " + ", "sum"},	 {" ? ", " && 0 ? ", "choice"},
};
static const struct {
	const char *from, *to;
} words[] = {
	{"true", "false"}, {"false", "true"}, {"break", "continue"}, {"continue", "break"},
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Begins with two words: a type and a name. */
static bool is_declaration(const char *code)
{
	size_t start = strspn(code, "\t "), n = start;

	while (is_word(code[n]))
		n++;
	return n > start && code[n] == ' ' && strncmp(code + start, "return ", 7) &&
	       (is_word(code[n + 1]) || code[n + 1] == '*');
}

static void add(struct line *l, size_t col, size_t len, const char *with, const char *kind)
{
	struct breakage *b = &l->how[l->n];

	if (l->n == PER_LINE_MAX || strlen(with) >= sizeof(b->with))
		return;
	*b = (struct breakage){.col = (unsigned)col, .len = (unsigned)len, .kind = kind};
	strcpy(b->with, with);
	l->n++;
}

/* A border between two instants: nobody asks for a nanosecond more or less. */
static bool is_instant(const char *code, const char *kind)
{
	return !strcmp(kind, "border") && strstr(code, "_ns");
}

/* "fd < 0" and the like: 0 is the standard input's, and never free for another. `at` is the
 * operator's place. */
static bool is_descriptor(const char *code, size_t at)
{
	size_t len = strcspn(code + at + 1, " ");

	return at >= 2 && !strncmp(code + at - 2, "fd", 2) && (code[at + 1] == '<' || code[at + 1] == '>') &&
	       !strncmp(code + at + 1 + len, " 0", 2) && !is_word(code[at + 3 + len]);
}

/* Is code[0..end) behind something an operand can begin after, and does it end with `text`? */
static bool operand_ends(const char *code, size_t end, const char *text, size_t len)
{
	static const char *const before[] = {"(", "= ", "return ", "&& ", "|| ", ", "};

	if (!len || end < len || strncmp(code + end - len, text, len))
		return false;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		size_t n = strlen(before[i]);

		if (end - len >= n && !strncmp(code + end - len - n, before[i], n))
			return true;
	}
	return false;
}

/* As much as belongs together: up to a comma, a semicolon or a bracket that closes another. */
static size_t operand_len(const char *code)
{
	size_t n = 0;

	for (int depth = 0; code[n] && (depth || !strchr(",;)", code[n])); n++)
		depth += (code[n] == '(') - (code[n] == ')');
	return n;
}

/* The lesser or the greater of two, "a < b ? a : b", or on two lines "if (a > b)", "a = b;" or "b = a;":
 * at the border both are the same. `at` is the operator's place, `len` its length. */
static bool is_lesser_or_greater(const char *code, const char *next, size_t at, size_t len)
{
	const char *b = code + at + len, *x = strstr(b, " ? "), *y = x ? strstr(x, " : ") : NULL;
	char assigned[LINE_MAX_LEN * 2];

	if (y) {
		size_t n_b = (size_t)(x - b), n_x = (size_t)(y - x) - 3, n_y;

		x += 3;
		y += 3;
		n_y = operand_len(y);
		return (n_b == n_x && !strncmp(b, x, n_b) && operand_ends(code, at, y, n_y)) ||
		       (n_b == n_y && !strncmp(b, y, n_b) && operand_ends(code, at, x, n_x));
	}
	const char *a = strstr(code, "if (");
	size_t n_b = operand_len(b);

	if (!a || b[n_b] != ')' || b[n_b + 1])
		return false;
	a += 4;
	next += strspn(next, "\t ");
	snprintf(assigned, sizeof(assigned), "%.*s = %.*s;", (int)(code + at - a), a, (int)n_b, b);
	if (!strcmp(assigned, next))
		return true;
	snprintf(assigned, sizeof(assigned), "%.*s = %.*s;", (int)n_b, b, (int)(code + at - a), a);
	return !strcmp(assigned, next);
}

/* `code` is the text with strings and comments blanked out, `next` that of the line below. */
static void operators_find(struct line *l, const char *code, const char *next)
{
	for (size_t i = 0; code[i]; i++) {
		for (size_t k = 0; k < sizeof(operators) / sizeof(operators[0]); k++) {
			size_t n = strlen(operators[k].from);

			if (strncmp(code + i, operators[k].from, n) ||
			    is_instant(code, operators[k].kind))
				continue;
			if (!strcmp(operators[k].kind, "border") &&
			    (is_lesser_or_greater(code, next, i, n) || is_descriptor(code, i)))
				break;
			add(l, i, n, operators[k].to, operators[k].kind);
			break;
		}
		if (code[i] == '!' && code[i + 1] != '=')
			add(l, i, 1, "", "not");
	}
}

/* Left out, for nobody could tell: more room in an array, another first member of what is
 * all zeros, two structures in place of one, and another descriptor than 0 for none. Of a
 * negative number its sign is what counts: -1 is broken to 0; and so it is of success, which
 * is not negative: 0 that is returned is broken to -1. */
static void number_find(struct line *l, const char *code, size_t i)
{
	char to[4] = {(char)(code[i] == '9' ? '8' : code[i] + 1), 0};

	if ((!strncmp(code + i, "0}", 2) && i && code[i - 1] == '{') || (i > 1 && !strncmp(code + i - 2, "{ 0 }", 5)) ||
	    (i >= 7 && !strncmp(code + i - 7, "calloc(", 7)))
		return;
	if (i > 3 && (is_descriptor(code, i - 3) || is_descriptor(code, i - 4)))
		return;
	if (code[i + 1] == ']' && strchr(";,=", code[i + 2 + strspn(code + i + 2, " ")]) && is_declaration(code))
		return;
	if (i > 1 && code[i - 1] == '-' && strchr(" (", code[i - 2]) && code[i] != '0')
		add(l, i - 1, 2, "0", "number");
	else if (i >= 7 && !strncmp(code + i - 7, "return 0;", 9))
		add(l, i, 1, "-1", "number");
	else
		add(l, i, 1, to, "number");
}

static void words_find(struct line *l, const char *code)
{
	for (size_t i = 0; code[i]; i++) {
		if (i && (is_word(code[i - 1]) || code[i - 1] == '.'))
			continue;
		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
			size_t n = strlen(words[k].from);

			if (!strncmp(code + i, words[k].from, n) && !is_word(code[i + n]))
				add(l, i, n, words[k].to, "word");
		}
		if (isdigit((unsigned char)code[i]) && !is_word(code[i + 1]) && code[i + 1] != '.')
			number_find(l, code, i);
	}
}

static void condition_find(struct line *l, const char *code)
{
	const char *at = strstr(code, "if (");

	if (at && (at == code || !is_word(at[-1])))
		add(l, (size_t)(at - code) + 4, 0, "0 && ", "never");
}

/* A whole statement on its line: a call, an assignment, a count. Memory that is kept is
 * for the leak checker of builds with sanitizers. */
static void statement_find(struct line *l, const char *code)
{
	size_t start = strspn(code, "\t "), len = strlen(code);

	if (len < start + 4 || code[len - 1] != ';' || !is_word(code[start]) || !strncmp(code + start, "free(", 5))
		return;
	for (size_t i = start; i < len; i++) {
		if (is_word(code[i]) || strchr("->.[]", code[i]))
			continue;
		if (code[i] == '(' || !strncmp(code + i, " = ", 3) || !strncmp(code + i, " += ", 4) ||
		    !strncmp(code + i, " |= ", 4) || !strncmp(code + i, "++;", 3) ||
		    !strncmp(code + i, "--;", 3))
			add(l, start, len - start, ";", "gone");
		return;
	}
}

/* --- which lines --- */

/* Blanks out strings, characters and comments; `in_comment` goes on from line to line. */
static void code_only(char *code, bool *in_comment)
{
	char quote = 0;

	for (char *p = code; *p; p++) {
		if (*in_comment) {
			*in_comment = !(p[0] == '*' && p[1] == '/');
			if (!*in_comment)
				*p++ = ' ';
			*p = ' ';
		} else if (quote) {
			bool escaped = *p == '\\' && p[1];

			if (*p == quote)
				quote = 0;
			*p = '.';
			if (escaped)
				*++p = '.';
		} else if (p[0] == '/' && p[1] == '*') {
			*in_comment = true;
			*p++ = ' ';
			*p = ' ';
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
			*p = '.';
		}
	}
	for (size_t n = strlen(code); n && code[n - 1] == ' ';)
		code[--n] = 0;
}

/* Not for behaviour: what is said to people, and what only checks (asan_ and SPOIL are for
 * builds that check themselves, core_acts asserts). Such a statement may go on over several lines. */
static bool is_beside(const char *code)
{
	static const char *const beside[] = {"assert(", "diag_", "log_", "core_say(", "cf_error(",
					     "cf_warn",	"static const", "asan_allow(", "asan_forbid(", "SPOIL(", "IF_CHECKED(", "core_acts("};

	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		if (strstr(code, beside[i]))
			return true;
	return false;
}

/* "if (err)" above a line for the log: nothing else depends on it, unless the condition
 * does something itself, which is a call. */
static bool is_only_said(const char *code, const char *next)
{
	static const char *const says[] = {"log_debug(", "log_info(", "log_warn(", "log_error("};
	const char *at = code + strspn(code, "\t ");
	size_t i = 0;

	next += strspn(next, "\t ");
	while (i < 4 && strncmp(next, says[i], strlen(says[i])))
		i++;
	if (i == 4 || strncmp(at, "if (", 4) || at[strlen(at) - 1] != ')')
		return false;
	for (at += 4; (at = strchr(at, '(')); at++)
		if (islower((unsigned char)at[-1]) || isdigit((unsigned char)at[-1]))
			return false;
	return true;
}

static bool goes_on(const char *code)
{
	size_t n = strlen(code);

	return n && !strchr(";{}", code[n - 1]);
}

static void line_take(const char *file, unsigned number, const char *text, const char *code, const char *next)
{
	struct line *l = &lines[n_lines];

	if (n_lines == LINES_MAX)
		return;
	*l = (struct line){.file = file, .number = number};
	operators_find(l, code, next);
	words_find(l, code);
	condition_find(l, code);
	statement_find(l, code);
	if (!l->n)
		return;
	l->text = strdup(text);
	n_lines += l->text != NULL;
}

/* The line behind the one that was read, which is read once more afterwards. */
static void line_peek(FILE *f, char *next, size_t size)
{
	long at = ftell(f);

	if (!fgets(next, (int)size, f))
		*next = 0;
	next[strcspn(next, "\n")] = 0;
	fseek(f, at, SEEK_SET);
}

static void file_read(const char *file)
{
	char text[LINE_MAX_LEN], code[LINE_MAX_LEN], next[LINE_MAX_LEN];
	bool in_comment = false, in_body = false, in_macro = false, beside = false;
	unsigned number = 0;
	FILE *f = fopen(file, "r");

	if (!f) {
		fprintf(stderr, "mutate: %s: %s\n", file, strerror(errno));
		exit(2);
	}
	while (fgets(text, sizeof(text), f)) {
		size_t n = strcspn(text, "\n");
		bool macro = in_macro || text[0] == '#';

		number++;
		text[n] = 0;
		in_macro = macro && n && text[n - 1] == '\\';
		strcpy(code, text);
		code_only(code, &in_comment);
		if (macro)
			continue;
		if (code[0] == '{' || code[0] == '}') { /* functions begin and end in column 0 */
			in_body = code[0] == '{';
		} else if (in_body && !(beside = beside || is_beside(code))) {
			line_peek(f, next, sizeof(next));
			if (!is_only_said(code, next))
				line_take(file, number, text, code, next);
		}
		beside = beside && goes_on(code);
	}
	fclose(f);
}

/* --- the two commands --- */

static void print_line(const char *s)
{
	for (s += strspn(s, "\t "); *s; s++)
		putchar(*s == '\t' ? ' ' : *s);
}

static void print_breakage(const struct line *l, const struct breakage *b)
{
	char to[LINE_MAX_LEN + 32];

	printf("%s\t%u\t%u\t%u\t%s\t%s\t", l->file, l->number, b->col, b->len, b->with[0] ? b->with : "-", b->kind);
	print_line(l->text);
	printf("\t");
	snprintf(to, sizeof(to), "%.*s%s%s", (int)b->col, l->text, b->with, l->text + b->col + b->len);
	print_line(to);
	printf("\n");
}

static int list(uint64_t seed, unsigned n)
{
	struct rng rng;

	rng_seed(&rng, seed);
	for (unsigned i = 0; i < n && n_lines; i++) {
		struct line *l = &lines[rng_below(&rng, n_lines)];

		print_breakage(l, &l->how[rng_below(&rng, l->n)]);
		*l = lines[--n_lines]; /* each line once a run */
	}
	return 0;
}

static int each(char **at, int n)
{
	for (int i = 0; i < n; i++) {
		char *colon = strrchr(at[i], ':');
		unsigned long number = colon ? strtoul(colon + 1, NULL, 10) : 0;

		if (!colon)
			return 2;
		*colon = 0;
		n_lines = 0;
		file_read(at[i]);
		for (size_t k = 0; k < n_lines; k++)
			for (unsigned b = 0; lines[k].number == number && b < lines[k].n; b++)
				print_breakage(&lines[k], &lines[k].how[b]);
	}
	return 0;
}

static int apply(char *const *a)
{
	unsigned long number = strtoul(a[1], NULL, 10), col = strtoul(a[2], NULL, 10),
		      len = strtoul(a[3], NULL, 10), at = 0;
	const char *with = strcmp(a[4], "-") ? a[4] : "";
	char text[LINE_MAX_LEN];
	bool done = false;
	FILE *in = fopen(a[0], "r");

	if (!in) {
		fprintf(stderr, "mutate: %s: %s\n", a[0], strerror(errno));
		return 2;
	}
	while (fgets(text, sizeof(text), in)) {
		if (++at == number && strlen(text) >= col + len) {
			printf("%.*s%s%s", (int)col, text, with, text + col + len);
			done = true;
		} else {
			fputs(text, stdout);
		}
	}
	fclose(in);
	if (!done)
		fprintf(stderr, "mutate: %s: no line %lu like that\n", a[0], number);
	return done ? 0 : 2;
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "apply"))
		return apply(argv + 2);
	bool one_by_one = argc > 2 && !strcmp(argv[1], "each");

	if (!one_by_one && (argc < 5 || strcmp(argv[1], "list"))) {
		fprintf(stderr, "usage: mutate list SEED N FILE... | mutate each FILE:LINE... | "
				"mutate apply FILE LINE COLUMN LENGTH REPLACEMENT\n");
		return 2;
	}
	lines = calloc(LINES_MAX, sizeof(*lines));
	if (!lines)
		return 2;
	if (one_by_one)
		return each(argv + 2, argc - 2);
	for (int i = 4; i < argc; i++)
		file_read(argv[i]);
	return list(strtoull(argv[2], NULL, 10), (unsigned)strtoul(argv[3], NULL, 10));
}
