# SPDX-License-Identifier: Apache-2.0
# The checks of the cluster lab: each a function whose status is the verdict and whose words are in $said.
# shellcheck shell=bash
all_nodes() { local n; for n in $nodes; do "$@" "$n" || return 1; done; }
at_once() { # COMMAND NODE-ARGUMENT...: on all nodes side by side
	local n p=() rc=0
	for n in $nodes; do { "$1" "$n" "${@:2}" || { echo "$said" >"$lab/said.$n"; exit 1; }; } & p+=($!); done
	for n in "${p[@]}"; do wait "$n" || rc=1; done
	[ $rc = 0 ] || said=$(cat "$lab"/said.* 2>/dev/null)
	rm -f "$lab"/said.*
	return $rc
}

# --- the cluster ---
nodes_up() {
	at_once node_begin && at_once node_images "$lab/lab.tar" "$lab/coredns.tar" "$image_archive" && all_nodes node_kubelet || return 1
	wait_for 60 all_nodes node_ready || { said="$(k get nodes 2>&1 | tail -n 2); $(tail -n 1 "$out/node1-kubelet.log")"; return 1; }
	said=$(k get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.status.nodeInfo.kubeletVersion} {.status.nodeInfo.containerRuntimeVersion}; {end}')
}
proxies_up() { # MODE
	local n
	for n in $nodes; do
		# nftables mode makes it 1, and then kube-proxy in iptables mode leaves a rule away
		[ "$1" = nftables ] || in_net "$n" sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=0
		kube_proxy "$n" "$1"
	done
	wait_for 30 all_nodes kube_proxy_ready || { said=$(tail -n 2 "$out/node1-kube-proxy.log"); return 1; }
	said="$1 on $nodes"
}
proxies_switch() { # MODE: the old one is told to stop, the new one cleans up after it
	local n
	for n in $nodes; do service_end "$n" kube-proxy; done
	proxies_up "$1"
}
coredns_up() {
	sed "s/__DNS__DOMAIN__/cluster.local/; s/__DNS__SERVER__/$CLUSTER_DNS/; s/__DNS__MEMORY__LIMIT__/170Mi/" "$tools/manifests/coredns.yaml.base" | apply || return 1
	k -n kube-system scale deployment coredns --replicas=2 >/dev/null
	[ "$family" != dual ] || k -n kube-system patch service kube-dns --type merge \
		-p "{\"spec\":{\"ipFamilyPolicy\":\"RequireDualStack\",\"clusterIPs\":[\"$CLUSTER_DNS\",\"$CLUSTER_DNS6\"]}}" >/dev/null || { said="kube-dns gets no second address"; return 1; }
	rolled deployment/coredns
}
rolled() { # KIND/NAME: in kube-system
	said=$(k -n kube-system rollout status "$1" --timeout=120s 2>&1 | tail -n 1)
	grep -q 'successfully rolled out' <<<"$said" || { said="$said; $(k -n kube-system get pods -o wide 2>&1 | tail -n 4)"; return 1; }
}
workloads_up() {
	sed "s/nodeName: node1/nodeName: $n1/; s/nodeName: node2/nodeName: $n2/" kind-e2e/lab/cluster/workloads.yaml | apply && many | apply || return 1
	said=$(k -n lab wait pod --all --for=condition=Ready --timeout=60s 2>&1 | tail -n 1)
	grep -q 'condition met' <<<"$said" || return 1
	said="$(k -n lab get pods --no-headers | wc -l) pods, $(k -n lab get services --no-headers | wc -l) Services"
}
many() { # 60 addresses behind a headless Service
	printf 'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: many-1, namespace: lab, labels: {kubernetes.io/service-name: many}}\naddressType: %s\nports: [{name: http, port: 80, protocol: TCP}]\nendpoints:\n' "$(address_type)"
	for i in $(seq 60); do echo "- {addresses: [\"$(first6 && echo 2001:db8::1: || echo 192.0.2.)$i\"], conditions: {ready: true}}"; done
}
questions_made() {
	local ip pod
	ip=$(k -n lab get service web -o 'jsonpath={.spec.clusterIP}')
	pod=$(pod_ip lab member-a)
	[ -n "$ip" ] && [ -n "$pod" ] || return 1
	sed "s/@IPR@/$(reverse "$ip")/; s/@PODR@/$(reverse "$pod")/; s/@POD-DASHES@/${pod//[.:]/-}/" kind-e2e/lab/cluster/questions >"$lab/questions"
	load_names >"$lab/load-names"
}

