# SPDX-License-Identifier: Apache-2.0
# Shell of the cluster lab: checks and waiting. Sourced in its world.
# shellcheck shell=bash
# shellcheck disable=SC1091
. kind-e2e/lab/cluster/addresses.sh
nodes="node1 node2" n1=node1 n2=node2 # a lab with nodes of other names says so after sourcing this
said=

say() { echo "$(date +%T) $*"; }
note() { # METRIC VALUE
	printf '= %s\t%s\n' "$1" "$2" >>"$checks"
}
# The cell that checks are about, as kind-e2e run names them: MODE-nocache, -cache, -original, and the family when it
# is not IPv4. Without one they are about the lab.
cell=
about() { cell=${1:+$1$([ "$family" = ipv4 ] || echo "-$family")}; } # [CELL]
verdict() { # VERDICT SECONDS NAME DETAIL
	printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$(tr '\n\t' '; ' <<<"$4" | cut -c 1-600)" "${cell:-}" >>"$checks"
	say "$1: $3: $4"
}
now() { cut -d ' ' -f 1 /proc/uptime; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

asked_for() { # NAME: by --include and --exclude
	[ -z "${include:-}" ] || grep -qE -- "$include" <<<"$1" || return 1
	[ -z "${exclude:-}" ] || ! grep -qE -- "$exclude" <<<"$1"
}
# check NAME COMMAND...: the command's status counts, and what it puts into $said. What fails is
# done again, twice; then it is flaky, or has failed. Never silent.
check() {
	local name=$1 n=0 good=0 first= all= t; shift
	asked_for "$name" || { skipped "$name" "not asked for"; return 0; }
	t=$(now) said=
	"$@" && { verdict passed "$(since "$t")" "$name" "$said"; return 0; }
	first=$said
	evidence "$name"
	while [ $n -lt 2 ]; do
		say "again: $name: $said"
		n=$((n + 1)) said=
		"$@" && good=$((good + 1))
		all="$all; $said"
	done
	if [ $good -gt 0 ]; then
		verdict flaky "$(since "$t")" "$name" "$good/3 good; first: $first"
		return 0
	fi
	verdict failed "$(since "$t")" "$name" "$first; again$all"
	return 1
}
# once NAME COMMAND...: for what cannot be done again.
once() {
	local name=$1 t; shift
	t=$(now) said=
	if "$@"; then verdict passed "$(since "$t")" "$name" "$said"; return 0; fi
	verdict failed "$(since "$t")" "$name" "$said"
	return 1
}
skipped() { verdict skipped 0 "$1" "$2"; }

wait_for() { # SECONDS COMMAND...: until it succeeds
	local end=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

k() { "$tools/kubectl" --kubeconfig="$lab/pki/admin.conf" "$@"; }
apply() { k apply -f - >/dev/null; } # a manifest from standard input
in_net() { # NAMESPACE COMMAND...
	local n=$1; shift
	nsenter --net="/run/netns/$n" "$@"
}
in_node() { # NODE COMMAND...: in its namespaces and cgroups, as a process that kubelet could have started
	local pid
	pid=$(cat "$lab/$1/pid") || return 1
	shift
	nsenter -t "$pid" -m -u -i -n -p -C /bin/sh -c 'for c in /sys/fs/cgroup/*/cgroup.procs; do echo 0 >"$c"; done 2>/dev/null; cd /; exec "$@"' in_node "$@"
}
service() { # NODE NAME COMMAND...: one that stays; its log in the lab's output
	local node=$1 name=$2; shift 2
	in_node "$node" /bin/sh -c 'echo $$ >/run/service.'"$name"'; exec "$@"' "$name" "$@" >>"$out/$node-$name.log" 2>&1 &
}
service_end() { # NODE NAME
	# shellcheck disable=SC2016
	in_node "$1" /bin/sh -c 'p=$(cat /run/service.'"$2"') && kill "$p"; while kill -0 "$p"; do sleep 0.1; done' 2>/dev/null
}
pod_ip() { k -n "$1" get pod "$2" -o 'jsonpath={.status.podIP}'; }
in_pod() { # POD COMMAND...
	local p=$1; shift
	k -n lab exec "$p" -- "$@"
}
