# shellcheck shell=bash
# ask.sh: what the files of a folder made by make.sh answer. Sourced, in that folder; prints.
ask() {
    local f
    for f in fast.fmi small.fmi normal.fmi both.set; do
        echo "== $f"
        fm-count --docs "$f" the 'old pine' river 'no such' ''
        fm-find --max 3 "$f" pine
    done
    fm-cat --meta fast.fmi 7
    fm-count bytes.fmi abc
    for f in graph updated bytes ivf hqi spann resident osq; do
        echo "== $f.ann"
        ann-search -k 3 "$f.ann" query.fvecs
    done
    for f in graph ivf hqi osq; do
        echo "== $f.ann, by attributes"
        ann-search -k 3 --where 'live and year < 2005 and tags has "t1"' "$f.ann" query.fvecs
    done
    echo '== tenant.ann'
    ann-search -k 3 --tenant ten2 tenant.ann query.fvecs
    for f in *.vq; do
        echo "== $f"
        vec-decode "$f" "${f%.vq}.codes" --to csv | awk -F, '{ for (i = 1; i <= NF; i++) s += (NR % 7 + i) * $i } END { printf "%.6g\n", s }'
    done
    echo '== neighbours'
    vec-recall -k 3 true.ivecs true.ivecs
    echo '== zoo'
    block-zoo --list zoo
    echo '== traces'
    trace-stat trace.jsonl
    trace-compare replay.tsv replay.tsv
}
