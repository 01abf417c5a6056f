#!/usr/bin/env bash
# bench-fm.sh BUILD_DIR [CORPUS...]: our full-text index beside the peer, the index type of Infini-gram
# mini on libsdsl (fm_sdsl.cpp), on the same corpora in the same run. Default: english-200 code-200.
#
# Prints a table (figure, ours, peer, ratio) and writes BUILD_DIR/bench/fm.json. Corpora come from
# make-corpus.sh, into SLUICE_BENCH_DIR (default BUILD_DIR/bench). One thread unless a row says two.
# Runs in about 8 minutes; both builders are run alternately, twice, and the faster run counts.
set -euo pipefail
build=$(cd "${1:?usage: bench-fm.sh BUILD_DIR [CORPUS...]}" && pwd)
shift
corpora=("$@")
[ ${#corpora[@]} -gt 0 ] || corpora=(english-200 code-200)
here=$(cd "$(dirname "$0")" && pwd)
dir=${SLUICE_BENCH_DIR:-$build/bench}
mkdir -p "$dir" "$build/bench"
json=$build/bench/fm.json
: >"$json"

if ! [ -s "$dir/english-200.jsonl" ] || ! [ -s "$dir/code-200.jsonl" ]; then
    "$here/make-corpus.sh" "$dir"
fi
peer=$build/bench/fm_sdsl
[ "$peer" -nt "$here/fm_sdsl.cpp" ] ||
    g++ -O3 -march=native -std=c++17 "$here/fm_sdsl.cpp" -o "$peer" -lsdsl -ldivsufsort -ldivsufsort64
ours=$build/tests/bench/bench_fm

# figure NAME UNIT OURS PEER KIND: KIND says which way is better, "less" or "more".
figure() {
    awk -v c="$corpus" -v n="$1" -v u="$2" -v o="$3" -v p="$4" -v k="$5" -v json="$json" 'BEGIN {
        r = p == "-" ? "-" : sprintf("%.2f", k == "less" ? p / o : o / p)
        printf "%-12s %-34s %10s %10s %-10s %8s\n", c, n, o, p, u, r
        printf "{\"corpus\":\"%s\",\"figure\":\"%s\",\"unit\":\"%s\",\"ours\":%s,\"peer\":%s,\"ratio\":%s}\n",
            c, n, u, o, p == "-" ? "null" : p, r == "-" ? "null" : r >>json
    }'
}
value() { awk -v n="$1" '$1 == n { print $2; exit }' "$2"; }
least() { sort -g | head -n 1; }
# seconds COMMAND...: wall time; the peak memory in bytes goes to $log.peak
seconds() {
    command time -f '%e %M' -o "$log.time" "$@" >/dev/null
    awk '{ print $1 }' "$log.time"
    awk '{ print $2 * 1024 }' "$log.time" >"$log.peak"
}

"$build/tests/bench/limits"
printf '%-12s %-34s %10s %10s %-10s %8s\n' corpus figure ours peer unit ratio
for corpus in "${corpora[@]}"; do
    src=$dir/$corpus.jsonl raw=$dir/$corpus.raw idx=$dir/$corpus.fmi log=$build/bench/$corpus
    [ "$raw" -nt "$src" ] || python3 - "$src" "$raw" "$dir/$corpus.patterns" <<'PY'
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
    bytes=$(("$(stat -c %s "$raw")" - "$(wc -l <"$src")"))
    one=() two=() theirs=()
    for _ in 1 2; do
        one+=("$(seconds "$build/bin/fm-build" -q -T 1 -o "$idx" "$src")")
        peak=$(cat "$log.peak")
        "$peer" build "$raw" "$dir/$corpus.sdsl" >"$log.build"
        theirs+=("$(value build "$log.build")")
        two+=("$(seconds "$build/bin/fm-build" -q -T 2 -o "$idx" "$src")")
    done
    speed() { printf '%s\n' "$@" | least | awk -v b="$bytes" '{ printf "%.2f", b / $1 / 1e6 }'; }
    peer_speed=$(printf '%s\n' "${theirs[@]}" | sort -g | tail -n 1)
    figure 'index / text' ratio "$(awk -v a="$(stat -c %s "$idx")" -v b="$bytes" 'BEGIN { printf "%.4f", a / b }')" \
        "$(value size "$log.build")" less
    figure 'build, 1 thread' MB/s "$(speed "${one[@]}")" "$peer_speed" more
    figure 'build, 2 threads (peer: 1)' MB/s "$(speed "${two[@]}")" "$peer_speed" more
    figure 'peak memory of the build / text' ratio "$(awk -v a="$peak" -v b="$bytes" 'BEGIN { printf "%.2f", a / b }')" \
        "$(value peak "$log.build")" less
    "$ours" count "$idx" <"$dir/$corpus.patterns" >"$log.ours"
    "$peer" count "$dir/$corpus.sdsl" <"$dir/$corpus.patterns" >"$log.peer"
    [ "$(value occurrences "$log.ours")" = "$(value occurrences "$log.peer")" ] ||
        { echo "bench-fm: the counts differ" >&2; exit 1; }
    figure 'count, 50 bytes, batched' ns/byte "$(value count_batched "$log.ours")" "$(value count "$log.peer")" less
    figure 'count, 50 bytes, one at a time' ns/byte "$(value count_single "$log.ours")" "$(value count "$log.peer")" less
    # Every text comes back: the raw file is the documents, 0xff before each, and UTF-8 has no 0xff.
    { printf '\377' && "$build/bin/fm-cat" -0 --all "$idx" | tr '\0' '\377' | head -c -1; } | cmp - "$raw" ||
        { echo "bench-fm: fm-cat --all does not equal the input" >&2; exit 1; }
    "$ours" locate "$idx" 300000 >"$log.ours"
    "$peer" locate "$dir/$corpus.sdsl" 20000 >"$log.peer"
    figure 'locate, batched' us "$(value locate "$log.ours")" "$(value locate "$log.peer")" less
    "$ours" extract "$idx" 1024 20000 >"$log.ours"
    "$peer" extract "$dir/$corpus.sdsl" 1024 2000 >"$log.peer"
    figure 'extract 1 KB, batched' ns/byte "$(value extract_batched "$log.ours")" "$(value extract "$log.peer")" less
    figure 'extract 1 KB, one at a time' ns/byte "$(value extract_single "$log.ours")" "$(value extract "$log.peer")" less
    # The same with the index read into memory first.
    "$ours" --load count "$idx" <"$dir/$corpus.patterns" >"$log.ours"
    "$ours" --load locate "$idx" 300000 >>"$log.ours"
    "$ours" --load extract "$idx" 1024 20000 >>"$log.ours"
    figure 'count, batched, --load' ns/byte "$(value count_batched "$log.ours")" - less
    figure 'count, one at a time, --load' ns/byte "$(value count_single "$log.ours")" - less
    figure 'locate, batched, --load' us "$(value locate "$log.ours")" - less
    figure 'extract 1 KB, batched, --load' ns/byte "$(value extract_batched "$log.ours")" - less
    figure 'load' ms "$(value load "$log.ours")" - less
    figure 'open' ms "$("$ours" open "$idx" | awk '{ print $2 }')" - less
    "$ours" memory "$idx" <"$dir/$corpus.patterns" >"$log.ours"
    figure 'private memory of a query' MB "$(value private_search "$log.ours")" - less
    figure 'file pages it has touched' MB "$(value file_search "$log.ours")" - less
    "$ours" pages "$idx" 200 <"$dir/$corpus.patterns" >"$log.ours"
    figure 'cold 4 KB pages, 20 bytes' /byte "$(value pages "$log.ours")" - less
    figure 'contamination, all dirty' MB/s "$("$ours" contam "$idx" 600 4000 | awk '$1 == "contam" { print $2 }')" - more
    bench=$here/../../../shared/data/bench/gsm8k_test.jsonl
    if [ -e "$bench" ]; then
        jq -r '.question | gsub("\n"; " ")' "$bench" >"$log.entries"
        figure 'contamination, clean' MB/s "$("$ours" contam "$idx" <"$log.entries" | awk '$1 == "contam" { print $2 }')" - more
        figure 'contamination of 1,319 questions' s "$(seconds "$build/bin/fm-contam" -T 1 -b "$bench" "$idx")" - less
    fi
done
