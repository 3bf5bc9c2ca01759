# Shared-memory communication between processes, in C. `make help` lists the targets.
#
# A program is one .c file, built beside its source, and what its lesson's programs have in common
# (NAME_parts). CC, CFLAGS and LDFLAGS are yours; SANITIZE=address,undefined builds with sanitizers.

# The benchmarks disturb nobody who runs the same lesson at the same time.
OWN_NAME := --name /make-$$$$

LESSONS := countdown buffer_transfer ring_buffer mmap_db simd writer_reader_bench sysv

countdown_programs := 01_countdown/producer 01_countdown/consumer
countdown_bench    := "01_countdown/producer --from 100000 --interval 0 $(OWN_NAME)" "01_countdown/consumer $(OWN_NAME)"

buffer_transfer_programs := 02_buffer_transfer/producer 02_buffer_transfer/consumer
buffer_transfer_benches  := 02_buffer_transfer/bench

ring_buffer_programs := 03_ring_buffer/producer 03_ring_buffer/consumer
ring_buffer_benches  := 03_ring_buffer/bench 03_ring_buffer/bench_8

mmap_db_programs := 04_mmap_db/writer 04_mmap_db/reader
mmap_db_parts    := $(addprefix 04_mmap_db/,check.c crc.c get.c grow.c header.c index.c lock.c open.c put.c record.c recover.c)
mmap_db_benches  := 04_mmap_db/bench

simd_programs := 05_simd/producer 05_simd/consumer
simd_parts    := 05_simd/kernels.c 05_simd/kernels_scalar.c 05_simd/kernels_sse2.c 05_simd/kernels_avx2.c \
	05_simd/kernels_avx512.c 05_simd/kernels_neon.c
simd_benches  := 05_simd/bench

writer_reader_bench_programs := 06_writer_reader_bench/writer 06_writer_reader_bench/reader
writer_reader_bench_parts    := $(addprefix 06_writer_reader_bench/,runs.c gauge.c lane.c wait.c memory.c stream.c) \
	$(wildcard 06_writer_reader_bench/transport*.c)

# Its objects are found by a file instead of a name: one that make has made in this folder.
sysv_programs := 07_sysv/producer 07_sysv/consumer
sysv_input    := LICENSE
sysv_benches  := 07_sysv/bench

