#!/usr/bin/env bash
# large.sh BUILD [FLIPS]: random flips, 10,000 in each, in files of some megabytes of every kind
# (flips.c), of as many files at once as there are processors. Eight minutes on two; make check-damage.
set -euo pipefail
build=$(realpath "$1") flips=${2:-10000}
PATH=$build/bin:$PATH
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

awk 'BEGIN { srand(3); for (i = 0; i < 40000; i++) {
    printf "{\"id\":\"d%d\",\"text\":\"", i
    for (k = 0; k < 25 + i % 50; k++) printf "w%d ", int(3000 * rand() * rand() * rand())
    print "\"}" } }' >docs.jsonl
awk 'BEGIN { srand(4); for (i = 0; i < 20000; i++) for (k = 0; k < 24; k++)
    printf "%.4f%s", rand() + (i * 7919 % 50 == k ? 3 : 0), k < 23 ? "," : "\n" }' >base.csv
awk 'BEGIN { print "year\tlive\ttags:set"
    for (i = 0; i < 20000; i++) print i % 97 "\t" (i % 3 ? "true" : "false") "\tt" i % 5 ",u" i % 7 }' >attrs.tsv
awk 'BEGIN { for (i = 0; i < 20000; i++) print i "\tten" i % 50 }' >tenants.tsv
for i in 1 2 3 4 5 6 7 8; do
    echo "{\"where\":\"year < $((i * 12))\",\"vector\":[$(seq -s, 24)]}"
done >workload.jsonl
vec-convert -q base.csv -o base.fvecs
fm-build -q -o fast.fmi docs.jsonl
fm-build -q --layout small --normalize gpt3 -o small.fmi docs.jsonl
ann-build -q -R 24 -L 40 --attrs attrs.tsv -o graph.ann base.fvecs
ann-build -q -t ivf -o ivf.ann base.fvecs
ann-build -q -t hqi --attrs attrs.tsv --workload workload.jsonl -o hqi.ann base.fvecs
ann-build -q -t tenant --tenants tenants.tsv -o tenant.ann base.fvecs
ann-build -q -t spann -o spann.ann base.fvecs
ann-build -q -t spann --resident -o resident.ann base.fvecs
ann-build -q -t osq --attrs attrs.tsv -o osq.ann base.fvecs
vec-train -q -c opq12x8 base.fvecs -o opq.vq

look() {
    case $1 in
    *.fmi) fm-stat --check "$1" ;;
    *.ann) ann-stat -q --check "$1" ;;
    esac
    "$flipper" "$flips" 1 "$1"
}
export -f look
export flips flipper=$build/tests/damage/flips
# shellcheck disable=SC2016 # that shell is to expand it
printf '%s\0' *.fmi *.ann *.vq | xargs -0 -n 1 -P "$(nproc)" bash -ec 'look "$1"' look
