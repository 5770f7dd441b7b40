# SPDX-License-Identifier: Apache-2.0
# A node: namespaces and cgroups of its own, in them containerd, kubelet and kube-proxy.
# shellcheck shell=bash
cni_conflist() { # SUBNET...: as kindnet has it: a veth and a route a pod, no bridge, no masquerading
	local s routes= ranges=
	for s; do
		case $s in *:*) routes="$routes,{\"dst\":\"::/0\"}" ;; *) routes="$routes,{\"dst\":\"0.0.0.0/0\"}" ;; esac
		ranges="$ranges,[{\"subnet\":\"$s\"}]"
	done
	cat <<-END
		{"cniVersion":"0.4.0","name":"lab","plugins":[
		 {"type":"ptp","ipMasq":false,"mtu":1500,"ipam":{"type":"host-local","dataDir":"/run/cni","routes":[${routes#,}],"ranges":[${ranges#,}]}},
		 {"type":"portmap","capabilities":{"portMappings":true}}]}
	END
}
node_files() { # NODE
	local r=$lab/$1
	mkdir -p "$r"/{containerd,kubelet,etc,var}
	cat >"$r/containerd.toml" <<-'END'
		version = 2
		[plugins."io.containerd.grpc.v1.cri"]
		  restrict_oom_score_adj = true
		  disable_apparmor = true
		  sandbox_image = "nodens.example/lab:1"
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "/etc/cni/net.d"
		  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		    runtime_type = "io.containerd.runc.v2"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
		      SystemdCgroup = false
	END
	# shellcheck disable=SC2046
	cni_conflist "${node_net[$1]}" $(and6 "" "${node_net6[$1]}") >"$r/cni.conflist"
	cat >"$r/kubelet.yaml" <<-END
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		failCgroupV1: false
		address: "$(has6 && echo :: || echo 0.0.0.0)"
		cgroupDriver: cgroupfs
		authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $lab/pki/ca.crt}}
		authorization: {mode: Webhook}
		tlsCertFile: $lab/pki/$1.crt
		tlsPrivateKeyFile: $lab/pki/$1.key
		clusterDNS: ["$CLUSTER_DNS"]
		clusterDomain: cluster.local
		containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
		resolvConf: $lab/resolv.conf
		volumePluginDir: /var/lib/kubelet/volumeplugins
		failSwapOn: false
		oomScoreAdj: 0
		enforceNodeAllocatable: []
		evictionHard: {memory.available: "1Mi", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
		imageGCHighThresholdPercent: 100
	END
}

# The node's first process: in a fresh cgroup of each hierarchy, then in namespaces of its own.
node_begin() { # NODE
	node_files "$1"
	# shellcheck disable=SC2016
	setsid /bin/bash -c '
		for c in $controllers; do
			for d in "/sys/fs/cgroup/$c" "/sys/fs/cgroup/${c#name=}"; do [ ! -d "$d" ] || break; done
			mkdir -p "$d/$id/$0"
			if [ "$c" = cpuset ]; then
				for f in "$d/$id" "$d/$id/$0"; do cat "$d/cpuset.cpus" >"$f/cpuset.cpus"; cat "$d/cpuset.mems" >"$f/cpuset.mems"; echo 1 >"$f/cgroup.clone_children"; done
			fi
			echo $$ >"$d/$id/$0/cgroup.procs"
		done
		exec nsenter --net="/run/netns/$0" unshare -m -p -f --kill-child=KILL -u -i -C --propagation private kind-e2e/lab/cluster/node-init "$0"
	' "$1" >"$out/$1-init.log" 2>&1 &
	local outer=$!
	wait_for 20 test -s "$lab/$1/ready" || { said="$1: $(tail -n 2 "$out/$1-init.log")"; return 1; }
	pgrep -P $outer | head -n 1 >"$lab/$1/pid"
	service "$1" containerd containerd --config "$lab/$1/containerd.toml"
}
node_images() { # NODE ARCHIVE...
	local n=$1 a; shift
	wait_for 30 in_node "$n" ctr -n k8s.io version || { said="$n: containerd does not answer: $(tail -n 1 "$out/$n-containerd.log")"; return 1; }
	for a; do
		image_into "$n" "$a" || { said="$n: $a: $(tail -n 1 "$out/$n-images.log")"; return 1; }
	done
}
image_into() { # NODE ARCHIVE
	in_node "$1" ctr -n k8s.io images import "$2" >>"$out/$1-images.log" 2>&1
}
node_kubelet() { # NODE
	apply <<-END
		apiVersion: v1
		kind: Node
		metadata: {name: $1, labels: {kubernetes.io/hostname: $1, kubernetes.io/os: linux}}
		spec: {podCIDR: "${node_net[$1]}", podCIDRs: ["${node_net[$1]}"$(and6 , "\"${node_net6[$1]}\"")]}
	END
	service "$1" kubelet "$tools/kubelet" --config="$lab/$1/kubelet.yaml" --kubeconfig="$lab/pki/$1.conf" --hostname-override="$1" --node-ip="${node_ip[$1]}$(and6 , "${node_ip6[$1]}")"
}
kube_proxy() { # NODE MODE: as kind's kubeadm configures it
	cat >"$lab/$1/kube-proxy.yaml" <<-END
		apiVersion: kubeproxy.config.k8s.io/v1alpha1
		kind: KubeProxyConfiguration
		clientConnection: {kubeconfig: $lab/pki/kube-proxy.conf}
		mode: $2
		clusterCIDR: "$pod_cidr"
		hostnameOverride: $1
		bindAddress: "$(first6 && echo :: || echo 0.0.0.0)"
		healthzBindAddress: "$(first6 && echo '[::]' || echo 0.0.0.0):10256"
		iptables: {minSyncPeriod: 1s}
		nftables: {minSyncPeriod: 1s}
		conntrack: {maxPerCore: 0$([ "$2" = nftables ] && echo ', tcpBeLiberal: true')}
		oomScoreAdj: 0
	END
	service "$1" kube-proxy "$kube_proxy" --config="$lab/$1/kube-proxy.yaml"
}
kube_proxy_ready() { in_net "$1" curl -sf -o /dev/null "http://$(first6 && echo '[::1]' || echo 127.0.0.1):10256/healthz"; }
node_ready() { [ "$(k get node "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]; }