PITFALLS := $(patsubst %.c,%,$(wildcard pitfalls/*.c))

PROGRAMS   := $(foreach lesson,$(LESSONS),$($(lesson)_programs) $($(lesson)_benches))
TOOLS      := tools/clean_ipc
UNIT_TESTS := $(patsubst %.c,%.t,$(wildcard tests/unit_*.c))
HOOKED     := tests/hooked_writer
EXHAUSTIVE := tests/sigmoid_exhaustive
BINARIES   := $(PROGRAMS) $(PITFALLS) $(TOOLS) $(UNIT_TESTS) $(EXHAUSTIVE) $(HOOKED) tests/scribble
MUTATIONS  := $(LESSONS:%=build/mutations/%)
PARTS      := $(foreach lesson,$(LESSONS),$($(lesson)_parts:%.c=build/%.o))

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla
# (With the two sizes, a 32-bit machine's file offsets and times have 64 bits, as everywhere else.)
STANDARD := -std=c11 -pthread -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
LIBRARIES := $(if $(filter Darwin,$(shell uname)),,-lrt)
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all
ifdef SANITIZE
STANDARD += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
COMPILE   = $(CC) $(STANDARD) $(WARNINGS) $(CFLAGS)

.PHONY: all help $(LESSONS) mmap_file simd_processing pitfalls tests test test-all test-programs test-exhaustive torture hostile \
	verify races memcheck mutations fuzz coverage check-arm64 check-musl check-32bit check-macos recordings diagrams \
	demo bench bench-all bench-writer_reader_bench plots lint format clean clean-ipc
.DEFAULT_GOAL := all

all: $(PROGRAMS) $(TOOLS) ## every lesson (the default)

help: ## this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z0-9_% -]*\):.*## \(.*\)/  \1|\2/p' Makefile | \
		awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

countdown: $(countdown_programs) ## lesson 01: a countdown through shared memory and two semaphores

buffer_transfer: $(buffer_transfer_programs) ## lesson 02: a channel for messages of any size

ring_buffer: $(ring_buffer_programs) ## lesson 03: a lock-free ring between two processes

mmap_db: $(mmap_db_programs) ## lesson 04: a database in a file that many processes share

simd: $(simd_programs) ## lesson 05: batches of numbers through shared memory, at the vector units' speed

writer_reader_bench: $(writer_reader_bench_programs) ## lesson 06: shared memory against every other way

sysv: $(sysv_programs) ## lesson 07: a pipe made of System V shared memory and semaphores

# What to type next.
$(LESSONS):
	@printf '\n%s is built. Type in two terminals:\n\n' $@
	@printf '    ./%s\n' $($@_programs)
	@printf '\nor in one: make run-%s\n' $@

mmap_file: mmap_db # other names for them
simd_processing: simd

run-%: ## run-NAME: both halves of a lesson in this terminal
	@$(MAKE) --no-print-directory -s $($*_programs)
	@INPUT=$($*_input) tools/run_pair.sh $($*_programs:%=./%)

# Its writer asks, so it needs the terminal.
run-writer_reader_bench: $(writer_reader_bench_programs)
	@cd 06_writer_reader_bench && { ./reader --quiet & } && ./writer; status=$$?; wait; exit $$status

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

bench-sysv: $(sysv_benches) $(sysv_programs)
	@07_sysv/bench

# The reader follows along; when the writer ends, so does it.
COMPARE = cd 06_writer_reader_bench && { ./reader --quiet $(OWN_NAME) >/dev/null 2>&1 & } && ./writer compare $(OWN_NAME)

bench-writer_reader_bench: bench

bench: $(writer_reader_bench_programs) ## lesson 06's comparison: shared memory against every other way, in two minutes
	@$(COMPARE) --csv ../build/bench.csv; status=$$?; wait; exit $$status

bench-all: $(LESSONS:%=bench-%) ## the benches of all lessons

# Draws the last comparison, or makes one.
plots: ## lesson 06's pictures: latency and throughput by size, as SVG (needs gnuplot)
	@if ! command -v gnuplot >/dev/null; then echo 'plots: left out: gnuplot is missing (on Debian: apt install gnuplot-nox)'; \
	else { [ -s build/bench.csv ] || $(MAKE) --no-print-directory bench; } && \
		gnuplot -e "csv='build/bench.csv'" 06_writer_reader_bench/plots.gp; fi

# SQLite and LMDB are measured beside it if their headers are there.
RIVALS = $(foreach rival,lmdb sqlite3,$(shell $(CC) -E -include $(rival).h -x c /dev/null >/dev/null 2>&1 && echo $(rival)))

bench-mmap_db: $(mmap_db_benches)
	@mkdir -p build
	@$(COMPILE) $(if $(filter lmdb,$(RIVALS)),-DBENCH_LMDB) $(if $(filter sqlite3,$(RIVALS)),-DBENCH_SQLITE) \
		-o build/bench_mmap_db 04_mmap_db/bench.c $(mmap_db_parts) $(LDFLAGS) $(RIVALS:%=-l%) $(LIBRARIES)
	@build/bench_mmap_db

# The reader's table is the terminal's, and the writer has nobody to ask.
run-mmap_db: $(mmap_db_programs) 04_mmap_db/cities.csv
	@04_mmap_db/writer load 04_mmap_db/cities.csv
	@04_mmap_db/reader watch

# Builds each lesson right before it is shown.
demo: ## LESSON=NAME: a tour of the lessons, both halves at work; without LESSON all of them, in two minutes
	@MAKE=$(MAKE_COMMAND) tools/demo.sh $(LESSON)

pitfalls: $(PITFALLS) ## the classic mistakes, each seen to go wrong and seen put right
	@tools/pitfalls.sh $^

pitfall-%: ## pitfall-NAME: one of them
	@$(MAKE) --no-print-directory -s pitfalls/$*
	@pitfalls/$*

# Those that kill at many moments, make every call fail, build everything several times, or move a lot.
LONG_TESTS := $(addprefix tests/,buffer_transfer_faults.t buffer_transfer_files.t countdown_crash.t coverage.t \
	faults.t make.t mmap_db_builds.t mmap_db_crash.t mmap_db_faults.t pitfalls_mutants.t races.t ring_ends.t \
	sysv_calls.t sysv_crash.t sysv_faults.t writer_reader_connect.t writer_reader_crash.t writer_reader_faults.t \
	writer_reader_transports.t)
TESTS := $(filter-out $(LONG_TESTS),$(sort $(wildcard tests/*.t) $(UNIT_TESTS)))
PROVE := prove --jobs 8 --timer --failures --comments --exec ''

test-programs: all $(PITFALLS) $(UNIT_TESTS) $(HOOKED) tests/scribble

# One a line; for tools/other_machine.sh.
tests:
	@printf '%s\n' $(TESTS)

test: test-programs ## the tests, in two minutes (TAP, run by prove)
	@$(PROVE) $(TESTS)

test-all: test-programs ## every test, also the long ones: kills, failing calls, other builds
	@$(PROVE) tests/*.t

torture: all tests/scribble ## ROUNDS=1000 SEED=N: every lesson, killed and stopped at random moments
	@tests/torture.sh $(or $(ROUNDS),1000) "$(SEED)" "$(LESSON)"

hostile: ## ROUNDS=1000 SEED=N: every lesson, built with sanitizers, while a peer scribbles
	@rm -rf build/sanitized && mkdir -p build/sanitized
	@tar cf - --exclude=.git --exclude=build --exclude='*.t' . | tar xf - -C build/sanitized
	@$(MAKE) -s -C build/sanitized clean
	@$(MAKE) -s -C build/sanitized SANITIZE=address,undefined all tests/scribble
	@build/sanitized/tests/torture.sh --hostile $(or $(ROUNDS),1000) "$(SEED)" "$(LESSON)"

verify: ## the models beside the code, every state of them, by spin
	@tools/verify.sh

# What may go wrong between two threads, in memory, and with what others have written; each is skipped by name
# where its tool is missing.

races: ## the halves of lessons 02 to 05 as threads, under ThreadSanitizer; and a mistake in each
	@prove --failures --comments --exec '' tests/races.t

memcheck: all ## every program once under valgrind: no wrong access, nothing lost
	@prove --timer --failures --comments --exec '' tests/memcheck.sh

mutations: $(MUTATIONS) ## SEED=N: every lesson attaches to 10,000 mutated regions, files, segments
	@SEED=$(SEED) prove --timer --failures --comments --exec 'timeout 600' $^

fuzz: ## SECONDS=60: libFuzzer, so long each, on the database, the channel, the ring
	@tests/fuzz.sh $(or $(SECONDS),60)

coverage: ## what the tests reach, by lesson, and each line that they don't, with its reason (needs gcovr)
	@tools/coverage.sh

# Other machines, each in a copy of the sources, build/NAME; tools/other_machine.sh tells what is left out there.

check-arm64: ## builds all for arm64 Linux, and tests it under qemu

check-musl: ## builds all with musl, the C library of Alpine Linux, and tests it

check-32bit: ## builds all for a 32-bit machine (-m32), and tests it

check-macos: ## compiles and links all for arm64 and x86-64 macOS (zig cc; nothing runs)

check-arm64 check-musl check-32bit check-macos:
	@tools/other_machine.sh $(@:check-%=%)

recordings: ## pictures/*.svg: terminals with lessons 02, 03 and 06 at work (needs termtosvg)
	@tools/record.sh

diagrams: ## parses every Mermaid diagram (needs npm, which fetches the parser)
	@tools/diagrams.sh

test-exhaustive: $(EXHAUSTIVE) ## all 2^32 floats through every sigmoid (some minutes)
	@prove --failures --comments --exec '' $^

# The compiler writes down the headers it read, so that a change in one of them rebuilds the
# program; build/flags changes when the compiler or its flags do.
DEPENDENCIES = -MMD -MP -MF build/$(subst /,-,$@).d
BUILD_ONE    = $(COMPILE) $(DEPENDENCIES) -o $@ $< $(filter %.o,$^) $(LDFLAGS) $(LIBRARIES)

$(PROGRAMS) $(PITFALLS) $(TOOLS) $(EXHAUSTIVE): %: %.c build/flags
	$(BUILD_ONE)

$(UNIT_TESTS): %.t: %.c build/flags
	$(BUILD_ONE)

tests/scribble: tests/scribble.c build/flags
	$(BUILD_ONE)

# The writer of lesson 04 that a test can stop or kill between any two steps: all in one build, so that
# no hook can get into the parts that the programs are made of.
tests/hooked_writer: 04_mmap_db/writer.c tests/db_hooks.c $(mmap_db_parts) $(wildcard 04_mmap_db/*.h) build/flags
	$(COMPILE) -DDB_TEST_HOOKS -o $@ $(filter %.c,$^) $(LDFLAGS) $(LIBRARIES)

# Always with sanitizers, and together with the half of the lesson that each includes.
$(MUTATIONS): build/mutations/%: tests/mutations_%.c $(wildcard common/*.h tests/*.h [0-9]*/*.[ch]) build/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SANITIZERS) -o $@ $< $($*_parts) $(LDFLAGS) $(LIBRARIES)

