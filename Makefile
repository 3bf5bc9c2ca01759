# Shared-memory communication between processes, in C. `make help` lists the targets.
#
# A program is one .c file, built beside its source, and what its lesson's programs have in common
# (NAME_parts). CC, CFLAGS and LDFLAGS are yours; SANITIZE=address,undefined builds with sanitizers.

# The demo and the benchmarks disturb nobody who runs the same lesson at the same time.
OWN_NAME := --name /make-$$$$

LESSONS := countdown buffer_transfer ring_buffer simd

countdown_programs := 01_countdown/producer 01_countdown/consumer
countdown_demo     := "01_countdown/producer --interval 200 $(OWN_NAME)" "01_countdown/consumer $(OWN_NAME)"
countdown_bench    := "01_countdown/producer --from 100000 --interval 0 $(OWN_NAME)" "01_countdown/consumer $(OWN_NAME)"

buffer_transfer_programs := 02_buffer_transfer/producer 02_buffer_transfer/consumer
buffer_transfer_demo     := "02_buffer_transfer/producer --points 100 --rate 40 $(OWN_NAME)" "02_buffer_transfer/consumer $(OWN_NAME)"
buffer_transfer_live     := 1
buffer_transfer_benches  := 02_buffer_transfer/bench

ring_buffer_programs := 03_ring_buffer/producer 03_ring_buffer/consumer
ring_buffer_demo     := "03_ring_buffer/producer --count 20000000 $(OWN_NAME)" "03_ring_buffer/consumer $(OWN_NAME)"
ring_buffer_benches  := 03_ring_buffer/bench 03_ring_buffer/bench_8

simd_programs := 05_simd/producer 05_simd/consumer
simd_parts    := 05_simd/kernels.c 05_simd/kernels_scalar.c 05_simd/kernels_sse2.c 05_simd/kernels_avx2.c \
	05_simd/kernels_avx512.c 05_simd/kernels_neon.c
simd_demo     := "05_simd/producer --batches 1000000 $(OWN_NAME)" "05_simd/consumer $(OWN_NAME)"
simd_live     := 1
simd_benches  := 05_simd/bench

PROGRAMS   := $(foreach lesson,$(LESSONS),$($(lesson)_programs) $($(lesson)_benches))
TOOLS      := tools/clean_ipc
UNIT_TESTS := $(patsubst %.c,%.t,$(wildcard tests/unit_*.c))
LONG_TESTS := tests/sigmoid_exhaustive
BINARIES   := $(PROGRAMS) $(TOOLS) $(UNIT_TESTS) $(LONG_TESTS)
PARTS      := $(foreach lesson,$(LESSONS),$($(lesson)_parts:%.c=build/%.o))

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla
STANDARD := -std=c11 -pthread
LIBRARIES := $(if $(filter Darwin,$(shell uname)),,-lrt)
ifdef SANITIZE
STANDARD += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
COMPILE   = $(CC) $(STANDARD) $(WARNINGS) $(CFLAGS)

.PHONY: all help $(LESSONS) simd_processing test test-exhaustive demo bench lint format clean clean-ipc
.DEFAULT_GOAL := all

all: $(PROGRAMS) $(TOOLS) ## every lesson (the default)

help: ## this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z_% -]*\):.*## \(.*\)/  \1|\2/p' Makefile | \
		awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

countdown: $(countdown_programs) ## lesson 01: a countdown through shared memory and two semaphores

buffer_transfer: $(buffer_transfer_programs) ## lesson 02: a channel for messages of any size

ring_buffer: $(ring_buffer_programs) ## lesson 03: a lock-free ring between two processes

simd: $(simd_programs) ## lesson 05: batches of numbers through shared memory, at the vector units' speed

simd_processing: simd

# What to type next.
$(LESSONS):
	@printf '\n%s is built. Type in two terminals:\n\n' $@
	@printf '    ./%s\n' $($@_programs)
	@printf '\nor in one: make run-%s\n' $@

run-%: ## run-NAME: both halves of a lesson in this terminal
	@$(MAKE) --no-print-directory -s $($*_programs)
	@tools/run_pair.sh $($*_programs:%=./%)

bench-%: ## bench-NAME: how fast a lesson is
	@$(MAKE) --no-print-directory -s $($*_programs)
	@QUIET=1 tools/run_pair.sh $($*_bench)

