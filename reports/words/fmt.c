/* SPDX-License-Identifier: Apache-2.0 */
/* Three digits that count, the unit's prefix, and markup made harmless. */
#include "reports/words/fmt.h"

#include <math.h>
#include <string.h>

#define THIN "\u202f" /* narrow no-break space */

/* Three significant digits, but whole numbers whole. */
static const char *three_digits(double v, const char *unit, char buf[FMT_MAX])
{
	double size = fabs(v);
	int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
	snprintf(buf, FMT_MAX, "%.*f" THIN "%s", decimals, v, unit);
	return buf;
}

const char *fmt_ns(double ns, char buf[FMT_MAX])
{
	double size = fabs(ns);
	if (size < 999.5)
		return three_digits(ns, "ns", buf);
	if (size < 999.5e3)
		return three_digits(ns / 1e3, "\u00b5s", buf);
	if (size < 999.5e6)
		return three_digits(ns / 1e6, "ms", buf);
	return three_digits(ns / 1e9, "s", buf);
}

const char *fmt_count(double v, char buf[FMT_MAX])
{
	char digits[32], *out = buf;
	if (!(fabs(v) < 1e15) || (v != floor(v) && fabs(v) < 99.95)) {
		snprintf(buf, FMT_MAX, "%.3g", v);
		return buf;
	}
	v = round(v);
	snprintf(digits, sizeof(digits), "%.0f", fabs(v));
	size_t len = strlen(digits);
	if (v < 0)
		out += sprintf(out, "\u2212");
	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out += sprintf(out, THIN);
		*out++ = digits[i];
	}
	*out = '\0';
	return buf;
}

const char *fmt_unit(double v, const char *unit, char buf[FMT_MAX])
{
	if (unit && !strcmp(unit, "ns"))
		return fmt_ns(v, buf);
	if (unit && !strcmp(unit, "s"))
		return three_digits(v, "s", buf);
	if (unit && !strcmp(unit, "bytes"))
		return fabs(v) < 1 << 20 && v != 0 ? three_digits(v / 1024, "KiB", buf) : three_digits(v / (1 << 20), "MiB", buf);
	if (unit && !strcmp(unit, "share"))
		return v == 0 ? strcpy(buf, "0" THIN "%") : three_digits(v * 100, "%", buf);
	if (unit && !strcmp(unit, "p")) {
		snprintf(buf, FMT_MAX, v < 0.001 ? "< 0.001" : "%.2g", v);
		return buf;
	}
	if (unit && !strcmp(unit, "queries/s")) {
		char count[FMT_MAX];
		snprintf(buf, FMT_MAX, "%.40s/s", fmt_count(v, count));
		return buf;
	}
	return fmt_count(v, buf);
}

const char *fmt_change(double from, double to, char buf[FMT_MAX])
{
	double share = to / from - 1;
	if (to == from)
		snprintf(buf, FMT_MAX, "no change");
	else if (to >= 10 * from)
		snprintf(buf, FMT_MAX, "\u00d7" THIN "%.0f", to / from);
	else
		snprintf(buf, FMT_MAX, "%s%.*f" THIN "%%", share < 0 ? "\u2212" : "+",
			 fabs(share) < 0.0995 || (share < -0.985 && to != 0) ? 1 : 0, fabs(share) * 100);
	return buf;
}

const char *fmt_load(const char *metric)
{
	static const struct {
		const char *name, *words;
	} paths[] = { { "path_hit", "lookups answered by the cache at once" },
		      { "path_miss", "lookups for which the cache asked cluster DNS" },
		      { "path_cluster_dns", "lookups that asked cluster DNS themselves" },
		      { "path_outside", "lookups of names outside, beyond the cluster" } };
	const char *name = strncmp(metric, "latency.", 8) ? metric : metric + 8;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!strcmp(name, paths[i].name))
			return paths[i].words;
	return name;
}

void html_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			/* controls are not allowed in HTML text */
			fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
		}
	}
}
