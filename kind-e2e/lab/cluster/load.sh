# SPDX-License-Identifier: Apache-2.0
# Load of the cluster lab: `kind-e2e steady` and `kind-e2e agree` in client pods, and the figures beside it.
# shellcheck shell=bash
# What a load asks for: names that exist, and that clients ask all the time.
load_names() {
	grep -E '^(kubernetes|web|com|headless|a\.headless|outside|inside)\..* A+$' "$lab/questions"
	grep -E '^(www|alias)\.outside\.example\.[a-z.]* ' "$lab/questions"
}

# Three sorts of client in a pod on each node, for SECONDS: new ports, ports that stay, TCP connections that stay.
load_begin() { # SECONDS
	local p
	rm -f "$lab"/load.*
	for p in client1 client2; do
		load_one $p ports "$1" --rate 100
		load_one $p sockets "$1" --rate 200 --sockets 4
		load_one $p tcp "$1" --rate 40 --sockets 2 --tcp
	done
	wait_for 30 load_runs 6
}
load_runs() { [ "$(grep -ls '^asking ' "$lab"/load.*.err | wc -l)" = "$1" ]; }
load_one() { # POD SORT SECONDS OPTION...
	local pod=$1 sort=$2 t=$3; shift 3
	in_pod_with "$lab/load-names" "$pod" /bin/kind-e2e steady --names - --server $CLUSTER_DNS --duration "${t}s" "$@" >"$lab/load.$pod.$sort" 2>"$lab/load.$pod.$sort.err" &
	echo $! >>"$lab/load.pids"
}
in_pod_with() { # FILE POD COMMAND...: with the file on standard input
	local f=$1 p=$2; shift 2
	k -n lab exec -i "$p" -- "$@" <"$f"
}
# Waits for the load's end; $sent, $lost and so on are the sums, $said the words. Status: was nothing lost?
load_end() {
	local p
	while read -r p; do wait "$p"; done <"$lab/load.pids"
	load_sum "$lab"/load.client*.ports "$lab"/load.client*.sockets "$lab"/load.client*.tcp
}
load_sum() { # FILE...
	local f
	sent=0 lost=0 failed=0 late=0 cut=0 worst=0 still=0
	for f; do
		grep -q '^sent ' "$f" || { said="a load ended early: $(tail -n 1 "$f.err")"; lost=-1; return 1; }
	done
	read -r sent lost failed late cut worst still <<<"$(cat "$@" | awk '{ s += $2; l += $6; f += $8; t += $10; c += $14; if ($16 > w) w = $16; if ($22 > o) o = $22 } END { print s, l, f, t, c, w, o + 0 }')"
	said="lost $lost of $sent, $failed failed, $late later than 200 ms, $cut TCP connections cut, longest silence of a client $worst ms, clients themselves without time for up to $still ms"
	# of which sort of client, when any
	[ "$lost" = 0 ] || said="$said; lost by sort: $(for f; do awk -v f="${f##*/load.}" '$6 { printf "%s %s, ", f, $6 }' "$f"; done)"
	total_sent=$((${total_sent:-0} + sent)) total_lost=$((${total_lost:-0} + lost))
	[ "$lost" = 0 ] && [ "$failed" = 0 ]
}
# nothing_lost SECONDS COMMAND...: the command's status counts, and that the load beside it loses nothing.
nothing_lost() {
	local t=$1 rc=0 why=; shift
	load_begin "$t" || { said="the load did not start: $(cat "$lab"/load.*.err | tail -n 1)"; return 1; }
	"$@" || { rc=1; why="; $said"; }
	load_end || rc=1
	[ "$lost" = 0 ] || said="$said; $(renewals)"
	said="$said$why"
	return $rc
}
# A starved cache lets its rules lapse: how near it came to that. Empty where there is none.
renewals() {
	local n
	for n in $nodes; do
		scrape "$(at "${node_ip[$n]}"):9253" | awk -v n="$n" '
			/^nodens_rules_renewal_late_seconds / { late = $2 } /^nodens_selftest_failed_total / { failed = $2 }
			END { if (late != "") printf "%s: rules renewed up to %.1f s late, %d self-tests failed; ", n, late, failed }'
	done
}
# The same without a verdict on losses: for what is not ours.
counted() {
	nothing_lost "$@"
	[ "$lost" -ge 0 ]
}

scrape() { curl -sf -m 5 "http://$1/metrics"; }
sum() { # METRIC [LABEL [LABEL]]: of Prometheus text on standard input
	awk -v m="$1" -v a="${2:-}" -v b="${3:-}" '{ n = $1; sub(/\{.*/, "", n) } n == m && index($1, a) && index($1, b) { s += $NF } END { printf "%d\n", s }'
}
coredns_ips() { k -n kube-system get pods -l k8s-app=kube-dns --field-selector=status.phase=Running -o 'jsonpath={range .items[*]}{.status.podIP}{"\n"}{end}'; }
coredns_count() { # [LABEL]: questions that reached CoreDNS, all replicas
	local ip
	for ip in $(coredns_ips); do scrape "$(at "$ip"):9153"; done | sum coredns_dns_requests_total "${1:-}"
}
cache_value() { # METRIC [LABEL]: all nodes
	local n
	for n in $nodes; do scrape "$(at "${node_ip[$n]}"):9253"; done | sum "$@"
}
cache_value_of() { scrape "$(at "${node_ip[$1]}"):9253" | sum "${@:2}"; } # NODE METRIC [LABEL]

# Three loads: how much of what pods ask reaches CoreDNS ($share, per cent), and how long a question from a new
# port takes ($p50, $p99: the middle one of the three, in microseconds; $said has the lowest and the highest, too).
measure_share() {
	local before after i all=0 lost_all=0
	before=$(coredns_count)
	: >"$lab/latencies"
	for i in 1 2 3; do
		load_begin 3 || return 1
		load_end || :
		[ "$lost" -ge 0 ] || return 1
		all=$((all + sent)) lost_all=$((lost_all + lost))
		cat "$lab"/load.client*.ports | awk '{ a += $18; b += $20 } END { printf "%.0f %.0f\n", a / NR, b / NR }' >>"$lab/latencies"
	done
	after=$(coredns_count)
	share=$(awk -v n=$((after - before)) -v s=$all 'BEGIN { printf "%.2f", s ? 100 * n / s : -1 }')
	p50=$(cut -d ' ' -f 1 "$lab/latencies" | sort -n | sed -n 2p) p99=$(cut -d ' ' -f 2 "$lab/latencies" | sort -n | sed -n 2p)
	said="$((after - before)) of $all questions reached CoreDNS: $share %; lost $lost_all; p50 $(band 1) us, p99 $(band 2) us"
}
band() { # FIELD of the latencies: middle (lowest to highest)
	cut -d ' ' -f "$1" "$lab/latencies" | sort -n | tr '\n' ' ' | awk '{ print $2 " (" $1 " to " $3 ")" }'
}
measured() { # CELL: into the record
	note "coredns.share_$1_pct" "$share"
	note "latency.$1_p50_us" "$p50"
	note "latency.$1_p99_us" "$p99"
}
