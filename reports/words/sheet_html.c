/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table as HTML. How wide it will be follows from what is in it, so each gets
 * a class of its width, and where its place on the page is narrower its rows are
 * laid out as blocks, each value under the name of its column. Roles are written
 * out because browsers forget a table's meaning with its layout.
 */
#include "reports/words/sheet.h"

#include <math.h>
#include <string.h>

#include "reports/words/fmt.h"

#define STEP_PX 30
#define CHAR_PX 8.4 /* the table's font, 14 px, generously */
#define PADDING_PX 20
#define TEXT_CHARS 26 /* words wrap, but not more narrowly than this */
#define LONG_CHARS 22
#define PAPER_SCALE 0.8 /* of widths: style.c prints tables in smaller type */
#define WIDTHS 128
#define SWATCHES 4

static size_t chars(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static size_t longest_word(const char *text)
{
	size_t most = 0;
	while (*text) {
		char word[64];
		size_t len = strcspn(text, " ");
		snprintf(word, sizeof(word), "%.*s", (int)(len < 63 ? len : 63), text);
		if (chars(word) > most)
			most = chars(word);
		text += len + (text[len] == ' ');
	}
	return most;
}

/* How the words of a column wrap: those that are long want a line of their own where rows
 * are blocks, and where one word is longer than the column it may break anywhere. */
static const char *wrapping(const struct sheet *s, size_t k)
{
	bool is_long = false, any = false;
	for (size_t i = 0; s->column[k].is_text && i < s->n_rows; i++) {
		const char *text = s->cell[i * s->n_columns + k].text;
		is_long = is_long || chars(text) > LONG_CHARS;
		any = any || longest_word(text) > TEXT_CHARS;
	}
	return any ? " long any" : is_long ? " long" : "";
}

static double column_px(const struct sheet *s, size_t k)
{
	size_t most = longest_word(s->column[k].words);
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct sheet_cell *c = &s->cell[i * s->n_columns + k];
		size_t beside = c->aside ? chars(c->aside) * 6 / 7 : 0; /* smaller */
		size_t n = (chars(c->text) > beside ? chars(c->text) : beside) + (c->swatch >= 0 ? 3 : 0) + (c->mark ? 3 : 0);
		if (s->column[k].is_text && n > TEXT_CHARS) /* asides wrap as well */
			n = TEXT_CHARS;
		most = n > most ? n : most;
	}
	return (double)most * CHAR_PX + PADDING_PX;
}

/* In steps; at least 10. */
static unsigned width_steps(const struct sheet *s)
{
	double px = 0;
	for (size_t k = 0; k < s->n_columns; k++)
		px += column_px(s, k);
	unsigned steps = (unsigned)(px / STEP_PX) + 1;
	return steps < 10 ? 10 : steps < WIDTHS ? steps : WIDTHS - 1;
}

static bool is_whole(const struct sheet *s)
{
	return s->n_rows && s->n_cells == s->n_rows * s->n_columns;
}

static void put_value(const struct sheet_cell *c, FILE *out)
{
	if (c->swatch >= 0)
		fprintf(out, "<span class=\"dot d%d\"></span>", c->swatch % SWATCHES);
	if (!*c->text) {
		fputs("<span role=\"img\" aria-label=\"not known\">\u2013</span>", out);
		return;
	}
	if (c->mark)
		fprintf(out, "<span class=\"tag %s\">", sheet_mark_name[c->mark]);
	fputs(c->code ? "<code>" : "", out);
	html_text(out, c->text);
	fputs(c->code ? "</code>" : "", out);
	if (c->mark)
		fputs("</span>", out);
	if (!c->aside)
		return;
	fputs("<small>", out);
	html_text(out, c->aside);
	fputs("</small>", out);
}

static void put_row(const struct sheet *s, size_t row, FILE *out)
{
	fprintf(out, "<tr role=\"row\"%s>", s->group[row] ? " class=\"first\"" : "");
	for (size_t k = 0; k < s->n_columns; k++) {
		if (k == 0) {
			fprintf(out, "<th scope=\"row\" role=\"rowheader\" class=\"text%s\"", wrapping(s, k));
			if (!s->column[k].is_text) { /* a number alone would say nothing */
				fputs(" data-label=\"", out);
				html_text(out, s->column[k].words);
				fputc('"', out);
			}
			fputc('>', out);
		} else {
			if (s->column[k].is_text)
				fprintf(out, "<td role=\"cell\" class=\"text%s\" data-label=\"", wrapping(s, k));
			else
				fputs("<td role=\"cell\" data-label=\"", out);
			html_text(out, s->column[k].words);
			fputs("\">", out);
		}
		put_value(&s->cell[row * s->n_columns + k], out);
		fputs(k ? "</td>" : "</th>", out);
	}
	fputs("</tr>\n", out);
}

void sheet_html(const struct sheet *s, FILE *out)
{
	if (!is_whole(s))
		return;
	fprintf(out, "<div class=\"sheet\"><table class=\"w%u\" id=\"t-%s\" role=\"table\">\n<caption>", width_steps(s), s->id);
	html_text(out, s->caption);
	fputs("</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">", out);
	for (size_t k = 0; k < s->n_columns; k++) {
		fprintf(out, "<th scope=\"col\" role=\"columnheader\"%s>",
			k == 0 || s->column[k].is_text ? " class=\"text\"" : "");
		html_text(out, s->column[k].words);
		fputs("</th>", out);
	}
	fputs("</tr></thead>\n<tbody role=\"rowgroup\">\n", out);
	for (size_t i = 0; i < s->n_rows; i++)
		put_row(s, i, out);
	fputs("</tbody></table></div>\n", out);
}

static void put_rules(FILE *out, unsigned w, double scale)
{
	fprintf(out,
		"@container (max-width:%.0fpx){.w%u,.w%u tbody,.w%u caption{display:block}.w%u thead{display:none}"
		".w%u tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(8em,1fr));gap:2px 14px;padding:8px 0;border-bottom:1px solid var(--line)}"
		".w%u tr>*{display:block;border:0!important;padding:1px 0;text-align:left;white-space:normal!important;overflow-wrap:anywhere}"
		".w%u th,.w%u td.long{grid-column:1/-1}"
		".w%u [data-label]::before{content:attr(data-label) / \"\";display:block;color:var(--soft);font-size:12px;line-height:1.3}}\n",
		w * STEP_PX * scale - 1, w, w, w, w, w, w, w, w, w);
}

void sheets_style(const struct sheets *all, FILE *out)
{
	bool used[WIDTHS] = { false };
	for (size_t i = 0; i < all->n; i++)
		if (is_whole(all->sheet[i]))
			used[width_steps(all->sheet[i])] = true;
	for (int paper = 0; paper < 2; paper++) {
		fprintf(out, "@media %s{\n", paper ? "print" : "screen");
		for (unsigned w = 0; w < WIDTHS; w++)
			if (used[w])
				put_rules(out, w, paper ? PAPER_SCALE : 1);
		fputs("}\n", out);
	}
}