$(PARTS): build/%.o: %.c build/flags
	@mkdir -p $(@D)
	$(COMPILE) $(DEPENDENCIES) -c -o $@ $<

# A lesson's programs, and its unit tests, are linked with its parts.
$(foreach lesson,$(LESSONS),$(eval \
	$($(lesson)_programs) $($(lesson)_benches) $(patsubst %.c,%.t,$(wildcard tests/unit_$(lesson)*.c)): \
		$($(lesson)_parts:%.c=build/%.o)))
$(EXHAUSTIVE): $(simd_parts:%.c=build/%.o)
$(TOOLS): $(writer_reader_bench_parts:%.c=build/%.o)

-include $(wildcard build/*.d)

# A program that was built by hand has no such list: build it again.
$(foreach program,$(BINARIES),$(if $(wildcard build/$(subst /,-,$(program)).d),,$(program))): FORCE
FORCE:

FLAGS := $(strip $(COMPILE) $(LDFLAGS))
ifneq ($(FLAGS),$(shell cat build/flags 2>/dev/null))
$(shell mkdir -p build && echo '$(FLAGS)' >build/flags)
endif

SOURCES := $(wildcard common/*.h [0-9]*/*.[ch] pitfalls/*.[ch] tools/*.c tests/*.[ch])
SCRIPTS := .ci/run $(wildcard tools/*.sh tests/*.sh) $(filter-out $(UNIT_TESTS),$(wildcard tests/*.t))

lint: ## clang-format, clang-tidy, cppcheck, shellcheck: each silent
	clang-format --dry-run -Werror $(SOURCES)
	printf '%s\n' $(filter %.c,$(SOURCES)) | xargs -P "$$(getconf _NPROCESSORS_ONLN)" -I {} \
		clang-tidy --quiet --warnings-as-errors='*' {} -- $(STANDARD) $(WARNINGS)
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
