# SPDX-License-Identifier: Apache-2.0
# Kubernetes' own DNS tests, [sig-network] DNS of its module, in the cluster that stands; and the original cache,
# where a user has named its binary.
# shellcheck shell=bash

# What the tests' pods run: agnhost as it is built from the same module; shell, dig and getent are this machine's.
e2e_images() {
	local root=$lab/image-e2e p name n
	root_with "$root" "$tools/agnhost=/agnhost" "$tools/coredns=/coredns" "$(command -v busybox)=/bin/busybox" "$(command -v dig)=/usr/bin/dig" "$(command -v getent)=/usr/bin/getent"
	for p in $(busybox --list); do [ -e "$root/bin/$p" ] || ln -s busybox "$root/bin/$p"; done
	for name in $("$tools/e2e.test" -images); do
		archive "$root" "$name" /agnhost "$lab/e2e.tar"
		for n in $nodes; do image_into "$n" "$lab/e2e.tar" || { said="$n: $name is not taken"; return 1; }; done
		said="${said:-}$name "
	done
	rm -rf "$root" "$lab/e2e.tar"
	[ -n "$said" ]
}
# Left out: what asks the internet (PTR records of public addresses, GCE), and the stub domain of CoreDNS' own
# ConfigMap, which no cache on a node sees that sends names outside the cluster to the node's resolvers.
E2E_SKIP='Provider:GCE|PTR records|stubDomain|FeatureGate|PerformanceDNS'
# Each test is a row. Beside other work of the machine they take about five minutes.
e2e_run() { # CELL WORDS
	local xml=$out/e2e-$1.xml name status seconds verdict n=0 failed=0
	"$tools/e2e.test" -kubeconfig="$lab/pki/admin.conf" -provider=skeleton -num-nodes=2 -allowed-not-ready-nodes=0 -dump-logs-on-failure=false \
		-ginkgo.focus='\[sig-network\] DNS' -ginkgo.skip="$E2E_SKIP" -ginkgo.no-color -ginkgo.timeout=25m -ginkgo.junit-report="$xml" -test.timeout=0 >"$out/e2e-$1.log" 2>&1
	while IFS=$'\t' read -r name status seconds; do
		[ "$status" != skipped ] || continue
		n=$((n + 1)) verdict=passed
		[ "$status" = passed ] || verdict=failed failed=$((failed + 1))
		verdict $verdict "$seconds" "$2: $name" "$([ $verdict = passed ] || echo "$status, see e2e-$1.log")"
	done < <(sed -n 's/.*<testcase name="\[It\] \([^"]*\)".* status="\([a-z]*\)" time="\([0-9.]*\)".*/\1\t\2\t\3/p' "$xml" 2>/dev/null)
	e2e_passed=$((${e2e_passed:-0} + n - failed)) e2e_failed=$((${e2e_failed:-0} + failed))
	said="$((n - failed)) of $n passed"
	[ $n -gt 0 ] || said="no test ran: $(tail -n 2 "$out/e2e-$1.log")"
	[ $n -gt 0 ] && [ $failed = 0 ]
}
e2e_without() {
	[ -n "${e2e_tests:-}" ] || return 0
	once "images of Kubernetes' own DNS tests" e2e_images || return 0
	once "Kubernetes' own DNS tests, without the cache" e2e_run nocache "without the cache"
}
e2e_with() {
	[ -n "${e2e_tests:-}" ] && [ -s "$out/e2e-nocache.xml" ] || return 0
	once "Kubernetes' own DNS tests, with the cache in front" e2e_run cache "with the cache"
	note e2e.passed "$e2e_passed"
	note e2e.failed "$e2e_failed"
}

