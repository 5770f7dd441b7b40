# SPDX-License-Identifier: Apache-2.0
# The fast tests, for the scripts beside this file. One is named KIND:NAME, and `play` runs
# some of one kind against the library in a folder. test_denials is none of them, for its walks
# through all orders take ten seconds, nor are units of what is no part of the daemon.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top" || exit 2
out=$top/${O:-build/gcc}/mutants
M=$out/b/mutants          # the tests, and the library as it is
sanitized=$out/san/mutants # the same with sanitizers
traced=$out/traced/mutants # the library that tells which of its blocks run

# Builds in folder $1 what $2... says. What sanitized builds see is seen here as far as it costs
# nothing: an index beyond an array ends the program, what nobody has set is garbage, and the core
# checks itself. `san`: as those builds are, for what this has not noticed.
build() {
	local dir=$1; shift
	make -s --no-print-directory -f tests/mutants/mutants.mk O="${dir#"$top"/}" VERSION=mutant STATIC= SAN="${san:-}" DEBUG= HARDEN= \
		KINDS="$kinds" UNITS="$(tests | sed -n 's/^unit://p' | tr '\n' ' ')" \
		CFLAGS="${flags:--O2 -fPIC -w -DNODENS_CHECK -fsanitize=bounds -fsanitize-undefined-trap-on-error -ftrivial-auto-var-init=pattern}" "$@"
}
build_sanitized() { san=address,undefined flags='-O1 -g1 -fPIC -w -ftrivial-auto-var-init=pattern' build "$out/san" "$@"; }
# Some of these KINDS alone, or only TESTS whose names match, cost less, and notice a little less.
kinds=${KINDS:-scenario unit runs reload disturb fuzz_daemon fuzz_core}
all_tests() {
	local f
	for f in tests/scenario/*.scn; do echo "scenario:$f"; done
	find tests/unit/lib tests/unit/resolver -name 'test_*.c' | grep -v '/test_denials[.]c$' |
		sed 's,^tests/\(.*\)[.]c$,unit:\1,' | sort
	for f in $(grep -L '^# a reload changes this: ' tests/scenario/*.scn); do echo "reload:$f"; done
	for f in tests/scenario/*.scn; do echo "disturb:$f"; done
	echo runs:all # of the whole daemon (tests/fuzz/daemon/runs)
	echo fuzz_daemon:all
	echo fuzz_core:all
}
# As they are now: who writes another meanwhile has it in the next run.
listed=$(all_tests | grep -E "^(${kinds// /|}):" | grep -E "${TESTS:-.}")
tests() { echo "$listed"; }
# play LIBRARY'S-FOLDER KIND NAME...: ends with their status; LIMIT is seconds of CPU, and of
# waiting six times that: what waits for the processor is no breakage's doing. ONLY is a pattern
# of the unit's tests that are wanted.
play() {
	local lib=$1 whole=$M kind=$2 limit=${LIMIT:-10}; shift 2
	case $kind in
	scenario) set -- scenario "$@" ;;
	reload) set -- scenario reload "$@" ;;
	disturb) set -- scenario disturb 1 1 "$@" ;;
	unit) set -- "$@" --fail-fast ${ONLY:+--filter "$ONLY"} ;;
	fuzz_core) set -- fuzz_core ;;
	fuzz_daemon) lib=$lib/wrapped whole=$whole/wrapped; set -- fuzz_daemon tests/fuzz/corpus/daemon/* ;;
	runs) lib=$lib/wrapped whole=$whole/wrapped; set -- fuzz_daemon runs tests/fuzz/daemon/known ;;
	esac
	(
		ulimit -t "$limit" -c 0
		export ASAN_OPTIONS=detect_odr_violation=0:malloc_context_size=4:quarantine_size_mb=32
		LD_LIBRARY_PATH=$lib:$whole MALLOC_PERTURB_=165 exec timeout --kill-after=2 $((limit * 6)) "$M/$@" </dev/null
	)
}
