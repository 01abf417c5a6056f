#!/usr/bin/env bash
# make-data.sh BUILD_DIR DATA_DIR: what the benchmarks read, as far as it is missing in DATA_DIR; from Debian's packages, npm's, and
# gen_mixture. What cannot be had here is said and left out, and so are the figures that need it. Minutes, and 4 GB.
#
#   english-200.jsonl code-200.jsonl   make-corpus.sh
#   vec/fashion784 vec/glove100n       make-vectors.sh
#   vec/syn10000 vec/syn100000 vec/syn1m   gen_mixture: base.fvecs query.fvecs
#   vec/*/truth.ivecs                  the 100 nearest: those made with BLAS, where they lie beside (../shared/data/vec), else vec-knn
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: make-data.sh BUILD_DIR DATA_DIR}" && pwd)
mkdir -p "${2:?DATA_DIR is missing}/vec"
data=$(cd "$2" && pwd)
shared=${SHARED_DATA:-$here/../../../shared/data}/vec
[ -d "$shared" ] || shared=/work/shared/data/vec

# made FILE COMMAND...: unless FILE is there.
made() {
    [ -s "$1" ] && return
    echo "make-data: $1" >&2
    "${@:2}" >&2 || echo "make-data: $1 cannot be made here: figures that need it are left out" >&2
}

# truth SET QUERIES METRIC NAME TRUTH
truth() {
    local set=$data/vec/$1
    [ -s "$set/base.fvecs" ] && [ -s "$set/$2" ] || return 0
    if [ -s "$shared/$4" ]; then
        made "$set/$5" cp "$shared/$4" "$set/$5"
    else
        made "$set/$5" "$build/bin/vec-knn" -q -k 100 --metric "$3" -o "$set/$5" "$set/base.fvecs" "$set/$2"
    fi
}

for corpus in english-200 code-200; do
    made "$data/$corpus.jsonl" "$here/make-corpus.sh" "$data"
done
for set in fashion784 glove100n; do
    made "$data/vec/$set/base.fvecs" "$here/make-vectors.sh" "$data/vec"
done
for rows in 10000 100000 1000000; do
    set=syn${rows/000000/m}
    mkdir -p "$data/vec/$set"
    made "$data/vec/$set/query.fvecs" "$build/tests/bench/gen_mixture" "$data/vec/$set" $rows
    truth "$set" query.fvecs l2 - truth.ivecs
done
truth fashion784 query.fvecs l2 fashion784.gt.ivecs truth.ivecs
truth glove100n query.fvecs ip glove100n.gt.ivecs truth.ivecs
truth glove100n query_brown.fvecs ip glove100n_brown.gt.ivecs truth_brown.ivecs