# --- answers ---
# A Service that was deleted and made anew has another address, and CoreDNS caches for 30 s, too: the reference must
# first agree with the other replica.
replicas_agree() { # POD
	local r
	r=$(coredns_ips)
	in_pod_with "$lab/questions" "$1" /bin/kind-e2e agree --names - --reference "${r%%[[:space:]]*}" --server "${r##*[[:space:]]}" >"$out/agree.replicas" 2>&1
}
agree_from() { # POD: both addresses of the cache say what a CoreDNS replica says
	local ref lines s servers=()
	for s in $(dns_servers); do servers+=(--server "$s"); done
	ref=$(coredns_ips | head -n 1)
	wait_for 45 replicas_agree "$1" || { said="CoreDNS' replicas do not agree with each other: $(grep -m 1 differs "$out/agree.replicas")"; return 1; }
	lines=$(in_pod_with "$lab/questions" "$1" /bin/kind-e2e agree --names - --reference "$ref" "${servers[@]}" 2>"$out/agree.$1.err")
	printf '%s\n' "$lines" >"$out/agree.$1"
	said=$(grep '^asked ' <<<"$lines") || { said="no counts: $(tail -n 2 "$out/agree.$1.err")"; return 1; }
	read -r _ asked _ _ _ differ _ <<<"$said"
	total_asked=$((${total_asked:-0} + ${asked:-0})) total_differ=$((${total_differ:-0} + ${differ:-0}))
	grep -q 'differ 0 unanswered 0$' <<<"$said" || { said="$said: $(head -n 3 <<<"$lines")"; return 1; }
}
# The pod's own libc with the resolv.conf that kubelet wrote: short names, and what the search list makes of them.
search_list() { # POD
	local web com got want name bad=
	local www=192.0.2.2 build=192.0.2.9
	! first6 || www=2001:db8::2 build=2001:db8::9
	web=$(k -n lab get service web -o 'jsonpath={.spec.clusterIP}')
	com=$(k -n lab get service com -o 'jsonpath={.spec.clusterIP}')
	while read -r name want; do
		got=$(in_pod "$1" /bin/getent "$(first6 && echo ahostsv6 || echo ahostsv4)" "$name" 2>/dev/null | awk '$2 == "STREAM" { print $1 }' | sort | tr '\n' ' ')
		[ "${got% }" = "$want" ] || bad="$bad $name is '${got% }', not '$want';"
	done <<-END
		web $web
		web.lab $web
		web.lab.svc $web
		web.lab.svc.cluster.local. $web
		com $com
		kubernetes.default $api_ip
		outside $www
		www.outside.example $www
		alias.outside.example $www
		build $build
		web.com
	END
	said="11 names${bad:+:$bad}"
	[ -z "$bad" ]
}

