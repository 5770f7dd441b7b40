/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing is scrolled sideways and nothing is cut off: tables become blocks where
 * they do not fit (reports/words/sheet_html.c), large pictures have a narrow form, and
 * words of any length break. What a browser does not know of this (container
 * queries) leaves a table that can be scrolled.
 */
#include "reports/page/style.h"

#define LIGHT                                                                                                            \
	"--paper:#fff;--ground:#f3f5f8;--ink:#1f2933;--soft:#52606d;--axis:#6b7785;--grid:#d9dee5;--line:#d3d9e1;"      \
	"--good:#0b6b3a;--bad:#b3261e;--warn:#8a5300;--good-bg:#e6f4ec;--bad-bg:#fbe9e7;--warn-bg:#fdf1dd;"             \
	"--cell0:#d55e00;--cell1:#0072b2;--cell2:#aa3377;--cell3:#009e73;--code:#eef1f5"

const char page_style[] =
	":root{" LIGHT ";color-scheme:light dark}\n"
	"@media screen and (prefers-color-scheme:dark){:root{--paper:#1b2027;--ground:#12161b;--ink:#e7ebf0;--soft:#a9b4c0;"
	"--axis:#8d99a6;--grid:#323a44;--line:#38414c;--good:#6fd39b;--bad:#ff9a90;--warn:#f2bd6b;--good-bg:#163324;"
	"--bad-bg:#3d1d1a;--warn-bg:#3a2c13;--cell0:#ff8a3d;--cell1:#5bb4ee;--cell2:#e78bc3;--cell3:#34c99b;--code:#262d36}}\n"
	"*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}\n"
	"body{margin:0;background:var(--ground);color:var(--ink);overflow-wrap:break-word;"
	"font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"DejaVu Sans\",sans-serif}\n"
	"main,header,footer,nav{max-width:1180px;margin:0 auto;padding:0 24px}\n"
	"header{padding-top:36px}h1{font-size:30px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}\n"
	"h2{font-size:22px;line-height:1.3;margin:0 0 6px}h3{font-size:16px;margin:20px 0 4px}figure h3{margin-top:6px}p{margin:.4em 0 .8em}\n"
	".lead,.note{color:var(--soft)}.lead{font-size:17px;margin:0 0 14px}.note{font-size:14px;max-width:62em}\n"
	"a{color:var(--cell1)}:focus-visible{outline:2px solid var(--cell1);outline-offset:2px}\n"
	".skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--paper);padding:6px 12px}\n"
	"nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;padding:0;margin:0 0 16px;font-size:14px}nav li{margin:0}\n"
	"section{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:24px 28px;margin:0 0 20px}\n"
	".verdict{border-left:8px solid var(--soft)}.verdict.good{border-left-color:var(--good)}.verdict.bad{border-left-color:var(--bad)}"
	".verdict.warn{border-left-color:var(--warn)}.verdict h2{font-size:25px}\n"
	".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,225px),1fr));gap:12px;margin:10px 0}\n"
	".tile{border:1px solid var(--line);border-radius:10px;padding:10px 14px}.tile .what{color:var(--soft);font-size:13px}\n"
	".tile .big{font-size:20px;font-weight:650;line-height:1.3;font-variant-numeric:tabular-nums}.tile .from{font-size:13.5px;color:var(--soft)}\n"
	"pre.paste{background:var(--code);border-radius:8px;padding:12px 16px;margin:8px 0;white-space:pre-wrap;overflow-wrap:anywhere}\n"
	".sheet{container-type:inline-size;margin:12px 0 6px;overflow-x:auto}\n"
	"table{border-collapse:collapse;width:100%;font-size:14px;line-height:1.45;font-variant-numeric:tabular-nums}\n"
	"caption{text-align:left;color:var(--soft);font-size:13.5px;padding:0 0 6px}\n"
	"th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}td:not(.text){white-space:nowrap}\n"
	"th{font-weight:600}th[scope=row],td.text,th.text{text-align:left}th[scope=row]:not(.long),td.text:not(.long){white-space:nowrap}.any{overflow-wrap:anywhere}"
	"td small{display:block;color:var(--soft);font-size:12px}"
	"thead th{border-bottom:2px solid var(--line);color:var(--soft);font-size:13px;vertical-align:bottom}\n"
	"tr.first>*{border-top:2px solid var(--line)}\n"
	"figure{margin:12px 0 6px;container-type:inline-size;min-width:0}figcaption{color:var(--soft);font-size:14px}\n"
	"svg.plot{width:100%;height:auto;display:block}svg.plot text{font-family:inherit}svg.narrow{display:none}\n"
	"@container (max-width:560px){svg.wide{display:none}svg.narrow{display:block}}\n"
	".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,max(330px,40%)),1fr));gap:8px 24px}\n"
	".dot{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:8px}"
	".d0{background:var(--cell0)}.d1{background:var(--cell1)}.d2{background:var(--cell2)}.d3{background:var(--cell3)}\n"
	".tag{display:inline-block;white-space:nowrap;border-radius:6px;padding:0 9px;font-size:13px;font-weight:650}.tag.good{background:var(--good-bg);color:var(--good)}"
	".tag.bad{background:var(--bad-bg);color:var(--bad)}.tag.warn{background:var(--warn-bg);color:var(--warn)}\n"
	"code{font:13px/1.5 ui-monospace,\"DejaVu Sans Mono\",monospace;overflow-wrap:anywhere}ul{margin:.3em 0 .6em;padding-left:1.3em}li{margin:.25em 0}\n"
	"dl{margin:0;max-width:62em}dt{font-weight:600}dd{margin:0 0 .5em}\n"
	"footer{color:var(--soft);font-size:13.5px;padding-bottom:40px}\n"
	"@media (max-width:560px){section{padding:18px 14px;border-radius:0;border-left:0;border-right:0}.verdict{border-left:6px solid}main{padding:0}header,footer,nav{padding-left:14px;padding-right:14px}}\n"
	"@media print{:root{" LIGHT ";--ground:#fff;--soft:#333;--line:#bbb}@page{size:A4 landscape;margin:12mm}"
	"body{font-size:10.5pt}main,header,footer{max-width:none;padding:0}header{padding-top:0}nav,.skip{display:none}"
	"section{border:0;padding:0;margin:0 0 16pt;border-radius:0}.verdict{padding-left:10pt;border-left:6pt solid}"
	"h2,h3,caption{break-after:avoid}figure,.tile,tr{break-inside:avoid}.grid{grid-template-columns:1fr 1fr 1fr 1fr;gap:6px 14px}svg.wide{max-height:150mm}.tiles{grid-template-columns:repeat(4,1fr)}.sheet{overflow:visible}"
	"table{font-size:8pt}th,td{padding:3px 7px}.tag{font-size:7.5pt;padding:0 5px}td small{font-size:7pt}pre.paste{border:1px solid #bbb}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";
