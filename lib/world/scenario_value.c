/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values of a scenario. Each reader demands the unit its quantity has:
 * a bare "10" that meant milliseconds to whoever wrote it is how two engines
 * end up predicting different worlds.
 */
#include "lib/world/scenario_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/opt.h"

#define AT(base, f, type) ((type *)((char *)(base) + (f)->off))

int read_scalar(struct reading *r, struct yaml_at n, const char *expected, const char **ret)
{
	*ret = yaml_text(n);
	if (*ret && **ret)
		return 0;
	return yaml_err(n, r->d, ERR_SYNTAX, "expected %s, found %s", expected,
			*ret ? "nothing" : yaml_kind_str(yaml_kind(n)));
}

int read_section(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	return read_map(r, n, f->sub, base);
}

int read_text(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	const char *text;
	int rc = read_scalar(r, n, "text", &text);
	if (rc)
		return rc;
	char *copy = scen_strdup(r->s, text);
	if (!copy)
		return yaml_err(n, r->d, ERR_NOMEM, "no memory");
	*AT(base, f, const char *) = copy;
	return 0;
}

int read_name(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	const char *text;
	struct name name;
	int rc = read_scalar(r, n, "a domain name", &text);
	if (rc)
		return rc;
	if (strpbrk(text, " \t\n") || name_from_text(&name, text))
		return yaml_err(n, r->d, ERR_SYNTAX, "'%s' is not a domain name", text);
	return read_text(r, n, f, base);
}

/* strtod takes "inf", "nan" and hexadecimal; a scenario should not. */
static bool plain_number(const char *text, double *ret, const char **ret_end)
{
	if (text[strspn(text, "0123456789")] == '\0' || strchr("0123456789.", text[0])) {
		if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
			return false;
		char *end;
		*ret = strtod(text, &end);
		*ret_end = end;
		return end != text && isfinite(*ret);
	}
	return false;
}

static int check_range(struct reading *r, struct yaml_at n, const struct field *f, double v,
		       const char *unit, double scale)
{
	if (v >= f->min && v <= f->max)
		return 0;
	return yaml_err(n, r->d, ERR_RANGE, "%s is %s: from %.10g%s to %.10g%s is accepted", f->key,
			yaml_text(n), f->min / scale, unit, f->max / scale, unit);
}

static int whole_number(struct reading *r, struct yaml_at n, const struct field *f, uint64_t *ret)
{
	const char *text;
	int rc = read_scalar(r, n, "a whole number", &text);
	if (rc)
		return rc;
	errno = 0;
	char *end;
	unsigned long long v = strtoull(text, &end, 10);
	if (text[strspn(text, "0123456789")] || *end)
		return yaml_err(n, r->d, ERR_SYNTAX, "%s is '%s': expected a whole number without unit",
				f->key, text);
	if (errno)
		return yaml_err(n, r->d, ERR_RANGE, "%s is too large", f->key);
	rc = check_range(r, n, f, (double)v, "", 1);
	if (!rc)
		*ret = v;
	return rc;
}

int read_unsigned(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	uint64_t v;
	int rc = whole_number(r, n, f, &v);
	if (!rc)
		*AT(base, f, unsigned) = (unsigned)v;
	return rc;
}

int read_u64(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	return whole_number(r, n, f, AT(base, f, uint64_t));
}

int read_version(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	(void)base;
	const char *text;
	int rc = read_scalar(r, n, "the format's version, 1", &text);
	if (!rc && strcmp(text, "1"))
		rc = yaml_err(n, r->d, ERR_UNKNOWN, "%s is '%s': this program reads version 1", f->key,
			      text);
	return rc;
}

int read_number(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	const char *text, *end;
	double v;
	int rc = read_scalar(r, n, "a number", &text);
	if (rc)
		return rc;
	if (!plain_number(text, &v, &end) || *end)
		return yaml_err(n, r->d, ERR_SYNTAX, "%s is '%s': expected a number without unit",
				f->key, text);
	rc = check_range(r, n, f, v, "", 1);
	if (!rc)
		*AT(base, f, double) = v;
	return rc;
}

static int duration(struct reading *r, struct yaml_at n, const struct field *f, uint64_t *ret)
{
	const char *text;
	uint64_t v;
	int rc = read_scalar(r, n, "a duration such as 250ms or 10s", &text);
	if (rc)
		return rc;
	if (opt_duration(text, 0, &v))
		return yaml_err(n, r->d, ERR_SYNTAX,
				"%s is '%s': expected a duration with its unit: 200us, 250ms, 10s, 1m30s",
				f->key, text);
	rc = check_range(r, n, f, (double)v, "s", (double)NS_PER_S);
	if (!rc)
		*ret = v;
	return rc;
}

int read_duration(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	return duration(r, n, f, AT(base, f, uint64_t));
}

int read_ttl(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	uint64_t v;
	int rc = duration(r, n, f, &v);
	if (rc)
		return rc;
	if (v % NS_PER_S)
		return yaml_err(n, r->d, ERR_RANGE, "%s is %s: a TTL is whole seconds", f->key,
				yaml_text(n));
	*AT(base, f, uint32_t) = (uint32_t)(v / NS_PER_S);
	return 0;
}

