# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # who sources it uses what it sets; claims.sh has the rest
# hnsw.sh - indexes of hnswlib, which are kept, and some of the queries, to be sourced after claims.sh.

# some FILE [N]: N rows (a fourth; all with FULL=1), evenly spread, of a file of TEXMEX's formats of 4 bytes a component.
some() {
    perl -e 'my ($f, $full, $n) = @ARGV; open F, "<:raw", $f or die "$f: $!\n"; binmode STDOUT;
        read F, my $d, 4; my $size = 4 + 4 * unpack("V", $d); my $rows = (-s $f) / $size;
        $n = $full ? $rows : int($rows / 4) unless $n;
        for (0 .. $n - 1) { seek F, int($_ * $rows / $n) * $size, 0; read F, my $row, $size; print $row }' \
        "$1" "${FULL:+1}" "${2:-}"
}

# hnsw SET METRIC: the index of SET/base.fvecs, of M 32, efConstruction 200, on two threads: index, hnsw_seconds of its build, and
# hnsw_when, if it was not now.
hnsw() {
    index=$1/hnsw.bin hnsw_when=
    compiled ann_hnswlib.cpp
    if full && [ "$index" -ot "$build/bench/limits" ] || ! [ -s "$index" ] || ! [ -s "$index.log" ]; then
        alone "$build/bench/ann_hnswlib" build "$1/base.fvecs" "$2" 32 200 2 "$index.new" >"$index.log"
        mv "$index.new" "$index"
    elif [ "$index" -ot "$build/bench/limits" ]; then
        hnsw_when=", built $(date -u -r "$index.log" +%F)"
    fi
    hnsw_seconds=$(awk '$1 == "build" { print $2 }' "$index.log")
}
