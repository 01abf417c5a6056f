#!/usr/bin/env bash
# shellcheck disable=SC2154 # claims.sh has part, build, out, vectors
# bench-vec.sh BUILD_DIR [PART...]: vectors, ours beside OpenBLAS, beside f32 rows and beside the machine's own limits, in the same
# run.
#
# Rows as claims.sh says, in BUILD_DIR/bench/vec.tsv. The peer of a product is OpenBLAS with the kernels that it should choose
# itself (OPENBLAS_CORETYPE=SkylakeX) and without any selection of neighbours; of other figures it is the limit that the row
# names. Data: BENCH_DATA/vec with fashion784/ and glove100n/. One thread unless a row says two; with FULL=1 runs alternate, five of
# them (three where it is long), and the best counts. Two minutes else; the machine must be left alone meanwhile.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/claims.sh
. "$here/claims.sh"
rounds=$(unless_full 1 5)

log=log # of a part, which has a folder of its own

# run PREFIX COMMAND...: its lines go to the log, PREFIX before each name.
run() {
    local prefix=$1
    shift
    alone "$@" | sed "s/^/$prefix/" >>$log
}

# most NAME, least NAME: of all rounds.
most() { best more "$1" $log; }
least() { best less "$1" $log; }

blas() { OPENBLAS_CORETYPE=SkylakeX OPENBLAS_NUM_THREADS=1 alone blas_peer "$@"; }

# exact_set BASE ROWS DIM ASKED: of the set that the part is named for; ASKED share of the FMA peak.
exact_set() {
    local base=$vectors/$part/$1 queries=$vectors/$part/query.fvecs n at='bench_vec knn, queries at a time'
    there "$base" "$queries"
    for _ in $(seq "$(unless_full 1 3)"); do
        run blas_ blas "$2" 10000 "$3"
        for n in 1 8 32 10000; do
            run "${n}_" bench_vec knn "$base" "$queries" "$n" 1
        done
        for n in 1 10000; do
            run "two_${n}_" bench_vec knn "$base" "$queries" "$n" 2
        done
    done
    row "$part: one query, f32, GB/s" '>= 14' "$(most 1_gb_per_s)" "$(limit read_gb)" ours "$at: 1; limits read"
    row "$part: 8 queries, f32, GB/s" '>= .85' "$(most 8_gb_per_s)" "$(limit read_gb)" ours/base "$at: 8; limits read"
    row "$part: 32 queries, f32, GFLOP/s" ">= $4" "$(most 32_gops)" "$(limit fma_gflops)" ours/base "$at: 32; limits FMA"
    row "$part: 10,000 queries, f32, GFLOP/s" ">= $4" "$(most 10000_gops)" "$(limit fma_gflops)" ours/base \
        "$at: 10000; limits FMA"
    row "$part: 10,000 queries, f32, queries/s" - "$(most 10000_queries_per_s)" "$(most blas_blas_qps)" ours/base \
        "$at: 10000; products by OpenBLAS, no selection"
    row "$part, two threads: one query, GB/s" '>= 1.6' "$(most two_1_gb_per_s)" "$(most 1_gb_per_s)" ours/base \
        "$at: 1, 2 threads; 1 thread"
    row "$part, two threads: one query, GB/s" - "$(most two_1_gb_per_s)" "$(most two_1_read_gb_per_s)" ours/base \
        "$at: 1, 2 threads; two that only read the same"
    row "$part, two threads that only read, GB/s" - "$(most two_1_read_gb_per_s)" "$(most 1_read_gb_per_s)" ours/base \
        'bench_vec knn: 2 threads; 1 thread'
    row "$part, two threads: 10,000 queries, GFLOP/s" '>= 1.8' "$(most two_10000_gops)" "$(most 10000_gops)" ours/base \
        "$at: 10000, 2 threads; 1 thread"
}

fashion784() { exact_set base.fvecs 60000 784 .75; }
glove100n() { exact_set base.fbin 331479 100 .65; }

bytes_exact() {
    local set=$vectors/fashion784
    there "$set/base.u8bin" "$set/query.u8bin"
    for _ in $(seq "$rounds"); do
        run blas_ blas 60000 10000 784
        run u8_ bench_vec knn "$set/base.u8bin" "$set/query.u8bin" 10000 1
        run one_ bench_vec knn "$set/base.u8bin" "$set/query.u8bin" 1 1
    done
    row 'fashion784, u8: 10,000 queries, GOP/s' '>= .6' "$(most u8_gops)" "$(limit vnni_gops)" ours/base \
        'bench_vec knn: 10000; limits integer dot'
    row 'fashion784, u8: 10,000 queries, queries/s' '>= 3.3' "$(most u8_queries_per_s)" "$(most blas_blas_qps)" ours/base \
        'bench_vec knn: 10000; f32 products by OpenBLAS (faiss Flat, quoted: 1,424)'
    row 'fashion784, u8: one query, GB/s' - "$(most one_gb_per_s)" "$(limit read_gb)" ours/base 'bench_vec knn: 1; limits read'
}

