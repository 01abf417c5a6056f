#!/usr/bin/env bash
# shellcheck disable=SC2154 # claims.sh has family, part, build, out, data
# bench-fm.sh BUILD_DIR [PART...]: our full-text index beside the peer, the index type of Infini-gram mini on libsdsl
# (fm_sdsl.cpp), on the same corpora in the same run. Parts are corpora: english-200; with FULL=1 code-200, too, and mixed-1000, if
# make-growth.sh has made it (17 minutes).
#
# Rows as claims.sh says, in BUILD_DIR/bench/fm.tsv. A corpus is BENCH_DATA/CORPUS.jsonl, which make-corpus.sh makes. One thread
# unless a row says two. The peer's index is kept beside the corpus with what its building took, and built anew with FULL=1; ours and
# the peer's searches alternate. With FULL=1 there are three rounds of these and two of our builds, of which the best counts. Two
# minutes a corpus; the machine must be left alone meanwhile.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/claims.sh
. "$here/claims.sh"
gsm8k=${SHARED_DATA:-$root/../shared/data}/bench/gsm8k_test.jsonl
[ -e "$gsm8k" ] || gsm8k=/work/shared/data/bench/gsm8k_test.jsonl

share() { reckon 'a / b' a="$(bytes "$1")" b="$text"; }

# built LOG ARG...: fm-build, its "speed" in MB/s and its "peak" over the text into LOG.
built() {
    local log=$1
    shift
    alone command time -f '%e %M' -o "$log.time" fm-build -q "$@" "$src"
    awk -v b="$text" '{ printf "speed %.2f\npeak %.2f\n", b / $1 / 1e6, $2 * 1024 / b }' "$log.time" >>"$log"
}

prepare() {
    src=$data/$part.jsonl raw=$data/$part.raw patterns=$data/$part.patterns
    there "$src"
    compiled fm_sdsl.cpp -lsdsl -ldivsufsort -ldivsufsort64
    peer=$build/bench/fm_sdsl
    log=$build/bench/$part.log
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
    text=$(($(bytes "$raw") - $(wc -l <"$src")))
    [ ! -e "$gsm8k" ] || jq -r '.question | gsub("\n"; " ")' "$gsm8k" >entries
}

# one_thread LAYOUT: is it built by one thread, too?
one_thread() { [ "$1" = fast ] || full; }

builds() {
    local layout bound=$((text * 19 / 10))
    for _ in $(seq "$(unless_full 1 2)"); do
        for layout in fast small; do
            ! one_thread $layout || built "$log/$layout-1" -T 1 --layout $layout -o "$data/$part.$layout.fmi"
            built "$log/$layout-2" -T 2 --layout $layout -o "$data/$part.$layout.fmi"
        done
        built "$log/bound" -T 2 -m $bound -o "$data/$part.bound.fmi"
    done
    kept "$data/$part.sdsl" alone "$peer" build "$raw" "$data/$part.sdsl"
    cp "$data/$part.sdsl.log" "$log/peer"
    cmp "$data/$part.fast.fmi" "$data/$part.bound.fmi"
    rm "$data/$part.bound.fmi"
    full || return 0
    # Every text comes back: the raw file is the documents, 0xff before each, and UTF-8 has no 0xff.
    for layout in fast small; do
        { printf '\377' && fm-cat -0 --all "$data/$part.$layout.fmi" | tr '\0' '\377' | head -c -1; } | cmp - "$raw"
    done
}

# asked FIGURE: of a layout, or of a layout and a mode; "-" of those that nothing is asked of.
asked() {
    case $1 in
    size-fast) if [[ $part = code* ]]; then echo '<= .46'; else echo '<= .47'; fi ;;
    size-small) if [[ $part = code* ]]; then echo '<= .34'; else echo '<= .37'; fi ;;
    batched-fast-loaded) echo '>= 28' ;;
    batched-small-loaded) echo '>= 14' ;;
    batched-fast-mapped) echo '>= 16' ;;
    batched-small-mapped) echo '>= 8' ;;
    single-fast-loaded) echo '>= 8' ;;
    single-small-loaded) echo '>= 4' ;;
    locate-fast-loaded) echo '>= 25' ;;
    locate-small-loaded) echo '>= 14' ;;
    extract-fast-loaded) echo '>= 23' ;;
    extract-small-loaded) echo '>= 14' ;;
    contam-clean) echo '>= 10' ;;
    contam-dirty) echo '>= 5' ;;
    *) echo - ;;
    esac
}

rows_of_builds() {
    local layout theirs
    theirs=$(best more build "$log/peer")
    for layout in fast small; do
        row "$part, $layout: index / text" "$(asked size-$layout)" "$(share "$data/$part.$layout.fmi")" \
            "$(best less size "$log/peer")" ours "fm-build --layout $layout; sdsl"
        row "$part, $layout: build, 2 threads, MB/s" '>= 1.8' "$(best more speed "$log/$layout-2")" "$theirs" ours/base \
            "fm-build -T 2 --layout $layout; sdsl, 1 thread$kept_when"
        one_thread $layout || continue
        row "$part, $layout: build, MB/s" '>= 1.3' "$(best more speed "$log/$layout-1")" "$theirs" ours/base \
            "fm-build -T 1 --layout $layout, from JSON Lines; sdsl, from raw text$kept_when"
        row "$part, $layout: peak memory of the build / text" '<= 5.3' "$(best less peak "$log/$layout-1")" \
            "$(best less peak "$log/peer")" ours "fm-build -T 1 --layout $layout; sdsl"
    done
    row "$part: build with -m 1.9 x text, MB/s" '>= .6' "$(best more speed "$log/bound")" "$theirs" ours/base \
        "fm-build -T 2 -m; sdsl, 1 thread$kept_when"
    row "$part: peak memory of that / text" '<= 2' "$(best less peak "$log/bound")" "$(best less peak "$log/peer")" ours \
        'fm-build -T 2 -m; sdsl'
}

