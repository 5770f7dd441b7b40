/* SPDX-License-Identifier: Apache-2.0 */
/* Words to rewrite rules; see rewrite_rules.h. */
#include <stdlib.h>
#include <string.h>

#include "resolver/plugins/rewrite_rules.h"

/* What is left of a rule's words. */
struct words {
	struct cf_setup *s;
	const struct cf_token *tok;
	size_t n;
};

static const char *const matches[] = {"exact",	   "prefix", "suffix",
				      "substring", "regex",  NULL}; /* enum rewrite_match */

static void words_drop(struct words *w, size_t n)
{
	w->tok += n;
	w->n -= n;
}

static const char *lower_text(struct cf_setup *s, const char *text, bool dot)
{
	size_t len = strlen(text);
	char *t = arena_printf(s->arena, "%s%s", text,
			       dot && (len == 0 || text[len - 1] != '.') ? "." : "");

	for (char *c = t; c && *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 32;
	if (!t)
		cf_nomem(s);
	return t;
}

/* Highest {n} that a replacement uses. */
static int groups_used(const char *to)
{
	int max = 0;

	for (const char *o = strchr(to, '{'); o; o = strchr(o + 1, '{')) {
		char *end;
		long v = strtol(o + 1, &end, 10);

		if (end != o + 1 && *end == '}' && v > max)
			max = (int)v;
	}
	return max;
}

static const struct cf_regex *regex_read(struct cf_setup *s, const struct cf_token *from,
					 const struct cf_token *to)
{
	const struct cf_regex *r = cf_regex(s, from, from->text);

	if (r && to && groups_used(to->text) > cf_regex_groups(r)) {
		cf_error(s, to,
			 "the rewrite regex pattern (%s) uses more subexpressions than its "
			 "corresponding matching regex pattern (%s)",
			 to->text, from->text);
		return NULL;
	}
	return r;
}

/* FROM, and before it the way of matching when `named`. Prefix and substring are
 * taken as they stand; exact and suffix end with a dot, as in CoreDNS. */
static int match_read(struct words *w, bool named, struct rewrite_rule *r)
{
	if (named) {
		struct cf_token t = w->tok[0];

		t.text = lower_text(w->s, t.text, false);
		int k = t.text ? cf_choice(w->s, &t, "match type", matches) : -1;

		if (k < 0)
			return ERR_SYNTAX;
		r->match = (enum rewrite_match)k;
		words_drop(w, 1);
	}
	if (r->match == REWRITE_REGEX) {
		r->regex =
			regex_read(w->s, &w->tok[0],
				   r->field == REWRITE_NAME || r->field == REWRITE_CNAME ? &w->tok[1]
											 : NULL);
		if (!r->regex)
			return ERR_SYNTAX;
	}
	bool dot = r->match == REWRITE_EXACT || r->match == REWRITE_SUFFIX;

	r->from = lower_text(w->s, w->tok[0].text, dot);
	words_drop(w, 1);
	return r->from ? 0 : ERR_NOMEM;
}

/* answer auto | answer name FROM TO | answer value FROM TO; `answer` only at first. */
static int answers_read(struct words *w, struct rewrite_rule *r)
{
	static const char *const kinds[] = {"auto", "name", "value", NULL};
	bool first = true;
	unsigned n_names = 0;

	for (; w->n; first = false) {
		bool said = strcmp(w->tok[0].text, "answer") == 0;

		if (!said && first)
			return cf_error(w->s, &w->tok[0],
					"unexpected '%s': expected 'answer' or the end of the rule",
					w->tok[0].text);
		words_drop(w, said);
		if (w->n == 0)
			return cf_error(w->s, &w->tok[-1],
					"'answer' needs auto, name or value after it");
		if (w->n > 1 && strcmp(w->tok[0].text, "name") == 0 &&
		    strcmp(w->tok[1].text, "auto") == 0)
			words_drop(w,
				   1); /* `answer name auto`, as CoreDNS's manual also writes it */
		int k = cf_choice(w->s, &w->tok[0], "answer rule", kinds);

		if (k < 0)
			return ERR_SYNTAX;
		if (k == 0) {
			r->is_auto = true;
			words_drop(w, 1);
			continue;
		}
		if (w->n < 3)
			return cf_error(w->s, &w->tok[0],
					"answer %s: 2 arguments required: FROM TO", kinds[k]);
		if (r->n_answers >= REWRITE_ANSWERS_MAX)
			return cf_error(w->s, &w->tok[0], "more than %d answer rules",
					REWRITE_ANSWERS_MAX);
		struct rewrite_answer *a = &r->answer[r->n_answers];

		a->is_value = k == 2;
		a->from = regex_read(w->s, &w->tok[1], &w->tok[2]);
		a->to = lower_text(w->s, w->tok[2].text, true);
		if (!a->from || !a->to)
			return ERR_SYNTAX;
		n_names += k == 1;
		r->n_answers++;
		words_drop(w, 3);
	}
	if (r->is_auto && n_names && r->match != REWRITE_EXACT)
		return cf_error(
			w->s, &w->tok[-1],
			"auto name answer rule cannot be combined with explicit name answer rules");
	return 0;
}

/* [exact|prefix|suffix|substring|regex] FROM TO */
static int pattern_read(struct words *w, struct rewrite_rule *r)
{
	int err = match_read(w, w->n > 2, r); /* two words are FROM TO */

	if (err)
		return err;
	bool dot = r->match != REWRITE_PREFIX && r->match != REWRITE_SUBSTRING;

	r->to = lower_text(w->s, w->tok[0].text, dot);
	words_drop(w, 1);
	r->is_auto = r->field == REWRITE_NAME && r->match == REWRITE_EXACT;
	return r->to ? 0 : ERR_NOMEM;
}

static int name_read(struct words *w, struct rewrite_rule *r)
{
	if (w->n < 2)
		return cf_error(w->s, &w->tok[-1],
				"too few arguments for a name rule: expected "
				"[exact|prefix|suffix|substring|regex] FROM TO");
	int err = pattern_read(w, r);

	return err ? err : answers_read(w, r);
}

static int cname_read(struct words *w, struct rewrite_rule *r)
{
	if (w->n < 2 || w->n > 3)
		return cf_error(
			w->s, &w->tok[-1],
			"a cname rule is [exact|prefix|suffix|substring|regex] FROM TO");
	return pattern_read(w, r);
}

static int ttl_read(struct words *w, struct rewrite_rule *r)
{
	if (w->n < 2 || w->n > 3)
		return cf_error(
			w->s, &w->tok[-1],
			"a ttl rule is [exact|prefix|suffix|substring|regex] NAME SECONDS|MIN-MAX");
	int err = match_read(w, w->n == 3, r);

	if (err)
		return err;
	const char *t = w->tok[0].text, *dash = strchr(t, '-');
	char *end;
	unsigned long min = strtoul(t, &end, 10), max = dash ? strtoul(dash + 1, &end, 10) : min;

	if (strspn(t, "0123456789-") != strlen(t) || t[0] == 0 || strcmp(t, "-") == 0 || *end)
		return cf_error(w->s, &w->tok[0],
				"invalid TTL '%s' for a ttl rule: expected 30, 30-300, -300 or 30-",
				t);
	if (t[0] == '-') {
		min = 0;
		max = strtoul(t + 1, &end, 10);
	}
	if (dash && dash[1] == 0)
		max = INT32_MAX;
	if (min > max || max > INT32_MAX)
		return cf_error(w->s, &w->tok[0],
				"invalid TTL '%s' for a ttl rule: the minimum is above the maximum",
				t);
	r->ttl_min_s = (uint32_t)min;
	r->ttl_max_s = (uint32_t)max;
	return 0;
}

static int rcode_value(struct cf_setup *s, const struct cf_token *t, uint16_t *ret)
{
	char *end;
	unsigned long v = strtoul(t->text, &end, 10);

	if (t->text[0] >= '0' && t->text[0] <= '9' && *end == 0 && v <= 15) {
		*ret = (uint16_t)v;
		return 0;
	}
	int err = cf_rcode(s, t, ret);

	return err == 0 && *ret > 15 ? cf_error(s, t, "%s does not fit a header", t->text) : err;
}

static int rcode_read(struct words *w, struct rewrite_rule *r)
{
	if (w->n < 3 || w->n > 4)
		return cf_error(
			w->s, &w->tok[-1],
			"an rcode rule is [exact|prefix|suffix|substring|regex] NAME FROM TO");
	int err = match_read(w, w->n == 4, r);

	if (err == 0)
		err = rcode_value(w->s, &w->tok[0], &r->from_value);
	return err ? err : rcode_value(w->s, &w->tok[1], &r->to_value);
}

static int class_value(struct cf_setup *s, const struct cf_token *t, uint16_t *ret)
{
	static const char *const names[] = {"IN", "CH", "HS", "ANY", NULL};
	static const uint16_t values[] = {DNS_IN, DNS_CH, DNS_HS, DNS_CLASS_ANY};
	int k = cf_choice(s, t, "class", names);

	if (k < 0)
		return ERR_SYNTAX;
	*ret = values[k];
	return 0;
}

static int pair_read(struct words *w, struct rewrite_rule *r, const char *what,
		     int (*value)(struct cf_setup *, const struct cf_token *, uint16_t *))
{
	if (w->n != 2)
		return cf_error(w->s, &w->tok[-1],
				"%s rules must have exactly two arguments: FROM TO", what);
	int err = value(w->s, &w->tok[0], &r->from_value);

	return err ? err : value(w->s, &w->tok[1], &r->to_value);
}

int rewrite_rule_read(struct cf_setup *s, const struct cf_token *tok, size_t n,
		      struct rewrite_rule *ret)
{
	static const char *const fields[] = {"name",  "type",  "class", "ttl",
					     "rcode", "edns0", "cname", NULL};
	struct words w = {.s = s, .tok = tok, .n = n};
	struct rewrite_rule r = {0};

	if (strcasecmp(tok[0].text, "continue") == 0 || strcasecmp(tok[0].text, "stop") == 0) {
		r.goes_on = (tok[0].text[0] | 32) == 'c';
		words_drop(&w, 1);
	}
	if (w.n == 0)
		return cf_error(s, &tok[0], "no rule type specified for rewrite");
	if (strcmp(w.tok[0].text, "answer") == 0)
		return cf_error(s, &w.tok[0], "response rewrites must begin with a name rule");
	int k = cf_choice(s, &w.tok[0], "rule type", fields), err = 0;

	if (k < 0)
		return ERR_SYNTAX;
	r.field = (enum rewrite_field)k;
	words_drop(&w, 1);
	switch (k) {
	case REWRITE_NAME:
		err = name_read(&w, &r);
		break;
	case REWRITE_TYPE:
		err = pair_read(&w, &r, "type", cf_type);
		break;
	case REWRITE_CLASS:
		err = pair_read(&w, &r, "class", class_value);
		break;
	case REWRITE_TTL:
		err = ttl_read(&w, &r);
		break;
	case REWRITE_RCODE:
		err = rcode_read(&w, &r);
		break;
	case REWRITE_EDNS0:
		err = edns0_read(s, w.tok, w.n, &r.edns0);
		break;
	case REWRITE_CNAME:
		err = cname_read(&w, &r);
		break;
	}
	if (err == 0)
		*ret = r;
	return err;
}
