# SPDX-License-Identifier: Apache-2.0
# What is done in a cluster that stands, the same in each lab of real clusters: asked without a cache, with it,
# and when it is gone again. $short: the quick part of it.
# shellcheck shell=bash
scenario_without() {
	about "$mode-nocache"
	e2e_without
	[ -z "$short" ] || return 0
	once "without the cache: the pods' share of questions that reach CoreDNS" measure_share && measured nocache
	once "without the cache: CoreDNS rolls (counted, no verdict on losses)" counted 25 roll deployment/coredns
}

scenario_deploy() { about "$mode-cache"; once "kubectl apply -k resolver/deploy/${overlay:-base}" deployed; }

scenario_with() {
	local pod
	about "$mode-cache"
	e2e_with
	for pod in client1 client2 host1; do
		check "the cache says what CoreDNS says, asked from $pod" agree_from $pod
	done
	check "a pod's libc and search list find what they must" search_list client1
	check "metrics count what was sent" counters_grow
	check "the pods' questions leave no connection-table entry, and go to CoreDNS over TCP" table_empty && measured cache
	check "rolling the DaemonSet loses nothing" nothing_lost 40 roll daemonset/node-local-dns
	[ -z "$short" ] || return 0
	check "rolling CoreDNS loses nothing" nothing_lost 25 roll deployment/coredns
	check "all of CoreDNS goes and comes back: new names are answered again" coredns_gone_and_back
	check "kube-proxy restarts: nothing is lost" nothing_lost 10 proxies_restart
	check "kube-proxy restarted: new connections reach the cache's upstream from each node" services_reached
	check "all processes of the cache killed: silence under 5 s, kubelet starts it again" outage_short
	check "its pod deleted: silence under 5 s" pod_delete_short
	check "a node drained: the cache stays, CoreDNS moves" drained
	check "client pods are back after that" workloads_back
	scenario_addons
}

scenario_away() {
	if [ -z "$short" ]; then
		check "kubectl delete -k while clients ask: nothing is lost" delete_loses_nothing
	else
		# shellcheck disable=SC2046
		once "kubectl delete -k" removed $(manifests)
	fi
	check "nothing of it is left on the nodes" nothing_left
	[ -z "$short" ] || [ -n "${original:-}" ] || return 0
	once "Kubernetes' own nodelocaldns manifest, the image line changed" stock_deployed
	check "stock manifest: the cache says what CoreDNS says" agree_from client1
	beside_stock
	check "stock manifest deleted: nothing is left on the nodes" removed_and_clean
	scenario_original
	about
}

scenario_notes() {
	note answers.asked "${total_asked:-0}"
	note answers.differ "${total_differ:-0}"
	note load.sent "${total_sent:-0}"
	note load.lost "${total_lost:-0}"
}