# queries LAYOUT MODE: MODE is "mapped" or "loaded".
queries() {
    local idx=$data/$part.$1.fmi log="$log/$1-$2" load=()
    [ "$2" = mapped ] || load=(--load)
    {
        alone bench_fm "${load[@]}" count "$idx" <"$patterns"
        alone bench_fm "${load[@]}" locate "$idx" 300000
        alone bench_fm "${load[@]}" extract "$idx" 1024 20000
        alone bench_fm "${load[@]}" contam "$idx" 600 4000 | sed -n 's/^contam/rate_dirty/p'
        [ ! -e entries ] || alone bench_fm "${load[@]}" contam "$idx" <entries | sed -n 's/^contam/rate_clean/p'
    } >>"$log"
}

queries_peer() {
    {
        alone "$peer" count "$data/$part.sdsl" <"$patterns"
        alone "$peer" locate "$data/$part.sdsl" 20000
        alone "$peer" extract "$data/$part.sdsl" 1024 2000
    } >>"$log/peer"
}

searches() {
    local layout
    for _ in $(seq "$(unless_full 1 3)"); do
        for layout in fast small; do
            queries $layout mapped
            queries $layout loaded
        done
        queries_peer
    done
    [ "$(awk '$1 == "occurrences" { print $2 }' "$log"/*-mapped "$log"/*-loaded "$log/peer" | sort -u | wc -l)" = 1 ] ||
        { echo "bench-fm: the counts differ" >&2; exit 1; }
}

# What is asked holds for loaded indexes; mapped ones have a bound of their own, for batches.
rows_of_searches() {
    local layout mode kind l p=$log/peer where how
    for layout in fast small; do
        for mode in mapped loaded; do
            l=$log/$layout-$mode where="$part, $layout, $mode" how=$layout-$mode
            row "$where: count 50 bytes, batched, ns a byte" "$(asked batched-$how)" "$(best less count_batched "$l")" \
                "$(best less count "$p")" base/ours 'bench_fm count; sdsl count'
            row "$where: count 50 bytes, one at a time, ns a byte" "$(asked single-$how)" "$(best less count_single "$l")" \
                "$(best less count "$p")" base/ours 'bench_fm count; sdsl count'
            row "$where: locate, batched, us" "$(asked locate-$how)" "$(best less locate "$l")" "$(best less locate "$p")" \
                base/ours 'bench_fm locate; sdsl locate'
            row "$where: extract 1 KB, batched, ns a byte" "$(asked extract-$how)" "$(best less extract_batched "$l")" \
                "$(best less extract "$p")" base/ours 'bench_fm extract; sdsl extract'
            row "$where: extract 1 KB, one at a time, ns a byte" - "$(best less extract_single "$l")" \
                "$(best less extract "$p")" base/ours 'bench_fm extract; sdsl extract'
            for kind in clean dirty; do
                [ $kind = dirty ] || [ -e entries ] || continue
                row "$where: contamination, $kind, MB/s" "$(asked contam-$kind)" "$(best more "rate_${kind}_32" "$l")" - ours \
                    'bench_fm contam, as fm-contam by default'
                row "$where: the same, --longest-min 1, MB/s" - "$(best more "rate_$kind" "$l")" - ours 'bench_fm contam'
            done
            point fm "$layout, batched" "$(share "$data/$part.$layout.fmi")" "$(best less count_batched "$l")" "$part, $mode"
            point fm "$layout, one at a time" "$(share "$data/$part.$layout.fmi")" "$(best less count_single "$l")" "$part, $mode"
        done
    done
    point fm 'libsdsl, as Infini-gram mini has it' "$(best less size "$p")" "$(best less count "$p")" "$part"
}

opening() {
    local layout l idx
    for layout in fast small; do
        l=$log/$layout-open idx=$data/$part.$layout.fmi
        for _ in 1 2 3; do
            bench_fm open "$idx" >>"$l"
            bench_fm --load open "$idx" | awk '$1 == "load"' >>"$l"
        done
        bench_fm memory "$idx" <"$patterns" >>"$l"
        bench_fm pages "$idx" 200 <"$patterns" >>"$l"
        row "$part, $layout: open, ms" '<= 5' "$(best less open "$l")" - ours 'bench_fm open'
        row "$part, $layout: load, ms" - "$(best less load "$l")" - ours 'bench_fm --load open'
        row "$part, $layout: private memory of a query, MB" "<= $(reckon '10 + .012e-6 * t' t="$text")" \
            "$(best less private_search "$l")" - ours 'bench_fm memory'
        row "$part, $layout: file pages it has touched, MB" - "$(best less file_search "$l")" - ours 'bench_fm memory'
        row "$part, $layout: cold 4 KB pages a byte, 20-byte patterns" '<= 2.5' "$(best less pages "$l")" - ours 'bench_fm pages'
    done
}

corpus() {
    prepare
    builds
    rows_of_builds
    searches
    rows_of_searches
    opening
}

more() {
    with_full
    corpus
}

english-200() { corpus; }
code-200() { more; }
mixed-1000() { more; }

claims fm 'english-200 code-200 mixed-1000' "$@"
