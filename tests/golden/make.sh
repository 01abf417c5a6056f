#!/usr/bin/env bash
# make.sh DIR: one small file of every kind and version that the tools write, from inputs made here,
# and what they answer. tests/cli/golden.bats reads those of every version in this folder, and holds
# the files made anew to be the bytes of the newest.
#
#     PATH=build/release-gcc/bin:$PATH tests/golden/make.sh tests/golden/NEW
#
# A folder is never changed once it is released. When a format's version is raised, a new folder is
# made, named after the release that writes it; the old one stays, and is read, as long as
# fm-index(5), ann-index(5), vec-codec(5) and trace(5) say that it can be.
set -euo pipefail
export LC_ALL=C
# shellcheck source=tests/golden/ask.sh
. "$(dirname "$0")/ask.sh"
mkdir -p "$1"
cd "$1"

# ---- inputs ----
inputs() {
    awk 'BEGIN {
        split("the old pine grew by a cold river and no one knew its age", word, " ")
        for (i = 0; i < 24; i++) {
            printf "{\"id\":\"doc%d\",\"source\":\"s%d\",\"text\":\"", i, i % 3
            for (k = 0; k <= i % 9 * 3; k++) printf "%s%s", k ? " " : "", word[1 + (i * 7 + k * k) % 13]
            print "\"}"
        }
    }' >docs.jsonl
    printf '%b' "$(awk 'BEGIN { for (i = 0; i < 256; i++) printf "\\0%03o", (i * 37) % 256 }')" >bytes.bin
    awk 'BEGIN { for (i = 0; i < 72; i++) {
        for (k = 0; k < 6; k++) printf "%d%s", (i * (3 + k) + k * k * i * i) % 61, k < 5 ? "," : "\n" } }' >base.csv
    awk 'BEGIN { for (i = 0; i < 4; i++) {
        for (k = 0; k < 6; k++) printf "%d%s", (i * 17 + k * 5) % 61, k < 5 ? "," : "\n" } }' >query.csv
    awk 'BEGIN { print "year\tlive\tgenre\ttags:set"
        for (i = 0; i < 72; i++) print 1990 + i % 30 "\t" (i % 2 ? "true" : "false") "\tg" i % 5 "\tt" i % 3 ",u" i % 4 }' >attrs.tsv
    awk 'BEGIN { for (i = 0; i < 72; i++) print "row" i }' >ids.txt
    awk 'BEGIN { for (i = 0; i < 72; i++) for (t = 1; t < 4; t++) if (i % t == 0) print "row" i "\tten" t }' >tenants.tsv
    yes '{"where":"live","vector":[1,2,3,4,5,6]}' | head -n 4 >workload.jsonl || true # yes is cut off
    printf '%s\n' '{"op":"delete","id":"row3"}' '{"op":"add","id":"new","vector":[1,2,3,4,5,6]}' >changes.jsonl
    awk 'BEGIN { for (i = 0; i < 8; i++)
        printf "{\"id\":\"r%d\",\"t_ns\":%d,\"prompt\":%d,\"output\":%d,\"block\":16,\"hashes\":[1,%d],\"session\":\"s%d\"}\n", \
            i, i * 50000000, 32 + i % 3, 4 + i, i, i % 2 }' >trace.jsonl
}

# ---- files ----
# Wholes and small whole numbers alone, so that no processor rounds anything otherwise.
kinds() {
    local codec
    vec-convert -q base.csv -o base.fvecs
    vec-convert -q --type u8 base.csv -o base.u8bin
    vec-convert -q query.csv -o query.fvecs
    fm-build -q -o fast.fmi docs.jsonl
    fm-build -q --layout small --sample-rate 8 -o small.fmi docs.jsonl
    fm-build -q --normalize gpt3 -o normal.fmi docs.jsonl
    fm-build -q -f text -o bytes.fmi bytes.bin
    fm-merge --set -o both.set fast.fmi small.fmi
    ann-build -q -R 6 -L 12 -c int8 --attrs attrs.tsv --ids ids.txt -o graph.ann base.fvecs
    ann-update -q -o updated.ann graph.ann changes.jsonl
    ann-build -q -R 6 -L 12 -c bytes -o bytes.ann base.u8bin
    ann-build -q -t ivf --lists 4 --attrs attrs.tsv -o ivf.ann base.fvecs
    ann-build -q -t hqi --attrs attrs.tsv --workload workload.jsonl --leaf 8 -o hqi.ann base.fvecs
    ann-build -q -t tenant --ids ids.txt --tenants tenants.tsv -o tenant.ann base.fvecs
    ann-build -q -t spann --lists 6 -o spann.ann base.fvecs
    ann-build -q -t spann --resident --lists 6 -o resident.ann base.fvecs
    ann-build -q -t osq --lists 3 --attrs attrs.tsv -o osq.ann base.fvecs
    for codec in sq8 sq4 lvq8 lvq4 lvq4x8 pq3x4 rabitq4 osq4 qavq8 leanvec3+lvq8 w4g32; do
        vec-train -q -c "$codec" base.fvecs -o "$codec.vq"
        vec-encode -q "$codec.vq" base.fvecs -o "$codec.codes"
    done
    vec-knn -q -k 3 --distances true.fvecs -o true.ivecs base.fvecs query.fvecs
    block-zoo --add -q -o /dev/null zoo docs.jsonl bytes.bin
    trace-replay -q --cost roofline --model Llama-3.1-8B --gpu H100 -o replay.tsv trace.jsonl >/dev/null
    rm -f base.u8bin
}

# ---- answers ----
inputs
kinds
ask >answers
rm -f ./*.csv
