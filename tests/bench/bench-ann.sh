#!/usr/bin/env bash
# shellcheck disable=SC2154 # claims.sh has part, build, out, vectors
# bench-ann.sh BUILD_DIR [PART...]: graphs and lists beside hnswlib (ann_hnswlib.cpp, M 32, efConstruction 200), one search thread,
# recall@10.
#
# Rows as claims.sh says, in BUILD_DIR/bench/ann.tsv; the curves are points of pictures. Queries a second at a recall are those
# between the two settings around it. Data: BENCH_DATA/vec (make-data.sh); every fourth query is asked, all with FULL=1. hnswlib
# takes a minute or two to build glove100n: its indexes are kept beside the vectors with the time that they took, and built anew
# with FULL=1; so is a graph of a million rows. Two minutes else; the machine must be left alone meanwhile.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/claims.sh
. "$here/claims.sh"
# shellcheck source=tests/bench/hnsw.sh
. "$here/hnsw.sh"

# built NAME BASE OPTION...: an index of ours in $build/bench/NAME.ann, on two threads; its seconds are in seconds.
built() {
    alone command time -f '%e' -o time ann-build -q -T 2 -o "$build/bench/$1.ann" "${@:3}" "$2"
    seconds=$(cat time)
}

per_row() { ann-stat "$build/bench/$1.ann" | awk '{ v[$1] = $2 } END { printf "%.6g", v["bytes"] / v["rows"] }'; }

# curve PICTURE SERIES COMMAND...: lines "recall queries/s keys setting" of the settings that it prints, in $1.SERIES; and points.
curve() {
    local picture=$1 series=$2
    alone "${@:3}" | awk '{ for (i = 1; i < NF; i++) v[$i] = $(i + 1); print v["recall@10"], v["qps"], v["keys"] + 0, v["ef"] }' |
        sort -g >"$picture.$series"
    [ "$picture" = none ] || while read -r recall qps _ setting; do
        point "$picture" "$series" "$recall" "$qps" "$series, ef or nprobe $setting"
    done <"$picture.$series"
}

# beside SET KIND RECALL ASKED COMMAND
beside() {
    row "$1, $2: queries/s at recall $3" "$4" "$(at "$3" <"$1.$2")" "$(at "$3" <"$1.hnswlib")" ours/base "$5; hnswlib M 32, efC 200"
}

# ours SET INDEX KIND QUERIES TRUTH EFFORT...
ours() { curve "$1" "$3" bench_ann "$build/bench/$2.ann" "$4" "$5" "${@:6}"; }

# peer SET BASE QUERIES TRUTH METRIC EF...
peer() { curve "$1" hnswlib "$build/bench/ann_hnswlib" search "$index" "$3" "$4" "$5" "${@:6}"; }

fashion784() {
    local from=$vectors/fashion784
    there "$from/base.u8bin" "$from/base.fvecs" "$from/truth.ivecs"
    hnsw "$from" l2
    some "$from/query.fvecs" >query.fvecs
    some "$from/truth.ivecs" >truth.ivecs
    peer fashion784 base query.fvecs truth.ivecs l2 10 20 40 80 160
    built fashion "$from/base.u8bin"
    row 'fashion784, graph: build, 2 threads, s' '<= .5' "$seconds" "$hnsw_seconds" ours/base "ann-build; hnswlib$kept_when"
    row 'fashion784, graph: bytes a vector, of those of the file' '<= 1.3' "$(per_row fashion)" 784 ours/base 'ann-build base.u8bin'
    built fashion-ivf "$from/base.u8bin" -t ivf
    row 'fashion784, ivf: build, 2 threads, s' '<= .5' "$seconds" "$hnsw_seconds" ours/base "ann-build -t ivf; hnswlib$kept_when"
    ours fashion784 fashion graph query.fvecs truth.ivecs 10 15 20 30 45 70 100 150
    ours fashion784 fashion-ivf ivf query.fvecs truth.ivecs 2 4 6 10 16 24 40
    beside fashion784 graph .95 '>= 3' ann-build
    beside fashion784 graph .99 '>= 3.5' ann-build
    beside fashion784 ivf .95 - 'ann-build -t ivf'
    beside fashion784 ivf .99 - 'ann-build -t ivf'
    adaptive fashion784 fashion
}

