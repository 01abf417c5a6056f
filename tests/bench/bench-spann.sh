#!/usr/bin/env bash
# shellcheck disable=SC2154 # claims.sh has part, build, out, vectors
# bench-spann.sh BUILD_DIR [PART...]: lists on the disk, ours beside SPTAG, the authors' code, in the same run. Parts:
#
#   sptag    100,000 rows of glove100n, all with FULL=1: both are built on two threads (SPTAG's index is kept beside the data with the
#            time that it took, and built anew with FULL=1), seconds, bytes on the disk and in memory; then searched by one thread, past
#            the page cache: recall@10 and queries/s at several numbers of lists, and queries/s at recall .90 between them
#   scale    syn1m (1 M x 128), ours: recall at 32 lists, with and without pruning, disk, memory
#
# One query at a time the disk is what counts. With lists on the disk a query of recall .89 is 32 lists and 16 vectors, 183 pages, which
# take .8 to 1.3 ms, as the disk of this machine is at the time: with 16 reads under way it gives 74,000 to 104,000 pages a second, or
# 43,000 reads of five. Half as many bytes a code (lvq4, rabitq4) take more lists and vectors for the same recall, and as long; so do
# lists of twice the rows. With codes in memory (--resident), which are a sixth of the vectors of glove100n, heads and all, where SPTAG's
# heads are more than a fifth, it is 24 vectors.
#
# Rows as claims.sh says, in BUILD_DIR/bench/spann.tsv. Needs Debian's sptag (make deps-bench); its settings are its manual's for
# SIFT1M in floats, with as many iterations as take it three minutes for all of glove100n here. Data: BENCH_DATA/vec. QUERIES (1000,
# 10000 with FULL=1) are asked. Two minutes, six with FULL=1; the machine must be left alone meanwhile.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/claims.sh
. "$here/claims.sh"
# shellcheck source=tests/bench/hnsw.sh
. "$here/hnsw.sh"
queries=${QUERIES:-$(unless_full 1000 10000)}

# settings EXECUTE_BUILD EXECUTE_SEARCH LISTS: what sptag-ssdserving is told.
settings() {
    cat <<END
[Base]
ValueType=Float
DistCalcMethod=L2
IndexAlgoType=BKT
Dim=100
VectorPath=$base
VectorType=XVEC
QueryPath=$query
QueryType=XVEC
WarmupPath=$query
WarmupType=XVEC
TruthPath=$truth
TruthType=XVEC
IndexDirectory=$sptag
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
    ann-stat "$1" | awk -v name="$2" '$1 == name { print $2 }'
}

# resident FILE: bytes of an index that are not on the disk alone.
resident() {
    awk -v all="$(stat_of "$1" bytes)" -v apart="$(stat_of "$1" bytes_apart)" 'BEGIN { print all - apart }'
}

# sptag_bytes [-o FIND_TEST...]: of its heads' index and their numbers, and of more. (The head vectors
# are in the folder twice, and count once.)
sptag_bytes() {
    find "$sptag" -type f \( -path '*/HeadIndex/*' -o -name SPTAGHeadVectorIDs.bin "$@" \) -printf '%s\n' |
        awk '{ s += $1 } END { print s }'
}

# prepare: base, query, truth; in $dir.
prepare() {
    local glove=$vectors/glove100n
    there "$glove/base.fvecs" "$glove/query.fvecs" "$glove/truth.ivecs"
    command -v sptag-ssdserving >/dev/null || skip 'no sptag: make deps-bench'
    dir=$build/bench/spann
    mkdir -p "$dir"
    sptag=$vectors/$(unless_full glove100n-100000 glove100n).sptag
    base=$glove/base.fvecs query=$dir/query.fvecs truth=$dir/truth.ivecs set=glove100n
    some "$glove/query.fvecs" "$queries" >"$query"
    if full; then
        some "$glove/truth.ivecs" "$queries" >"$truth"
        return
    fi
    base=$dir/base.fvecs set='100,000 rows of glove100n'
    fresh "$base" "$glove/base.fvecs" || vec-convert -q --rows 0:100000 "$glove/base.fvecs" -o "$base"
    vec-knn -q -k 100 -o "$truth" "$base" "$query"
}

