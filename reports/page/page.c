/* SPDX-License-Identifier: Apache-2.0 */
/* Frame and look of the page. No script, no outside resource: it can be mailed
 * around and opened in ten years. */
#include "reports/page/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/opt.h"
#include "reports/words/fmt.h"

static const char style[] =
	":root{--paper:#fff;--ground:#f3f5f8;--ink:#1f2933;--soft:#52606d;--axis:#6b7785;--grid:#d9dee5;"
	"--line:#d3d9e1;--good:#0b6b3a;--bad:#b3261e;--warn:#8a5300;--good-bg:#e6f4ec;--bad-bg:#fbe9e7;--warn-bg:#fdf1dd;"
	"--cell0:#d55e00;--cell1:#0072b2;--cell2:#aa3377;--cell3:#009e73;color-scheme:light dark}\n"
	"@media (prefers-color-scheme:dark){:root{--paper:#1b2027;--ground:#12161b;--ink:#e7ebf0;--soft:#a9b4c0;"
	"--axis:#8d99a6;--grid:#323a44;--line:#38414c;--good:#6fd39b;--bad:#ff9a90;--warn:#f2bd6b;--good-bg:#163324;"
	"--bad-bg:#3d1d1a;--warn-bg:#3a2c13;--cell0:#ff8a3d;--cell1:#5bb4ee;--cell2:#e78bc3;--cell3:#34c99b}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"DejaVu Sans\",sans-serif}\n"
	"main,header,footer{max-width:1120px;margin:0 auto;padding:0 24px}\n"
	"header{padding-top:40px}h1{font-size:30px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}\n"
	"h2{font-size:21px;margin:0 0 4px}h3{font-size:16px;margin:16px 0 2px}p{margin:.4em 0 .8em}\n"
	".lead,.note{color:var(--soft)}.lead{font-size:17px;margin:0 0 22px}.note{font-size:14px}\n"
	"section{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:24px 28px;margin:0 0 20px}\n"
	".verdict{border-left:8px solid var(--soft)}.verdict.good{border-left-color:var(--good)}.verdict.bad{border-left-color:var(--bad)}.verdict.warn{border-left-color:var(--warn)}\n"
	".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(225px,1fr));gap:14px;margin:16px 0 10px}\n"
	".tile{border:1px solid var(--line);border-radius:10px;padding:12px 16px}.tile .what{color:var(--soft);font-size:13px}\n"
	".tile .big{font-size:20px;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums;white-space:nowrap}.tile .from{font-size:13.5px;color:var(--soft)}\n"
	"table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums;margin:10px 0 4px}\n"
	"caption{text-align:left;color:var(--soft);font-size:13.5px;padding:0 0 6px}\n"
	"th,td{padding:6px 10px;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}\n"
	"th{font-weight:600}th[scope=row]{white-space:nowrap}th[scope=row],td.text,th.text{text-align:left}td.eng{white-space:nowrap}thead th{border-bottom:2px solid var(--line);color:var(--soft);font-size:13px;vertical-align:bottom}\n"
	"tr.first th,tr.first td{border-top:2px solid var(--line)}\n"
	".scroll{overflow-x:auto}.scroll:focus-visible{outline:2px solid var(--cell1)}\n"
	"figure{margin:14px 0 6px}figcaption{color:var(--soft);font-size:14px}svg.plot{width:100%;height:auto;display:block}svg.plot text{font-family:inherit}\n"
	".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:8px 24px}\n"
	".dot{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:8px}\n"
	".tag{display:inline-block;border-radius:6px;padding:1px 9px;font-size:13px;font-weight:650;white-space:nowrap}.tag.good{background:var(--good-bg);color:var(--good)}.tag.bad{background:var(--bad-bg);color:var(--bad)}.tag.warn{background:var(--warn-bg);color:var(--warn)}\n"
	"code{font:13px/1.5 ui-monospace,\"DejaVu Sans Mono\",monospace;overflow-wrap:anywhere}ul{margin:.3em 0 .6em;padding-left:1.3em}li{margin:.25em 0}\n"
	"details summary{cursor:pointer;color:var(--soft);font-size:14px;margin:6px 0}footer{color:var(--soft);font-size:13.5px;padding-bottom:40px}\n"
	"@media (max-width:560px){.grid{grid-template-columns:1fr}section{padding:18px 16px}main,header,footer{padding-left:12px;padding-right:12px}}\n"
	"@media print{:root{--paper:#fff;--ground:#fff;--ink:#000;--soft:#333;--line:#bbb;--grid:#ddd;--axis:#555;--cell0:#d55e00;--cell1:#0072b2;--cell2:#aa3377;--cell3:#009e73}"
	"body{font-size:11pt}section{border:0;padding:0;margin:0 0 18pt;border-radius:0}figure,table,.tile{break-inside:avoid}.scroll{overflow:visible}details>*{display:block}}\n";

/* The scenario of all cells, or what they have in common. */
static void put_header(const struct report *r, FILE *out)
{
	const struct book *b = r->book;
	fputs("<header>\n<h1>", out);
	html_text(out, r->title);
	fputs("</h1>\n<p class=\"lead\">", out);
	if (b->n_cells) {
		fputs("Scenario ", out);
		html_text(out, *b->cell[0].scenario ? b->cell[0].scenario : "without a name");
		bool more = strcmp(b->cell[b->n_cells - 1].scenario, b->cell[0].scenario);
		fprintf(out, "%s: %zu cell%s, %s.", more ? " and others" : "", b->n_cells,
			b->n_cells == 1 ? "" : "s",
			!book_has(b, ENG_LAB) ? "predicted; nothing was measured" :
			book_has(b, ENG_SIM) || book_has(b, ENG_MODEL) ?
						"measured, with what the models predicted beside it" :
						"measured");
	}
	fputs("</p>\n</header>\n", out);
}

static void put_page(const struct report *r, FILE *out)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>",
	      out);
	html_text(out, r->title);
	fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", style);
	put_header(r, out);
	fputs("<main>\n", out);
#define SECTION_WRITE(name) section_##name(r, out);
	REPORT_SECTIONS(SECTION_WRITE)
	fprintf(out, "</main>\n<footer><p>capacity-report %s. Times are counted from the moment a lookup was meant to start. "
		     "k is 1000, MiB is 1,048,576 bytes.</p></footer>\n</body>\n</html>\n",
		opt_version());
}

int page_write(const struct report *r, const char *path, struct diag *d)
{
	char temp[4096];
	if (snprintf(temp, sizeof(temp), "%s.partial", path) >= (int)sizeof(temp))
		return diag_set(d, ERR_LIMIT, "%.60s...: the path is too long", path);
	FILE *out = fopen(temp, "we");
	if (!out)
		return diag_errno(d, "%s", temp);
	put_page(r, out);
	bool bad = ferror(out);
	if (fclose(out) || bad)
		return diag_errno(d, "%s", temp);
	return rename(temp, path) ? diag_errno(d, "%s", path) : 0;
}