# --- the cache ---
deployed() {
	# shellcheck disable=SC2046
	said=$(k apply $(manifests) 2>&1) || return 1
	rolled daemonset/node-local-dns || return 1
	cache_well
}
# As a user has them: for a cluster of IPv4 as they are, else with the addresses put in place of IPv4's. What kubectl
# is to be told.
manifests() {
	local folder=resolver/deploy/${overlay:-base}
	[ "$family" != ipv4 ] || { echo "-k $folder"; return; }
	k kustomize "$folder" |
		case $family in
		ipv6) sed "s/169\.254\.20\.10/$LINK_LOCAL/g; s/10\.96\.0\.10/$CLUSTER_DNS/g" ;;
		dual) sed "s/^\( *- -localip=.*\)/\1,$LINK_LOCAL6,$CLUSTER_DNS6/" ;;
		esac >"$lab/manifests.yaml"
	echo "-f $lab/manifests.yaml"
}
cache_well() { # no error at set-up, its rules stand, on each node
	local n errors active
	for n in $nodes; do
		wait_for 20 cache_serves "$n" || { said="$n: no metrics, or no rules: $(k -n kube-system logs -l k8s-app=node-local-dns --tail=3 2>&1 | tail -n 3)"; return 1; }
	done
	errors=$(cache_value coredns_nodecache_setup_errors_total)
	active=$(cache_value nodens_rules_active)
	said="ready on $nodes, $errors errors at set-up, rules active on $active nodes"
	[ "$errors" = 0 ] && [ "$active" = 2 ]
}
cache_serves() { [ "$(cache_value_of "$1" nodens_rules_active)" = 1 ]; }
roll() { # KIND/NAME
	k -n kube-system rollout restart "$1" >/dev/null && rolled "$1"
}
client_tables() { # COMMAND of conntrack: on each node, its client's entries
	local f=ipv4
	! first6 || f=ipv6
	in_net "$n1" conntrack "$1" -f $f -s "$(pod_ip lab client1)" 2>/dev/null
	in_net "$n2" conntrack "$1" -f $f -s "$(pod_ip lab client2)" 2>/dev/null
}
client_entries() { # connection-table entries of the clients' questions, on both nodes
	client_tables -L | grep -E "^[^[]* dst=($CLUSTER_DNS|$LINK_LOCAL) .*dport=53 "
}
table_empty() {
	local entries udp
	client_tables -D >/dev/null # of earlier
	udp=$(coredns_count 'proto="udp"')
	measure_share || return 1
	client_entries >"$out/client-entries"
	entries=$(wc -l <"$out/client-entries") udp=$(($(coredns_count 'proto="udp"') - udp))
	said="$said; $entries connection-table entries of the pods, $udp questions came to CoreDNS over UDP"
	if [ "$entries" -gt 0 ]; then # which, and whether rules have been away
		cp "$out/client-entries" "$out/client-entries.$(date +%H%M%S)"
		said="$said; one of them: $(head -n 1 "$out/client-entries"); $(renewals)"
	fi
	[ "$entries" = 0 ] && [ "$udp" = 0 ] && awk -v s="$share" 'BEGIN { exit !(s >= 0 && s < 10) }'
}
counters_grow() { # everything that was sent is in the cache's own count
	local before after
	before=$(cache_value coredns_dns_requests_total)
	load_begin 3 && load_end || return 1
	after=$(cache_value coredns_dns_requests_total)
	said="$sent sent, the caches count $((after - before))"
	[ $((after - before)) -ge "$sent" ] && [ $((after - before)) -le $((sent + sent / 50 + 40)) ]
}
cache_pids() { # NODE: supervisor, workers, keeper
	local ns p
	ns=$(readlink "/proc/$(cat "$lab/$1/pid")/ns/net")
	for p in $(pgrep '^node-cache'); do [ "$(readlink "/proc/$p/ns/net")" != "$ns" ] || echo "$p"; done
}
killed() { # all processes of the cache on the second node, at once; kubelet starts it again
	local restarts
	restarts=$(cache_restarts)
	# shellcheck disable=SC2046
	kill -KILL $(cache_pids "$n2") || return 1
	restarted() { [ "$(cache_restarts)" -gt "$restarts" ] && cache_serves "$n2"; }
	wait_for 60 restarted || { said="not started again"; return 1; }
}
cache_restarts() { k -n kube-system get pods -l k8s-app=node-local-dns "--field-selector=spec.nodeName=$n2" -o 'jsonpath={.items[0].status.containerStatuses[0].restartCount}'; }
outage_short() { # of a kill: fail-open, then the restart
	counted 15 killed || return 1
	[ "$failed" = 0 ] && awk -v w="$worst" 'BEGIN { exit !(w < 5000) }'
}
pod_deleted() {
	local pod
	pod=$(k -n kube-system get pods -l k8s-app=node-local-dns "--field-selector=spec.nodeName=$n1" -o 'jsonpath={.items[0].metadata.name}')
	k -n kube-system delete pod "$pod" --wait=true >/dev/null && rolled daemonset/node-local-dns && cache_well
}
pod_delete_short() { # its successor is a new pod: until then the rules are gone, and CoreDNS answers
	counted 20 pod_deleted || return 1
	[ "$failed" = 0 ] && awk -v w="$worst" 'BEGIN { exit !(w < 5000) }'
}
proxies_restart() { proxies_switch "$mode"; }
# The cache's connections upstream stand through it, and names are cached: only a new connection says whether a
# Service's rules are there.
services_reached() {
	local n ip
	ip=$(k -n kube-system get service kube-dns-upstream -o 'jsonpath={.spec.clusterIP}')
	reached() { in_net "$n" timeout 2 bash -c "exec 3<>/dev/tcp/$ip/53"; }
	for n in $nodes; do
		wait_for 20 reached && continue
		said="$n: no new connection to kube-dns-upstream ($ip) 20 s after it; Services in its nftables map: $(in_net "$n" nft list map ip kube-proxy service-ips 2>/dev/null | grep -c goto)"
		return 1
	done
	said="kube-dns-upstream, from $nodes"
}

