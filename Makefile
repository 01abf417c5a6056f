# sluice: one non-recursive makefile. A new tool is a new cmd/NAME.c, a new library file a new
# lib/*/NAME.c: neither needs an edit here.
#
#   make [MODE=release|debug|asan|tsan] [CC=gcc|clang] [DEVELOPER=1] [V=1]
#   make deps deps-bench deps-cluster demo check check-cluster bench lint format install clean
#
# Objects live in build/$(MODE)-$(CC)/, so that modes and compilers never mix.

VERSION   := $(shell cat VERSION)
MODE      ?= release
ifeq ($(origin CC),default)
CC        := $(if $(filter tsan,$(MODE)),clang,gcc)
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
BASEFLAGS := -std=c11 -fopenmp -fno-strict-overflow -ffp-contract=off -pthread -g $(WARN)
ifeq ($(DEVELOPER),1)
BASEFLAGS += -Werror
endif
OPT_release := -O3 -DNDEBUG
OPT_debug   := -O0
OPT_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan    := -O1 -fsanitize=thread
ifeq ($(OPT_$(MODE)),)
$(error MODE is release, debug, asan or tsan, not '$(MODE)')
endif
ifeq ($(MODE),tsan)
# libomp itself is not instrumented: without this it is what gets reported.
export TSAN_OPTIONS ?= ignore_noninstrumented_modules=1
endif
CFLAGS    ?=
ALL_CFLAGS = $(BASEFLAGS) $(OPT_$(MODE)) $(CFLAGS)
# Of the linear algebra only the tools that use it are linked to it.
# Reads at once, where there is liburing (make URING= builds without).
URING     ?= $(if $(wildcard /usr/include/liburing.h),1)
ifeq ($(URING),1)
CPPFLAGS  += -DSLUICE_URING
LDLIBS    += -luring
endif
LDLIBS    += -lzstd -lz -ljansson -Wl,--as-needed -llapacke -lopenblas -Wl,--no-as-needed -lm
ifneq ($(IS_CLANG),)
LDFLAGS   += -L/usr/lib/llvm-14/lib -Wl,-rpath,/usr/lib/llvm-14/lib
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

.PHONY: all lib dev tools benches deps deps-bench deps-cluster demo check check-unit check-cli check-tree \
        check-quick check-cluster bench bench-fm bench-fleet \
        lint format completions install uninstall dist distcheck deb deps-deb clean
.SECONDARY:
all: tools
lib: $(LIB)
tools: $(BIN)
benches: $(BENCHES)

$(BUILD)/%_avx2.o: ISA := $(AVX2_FLAGS)
$(BUILD)/%_avx512.o: ISA := $(AVX512_FLAGS)
$(BUILD)/lib/base/cli.o: CPPFLAGS += -DSLUICE_VERSION='"$(VERSION)"'
$(BUILD)/lib/base/cli.o: VERSION
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

# ---- what the machine needs (Debian 12; root, or sudo) ----
SUDO      := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT       := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -y -q
DEPS      := gcc g++ pkg-config make libc6-dev libzstd-dev zlib1g-dev libxxhash-dev \
             libjansson-dev libdivsufsort-dev libopenblas-dev liblapacke-dev liburing-dev bats jq zstd gzip mandoc man-db \
             clang clang-format clang-tidy libclang-rt-14-dev libomp-14-dev shellcheck cppcheck
DEPS_BENCH := libsdsl-dev libdivsufsort-dev libhnswlib-dev python3 python3-numpy npm time sptag perl
DEPS_DEB  := build-essential debhelper fakeroot lintian
DEPS_CLUSTER := slurm-wlm munge parallel

deps:
	$(APT) update
	$(APT) install --no-install-recommends $(DEPS)

deps-bench: deps
	$(APT) install --no-install-recommends $(DEPS_BENCH)

deps-cluster: deps
	$(APT) install --no-install-recommends $(DEPS_CLUSTER)

# ---- the main jobs, on text that every Debian machine has ----
demo: tools
	tests/demo.sh $(BUILD)/bin

# ---- tests ----
check: check-unit check-cli check-tree

check-unit: $(TESTS)
	$(Q)tests/run-units.sh $(TESTS)

check-cli: tools
	$(Q)SLUICE_BIN=$(CURDIR)/$(BUILD)/bin bats tests/cli

check-tree: tools dev
	$(Q)tests/check/layers.sh
	$(Q)tests/check/layers-selftest.sh
	$(Q)tests/check/cli.sh $(BUILD)/bin
	$(Q)tests/check/cli-selftest.sh
	$(Q)tests/check/hacking.sh
	$(Q)tests/check/install.sh $(BUILD)

# What a packager runs: half a minute.
check-quick: $(filter $(BUILD)/tests/unit/%,$(TESTS)) tools dev
	$(Q)tests/run-units.sh $(filter $(BUILD)/tests/unit/%,$(TESTS))
	$(Q)SLUICE_BIN=$(CURDIR)/$(BUILD)/bin bats tests/cli/fm-count.bats tests/cli/vec-recall.bats \
	    tests/cli/ann-stat.bats tests/cli/trace-compare.bats
	$(Q)tests/check/install.sh $(BUILD)

# Shards on real engines: half a minute; what is not installed is skipped.
check-cluster: tools
	$(Q)tests/cluster/parallel.sh $(BUILD)/bin
	$(Q)tests/cluster/slurm.sh $(BUILD)/bin

# ---- benchmarks: ours beside the peers, in one run ----
bench: bench-fm
bench-fleet: tools
	tests/bench/bench-fleet.sh $(BUILD)
bench-fm: tools benches
	tests/bench/bench-fm.sh $(BUILD)

# ---- style ----
C_FILES   := $(wildcard cmd/*.[ch] lib/*/*.[ch] tests/*/*.[ch])
SH_FILES  := $(wildcard .ci/run packaging/*.sh tests/*.sh tests/*/*.sh tests/cli/*.bash completions/*.bash)

lint:
	clang-format --dry-run -Werror $(C_FILES)
	cppcheck -q --std=c11 --enable=warning,portability,performance --inline-suppr \
	    --suppress=missingIncludeSystem --error-exitcode=1 -Ilib -D_GNU_SOURCE \
	    -DSLUICE_VERSION='""' $(LIB_SRC) $(CMD_SRC)
	shellcheck $(SH_FILES)
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
