# SPDX-License-Identifier: Apache-2.0
# The rules that the real kube-proxy writes, captured on node1 and compared with those of `kind-e2e rules`,
# which the other labs load. Before CoreDNS comes: Services without a selector, endpoints by hand, all on node1.
# shellcheck shell=bash
rules_services() {
	local s
	for s in kube-dns:10 kube-dns-upstream:11; do
		cat <<-END
			---
			apiVersion: v1
			kind: Service
			metadata: {name: ${s%:*}, namespace: kube-system}
			spec:
			  clusterIP: "$service_prefix$(first6 && printf %x "${s#*:}" || echo "${s#*:}")"
			  ports:
			  - {name: dns, port: 53, protocol: UDP}
			  - {name: dns-tcp, port: 53, protocol: TCP}
		END
		[ $s = kube-dns-upstream:11 ] || echo '  - {name: metrics, port: 9153, protocol: TCP}'
	done
}
rules_slices() { # N
	local s i
	for s in kube-dns kube-dns-upstream; do
		cat <<-END
			---
			apiVersion: discovery.k8s.io/v1
			kind: EndpointSlice
			metadata: {name: $s-by-hand, namespace: kube-system, labels: {kubernetes.io/service-name: $s}}
			addressType: $(address_type)
			ports:
			- {name: dns, port: 53, protocol: UDP}
			- {name: dns-tcp, port: 53, protocol: TCP}
		END
		[ $s = kube-dns-upstream ] || echo '- {name: metrics, port: 9153, protocol: TCP}'
		[ "$1" -gt 0 ] || { echo 'endpoints: []'; continue; }
		echo 'endpoints:'
		for i in $(seq "$1"); do echo "- {addresses: [\"$endpoint_prefix$(first6 && printf %x $((i + 1)) || echo $((i + 1)))\"], conditions: {ready: true}, nodeName: node1}"; done
	done
}
rules_dump() { # NAMESPACE MODE
	case $2 in
	iptables) in_net "$1" "$(first6 && echo ip6tables-save || echo iptables-save)" ;;
	nftables) in_net "$1" nft -s list table "$(first6 && echo ip6 || echo ip)" kube-proxy ;;
	esac
}
# The generator's, in a namespace where nothing else is: each part under the command that takes it.
rules_written() { # MODE N
	ip netns add written && ip -n written link set lo up || return 1
	"$O/bin/kind-e2e" rules --mode "$1" --family "$(first6 && echo ipv6 || echo ipv4)" --kube-proxy "$kube_proxy_release" --endpoints "$2" >"$lab/written" || return 1
	: >"$lab/part"
	local line tool=
	while IFS= read -r line; do
		case $line in
		"# "*) [ -z "$tool" ] || rules_load "$tool" || return 1; tool=${line#\# }; : >"$lab/part" ;;
		*) printf '%s\n' "$line" >>"$lab/part" ;;
		esac
	done <"$lab/written"
	rules_load "$tool" || return 1
	rules_dump written "$1"
}
rules_load() { # COMMAND, with words
	# shellcheck disable=SC2086
	in_net written $1 <"$lab/part" >&2
}
rules_compared() { # MODE N
	local want=$out/rules-$1-$2.written got=$out/rules-$1-$2.real lines
	rules_written "$1" "$2" >"$want" || { ip netns del written; said="kind-e2e's rules do not load"; return 1; }
	ip netns del written
	rules_dump node1 "$1" >"$got"
	local ignore=(--ignore default/kubernetes --ignore default/kubernetes:https --ignore "$api_ip")
	! first6 || ignore+=(--ignore KUBE-FIREWALL) # kubelet's, and empty in IPv6: not what kube-proxy writes
	lines=$("$O/bin/kind-e2e" same-rules --want "$want" --got "$got" "${ignore[@]}" 2>&1)
	local rc=$?
	said=$(tail -n 1 <<<"$lines")
	[ $rc = 0 ] || said="$said: $(head -n 4 <<<"$lines")"
	return $rc
}
rules_as_written() { # MODE N: with so many endpoints; kube-proxy needs a second or two
	rules_slices "$2" | apply || { said="no slices"; return 1; }
	wait_for 15 rules_compared "$1" "$2"
	rules_compared "$1" "$2"
}
rules_end() {
	k -n kube-system delete service kube-dns kube-dns-upstream >/dev/null
	k -n kube-system delete endpointslice kube-dns-by-hand kube-dns-upstream-by-hand --ignore-not-found >/dev/null
}
