# SPDX-License-Identifier: Apache-2.0
# A shell lab from outside: a world of its own is started, watched, ended and swept up after, and the machine
# is compared with what it was before. Sourced by `run` of lab/cluster and lab/kind, in the tree's top folder.
# shellcheck shell=bash
skip() { echo "skip: $*"; exit 77; }
number() { [ "$2" -gt 0 ] 2>/dev/null || { echo "$lab_name: $1 is a number of seconds, not '$2'" >&2; exit 3; }; }

regular() { # OPTION PATTERN
	grep -qE -- "$2" /dev/null 2>&1
	[ $? -lt 2 ] || { echo "$lab_name: $1: '$2' is no regular expression" >&2; exit 3; }
}

# outside_begin: takes $out, makes $lab (a folder that goes), $id (a name for cgroups and clusters), $checks
outside_begin() {
	mkdir -p "$out" || exit 3
	out=$(realpath "$out")
	exec 8>"$out/.lock"
	flock -n 8 || { echo "$lab_name: another run writes into $out" >&2; exit 3; }
	exec 7>"${TMPDIR:-/tmp}/nodens-labs.lock" # what two labs change at once, neither finds as it was before
	flock -n 7 || { echo "$lab_name: waiting for another lab of this machine to end"; flock 7; }
	find "$out" -mindepth 1 ! -name .lock -delete
	lab=$(mktemp -d "${TMPDIR:-/tmp}/nodens-$lab_name.XXXXXX")
	id=nodens-$(tr 'A-Z' 'a-z' <<<"${lab##*.}")
	checks=$out/checks
	: >"$checks"
	export keep out lab id checks include exclude
	began=$SECONDS
	machine >"$lab/machine.before"
	share
	trap 'echo "$lab_name: interrupted; taking it down" >&2; finish 130' INT TERM HUP
}

# Nodes and their containers are one cgroup, which has the share of one ordinary session of the machine however many are in
# it: beside other work they would wait for seconds, and lose what nobody lost. It gets what nice -10 gets.
share() {
	local d
	for d in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct; do
		[ -e "$d/cpu.shares" ] && mkdir -p "$d/$id" && echo 9548 >"$d/$id/cpu.shares" && return 0
	done
	return 0
}

# the machine, before and after: everything that somebody could have forgotten to put back
machine() {
	sysctl -a 2>/dev/null | grep -E '^(vm|kernel|net|fs)\.' |
		grep -vE '^(fs\.(dentry|inode|file-nr|quota|aio-nr|epoll)|kernel\.(random|ns_last_pid|pty\.nr|perf_|sched_domain)|net\.netfilter\.nf_conntrack_count|vm\.stat|net\.core\.netdev_rss)|next_id'
	ip -o link; ip -o addr | sed 's/ valid_lft.*//'; ip route show table all; ip rule
	iptables-save 2>/dev/null | grep -v '^#'; nft -s list ruleset 2>/dev/null; ipset save 2>/dev/null
	sed "s/ .*nodens-$lab_name/ nodens-$lab_name/" /proc/self/mountinfo | cut -d ' ' -f 4- | sort
	find /run/netns /var/lib/containerd /var/lib/docker /var/lib/kubelet /etc/cni /run/containerd /run/docker -mindepth 1 -maxdepth 1 2>/dev/null | sort
	find /sys/fs/cgroup -maxdepth 2 -name "${id:-nodens-}*" 2>/dev/null
}
ours() { # processes of this lab, by what they were given or the cgroup they are in
	{ pgrep -f -- "$lab/"; grep -ls -- "/$id" /proc/[0-9]*/cgroup | cut -d / -f 3; } | sort -un
}

sweep() { # cgroups and files; processes and namespaces went with the first process of the lab
	local tries=0
	while find /sys/fs/cgroup -mindepth 2 -type d -path "*/$id/*" 2>/dev/null | grep -q . && [ $tries -lt 50 ]; do
		find /sys/fs/cgroup -depth -type d -path "*/$id*" -exec rmdir {} + 2>/dev/null
		tries=$((tries + 1)); sleep 0.1
	done
	find /sys/fs/cgroup -depth -type d -path "*/$id*" -exec rmdir {} + 2>/dev/null
	rm -rf --one-file-system "$lab"
}
finish() {
	local rc=$1 after left tries=0
	trap '' INT TERM HUP
	[ -z "${inner:-}" ] || { kill -KILL "$inner"; wait "$inner"; } 2>/dev/null
	[ -z "${clock:-}" ] || { pkill -P "$clock"; kill "$clock"; } 2>/dev/null
	outside_restore
	wait 2>/dev/null
	until left=$(ours); [ -z "$left" ] || [ $((tries += 1)) -gt 50 ]; do sleep 0.1; done # the kernel may be at it
	cp "$lab/machine.before" "$out/machine.before"
	sweep
	machine >"$out/machine.after"
	after=$(diff "$out/machine.before" "$out/machine.after" | grep '^[<>]' | head -n 5 | tr '\n' ';')
	[ -z "$left" ] || after="$after processes are left: ${left//$'\n'/ };"
	[ ! -e "$lab" ] || after="$after $lab is left;"
	[ $rc = 0 ] || printf 'failed\t0\tthe run came to its end\tit ended with status %s, see %s\n' "$rc" "$out/log" >>"$checks"
	printf '%s\t0\tthe machine is as before: sysctls, links, routes, rules, mounts, cgroups, processes\t%s\n' \
		"$([ -z "$after" ] && echo passed || echo failed)" "${after:-no difference}" >>"$checks"
	printf '= run.wall_s\t%s\n' $((SECONDS - began)) >>"$checks"
	"$O/bin/kind-e2e" verdicts --checks "$checks" --lab "$lab_name" --out "$out/record" ${junit:+--junit "$junit"}
	rc=$?
	[ ! -s "$out/original.md" ] || cat "$out/original.md"
	[ -z "$collect" ] || { tar -czf "$collect" -C "$out" --exclude .lock . && echo "collected in $collect"; }
	echo "$lab_name: $((SECONDS - began)) s; logs and dumps in $out"
	exit $rc
}
outside_restore() { :; } # a lab's own: what it puts back, and whom it started beside its world

# outside_run WORLD: a world of its own; when its first process ends, the kernel takes everything down
outside_run() {
	setsid setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child=KILL --mount-proc --propagation private \
		"$1" </dev/null >"$out/log" 2>&1 7>&- 8>&- &
	inner=$!
	( sleep "$limit" && echo "$lab_name: after $limit s it is ended" >&2 && kill -KILL $inner ) 7>&- 8>&- & clock=$!
	tail --pid=$inner -n +1 -s 0.3 -F "$checks" 2>/dev/null 7>&- 8>&- | grep --line-buffered -v '^[=@]' 7>&- 8>&- &
	if [ -n "$keep" ]; then
		until pgrep -P $inner >"$lab/outside-pid" || ! kill -0 $inner 2>/dev/null; do sleep 0.1; done
		while [ ! -e "$lab/kept" ] && kill -0 $inner 2>/dev/null; do sleep 0.2; done
		kill -0 $inner 2>/dev/null && { cat "$lab/kept"; read -r _; touch "$lab/go"; }
	fi
	wait $inner
	local rc=$?
	inner=
	finish $rc
}
