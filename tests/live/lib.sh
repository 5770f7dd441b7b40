# SPDX-License-Identifier: Apache-2.0
# For suites that run the real daemon on loopback: TAP, processes with a certain
# end, addresses of the run's own. Sourced, not run.
set -u
O=${O:-build/gcc}
here=127.77.$((RANDOM % 250 + 1)) # several runs at a time do not meet
CACHE=$here.9
UP=$here.8
UP2=$here.7
PORT=5300
tmp=$(mktemp -d /tmp/nodens-live.XXXXXX)
pids=()
n_tests=0 n_bad=0

# Numbers of processes come round within two minutes of a whole run: whoever has ended may be
# somebody else by now.
process_is_own() { # PID: a child of this shell, or of its group
	local stat ppid pgrp
	read -r stat <"/proc/$1/stat" && read -r _ ppid pgrp _ <<<"${stat##*) }" && { [ "$ppid" = $$ ] || [ "$pgrp" = "$own_group" ]; }
} 2>/dev/null
read -r own_group </proc/$$/stat && read -r _ _ own_group _ <<<"${own_group##*) }"
end_own() {
	local p
	for p in "${pids[@]}"; do process_is_own "$p" && kill -9 "$p"; done 2>/dev/null
	wait 2>/dev/null
}
cleanup() {
	end_own
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

ok() { n_tests=$((n_tests + 1)); echo "ok $n_tests - $1"; }
nok() { n_tests=$((n_tests + 1)); n_bad=1; echo "not ok $n_tests - $1"; shift; printf '# %s\n' "$@"; }
skip() { n_tests=$((n_tests + 1)); echo "ok $n_tests - $1 # SKIP $2"; }
is() { if [ "$1" = "$2" ]; then ok "$3"; else nok "$3" "got  '$1'" "want '$2'"; fi; }
like() { if [[ $1 =~ $2 ]]; then ok "$3"; else nok "$3" "got     '$1'" "want it like '$2'"; fi; }
unlike() { if [[ $1 =~ $2 ]]; then nok "$3" "got '$1'" "which is like '$2'"; else ok "$3"; fi; }
passes() { local what=$1; shift; if "$@" >"$tmp/out" 2>&1; then ok "$what"; else nok "$what" "$(tail -5 "$tmp/out")"; fi; }
finish() { echo "1..$n_tests"; exit $n_bad; }

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	local end=$((SECONDS + $1 + 1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

# upstream NAME ADDRESS [PORT]: the server that misbehaves on request
upstream() {
	"$O/tests/live/upstream" -n "$1" "$2" "${3:-$PORT}" >"$tmp/upstream.$1" 2>&1 &
	pids+=($!)
	eval "pid_$1=$!"
	wait_for 5 grep -q ready "$tmp/upstream.$1" || { echo "Bail out! upstream $1 does not start: $(cat "$tmp/upstream.$1")"; exit 1; }
}
# stat_of ADDRESS KEY: what the upstream counted
stat_of() { dig +short +tries=1 +timeout=2 @"$1" -p $PORT stats. TXT | tr -d '"' | tr ' ' '\n' | sed -n "s/^$2=//p"; }

# cache [FLAGS]: [$CACHE_RUN] the daemon on $tmp/Corefile; returns when it serves
cache() {
	rm -f "$tmp/pid"
	${CACHE_RUN:-} "$O/bin/node-cache" -localip "$CACHE" -setupinterface=false -setupiptables=false \
		-conf "$tmp/Corefile" -basecorefile "$tmp/none" -kubednscm "$tmp/none" \
		-metrics-listen-address "$CACHE:9353" -pidfile "$tmp/pid" "$@" >"${CACHE_OUT:-$tmp/log}" 2>&1 &
	cache_pid=$!
	pids+=($cache_pid)
	wait_for 10 test -s "$tmp/pid" || { echo "Bail out! the daemon does not start: $(tail -5 "$tmp/log")"; exit 1; }
}
# Was the daemon built with sanitizers?
sanitized() { grep -qc __asan_init "$O/bin/node-cache"; }
# cache_end [SIGNAL]: and its exit status in $?
cache_end() {
	kill -"${1:-TERM}" $cache_pid
	wait $cache_pid
}
# With iptables' rules the supervisor has a parent.
supervisor() { pgrep -P $cache_pid -x node-cache || echo $cache_pid; }
workers() { pgrep -P "$(supervisor)" -x node-cache-dns; }

# Rules hold while self-tests pass: what is there at first may be gone after two of them.
# looked_again URL [N]: until the daemon has tested itself N times more; three are a
# fail-open time, so that 30 are ten. Counts what it did, whatever the clock says.
selftests() { curl -s "$1" | awk '/^nodens_selftest_(passed|failed)_total / { s += $NF } END { print s + 0 }'; }
looked_again() {
	local until=$(($(selftests "$1") + ${2:-30}))
	tested() { [ "$(selftests "$1")" -ge $until ]; }
	wait_for 90 tested "$1"
}

# Rules are active, and self-tests pass but for one or the other that a busy machine was
# late for: rules that answer themselves wrongly fail all of them.
holding() {
	curl -s "$1" | awk '/^nodens_rules_active / { on = $2 } /^nodens_selftest_passed_total / { p = $2 } /^nodens_selftest_failed_total / { f = $2 }
		END { print "active " on ", passed " p ", failed " f; exit !(on == 1 && p > 2 * f) }'
}

corefile() { cat >"$tmp/Corefile"; }
# The stock shape: cluster zones over TCP, the rest as it comes.
corefile_stock() {
	corefile <<-END
	test:$PORT {
	    errors
	    cache {
	            success 9984 30
	            denial 9984 5
	    }
	    reload
	    loop
	    bind $CACHE
	    forward . $UP:$PORT {
	            force_tcp
	    }
	    prometheus $CACHE:9253
	    health $CACHE:8080
	    }
	in-addr.arpa:$PORT {
	    errors
	    cache 30
	    reload
	    loop
	    bind $CACHE
	    forward . $UP:$PORT {
	            force_tcp
	    }
	    prometheus $CACHE:9253
	    }
	.:$PORT {
	    errors
	    cache 30
	    reload
	    loop
	    bind $CACHE
	    forward . $UP2:$PORT
	    prometheus $CACHE:9253
	    }
	END
}

ask() { dig +tries=1 +timeout=3 @"$CACHE" -p $PORT "$@"; }
short() { ask +short "$@" | tr -d '"'; }
rcode() { ask "$@" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p'; }
# metric REGEX: sum of the matching series
metric() { curl -sf "http://$CACHE:9253/metrics" | awk -v re="^$1" '$0 ~ re { s += $NF } END { printf "%d\n", s }'; }
