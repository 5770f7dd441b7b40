/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gnuplot's SVG into the page. It is rewritten in one pass: the prologue goes,
 * ids get the figure's prefix (several pictures share one document), and the
 * colours of figure.h become CSS variables, so that a dark page can choose its
 * own.
 */
#include "reports/draw/figure.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "reports/words/fmt.h"

#define SVG_MAX (8 << 20)

static const struct {
	unsigned r, g, b;
	const char *variable;
} palette[] = {
	{ 0x1f, 0x29, 0x33, "--ink" },	 { 0x6b, 0x77, 0x85, "--axis" },  { 0xd9, 0xde, 0xe5, "--grid" },
	{ 0xff, 0xff, 0xfe, "--paper" }, { 0xd5, 0x5e, 0x00, "--cell0" }, { 0x00, 0x72, 0xb2, "--cell1" },
	{ 0xaa, 0x33, 0x77, "--cell2" }, { 0x00, 0x9e, 0x73, "--cell3" },
	{ 0xb3, 0x26, 0x1d, "--bad" },
};

/* At "rgb(": the variable and where the colour ends, or NULL. */
static const char *known_colour(const char *at, const char **ret_end)
{
	unsigned r, g, b;
	int used = 0;
	if (sscanf(at, "rgb( %u , %u , %u )%n", &r, &g, &b, &used) != 3 || !used)
		return NULL;
	for (size_t i = 0; i < sizeof(palette) / sizeof(palette[0]); i++) {
		if (palette[i].r == r && palette[i].g == g && palette[i].b == b) {
			*ret_end = at + used;
			return palette[i].variable;
		}
	}
	return NULL;
}

static void put_body(FILE *out, const char *p, const char *id)
{
	static const char *const refs[] = { " id='", " id=\"", "href='#", "href=\"#", "url(#" };
	while (*p) {
		const char *end, *variable = strncmp(p, "rgb(", 4) ? NULL : known_colour(p, &end);
		if (variable) {
			fprintf(out, "var(%s)", variable);
			p = end;
			continue;
		}
		size_t len = 0;
		for (size_t i = 0; !len && i < sizeof(refs) / sizeof(refs[0]); i++)
			if (!strncmp(p, refs[i], strlen(refs[i])))
				len = strlen(refs[i]);
		if (len) {
			fprintf(out, "%.*s%s-", (int)len, p, id);
			p += len;
		} else {
			fputc(*p++, out);
		}
	}
}

/* The number after `key` in the root's viewBox="0 0 w h". */
static void view_box(const char *svg, unsigned *ret_w, unsigned *ret_h)
{
	const char *box = strstr(svg, "viewBox=\"");
	if (!box || sscanf(box, "viewBox=\"0 0 %u %u\"", ret_w, ret_h) != 2) {
		*ret_w = 800;
		*ret_h = 400;
	}
}

static int put_svg(const struct figures *fs, const struct figure *f, bool narrow, const char *form, FILE *out)
{
	char path[4096], id[20], *svg = NULL;
	unsigned w, h;
	snprintf(id, sizeof(id), "%s%s", f->id, narrow ? "n" : "");
	snprintf(path, sizeof(path), "%s/%s.svg", fs->dir, id);
	file_read(path, SVG_MAX, &svg, NULL, NULL);
	const char *root = svg ? strstr(svg, "<svg") : NULL;
	/* past gnuplot's own title and description */
	const char *body = root ? strstr(root, "</desc>") : NULL;
	if (!body) {
		free(svg);
		return ERR_SYNTAX;
	}
	view_box(root, &w, &h);
	fprintf(out,
		"<svg class=\"plot%s\" viewBox=\"0 0 %u %u\" xmlns=\"http://www.w3.org/2000/svg\" "
		"xmlns:xlink=\"http://www.w3.org/1999/xlink\" role=\"img\" aria-labelledby=\"%s-t %s-d\">\n<title id=\"%s-t\">",
		form, w, h, id, id, id);
	html_text(out, f->title);
	fprintf(out, "</title>\n<desc id=\"%s-d\">", id);
	html_text(out, f->finding);
	fputs("</desc>\n", out);
	put_body(out, body + strlen("</desc>"), id);
	free(svg);
	return 0;
}

int figure_inline(const struct figures *fs, const struct figure *f, FILE *out)
{
	int rc = put_svg(fs, f, false, f->drawn_narrow ? " wide" : "", out);
	return rc || !f->drawn_narrow ? rc : put_svg(fs, f, true, " narrow", out);
}
