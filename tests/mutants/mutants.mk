# SPDX-License-Identifier: Apache-2.0
# What tests/mutants/run builds in its copies of the tree: all that may be broken as
# one shared library, so that a breakage costs one compilation and one link, and the
# fast tests linked against it.
include Makefile
M := $(O)/mutants
LIB_OBJS := $(call objs,$(LIB_SRC) $(CORE_SRC) $(RESOLVER_SRC) $(SIM_SRC) $(CT_SRC) $(BENCH_SRC))
REST := $(call archive,pcap) $(call archive,e2e) $(call archive,reports)
UNITS := $(filter-out %/test_sim %/test_ctvalidate,$(patsubst tests/unit/%.c,%,$(shell find tests/unit -name 'test_*.c')))

$(M)/libnodens.so: $(LIB_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared $(CFLAGS) -o $@ $^ $(test_libs)
link_with = $(CC) $(ALL_LDFLAGS) -Wl,-rpath,$(abspath $(M)) -o $@ $(1) $(REST) -L$(M) -lnodens $(test_libs)
define unit
$(M)/$(notdir $(1)): $(O)/tests/unit/$(1).o $(REST) | $(M)/libnodens.so
	$$(Q)$$(call link_with,$$<) -lcriterion
endef
$(foreach u,$(UNITS),$(eval $(call unit,$(u))))
$(M)/scenario: $(call objs,$(wildcard tests/scenario/*.c)) $(REST) | $(M)/libnodens.so
	$(Q)$(call link_with,$(filter %.o,$^))
$(M)/fuzz_core: $(call objs,tests/fuzz/fuzz_core.c tests/fuzz/replay.c) $(REST) | $(M)/libnodens.so
	$(Q)$(call link_with,$(filter %.o,$^))
# Its system calls and the core's doors are its own, which a shared library does not let it have.
$(M)/fuzz_daemon: $(call objs,tests/fuzz/fuzz_daemon.c tests/fuzz/replay.c $(wildcard tests/fuzz/daemon/*.c)) $(LIB_OBJS)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(addprefix -Wl$(comma)--wrap=,$(KERNEL_WRAPPED) $(CORE_WRAPPED)) $(test_libs)
mutants-library: $(M)/libnodens.so
mutants-daemon: $(M)/fuzz_daemon
mutants-tests: $(addprefix $(M)/,$(notdir $(UNITS))) $(M)/scenario $(M)/fuzz_core
