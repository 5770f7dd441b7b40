# SPDX-License-Identifier: Apache-2.0
# Verbs of the kind lab: an engine of its own, a cluster by kind, its nodes under the names that the other
# shell labs use ($lab/NODE/pid, /run/netns/NODE).
# shellcheck shell=bash
engine_up() {
	local runtime=()
	mkdir -p "$lab/docker"
	mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/lock || return 1
	ip link set lo up && ip addr add $WORLD/32 dev lo || return 1
	world_dns
	# bit 24 of a bounding set: CAP_SYS_RESOURCE
	((0x$(sed -n 's/^CapBnd:\t//p' /proc/self/status) >> 24 & 1)) || runtime=(--add-runtime "lab=$PWD/kind-e2e/lab/kind/runtime" --default-runtime lab)
	dockerd --host unix:///run/docker.sock --data-root "$lab/docker" --exec-root /run/docker --pidfile /run/docker.pid \
		--cgroup-parent "/$id" --exec-opt native.cgroupdriver=cgroupfs --dns $WORLD --dns-search lab.example \
		"${runtime[@]}" >"$out/dockerd.log" 2>&1 &
	export DOCKER_HOST=unix:///run/docker.sock
	wait_for 60 docker info || { said="dockerd does not answer: $(grep -vi level=info "$out/dockerd.log" | tail -n 2)"; return 1; }
	said=$(docker info -f 'docker {{.ServerVersion}}, {{.Driver}}, cgroup v{{.CgroupVersion}}, runtime {{.DefaultRuntime}}')
}
# The archive is one of `docker save`, or a root that node-image made.
node_image_loaded() {
	if [ "$node_image" = made ]; then
		docker import --change 'ENV container=docker' --change 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]' "$node_archive" $node_name >"$lab/image" 2>&1
	else
		docker load -i "$node_archive" >"$lab/image" 2>&1 &&
			docker tag "$(sed -n 's/^Loaded image ID: //p; s/^Loaded image: //p' "$lab/image" | head -n 1)" $node_name
	fi || { said=$(tail -n 1 "$lab/image"); return 1; }
	kube_version=$(docker run --rm --entrypoint cat $node_name /kind/version 2>"$lab/image") && [ -n "$kube_version" ] ||
		{ said="no container runs: $(grep -m 1 . "$lab/image")"; return 1; }
	said="$node_image, Kubernetes $kube_version, $(($(docker image inspect -f '{{.Size}}' $node_name) / 1000000)) MB"
}
kind_config() {
	cat <<-END
		kind: Cluster
		apiVersion: kind.x-k8s.io/v1alpha4
		networking: {ipFamily: ipv4, kubeProxyMode: $mode, disableDefaultCNI: $([ "$node_image" = made ] && echo true || echo false)}
		nodes: [{role: control-plane}, {role: worker}]
	END
	# since 1.35 kubelet does not start on cgroup v1 unless it is told to
	[ ! -e /sys/fs/cgroup/memory ] || [ "$(cut -d . -f 2 <<<"$kube_version")" -lt 35 ] ||
		printf 'kubeadmConfigPatches:\n- |\n  kind: KubeletConfiguration\n  failCgroupV1: false\n'
}
cluster_up() {
	mkdir -p "$lab/pki"
	kind_config >"$out/kind.yaml"
	"$tools/kind" create cluster --config "$out/kind.yaml" --image $node_name --kubeconfig "$lab/pki/admin.conf" --retain >"$out/kind-create" 2>&1 ||
		{ said=$(grep -m 1 ERROR "$out/kind-create"); return 1; }
	nodes_named || return 1
	[ "$node_image" != made ] || pods_net || return 1
	wait_for 120 all_nodes node_ready || { said=$(k get nodes 2>&1 | tail -n 2); return 1; }
	rolled deployment/coredns || return 1
	said=$(k get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.status.nodeInfo.kubeletVersion} {.status.nodeInfo.containerRuntimeVersion}; {end}')
}
nodes_named() { # so that in_net, in_node and the checks find them
	local n
	for n in $nodes; do
		mkdir -p "$lab/$n"
		docker inspect -f '{{.State.Pid}}' "$n" >"$lab/$n/pid" && ip netns attach "$n" "$(cat "$lab/$n/pid")" || { said="no node $n"; return 1; }
		node_ip[$n]=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$n")
		node_net[$n]=$(k get node "$n" -o 'jsonpath={.spec.podCIDR}')
		[ -n "${node_ip[$n]}" ] && [ -n "${node_net[$n]}" ] || { said="$n has no address or no pods' network"; return 1; }
		ip route replace "${node_net[$n]}" via "${node_ip[$n]}"
		# a kernel without dummy devices: the cache takes an interface of this name that exists
		ip -n "$n" link add nodens-try type dummy 2>/dev/null && ip -n "$n" link del nodens-try || ip -n "$n" link add nodelocaldns type bridge
	done
}
pods_net() { # what kindnet would do: a veth and a route a pod, routes between the nodes
	local n other
	for n in $nodes; do
		cni_conflist "${node_net[$n]}" | docker exec -i "$n" sh -c 'cat >/etc/cni/net.d/10-lab.conflist' || { said="$n takes no CNI configuration"; return 1; }
		for other in $nodes; do [ "$n" = "$other" ] || ip -n "$n" route replace "${node_net[$other]}" via "${node_ip[$other]}"; done
	done
}
proxies_tell() { # its pod is ready before it serves
	local n in
	said=
	for n in $nodes; do
		in=$(in_net "$n" curl -sf -m 5 http://127.0.0.1:10249/proxyMode) || return 1
		said="$said $n $in;"
	done
}
proxies_as_asked() { # kube-proxy falls back without a word where the kernel lacks something
	wait_for 60 rolled daemonset/kube-proxy || return 1
	wait_for 30 proxies_tell || { said="kube-proxy does not tell its mode: $said"; return 1; }
	[ "$(grep -o " $mode;" <<<"$said" | wc -l)" = 2 ]
}
images_loaded() {
	local a
	for a in "$lab/lab.tar" "$image_archive"; do
		"$tools/kind" load image-archive "$a" >"$out/kind-load" 2>&1 || { said="$a: $(tail -n 1 "$out/kind-load")"; return 1; }
	done
	said=$(docker exec "$n1" ctr -n k8s.io images ls -q | grep -v @ | tr '\n' ' ')
}
image_into() { # NODE ARCHIVE
	"$tools/kind" load image-archive "$2" --nodes "$1" >>"$out/kind-load" 2>&1
}
proxies_restart() { roll daemonset/kube-proxy; }
cluster_down() {
	local left
	for n in $nodes; do umount "/run/netns/$n" 2>/dev/null; done
	"$tools/kind" delete cluster >"$out/kind-delete" 2>&1 || { said=$(tail -n 1 "$out/kind-delete"); return 1; }
	left=$(docker ps -aq | wc -l) said="$left containers, $(docker volume ls -q | wc -l) volumes left"
	[ "$left" = 0 ] && [ "$(docker volume ls -q | wc -l)" = 0 ]
}