sketch_set() {
    local base=$vectors/$1/$2 queries=$vectors/$1/query.fvecs
    for _ in $(seq "$rounds"); do
        run "$1_" bench_vec sketch "$base" "$queries" "$build/bench/$1.vsk" 200
    done
    [ "$(most "$1_differ")" = 0 ] || { echo 'bench-vec: the sketch differs' >&2; exit 1; }
    row "$1: one query by a sketch, certified, GB/s of f32 rows" '>= 42' "$(most "$1_sketch_gb_per_s")" "$(most "$1_scan_gb_per_s")" \
        ours "bench_vec sketch; all f32 rows (asked: 3 x 14 GB/s)"
}

sketch() {
    there "$vectors/fashion784/base.fvecs" "$vectors/glove100n/base.fbin"
    sketch_set fashion784 base.fvecs
    sketch_set glove100n base.fbin
}

# Products with 4-bit rows; against f32 by OpenBLAS, which copies the matrix first, and against our own f32 kernels.
w4() {
    local n
    for _ in $(seq "$(unless_full 1 3)"); do
        run w4_ blas skinny 11008 4096 1 2 4 8 16
        run w4_ bench_w4
    done
    for n in 1 2 4 8 16; do
        row "w4g128, 4096 x 11008: $n queries, int8, us" ">= $([ $n = 16 ] && echo 3 || echo 4)" "$(least "w4_${n}_int8_us")" \
            "$(least "w4_${n}_blas_us")" base/ours 'bench_w4; f32 by OpenBLAS'
        row "w4g128, 4096 x 11008: $n queries, int8, us" - "$(least "w4_${n}_int8_us")" "$(least "w4_${n}_own_us")" base/ours \
            'bench_w4; our own f32 kernels'
    done
    row 'w4g128: relative Frobenius error, int8 queries, batch 1 to 16' '<= 1e-2' \
        "$(for n in 1 2 4 8 16; do most "w4_${n}_int8_error"; done | sort -g | tail -n 1)" - ours bench_w4
    row 'w4g128: the same, f32 queries' '<= 1e-5' "$(for n in 1 2 4 8 16; do most "w4_${n}_f32_error"; done | sort -g | tail -n 1)" \
        - ours bench_w4
}

truth() {
    [ -s "$vectors/million.fbin" ] || bench_vec gen 1000000 128 "$vectors/million.fbin"
    [ -s "$vectors/million.query.fbin" ] || bench_vec gen 10000 128 "$vectors/million.query.fbin"
    for _ in $(seq "$(unless_full 1 3)"); do
        alone command time -f 'wall %e\nmib %M' -o time vec-knn -q -k 100 -T 2 -o truth "$vectors/million.fbin" \
            "$vectors/million.query.fbin"
        awk '{ print $1, $1 == "mib" ? $2 / 1024 : $2 }' time >>$log
    done
    row 'top 100, 10 k x 1 M x 128, 2 threads, s' '<= 15' "$(least wall)" - ours 'vec-knn -k 100 -T 2'
    row 'the same: MiB, the mapped base in it' '<= 1024' "$(least mib)" - ours 'vec-knn -k 100 -T 2'
}

# scan SPEC SET METRIC ASKED RECALL
scan() {
    local set=$vectors/$2
    there "$set/base.fvecs" "$set/query.fvecs" "$set/truth.ivecs"
    : >$log
    run '' bench_codec scan "$1" "$set/base.fvecs" "$set/query.fvecs" "$set/truth.ivecs" "$3"
    row "$2, $1: one query, scan, against f32" ">= $4" "$(most scan_against_f32)" - ours "bench_codec scan $1"
    row "$2, $1: recall@10, re-rank 100" ">= $5" "$(most recall10_rerank100)" - ours "bench_codec scan $1"
}

scans() {
    scan lvq8 fashion784 l2 3.5 .999
    scan lvq8 glove100n ip 3.5 .999
    scan lvq4 fashion784 l2 6 .99
    scan lvq4 glove100n ip 6 .99
}