# --- all of CoreDNS goes, and comes back ---
fresh_names() { for i in $(seq 60); do echo "n$i-$RANDOM$RANDOM.lab.svc.cluster.local. A"; done; }
asks_fresh() { # POD: names nobody has asked yet
	fresh_names >"$lab/fresh"
	in_pod_with "$lab/fresh" "$1" /bin/kind-e2e steady --names - --server $CLUSTER_DNS --rate 60 --duration 1s >"$lab/fresh.out" 2>&1
}
coredns_gone_and_back() {
	local t
	k -n kube-system scale deployment coredns --replicas=0 >/dev/null
	no_coredns() { [ -z "$(coredns_ips)" ]; }
	wait_for 60 no_coredns || { said="CoreDNS does not go"; return 1; }
	asks_fresh client1; asks_fresh client2
	k -n kube-system scale deployment coredns --replicas=2 >/dev/null
	rolled deployment/coredns || return 1
	t=$(now)
	for p in client1 client2; do
		wait_for 15 asks_fresh $p || { said="15 s after CoreDNS is back $p still has no answers: $(tail -n 1 "$lab/fresh.out")"; return 1; }
	done
	said="new names are answered $(since "$t") s after the roll-out at the latest"
}

# --- a node is drained, and comes back ---
drained() {
	said=$(k drain "$n2" --ignore-daemonsets --delete-emptydir-data --force --timeout=60s 2>&1 | tail -n 1)
	grep -q drained <<<"$said" || return 1
	cache_serves "$n2" || { said="the cache does not serve on the drained node"; return 1; }
	k uncordon "$n2" >/dev/null && rolled deployment/coredns
}
workloads_back() {
	k -n lab delete pod --all --wait=true >/dev/null 2>&1
	workloads_up && questions_made
}

# --- the end of it ---
# What of the cache is left on a node: rules, sets, addresses, links, files.
traces() { # NODE
	{
		in_net "$1" iptables-save; in_net "$1" ip6tables-save
		in_net "$1" nft -s list ruleset; in_net "$1" ipset save
	} 2>/dev/null | grep -E '169\.254\.20\.|fd00:169:254:|NodeLocal|nodelocaldns'
	in_net "$1" ip -o addr | grep -E '169\.254\.20\.|10\.96\.0\.10/|fd00:169:254:|fd00:10:96::a/'
	{ in_net "$1" ip route show table all; in_net "$1" ip -6 route show table all; } | grep -E '169\.254\.20\.|fd00:169:254:'
	in_node "$1" /bin/sh -c 'ls -A /run/nodelocaldns 2>/dev/null'
	cache_pids "$1"
}
nothing_left() {
	local n t
	for n in $nodes; do
		t=$(traces "$n")
		[ -z "$t" ] || { said="$n: $(head -n 3 <<<"$t")"; return 1; }
	done
	said="no rule, set, address, file or process of it on $nodes"
}
removed() { # MANIFEST-ARGUMENTS of kubectl delete
	k delete "$@" --wait=true >/dev/null 2>&1
	gone() { [ -z "$(k -n kube-system get pods -l k8s-app=node-local-dns -o name)" ]; }
	wait_for 60 gone || { said="its pods do not go"; return 1; }
}
delete_loses_nothing() { # a repeat deploys it first
	k -n kube-system get daemonset node-local-dns >/dev/null 2>&1 || deployed || return 1
	# shellcheck disable=SC2046
	nothing_lost 8 removed $(manifests)
}
# The addon's manifest as Kubernetes has it, with our image and nothing else changed.
stock() { # [IMAGE]
	local image=${1:-}
	[ -n "$image" ] || image=$(image_of resolver/deploy/base)
	sed "s/__PILLAR__DNS__DOMAIN__/cluster.local/g; s/__PILLAR__LOCAL__DNS__/$LINK_LOCAL/g; s/__PILLAR__DNS__SERVER__/$CLUSTER_DNS/g; s|^\( *image: \).*|\1$image|" \
		"$tools/manifests/nodelocaldns.yaml"
}
stock_deployed() {
	stock >"$out/stock.yaml"
	k apply -f "$out/stock.yaml" >/dev/null && rolled daemonset/node-local-dns && cache_well
}
removed_and_clean() { # a repeat deploys it first
	k -n kube-system get daemonset node-local-dns >/dev/null 2>&1 || stock_deployed || return 1
	removed -f "$out/stock.yaml" && nothing_left
}
