#!/usr/bin/env bash
# bench-fm.sh BUILD_DIR [CORPUS...]: our full-text index beside the peer, the index type of Infini-gram
# mini on libsdsl (fm_sdsl.cpp), on the same corpora in the same run. Default: english-200 code-200.
#
# Prints a table (figure, ours, peer, ratio) and writes BUILD_DIR/bench/fm.json, a line a figure. A
# CORPUS is DIR/CORPUS.jsonl, in SLUICE_BENCH_DIR (default BUILD_DIR/bench), where make-corpus.sh makes
# the two. One thread unless a row says two. Ours and the peer's runs alternate, ROUNDS of them
# (default 3), and BUILDS of builds (default 2); the best of each counts. About 20 minutes for the
# two corpora; the machine must be left alone meanwhile. On one that is shared, LOCK is a file that
# is locked for a minute or two at a time, for each group of measurements; after two minutes of
# waiting they are made all the same.
set -euo pipefail
build=$(cd "${1:?usage: bench-fm.sh BUILD_DIR [CORPUS...]}" && pwd)
shift
corpora=("$@")
[ ${#corpora[@]} -gt 0 ] || corpora=(english-200 code-200)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"
dir=${SLUICE_BENCH_DIR:-$build/bench}
rounds=${ROUNDS:-3} build_rounds=${BUILDS:-2} lock=${LOCK:-}
mkdir -p "$dir" "$build/bench"

if ! [ -s "$dir/english-200.jsonl" ] || ! [ -s "$dir/code-200.jsonl" ]; then
    "$here/make-corpus.sh" "$dir"
fi
peer=$build/bench/fm_sdsl
[ "$peer" -nt "$here/fm_sdsl.cpp" ] ||
    g++ -O3 -march=native -std=c++17 "$here/fm_sdsl.cpp" -o "$peer" -lsdsl -ldivsufsort -ldivsufsort64
ours=$build/tests/bench/bench_fm
bench=$here/../../../shared/data/bench/gsm8k_test.jsonl

# alone FUNCTION ARG...: under the lock, which is given back with the descriptor.
alone() {
    if [ -n "$lock" ]; then
        exec 9>"$lock"
        flock -w 120 9 || true
    fi
    "$@"
    exec 9>&-
}

share() { awk -v a="$(stat -Lc %s "$1")" -v b="$bytes" 'BEGIN { printf "%.4f", a / b }'; }

# build LOG ARG...: fm-build, its "speed" in MB/s and its "peak" over the text into LOG.
build() {
    local log=$1
    shift
    command time -f '%e %M' -o "$log.time" "$build/bin/fm-build" -q "$@" "$src"
    awk -v b="$bytes" '{ printf "speed %.2f\npeak %.2f\n", b / $1 / 1e6, $2 * 1024 / b }' "$log.time" >>"$log"
}

prepare() {
    src=$dir/$corpus.jsonl raw=$dir/$corpus.raw patterns=$dir/$corpus.patterns
    log=$build/bench/$corpus.log
    rm -rf "$log"
    mkdir "$log"
    [ "$raw" -nt "$src" ] || python3 - "$src" "$raw" "$patterns" <<'PY'
import json, random, sys
docs = [json.loads(l)['text'].encode() for l in open(sys.argv[1], 'rb')]
with open(sys.argv[2], 'wb') as f:
    f.write(b''.join(b'\xff' + d for d in docs))
r = random.Random(7)
with open(sys.argv[3], 'wb') as f:
    n = 0
    while n < 20000:
        d = r.choice(docs)
        i = r.randrange(max(1, len(d) - 50))
        p = d[i:i + 50]
        if len(p) == 50 and b'\n' not in p:
            f.write(p + b'\n')
            n += 1
PY
    bytes=$(("$(stat -Lc %s "$raw")" - "$(wc -l <"$src")"))
}

build_both() {
    build "$log/$1-1" -T 1 --layout "$1" -o "$dir/$corpus.$1.fmi"
    build "$log/$1-2" -T 2 --layout "$1" -o "$dir/$corpus.$1.fmi"
}

build_peer() { "$peer" build "$raw" "$dir/$corpus.sdsl" >>"$log/peer"; }

builds() {
    local bound=$((bytes * 19 / 10)) layout
    for _ in $(seq "$build_rounds"); do
        alone build_both fast
        alone build_both small
        alone build "$log/bound" -T 2 -m $bound -o "$dir/$corpus.bound.fmi"
        alone build_peer
    done
    cmp "$dir/$corpus.fast.fmi" "$dir/$corpus.bound.fmi"
    rm "$dir/$corpus.bound.fmi"
    # Every text comes back: the raw file is the documents, 0xff before each, and UTF-8 has no 0xff.
    for layout in fast small; do
        { printf '\377' && "$build/bin/fm-cat" -0 --all "$dir/$corpus.$layout.fmi" | tr '\0' '\377' | head -c -1; } |
            cmp - "$raw"
        figure "$corpus" "index / text, $layout" ratio "$(share "$dir/$corpus.$layout.fmi")" "$(best less size "$log/peer")" less
    done
    for layout in fast small; do
        figure "$corpus" "build, $layout" MB/s "$(best more speed "$log/$layout-1")" "$(best more build "$log/peer")" more
        figure "$corpus" "build, $layout, 2 threads (peer: 1)" MB/s "$(best more speed "$log/$layout-2")" "$(best more build "$log/peer")" more
        figure "$corpus" "peak memory of the build / text, $layout" ratio "$(best less peak "$log/$layout-1")" "$(best less peak "$log/peer")" less
    done
    figure "$corpus" 'build -m 1.9 x text, 2 threads (peer: 1)' MB/s "$(best more speed "$log/bound")" "$(best more build "$log/peer")" more
    figure "$corpus" 'its peak memory / text' ratio "$(best less peak "$log/bound")" "$(best less peak "$log/peer")" less
}

# queries LAYOUT MODE: MODE is "mapped" or "--load".
queries() {
    local idx=$dir/$corpus.$1.fmi log="$log/$1-$2" load=()
    [ "$2" = mapped ] || load=("$2")
    {
        "$ours" "${load[@]}" count "$idx" <"$patterns"
        "$ours" "${load[@]}" locate "$idx" 300000
        "$ours" "${load[@]}" extract "$idx" 1024 20000
        "$ours" "${load[@]}" contam "$idx" 600 4000 | sed -n 's/^contam/rate_dirty/p'
        [ ! -e "$bench" ] || "$ours" "${load[@]}" contam "$idx" <"$build/bench/entries" | sed -n 's/^contam/rate_clean/p'
    } >>"$log"
}

queries_peer() {
    {
        "$peer" count "$dir/$corpus.sdsl" <"$patterns"
        "$peer" locate "$dir/$corpus.sdsl" 20000
        "$peer" extract "$dir/$corpus.sdsl" 1024 2000
    } >>"$log/peer"
}

queries_all() {
    local layout
    for layout in fast small; do
        queries $layout mapped
        queries $layout --load
    done
    queries_peer
}

searches() {
    local layout mode kind l p=$log/peer
    for _ in $(seq "$rounds"); do
        alone queries_all
    done
    [ "$(awk '$1 == "occurrences" { print $2 }' "$log"/*-mapped "$log"/*--load "$p" | sort -u | wc -l)" = 1 ] ||
        { echo "bench-fm: the counts differ" >&2; exit 1; }
    for layout in fast small; do
        for mode in mapped --load; do
            l=$log/$layout-$mode
            figure "$corpus" "count, 50 bytes, batched, $layout, $mode" ns/byte "$(best less count_batched "$l")" "$(best less count "$p")" less
            figure "$corpus" "count, 50 bytes, one at a time, $layout, $mode" ns/byte "$(best less count_single "$l")" "$(best less count "$p")" less
            figure "$corpus" "locate, batched, $layout, $mode" us "$(best less locate "$l")" "$(best less locate "$p")" less
            figure "$corpus" "extract 1 KB, batched, $layout, $mode" ns/byte "$(best less extract_batched "$l")" "$(best less extract "$p")" less
            figure "$corpus" "extract 1 KB, one at a time, $layout, $mode" ns/byte "$(best less extract_single "$l")" "$(best less extract "$p")" less
            for kind in dirty clean; do
                [ $kind = dirty ] || [ -e "$bench" ] || continue
                figure "$corpus" "contamination, $kind, $layout, $mode" MB/s "$(best more "rate_$kind" "$l")" - more
                figure "$corpus" "  the same, --longest-min 32" MB/s "$(best more "rate_${kind}_32" "$l")" - more
            done
        done
    done
}

opening() {
    local layout l idx
    for layout in fast small; do
        l=$log/$layout-open idx=$dir/$corpus.$layout.fmi
        for _ in $(seq "$rounds"); do
            "$ours" open "$idx" >>"$l"
            "$ours" --load open "$idx" | awk '$1 == "load"' >>"$l"
        done
        "$ours" memory "$idx" <"$patterns" >>"$l"
        "$ours" pages "$idx" 200 <"$patterns" >>"$l"
        figure "$corpus" "open, $layout" ms "$(best less open "$l")" - less
        figure "$corpus" "load, $layout" ms "$(best less load "$l")" - less
        figure "$corpus" "private memory of a query, $layout" MB "$(best less private_search "$l")" - less
        figure "$corpus" "file pages it has touched, $layout" MB "$(best less file_search "$l")" - less
        figure "$corpus" "cold 4 KB pages, 20 bytes, $layout" /byte "$(best less pages "$l")" - less
    done
}

[ ! -e "$bench" ] || jq -r '.question | gsub("\n"; " ")' "$bench" >"$build/bench/entries"
"$build/tests/bench/limits"
figures_begin corpus "$build/bench/fm.json"
for corpus in "${corpora[@]}"; do
    prepare
    builds
    searches
    alone opening
done