# --- the original, beside ours in one run and under one manifest ---
original_image() {
	local root=$lab/image-original n
	cp -a "$O-image/root/base" "$root" # iptables, as its own image has it
	root_with "$root" "$original=/node-cache"
	archive "$root" nodens.example/original:1 /node-cache "$lab/original.tar"
	for n in $nodes; do image_into "$n" "$lab/original.tar" || { said="$n takes no image of it"; return 1; }; done
	rm -rf "$root" "$lab/original.tar"
	said=$original
}
# It removes the interface whoever made it, and makes dummies only: where the kernel has none, a bridge is there again
# before its successor looks for one, for as long as it is deployed.
original_links() {
	local n
	for n in $nodes; do
		in_net "$n" ip link show nodelocaldns >/dev/null 2>&1 || in_net "$n" ip link add nodelocaldns type dummy 2>/dev/null || in_net "$n" ip link add nodelocaldns type bridge
	done
}
original_deployed() {
	original_links
	while :; do sleep 0.1; original_links; done & original_watcher=$!
	stock nodens.example/original:1 >"$out/original.yaml"
	k apply -f "$out/original.yaml" >/dev/null && rolled daemonset/node-local-dns || return 1
	local t
	t=$(now)
	wait_for 120 all_nodes original_rules || { said="it writes no rules"; return 1; }
	said="in the path $(since "$t") s after it was rolled out"
}
# Without a -pidfile, which Kubernetes' manifest does not give it, it writes its rules with its first look at them, and
# that comes after its -syncinterval of a minute. Until then kube-proxy's lead to CoreDNS.
original_rules() { # NODE
	[ "$(in_net "$1" "$(first6 && echo ip6tables-save || echo iptables-save)" -t raw | grep -cE -- '--(dport|sport) 53 .*(NOTRACK|notrack)')" -ge 12 ]
}
original_deleted() {
	removed -f "$out/original.yaml"
	local rc=$?
	kill "$original_watcher"
	return $rc
}
original_agrees() { # its answers are counted; what differs is no failure of this run
	local total_asked=0 total_differ=0 asked=
	agree_from client1
	[ -n "${asked:-}" ]
}
cache_memory() { # MB a node, of all processes of the cache: what each has alone, and its share of what several have
	local n p
	for n in $nodes; do for p in $(cache_pids "$n"); do cat "/proc/$p/smaps_rollup"; done; done 2>/dev/null |
		awk -v n="$(wc -w <<<"$nodes")" '/^Pss:/ { kb += $2 } END { printf "%.1f", kb / 1024 / n }'
}
beside() { # CELL: what reaches CoreDNS, latencies, memory
	local mb
	measure_share && measured "$1" || return 1
	mb=$(cache_memory)
	note "memory.$1_mb" "$mb"
	said="$said; $mb MB a node"
	printf '%s\t%s %%\t%s\t%s\t%s MB\n' "$1" "$share" "$(band 1)" "$(band 2)" "$mb" >>"$lab/beside"
}
rolls_beside() { # CELL: losses of a roll-out are counted
	counted 40 roll daemonset/node-local-dns || return 1
	note "rollout.$1_sent" "$sent"
	note "rollout.$1_lost" "$lost"
	printf '%s\t%s of %s, longest silence %s ms\n' "$1" "$lost" "$sent" "$worst" >>"$lab/beside.rolls"
}
beside_table() {
	local row word
	cell_of() { awk -F '\t' -v c="$1" -v f="$2" '$1 == c { print $f }' "$3"; }
	echo "| under Kubernetes' own nodelocaldns manifest, kube-proxy in $mode mode | ours | the original |"
	echo "|---|---|---|"
	for row in "2:questions of the pods that reached CoreDNS" "3:a question from a new port, p50 us: the middle one of three loads (lowest to highest)" "4:p99 us" "5:memory a node"; do
		word=${row%%:*}
		echo "| ${row#*:} | $(cell_of stock "$word" "$lab/beside") | $(cell_of original "$word" "$lab/beside") |"
	done
	echo "| the DaemonSet rolls under load: lost | $(cell_of stock 2 "$lab/beside.rolls") | $(cell_of original 2 "$lab/beside.rolls") |"
}
beside_stock() { # while ours is deployed by that manifest
	[ -n "${original:-}" ] || return 0
	once "ours under that manifest: what reaches CoreDNS, latencies, memory" beside stock
	once "ours under that manifest rolls (counted, no verdict on losses)" rolls_beside stock
}
scenario_original() {
	[ -n "${original:-}" ] || return 0
	about "$mode-original"
	once "the original: an image of the binary that was named" original_image || return 0
	once "the original: Kubernetes' own manifest" original_deployed || return 0
	once "the original: answers compared with CoreDNS' (counted)" original_agrees
	once "the original: what reaches CoreDNS, latencies, memory" beside original
	k -n kube-system logs -l k8s-app=node-local-dns --tail=-1 --prefix >"$out/original.log" 2>&1
	once "the original rolls (counted, no verdict on losses)" rolls_beside original
	once "the original: its pods deleted while clients ask (counted, no verdict on losses)" counted 8 original_deleted
	beside_table >"$out/original.md"
}
