# sluice: one non-recursive makefile. A new tool is a new cmd/NAME.c, a new library file a new
# lib/*/NAME.c: neither needs an edit here.
#
#   make [MODE=release|debug|asan|tsan|fuzz] [CC=gcc|clang] [DEVELOPER=1] [V=1]
#   make deps deps-bench deps-cluster deps-watch deps-deb demo check check-cluster bench lint format install clean
#   make fuzz fuzz-keep [TIME=SECONDS] [FUZZ="ann trace"]     (tests/fuzz/README)
#
# Objects live in build/$(MODE)-$(CC)/, so that modes and compilers never mix.

# `make deps check`: what has been installed is seen by a make that begins after it.
INSTALLS  := $(filter deps%,$(MAKECMDGOALS))
AFTERWARDS := $(filter-out deps%,$(MAKECMDGOALS))
ifneq ($(and $(INSTALLS),$(AFTERWARDS)),)
.PHONY: $(INSTALLS) $(AFTERWARDS)
$(INSTALLS):
	+@$(MAKE) --no-print-directory $@
$(AFTERWARDS): | $(INSTALLS)
	+@$(MAKE) --no-print-directory $@
else

VERSION   := $(shell cat VERSION)
MODE      ?= release
ifeq ($(origin CC),default)
CC        := $(if $(filter tsan fuzz,$(MODE)),clang,gcc)
endif
AR        ?= ar
PREFIX    ?= /usr/local
DESTDIR   ?=
V         ?= 0
Q         := $(if $(filter 1,$(V)),,@)
BUILD     := build/$(MODE)-$(notdir $(firstword $(CC)))
IS_CLANG  := $(findstring clang,$(notdir $(firstword $(CC))))

WARN      := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
             -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef
CPPFLAGS  += -Ilib -D_GNU_SOURCE
# Floats: every operation rounded alone, so that all levels of CPU say the same; nobody asks for
# errno or traps, without which loops with roots and choices become vectors.
FLOATS    := -ffp-contract=off -fno-math-errno -fno-trapping-math
BASEFLAGS := -std=c11 -fopenmp -fno-strict-overflow $(FLOATS) -pthread -g $(WARN)
ifeq ($(DEVELOPER),1)
BASEFLAGS += -Werror
endif
OPT_release := -O3 -DNDEBUG
OPT_debug   := -O0
OPT_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan    := -O1 -fsanitize=thread
OPT_fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow \
               -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(OPT_$(MODE)),)
$(error MODE is release, debug, asan, tsan or fuzz, not '$(MODE)')
endif
ifeq ($(MODE),tsan)
# libomp itself is not instrumented: without this it is what gets reported.
export TSAN_OPTIONS ?= ignore_noninstrumented_modules=1
endif
CFLAGS    ?=
ALL_CFLAGS = $(BASEFLAGS) $(OPT_$(MODE)) $(CFLAGS)
# Reads at once, where there is liburing (make URING= builds without).
URING     ?= $(if $(wildcard /usr/include/liburing.h),1)
ifeq ($(URING),1)
CPPFLAGS  += -DSLUICE_URING
LDLIBS    += -luring
endif
# Of the linear algebra only the tools that use it are linked to it.
LDLIBS    += -lzstd -lz -ljansson -Wl,--as-needed -llapacke -lopenblas -Wl,--no-as-needed -lm
ifneq ($(IS_CLANG),)
LDFLAGS   += -L/usr/lib/llvm-14/lib -Wl,-rpath,/usr/lib/llvm-14/lib
endif
# Tests start tools some ten thousand times: to place a sanitizer's tables anew each time takes longer
# than what most of the tools then do.
ifeq ($(MODE),asan)
LDFLAGS   += -no-pie $(if $(IS_CLANG),,-static-libasan -static-libubsan)
endif

# One object per instruction set gets that set's flags; everything else is baseline x86-64.
AVX2_FLAGS   := -mavx2 -mbmi -mbmi2 -mpopcnt -mlzcnt -mfma -mf16c
AVX512_FLAGS := $(AVX2_FLAGS) -mavx512f -mavx512bw -mavx512vl -mavx512dq \
                -mavx512vbmi -mavx512vnni -mavx512vpopcntdq

