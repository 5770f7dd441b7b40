# SPDX-License-Identifier: Apache-2.0
# The addresses of a cluster by $family (ipv4, ipv6, dual): what is written without a 6 at its end is the first
# family's, which Services get by themselves; in a dual cluster IPv6 is the second.
# shellcheck shell=bash
# shellcheck disable=SC2034
family=${family:-ipv4}
declare -A node_ip=([node1]=172.18.0.2 [node2]=172.18.0.4) node_net=([node1]=10.244.0.0/24 [node2]=10.244.1.0/24)
declare -A node_ip6=([node1]=fc00:f853:ccd:e793::2 [node2]=fc00:f853:ccd:e793::4) node_net6=([node1]=fd00:10:244::/64 [node2]=fd00:10:244:1::/64)
CLUSTER_DNS=10.96.0.10 LINK_LOCAL=169.254.20.10 PLANE=172.18.0.3 WORLD=172.18.0.1
CLUSTER_DNS6=fd00:10:96::a LINK_LOCAL6=fd00:169:254:20::10 PLANE6=fc00:f853:ccd:e793::3 WORLD6=fc00:f853:ccd:e793::1
pod_cidr=10.244.0.0/16 service_cidr=10.96.0.0/16 api_ip=10.96.0.1 service_prefix=10.96.0. endpoint_prefix=10.244.0.
pod_cidr6=fd00:10:244::/56 service_cidr6=fd00:10:96::/112
case $family in
ipv6)
	CLUSTER_DNS=$CLUSTER_DNS6 LINK_LOCAL=$LINK_LOCAL6 PLANE=$PLANE6 WORLD=$WORLD6
	pod_cidr=$pod_cidr6 service_cidr=$service_cidr6 api_ip=fd00:10:96::1 service_prefix=fd00:10:96:: endpoint_prefix=fd00:10:244::
	for n in "${!node_ip[@]}"; do node_ip[$n]=${node_ip6[$n]} node_net[$n]=${node_net6[$n]}; done ;;
dual)
	pod_cidr=$pod_cidr,$pod_cidr6 service_cidr=$service_cidr,$service_cidr6 ;;
esac
has6() { [ "$family" != ipv4 ]; }
first6() { [ "$family" = ipv6 ]; }
and6() { [ "$family" != dual ] || printf '%s%s' "$1" "$2"; } # BETWEEN TEXT: the second family's, where there is one
at() { case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac; } # ADDRESS as a URL has it
# every address pods may ask
dns_servers() { echo "$CLUSTER_DNS $LINK_LOCAL$(and6 ' ' "$CLUSTER_DNS6 $LINK_LOCAL6")"; }
address_type() { first6 && echo IPv6 || echo IPv4; }
# the name under which an address is looked up in reverse, without the zone's last two labels
reverse() {
	case $1 in
	*:*) reverse6 "$1" ;;
	*) awk -F . '{ print $4 "." $3 "." $2 "." $1 ".in-addr" }' <<<"$1" ;;
	esac
}
reverse6() {
	awk '{
		n = split($1, half, "::"); a = split(half[1], x, ":"); b = n > 1 ? split(half[2], y, ":") : 0
		for (i = 1; i <= a; i++) w[i] = x[i]
		for (i = a + 1; i <= 8 - b; i++) w[i] = "0"
		for (i = 1; i <= b; i++) w[8 - b + i] = y[i]
		for (i = 8; i >= 1; i--) { g = substr("0000" w[i], length(w[i]) + 1); for (j = 4; j >= 1; j--) s = s substr(g, j, 1) "." }
		print s "ip6"
	}' <<<"$1"
}
