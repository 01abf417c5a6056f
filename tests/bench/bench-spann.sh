#!/usr/bin/env bash
# bench-spann.sh BUILD_DIR [GROUP...]: lists on the disk, ours beside SPTAG, the authors' code, in the
# same run. Groups: build search scale (default: all).
#
#   build    glove100n, 2 threads: seconds, bytes on the disk and in memory, of both
#   search   the same indexes, one thread, past the page cache: recall@10 and queries/s of both at
#            several numbers of lists, and queries/s at recall .90 between them
#   scale    syn1m (1 M x 128), ours: recall at 32 lists, with and without pruning, disk, memory
#
# One query at a time the disk is what counts: at .91 of glove100n a query is 16 lists and 16 vectors,
# 100 pages, which take 540 us, of which the thread works 190; from the page cache it is under 100. The disk
# of this machine (32 reads under way) gives 104,000 pages a second, or 1.1 GB/s in reads of five
# pages, so that what the lists and ten vectors hold, without what is around them in their pages, is
# 313 us: 1.7 times as many queries as now is the most that one layout of such lists could give here.
# Half as many bytes a code (lvq4, rabitq4) take more lists and vectors for the same recall, and as
# long; so do lists of twice the rows.
#
# Prints a table and writes BUILD_DIR/bench/spann.json, a line a figure. Needs Debian's sptag
# (apt-get install sptag); its settings are its manual's for SIFT1M in floats, with as many
# iterations as take it three minutes here. Data: SLUICE_VEC_DIR (default /data/bench/vec), truth of
# glove100n in SLUICE_TRUTH_DIR (default /work/shared/data/vec). The machine must be left alone
# meanwhile. About six minutes, of which SPTAG builds three; an index that BUILD_DIR/bench
# holds from before is searched again. QUIET (a command) runs each search, QUERIES (10000) are asked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"
build=$(cd "${1:?usage: bench-spann.sh BUILD_DIR [GROUP...]}" && pwd)
shift
groups=("$@")
[ ${#groups[@]} -gt 0 ] || groups=(build search scale)
data=${SLUICE_VEC_DIR:-/data/bench/vec}
glove=$data/glove100n
bin=$build/bin
dir=$build/bench/spann
mkdir -p "$dir"
read -ra quiet <<<"${QUIET:-}"

# some N FILE: N rows, evenly spread, of a file of TEXMEX's formats of 4 bytes a component.
some() {
    perl -e 'my ($n, $f) = @ARGV; open F, "<:raw", $f or die; binmode STDOUT;
        read F, my $d, 4; my $size = 4 + 4 * unpack("V", $d); my $rows = (-s $f) / $size;
        for (0 .. $n - 1) { seek F, int($_ * $rows / $n) * $size, 0; read F, my $row, $size; print $row }' "$@"
}

query=$dir/query.fvecs truth=$dir/truth.ivecs
some "${QUERIES:-10000}" "$glove/query.fvecs" >"$query"
some "${QUERIES:-10000}" "${SLUICE_TRUTH_DIR:-/work/shared/data/vec}/glove100n.gt.ivecs" >"$truth"

# settings EXECUTE_BUILD EXECUTE_SEARCH LISTS: what sptag-ssdserving is told.
settings() {
    cat <<END
[Base]
ValueType=Float
DistCalcMethod=L2
IndexAlgoType=BKT
Dim=100
VectorPath=$glove/base.fvecs
VectorType=XVEC
QueryPath=$query
QueryType=XVEC
WarmupPath=$query
WarmupType=XVEC
TruthPath=$truth
TruthType=XVEC
IndexDirectory=$dir/sptag
[SelectHead]
isExecute=$1
TreeNumber=1
BKTKmeansK=32
BKTLeafSize=8
SamplesNumber=1000
SaveBKT=false
SelectThreshold=50
SplitFactor=6
SplitThreshold=100
Ratio=0.16
NumberOfThreads=2
BKTLambdaFactor=-1
[BuildHead]
isExecute=$1
NeighborhoodSize=32
TPTNumber=16
TPTLeafSize=2000
MaxCheck=2048
MaxCheckForRefineGraph=2048
RefineIterations=2
NumberOfThreads=2
BKTLambdaFactor=-1
[BuildSSDIndex]
isExecute=$1
BuildSsdIndex=$1
InternalResultNum=64
ReplicaCount=8
PostingPageLimit=12
NumberOfThreads=2
MaxCheck=2048
TmpDir=$dir/
[SearchSSDIndex]
isExecute=$2
BuildSsdIndex=false
InternalResultNum=$3
NumberOfThreads=1
HashTableExponent=4
ResultNum=10
MaxCheck=2048
MaxDistRatio=4.0
SearchPostingPageLimit=12
END
}

# seconds COMMAND...: how long it takes; its output goes to $dir/log.
seconds() {
    local from to
    from=$(date +%s.%N)
    "$@" >>"$dir/log" 2>&1
    to=$(date +%s.%N)
    awk -v a="$from" -v b="$to" 'BEGIN { printf "%.1f", b - a }'
}

stat_of() {
    "$bin/ann-stat" "$1" | awk -v name="$2" '$1 == name { print $2 }'
}

# resident FILE: bytes of an index that are not on the disk alone.
resident() {
    awk -v all="$(stat_of "$1" bytes)" -v apart="$(stat_of "$1" bytes_apart)" 'BEGIN { print all - apart }'
}

# sptag_bytes [-o FIND_TEST...]: of its heads' index and their numbers, and of more. (The head vectors
# are in the folder twice, and count once.)
sptag_bytes() {
    find "$dir/sptag" -type f \( -path '*/HeadIndex/*' -o -name SPTAGHeadVectorIDs.bin "$@" \) -printf '%s\n' |
        awk '{ s += $1 } END { print s }'
}

builds() {
    local raw ours theirs
    raw=$(($(stat -c %s "$glove/base.fbin") - 8))
    settings true false 32 >"$dir/build.ini"
    rm -rf "$dir/sptag"
    mkdir -p "$dir/sptag"
    theirs=$(seconds sptag-ssdserving "$dir/build.ini")
    ours=$(seconds "$bin/ann-build" -q -T 2 -t spann -o "$dir/glove.ann" "$glove/base.fvecs")
    figure glove100n 'build, 2 threads' s "$ours" "$theirs" less
    figure glove100n 'disk, of the raw vectors' x \
        "$(awk -v a="$(stat -c %s "$dir/glove.ann")" -v r="$raw" 'BEGIN { printf "%.3f", a / r }')" \
        "$(sptag_bytes -o -name SPTAGFullList.bin | awk -v r="$raw" '{ printf "%.3f", $1 / r }')" less
    figure glove100n 'heads in memory, of the raw vectors' x \
        "$(awk -v a="$(resident "$dir/glove.ann")" -v r="$raw" 'BEGIN { printf "%.4f", a / r }')" \
        "$(sptag_bytes | awk -v r="$raw" '{ printf "%.4f", $1 / r }')" less
}

# ours_at INDEX QUERIES TRUTH OPTION...: recall, queries/s, lists and pages a query.
ours_at() {
    local index=$1 queries=$2 gt=$3 said
    shift 3
    said=$("${quiet[@]}" "$bin/ann-search" -q -k 10 -T 1 --direct --stats "$@" -o "$dir/r.ivecs" "$index" "$queries" 2>&1)
    awk -v recall="$("$bin/vec-recall" "$dir/r.ivecs" "$gt" | awk '$1 == "recall" { print $2 }')" '
        { for (i = 2; i <= NF; i++) { if ($i ~ /^queries\/s/) qps = $(i - 1)
                                     if ($i ~ /^lists/) lists = $(i - 1)
                                     if ($i == "pages") pages = $(i - 1) } }
        END { print recall, qps, lists, pages }' <<<"$said"
}

theirs_at() {
    settings false true "$1" >"$dir/search.ini"
    "${quiet[@]}" sptag-ssdserving "$dir/search.ini" >"$dir/sptag.log" 2>&1
    # it searches twice, to warm up first
    awk '$2 ~ /^Recall10@10:/ { recall = $3 }
         /actuallQPS is/ { for (i = 1; i < NF; i++) if ($i == "is") qps = $(i + 1) + 0 }
         END { print recall, qps }' "$dir/sptag.log"
}

# at_90: queries/s at recall .90 between the lines "recall queries/s".
at_90() {
    sort -n | awk '{ if ($1 >= .9 && had) { printf "%.0f", exp(log(q) + (log($2) - log(q)) * (.9 - r) / ($1 - r)); exit }
                     if ($1 < .9) { r = $1; q = $2; had = 1 } }'
}

searches() {
    local n line shared=() alone=() peer=()
    for n in 32 64 128; do
        line=$(theirs_at "$n")
        echo "sptag, $n lists: recall, queries/s: $line"
        peer+=("$line")
    done
    for n in 16 32 48; do
        line=$(ours_at "$dir/glove.ann" "$query" "$truth" --nprobe "$n")
        echo "ours, $n lists, 1024 queries share reads: recall, queries/s, lists, pages: $line"
        shared+=("$line")
        line=$(ours_at "$dir/glove.ann" "$query" "$truth" --nprobe "$n" --share 1)
        echo "ours, $n lists, one query at a time: $line"
        alone+=("$line")
    done
    figure glove100n 'queries/s at recall .90' q/s "$(printf '%s\n' "${shared[@]}" | at_90)" \
        "$(printf '%s\n' "${peer[@]}" | at_90)" more
    figure glove100n 'the same, one query at a time' q/s "$(printf '%s\n' "${alone[@]}" | at_90)" \
        "$(printf '%s\n' "${peer[@]}" | at_90)" more
}

scale() {
    local s=$data/syn1m n all cut
    [ -e "$dir/syn1m.ann" ] || seconds "$bin/ann-build" -q -T 2 -t spann -o "$dir/syn1m.ann" "$s/base.fvecs" >/dev/null
    for n in 16 32 64; do
        echo "syn1m, $n lists: recall, queries/s, lists, pages: $(ours_at "$dir/syn1m.ann" "$s/query.fvecs" "$s/gt.ivecs" --nprobe "$n")"
    done
    all=$(ours_at "$dir/syn1m.ann" "$s/query.fvecs" "$s/gt.ivecs" --nprobe 32)
    cut=$(ours_at "$dir/syn1m.ann" "$s/query.fvecs" "$s/gt.ivecs" --nprobe 32 --slack 1.2)
    figure syn1m 'recall@10 at 32 lists; peer: wanted' '' "${all%% *}" .95 more
    figure syn1m 'lists, pruned; peer: not' lists "$(cut -d' ' -f3 <<<"$cut")" "$(cut -d' ' -f3 <<<"$all")" less
    figure syn1m 'recall@10, pruned; peer: not' '' "${cut%% *}" "${all%% *}" more
    figure syn1m 'disk, of the raw vectors; peer: allowed' x \
        "$(awk -v a="$(stat -c %s "$dir/syn1m.ann")" 'BEGIN { printf "%.3f", a / 512e6 }')" 2 less
    figure syn1m 'heads in memory, of the raw vectors; peer: allowed' x \
        "$(awk -v a="$(resident "$dir/syn1m.ann")" 'BEGIN { printf "%.4f", a / 512e6 }')" .15 less
}

figures_begin data "$build/bench/spann.json"
for group in "${groups[@]}"; do
    case $group in
    build) builds ;;
    search) searches ;;
    scale) scale ;;
    *)
        echo "bench-spann.sh: no group '$group'" >&2
        exit 2
        ;;
    esac
done