LIB_SRC   := $(wildcard lib/*/*.c)
CMD_SRC   := $(wildcard cmd/*.c)
TEST_SRC  := $(wildcard tests/unit/*.c tests/prop/*.c)
BENCH_SRC := $(wildcard tests/bench/*.c)
LIB_OBJ   := $(LIB_SRC:%.c=$(BUILD)/%.o)
TOOLS     := $(CMD_SRC:cmd/%.c=%)
BIN       := $(TOOLS:%=$(BUILD)/bin/%)
TESTS     := $(filter $(BUILD)/tests/unit/test_% $(BUILD)/tests/prop/prop_%,$(TEST_SRC:%.c=$(BUILD)/%))
BENCHES   := $(BENCH_SRC:%.c=$(BUILD)/%)
LIB       := $(BUILD)/libsluice.a

.PHONY: all lib dev tools benches build-tests deps deps-bench deps-cluster deps-deb deps-watch demo clean
.PHONY: check check-unit check-cli check-tree check-quick check-browser check-cluster check-fuzz \
        check-fault check-fault-few check-tsan check-valgrind
.PHONY: fuzz fuzz-keep fuzz-seeds do-fuzz do-fuzz-keep bench
.PHONY: lint format completions install uninstall dist distcheck deb
.SECONDARY:
all: tools
lib: $(LIB)
tools: $(BIN)
benches: $(BENCHES)

$(BUILD)/%_avx2.o: ISA := $(AVX2_FLAGS)
$(BUILD)/%_avx512.o: ISA := $(AVX512_FLAGS)
$(BUILD)/lib/base/cli.o: CPPFLAGS += -DSLUICE_VERSION='"$(VERSION)"'
$(BUILD)/lib/base/cli.o: VERSION
ifneq ($(IS_CLANG),)
# clang 14 needs gigabytes and half an hour for its one large function with checks in it; gcc does not.
$(BUILD)/lib/vec/ops_avx512.o: ISA += -fno-sanitize=all
endif
$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(filter 1,$(V)),,@echo "  CC    $<")
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(ISA) -MMD -MP -c -o $@ $<

$(LIB): $(LIB_OBJ)
	$(if $(filter 1,$(V)),,@echo "  AR    $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/bin/%: $(BUILD)/cmd/%.o $(LIB)
	@mkdir -p $(@D)
	$(if $(filter 1,$(V)),,@echo "  LINK  $@")
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Tests may compare with libraries that the product does not link.
TEST_LIBS := -ljansson -ldivsufsort
NAIVE := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/prop/naive.c))
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(NAIVE) $(LIB)
	$(if $(filter 1,$(V)),,@echo "  LINK  $@")
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(TEST_LIBS) $(LDLIBS)

# ---- faults: a library to preload, and what walks through them ----
FAULT_DIR := $(BUILD)/tests/fault
FAULT     := $(FAULT_DIR)/fault.so $(FAULT_DIR)/walk
$(FAULT_DIR)/fault.so: tests/fault/fault.c tests/fault/fault.h Makefile
	@mkdir -p $(@D)
	$(if $(filter 1,$(V)),,@echo "  LINK  $@")
	$(Q)$(CC) $(CPPFLAGS) $(BASEFLAGS) -O2 -fPIC -shared -o $@ $<

# Each call of each tool: long.
check-fault: tools $(FAULT)
	$(Q)tests/fault/all.sh $(abspath $(BUILD))

# The sharpest of it, within `make check`. Nothing may be preloaded before a sanitizer.
check-fault-few: tools $(FAULT)
ifneq ($(filter asan tsan,$(MODE)),)
	@echo "skip faults: nothing may be preloaded before a sanitizer"
else
	$(Q)tests/fault/few.sh $(abspath $(BUILD))
endif

# ---- fuzz targets (tests/fuzz/README) ----
# A target is linked with libFuzzer in MODE=fuzz, and else with a main that replays what is kept.
FUZZ_ALL  := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ      ?= $(FUZZ_ALL)
FUZZERS   := $(FUZZ_ALL:%=$(BUILD)/tests/fuzz/fuzz_%)
FUZZ_OBJ  := $(patsubst %,$(BUILD)/tests/fuzz/%.o,fuzz parts $(if $(filter fuzz,$(MODE)),,replay))
FUZZ_LD   := -Wl,--wrap=sect_open,--wrap=sect_close,--wrap=sect_check \
             $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer)
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_OBJ) $(LIB)
	$(if $(filter 1,$(V)),,@echo "  LINK  $@")
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(FUZZ_LD) -o $@ $^ $(LDLIBS)

TIME      ?= 60
fuzz fuzz-keep:
	$(Q)$(MAKE) --no-print-directory MODE=fuzz do-$@ TIME=$(TIME) FUZZ="$(FUZZ)"
do-fuzz: $(FUZZ:%=$(BUILD)/tests/fuzz/fuzz_%)
	$(Q)tests/fuzz/run.sh $(BUILD) $(TIME) $(FUZZ)
do-fuzz-keep: $(FUZZ:%=$(BUILD)/tests/fuzz/fuzz_%)
	$(Q)tests/fuzz/run.sh --keep $(BUILD) $(FUZZ)
# Seeds anew, of what the tools write now.
fuzz-seeds: tools $(BUILD)/tests/fuzz/pack
	$(Q)tests/fuzz/seeds.sh $(BUILD)/bin $(BUILD)/tests/fuzz/pack build/fuzz-clang/fuzz

# ---- what the machine needs (Debian 12; root, or sudo) ----
SUDO      := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT       := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -y -q
DEPS      := gcc g++ pkg-config make libc6-dev libzstd-dev zlib1g-dev libxxhash-dev \
             libjansson-dev libdivsufsort-dev libopenblas-dev liblapacke-dev liburing-dev bats jq zstd gzip mandoc man-db \
             zsh fish bash-completion \
             clang clang-format clang-tidy libclang-rt-14-dev libomp-14-dev shellcheck cppcheck
DEPS_BENCH := libsdsl-dev libdivsufsort-dev libhnswlib-dev python3 python3-numpy time sptag perl \
             $(if $(shell command -v npm),,npm)   # another nodejs has its own, with which Debian's does not go
DEPS_DEB  := build-essential debhelper fakeroot lintian
DEPS_CLUSTER := slurm-wlm munge parallel
DEPS_WATCH := valgrind

deps:
	$(APT) update
	$(APT) install --no-install-recommends $(DEPS)

deps-bench: deps
	$(APT) install --no-install-recommends $(DEPS_BENCH)

deps-cluster: deps
	$(APT) install --no-install-recommends $(DEPS_CLUSTER)

deps-watch: deps
	$(APT) install --no-install-recommends $(DEPS_WATCH)

# ---- building for what follows: by all processors, also where make was not told -j, as tests run one after the other ----
.PHONY: built-for-check built-for-demo
built-for-demo: WANTED := tools
built-for-check: WANTED = tools dev build-tests $(BUILD)/tests/bench/report $(BUILD)/tests/check/wellformed $(FAULT)
built-for-check built-for-demo:
	$(if $(findstring -j,$(MAKEFLAGS)),,$(Q)$(MAKE) --no-print-directory -j$(shell nproc) $(WANTED))

# ---- the main jobs, on text that every Debian machine has ----
demo: built-for-demo tools
	tests/demo.sh $(BUILD)/bin

# ---- tests ----
check: built-for-check check-unit check-fuzz check-cli check-tree check-fault-few

# Built with -j, where they are then run one after the other.
build-tests: $(TESTS) $(FUZZERS)

check-unit: $(TESTS)
	$(Q)tests/run.sh -q 'unit and property tests' $(TESTS)

# What the fuzz targets are known by, without a fuzzer.
check-fuzz: $(FUZZERS)
	$(Q)tests/run.sh -q 'fuzz targets' $(FUZZERS)

check-cli: tools $(BUILD)/tests/bench/report
	$(Q)SLUICE_BIN=$(CURDIR)/$(BUILD)/bin tests/run.sh 'files of tests of tools' \
	    $(patsubst %,"bats %",$(wildcard tests/cli/*.bats))

check-tree: tools dev $(BUILD)/tests/bench/report $(BUILD)/tests/check/wellformed
	$(Q)tests/run.sh 'checks of the tree' \
	    $(patsubst %,"tests/check/%.sh $(BUILD)/bin",completions cli examples tour) \
	    $(patsubst %,"tests/check/%.sh $(BUILD)",pages install) \
	    $(patsubst %,tests/check/%.sh,layers-selftest cli-selftest completions-selftest layers hacking)

# What a packager runs: half a minute.
check-quick: $(filter $(BUILD)/tests/unit/%,$(TESTS)) tools dev
	$(Q)tests/run.sh -q 'unit tests' $(filter $(BUILD)/tests/unit/%,$(TESTS))
	$(Q)SLUICE_BIN=$(CURDIR)/$(BUILD)/bin bats tests/cli/fm-count.bats tests/cli/vec-recall.bats \
	    tests/cli/ann-stat.bats tests/cli/trace-compare.bats
	$(Q)tests/check/install.sh $(BUILD)

# Every picture and page in headless Chromium (apt-get install chromium; skipped without): it takes a minute.
check-browser: tools $(BUILD)/tests/bench/report $(BUILD)/tests/check/wellformed
	$(Q)tests/check/browser.sh $(BUILD)

# Shards on real engines: half a minute; what is not installed is skipped.
check-cluster: tools
	$(Q)tests/cluster/parallel.sh $(BUILD)/bin
	$(Q)tests/cluster/slurm.sh $(BUILD)/bin

# ---- damage in large files: 10,000 random flips in each kind; not a part of check ----
.PHONY: check-damage
check-damage: tools $(BUILD)/tests/damage/flips
	tests/damage/large.sh $(BUILD)

# Under a watcher, which takes long: not part of check. WATCH="FILE.bats..." for some alone.
WATCH     ?= $(wildcard tests/cli/*.bats)
# Valgrind does not see what io_uring reads.
check-valgrind:
	$(Q)$(MAKE) URING= BUILD=build/valgrind tools
	$(Q)tests/check/watched.sh valgrind build/valgrind/bin $(WATCH)
ifeq ($(MODE),tsan)
check-tsan: tools check-unit
	$(Q)tests/check/watched.sh tsan $(BUILD)/bin $(WATCH)
else
check-tsan:
	$(Q)$(MAKE) MODE=tsan CC=clang check-tsan
endif

# ---- benchmarks: ours beside the peers, in one run; report.html, .json and .tsv in REPORT ----
#   make bench                     all, meant for 15 minutes on two idle cores; FULL=1: all rounds and sizes
#   make bench-FAMILY              one of them; the report keeps the others' rows
# BENCH_DATA is where corpora and vectors are; what is missing there is made.
REPORT     ?= build/bench
BENCH_DATA ?= $(if $(wildcard /data/bench),/data/bench,build/bench/data)
export BENCH_DATA
BENCH_FAMILIES := fm vec ann filter spann tenant trace fleet
.PHONY: $(BENCH_FAMILIES:%=bench-%)

bench: tools benches
	tests/bench/bench-all.sh $(BUILD) $(REPORT)
$(BENCH_FAMILIES:%=bench-%): bench-%: tools benches
	tests/bench/bench-all.sh $(BUILD) $(REPORT) $*

# ---- style ----
C_FILES   := $(wildcard cmd/*.[ch] lib/*/*.[ch] tests/*/*.[ch])
SH_FILES  := $(wildcard .ci/run packaging/*.sh tests/*.sh tests/*/*.sh tests/*/*.bash tests/check/shells/*.bash \
             completions/*.bash)

lint:
	clang-format --dry-run -Werror $(C_FILES)
	cppcheck -q -j $(shell nproc) --std=c11 --enable=warning,portability,performance --inline-suppr \
	    --suppress=missingIncludeSystem --error-exitcode=1 -Ilib -D_GNU_SOURCE \
	    -DSLUICE_VERSION='""' $(LIB_SRC) $(CMD_SRC)
	shellcheck $(SH_FILES)
	shellcheck -i SC2314,SC2315 tests/cli/*.bats
	mandoc -T lint -W warning man/*

format:
	clang-format -i $(C_FILES)

# The three lists of tools, after one has come or gone.
completions:
	sed -i '1s/.*/#compdef $(TOOLS)/' completions/_sluice
	sed -i 's/^for tool in .*/for tool in $(TOOLS)/' completions/sluice.fish
	sed -i '/^complete /,$$ s/^    [a-z].*/    $(TOOLS)/' completions/sluice.bash

# ---- installing: programs, manual pages, completions; headers and library for others ----
# Each of these may be set apart, and may hold blanks.
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share
ZSHDIR     ?= $(DATADIR)/zsh/site-functions
INSTALL    := packaging/install.sh
export PREFIX DESTDIR BINDIR LIBDIR INCLUDEDIR DATADIR ZSHDIR URING
export OPENMP := $(if $(IS_CLANG),-L/usr/lib/llvm-14/lib -lomp,-lgomp)

# What others may include; what these include goes with them.
PUBLIC    := fm/fm.h vec/codes.h vec/knn_file.h ann/ann.h sim/outcome.h
DEV       := $(BUILD)/dev/libsluice.a

dev: $(DEV)
$(DEV): $(LIB) packaging/dev.sh $(wildcard lib/*/*.h)
	$(if $(filter 1,$(V)),,@echo "  DEV   $@")
	$(Q)CC='$(CC)' packaging/dev.sh $(BUILD) $(PUBLIC)

install: tools dev
	$(Q)$(INSTALL) install $(BUILD)

uninstall: dev
	$(Q)$(INSTALL) uninstall $(BUILD)

# ---- releases ----
dist:
	packaging/dist.sh build/dist

distcheck: dist
	packaging/distcheck.sh build/dist

deb: dist
	packaging/deb.sh build/dist build/deb

deps-deb: deps
	$(APT) install --no-install-recommends $(DEPS_DEB)

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

endif # of goals after deps
