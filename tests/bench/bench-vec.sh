#!/usr/bin/env bash
# bench-vec.sh BUILD_DIR [GROUP...]: vectors, ours beside OpenBLAS and beside the machine's own limits,
# in the same run. Groups: exact sketch truth (default: all).
#
# Prints a table (figure, ours, peer, ratio) and writes BUILD_DIR/bench/vec.json, a line a figure. The
# peer of a product is OpenBLAS with the kernels that it should choose itself
# (OPENBLAS_CORETYPE=SkylakeX) and without any selection of neighbours; of other figures it is the
# limit that the row names. Data: SLUICE_VEC_DIR (default /data/bench/vec) with fashion784/ and
# glove100n/. One thread unless a row says two; runs alternate, ROUNDS of them (default 3), the best
# counts. About two minutes; the machine must be left alone meanwhile.
set -euo pipefail
build=$(cd "${1:?usage: bench-vec.sh BUILD_DIR [GROUP...]}" && pwd)
shift
groups=("$@")
[ ${#groups[@]} -gt 0 ] || groups=(exact sketch truth)
data=${SLUICE_VEC_DIR:-/data/bench/vec}
rounds=${ROUNDS:-3}
bench=$build/tests/bench
dir=$build/bench
mkdir -p "$dir"
json=$dir/vec.json log=$dir/vec.log
: >"$json"

# figure SET NAME UNIT OURS PEER KIND: KIND says which way is better, "less" or "more".
figure() {
    awk -v c="$1" -v n="$2" -v u="$3" -v o="$4" -v p="$5" -v k="$6" -v json="$json" 'BEGIN {
        r = p == "-" ? "-" : sprintf("%.2f", k == "less" ? p / o : o / p)
        printf "%-12s %-48s %10s %10s %-10s %8s\n", c, n, o, p, u, r
        printf "{\"set\":\"%s\",\"figure\":\"%s\",\"unit\":\"%s\",\"ours\":%s,\"peer\":%s,\"ratio\":%s}\n",
            c, n, u, o, p == "-" ? "null" : p, r == "-" ? "null" : r >>json
    }'
}

# best less|more NAME: the best of the lines "NAME value" of the log.
best() {
    awk -v k="$1" -v n="$2" '$1 == n && (!seen++ || (k == "less" ? $2 < v : $2 > v)) { v = $2 }
        END { print seen ? v : "-" }' "$log"
}

# run PREFIX COMMAND...: its lines go to the log, PREFIX before each name.
run() {
    local prefix=$1
    shift
    "$@" | sed "s/^/$prefix/" >>"$log"
}

blas() {
    OPENBLAS_CORETYPE=SkylakeX OPENBLAS_NUM_THREADS=1 "$bench/blas_peer" "$@"
}

limits() {
    : >"$log"
    for _ in $(seq "$rounds"); do
        run '' "$bench/limits" peaks
    done
    fma=$(best more fma_gflops) vnni=$(best more vnni_gops) read=$(best more read_gb)
    echo "limits: $fma GFLOP/s f32, $vnni GOP/s int8, $read GB/s read"
}

# exact_set SET BASE QUERIES ROWS DIM
exact_set() {
    local set=$1 base=$data/$1/$2 queries=$data/$1/$3 rows=$4 dim=$5 n
    for _ in $(seq "$rounds"); do
        run "${set}_blas_" blas "$rows" 10000 "$dim"
        for n in 1 8 32 10000; do
            run "${set}_${n}_" "$bench/bench_vec" knn "$base" "$queries" "$n" 1
        done
        for n in 1 10000; do
            run "${set}_two_${n}_" "$bench/bench_vec" knn "$base" "$queries" "$n" 2
        done
    done
    figure "$set" 'one query, f32; peer: read bandwidth' GB/s "$(best more "${set}_1_gb_per_s")" "$read" more
    figure "$set" '8 queries, f32; peer: read bandwidth' GB/s "$(best more "${set}_8_gb_per_s")" "$read" more
    figure "$set" '32 queries, f32; peer: FMA peak' GFLOP/s "$(best more "${set}_32_gops")" "$fma" more
    figure "$set" '10,000 queries, f32; peer: FMA peak' GFLOP/s "$(best more "${set}_10000_gops")" "$fma" more
    figure "$set" '10,000 queries, f32; peer: products by OpenBLAS' queries/s "$(best more "${set}_10000_queries_per_s")" "$(best more "${set}_blas_blas_qps")" more
    figure "$set" 'two threads, one query; peer: one thread' GB/s "$(best more "${set}_two_1_gb_per_s")" "$(best more "${set}_1_gb_per_s")" more
    figure "$set" 'two threads, 10,000 queries; peer: one thread' GFLOP/s "$(best more "${set}_two_10000_gops")" "$(best more "${set}_10000_gops")" more
}

exact() {
    exact_set fashion784 base.fvecs query.fvecs 60000 784
    exact_set glove100n base.fbin query.fvecs 331479 100
    for _ in $(seq "$rounds"); do
        run u8_ "$bench/bench_vec" knn "$data/fashion784/base.u8bin" "$data/fashion784/query.u8bin" 10000 1
        run u8_one_ "$bench/bench_vec" knn "$data/fashion784/base.u8bin" "$data/fashion784/query.u8bin" 1 1
    done
    figure fashion784 '10,000 queries, u8; peer: integer-dot peak' GOP/s "$(best more u8_gops)" "$vnni" more
    figure fashion784 '10,000 queries, u8; peer: f32 by OpenBLAS' queries/s "$(best more u8_queries_per_s)" "$(best more fashion784_blas_blas_qps)" more
    figure fashion784 'one query, u8; peer: read bandwidth' GB/s "$(best more u8_one_gb_per_s)" "$read" more
}

sketch_set() {
    local set=$1 base=$data/$1/$2 queries=$data/$1/query.fvecs
    for _ in $(seq "$rounds"); do
        run "${set}_sketch_" "$bench/bench_vec" sketch "$base" "$queries" "$dir/$set.vsk" 200
    done
    [ "$(best more "${set}_sketch_differ")" = 0 ] || { echo 'bench-vec: the sketch differs' >&2; exit 1; }
    figure "$set" 'one query by sketch; peer: by all f32 rows' GB/s "$(best more "${set}_sketch_sketch_gb_per_s")" "$(best more "${set}_sketch_scan_gb_per_s")" more
}

sketch() {
    sketch_set fashion784 base.fvecs
    sketch_set glove100n base.fbin
}

truth() {
    [ -s "$dir/million.fbin" ] || "$bench/bench_vec" gen 1000000 128 "$dir/million.fbin"
    [ -s "$dir/million.query.fbin" ] || "$bench/bench_vec" gen 10000 128 "$dir/million.query.fbin"
    for _ in $(seq "$rounds"); do
        command time -f 'truth_s %e\ntruth_kb %M' -o "$dir/time" "$build/bin/vec-knn" -q -k 100 -T 2 \
            -o "$dir/million.truth" "$dir/million.fbin" "$dir/million.query.fbin"
        cat "$dir/time" >>"$log"
    done
    figure million 'top 100, 10 k x 1 M x 128, 2 threads; peer: bound' s "$(best less truth_s)" 15 less
    figure million 'its memory, the mapped base in it; peer: bound' KB "$(best less truth_kb)" 1000000 less
}

printf '%-12s %-48s %10s %10s %-10s %8s\n' set figure ours peer unit ratio
limits
for group in "${groups[@]}"; do
    "$group"
done