# adaptive SET INDEX: what a search that stops when it suits the query saves.
adaptive() {
    curve none slack bench_ann "$build/bench/$2.ann" query.fvecs truth.ivecs 1000/0/.0005 1000/0/.001 1000/0/.002 1000/0/.005 1000/0/.01 \
        1000/0/.02 1000/0/.05 1000/0/.1 1000/0/.146 1000/0/.2 1000/0/.3
    row "$1, graph: keys at recall .95, --slack, of a fixed --ef" '<= .75' "$(at .95 3 <none.slack)" "$(at .95 3 <"$1.graph")" ours/base \
        'ann-search --slack; --ef'
}

glove100n() {
    local from=$vectors/glove100n kind metric
    there "$from/base.fvecs" "$from/truth.ivecs"
    hnsw "$from" ip
    some "$from/query.fvecs" >query.fvecs
    some "$from/truth.ivecs" >truth.ivecs
    peer glove100n base query.fvecs truth.ivecs ip 40 80 160 320 640 1280
    built glove "$from/base.fvecs" --metric ip
    row 'glove100n, graph: build, 2 threads, s' '<= .5' "$seconds" "$hnsw_seconds" ours/base "ann-build; hnswlib$kept_when"
    built glove-ivf "$from/base.fvecs" --metric cosine -t ivf # they are of length 1; so lists are found by squared distances
    row 'glove100n, ivf: build, 2 threads, s' '<= .5' "$seconds" "$hnsw_seconds" ours/base "ann-build -t ivf; hnswlib$kept_when"
    ours glove100n glove graph query.fvecs truth.ivecs 20 40 80 160 320 640 1000
    ours glove100n glove-ivf ivf query.fvecs truth.ivecs 16 32 64 128 192 256 320
    for kind in graph ivf; do
        metric="ann-build --metric $([ $kind = ivf ] && echo cosine || echo ip)"
        beside glove100n $kind .95 '>= 2.5' "$metric -t $kind"
        beside glove100n $kind .99 '>= 3' "$metric -t $kind"
    done
    adaptive glove100n glove
}

brown() {
    local from=$vectors/glove100n
    there "$from/query_brown.fvecs" "$from/train_brown.fvecs" "$from/truth_brown.ivecs"
    hnsw "$from" ip
    some "$from/query_brown.fvecs" >query.fvecs
    some "$from/truth_brown.ivecs" >truth.ivecs
    peer brown base query.fvecs truth.ivecs ip 10 20 30 45 70
    built brown "$from/base.fvecs" --metric ip --queries "$from/train_brown.fvecs" -c leanvec100+int8x20+int4 -R 64
    ours brown brown graph query.fvecs truth.ivecs 10 12 16 20 30 45
    beside brown graph .99 '>= 2' 'ann-build --queries train_brown -c leanvec100+int8x20+int4 -R 64'
}

# without SET BASE METRIC BYTES RECALL LEAST OPTION... -- EFFORT...: rows that have codes only.
without() {
    local set=$1 base=$2 metric=$3 most=$4 recall=$5 least=$6 options=() at
    shift 6
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    there "$vectors/$set/$base" "$vectors/$set/truth.ivecs"
    some "$vectors/$set/query.fvecs" >query.fvecs
    some "$vectors/$set/truth.ivecs" >truth.ivecs
    built without "$vectors/$set/$base" --metric "$metric" --no-vectors "${options[@]}"
    curve none without bench_ann "$build/bench/without.ann" query.fvecs truth.ivecs "$@"
    at="ann-build --no-vectors ${options[*]}"
    row "$set without vectors: bytes a vector" "<= $most" "$(per_row without)" - ours "$at"
    row "$set without vectors: recall@10, best of settings" ">= $recall" "$(sort -g <none.without | awk 'END { print $1 }')" - ours "$at"
    row "$set without vectors: queries/s at recall $recall" "$least" "$(at "$recall" <none.without)" - ours "$at"
}

