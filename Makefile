# SPDX-License-Identifier: Apache-2.0
# The whole build, non-recursive, out of tree. A variant is a choice on the
# command line, never an edit:  make CC=clang   make SAN=address,undefined   make DEBUG=1
#
#   make            all programs                  make test     everything that needs no cluster
#   make demo       the main job, end to end      make layers   who may include whom
#   make e2e        every cell, every check       make e2e-mutants  what each check is good for
#   make deps       Debian packages (root)        make bench    timings, side by side
#   make fuzz       libFuzzer on every parser     make install  DESTDIR, PREFIX
#   make axe        axe-core, for tests of the report's page
#   make calibrate  the simulator's costs on this machine, and their error on cells they were not made from; LAB=vm by a counted clock
#   make validate   both models beside closed forms, real resolvers and kernels, and this machine's lab
#   make mutants    what no test notices: SEED=n N=300
#   make coverage   what the fast tests run of each folder
#   make transcripts  what scenarios and runs by chance bring about besides what is expected, kept for comparison
#   make examples   worked plans, from twelve nodes to five thousand
#   make image      node-cache as an OCI archive  IMAGE=NAME:TAG
#   make krew       the kubectl plugin's archive and index file: URL=https://where/it/will/be
#   make vm         the lab in a guest with a kernel of its own: SUITE=bookworm-backports
#   make e2e-ipvs   what make e2e has no kernel for: all cells of IPVS in such a guest
#   make e2e-matrix  every cell in every lab: MATRIX='--original PATH --short ...'   make e2e-soak  make e2e again and again: RUNS=20
#   make nft-versions  the nft of each of Debian's releases, for the suite that asks whether it lists our table
#   make e2e-cluster    a real Kubernetes on this machine (docs/lab.md)  CLUSTER='--short --keep ...'
#   make e2e-kind       the same by kind                              KIND='--short --node-image NAME@sha256:...'
#   make cluster-tools  their programs, built once

# On all cores, unless -j says otherwise. make 4.3 tells its makefile neither of a -j on the
# command line nor of one that came with the environment, so both are read where they stand.
jobs_asked := $(filter -j% --jobserver%,$(MAKEFLAGS)) \
              $(shell { echo "$$MAKEFLAGS" | tr ' ' '\n'; tr '\0' '\n' </proc/$$PPID/cmdline; } 2>/dev/null | \
                      grep -E '^(-[bBdeikLnpqrRsStvw]*j|--j)')
MAKEFLAGS += --no-builtin-rules $(if $(strip $(jobs_asked)),,-j$(shell nproc))
# Before a script that runs make again: it shares out as many jobs anew.
anew = MAKEFLAGS='$(subst ','\'',$(filter-out --jobserver%,$(MAKEFLAGS)))'
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
SAN     ?=
DEBUG   ?=
V       ?=
PREFIX  ?= /usr/local
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || cat VERSION 2>/dev/null || echo unknown)

empty :=
comma := ,
variant := $(notdir $(CC))$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(DEBUG),-debug)
O ?= build/$(variant)
Q := $(if $(V),,@)

# --- flags -------------------------------------------------------------------
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wundef \
        -Wwrite-strings -Wformat=2 -Wvla -Wno-missing-field-initializers -Werror
# under sanitizers gcc forgets ranges it knows otherwise, and warns of truncation that cannot be
SAN_WARN := $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
# Hardening, of what this compiler and architecture have (tests/suites/hardening reads the
# binaries). Sanitizers find more without it, and _FORTIFY_SOURCE wants optimization. HARDEN=
# does without.
flag_if = $(shell echo 'int x;' | $(CC) -Werror $(1) -x c -c -o /dev/null - 2>/dev/null && echo '$(1)')
fortify_level := $(shell printf '\043include <features.h>\n__USE_FORTIFY_LEVEL\n' | $(CC) -E -P -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -x c - 2>/dev/null | tail -n 1)
HARDEN ?= $(if $(SAN),,$(if $(DEBUG),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(filter 2 3,$(fortify_level))) \
          $(call flag_if,-fstack-clash-protection) $(call flag_if,-fcf-protection))
