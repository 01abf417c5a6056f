#!/usr/bin/env bash
# bench-vec.sh BUILD_DIR [GROUP...]: vectors, ours beside OpenBLAS and beside the machine's own limits,
# in the same run. Groups: exact sketch w4 truth (default: all).
#
# Prints a table (figure, ours, peer, ratio) and writes BUILD_DIR/bench/vec.json, a line a figure. The
# peer of a product is OpenBLAS with the kernels that it should choose itself
# (OPENBLAS_CORETYPE=SkylakeX) and without any selection of neighbours; of other figures it is the
# limit that the row names. Data: SLUICE_VEC_DIR (default /data/bench/vec) with fashion784/ and
# glove100n/. One thread unless a row says two; runs alternate, ROUNDS of them (default 3), the best
# counts. About two minutes; the machine must be left alone meanwhile.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"
build=$(cd "${1:?usage: bench-vec.sh BUILD_DIR [GROUP...]}" && pwd)
shift
groups=("$@")
[ ${#groups[@]} -gt 0 ] || groups=(exact sketch w4 truth)
data=${SLUICE_VEC_DIR:-/data/bench/vec}
rounds=${ROUNDS:-3}
bench=$build/tests/bench
dir=$build/bench
mkdir -p "$dir"
log=$dir/vec.log

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
    fma=$(best more fma_gflops "$log") vnni=$(best more vnni_gops "$log") read=$(best more read_gb "$log")
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
    figure "$set" 'one query, f32; peer: read bandwidth' GB/s "$(best more "${set}_1_gb_per_s" "$log")" "$read" more
    figure "$set" '8 queries, f32; peer: read bandwidth' GB/s "$(best more "${set}_8_gb_per_s" "$log")" "$read" more
    figure "$set" '32 queries, f32; peer: FMA peak' GFLOP/s "$(best more "${set}_32_gops" "$log")" "$fma" more
    figure "$set" '10,000 queries, f32; peer: FMA peak' GFLOP/s "$(best more "${set}_10000_gops" "$log")" "$fma" more
    figure "$set" '10,000 queries, f32; peer: products by OpenBLAS' queries/s "$(best more "${set}_10000_queries_per_s" "$log")" "$(best more "${set}_blas_blas_qps" "$log")" more
    figure "$set" 'two threads, one query; peer: one thread' GB/s "$(best more "${set}_two_1_gb_per_s" "$log")" "$(best more "${set}_1_gb_per_s" "$log")" more
    figure "$set" 'two threads, one query; peer: two threads read the same' GB/s "$(best more "${set}_two_1_gb_per_s" "$log")" "$(best more "${set}_two_1_read_gb_per_s" "$log")" more
    figure "$set" 'two threads read, of that; peer: one thread reads' GB/s "$(best more "${set}_two_1_read_gb_per_s" "$log")" "$(best more "${set}_1_read_gb_per_s" "$log")" more
    figure "$set" 'two threads, 10,000 queries; peer: one thread' GFLOP/s "$(best more "${set}_two_10000_gops" "$log")" "$(best more "${set}_10000_gops" "$log")" more
}

exact() {
    exact_set fashion784 base.fvecs query.fvecs 60000 784
    exact_set glove100n base.fbin query.fvecs 331479 100
    for _ in $(seq "$rounds"); do
        run u8_ "$bench/bench_vec" knn "$data/fashion784/base.u8bin" "$data/fashion784/query.u8bin" 10000 1
        run u8_one_ "$bench/bench_vec" knn "$data/fashion784/base.u8bin" "$data/fashion784/query.u8bin" 1 1
    done
    figure fashion784 '10,000 queries, u8; peer: integer-dot peak' GOP/s "$(best more u8_gops "$log")" "$vnni" more
    figure fashion784 '10,000 queries, u8; peer: f32 by OpenBLAS' queries/s "$(best more u8_queries_per_s "$log")" "$(best more fashion784_blas_blas_qps "$log")" more
    figure fashion784 'one query, u8; peer: read bandwidth' GB/s "$(best more u8_one_gb_per_s "$log")" "$read" more
}

sketch_set() {
    local set=$1 base=$data/$1/$2 queries=$data/$1/query.fvecs
    for _ in $(seq "$rounds"); do
        run "${set}_sketch_" "$bench/bench_vec" sketch "$base" "$queries" "$dir/$set.vsk" 200
    done
    [ "$(best more "${set}_sketch_differ" "$log")" = 0 ] || { echo 'bench-vec: the sketch differs' >&2; exit 1; }
    figure "$set" 'one query by sketch; peer: by all f32 rows' GB/s "$(best more "${set}_sketch_sketch_gb_per_s" "$log")" "$(best more "${set}_sketch_scan_gb_per_s" "$log")" more
}

sketch() {
    sketch_set fashion784 base.fvecs
    sketch_set glove100n base.fbin
}

# Products with 4-bit rows; against f32 by OpenBLAS, which copies the matrix first, and against our
# own f32 kernels.
w4() {
    local n
    for _ in $(seq "$rounds"); do
        run w4_ blas skinny 11008 4096 1 2 4 8 16
        run w4_ "$bench/bench_w4"
    done
    for n in 1 2 4 8 16; do
        figure w4g128 "$n queries, int8; peer: f32 by OpenBLAS" us "$(best less "w4_${n}_int8_us" "$log")" "$(best less "w4_${n}_blas_us" "$log")" less
        figure w4g128 "$n queries, int8; peer: f32 by our kernels" us "$(best less "w4_${n}_int8_us" "$log")" "$(best less "w4_${n}_own_us" "$log")" less
        figure w4g128 "$n queries, f32; peer: f32 by our kernels" us "$(best less "w4_${n}_f32_us" "$log")" "$(best less "w4_${n}_own_us" "$log")" less
        figure w4g128 "$n queries, int8: error; peer: bound" Frobenius "$(best more "w4_${n}_int8_error" "$log")" 1e-2 less
        figure w4g128 "$n queries, f32: error; peer: bound" Frobenius "$(best more "w4_${n}_f32_error" "$log")" 1e-5 less
    done
}

truth() {
    [ -s "$dir/million.fbin" ] || "$bench/bench_vec" gen 1000000 128 "$dir/million.fbin"
    [ -s "$dir/million.query.fbin" ] || "$bench/bench_vec" gen 10000 128 "$dir/million.query.fbin"
    for _ in $(seq "$rounds"); do
        command time -f 'truth_s %e\ntruth_kb %M' -o "$dir/time" "$build/bin/vec-knn" -q -k 100 -T 2 \
            -o "$dir/million.truth" "$dir/million.fbin" "$dir/million.query.fbin"
        cat "$dir/time" >>"$log"
    done
    figure million 'top 100, 10 k x 1 M x 128, 2 threads; peer: bound' s "$(best less truth_s "$log")" 15 less
    figure million 'its memory, the mapped base in it; peer: bound' KB "$(best less truth_kb "$log")" 1000000 less
}

figures_begin set "$dir/vec.json"
limits
for group in "${groups[@]}"; do
    "$group"
done
