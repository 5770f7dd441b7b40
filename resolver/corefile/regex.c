/* SPDX-License-Identifier: Apache-2.0 */
/* The one door to PCRE2; see regex.h. */
#include "resolver/corefile/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/corefile/corefile.h"
#include "resolver/corefile/setup.h"

enum { MATCH_LIMIT = 100000, DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 1024 };

struct cf_regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

int cf_regex_new(struct cf_regex **ret, const char *pattern, struct diag *d)
{
	struct cf_regex *r;
	int code = 0;
	PCRE2_SIZE at = 0;

	if (strlen(pattern) > CF_PATTERN_MAX)
		return diag_set(d, ERR_LIMIT, "regular expression longer than %d octets",
				CF_PATTERN_MAX);
	r = calloc(1, sizeof(*r));
	if (!r)
		return diag_set(d, ERR_NOMEM, "out of memory");
	r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
				PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
	if (!r->code) {
		PCRE2_UCHAR words[120];

		pcre2_get_error_message(code, words, sizeof(words));
		cf_regex_free(r);
		return diag_set(d, ERR_SYNTAX, "invalid regular expression '%s': %s at offset %zu",
				pattern, (const char *)words, (size_t)at);
	}
	r->data = pcre2_match_data_create(CF_GROUPS_MAX, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (!r->data || !r->limits) {
		cf_regex_free(r);
		return diag_set(d, ERR_NOMEM, "out of memory");
	}
	pcre2_set_match_limit(r->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(r->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(r->limits, HEAP_LIMIT_KIB);
	*ret = r;
	return 0;
}

void cf_regex_free(struct cf_regex *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_match_data_free(r->data);
	pcre2_code_free(r->code);
	free(r);
}

bool cf_regex_exec(const struct cf_regex *r, const char *text, size_t len, struct cf_match *ret)
{
	int rc = pcre2_match(r->code, (PCRE2_SPTR)text, len, 0, 0, r->data, r->limits);

	if (rc < 0)
		return false;
	if (!ret)
		return true;
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);

	ret->n = rc == 0 ? CF_GROUPS_MAX : (size_t)rc; /* 0: more groups than there is room */
	for (size_t i = 0; i < ret->n; i++) {
		bool sane =
			v[2 * i] != PCRE2_UNSET && v[2 * i] <= v[2 * i + 1] && v[2 * i + 1] <= len;

		ret->g[i].start = sane ? v[2 * i] : SIZE_MAX;
		ret->g[i].end = sane ? v[2 * i + 1] : SIZE_MAX;
	}
	return true;
}

int cf_regex_group(const struct cf_regex *r, const char *name)
{
	int n = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)name);

	return n < 0 ? -1 : n;
}

int cf_regex_groups(const struct cf_regex *r)
{
	uint32_t n = 0;

	pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &n);
	return (int)n;
}

bool corefile_regex_match(const struct cf_regex *r, const char *text, size_t len)
{
	return cf_regex_exec(r, text, len, NULL);
}

struct cf_regex *cf_regex(struct cf_setup *s, const struct cf_token *at, const char *pattern)
{
	struct cf_regex *r;
	struct diag d;

	if (cf_regex_new(&r, pattern, &d) != 0) {
		cf_error(s, at, "%s", d.text);
		return NULL;
	}
	struct cf_regex **slot = arena_push(s->arena, &s->regex, &s->n_regex, sizeof(*slot));

	if (!slot) {
		cf_regex_free(r);
		cf_nomem(s);
		return NULL;
	}
	return *slot = r;
}
