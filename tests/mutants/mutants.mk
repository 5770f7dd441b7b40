# SPDX-License-Identifier: Apache-2.0
# What tests/mutants/run builds: all that may be broken as one shared library, so that a
# breakage costs one compilation and one link, and the fast tests linked against it.
# LD_LIBRARY_PATH then says which of several such libraries a test gets.
include Makefile
M := $(O)/mutants
LIB_OBJS := $(call objs,$(LIB_SRC) $(CORE_SRC) $(RESOLVER_SRC)) $(TRACE)
REST := $(call archives,$(filter-out resolver core lib,$(TEST_ARCHIVES)))
UNITS := $(filter-out $(M)/unit/sim/% %/test_ctvalidate %/test_denials, \
         $(patsubst tests/%.c,$(M)/%,$(shell find tests/unit -name 'test_*.c')))
# fuzz_daemon's system calls and the core's doors are its own: its library leaves them open.
WRAPS := $(addprefix -Wl$(comma)--wrap=,$(KERNEL_WRAPPED) $(CORE_WRAPPED))

link_library = $(CC) -shared $(CFLAGS) -Wl,-soname,libnodens.so
$(M)/libnodens.so $(M)/wrapped/libnodens.so: $(LIB_OBJS) tests/mutants/mutants.mk
	@mkdir -p $(@D)
	$(Q)$(link_library) $(if $(findstring wrapped,$@),$(WRAPS)) -o $@ $(LIB_OBJS) $(test_libs)

link_test = @mkdir -p $(@D); $(CC) $(ALL_LDFLAGS) -Wl,-rpath,$(abspath $(<D)) -o $@ $(filter %.o,$^) $(REST) $< $(test_libs)
$(M)/unit/%: $(M)/libnodens.so $(O)/tests/unit/%.o $(REST)
	$(link_test) -lcriterion
$(M)/scenario: $(M)/libnodens.so $(call objs,$(wildcard tests/scenario/*.c)) $(REST)
	$(link_test)
$(M)/fuzz_core: $(M)/libnodens.so $(call objs,tests/fuzz/fuzz_core.c tests/fuzz/replay.c) $(REST)
	$(link_test)
DAEMON_SRC := tests/fuzz/fuzz_daemon.c tests/fuzz/replay.c $(wildcard tests/fuzz/daemon/*.c)
$(M)/fuzz_daemon: $(M)/wrapped/libnodens.so $(call objs,$(DAEMON_SRC)) $(REST)
	$(link_test) $(WRAPS)

mutants-libraries: $(M)/libnodens.so $(M)/wrapped/libnodens.so
mutants-tests: $(UNITS) $(addprefix $(M)/,scenario fuzz_core fuzz_daemon)
# How one of the objects is compiled, how it is linked again, and of what.
mutants-say:
	@echo 'compile="$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS)"'
	@echo 'link="$(link_library)" wraps="$(WRAPS)" libs="$(test_libs)"'
	@echo 'objects="$(LIB_OBJS)"'