HARDEN := $(HARDEN)
# A few octets, how many is not known beforehand: for the general x86 gcc copies and clears them by an instruction that takes
# longer to begin than a loop takes for all of them. What is run for each message (HOT_SRC) goes without.
strategy = $(call flag_if,-m$(1)-strategy=unrolled_loop:256:noalign$(comma)libcall:-1:noalign)
HOT_CFLAGS := $(if $(SAN)$(DEBUG),,$(call strategy,memcpy) $(call strategy,memset))
ALL_CPPFLAGS = -I. -I$(O) -D_GNU_SOURCE $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 $(WARN) -fno-strict-aliasing -fstack-protector-strong -fPIE -pthread $(HARDEN) $(CFLAGS) $(if $(DEBUG),-O0) \
             $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined $(SAN_WARN))
ALL_LDFLAGS = -pie -pthread -Wl,--as-needed -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

pc = $(shell pkg-config --libs $(1) 2>/dev/null)
# What Debian has archives of is linked into the programs: of a shared library each idle
# process touches pages and relocates data, which was a third of node-cache's memory.
# STATIC= takes the shared libraries.
STATIC ?= $(if $(SAN),,yes)
ARCHIVED := $(if $(STATIC),-Wl$(comma)-Bstatic )
SHARED := $(if $(STATIC), -Wl$(comma)-Bdynamic)
PROGRAM_LDFLAGS := $(if $(STATIC),-Wl$(comma)--gc-sections -Wl$(comma)-z$(comma)pack-relative-relocs)
LIBS_lib := $(or $(call pc,ldns),$(call pc,libldns),-lldns) $(ARCHIVED)-ljansson -lyaml$(SHARED) -lmnl -lm