# Of its lines those with a share of the peak, for 8 queries, and of the reading from memory.
pq() {
    local spec
    for spec in pq98x4 pq50x4; do
        alone bench_pq $spec >"$out"
        row "$spec: look-ups for 8 queries, lists in L2, of the shuffle peak, %" '>= 60' \
            "$(sed -n 's/.* 8 queries: .*, *\([0-9]*\) % of the peak.*/\1/p' "$out" | sort -g | tail -n 1)" - ours "bench_pq $spec"
        row "$spec: one query from memory, of read bandwidth, %" '>= 85' \
            "$(sed -n 's/.*one query over.* \([0-9]*\) % of .* read.*/\1/p' "$out" | sort -g | tail -n 1)" - ours "bench_pq $spec"
    done
}

# cell CODEC COLUMN: of what vec-eval has printed.
cell() {
    awk -F '\t' -v codec="$1" -v column="$2" '/^#/ { for (i = 1; i <= NF; i++) { sub(/^# */, "", $i); at[$i] = i } next }
        $1 == codec { print $at[column] }' "$out"
}

# Codecs side by side, for the picture of bits and recall, too.
codecs() {
    local set c bits
    for set in fashion784 glove100n; do
        there "$vectors/$set/base.fvecs" "$vectors/$set/truth.ivecs"
        local all=(sq4 lvq4 lvq8 rabitq1 rabitq4 osq2 osq4) metric=l2 dim=784
        ! full || all+=(sq8 rabitq2 osq8)
        case $set in
        fashion784)
            all+=(pq98x4)
            ! full || all+=(opq98x4 pq196x4 pq98x8 leanvec392+lvq8)
            ;;
        *)
            all+=(rabitq5 pq25x4 pq50x4) metric=ip dim=100
            ! full || all+=(pq50x8 opq50x4 leanvec50+lvq8)
            ;;
        esac
        # shellcheck disable=SC2046 # options
        ok vec-eval --metric $metric $(printf -- '-c %s ' "${all[@]}") --limit "$(unless_full 200 2000)" "$vectors/$set/base.fvecs" \
            "$vectors/$set/query.fvecs" "$vectors/$set/truth.ivecs"
        for c in "${all[@]}"; do
            bits=$(reckon '8 * b / d' b="$(cell "$c" bytes)" d=$dim)
            point "codecs-$set" "$(sed 's/+.*//; s/[0-9].*//' <<<"$c")" "$bits" "$(cell "$c" recall@10)" "$c"
        done
        case $set in
        fashion784)
            row "$set, rabitq4: recall@10, no raw vectors" '>= .9' "$(cell rabitq4 recall@10)" - ours 'vec-eval -c rabitq4'
            row "$set, osq4: mean squared error" '<= .5' "$(cell osq4 mse)" "$(cell sq4 mse)" ours/base 'vec-eval -c osq4; sq4'
            ;;
        *) row "$set, rabitq5: recall@10, no raw vectors" '>= .9' "$(cell rabitq5 recall@10)" - ours 'vec-eval -c rabitq5' ;;
        esac
    done
}

leanvec() {
    local set=$vectors/glove100n d
    there "$set/query_brown.fvecs" "$set/train_brown.fvecs" "$set/truth_brown.ivecs"
    run '' bench_leanvec recall "$set/base.fvecs" "$set/query_brown.fvecs" "$set/train_brown.fvecs" "$set/truth_brown.ivecs" \
        "$(unless_full 1000 10000)" leanvec50+lvq8 leanvec25+lvq8
    row 'leanvec, glove100n, brown queries: d/2, true top 10 within 50' '>= .98' "$(most leanvec50+lvq8.in50)" - ours 'bench_leanvec recall'
    row 'leanvec: d/4, true top 10 within 100' '>= .94' "$(most leanvec25+lvq8.in100)" - ours 'bench_leanvec recall'
    for d in 50 25; do
        row "leanvec$d+lvq8: training, s" '<= 5' "$(least leanvec$d+lvq8.train_s)" - ours 'bench_leanvec recall'
    done
}

qavq() {
    run '' bench_leanvec qavq 20000 64 256
    row 'qavq, anisotropic queries: query-weighted error, of plain k-means' '<= .7' "$(most qavq.error_over_plain)" - ours \
        "bench_leanvec qavq 20000 64 256, condition $(most qavq.condition)"
}

convert() {
    local from=$vectors/fashion784/base.fvecs
    there "$from"
    cat "$from" >/dev/null
    for _ in $(seq "$rounds"); do
        alone command time -f 'ours %e' -o time vec-convert -q "$from" -o to.npy
        cat time >>$log
        rm to.npy
        alone command time -f 'cp %e' -o time cp "$from" to.fvecs
        cat time >>$log
        rm to.fvecs
    done
    row 'vec-convert, fvecs to npy, s' '>= .5' "$(least ours)" "$(least cp)" base/ours 'vec-convert base.fvecs -o to.npy; cp'
}

claims vec 'fashion784 glove100n bytes_exact sketch w4 truth scans pq codecs leanvec qavq convert' "$@"
