# SPDX-License-Identifier: Apache-2.0
# What tests/mutants/run builds: all that may be broken as one shared library, and the fast tests
# linked against it. LD_LIBRARY_PATH then says which libnodens.so a test gets: the whole one, or
# a breakage's, which is the broken file alone and needs libnodens-whole.so, the whole one by
# another name. What it defines comes before what the whole one does, for the whole one's own calls
# too, so a breakage costs the compilation of one file. The library has no name of its own:
# who is linked against it needs it by its file's.
include Makefile
M := $(O)/mutants
LIB_OBJS := $(call objs,$(LIB_SRC) $(CORE_SRC) $(RESOLVER_SRC)) $(TRACE)
REST := $(call archives,bench) # what else the tests are made of
# UNITS and KINDS: those of lib.sh that are wanted, for each costs a compilation and a link.
# fuzz_daemon's system calls and the core's doors are its own: its library leaves them open.
WRAPS := $(addprefix -Wl$(comma)--wrap=,$(KERNEL_WRAPPED) $(CORE_WRAPPED))

link_library = $(CC) -shared $(CFLAGS) $(if $(SAN),-fsanitize=$(SAN))
$(M)/libnodens.so $(M)/wrapped/libnodens.so: $(LIB_OBJS) tests/mutants/mutants.mk
	@mkdir -p $(@D)
	$(Q)$(link_library) $(if $(findstring wrapped,$@),$(WRAPS)) -o $@ $(LIB_OBJS) $(test_libs)
	@ln -sf libnodens.so $(@D)/libnodens-whole.so

# Which library a test gets is said when it runs: it need not be linked again when that changes.
link_test = @mkdir -p $(@D); $(CC) $(ALL_LDFLAGS) -Wl,-rpath,$(abspath $(dir $|)) -o $@ $(filter %.o,$^) $(REST) -L$(dir $|) -l:libnodens.so $(test_libs)
$(M)/unit/%: $(O)/tests/unit/%.o $(REST) | $(M)/libnodens.so
	$(link_test) -lcriterion
$(M)/scenario: $(call objs,$(wildcard tests/scenario/*.c)) $(REST) | $(M)/libnodens.so
	$(link_test)
$(M)/fuzz_core: $(call objs,tests/fuzz/fuzz_core.c tests/fuzz/replay.c) $(REST) | $(M)/libnodens.so
	$(link_test)
DAEMON_SRC := tests/fuzz/fuzz_daemon.c tests/fuzz/replay.c $(wildcard tests/fuzz/daemon/*.c)
$(M)/fuzz_daemon: $(call objs,$(DAEMON_SRC)) $(REST) | $(M)/wrapped/libnodens.so
	$(link_test) $(WRAPS)

mutants-libraries: $(M)/libnodens.so $(M)/wrapped/libnodens.so
PLAYERS := $(patsubst runs,fuzz_daemon,$(patsubst reload,scenario,$(patsubst disturb,scenario,$(filter-out unit,$(KINDS)))))
mutants-tests: $(addprefix $(M)/,$(UNITS) $(sort $(PLAYERS)))
# How one of the objects is compiled, and how it becomes a library.
mutants-say:
	@echo 'compile="$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS)"'
	@echo 'link="$(link_library)" wraps="$(WRAPS)"'
