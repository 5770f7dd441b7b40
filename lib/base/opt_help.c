/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --help from the option table: one aligned row an option, with the default it
 * holds.
 */
#include "lib/base/opt.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "lib/base/clock.h"

#define COLUMN_MAX 30 /* longer option texts push their help to the next line */

/* "  -x, --name=ARG" or, in Go's dialect, "  -name ARG". */
static int left_print(const struct opt_prog *p, const struct opt_def *o, char *buf, size_t cap)
{
	const char *arg = o->type == OPT_BOOL ? NULL : o->arg ? o->arg : "VALUE";

	if (p->dialect == OPT_GO)
		return snprintf(buf, cap, "  -%s%s%s", o->name, arg ? " " : "", arg ? arg : "");
	if (o->letter)
		return snprintf(buf, cap, "  -%c, --%s%s%s", o->letter, o->name, arg ? "=" : "",
				arg ? arg : "");
	return snprintf(buf, cap, "      --%s%s%s", o->name, arg ? "=" : "", arg ? arg : "");
}

static void duration_print(uint64_t ns, char *buf, size_t cap)
{
	if (ns % NS_PER_S == 0)
		snprintf(buf, cap, "%" PRIu64 "s", ns / NS_PER_S);
	else if (ns % NS_PER_MS == 0)
		snprintf(buf, cap, "%" PRIu64 "ms", ns / NS_PER_MS);
	else
		snprintf(buf, cap, "%" PRIu64 "ns", ns);
}

/* The default, when there is one worth telling. */
static void default_print(const struct opt_def *o, char *buf, size_t cap)
{
	buf[0] = 0;
	if (!o->value || strstr(o->help, "default"))
		return;
	if (o->type == OPT_TEXT && *(const char **)o->value && **(const char **)o->value)
		snprintf(buf, cap, "%s", *(const char **)o->value);
	else if (o->type == OPT_U64 && *(uint64_t *)o->value)
		snprintf(buf, cap, "%" PRIu64, *(uint64_t *)o->value);
	else if (o->type == OPT_F64 && *(double *)o->value && !isnan(*(double *)o->value))
		snprintf(buf, cap, "%g", *(double *)o->value);
	else if (o->type == OPT_DURATION && *(uint64_t *)o->value)
		duration_print(*(uint64_t *)o->value, buf, cap);
	else if (o->type == OPT_BOOL && *(bool *)o->value)
		snprintf(buf, cap, "true");
}

static void row_print(const struct opt_prog *p, const struct opt_def *o, int width, FILE *out)
{
	char left[128], value[128];
	int n = left_print(p, o, left, sizeof(left));

	default_print(o, value, sizeof(value));
	fputs(left, out);
	if (n > width)
		fprintf(out, "\n%*s", width, "");
	else
		fprintf(out, "%*s", width - n, "");
	fprintf(out, "  %s%s%s%s\n", o->help, value[0] ? " (default " : "", value,
		value[0] ? ")" : "");
}

void opt_help(const struct opt_prog *p, FILE *out)
{
	static const struct opt_def help = {.name = "help", .help = "show this help and exit"};
	static const struct opt_def version = {.name = "version",
					       .help = "show the version and exit"};
	bool own_help = false, own_version = false;
	char left[128];
	int width = 0;

	fprintf(out, "usage: %s %s\n%s\n\n", p->name, p->usage ? p->usage : "",
		p->about ? p->about : "");
	for (const struct opt_def *o = p->defs; o->name; o++) {
		int n = left_print(p, o, left, sizeof(left));

		if (n > width && n <= COLUMN_MAX)
			width = n;
		own_help |= strcmp(o->name, "help") == 0;
		own_version |= strcmp(o->name, "version") == 0;
	}
	if (width < 15)
		width = 15; /* "      --version" */
	for (const struct opt_def *o = p->defs; o->name; o++)
		row_print(p, o, width, out);
	if (!own_help)
		row_print(p, &help, width, out);
	if (!own_version)
		row_print(p, &version, width, out);
}