# With mpicc, OpenMPI's own shared-memory transport is measured by the same two processes.
bench-buffer_transfer: $(buffer_transfer_benches)
	@if command -v mpicc mpirun >/dev/null; then \
		OMPI_CC=$(CC) mpicc $(STANDARD) $(CFLAGS) -DBENCH_MPI -o build/bench_mpi 02_buffer_transfer/bench.c $(LDFLAGS) $(LIBRARIES) && \
		mpirun --allow-run-as-root --oversubscribe --bind-to core -np 2 build/bench_mpi; \
	else 02_buffer_transfer/bench; fi

bench-ring_buffer: $(ring_buffer_benches)
	@for bench in $^; do ./$$bench || exit; done

bench-simd: $(simd_benches)
	@$<

bench: $(LESSONS:%=bench-%) ## all of them

# A recipe's first failure ends the demo with its status.
demo: $(PROGRAMS) ## every lesson at work, a few seconds each
	@$(foreach lesson,$(LESSONS),\
		printf '\n== %s\n' $(lesson); LIVE=$($(lesson)_live) tools/run_pair.sh $($(lesson)_demo) || exit;)

test: all $(UNIT_TESTS) ## every test (TAP, run by prove)
	@prove --jobs 8 --failures --comments --exec '' tests/*.t

test-exhaustive: $(LONG_TESTS) ## all 2^32 floats through every sigmoid (some minutes)
	@prove --failures --comments --exec '' $^

# The compiler writes down the headers it read, so that a change in one of them rebuilds the
# program; build/flags changes when the compiler or its flags do.
DEPENDENCIES = -MMD -MP -MF build/$(subst /,-,$@).d
BUILD_ONE    = $(COMPILE) $(DEPENDENCIES) -o $@ $< $(filter %.o,$^) $(LDFLAGS) $(LIBRARIES)

$(PROGRAMS) $(TOOLS) $(LONG_TESTS): %: %.c build/flags
	$(BUILD_ONE)

$(UNIT_TESTS): %.t: %.c build/flags
	$(BUILD_ONE)

$(PARTS): build/%.o: %.c build/flags
	@mkdir -p $(@D)
	$(COMPILE) $(DEPENDENCIES) -c -o $@ $<

# A lesson's programs, and its unit test, are linked with its parts.
$(foreach lesson,$(LESSONS),$(eval \
	$($(lesson)_programs) $($(lesson)_benches) tests/unit_$(lesson).t: $($(lesson)_parts:%.c=build/%.o)))
$(LONG_TESTS): $(simd_parts:%.c=build/%.o)

-include $(wildcard build/*.d)

# A program that was built by hand has no such list: build it again.
$(foreach program,$(BINARIES),$(if $(wildcard build/$(subst /,-,$(program)).d),,$(program))): FORCE
FORCE:

FLAGS := $(strip $(COMPILE) $(LDFLAGS))
ifneq ($(FLAGS),$(shell cat build/flags 2>/dev/null))
$(shell mkdir -p build && echo '$(FLAGS)' >build/flags)
endif

SOURCES := $(wildcard common/*.h [0-9]*/*.[ch] tools/*.c tests/*.[ch])
SCRIPTS := .ci/run $(wildcard tools/*.sh tests/*.sh) $(filter-out $(UNIT_TESTS),$(wildcard tests/*.t))

lint: ## clang-format, clang-tidy, cppcheck, shellcheck: each silent
	clang-format --dry-run -Werror $(SOURCES)
	clang-tidy --quiet --warnings-as-errors='*' $(filter %.c,$(SOURCES)) -- $(STANDARD) $(WARNINGS)
	cppcheck --quiet --std=c11 --error-exitcode=1 \
		--suppress=shadowVariable --suppress=knownConditionTrueFalse \
		--enable=warning,style,performance,portability $(filter %.c,$(SOURCES))
	shellcheck -x $(SCRIPTS)

format: ## lays out the sources as .clang-format says
	clang-format -i $(SOURCES)

clean: ## removes what make has built
	rm -rf build $(BINARIES)

clean-ipc: tools/clean_ipc ## removes what dead runs of yours left in shared memory
	@tools/clean_ipc $(NAMES)