no_vectors() {
    without fashion784 base.u8bin l2 530 .95 - -c leanvec560+int8x200+int4 -R 32 -- 15 20 30 45 70
    without fashion784 base.u8bin l2 920 .99 '>= 25000' -c bytes -R 32 -- 20 30 45 70 100 150
    without glove100n base.fvecs cosine 100 .9 - -t ivf -c pq50x8 -- 64 128 256 384
    without glove100n base.fvecs cosine 240 .95 - -t ivf -c pq50x4+int8 -- 64 128 256
}

# same: whatever the threads and the instruction set.
same() {
    local base=$vectors/syn10000/base.fvecs kind how
    there "$base"
    for kind in graph ivf; do
        SLUICE_CPU=avx2 ann-build -q -t $kind -T 1 -o one.ann "$base"
        how=0
        ann-build -q -t $kind -T 2 -o two.ann "$base"
        cmp -s one.ann two.ann || how=1
        row "syn10000, $kind: bytes that differ, 1 and 2 threads, AVX2 and the machine's best" '= 0' $how - ours 'ann-build; cmp'
    done
}

# synthetic ROWS KIND OPTION... -- EFFORT...: rows of the mixture, one of each size.
synthetic() {
    local rows=$1 kind=$2 set=syn${1/000000/m} name at options=()
    name=$set-$kind
    shift 2
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    there "$vectors/$set/base.fvecs" "$vectors/$set/truth.ivecs"
    some "$vectors/$set/query.fvecs" >query.fvecs
    some "$vectors/$set/truth.ivecs" >truth.ivecs
    built "$name" "$vectors/$set/base.fvecs" -t "$kind" "${options[@]}"
    curve mixture "$name" bench_ann "$build/bench/$name.ann" query.fvecs truth.ivecs "$@"
    at="gen_mixture; ann-build -t $kind${options[*]:+ ${options[*]}}"
    row "$rows x 128, $kind: build, 2 threads, s" - "$seconds" - ours "$at"
    row "$rows x 128, $kind: bytes a vector" - "$(per_row "$name")" - ours "$at"
    if [ "$rows" = 1000000 ]; then
        row "$rows x 128, $kind: queries/s at recall .95" '>= 12000' "$(at .95 <"mixture.$name")" - ours \
            "$at (faiss IVF-PQ fast-scan, quoted: 10,000)"
    else
        row "$rows x 128, $kind: queries/s at recall .95" - "$(at .95 <"mixture.$name")" - ours "$at"
    fi
    rm "$build/bench/$name.ann"
    [ "$rows-$kind" != 100000-graph ] || beside_mixture "$name" "$at"
}

# Where real vectors are missing, hnswlib is beside ours here.
beside_mixture() {
    local set=$vectors/syn100000 recall
    ! [ -s "$vectors/fashion784/base.fvecs" ] || ! [ -s "$vectors/glove100n/base.fvecs" ] || return 0
    hnsw "$set" l2
    curve mixture hnswlib "$build/bench/ann_hnswlib" search "$index" query.fvecs truth.ivecs l2 10 20 40 80 160 320
    for recall in .95 .99; do
        row "100000 x 128, graph: queries/s at recall $recall" - "$(at $recall <"mixture.$1")" "$(at $recall <mixture.hnswlib)" \
            ours/base "$2; hnswlib M 32, efC 200$kept_when"
    done
}

growth() {
    local rows sizes=(10000 100000)
    ! full || sizes+=(1000000)
    for rows in "${sizes[@]}"; do
        synthetic "$rows" graph -c leanvec124+int8 -R 32 -- 10 15 20 30 45 70 100
    done
    for rows in 10000 100000 1000000; do
        synthetic "$rows" ivf -- 2 4 8 16 32 64
    done
}

claims ann 'fashion784 glove100n brown no_vectors same growth' "$@"
