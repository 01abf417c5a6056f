#!/usr/bin/env bash
# watched.sh valgrind|tsan BIN [FILE.bats...]: runs the tools' own tests (all by default) with each
# tool under a watcher. A folder of wrappers of the same names stands in for BIN:
#   valgrind  memcheck; a block that nothing points at any more when a tool ends is an error too.
#             Valgrind's processor has no AVX-512, so the AVX2 kernels run.
#   tsan      BIN is of MODE=tsan; every tool that has -T runs with seven threads, and, as -T again
#             prevails, with those a test asks for.
# What the watchers find goes to files, as tests look at what tools print; all is shown at the end.
# Left out are tests whose name matches WATCHED_SKIP, a pattern of bash: those that damage a file in
# a thousand places, or measure. WATCHED_NICE is the niceness.
# Ends with a line "N runs of tools, N findings, N tests failed"; exit 1 if any.
set -uo pipefail
usage() {
    echo "usage: watched.sh valgrind|tsan BIN [FILE.bats...]" >&2
    exit 2
}

[[ $# -ge 2 && ($1 == valgrind || $1 == tsan) && -x $2/fm-stat ]] || usage
watcher=$1 bin=$(cd "$2" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
shift 2
[ $# -gt 0 ] || set -- "$root"/tests/cli/*.bats
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/found" "$work/runs"

# wrap TOOL: only the shell's own words in what it runs: it must not die of a test's limits. $$ is
# the tool's process.
wrap() {
    local run team=
    case $watcher in
    valgrind)
        run="exec valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
--errors-for-leak-kinds=definite \
--log-file=$work/found/$1.%p $bin/$1"
        ;;
    tsan)
        "$bin/$1" --help-options | grep -q '^T' && team=' -T 7'
        # libomp itself is not instrumented; libarcher, which it loads, tells TSan of its barriers.
        run="export TSAN_OPTIONS='ignore_noninstrumented_modules=1 exitcode=99 \
log_path=$work/found/$1'; exec $bin/$1$team"
        ;;
    esac
    printf '#!/bin/sh\n: >%s/runs/$$ 2>/dev/null\n%s "$@"\n' "$work" "$run" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

for tool in "$bin"/*; do
    wrap "${tool##*/}"
done
export WATCHED_SKIP=${WATCHED_SKIP-flip|damage|memory|killed}
export WATCHED=$watcher
SLUICE_BIN=$work/bin nice -n "${WATCHED_NICE:-0}" bats "$@" |
    tee "$work/tap"
failed=$(grep -c '^not ok ' "$work/tap")
# Where a tool has few descriptors, valgrind says so, which is no finding.
find "$work/found" -type f -exec sed -i '/failed to move log file descriptor/d' {} +
find "$work/found" -type f -empty -delete
found=$(find "$work/found" -type f | wc -l)
[ "$found" -eq 0 ] || head -n 60 "$work"/found/*
printf '%d runs of tools, %d findings, %d tests failed\n' \
    "$(find "$work/runs" -type f | wc -l)" "$found" "$failed"
[ "$found" -eq 0 ] && [ "$failed" -eq 0 ] && grep -q '^ok ' "$work/tap"