build_sptag() {
    settings true false 32 >"$dir/build.ini"
    rm -rf "$sptag"
    mkdir "$sptag"
    echo "build $(seconds sptag-ssdserving "$dir/build.ini")"
}

builds() {
    local raw ours theirs
    raw=$(reckon 'b * 400 / 404' b="$(bytes "$base")")
    kept "$sptag" build_sptag
    theirs=$(value build "$sptag.log")
    ours=$(seconds ann-build -q -T 2 -t spann -o "$dir/glove.ann" "$base")
    row "$set: build, 2 threads, s" '<= .25' "$ours" "$theirs" ours/base "ann-build -t spann; sptag$kept_when"
    row "$set: disk, of the raw vectors" '<= 2' "$(reckon 'a / r' a="$(bytes "$dir/glove.ann")" r="$raw")" \
        "$(reckon 'a / r' a="$(sptag_bytes -o -name SPTAGFullList.bin)" r="$raw")" ours 'ann-build -t spann; sptag'
    row "$set: heads in memory, of the raw vectors" '<= .15' "$(reckon 'a / r' a="$(resident "$dir/glove.ann")" r="$raw")" \
        "$(reckon 'a / r' a="$(sptag_bytes)" r="$raw")" ours 'ann-build -t spann; sptag'
    ours=$(seconds ann-build -q -T 2 -t spann --resident -o "$dir/resident.ann" "$base")
    row "$set, resident: build, 2 threads, s" '<= .25' "$ours" "$theirs" ours/base "ann-build -t spann --resident; sptag$kept_when"
    row "$set, resident: heads and codes in memory, of the raw vectors" - \
        "$(reckon 'a / r' a="$(resident "$dir/resident.ann")" r="$raw")" "$(reckon 'a / r' a="$(sptag_bytes)" r="$raw")" ours/base \
        'ann-build -t spann --resident; sptag'
}

# ours_at INDEX QUERIES TRUTH OPTION...: recall, queries/s, lists and pages a query.
ours_at() {
    local index=$1 queries=$2 gt=$3 said
    shift 3
    said=$(alone ann-search -q -k 10 -T 1 --direct --stats "$@" -o r.ivecs "$index" "$queries" 2>&1)
    awk -v recall="$(vec-recall r.ivecs "$gt" | awk '$1 == "recall" { print $2 }')" '
        { for (i = 2; i <= NF; i++) { if ($i ~ /^queries\/s/) qps = $(i - 1)
                                     if ($i ~ /^lists/) lists = $(i - 1)
                                     if ($i == "pages") pages = $(i - 1) } }
        END { print recall, qps, lists, pages }' <<<"$said"
}

theirs_at() {
    settings false true "$1" >"$dir/search.ini"
    alone sptag-ssdserving "$dir/search.ini" >"$dir/sptag.log" 2>&1
    # it searches twice, to warm up first; lines without a recall are of no use
    awk '$2 ~ /^Recall10@10:/ { recall = $3 }
         /actuallQPS is/ { for (i = 1; i < NF; i++) if ($i == "is") qps = $(i + 1) + 0 }
         END { if (recall > 0 && qps > 0) print recall, qps }' "$dir/sptag.log"
}

