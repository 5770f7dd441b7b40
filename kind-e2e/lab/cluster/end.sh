# SPDX-License-Identifier: Apache-2.0
# The end of a run in a cluster's world: what only it can say is collected, and with --keep it waits.
# shellcheck shell=bash
collect() { # logs that only the API server or a node has
	k get pods -A -o wide >"$out/pods" 2>&1
	k get events -A --sort-by=.lastTimestamp >"$out/events" 2>&1
	k -n kube-system logs -l k8s-app=node-local-dns --tail=-1 --prefix >"$out/node-cache.log" 2>&1
	local n
	for n in $nodes; do
		[ -e "/run/netns/$n" ] || continue
		in_net "$n" iptables-save >"$out/$n.iptables" 2>&1
		in_net "$n" nft list ruleset >"$out/$n.nft" 2>&1
		in_net "$n" conntrack -L >"$out/$n.conntrack" 2>&1
	done
}
# What a check that failed will be asked about later, before it is made again: pods may be others by then.
evidence() { # NAME
	local n
	evidence_n=$((${evidence_n:-0} + 1))
	{
		echo "$1: $said"
		echo "load of the machine: $(cat /proc/loadavg)"
		for n in $nodes; do
			echo "--- the cache on $n"
			scrape "$(at "${node_ip[$n]:-none}"):9253" | grep -E '^nodens_(rules|selftest|worker|upstream|failures)[a-z_]* '
		done
		k -n kube-system get pods -o wide
		k -n kube-system logs -l k8s-app=node-local-dns --tail=100 --prefix --timestamps
		k get events -A --sort-by=.lastTimestamp | tail -n 30
	} >"$out/evidence-$evidence_n" 2>&1
}
kept() {
	[ -n "$keep" ] || return 0
	cat >"$lab/kept" <<-END
		The cluster stands; Enter ends it. From another shell:
		  nsenter -t $(outside_pid) -m -n -p $tools/kubectl --kubeconfig=$lab/pki/admin.conf get pods -A
		  nsenter -t $(outside_pid) -m -n -p nsenter --net=/run/netns/$n1 nft list ruleset
	END
	while [ ! -e "$lab/go" ]; do sleep 0.5; done
}
# of this process, as the machine counts: the first process of a namespace cannot know, its parent's /proc can
outside_pid() { cat "$lab/outside-pid" 2>/dev/null || echo PID; }
need() { "$@" || { collect; kept; exit 1; }; }
