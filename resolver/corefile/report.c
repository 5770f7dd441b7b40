/* SPDX-License-Identifier: Apache-2.0 */
/* Collects errors and warnings; see report.h. */
#include "resolver/corefile/report.h"

struct cf_report *cf_report_new(struct arena *a)
{
	struct cf_report *r = arena_alloc(a, sizeof(*r));

	if (r)
		r->arena = a;
	return r;
}

void cf_report_add(struct cf_report *r, bool is_error, const struct cf_token *at, const char *fmt,
		   va_list ap)
{
	if (is_error)
		r->n_errors++;
	if (r->n >= CF_NOTES_MAX)
		return;
	struct cf_note *n = arena_push(r->arena, &r->note, &r->n, sizeof(*n));
	const char *words = n ? arena_vprintf(r->arena, fmt, ap) : NULL;

	if (words && at && at->file)
		words = arena_printf(r->arena, "%s:%u:%u: %s", at->file, at->line, at->col, words);
	if (n)
		*n = (struct cf_note){is_error, words ? words : "out of memory"};
}

int cf_report_error(struct cf_report *r, const struct cf_token *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cf_report_add(r, true, at, fmt, ap);
	va_end(ap);
	return ERR_SYNTAX;
}

void cf_report_warn(struct cf_report *r, const struct cf_token *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cf_report_add(r, false, at, fmt, ap);
	va_end(ap);
}

int cf_report_diag(const struct cf_report *r, struct diag *d)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->note[i].is_error)
			return diag_set(d, ERR_SYNTAX, "%s", r->note[i].text);
	return diag_set(d, ERR_NOMEM, "out of memory");
}

const char *cf_did_you_mean(struct arena *a, const char *word, const char *const *list)
{
	const char *hit = err_suggest(word, list);
	const char *text = hit ? arena_printf(a, " (did you mean '%s'?)", hit) : "";

	return text ? text : "";
}