searches() {
    local n recall qps
    for n in 32 64 128; do
        theirs_at $n
    done >theirs
    for n in 8 16 32 48; do
        ours_at "$dir/glove.ann" "$query" "$truth" --nprobe $n >>shared
        ours_at "$dir/glove.ann" "$query" "$truth" --nprobe $n --share 1 >>one
    done
    for n in 16 32 48 64; do
        ours_at "$dir/resident.ann" "$query" "$truth" --nprobe $n --share 1 >>codes
    done
    while read -r recall qps _; do point spann 'ours, codes in memory, one query at a time' "$recall" "$qps" "$set"; done <codes
    while read -r recall qps _; do point spann 'ours, reads shared' "$recall" "$qps" "$set"; done <shared
    while read -r recall qps _; do point spann 'ours, one query at a time' "$recall" "$qps" "$set"; done <one
    while read -r recall qps; do point spann SPTAG "$recall" "$qps" "$set"; done <theirs
    row "$set: queries/s at recall .90" '>= 2.2' "$(at .9 <shared)" "$(at .9 <theirs)" ours/base \
        'ann-search --direct, reads shared by 1,024 queries; sptag'
    row "$set, one query at a time: queries/s at recall .90" '>= 2.2' "$(at .9 <one)" "$(at .9 <theirs)" ours/base \
        'ann-search --direct --share 1; sptag'
    row "$set, resident, one query at a time: queries/s at recall .90" '>= 2.2' "$(at .9 <codes)" "$(at .9 <theirs)" ours/base \
        'ann-build --resident, ann-search --direct --share 1; sptag'
    row "$set, one query at a time: lists at recall .95" - "$(at .95 3 <one)" - ours 'ann-search --direct --share 1'
}

sptag() {
    prepare
    builds
    searches
}

# codes_in_memory BASE RAW: the index of 1 M rows that is resident.
codes_in_memory() {
    local found
    fresh "$dir/syn1m-resident.ann" "$build/bin/ann-build" "$1" ||
        alone ann-build -q -T 2 -t spann --resident -o "$dir/syn1m-resident.ann" "$1"
    found=$(ours_at "$dir/syn1m-resident.ann" query.fvecs truth.ivecs --nprobe 96)
    row '1 M x 128, resident: recall@10 at 96 lists' '>= .95' "${found%% *}" - ours 'ann-build --resident, ann-search --nprobe 96 --direct'
    row '1 M x 128, resident: heads and codes in memory, of the raw vectors' '<= .15' \
        "$(reckon 'a / r' a="$(resident "$dir/syn1m-resident.ann")" r="$2")" - ours 'ann-build -t spann --resident'
}

scale() {
    local s=$vectors/syn1m all cut raw
    there "$s/base.fvecs" "$s/query.fvecs" "$s/truth.ivecs"
    dir=$build/bench/spann
    mkdir -p "$dir"
    some "$s/query.fvecs" "$queries" >query.fvecs
    some "$s/truth.ivecs" "$queries" >truth.ivecs
    fresh "$dir/syn1m.ann" "$build/bin/ann-build" "$s/base.fvecs" || alone ann-build -q -T 2 -t spann -o "$dir/syn1m.ann" "$s/base.fvecs"
    all=$(ours_at "$dir/syn1m.ann" query.fvecs truth.ivecs --nprobe 32)
    cut=$(ours_at "$dir/syn1m.ann" query.fvecs truth.ivecs --nprobe 32 --slack 1.2)
    row '1 M x 128: recall@10 at 32 lists' '>= .95' "${all%% *}" - ours 'ann-search --nprobe 32 --direct'
    row '1 M x 128, pruned: lists a query' '<= .7' "$(cut -d' ' -f3 <<<"$cut")" "$(cut -d' ' -f3 <<<"$all")" ours/base \
        'ann-search --nprobe 32 --slack 1.2; without'
    row '1 M x 128, pruned: recall@10' '>= -.005' "${cut%% *}" "${all%% *}" ours-base 'ann-search --nprobe 32 --slack 1.2; without'
    raw=$(reckon 'b * 512 / 516' b="$(bytes "$s/base.fvecs")")
    row '1 M x 128: disk, of the raw vectors' '<= 2' "$(reckon 'a / r' a="$(bytes "$dir/syn1m.ann")" r="$raw")" - ours 'ann-build -t spann'
    row '1 M x 128: heads in memory, of the raw vectors' '<= .15' "$(reckon 'a / r' a="$(resident "$dir/syn1m.ann")" r="$raw")" - ours \
        'ann-build -t spann'
    if full; then
        codes_in_memory "$s/base.fvecs" "$raw"
    fi
}

claims spann 'sptag scale' "$@"
