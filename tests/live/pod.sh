# SPDX-License-Identifier: Apache-2.0
# For suites that run the daemon as a pod of a node: two upstreams, a root file system for the
# container, ConfigMaps as kubelet mounts them, a look at all that may be left behind. Sourced
# inside network and mount namespaces that die with the suite.
mount -t tmpfs none /run
. tests/live/lib.sh
LOCAL=169.254.20.10 SERVER=10.96.0.10
ip link set lo up
ip addr add 10.96.0.11/32 dev lo; ip addr add 10.96.0.12/32 dev lo
ip link add nodelocaldns type bridge # for the dummy that some kernels have not
"$O/tests/live/upstream" -n cluster 10.96.0.11 53 >"$tmp/up1" 2>&1 & pids+=($!)
"$O/tests/live/upstream" -n outside 10.96.0.12 53 >"$tmp/up2" 2>&1 & pids+=($!)
for t in iptables ip6tables; do for c in PREROUTING OUTPUT; do $t -t raw -A $c -p udp --dport 4789 -j ACCEPT; done; $t -A INPUT -p tcp --dport 22 -j ACCEPT; $t -A OUTPUT -p tcp --sport 22 -j ACCEPT; done

# --- a container's root ---
root=$tmp/root
mkdir "$root"
mount -t tmpfs none "$root"
trap 'cleanup_in' EXIT
cleanup_in() {
	end_own
	umount -R "$root" 2>/dev/null
	rm -rf "$tmp"
}
# A ConfigMap as kubelet mounts it: files are links through ..data to a directory of
# the moment, and an update is one rename of ..data.
generation=0
configmap() { # DIRECTORY FILE CONTENT [FILE CONTENT]...
	local dir=$root/$1 now; shift
	generation=$((generation + 1)) now=..2026_$generation
	mkdir "$dir/$now"
	while [ $# -gt 0 ]; do
		printf '%s' "$2" >"$dir/$now/$1"
		[ -L "$dir/$1" ] || ln -s "..data/$1" "$dir/$1"
		shift 2
	done
	ln -s "$now" "$dir/..data_tmp"
	mv -T "$dir/..data_tmp" "$dir/..data"
}
# The addon's Corefile after the recipe's sed.
stock() {
	cat <<END
cluster.local:53 {
    errors
    cache {
            success 9984 30
            denial 9984 5
    }
    reload
    loop
    bind $LOCAL $SERVER
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    health $LOCAL:8080
    }
in-addr.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind $LOCAL $SERVER
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
ip6.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind $LOCAL $SERVER
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
.:53 {
    errors
    cache 30
    reload
    loop
    bind $LOCAL $SERVER
    forward . __PILLAR__UPSTREAM__SERVERS__
    prometheus :9253
    }
END
}
q() { dig +short +tries=1 +timeout=1 "@$1" "${@:2}" | tr -d '"'; }
value() { curl -s "http://$LOCAL:9353/metrics" | awk -v k="$1" 'index($0, k) == 1 { print $NF; exit }'; }
hash() { curl -s "http://$LOCAL:9353/metrics" | sed -n 's/^coredns_reload_version_info{.*value="\([^"]*\)".*/\1/p'; }
snapshot() {
	iptables-save 2>/dev/null | grep -v '^#' | sed 's/ \[[0-9:]*\]//'; nft list ruleset 2>/dev/null | sed 's/packets [0-9]* bytes [0-9]*//'
	ipset list -n; ip -o addr show; ip -o link show | sed 's/qlen.*//'
}
same() { snapshot >"$tmp/now"; diff "$tmp/before" "$tmp/now"; }
env_kube=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin KUBE_DNS_UPSTREAM_SERVICE_HOST=10.96.0.11 KUBE_DNS_SERVICE_HOST=$SERVER)
begin() { # PIDFILE COMMAND...
	local pidfile=$root$1; shift
	"${env_kube[@]}" "$@" >"$tmp/log" 2>&1 &
	cache_pid=$!
	pids+=($cache_pid)
	wait_for 10 test -s "$pidfile" || { echo "Bail out! does not start: $(tail -5 "$tmp/log")"; exit 1; }
}

bits() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
NET_ADMIN=12 NET_BIND=10 NET_RAW=13
only() { local m=0 b; for b in "$@"; do m=$((m | 1 << b)); done; printf '%016x' $m; }
# What our manifest runs, and its template.
mapfile -t args < <(sed -n '/^        args:/,/^        [a-z]*:/s/^        - //p' resolver/deploy/base/daemonset.yaml)
[ ${#args[@]} -ge 4 ] || nok "the manifest's arguments are found" "${args[*]}"
template=$(sed -n '/^  Corefile: |/,$s/^    //p' resolver/deploy/base/configmap.yaml)
