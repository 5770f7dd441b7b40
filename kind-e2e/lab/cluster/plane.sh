# SPDX-License-Identifier: Apache-2.0
# The lab's network and its control plane.
#
#   the world    172.18.0.1 on a bridge: the resolver beyond the cluster, and this script
#   plane        172.18.0.3: etcd, kube-apiserver, kube-controller-manager, kube-scheduler
#   node1, node2 172.18.0.2, 172.18.0.4: lab/node-init and what it holds; pods 10.244.0.0/24, 10.244.1.0/24
# and the same in IPv6, by addresses.sh.
# shellcheck shell=bash
network() {
	local n
	mount -t tmpfs tmpfs /run && mkdir /run/netns /run/lock || return 1
	ip link set lo up
	ip link add br0 type bridge && ip link set br0 up || return 1
	for n in plane $nodes; do
		ip netns add "$n" && ip -n "$n" link set lo up
		ip link add "v$n" type veth peer name eth0 netns "$n" && ip link set "v$n" master br0 up && ip -n "$n" link set eth0 up || return 1
	done
	case $family in
	ipv4 | dual) network_of 16 $WORLD $PLANE node_ip node_net net.ipv4.ip_forward ;;
	esac || return 1
	case $family in
	ipv6 | dual) network_of 64 $WORLD6 $PLANE6 node_ip6 node_net6 net.ipv6.conf.all.forwarding ;;
	esac || return 1
	world_dns
}
network_of() { # PREFIX WORLD PLANE ADDRESSES NETS FORWARDING: of one family; an address serves at once, so none is tried for duplicates
	local -n ips=$4 nets=$5
	local n a nodad=
	[ "$1" != 64 ] || nodad=nodad
	ip addr add "$2/$1" dev br0 $nodad || return 1
	for n in plane $nodes; do
		in_net "$n" sysctl -qw "$6=1"
		ip -n "$n" addr add "${ips[$n]:-$3}/$1" dev eth0 $nodad && ip -n "$n" route add default via "$2" || return 1
	done
	for n in $nodes; do
		ip route add "${nets[$n]}" via "${ips[$n]}" || return 1
		for a in plane $nodes; do [ "$a" = "$n" ] || ip -n "$a" route add "${nets[$n]}" via "${ips[$n]}" || return 1; done
	done
}

# What pods ask beyond the cluster: two zones, and no other name exists. CoreDNS once more, as a plain server.
world_dns() {
	mkdir -p "$lab/world"
	cat >"$lab/world/Corefile" <<-END
		outside.example {
		    bind $WORLD
		    file $lab/world/outside.zone
		    prometheus $(at $WORLD):9153
		}
		lab.example {
		    bind $WORLD
		    file $lab/world/lab.zone
		    prometheus $(at $WORLD):9153
		}
		. {
		    bind $WORLD
		    template ANY ANY {
		        rcode NXDOMAIN
		        authority ". 60 IN SOA world. admin.world. 1 3600 600 86400 60"
		    }
		    prometheus $(at $WORLD):9153
		}
	END
	cat >"$lab/world/outside.zone" <<-'END'
		@ 60 IN SOA ns.outside.example. admin.outside.example. 1 3600 600 86400 60
		@ 60 IN NS ns
		ns 60 IN A 192.0.2.1
		www 60 IN A 192.0.2.2
		www 60 IN AAAA 2001:db8::2
		alias 60 IN CNAME www
		text 60 IN TXT "one" "two words"
		mail 60 IN MX 10 www
		_x._tcp 60 IN SRV 0 5 443 www
		*.wild 60 IN A 192.0.2.3
	END
	printf '@ 60 IN SOA ns.lab.example. admin.lab.example. 1 3600 600 86400 60\n@ 60 IN NS ns\nns 60 IN A 192.0.2.1\nbuild 60 IN A 192.0.2.9\nbuild 60 IN AAAA 2001:db8::9\n' >"$lab/world/lab.zone"
	"$tools/coredns" -conf "$lab/world/Corefile" >"$out/world-dns.log" 2>&1 &
	printf 'nameserver %s\nsearch lab.example\n' $WORLD >"$lab/resolv.conf"
}

component() { # NAME ARGUMENT...: of the control plane; started again when it ends, as a node's kubelet would
	local name=$1; shift
	while :; do in_net plane "$tools/$name" "$@"; sleep 1; done >"$out/$name.log" 2>&1 &
}
control_plane() {
	local p=$lab/pki
	mkdir -p "$lab/etcd" && mount -t tmpfs tmpfs "$lab/etcd" || return 1
	component etcd --data-dir "$lab/etcd/data" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
		--listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync
	component kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$PLANE --bind-address="$(has6 && echo :: || echo 0.0.0.0)" --secure-port=6443 \
		--service-cluster-ip-range=$service_cidr --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
		--client-ca-file="$p/ca.crt" --tls-cert-file="$p/apiserver.crt" --tls-private-key-file="$p/apiserver.key" \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file="$p/tokens.pub" --service-account-signing-key-file="$p/tokens.key" \
		--kubelet-client-certificate="$p/kubelets.crt" --kubelet-client-key="$p/kubelets.key" --kubelet-preferred-address-types=InternalIP
	wait_for 120 k get --raw /readyz || { said="kube-apiserver is not ready: $(tail -n 2 "$out/kube-apiserver.log")"; return 1; }
	component kube-controller-manager --kubeconfig="$p/controllers.conf" --authentication-kubeconfig="$p/controllers.conf" --authorization-kubeconfig="$p/controllers.conf" \
		--root-ca-file="$p/ca.crt" --service-account-private-key-file="$p/tokens.key" --cluster-signing-cert-file="$p/ca.crt" --cluster-signing-key-file="$p/ca.key" \
		--allocate-node-cidrs=true --cluster-cidr=$pod_cidr --service-cluster-ip-range=$service_cidr --use-service-account-credentials=true --leader-elect=false --bind-address=127.0.0.1
	component kube-scheduler --kubeconfig="$p/scheduler.conf" --authentication-kubeconfig="$p/scheduler.conf" --authorization-kubeconfig="$p/scheduler.conf" \
		--leader-elect=false --bind-address=127.0.0.1
	wait_for 60 k -n default get serviceaccount default || { said="no service account: the controller manager does not work"; return 1; }
	said=$(k version -o yaml 2>/dev/null | sed -n 's/^  gitVersion: //p' | tail -n 1)
}