int read_rate(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	static const struct choice per[] = { { "/s", 1 }, { "/m", 60 }, { "/h", 3600 }, { 0 } };
	const char *text, *end;
	double v;
	int rc = read_scalar(r, n, "a rate such as 100/s", &text);
	if (rc)
		return rc;
	const struct choice *c = per;
	if (plain_number(text, &v, &end))
		while (c->word && strcmp(c->word, end))
			c++;
	else
		c = &per[3];
	if (!c->word)
		return yaml_err(n, r->d, ERR_SYNTAX,
				"%s is '%s': expected a rate with its unit: 100/s, 30/m, 2/h", f->key,
				text);
	v /= c->value;
	rc = check_range(r, n, f, v, "/s", 1);
	if (!rc)
		*AT(base, f, double) = v;
	return rc;
}

int read_share(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	const char *text, *end;
	double v;
	int rc = read_scalar(r, n, "a share such as 0.1%", &text);
	if (rc)
		return rc;
	if (!plain_number(text, &v, &end) || strcmp(end, "%"))
		return yaml_err(n, r->d, ERR_SYNTAX, "%s is '%s': expected a share in percent: 0.1%%",
				f->key, text);
	rc = check_range(r, n, f, v / 100, "%", 0.01);
	if (!rc)
		*AT(base, f, double) = v / 100;
	return rc;
}

int read_ipv4(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	const char *text;
	struct in_addr v;
	int rc = read_scalar(r, n, "an IPv4 address", &text);
	if (rc)
		return rc;
	if (inet_pton(AF_INET, text, &v) != 1)
		return yaml_err(n, r->d, ERR_SYNTAX, "%s is '%s': expected an IPv4 address", f->key,
				text);
	*AT(base, f, struct in_addr) = v;
	return 0;
}

/* The table's value for the node's word, or an error with the accepted words. */
static int choose(struct reading *r, struct yaml_at n, const struct field *f, int *ret)
{
	const char *text, *words[16] = { 0 };
	char accepted[256] = "";
	size_t i;
	int rc = read_scalar(r, n, "one word", &text);
	if (rc)
		return rc;
	for (i = 0; f->choices[i].word && i + 1 < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(f->choices[i].word, text)) {
			*ret = f->choices[i].value;
			return 0;
		}
		words[i] = f->choices[i].word;
		size_t used = strlen(accepted);
		snprintf(accepted + used, sizeof(accepted) - used, "%s%s", i ? ", " : "", words[i]);
	}
	const char *near = err_suggest(text, words);
	return yaml_err(n, r->d, ERR_UNKNOWN, "%s is '%s'%s%s%s; accepted: %s", f->key, text,
			near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "",
			accepted);
}

int read_choice(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	int v;
	int rc = choose(r, n, f, &v);
	if (!rc)
		memcpy((char *)base + f->off, &v, sizeof(v)); /* enums are int-sized (static_assert in scenario.c) */
	return rc;
}

/* One word or a list of them. */
int read_bits(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	unsigned bits = 0;
	int v, rc;
	struct yaml_at item;
	if (yaml_kind(n) != YAML_LIST) {
		rc = choose(r, n, f, &v);
		if (!rc)
			*AT(base, f, unsigned) = (unsigned)v;
		return rc;
	}
	for (size_t i = 0; yaml_item(n, i, &item); i++) {
		rc = choose(r, item, f, &v);
		if (rc)
			return rc;
		if (bits & (unsigned)v)
			return yaml_err(item, r->d, ERR_EXISTS, "'%s' is given twice", yaml_text(item));
		bits |= (unsigned)v;
	}
	if (!bits)
		return yaml_err(n, r->d, ERR_MISSING, "%s is an empty list", f->key);
	*AT(base, f, unsigned) = bits;
	return 0;
}

int read_delay(struct reading *r, struct yaml_at n, const struct field *f, void *base)
{
	const struct field fields[] = {
		{ "median", read_duration, offsetof(struct scen_delay, median_ns), f->min, f->max, true, 0, 0 },
		{ "p99", read_duration, offsetof(struct scen_delay, p99_ns), f->min, f->max, false, 0, 0 },
		{ 0 },
	};
	struct scen_delay v = { 0, 0 };
	int rc;
	if (yaml_kind(n) == YAML_SCALAR) {
		rc = duration(r, n, f, &v.median_ns);
	} else {
		rc = read_map(r, n, fields, &v);
	}
	if (rc)
		return rc;
	if (!v.p99_ns)
		v.p99_ns = v.median_ns;
	if (v.p99_ns < v.median_ns)
		return yaml_err(n, r->d, ERR_RANGE, "%s: p99 is below the median", f->key);
	if (v.p99_ns && !v.median_ns) /* no log-normal has it */
		return yaml_err(n, r->d, ERR_RANGE, "%s: a median of 0 has no p99 above it", f->key);
	*AT(base, f, struct scen_delay) = v;
	return 0;
}
