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

# hnsw SET METRIC: the index of SET/base.fvecs, of M 32, efConstruction 200, on two threads: index, and hnsw_seconds of its build
# (kept_when: claims.sh).
hnsw() {
    index=$1/hnsw.bin
    compiled ann_hnswlib.cpp
    kept "$index" alone "$build/bench/ann_hnswlib" build "$1/base.fvecs" "$2" 32 200 2 "$index"
    hnsw_seconds=$(value build "$index.log")
}
