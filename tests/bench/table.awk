# SPDX-License-Identifier: Apache-2.0
# The rows of tests/bench/run as a table (-v w=WORKLOAD -v title=TEXT), or as
# lines for tests/bench/record (-v record=1). A figure is the median of the clean
# runs; of all when none was clean.

function median(key,   n, i, j, t, v) {
	n = count[key]
	for (i = 1; i <= n; i++) v[i] = value[key, i]
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
	return n == 0 ? "" : n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
# "+ 0": a field cut out of a row is text, and text would be sorted as such.
function note(cell, what, x) { key = cell SUBSEP what; value[key, ++count[key]] = x + 0 }
function ratio(a, b) { return a == "" || b + 0 == 0 ? "-" : sprintf("%.2f", a / b) }
function fig(x, form) { return x == "" ? "-" : sprintf(form, x) }

{
	delete f
	for (i = 1; i <= NF; i++) { at = index($i, "="); f[substr($i, 1, at - 1)] = substr($i, at + 1) }
	cell = f["workload"] SUBSEP f["server"]
	if (!(cell in seen)) { seen[cell] = 1; order[++n_cells] = cell }
	clean = f["foreign_pct"] <= 10
	runs[cell]++
	if (clean) n_clean[cell]++
	line[cell, runs[cell]] = $0; is_clean[cell, runs[cell]] = clean
}

function take(cell,   r, i, at, n, part) {
	for (r = 1; r <= runs[cell]; r++) {
		if (n_clean[cell] && !is_clean[cell, r]) continue
		delete f
		n = split(line[cell, r], part, " ")
		for (i = 1; i <= n; i++) { at = index(part[i], "="); f[substr(part[i], 1, at - 1)] = substr(part[i], at + 1) }
		if (f["answered"] > 0) {
			note(cell, "cpu_us", f["server_cpu_s"] * 1e6 / f["answered"])
			note(cell, "switches", f["switches"] / f["answered"])
			note(cell, "qps", f["qps"]); note(cell, "p50_us", f["p50_us"]); note(cell, "p95_us", f["p95_us"])
			note(cell, "p99_us", f["p99_us"]); note(cell, "p999_us", f["p999_us"]); note(cell, "mean_us", f["mean_us"])
			note(cell, "answered", f["answered"]); note(cell, "lost", f["lost"]); note(cell, "servfail", f["servfail"])
			note(cell, "upstream_percent", 100 * (f["up_udp"] + f["up_tcp"]) / f["sent"])
			note(cell, "upstream", f["up_udp"] + f["up_tcp"]); note(cell, "upstream_connections", f["up_connections"])
			note(cell, "core_percent", 100 * f["server_cpu_s"] / f["seconds"])
			note(cell, "load_percent", 100 * f["load_cpu_s"] / f["seconds"])
		} else note(cell, "wakeups", f["switches"] / f["span_s"])
		note(cell, "rss_mib", f["rss_kib"] / 1024); note(cell, "pss_mib", f["pss_kib"] / 1024)
		note(cell, "rss_largest_mib", f["rss_max_kib"] / 1024); note(cell, "anon_mib", f["anon_kib"] / 1024)
		note(cell, "first_ms", f["first_ms"])
	}
}
function m(s, what) { return median(w SUBSEP s SUBSEP what) }

# What costs are compared with: of a miss that is the relay.
function limit() { return m("echo", "qps") == "" && m("relay", "qps") != "" ? "relay" : "echo" }

function memory_cells(s) { return sprintf("%9.1f %9.1f %9.1f %9.1f", m(s, "rss_mib"), m(s, "rss_largest_mib"), m(s, "pss_mib"), m(s, "anon_mib")) }

function table(   k, s, part, base) {
	base = limit()
	printf "\n%s: %s\n", w, title
	if (w == "idle" || w == "start") printf "%-18s %10s %9s %9s %9s %9s %14s %8s\n", "server", "wake-ups/s", "RSS MiB", "largest", "PSS MiB", "anonymous", "first answer", "clean"
	else if (w ~ /^memory/) printf "%-18s %10s %9s %9s %9s %9s %6s %8s\n", "server", "queries", "RSS MiB", "largest", "PSS MiB", "anonymous", "lost", "clean"
	else printf "%-18s %9s %7s %9s %7s %9s %8s %8s %8s %6s %8s %8s %9s %7s %8s\n", "server", "q/s", "x " base, "CPU us/q", "x " base, "x unbound", "p50 us", "p99 us", "p99.9", "lost", "servfail", "upstream", "sleeps/q", "RSS MiB", "clean"
	for (k = 1; k <= n_cells; k++) {
		split(order[k], part, SUBSEP)
		if (part[1] != w) continue
		s = part[2]
		how = (n_clean[order[k]] + 0) " of " runs[order[k]]
		if (w == "idle" || w == "start") {
			printf "%-18s %10s %s %11s ms %8s\n", s, fig(m(s, "wakeups"), "%.2f"), memory_cells(s), s ~ /^echo/ ? "-" : fig(m(s, "first_ms"), "%.1f"), how
			continue
		}
		if (w ~ /^memory/) {
			printf "%-18s %10d %s %6d %8s\n", s, m(s, "answered"), memory_cells(s), m(s, "lost"), how
			continue
		}
		printf "%-18s %9d %7s %9.2f %7s %9s %8.1f %8.1f %8.1f %6d %8d %8s %9.3f %7.1f %8s\n", s, m(s, "qps"), ratio(m(s, "qps"), m(base, "qps")), m(s, "cpu_us"), ratio(m(s, "cpu_us"), m(base, "cpu_us")), ratio(m(s, "cpu_us"), m("unbound", "cpu_us")), m(s, "p50_us"), m(s, "p99_us"), m(s, "p999_us"), m(s, "lost"), m(s, "servfail"), w ~ /^(mi|work)/ ? fig(m(s, "upstream_percent"), "%.2f%%") : "-", m(s, "switches"), m(s, "rss_mib"), how
	}
	split(ideal, part, " ")
	if (part[1] != "") printf "ideal upstream share: %s with denials by name and type, %s renewed by their cut, %s with nothing asked below a cut that is not there\n", part[1], part[2], part[3]
}

function records(   k, j, part, n, what, unit) {
	n = split("cpu_us:us qps:queries/s p50_us:us p95_us:us p99_us:us p999_us:us lost:queries servfail:queries upstream:queries upstream_percent:% upstream_connections:connections switches:1 wakeups:1/s core_percent:% load_percent:% rss_mib:MiB rss_largest_mib:MiB pss_mib:MiB anon_mib:MiB first_ms:ms", what, " ")
	for (k = 1; k <= n_cells; k++) {
		split(order[k], part, SUBSEP)
		for (j = 1; j <= n; j++) {
			split(what[j], unit, ":")
			if (count[order[k] SUBSEP unit[1]]) printf "num %s.%s.%s %s %.6g\n", part[1], part[2], unit[1], unit[2], median(order[k] SUBSEP unit[1])
		}
		printf "num %s.%s.runs 1 %d\nnum %s.%s.runs_clean 1 %d\n", part[1], part[2], runs[order[k]], part[1], part[2], n_clean[order[k]]
	}
}

END {
	for (k = 1; k <= n_cells; k++) take(order[k])
	if (record) records(); else table()
}