# --- what is built from what -------------------------------------------------
# Each folder becomes an archive without its main.c; archives link in layer
# order, so a call that goes the wrong way does not link.
srcs = $(filter-out %/main.c,$(wildcard $(addsuffix /*.c,$(1))))
LIB_SRC      := $(call srcs,$(wildcard lib/*))
CORE_SRC     := $(call srcs,resolver/core resolver/plugins resolver/corefile)
RESOLVER_SRC := $(call srcs,$(addprefix resolver/,config net observe node worker crew handover supervisor))
SIM_SRC      := $(call srcs,sim $(wildcard sim/*))
CT_SRC       := $(call srcs,conntrack-model)
PCAP_SRC     := $(call srcs,pcap-replay $(wildcard pcap-replay/*))
E2E_SRC      := $(call srcs,kind-e2e $(wildcard kind-e2e/* kind-e2e/*/*))
DOCTOR_SRC   := $(call srcs,kind-e2e/doctor kind-e2e/proxy) \
                kind-e2e/load/ask.c kind-e2e/lab/netns.c kind-e2e/lab/proc.c kind-e2e/measure/prom.c
REPORTS_SRC  := $(call srcs,reports $(wildcard reports/*))
HOT_SRC      := $(CORE_SRC) $(CT_SRC) $(call srcs,lib/base lib/dns lib/world sim/world)
BENCH_SRC    := $(call srcs,tests/bench/kube tests/bench/gen tests/bench/truth)

PROGRAMS := node-cache dns-sim conntrack-model pcap-replay kind-e2e capacity-report kubectl-nodens
main_node-cache      := resolver/main.c
main_dns-sim         := sim/main.c
main_conntrack-model := conntrack-model/main.c
main_pcap-replay     := pcap-replay/main.c
main_kind-e2e        := kind-e2e/main.c
main_capacity-report := reports/main.c
main_kubectl-nodens  := kind-e2e/doctor/main.c
uses_node-cache      := resolver core lib
uses_dns-sim         := sim ct core lib
uses_conntrack-model := ct lib
uses_pcap-replay     := pcap core lib
uses_kind-e2e        := e2e lib
uses_capacity-report := reports lib
LIBS_core     := $(ARCHIVED)-lpcre2-8$(SHARED)
LIBS_resolver := $(ARCHIVED)-lssl -lcrypto -lseccomp$(SHARED) -lnghttp2 -lmnl
LIBS_pcap     := -lpcap -lz -lzstd -llz4 -llzma -lcurl
LIBS_e2e      := $(ARCHIVED)-lssl -lcrypto$(SHARED) -lcurl -lmnl
LIBS_reports  := -lcurl

archive = $(O)/lib$(1).a
archives = $(foreach a,$(1),$(call archive,$(a)))
libs_of = $(foreach a,$(1),$(LIBS_$(a)))
objs = $(patsubst %.c,$(O)/%.o,$(1))

$(call archive,lib):      $(call objs,$(LIB_SRC))
$(call archive,core):     $(call objs,$(CORE_SRC))
$(call archive,resolver): $(call objs,$(RESOLVER_SRC))
$(call archive,sim):      $(call objs,$(SIM_SRC))
$(call archive,ct):       $(call objs,$(CT_SRC))
$(call archive,pcap):     $(call objs,$(PCAP_SRC))
$(call archive,e2e):      $(call objs,$(E2E_SRC))
$(call archive,doctor):   $(call objs,$(DOCTOR_SRC))
$(call archive,reports):  $(call objs,$(REPORTS_SRC))
$(call archive,bench):    $(call objs,$(BENCH_SRC))

BINS := $(addprefix $(O)/bin/,$(PROGRAMS))
all: $(foreach p,$(PROGRAMS),$(if $(wildcard $(main_$(p))),$(O)/bin/$(p)))

define program
$(O)/bin/$(1): $(O)/$(main_$(1):.c=.o) $(call archives,$(uses_$(1))) $(O)/.ldflags
	@mkdir -p $$(@D)
	@echo "  LD    $$@"
	$(Q)$(CC) $$(ALL_LDFLAGS) $$(PROGRAM_LDFLAGS) -o $$@ $$(filter %.o,$$^) $(call archives,$(uses_$(1))) $(call libs_of,$(uses_$(1)))
endef
$(foreach p,$(filter-out kubectl-nodens,$(PROGRAMS)),$(eval $(call program,$(p))))

# One static program, which runs in any image and on any machine. glibc has files and DNS for
# getaddrinfo within itself, so the linker's warnings about NSS say nothing. Sanitizers are not static.
$(O)/bin/kubectl-nodens: $(O)/$(main_kubectl-nodens:.c=.o) $(call archives,doctor lib) $(O)/.ldflags
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(if $(SAN),$(ALL_LDFLAGS),$(filter-out -pie,$(ALL_LDFLAGS)) -static-pie -Wl$(comma)--gc-sections -Wl$(comma)--no-warnings) \
		-o $@ $< $(call archives,doctor lib) -lssl -lcrypto -ljansson -lyaml -lm

$(O)/%.o: %.c $(O)/.flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(call objs,$(HOT_SRC)): private ALL_CFLAGS += $(HOT_CFLAGS)

# Only the file that tells the version is built again when the commit changes.
$(O)/lib/base/opt.o: private ALL_CPPFLAGS += -DNODENS_VERSION='"$(VERSION)"'
$(O)/lib/base/opt.o: $(O)/.version
$(O)/.version: FORCE
	@mkdir -p $(@D); echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
FORCE:

$(O)/lib%.a:
	@rm -f $@; mkdir -p $(@D)
	$(Q)$(AR) rcs $@ $^
AR := ar

# What was compiled or linked otherwise than it would be now is done again. Variables of one
# target are private: .flags, made on its way, would have them as well.
quoted = '$(subst ','\'',$(1))'
flags_now := $(call quoted,$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(HOT_CFLAGS))
ldflags_now := $(call quoted,$(CC) $(ALL_LDFLAGS) $(PROGRAM_LDFLAGS) $(ARCHIVED))
$(O)/.flags: say = $(flags_now)
$(O)/.ldflags: say = $(ldflags_now)
$(O)/.flags $(O)/.ldflags: FORCE
	@mkdir -p $(@D); echo $(say) | cmp -s - $@ || echo $(say) >$@
-include $(shell find $(O) -type f -name '*.d' 2>/dev/null)

# --- tests -------------------------------------------------------------------
UNIT_BINS := $(patsubst %.c,$(O)/%,$(shell find tests/unit -name "test_*.c"))
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(O)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
HELPER_BINS := $(patsubst tests/%.c,$(O)/tests/%,tests/scenario/run.c $(wildcard tests/live/*.c tests/bench/*.c tests/lab/*.c tests/mutants/*.c))
TEST_ARCHIVES := bench resolver sim ct pcap e2e reports core lib
test_archives := $(call archives,$(TEST_ARCHIVES))
# a hundred programs that run once: shared libraries for them
test_libs := $(filter-out $(ARCHIVED) $(SHARED),$(call libs_of,$(TEST_ARCHIVES)))

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(test_archives) $(O)/.ldflags
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(test_archives) $(test_libs) -lcriterion
# libFuzzer's entry point has no header of its own.
$(O)/tests/fuzz/%.o: private WARN += -Wno-missing-prototypes
# Under gcc a fuzz target replays its corpus; `make fuzz` builds it with libFuzzer.
$(O)/tests/fuzz/%: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/replay.o $(test_archives) $(O)/.ldflags
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(O)/tests/fuzz/replay.o $(FUZZ_LINK) $(test_archives) $(test_libs)
# A kernel in memory: the system calls of these two are the target's.
KERNEL_WRAPPED := accept4 bind close connect epoll_create1 epoll_ctl epoll_pwait2 epoll_wait getpeername getsockname getsockopt recv \
                  recvfrom recvmmsg send sendmmsg sendmsg sendto setsockopt shutdown socket timerfd_create timerfd_settime \
                  write __recv_chk __recvfrom_chk clock_mono_ns clock_real_ns rng_os_bytes rng_os_u16 rng_os_u64
CORE_WRAPPED := core_new core_query core_answer core_tick core_reconfigure
$(O)/tests/fuzz/fuzz_daemon: $(call objs,$(wildcard tests/fuzz/daemon/*.c))
$(O)/tests/fuzz/fuzz_daemon: FUZZ_WRAPPED = $(KERNEL_WRAPPED) $(CORE_WRAPPED)
$(O)/tests/fuzz/fuzz_http: $(call objs,$(wildcard tests/fuzz/daemon/kernel*.c))
$(O)/tests/fuzz/fuzz_http: FUZZ_WRAPPED = $(KERNEL_WRAPPED)
FUZZ_LINK = $(filter $(O)/tests/fuzz/daemon/%.o,$^) $(addprefix -Wl$(comma)--wrap=,$(FUZZ_WRAPPED))
$(O)/tests/scenario/run: $(call objs,$(wildcard tests/scenario/*.c)) $(test_archives) $(O)/.ldflags
	@echo "  LD    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter-out %/.ldflags,$^) $(test_libs)
$(O)/tests/%: $(O)/tests/%.o $(test_archives) $(O)/.ldflags
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(test_archives) $(test_libs)

TESTS ?=
tests-build: all $(UNIT_BINS) $(FUZZ_BINS) $(HELPER_BINS)
test: tests-build layers
	@$(anew) O=$(O) SAN=$(SAN) CC=$(CC) tests/run $(TESTS)

layers:
	@tests/layers

transcripts: $(O)/tests/scenario/run $(O)/tests/fuzz/fuzz_daemon
	@mkdir -p tests/scenario/transcripts && rm -f tests/scenario/transcripts/*
	@$(O)/tests/scenario/run transcripts tests/scenario/*.scn | grep -A 3 '^not ok' || true
	@$(O)/tests/fuzz/fuzz_daemon runs 400 >tests/fuzz/daemon/known

FUZZ_TIME ?= 60
fuzz:
	@$(anew) tests/fuzz/run $(FUZZ_TIME)

SEED ?= 1
N ?= 300
mutants: $(O)/tests/mutants/mutate $(O)/tests/mutants/who
	@$(anew) O=$(O) tests/mutants/run $(SEED) $(N)
coverage:
	@$(anew) O=$(O) tests/mutants/coverage

# --- the rest ----------------------------------------------------------------
deps:
	@tools/deps
demo: deps
	@$(MAKE) --no-print-directory all
	@O=$(O) kind-e2e/demo

# All cells and all checks of the lab; E2E= takes more options, such as E2E="-i nftables-* -i cache.*".
# Bounded: a cell that hangs ends with the run.
e2e: $(addprefix $(O)/bin/,kind-e2e node-cache pcap-replay)
	@mkdir -p build/e2e
	@set -f; timeout --foreground --kill-after=10 1800 $(O)/bin/kind-e2e run --scenario kind-e2e/scenarios/e2e.yaml --out build/e2e \
		--junit build/e2e/junit.xml --tap build/e2e/e2e.tap --collect build/e2e.tgz $(E2E)

# The cells that this machine's kernel may have no part for, in a guest whose kernel has it: IPVS, all families, all checks.
e2e-ipvs: vm-kernel image $(addprefix $(O)/bin/,kind-e2e node-cache pcap-replay)
	@mkdir -p build/e2e-ipvs
	@set -f; $(O)/bin/kind-e2e run --lab vm --kernel $(O)/vm/kernel$(if $(SUITE),-$(SUITE)) --limit 90m --image $(O)-image/node-cache.tar \
		--scenario kind-e2e/scenarios/e2e.yaml --out build/e2e-ipvs --junit build/e2e-ipvs/junit.xml --tap build/e2e-ipvs/e2e.tap \
		$(foreach c,nocache cache intercept,--cell ipvs-$(c) --cell ipvs-$(c)-ipv6 --cell ipvs-$(c)-dual) $(E2E)

# For each check one thing broken on purpose, which must turn it red: tests/e2e-mutants/table.
e2e-mutants: $(addprefix $(O)/bin/,kind-e2e node-cache)
	@O=$(O) timeout --foreground --kill-after=10 1800 tests/e2e-mutants/run $(E2E)

# The matrix of make e2e so many times, and what was not proved in each: tests/e2e-soak/run says how.
e2e-soak: $(addprefix $(O)/bin/,kind-e2e node-cache pcap-replay)
	@O=$(O) tests/e2e-soak/run $(or $(RUNS),20) $(E2E)

# Every cell in every lab that this machine can make. It says beforehand how long that takes.
e2e-matrix: all $(O)/tests/lab/pause image
	@O=$(O) kind-e2e/matrix $(MATRIX)

BENCH_BINS := $(filter $(O)/tests/bench/%,$(HELPER_BINS)) $(O)/bin/node-cache
bench: $(BENCH_BINS)
	@tools/deps packages-bench.txt
	@O=$(O) tests/bench/run all
bench-shield bench-eviction bench-fairness: bench-%: $(O)/tests/bench/%
	@$<
bench-hostile: $(BENCH_BINS) $(O)/tests/live/upstream
	@O=$(O) tests/bench/hostile-run $(ATTACKS)
bench-callgrind: $(O)/tests/bench/hits
	@O=$(O) tests/bench/callgrind
bench-pause: $(O)/tests/bench/hits
	@taskset -c 0 $(O)/tests/bench/hits pause 1000
bench-replay: $(O)/bin/pcap-replay $(addprefix $(O)/tests/bench/,echo decode floor)
	@tools/deps packages-bench.txt
	@O=$(O) tests/bench/replay
bench-lifecycle: $(BENCH_BINS)
	@O=$(O) tests/bench/lifecycle
calibrate: $(O)/tests/bench/nearness $(addprefix $(O)/bin/,dns-sim kind-e2e node-cache pcap-replay) $(if $(filter vm,$(LAB)),vm-kernel)
	@O=$(O) LAB=$(LAB) tests/bench/calibrate
bench-sim: $(O)/tests/bench/simspeed
	@$<
# Predicted beside known, one table: both models' rows, with the lab's own where it can run.
validate: $(O)/tests/bench/validate $(addprefix $(O)/bin/,dns-sim kind-e2e node-cache)
	@O=$(O) tests/bench/validate-all
bench-%: $(BENCH_BINS)
	@O=$(O) tests/bench/run $*

# What differs from the last commit; lines that were there keep their breaks, and tables their columns.
format:
	@git clang-format --force --extensions c,h HEAD

# The kernel that guests boot, unpacked, not installed; SUITE= is one of Debian's.
SUITE ?=
vm-kernel:
	@tools/deps packages-vm.txt
	@kind-e2e/lab/vm/kernel $(O)/vm $(SUITE)
nft-versions:
	@tests/lab/nft-versions $(O)/nft
vm: deps vm-kernel
	@$(MAKE) --no-print-directory -j$$(nproc) all image
	@$(O)/bin/kind-e2e run --lab vm --kernel $(O)/vm/kernel$(if $(SUITE),-$(SUITE)) --image $(O)-image/node-cache.tar \
		--scenario kind-e2e/scenarios/vm.yaml --out build/vm$(if $(SUITE),-$(SUITE))

# Each worked example's page below build/examples, and whether its answers are as they were; NAME= only that one.
examples: $(addprefix $(O)/bin/,capacity-report dns-sim conntrack-model)
	@O=$(O) reports/examples/run $(addsuffix .plan,$(NAME))

# Rules for accessible pages, which the suite report asks when they are there.
axe:
	@mkdir -p build/axe-core && cd build/axe-core && npm pack --silent axe-core@4 && tar xzf axe-core-*.tgz

image:
	+@O=$(O) CC=$(CC) VERSION='$(VERSION)' resolver/deploy/image

krew: $(O)/bin/kubectl-nodens
	@O=$(O) VERSION='$(VERSION)' kind-e2e/deploy/krew '$(URL)'

# A real cluster: its programs from the Go module registry, kept outside the tree; containerd and
# its like from Debian.
cluster-tools:
	@tools/cluster-tools/build
e2e-cluster: all $(O)/tests/lab/pause image cluster-tools
	@tools/deps packages-cluster.txt
	@$(if $(findstring --e2e-tests,$(CLUSTER)),tools/cluster-tools/build agnhost e2e.test)
	@O=$(O) kind-e2e/lab/cluster/run $(CLUSTER)
# The same by kind, with an engine of the lab's own; the node image is made here unless one is named.
e2e-kind: all $(O)/tests/lab/pause image
	@tools/deps packages-kind.txt
	@tools/cluster-tools/build kind kubectl coredns
	@$(if $(findstring --node-image,$(KIND)),,tools/cluster-tools/build && tools/cluster-tools/build kubeadm && kind-e2e/lab/kind/node-image)
	@O=$(O) kind-e2e/lab/kind/run $(KIND)

MAN := $(wildcard resolver/*.8 sim/*.1 pcap-replay/*.1 conntrack-model/*.1 kind-e2e/*.1 reports/*.1)
install: all
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/man/man8"
	install -m 755 $(BINS) "$(DESTDIR)$(PREFIX)/bin"
	install -m 644 $(filter %.1,$(MAN)) "$(DESTDIR)$(PREFIX)/share/man/man1"
	install -m 644 $(filter %.8,$(MAN)) "$(DESTDIR)$(PREFIX)/share/man/man8"
uninstall:
	rm -f $(foreach p,$(PROGRAMS),"$(DESTDIR)$(PREFIX)/bin/$(p)") \
	      $(foreach m,$(MAN),"$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m))")
clean:
	rm -rf build

.PHONY: FORCE calibrate bench-sim validate all axe examples test tests-build layers transcripts fuzz mutants coverage deps demo e2e e2e-ipvs e2e-matrix e2e-mutants e2e-soak bench bench-callgrind bench-pause bench-replay bench-shield bench-eviction bench-fairness bench-hostile format image krew cluster-tools e2e-cluster e2e-kind vm vm-kernel nft-versions install uninstall clean
